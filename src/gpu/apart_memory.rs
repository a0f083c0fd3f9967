//! Where buffers and images can't share memory.

use super::{Gpu, GpuError, Memory};
use crate::kernel::Storage;

impl Gpu {
    pub(super) fn can_share_memory(&self) -> bool {
        false
    }

    pub(crate) fn allocate_shared(
        &self,
        label: &str,
        _bytes: u64,
        _images: &[Storage],
        _image_bytes: u64,
    ) -> Result<Memory, GpuError> {
        Err(GpuError::Device(format!("`{label}` can't be a buffer and an image")))
    }
}
