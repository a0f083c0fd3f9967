//! Opens a device on an adapter.

use super::{Gpu, GpuError};

/// Whether shaders may update an image of floats in place.
pub(super) fn updates_images(adapter: &wgpu::Adapter) -> bool {
    let format = adapter.get_texture_format_features(wgpu::TextureFormat::Rgba32Float);
    adapter.features().contains(wgpu::Features::TEXTURE_ADAPTER_SPECIFIC_FORMAT_FEATURES)
        && format.flags.contains(wgpu::TextureFormatFeatureFlags::STORAGE_READ_WRITE)
}

impl Gpu {
    /// Opens a device on `adapter`, with its limits and the optional features that wgrad can use, or with WebGPU's default
    /// limits and without such features.
    ///
    /// # Errors
    /// The adapter does not open.
    pub async fn of_adapter(adapter: &wgpu::Adapter, default_limits: bool) -> Result<Self, GpuError> {
        let (limits, features) = if default_limits {
            (wgpu::Limits::default(), wgpu::Features::empty())
        } else {
            let mut wanted = wgpu::Features::SUBGROUP | wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::SHADER_INT64;
            wanted.set(wgpu::Features::TEXTURE_ADAPTER_SPECIFIC_FORMAT_FEATURES, updates_images(adapter));
            (adapter.limits(), adapter.features() & wanted)
        };
        Self::with(adapter, features, limits).await
    }

    /// Another device of the same adapter, with the same features and limits.
    #[cfg(feature = "host")]
    pub(crate) async fn twin(&self) -> Result<Self, GpuError> {
        Self::with(&self.adapter, self.device().features(), self.limits()).await
    }

    async fn with(adapter: &wgpu::Adapter, features: wgpu::Features, limits: wgpu::Limits) -> Result<Self, GpuError> {
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("wgrad"),
            required_features: features,
            required_limits: limits,
            ..Default::default()
        };
        // Where only WebGPU's limits are wanted, nothing else that it does not promise is used either.
        #[cfg(all(feature = "host", target_os = "linux"))]
        let opened = (descriptor.required_limits != wgpu::Limits::default())
            .then(|| super::host::robustness::open(adapter, &descriptor))
            .flatten();
        #[cfg(not(all(feature = "host", target_os = "linux")))]
        let opened = None;
        let (device, queue) = match opened {
            Some(opened) => opened,
            None => adapter
                .request_device(&descriptor)
                .await
                .map_err(|error| GpuError::Open { adapter: adapter.get_info().name, reason: error.to_string() })?,
        };
        let mut gpu = Self::new(adapter.clone(), device, queue);
        gpu.shares_memory = gpu.can_share_memory();
        Ok(gpu)
    }
}
