//! Where buffers and images can't share memory.

use super::{Gpu, GpuError, Memory};

impl Gpu {
    pub(super) fn can_share_memory(&self) -> bool {
        false
    }

    pub(super) fn allocate_shared(&self, label: &str, _bytes: u64, _image_bytes: u64) -> Result<Memory, GpuError> {
        Err(GpuError::Device(format!("`{label}` can't be a buffer and an image")))
    }
}
