//! Pipelines, each built once from a kernel.

use std::collections::HashMap;

use super::Gpu;
use crate::kernel::{Access, Kernel, Storage};

/// Whether kernels check indices and bound loops. Only those that [may run unchecked](crate::kernel::Wgsl) obey; all
/// others are always checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuntimeChecks {
    /// WebGPU's own checks.
    On,
    /// No checks, which makes kernels faster.
    Off,
}

impl Default for RuntimeChecks {
    /// On in debug builds.
    fn default() -> Self {
        if cfg!(debug_assertions) { Self::On } else { Self::Off }
    }
}

/// How a kernel uses a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BindingUse {
    pub index: u32,
    pub access: Access,
    pub storage: Storage,
}

/// Pipelines by what they were built from.
#[derive(Debug, Default)]
pub(crate) struct PipelineCache {
    modules: HashMap<(String, RuntimeChecks), wgpu::ShaderModule>,
    pipelines: HashMap<(String, RuntimeChecks), wgpu::ComputePipeline>,
}

impl PipelineCache {
    /// The pipeline of a kernel whose bindings are used as given.
    pub fn get(
        &mut self,
        gpu: &Gpu,
        kernel: &Kernel,
        bindings: &[BindingUse],
        checks: RuntimeChecks,
    ) -> wgpu::ComputePipeline {
        let checks = if kernel.may_run_unchecked() { checks } else { RuntimeChecks::On };
        let source = kernel.text();
        let module = self.modules.entry((source, checks));
        let module = module.or_insert_with_key(|(source, checks)| create_module(gpu, source, *checks));
        let key = (format!("{}{:?}{:?}", kernel.text(), kernel.constants, bindings), checks);
        self.pipelines.entry(key).or_insert_with(|| create_pipeline(gpu, module, kernel, bindings)).clone()
    }
}

fn create_module(gpu: &Gpu, source: &str, checks: RuntimeChecks) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor { label: None, source: wgpu::ShaderSource::Wgsl(source.into()) };
    match checks {
        RuntimeChecks::On => gpu.device().create_shader_module(descriptor),
        // SAFETY: `PipelineCache::get` asks for this only where `Kernel::may_run_unchecked`. Then the author of each
        // source has vouched for it, or wgrad's own operation recorded it for tensors whose shapes `Operation::check`
        // compared with its geometry. Nobody can change a dispatch or a plan afterwards, and `Program::new` refuses those
        // of another graph, so that the memory is as large as the shapes say. What shaders read as an index (labels, the
        // table of gradients) they clamp. The suite runs each kernel with checks on and off and compares the bits.
        #[allow(unsafe_code)]
        RuntimeChecks::Off => unsafe {
            gpu.device().create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        },
    }
}

fn create_pipeline(
    gpu: &Gpu,
    module: &wgpu::ShaderModule,
    kernel: &Kernel,
    bindings: &[BindingUse],
) -> wgpu::ComputePipeline {
    let entries: Vec<_> = bindings
        .iter()
        .map(|binding| wgpu::BindGroupLayoutEntry {
            binding: binding.index,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: binding_type(*binding),
            count: None,
        })
        .collect();
    let layout =
        gpu.device().create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
    let layout = gpu.device().create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(&layout)],
        immediate_size: 0,
    });
    gpu.count();
    gpu.device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: None,
        layout: Some(&layout),
        module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &kernel.constants,
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    })
}

fn binding_type(binding: BindingUse) -> wgpu::BindingType {
    match binding.storage {
        Storage::Images => wgpu::BindingType::StorageTexture {
            access: match binding.access {
                Access::Read => wgpu::StorageTextureAccess::ReadOnly,
                Access::Write => wgpu::StorageTextureAccess::WriteOnly,
                Access::ReadWrite => wgpu::StorageTextureAccess::ReadWrite,
            },
            format: wgpu::TextureFormat::Rgba32Float,
            view_dimension: wgpu::TextureViewDimension::D2,
        },
        Storage::Buffers => wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: binding.access == Access::Read },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
    }
}
