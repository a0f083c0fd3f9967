//! Plans with their memory, pipelines and bind groups: everything a step needs, made before the first.

use std::collections::HashMap;
use std::iter::Peekable;
use std::sync::Arc;

use crate::gpu::{Gpu, GpuError, PipelineCache, RuntimeChecks, Timestamps};
use crate::graph::{Access, Arena, BufferKey, Dispatch, Graph, Home, Plan, Step, TensorId};

/// Plans of one graph, ready to be encoded; they share parameters and slots, so one runs after the other.
#[derive(Debug)]
pub struct Program {
    gpu: Arc<Gpu>,
    buffers: HashMap<BufferKey, wgpu::Buffer>,
    images: HashMap<TensorId, wgpu::Texture>,
    schedules: Vec<Vec<Command>>,
    bytes: u64,
}

/// A resolved step.
#[derive(Debug)]
enum Command {
    Dispatch { pipeline: wgpu::ComputePipeline, bind_group: wgpu::BindGroup, grid: [u32; 3] },
    Image { buffer: wgpu::Buffer, offset: u64, image: wgpu::Texture },
}

impl Program {
    /// Allocates and compiles `plans`.
    ///
    /// # Errors
    /// A tensor over the adapter's limits, or what the device reports.
    pub fn new(gpu: Arc<Gpu>, graph: &Graph, plans: &[&Plan], checks: RuntimeChecks) -> Result<Self, GpuError> {
        let mut program =
            Self { gpu, buffers: HashMap::new(), images: HashMap::new(), schedules: Vec::new(), bytes: 0 };
        program.allocate(graph, plans)?;
        let mut pipelines = PipelineCache::default();
        for plan in plans {
            let commands = plan.steps.iter().map(|step| match step {
                Step::Dispatch(dispatch) => program.resolve(graph, plan, dispatch, &mut pipelines, checks),
                Step::Image(tensor) => program.resolve_image(graph, plan, *tensor),
            });
            let commands = commands.collect();
            program.schedules.push(commands);
        }
        program.gpu.check()?;
        Ok(program)
    }

    /// Bytes of all buffers and images.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    fn allocate(&mut self, graph: &Graph, plans: &[&Plan]) -> Result<(), GpuError> {
        // A buffer is as large as the largest use of it in any plan.
        let mut sizes: Vec<(BufferKey, String, u64)> = Vec::new();
        for arena in Arena::ALL {
            // The image of a parameter copies whole rows, which may reach past the last parameter.
            let bytes = graph.arena_len() as u64 * 4 + 16 * u64::from(crate::gpu::IMAGE_WIDTH);
            sizes.push((BufferKey::Arena(arena), format!("{arena:?}"), bytes));
        }
        for plan in plans {
            for (slot, bytes) in plan.slot_bytes.iter().enumerate() {
                sizes.push((BufferKey::Slot(slot), format!("slot {slot}"), *bytes));
            }
            for (tensor, description) in graph.tensors() {
                if matches!(description.home, Home::Input | Home::Minibatch | Home::Metrics) {
                    sizes.push((plan.buffer(graph, tensor), description.name.clone(), description.bytes()));
                }
            }
        }
        let mut largest: HashMap<BufferKey, u64> = HashMap::new();
        for (key, _, bytes) in &sizes {
            let size = largest.entry(*key).or_default();
            *size = (*size).max(*bytes);
        }
        for (key, label, _) in sizes {
            if !self.buffers.contains_key(&key) {
                let buffer = self.gpu.create_storage(&label, largest[&key])?;
                self.bytes += buffer.size();
                self.buffers.insert(key, buffer);
            }
        }
        for tensor in plans.iter().flat_map(|plan| plan.images()) {
            if !self.images.contains_key(&tensor) {
                let image = self.gpu.create_image(&graph.tensor(tensor).name, graph.tensor(tensor).bytes())?;
                self.bytes += u64::from(image.width()) * u64::from(image.height()) * 16;
                self.images.insert(tensor, image);
            }
        }
        Ok(())
    }

    /// A tensor's buffer and its first byte there.
    fn place(&self, graph: &Graph, plan: &Plan, tensor: TensorId) -> (&wgpu::Buffer, u64) {
        let offset = match graph.tensor(graph.root(tensor)).home {
            Home::Arena(_, offset) => offset as u64 * 4,
            _ => 0,
        };
        (&self.buffers[&plan.buffer(graph, tensor)], offset)
    }

    fn resolve_image(&self, graph: &Graph, plan: &Plan, tensor: TensorId) -> Command {
        let (buffer, offset) = self.place(graph, plan, tensor);
        Command::Image { buffer: buffer.clone(), offset, image: self.images[&tensor].clone() }
    }

    fn resolve(
        &self,
        graph: &Graph,
        plan: &Plan,
        dispatch: &Dispatch,
        pipelines: &mut PipelineCache,
        checks: RuntimeChecks,
    ) -> Command {
        let mut accesses: Vec<(u32, Access)> = dispatch.bindings.iter().map(|b| (b.index, b.access)).collect();
        accesses.sort_by_key(|(index, _)| *index);
        let pipeline = pipelines.get(&self.gpu, &dispatch.kernel, &accesses, checks);
        let views: HashMap<u32, wgpu::TextureView> = (dispatch.bindings.iter())
            .filter(|binding| binding.access == Access::ReadImage)
            .map(|b| (b.index, self.images[&graph.root(b.tensor)].create_view(&wgpu::TextureViewDescriptor::default())))
            .collect();
        let entries: Vec<_> = (dispatch.bindings.iter())
            .map(|binding| wgpu::BindGroupEntry {
                binding: binding.index,
                resource: match views.get(&binding.index) {
                    Some(view) => wgpu::BindingResource::TextureView(view),
                    None => {
                        let (buffer, offset) = self.place(graph, plan, binding.tensor);
                        let size = std::num::NonZeroU64::new(graph.tensor(binding.tensor).bytes());
                        wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
                    }
                },
            })
            .collect();
        let bind_group = self.gpu.create_bind_group(&dispatch.name, &pipeline.get_bind_group_layout(0), &entries);
        Command::Dispatch { pipeline, bind_group, grid: dispatch.kernel.grid }
    }

    /// Encodes the schedule of a plan, counted as they were given. Copies into images end a compute pass; without
    /// them the schedule is one pass.
    pub fn encode(&self, plan: usize, encoder: &mut wgpu::CommandEncoder) {
        encode(&mut self.schedules[plan].iter().peekable(), encoder);
    }

    /// Encodes one step of a plan `times` over, for measuring it.
    pub fn encode_step(&self, plan: usize, step: usize, times: usize, encoder: &mut wgpu::CommandEncoder) {
        let command = &self.schedules[plan][step];
        for _ in 0..times {
            encode(&mut std::iter::once(command).peekable(), encoder);
        }
    }

    /// Encodes the schedule of a plan with a pair of timestamps around each step, and so each dispatch in a pass of its
    /// own: step `i` writes the pair `i`.
    pub fn encode_timed(&self, plan: usize, timestamps: &Timestamps, encoder: &mut wgpu::CommandEncoder) {
        for (pair, command) in self.schedules[plan].iter().enumerate() {
            match command {
                Command::Dispatch { pipeline, bind_group, grid } => {
                    let mut pass = begin_pass(encoder, Some(timestamps.around(pair)));
                    pass.set_pipeline(pipeline);
                    pass.set_bind_group(0, bind_group, &[]);
                    pass.dispatch_workgroups(grid[0], grid[1], grid[2]);
                }
                Command::Image { buffer, offset, image } => {
                    drop(begin_pass(encoder, Some(timestamps.before(pair))));
                    Gpu::copy_to_image(encoder, buffer, *offset, image);
                    drop(begin_pass(encoder, Some(timestamps.after(pair))));
                }
            }
        }
    }

    /// Runs a plan once and waits for nothing.
    pub fn run(&self, plan: usize) {
        let mut encoder = self.gpu.encoder();
        self.encode(plan, &mut encoder);
        self.gpu.submit(encoder);
    }

    /// A buffer of the plans.
    pub fn buffer(&self, key: BufferKey) -> &wgpu::Buffer {
        &self.buffers[&key]
    }

    /// Sets every float of every slot, so that an element that no kernel writes shows.
    pub fn fill_slots(&self, value: f32) {
        for (key, buffer) in &self.buffers {
            if matches!(key, BufferKey::Slot(_)) {
                self.gpu.write(buffer, 0, bytemuck::cast_slice(&vec![value; buffer.size() as usize / 4]));
            }
        }
    }

    /// Overwrites a tensor.
    pub fn write(&self, graph: &Graph, plan: &Plan, tensor: TensorId, values: &[f32]) {
        let (buffer, offset) = self.place(graph, plan, tensor);
        self.gpu.write(buffer, offset, bytemuck::cast_slice(values));
    }

    /// Reads a tensor that the plan kept.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read(&self, graph: &Graph, plan: &Plan, tensor: TensorId) -> Result<Vec<f32>, GpuError> {
        let (buffer, offset) = self.place(graph, plan, tensor);
        let bytes = graph.tensor(tensor).shape.elements() as u64 * 4;
        read_buffer(&self.gpu, buffer, offset, bytes).await
    }
}

fn encode<'a>(commands: &mut Peekable<impl Iterator<Item = &'a Command>>, encoder: &mut wgpu::CommandEncoder) {
    while let Some(command) = commands.peek() {
        if let Command::Image { buffer, offset, image } = command {
            Gpu::copy_to_image(encoder, buffer, *offset, image);
            commands.next();
            continue;
        }
        let mut pass = begin_pass(encoder, None);
        while let Some(Command::Dispatch { pipeline, bind_group, grid }) = commands.peek() {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, bind_group, &[]);
            pass.dispatch_workgroups(grid[0], grid[1], grid[2]);
            commands.next();
        }
    }
}

fn begin_pass<'e>(
    encoder: &'e mut wgpu::CommandEncoder,
    timestamp_writes: Option<wgpu::ComputePassTimestampWrites<'_>>,
) -> wgpu::ComputePass<'e> {
    encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes })
}

/// Copies a range of a buffer to the host.
///
/// # Errors
/// What the device reports.
pub(super) async fn read_buffer(
    gpu: &Gpu,
    buffer: &wgpu::Buffer,
    offset: u64,
    bytes: u64,
) -> Result<Vec<f32>, GpuError> {
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let copy = gpu.create_buffer("copy for the host", bytes, usage, false);
    let mut encoder = gpu.encoder();
    encoder.copy_buffer_to_buffer(buffer, offset, &copy, 0, bytes);
    gpu.await_submission(Some(gpu.submit(encoder)));
    gpu.map(&copy, wgpu::MapMode::Read).await?;
    let range = copy.get_mapped_range(..).map_err(|error| GpuError::Device(error.to_string()))?;
    Ok(bytemuck::pod_collect_to_vec(&range))
}
