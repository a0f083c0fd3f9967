//! Dispatches as data, and the recorder that operations append them with.

use std::collections::HashSet;

use super::{Graph, Home, Target, TensorId};
use crate::kernel::{Access, Kernel, Wgsl, fold_grid, wgsl};
use crate::shape::Shape;

/// A tensor at a binding of group 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Number of the binding.
    pub index: u32,
    /// What is bound.
    pub tensor: TensorId,
    /// How it is used.
    pub access: Access,
}

/// One kernel over its tensors.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// Name for printing: the tensor it writes and what it is.
    pub name: String,
    /// The shader.
    pub kernel: Kernel,
    /// The tensors.
    pub bindings: Vec<Binding>,
}

impl Dispatch {
    /// Bytes of the tensors that it reads and writes; it must move as many at least.
    pub fn bytes(&self, graph: &Graph) -> u64 {
        let bytes = |binding: &Binding| {
            let times = if binding.access == Access::ReadWrite { 2 } else { 1 };
            times * graph.tensor(binding.tensor).bytes()
        };
        self.bindings.iter().map(bytes).sum()
    }
}

/// What a schedule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Forward, backward, update.
    Train,
    /// Forward and loss.
    Infer,
}

/// Collects the dispatches of a schedule.
pub struct Recorder<'g> {
    graph: &'g mut Graph,
    mode: Mode,
    dispatches: Vec<Dispatch>,
    stopped: HashSet<TensorId>,
}

impl<'g> Recorder<'g> {
    /// A recorder with nothing recorded.
    pub fn new(graph: &'g mut Graph, mode: Mode) -> Self {
        Self { graph, mode, dispatches: Vec::new(), stopped: HashSet::new() }
    }

    /// What the schedule is for.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What was recorded, in order.
    pub fn finish(self) -> Vec<Dispatch> {
        self.dispatches
    }

    /// What is recorded for.
    pub fn target(&self) -> Target {
        self.graph.target
    }

    /// The graph that is recorded.
    pub fn graph(&self) -> &Graph {
        self.graph
    }

    /// A tensor that lives only inside this schedule.
    pub fn temporary(&mut self, name: impl Into<String>, shape: impl Into<Shape>) -> TensorId {
        self.graph.add_tensor(name, shape, Home::Slot)
    }

    /// Notes that a gradient is 0 already wherever the relu that made the tensor put out 0.
    pub fn mark_stopped_by_relu(&mut self, gradient: TensorId) {
        self.stopped.insert(gradient);
    }

    /// Whether [`Recorder::mark_stopped_by_relu`] was called for this gradient: a sum of two is another tensor.
    pub fn is_stopped_by_relu(&self, gradient: TensorId) -> bool {
        self.stopped.contains(&gradient)
    }

    /// The elements of `of` under the shape of `like`.
    pub fn view_as(&mut self, of: TensorId, like: TensorId) -> TensorId {
        let name = self.graph.tensor(of).name.clone();
        let shape = self.graph.tensor(like).shape.clone();
        self.graph.add_tensor(name, shape, Home::View(of))
    }

    /// Begins a dispatch of a kernel named for what it does.
    pub fn dispatch<'r>(&'r mut self, name: impl Into<String>) -> DispatchBuilder<'r, 'g> {
        let kernel = Kernel {
            name: String::new(),
            source: Vec::new(),
            constants: Vec::new(),
            grid: [1; 3],
            flops: 0,
            loop_trips: 0,
        };
        DispatchBuilder { recorder: self, dispatch: Dispatch { name: name.into(), kernel, bindings: Vec::new() } }
    }
}

/// A dispatch in the making. Operands `a` and `b` are read and `c` is written through the functions of
/// `shaders/access`, so that a shader does not say how.
pub struct DispatchBuilder<'r, 'g> {
    recorder: &'r mut Recorder<'g>,
    dispatch: Dispatch,
}

impl DispatchBuilder<'_, '_> {
    /// Reads `tensor` as operand `a`.
    pub fn a(self, tensor: TensorId) -> Self {
        let image = wgsl!("access/a_image");
        self.operand(0, tensor, wgsl!("access/a_buffer"), image)
    }

    /// Reads `tensor` as operand `b`.
    pub fn b(self, tensor: TensorId) -> Self {
        let image = wgsl!("access/b_image");
        self.operand(1, tensor, wgsl!("access/b_buffer"), image)
    }

    fn operand(self, index: u32, tensor: TensorId, buffer: Wgsl, image: Wgsl) -> Self {
        if self.recorder.target().micro_kernel.reads_images() {
            self.shared(image).bind(index, tensor, Access::ReadImage)
        } else {
            self.shared(buffer).bind(index, tensor, Access::Read)
        }
    }

    /// Writes `tensor` as result `c`, a matrix whose rows have `columns` elements.
    pub fn c(self, tensor: TensorId, columns: usize) -> Self {
        let source = if columns.is_multiple_of(4) { wgsl!("access/c_vec4") } else { wgsl!("access/c_scalar") };
        self.shared(source).bind(2, tensor, Access::Write)
    }

    /// Binds a tensor that the shader declares itself.
    pub fn bind(mut self, index: u32, tensor: TensorId, access: Access) -> Self {
        self.dispatch.bindings.push(Binding { index, tensor, access });
        self
    }

    /// Appends a file that makes the kernel what it is.
    pub fn source(mut self, file: Wgsl) -> Self {
        let name = &mut self.dispatch.kernel.name;
        if !name.is_empty() {
            name.push_str(", ");
        }
        name.push_str(file.path);
        self.shared(file)
    }

    /// Appends a file that several kernels share.
    pub fn shared(mut self, file: Wgsl) -> Self {
        self.dispatch.kernel.source.push(file);
        self
    }

    /// Sets an `override` constant.
    pub fn constant(mut self, name: &'static str, value: impl Into<f64>) -> Self {
        self.dispatch.kernel.constants.push((name, value.into()));
        self
    }

    /// Sets an `override` constant to a size.
    pub fn size(self, name: &'static str, value: usize) -> Self {
        self.constant(name, value as f64)
    }

    /// `workgroups`, folded where they exceed one dimension, times `layers`.
    pub fn workgroups(mut self, workgroups: usize, layers: usize) -> Self {
        self.dispatch.kernel.grid = fold_grid(workgroups, layers);
        self.shared(wgsl!("grid"))
    }

    /// Writes `count` elements of `c` from the function `element` of the source, each of `flops` operations.
    pub fn elementwise(self, count: usize, flops: usize) -> Self {
        self.shared(wgsl!("elementwise")).quads(count, flops)
    }

    /// An invocation for every four of `count` elements, each of `flops` operations.
    pub fn quads(self, count: usize, flops: usize) -> Self {
        self.size("COUNT", count).workgroups(count.div_ceil(4 * 64), 1).cost(count * flops, 0)
    }

    /// Arithmetic it needs, and the most loop iterations of one invocation.
    pub fn cost(mut self, flops: usize, loop_trips: usize) -> Self {
        self.dispatch.kernel.flops = flops as u64;
        self.dispatch.kernel.loop_trips = loop_trips as u64;
        self
    }

    /// Appends it to the schedule.
    pub fn record(self) {
        self.recorder.dispatches.push(self.dispatch);
    }
}
