//! Pipelines, each made once for all kernels that can share it, when it is first needed.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::Gpu;
#[cfg(feature = "host")]
use super::host::for_each_on_all_cores;
#[cfg(all(feature = "host", target_os = "linux"))]
use super::host::robustness::unchecked;
use super::image::image_format;
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

/// A pipeline that is made when it is first needed, by whoever needs it first: the first step, or a thread that goes ahead.
#[derive(Debug)]
pub(crate) struct Pipeline {
    device: wgpu::Device,
    source: Arc<Source>,
    recipe: Recipe,
    layout: wgpu::BindGroupLayout,
    made: OnceLock<wgpu::ComputePipeline>,
}

/// A module, which is parsed by the first thread that needs it. Its text is made at once.
#[derive(Debug)]
struct Source {
    module: Module,
    checks: RuntimeChecks,
    parsed: OnceLock<wgpu::ShaderModule>,
}

/// The pipelines of one device, which programs share.
#[derive(Debug)]
pub(crate) struct Pipelines {
    checks: RuntimeChecks,
    sources: HashMap<ModuleRecipe, Arc<Source>>,
    pipelines: HashMap<Recipe, Arc<Pipeline>>,
}

impl Pipelines {
    /// None, whose shaders have `checks`.
    pub fn new(checks: RuntimeChecks) -> Self {
        Self { checks, sources: HashMap::new(), pipelines: HashMap::new() }
    }

    /// The pipeline of each of `recipes`, in their order; new ones are not made yet. Equal recipes share one.
    pub fn define(&mut self, gpu: &Gpu, recipes: &[Recipe]) -> Vec<Arc<Pipeline>> {
        let Self { checks, sources, pipelines } = self;
        let mut define = |recipe: &Recipe| {
            let source = sources.entry(recipe.module().clone()).or_insert_with_key(|recipe| {
                let checks = if recipe.may_run_unchecked() { *checks } else { RuntimeChecks::On };
                Arc::new(Source { module: recipe.make(), checks, parsed: OnceLock::new() })
            });
            Arc::new(Pipeline::new(gpu, source.clone(), recipe))
        };
        let mut pipeline = |recipe: &Recipe| match pipelines.get(recipe) {
            Some(pipeline) => pipeline.clone(),
            None => pipelines.entry(recipe.clone()).or_insert_with(|| define(recipe)).clone(),
        };
        recipes.iter().map(&mut pipeline).collect()
    }
}

/// Makes all of `pipelines` on all cores. The device keeps what goes wrong.
pub(crate) fn compile(pipelines: &[Arc<Pipeline>]) {
    let mut missing: Vec<&Arc<Pipeline>> = Vec::new();
    for pipeline in pipelines.iter().filter(|pipeline| !pipeline.is_made()) {
        if !missing.iter().any(|other| Arc::ptr_eq(other, pipeline)) {
            missing.push(pipeline);
        }
    }
    for_each_on_all_cores(&missing, |pipeline| {
        pipeline.get();
    });
}

impl Source {
    fn parsed(&self, device: &wgpu::Device) -> &wgpu::ShaderModule {
        self.parsed.get_or_init(|| {
            let wgsl = wgpu::ShaderSource::Wgsl(self.module.text.as_str().into());
            let descriptor = wgpu::ShaderModuleDescriptor { label: None, source: wgsl };
            match self.checks {
                RuntimeChecks::On => device.create_shader_module(descriptor),
                // SAFETY: this is done only where `Kernel::may_run_unchecked`. Then the author of each
                // source has vouched for it, or wgrad's own operation recorded it for tensors whose shapes
                // `Operation::check` compared with its geometry. Nobody can change a dispatch or a plan afterwards, and
                // `Program::new` refuses those of another graph, so that the memory is as large as the shapes say. The
                // numbers that a kernel reads at run time are written once, by `Program::new`, and shaders can't write
                // to a uniform. What shaders read as an index (labels, the table of gradients) they clamp. The suite
                // runs each kernel with checks on and off and compares the bits.
                #[allow(unsafe_code)]
                RuntimeChecks::Off => unsafe {
                    device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
                },
            }
        })
    }
}

impl Pipeline {
    fn new(gpu: &Gpu, source: Arc<Source>, recipe: &Recipe) -> Self {
        let bindings = recipe.bindings().iter().map(|binding| (binding.index, binding_type(*binding)));
        let numbers = source.module.has_numbers().then_some((NUMBERS_BINDING, uniform()));
        let entries: Vec<_> = bindings
            .chain(numbers)
            .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
                binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty,
                count: None,
            })
            .collect();
        let device = gpu.device().clone();
        let layout =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        gpu.count();
        Self { device, source, recipe: recipe.clone(), layout, made: OnceLock::new() }
    }

    /// The text of its module, and the numbers that it reads at run time.
    pub fn module(&self) -> &Module {
        &self.source.module
    }

    /// What it is made from.
    #[cfg_attr(not(feature = "host"), expect(dead_code, reason = "only threads compile ahead"))]
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The same pipeline on another device, not made yet.
    #[cfg_attr(not(feature = "host"), expect(dead_code, reason = "only threads compile ahead"))]
    pub fn on(&self, gpu: &Gpu) -> Self {
        let Source { module, checks, .. } = &*self.source;
        let source = Source { module: module.clone(), checks: *checks, parsed: OnceLock::new() };
        Self::new(gpu, Arc::new(source), &self.recipe)
    }

    /// The layout of its bind group.
    pub fn layout(&self) -> &wgpu::BindGroupLayout {
        &self.layout
    }

    /// Whether it is made.
    pub fn is_made(&self) -> bool {
        self.made.get().is_some()
    }

    /// The pipeline. The first call makes it, and others wait for that.
    pub fn get(&self) -> &wgpu::ComputePipeline {
        self.made.get_or_init(|| {
            let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: None,
                bind_group_layouts: &[Some(&self.layout)],
                immediate_size: 0,
            });
            let module = self.source.parsed(&self.device);
            let make = || {
                self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                    label: Some(&self.recipe.label()),
                    layout: Some(&layout),
                    module,
                    entry_point: Some("main"),
                    compilation_options: wgpu::PipelineCompilationOptions {
                        constants: &self.recipe.constants(),
                        zero_initialize_workgroup_memory: false,
                    },
                    cache: None,
                })
            };
            match self.source.checks {
                RuntimeChecks::On => make(),
                // SAFETY: its module has no checks either, for the same reasons.
                #[allow(unsafe_code)]
                RuntimeChecks::Off => unsafe { unchecked(make) },
            }
        })
    }
}

/// Makes a pipeline that needs no checks. Only on Linux a driver can be told so.
///
/// # Safety
/// The pipeline reaches no place outside its buffers.
#[cfg(not(all(feature = "host", target_os = "linux")))]
#[allow(unsafe_code)]
unsafe fn unchecked<T>(make: impl FnOnce() -> T) -> T {
    make()
}

/// Calls `make` for `items`. Without a host there is one thread.
#[cfg(not(feature = "host"))]
fn for_each_on_all_cores<T>(items: &[T], make: impl Fn(&T)) {
    items.iter().for_each(make);
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
        Storage::Images | Storage::HalfImages => wgpu::BindingType::StorageTexture {
            access: match binding.access {
                Access::Read => wgpu::StorageTextureAccess::ReadOnly,
                Access::Write => wgpu::StorageTextureAccess::WriteOnly,
                Access::ReadWrite => wgpu::StorageTextureAccess::ReadWrite,
            },
            format: image_format(binding.storage),
            view_dimension: wgpu::TextureViewDimension::D2,
        },
        Storage::Buffers => wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: binding.access == Access::Read },
            has_dynamic_offset: binding.is_placed_by_dispatch(),
            min_binding_size: None,
        },
    }
}
