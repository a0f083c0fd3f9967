//! Plans with their memory, pipelines and bind groups. Everything that a step needs is made before the first step of its
//! plan.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::ProgramError;
use super::command::{Command, DynamicOffset};
use super::error::ExecError;
use super::footprint::Footprint;
use super::numbers::Numbers;
use crate::gpu::{
    Compilation, FirstUse, Gpu, GpuError, HostCopy, ImageCopy, Memory, Pipeline, Pipelines, RuntimeChecks,
};
use crate::graph::{Arena, Binding, BufferKey, Dispatch, Graph, GraphId, Home, Plan, TensorId};
use crate::kernel::{NUMBERS_BINDING, Recipe, Storage};

/// How far a plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
pub(super) enum Stage {
    /// Its pipelines may be missing.
    Defined,
    /// Its pipelines are made.
    Prepared,
    /// A step of it waits to be submitted.
    Waiting,
    /// A step of it was submitted.
    Submitted,
    /// Somebody waited until the device had finished the first step of it. Only training on a software adapter gets here.
    Finished,
}

/// Plans of one graph, ready to be encoded. They share parameters and slots, so they must run one after the other.
#[derive(Debug)]
pub struct Program {
    pub(super) gpu: Arc<Gpu>,
    pub(super) memory: HashMap<BufferKey, Memory>,
    graph: GraphId,
    pub(super) schedules: Vec<Vec<Command>>,
    pub(super) compilation: Compilation,
    /// How far each plan is.
    pub(super) stages: Vec<Stage>,
    pub(super) copy: HostCopy,
    bytes: u64,
    pipelines: usize,
}

impl Program {
    /// Allocates and compiles `plans`.
    ///
    /// # Errors
    /// A plan of another graph, a tensor over the adapter's limits, or what the device reports.
    pub fn new(gpu: Arc<Gpu>, graph: &Graph, plans: &[&Plan], checks: RuntimeChecks) -> Result<Self, ExecError> {
        let mut program = Self::allocate(gpu, graph, plans, &mut Pipelines::new(checks))?;
        program.prepare(&(0..plans.len()).collect::<Vec<_>>())?;
        Ok(program)
    }

    /// Allocates `plans`, and compiles nothing yet: a plan is prepared before its first step, or makes each pipeline when that
    /// is first encoded. Programs that share `pipelines` must be of one device.
    pub(super) fn allocate(
        gpu: Arc<Gpu>,
        graph: &Graph,
        plans: &[&Plan],
        pipelines: &mut Pipelines,
    ) -> Result<Self, ExecError> {
        if plans.iter().any(|plan| plan.graph() != graph.id()) {
            return Err(ProgramError::OtherGraph.into());
        }
        let footprint = Footprint::new(graph, plans);
        footprint.check(&gpu.limits(), gpu.memory_left())?;
        let (target, mut memory) = (graph.target(), HashMap::new());
        for region in &footprint.regions {
            let own = match region.key {
                BufferKey::Slot(..) if target.shared_memory => {
                    gpu.allocate_shared(&region.name, region.bytes, target.image_kinds(), target.image_bytes)?
                }
                // They are read as images, whatever their size.
                BufferKey::Arena(..) | BufferKey::Lasting(..) if target.shared_memory => {
                    gpu.allocate_shared(&region.name, region.bytes, &[Storage::Images], region.bytes)?
                }
                _ => gpu.allocate(&region.name, region.bytes, region.storage)?,
            };
            // Nobody writes the padding of the variables. What wgpu allocates is zero already.
            if let (BufferKey::Arena(..), Memory::Shared(buffer, _)) = (region.key, &own) {
                let mut encoder = gpu.encoder();
                encoder.clear_buffer(buffer, 0, None);
                gpu.submit(encoder);
            }
            memory.insert(region.key, own);
        }
        // An image is read by whole rows, so it may need as much as the image takes.
        let arenas = memory.iter().filter(|(key, _)| matches!(key, BufferKey::Arena(..)));
        let copy = HostCopy::new(&gpu, arenas.map(|(_, memory)| memory.bytes()).max().unwrap_or(0));
        let dispatches = plans.iter().flat_map(|plan| plan.dispatches());
        let recipes: Vec<Recipe> = dispatches.clone().map(Dispatch::recipe).collect();
        let distinct = recipes.iter().collect::<HashSet<_>>().len();
        let pipelines = pipelines.define(&gpu, &recipes);
        let words: Vec<Vec<u32>> = (pipelines.iter().zip(dispatches))
            .map(|(pipeline, dispatch)| pipeline.module().words(&dispatch.kernel().numbers))
            .collect();
        let numbers = Numbers::new(&gpu, words.iter().cloned());
        let bytes = memory.values().map(Memory::bytes).sum::<u64>() + copy.bytes() + numbers.bytes();
        let mut program = Self {
            gpu,
            memory,
            graph: graph.id(),
            schedules: Vec::new(),
            compilation: Compilation::default(),
            stages: vec![Stage::Defined; plans.len()],
            copy,
            bytes,
            pipelines: distinct,
        };
        let mut resolved = pipelines.iter().zip(words.iter().map(|words| numbers.binding(words)));
        for plan in plans {
            let commands: Result<Vec<Command>, ProgramError> = (0..plan.dispatches().len())
                .zip(&mut resolved)
                .map(|(place, (pipeline, numbers))| program.resolve(graph, plan, place, pipeline, numbers))
                .collect();
            program.schedules.push(commands?);
        }
        program.gpu.check()?;
        Ok(program)
    }

    /// Bytes of all buffers and images, including the buffer that the host reads through.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many pipelines its dispatches share.
    pub fn pipelines(&self) -> usize {
        self.pipelines
    }

    /// Where a tensor lives, and its first byte there.
    pub(super) fn place(&self, graph: &Graph, plan: &Plan, tensor: TensorId) -> Result<(&Memory, u64), ProgramError> {
        if graph.id() != self.graph || plan.graph() != self.graph {
            return Err(ProgramError::OtherGraph);
        }
        let offset = match graph.home(tensor) {
            Home::Arena(_, place) => place.first as u64 * 4,
            _ => 0,
        };
        let memory = self.memory.get(&plan.buffer(graph, tensor));
        let memory = memory.ok_or_else(|| ProgramError::NoMemory(graph.tensor(tensor).name.clone()))?;
        Ok((memory, offset))
    }

    /// The memory of a chunk of an arena, which every program has.
    pub(super) fn chunk(&self, graph: &Graph, arena: Arena, chunk: usize) -> Result<&Memory, ProgramError> {
        if graph.id() != self.graph {
            return Err(ProgramError::OtherGraph);
        }
        self.memory.get(&BufferKey::Arena(arena, chunk)).ok_or_else(|| ProgramError::NoMemory(format!("{arena:?}")))
    }

    fn resolve(
        &self,
        graph: &Graph,
        plan: &Plan,
        place: usize,
        pipeline: &Arc<Pipeline>,
        numbers: Option<wgpu::BindingResource<'_>>,
    ) -> Result<Command, ProgramError> {
        let dispatch = &plan.dispatches()[place];
        let places: Vec<(&Binding, &Memory, u64)> = (dispatch.bindings().iter())
            .map(|binding| {
                let (memory, offset) = self.place(graph, plan, binding.tensor)?;
                let memory = self.memory.get(&plan.memory(graph, binding)).unwrap_or(memory);
                Ok((binding, memory, offset))
            })
            .collect::<Result<_, ProgramError>>()?;
        let copies = (places.iter())
            .filter(|(binding, ..)| binding.access.writes() && plan.completes(graph, place, binding.tensor))
            .filter_map(|(binding, memory, _)| {
                let image = self.memory.get(&plan.image_copy(graph, binding.tensor)?)?;
                ImageCopy::new(memory, image, graph.tensor(binding.tensor).bytes())
            })
            .collect();
        let views: HashMap<u32, wgpu::TextureView> = (places.iter())
            .filter_map(|(binding, memory, _)| {
                let image = memory.image(binding.storage)?;
                Some((binding.index, image.create_view(&wgpu::TextureViewDescriptor::default())))
            })
            .collect();
        let entries: Vec<_> = (places.iter())
            .flat_map(|place| place.0.uses().zip(place.0.ranges(graph)).map(move |part| (place, part)))
            .map(|((binding, memory, offset), (part, (first, bytes)))| wgpu::BindGroupEntry {
                binding: part.index,
                resource: match (views.get(&binding.index), memory.buffer()) {
                    (None, Some(buffer)) => {
                        let (offset, size) = (offset + first, std::num::NonZeroU64::new(bytes));
                        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
                    }
                    _ => wgpu::BindingResource::TextureView(&views[&binding.index]),
                },
            })
            .chain(numbers.map(|resource| wgpu::BindGroupEntry { binding: NUMBERS_BINDING, resource }))
            .collect();
        let images = (places.iter())
            .filter_map(|(binding, memory, _)| Some((binding.index, FirstUse::least(memory.image(binding.storage)?))))
            .collect();
        let bind_group = self.gpu.create_bind_group(dispatch.name(), pipeline.layout(), &entries);
        let placed = dispatch.bindings().iter().find(|binding| binding.uses().any(|part| part.is_placed_by_dispatch()));
        let offset = match placed.map(|binding| graph.home(binding.tensor)) {
            None => DynamicOffset::Unwanted,
            Some(Home::Minibatch(_)) => DynamicOffset::OfMinibatch,
            Some(_) => DynamicOffset::Zero,
        };
        let (pipeline, grid, lasts) = (pipeline.clone(), dispatch.kernel().grid, dispatch.makes_what_lasts(graph));
        Ok(Command { pipeline, bind_group, grid, offset, lasts, copies, images })
    }

    pub(super) fn schedule(&self, plan: usize) -> Result<&[Command], ProgramError> {
        let plans = self.schedules.len();
        self.schedules.get(plan).map(Vec::as_slice).ok_or(ProgramError::NoPlan { plan, plans })
    }

    /// The buffer of a key. The minibatch and the metrics always have one; other keys may have an image instead.
    ///
    /// # Errors
    /// The plans have no buffer of that key.
    pub fn buffer(&self, key: BufferKey) -> Result<&wgpu::Buffer, GpuError> {
        match self.memory.get(&key) {
            Some(Memory::Buffer(buffer)) => Ok(buffer),
            _ => Err(GpuError::Device(format!("{key:?} is no buffer of the plan"))),
        }
    }
}
