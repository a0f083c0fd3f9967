//! Plans with their memory, pipelines and bind groups. Everything that a step needs is made before the first step.

use std::collections::HashMap;
use std::sync::Arc;

use super::ProgramError;
use super::footprint::Footprint;
use crate::Error;
use crate::gpu::{BindingUse, Gpu, GpuError, HostCopy, Memory, PipelineCache, RuntimeChecks, Timestamps};
use crate::graph::{Arena, Binding, BufferKey, Dispatch, Graph, GraphId, Home, Plan, TensorId, Variable};
use crate::shape::Shape;

/// Plans of one graph, ready to be encoded. They share parameters and slots, so they must run one after the other.
#[derive(Debug)]
pub struct Program {
    gpu: Arc<Gpu>,
    memory: HashMap<BufferKey, Memory>,
    graph: GraphId,
    schedules: Vec<Vec<Command>>,
    copy: HostCopy,
    bytes: u64,
}

/// A resolved dispatch.
#[derive(Debug)]
struct Command {
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    grid: [u32; 3],
}

impl Command {
    fn dispatch(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, &self.bind_group, &[]);
        pass.dispatch_workgroups(self.grid[0], self.grid[1], self.grid[2]);
    }
}

impl Program {
    /// Allocates and compiles `plans`.
    ///
    /// # Errors
    /// A plan of another graph, a tensor over the adapter's limits, or what the device reports.
    pub fn new(gpu: Arc<Gpu>, graph: &Graph, plans: &[&Plan], checks: RuntimeChecks) -> Result<Self, Error> {
        if plans.iter().any(|plan| plan.graph() != graph.id()) {
            return Err(ProgramError::OtherGraph.into());
        }
        let footprint = Footprint::new(graph, plans);
        footprint.check(&gpu.limits(), gpu.memory_left())?;
        let mut memory = HashMap::new();
        for region in &footprint.regions {
            memory.insert(region.key, gpu.allocate(&region.name, region.bytes, region.storage)?);
        }
        // An image is read by whole rows, so it may need as much as the image takes.
        let arenas = graph.arenas().into_iter().filter_map(|arena| memory.get(&BufferKey::Arena(arena)));
        let copy = HostCopy::new(&gpu, arenas.map(Memory::bytes).max().unwrap_or(0));
        let bytes = memory.values().map(Memory::bytes).sum::<u64>() + copy.bytes();
        let mut program = Self { gpu, memory, graph: graph.id(), schedules: Vec::new(), copy, bytes };
        let mut pipelines = PipelineCache::default();
        for plan in plans {
            let commands: Result<Vec<Command>, ProgramError> = (plan.dispatches().iter())
                .map(|dispatch| program.resolve(graph, plan, dispatch, &mut pipelines, checks))
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

    /// Where a tensor lives, and its first byte there.
    fn place(&self, graph: &Graph, plan: &Plan, tensor: TensorId) -> Result<(&Memory, u64), ProgramError> {
        if graph.id() != self.graph || plan.graph() != self.graph {
            return Err(ProgramError::OtherGraph);
        }
        let offset = match graph.home(tensor) {
            Home::Arena(_, offset) => offset as u64 * 4,
            _ => 0,
        };
        let memory = self.memory.get(&plan.buffer(graph, tensor));
        let memory = memory.ok_or_else(|| ProgramError::NoMemory(graph.tensor(tensor).name.clone()))?;
        Ok((memory, offset))
    }

    /// The memory of an arena, which every program has.
    fn arena(&self, graph: &Graph, arena: Arena) -> Result<&Memory, ProgramError> {
        if graph.id() != self.graph {
            return Err(ProgramError::OtherGraph);
        }
        self.memory.get(&BufferKey::Arena(arena)).ok_or_else(|| ProgramError::NoMemory(format!("{arena:?}")))
    }

    fn resolve(
        &self,
        graph: &Graph,
        plan: &Plan,
        dispatch: &Dispatch,
        pipelines: &mut PipelineCache,
        checks: RuntimeChecks,
    ) -> Result<Command, ProgramError> {
        let places: Vec<(&Binding, &Memory, u64)> = (dispatch.bindings().iter())
            .map(|binding| self.place(graph, plan, binding.tensor).map(|(memory, offset)| (binding, memory, offset)))
            .collect::<Result<_, _>>()?;
        let uses: Vec<BindingUse> = (dispatch.bindings().iter())
            .map(|b| BindingUse { index: b.index, access: b.access, storage: b.storage })
            .collect();
        let pipeline = pipelines.get(&self.gpu, dispatch.kernel(), &uses, checks);
        let views: HashMap<u32, wgpu::TextureView> = (places.iter())
            .filter_map(|(binding, memory, _)| match memory {
                Memory::Image(image) => {
                    Some((binding.index, image.create_view(&wgpu::TextureViewDescriptor::default())))
                }
                Memory::Buffer(_) => None,
            })
            .collect();
        let entries: Vec<_> = (places.iter())
            .map(|(binding, memory, offset)| wgpu::BindGroupEntry {
                binding: binding.index,
                resource: match memory {
                    Memory::Image(_) => wgpu::BindingResource::TextureView(&views[&binding.index]),
                    Memory::Buffer(buffer) => {
                        let size = std::num::NonZeroU64::new(graph.tensor(binding.tensor).bytes());
                        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset: *offset, size })
                    }
                },
            })
            .collect();
        let bind_group = self.gpu.create_bind_group(dispatch.name(), &pipeline.get_bind_group_layout(0), &entries);
        Ok(Command { pipeline, bind_group, grid: dispatch.kernel().grid })
    }

    fn schedule(&self, plan: usize) -> Result<&[Command], ProgramError> {
        let plans = self.schedules.len();
        self.schedules.get(plan).map(Vec::as_slice).ok_or(ProgramError::NoPlan { plan, plans })
    }

    /// Encodes the schedule of a plan into one compute pass. Plans are counted from 0, in the order that they were given in.
    ///
    /// # Errors
    /// [`ProgramError::NoPlan`]
    pub fn encode(&self, plan: usize, encoder: &mut wgpu::CommandEncoder) -> Result<(), ProgramError> {
        encode(self.schedule(plan)?, encoder);
        Ok(())
    }

    /// Encodes one dispatch of a plan `times` over, for measuring it.
    ///
    /// # Errors
    /// [`ProgramError::NoPlan`] or [`ProgramError::NoDispatch`]
    pub fn encode_step(
        &self,
        plan: usize,
        step: usize,
        times: usize,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Result<(), ProgramError> {
        let commands = self.schedule(plan)?;
        let command = commands.get(step).ok_or(ProgramError::NoDispatch { step, steps: commands.len() })?;
        encode(std::iter::repeat_n(command, times), encoder);
        Ok(())
    }

    /// Encodes the schedule of a plan with a pair of timestamps around each step, and so each dispatch in a pass of its
    /// own: step `i` writes the pair `i`.
    ///
    /// # Errors
    /// [`ProgramError::NoPlan`]
    pub fn encode_timed(
        &self,
        plan: usize,
        timestamps: &Timestamps,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Result<(), ProgramError> {
        for (pair, command) in self.schedule(plan)?.iter().enumerate() {
            command.dispatch(&mut begin_pass(encoder, Some(timestamps.around(pair))));
        }
        Ok(())
    }

    /// Submits a plan once, and does not wait for it.
    ///
    /// # Errors
    /// [`ProgramError::NoPlan`]
    pub fn run(&self, plan: usize) -> Result<(), ProgramError> {
        let mut encoder = self.gpu.encoder();
        self.encode(plan, &mut encoder)?;
        self.gpu.submit(encoder);
        Ok(())
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

    /// Sets every float of every slot, so that an element that no kernel writes shows.
    pub fn fill_slots(&self, value: f32) {
        for (key, memory) in &self.memory {
            if matches!(key, BufferKey::Slot(_)) {
                memory.write(&self.gpu, 0, &vec![value; memory.bytes() as usize / 4]);
            }
        }
    }

    /// Overwrites a tensor with `values`, followed by zeros if they are fewer than its elements.
    ///
    /// # Errors
    /// A tensor or a plan that the program does not know, or more values than the tensor has elements.
    pub fn write(&self, graph: &Graph, plan: &Plan, tensor: TensorId, values: &[f32]) -> Result<(), ProgramError> {
        let (memory, offset) = self.place(graph, plan, tensor)?;
        let tensor = graph.tensor(tensor);
        let (elements, values_len) = (tensor.shape.elements(), values.len());
        if values_len > elements {
            return Err(ProgramError::Length { tensor: tensor.name.clone(), elements, values: values_len });
        }
        memory.write(&self.gpu, offset, &with_padding(values, &tensor.shape));
        Ok(())
    }

    /// Overwrites what an arena holds for a variable with `elements`. It is not meant for the gradients, which may be in
    /// parts.
    ///
    /// # Errors
    /// Another graph, or elements that are not as many as the variable has.
    pub fn write_variable(
        &self,
        graph: &Graph,
        arena: Arena,
        variable: &Variable,
        elements: &[f32],
    ) -> Result<(), ProgramError> {
        let memory = self.arena(graph, arena)?;
        if variable.len() != elements.len() {
            let (tensor, wanted) = (variable.name().to_owned(), variable.len());
            return Err(ProgramError::Length { tensor, elements: wanted, values: elements.len() });
        }
        memory.write(&self.gpu, variable.offset() as u64 * 4, &variable.pad(elements));
        Ok(())
    }

    /// Overwrites what an arena holds for all variables, as [`Program::write_variable`] does for one.
    ///
    /// # Errors
    /// As there.
    pub fn write_arena(&self, graph: &Graph, arena: Arena, elements: &[Vec<f32>]) -> Result<(), ProgramError> {
        for (variable, elements) in graph.variables().iter().zip(elements) {
            self.write_variable(graph, arena, variable, elements)?;
        }
        Ok(())
    }

    /// Reads an arena in one copy: each variable with its elements. It is not meant for the gradients, which may be in
    /// parts.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read_arena<'g>(&self, graph: &'g Graph, arena: Arena) -> Result<Vec<(&'g Variable, Vec<f32>)>, Error> {
        if graph.variables().is_empty() {
            return Ok(Vec::new());
        }
        let memory = self.arena(graph, arena)?;
        let floats = memory.read(&self.gpu, &self.copy, 0, graph.arena_len() as u64 * 4).await?;
        let elements =
            |variable: &Variable| variable.unpad(&floats[variable.offset()..variable.offset() + variable.padded_len()]);
        Ok(graph.variables().iter().map(|variable| (variable, elements(variable))).collect())
    }

    /// Reads a tensor that the plan kept.
    ///
    /// # Errors
    /// A tensor or a plan that the program does not know, or what the device reports.
    pub async fn read(&self, graph: &Graph, plan: &Plan, tensor: TensorId) -> Result<Vec<f32>, Error> {
        let (memory, offset, bytes) = self.kept(graph, plan, tensor)?;
        let padded = memory.read(&self.gpu, &self.copy, offset, bytes).await?;
        Ok(without_padding(&padded, &graph.tensor(tensor).shape))
    }

    /// Where a tensor that the plan kept is, its first byte there, and its bytes.
    pub(super) fn kept(
        &self,
        graph: &Graph,
        plan: &Plan,
        tensor: TensorId,
    ) -> Result<(&Memory, u64, u64), ProgramError> {
        let (memory, offset) = self.place(graph, plan, tensor)?;
        Ok((memory, offset, graph.tensor(tensor).shape.padded_elements() as u64 * 4))
    }

    /// Reads the elements of a variable's gradient, each the sum of its parts.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read_gradient(&self, graph: &Graph, plan: &Plan, variable: &Variable) -> Result<Vec<f32>, Error> {
        let (tensor, count) = graph.gradient_parts(variable.gradient());
        let parts = self.read(graph, plan, tensor).await?;
        Ok(sum_of_parts(variable, &parts, count))
    }

    /// Reads the gradients of all trained variables in one copy: each variable, and the elements of its gradient.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read_gradients<'g>(&self, graph: &'g Graph) -> Result<Vec<(&'g Variable, Vec<f32>)>, Error> {
        let memory = self.arena(graph, Arena::Gradients)?;
        let arena = memory.read(&self.gpu, &self.copy, 0, graph.gradients_len() as u64 * 4).await?;
        let mut gradients = Vec::new();
        for variable in graph.variables().iter().filter(|variable| variable.is_trained()) {
            let (tensor, count) = graph.gradient_parts(variable.gradient());
            let tensor = graph.tensor(tensor);
            let Home::Arena(_, first) = tensor.home else { continue };
            let parts = &arena[first..first + tensor.shape.padded_elements()];
            gradients.push((variable, sum_of_parts(variable, parts, count)));
        }
        Ok(gradients)
    }
}

/// Rows as they are in memory, padded with zeros.
fn with_padding(values: &[f32], shape: &Shape) -> Vec<f32> {
    let mut padded = vec![0.0; shape.padded_elements()];
    for (row, values) in padded.chunks_mut(shape.padded_columns()).zip(values.chunks(shape.columns())) {
        row[..values.len()].copy_from_slice(values);
    }
    padded
}

/// The rows without the padding that they have in memory.
fn without_padding(padded: &[f32], shape: &Shape) -> Vec<f32> {
    padded.chunks(shape.padded_columns()).flat_map(|row| &row[..shape.columns()]).copied().collect()
}

/// The elements of a variable's gradient, of `count` parts of its tensor's gradient, added up in the order of the optimizer.
fn sum_of_parts(variable: &Variable, parts: &[f32], count: usize) -> Vec<f32> {
    let elements = |part: &[f32]| variable.unpad(&part[variable.first()..variable.first() + variable.padded_len()]);
    let mut parts = parts.chunks(parts.len() / count).map(elements);
    let mut sum = parts.next().unwrap_or_default();
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    sum
}

fn encode<'a>(commands: impl IntoIterator<Item = &'a Command>, encoder: &mut wgpu::CommandEncoder) {
    let mut pass = begin_pass(encoder, None);
    for command in commands {
        command.dispatch(&mut pass);
    }
}

fn begin_pass<'e>(
    encoder: &'e mut wgpu::CommandEncoder,
    timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
) -> wgpu::ComputePass<'e> {
    encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes })
}
