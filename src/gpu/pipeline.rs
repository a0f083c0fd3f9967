//! Pipelines, each made once for all kernels that can share it.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::Gpu;
#[cfg(feature = "host")]
use super::host::map_on_all_cores;
use crate::kernel::{Access, BindingUse, Module, ModuleRecipe, NUMBERS_BINDING, Recipe, Storage};

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

/// A pipeline, and the numbers that it reads at run time.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub module: Arc<Module>,
}

/// A parsed module.
type Parsed = (wgpu::ShaderModule, Arc<Module>);

/// The pipeline of each of `recipes`, in their order. Equal recipes share one. All cores compile. The device keeps what
/// goes wrong.
pub(crate) fn compile(gpu: &Gpu, recipes: &[Recipe], checks: RuntimeChecks) -> Vec<Pipeline> {
    let mut places: HashMap<&Recipe, usize> = HashMap::new();
    let mut distinct = Vec::new();
    for recipe in recipes {
        places.entry(recipe).or_insert_with(|| {
            distinct.push(recipe);
            distinct.len() - 1
        });
    }
    // Each module is parsed by the first thread that needs it.
    let modules: HashMap<&ModuleRecipe, OnceLock<Parsed>> =
        distinct.iter().map(|recipe| (recipe.module(), OnceLock::new())).collect();
    let pipelines = map_on_all_cores(&distinct, |recipe| {
        let parsed = modules[recipe.module()].get_or_init(|| create_module(gpu, recipe.module(), checks));
        create_pipeline(gpu, parsed, recipe)
    });
    recipes.iter().map(|recipe| pipelines[places[recipe]].clone()).collect()
}

fn create_module(gpu: &Gpu, recipe: &ModuleRecipe, checks: RuntimeChecks) -> Parsed {
    let source = recipe.make();
    let wgsl = wgpu::ShaderSource::Wgsl(source.text.as_str().into());
    let descriptor = wgpu::ShaderModuleDescriptor { label: None, source: wgsl };
    let module = match if recipe.may_run_unchecked() { checks } else { RuntimeChecks::On } {
        RuntimeChecks::On => gpu.device().create_shader_module(descriptor),
        // SAFETY: this is done only where `Kernel::may_run_unchecked`. Then the author of each
        // source has vouched for it, or wgrad's own operation recorded it for tensors whose shapes `Operation::check`
        // compared with its geometry. Nobody can change a dispatch or a plan afterwards, and `Program::new` refuses those
        // of another graph, so that the memory is as large as the shapes say. The numbers that a kernel reads at run time
        // are written once, by `Program::new`, and shaders can't write to a uniform. What shaders read as an index
        // (labels, the table of gradients) they clamp. The suite runs each kernel with checks on and off and compares
        // the bits.
        #[allow(unsafe_code)]
        RuntimeChecks::Off => unsafe {
            gpu.device().create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        },
    };
    (module, Arc::new(source))
}

fn create_pipeline(gpu: &Gpu, (module, source): &Parsed, recipe: &Recipe) -> Pipeline {
    let bindings = recipe.bindings().iter().map(|binding| (binding.index, binding_type(*binding)));
    let numbers = source.has_numbers().then_some((NUMBERS_BINDING, uniform()));
    let entries: Vec<_> = bindings
        .chain(numbers)
        .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty,
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
    let pipeline = gpu.device().create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(&recipe.label()),
        layout: Some(&layout),
        module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &recipe.constants(),
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    });
    Pipeline { pipeline, module: source.clone() }
}

/// The results of `make` for `items`, in their order. Without a host there is one thread.
#[cfg(not(feature = "host"))]
fn map_on_all_cores<T, R>(items: &[T], make: impl Fn(&T) -> R) -> Vec<R> {
    items.iter().map(make).collect()
}

fn uniform() -> wgpu::BindingType {
    wgpu::BindingType::Buffer {
        ty: wgpu::BufferBindingType::Uniform,
        has_dynamic_offset: false,
        min_binding_size: None,
    }
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
