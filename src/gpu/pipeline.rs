//! Kernels made into pipelines, each built once.

use std::collections::HashMap;

use super::Gpu;
use crate::kernel::{Access, Kernel, Storage};

/// Whether shaders check indices and bound loops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuntimeChecks {
    /// WebGPU's own.
    On,
    /// None: for wgrad's kernels, which stay inside their buffers.
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
    modules: HashMap<String, wgpu::ShaderModule>,
    pipelines: HashMap<String, wgpu::ComputePipeline>,
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
        let source = kernel.text();
        let module = self.modules.entry(source.clone()).or_insert_with(|| create_module(gpu, &source, checks));
        let key = format!("{source}{:?}{:?}", kernel.constants, bindings);
        self.pipelines.entry(key).or_insert_with(|| create_pipeline(gpu, module, kernel, bindings)).clone()
    }
}

fn create_module(gpu: &Gpu, source: &str, checks: RuntimeChecks) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor { label: None, source: wgpu::ShaderSource::Wgsl(source.into()) };
    match checks {
        RuntimeChecks::On => gpu.device().create_shader_module(descriptor),
        // SAFETY: all sources are wgrad's own. Their indices stay inside the buffers and their loops end: the suite runs
        // each with checks on and off and compares the bits.
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
