//! The recorder that operations append their dispatches with.

use super::dispatch::{Binding, Dispatch, RESULT_BINDING, SECOND_RESULT_BINDING};
use super::placement::Port;
use super::{Arena, Graph, Home, Place, Product, Target, TensorId};
use crate::kernel::{Access, Kernel, MINIBATCH_BINDING, Storage, Wgsl, fold_grid, wgsl};
use crate::shape::Shape;

/// The purpose of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Forward, backward, update.
    Train,
    /// Forward and loss.
    Infer,
}

/// Collects the dispatches of a schedule.
pub struct Recorder<'g> {
    pub(super) graph: &'g mut Graph,
    mode: Mode,
    /// Whether an operation of another crate records at present.
    foreign: bool,
    dispatches: Vec<Dispatch>,
}

impl<'g> Recorder<'g> {
    /// A recorder with nothing recorded.
    pub(crate) fn new(graph: &'g mut Graph, mode: Mode) -> Self {
        Self { graph, mode, foreign: false, dispatches: Vec::new() }
    }

    /// The purpose of the schedule.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Says whether an operation of another crate records from now on.
    pub(super) fn set_foreign(&mut self, foreign: bool) {
        self.foreign = foreign;
    }

    /// As [`Graph::leave_in_parts`].
    pub(crate) fn leave_in_parts(&mut self, gradient: TensorId, count: usize) -> Option<TensorId> {
        self.graph.leave_in_parts(gradient, count)
    }

    /// The recorded dispatches, in order.
    pub(crate) fn finish(self) -> Vec<Dispatch> {
        self.dispatches
    }

    /// The target that dispatches are recorded for.
    pub fn target(&self) -> Target {
        self.graph.target
    }

    /// The graph that is recorded.
    pub fn graph(&self) -> &Graph {
        self.graph
    }

    /// Adds a tensor that lives only inside this schedule.
    pub fn temporary(&mut self, name: impl Into<String>, shape: impl Into<Shape>) -> TensorId {
        self.graph.add_tensor(name, shape, Home::Slot)
    }

    /// Adds a tensor for what is made from the parameters alone. In inference they do not change from step to step, so it lasts.
    pub(crate) fn of_parameters(&mut self, name: impl Into<String>, shape: impl Into<Shape>) -> TensorId {
        let home = if self.mode == Mode::Infer { Home::Lasting } else { Home::Slot };
        self.graph.add_tensor(name, shape, home)
    }

    /// Adds a tensor that covers what a chunk of an arena holds for its variables.
    pub(crate) fn add_chunk(&mut self, arena: Arena, chunk: usize) -> TensorId {
        let len = self.graph.chunks()[chunk].len_in(arena);
        self.graph.add_tensor(format!("{arena:?}"), [len], Home::Arena(arena, Place { chunk, first: 0 }))
    }

    /// Adds a view of `of` with the shape of `like`.
    pub(super) fn view_as(&mut self, of: TensorId, like: TensorId) -> TensorId {
        let name = self.graph.tensor(of).name.clone();
        let shape = self.graph.tensor(like).shape.clone();
        self.graph.add_tensor(name, shape, Home::View(of))
    }

    /// Begins a dispatch; its name is for printing.
    pub fn dispatch<'r>(&'r mut self, name: impl Into<String>) -> DispatchBuilder<'r, 'g> {
        let dispatch = Dispatch::of(self.graph.id(), name.into(), Kernel::default(), Vec::new(), Vec::new());
        DispatchBuilder { recorder: self, dispatch }
    }
}

/// A dispatch that is being put together. Shaders read operands `a`, `b`, `d`, `e`, `h` and write results `c`, `f`, `g` through
/// the functions of `shaders/access`, so that one source serves buffers and images.
pub struct DispatchBuilder<'r, 'g> {
    pub(super) recorder: &'r mut Recorder<'g>,
    pub(super) dispatch: Dispatch,
}

impl DispatchBuilder<'_, '_> {
    /// Reads `tensor` as operand `a`.
    pub fn a(self, tensor: TensorId) -> Self {
        self.operand(0, tensor, Access::Read)
    }

    /// Reads `tensor` as operand `b`.
    pub fn b(self, tensor: TensorId) -> Self {
        self.operand(1, tensor, Access::Read)
    }

    /// Writes `tensor` as result `c`.
    pub fn c(self, tensor: TensorId) -> Self {
        self.operand(RESULT_BINDING, tensor, Access::Write)
    }

    /// Reads `tensor`, if any, as operand `d`.
    pub fn d(self, tensor: Option<TensorId>) -> Self {
        self.optional(3, tensor, Access::Read)
    }

    /// Reads `tensor`, if any, as operand `e`.
    pub fn e(self, tensor: Option<TensorId>) -> Self {
        self.optional(4, tensor, Access::Read)
    }

    /// Writes `tensor`, if any, as second result `f`. A plan leaves it out if nothing reads it and it lives in a slot.
    pub fn f(self, tensor: Option<TensorId>) -> Self {
        self.optional(SECOND_RESULT_BINDING, tensor, Access::Write)
    }

    /// Writes `tensor`, if any, as third result `g`.
    pub fn g(self, tensor: Option<TensorId>) -> Self {
        self.optional(8, tensor, Access::Write)
    }

    /// Reads `tensor`, if any, as operand `h`.
    pub fn h(self, tensor: Option<TensorId>) -> Self {
        self.optional(9, tensor, Access::Read)
    }

    fn operand(self, index: u32, tensor: TensorId, access: Access) -> Self {
        let storage = self.storage(tensor);
        let home = self.recorder.graph.home(tensor);
        let Some(port) = Port::of(index) else { return self };
        let precision = self.recorder.graph.tensor(tensor).precision;
        let dispatch = self.converting(precision).shared(port.file(storage, precision));
        match (storage, home) {
            // A buffer is bound from a float on, an image only as a whole.
            (Storage::Images, Home::Arena(_, place)) => dispatch.number(port.first, place.first),
            _ => dispatch,
        }
        .bind(index, tensor, access)
    }

    fn optional(self, index: u32, tensor: Option<TensorId>, access: Access) -> Self {
        match (tensor, Port::of(index)) {
            (Some(tensor), _) => self.operand(index, tensor, access),
            (None, Some(port)) => self.shared(port.absent()),
            (None, None) => self,
        }
    }

    /// The target that dispatches are recorded for.
    pub fn target(&self) -> Target {
        self.recorder.target()
    }

    /// The storage that holds a tensor.
    pub fn storage(&self, tensor: TensorId) -> Storage {
        self.recorder.graph.storage(tensor)
    }

    /// Binds a tensor that the shader declares itself. A plan refuses one that is kept in 16 bits.
    pub fn bind(mut self, index: u32, tensor: TensorId, access: Access) -> Self {
        let (storage, precision) = (self.storage(tensor), self.recorder.graph.tensor(tensor).precision);
        self.dispatch.bindings.push(Binding { index, tensor, access, storage, precision, parts: 1, part: None });
        self
    }

    /// Binds the minibatch, which the shader reads through the functions of `shaders/step.wgsl`.
    pub fn minibatch(self, tensor: TensorId) -> Self {
        let images = match self.recorder.graph.tensor(tensor).home {
            Home::Minibatch(minibatch) => minibatch.images(),
            _ => 0,
        };
        self.shared(wgsl!("step")).size("BATCH", images).bind(MINIBATCH_BINDING, tensor, Access::Read)
    }

    /// Appends a file that distinguishes the kernel from others: its path becomes part of the kernel's name.
    pub fn source(mut self, file: Wgsl) -> Self {
        let name = &mut self.dispatch.kernel.name;
        if !name.is_empty() {
            name.push_str(", ");
        }
        name.push_str(file.path());
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

    /// Sets an `override` constant to a size that is read at run time, so that dispatches which differ only in it share a
    /// pipeline, and compiling takes less time. The shader declares it as a `u32`, `i32` or `f32`. It should not stand in a
    /// loop where a constant makes the code faster: as a divisor, or as the bound of a loop that is to be unrolled.
    pub fn number(mut self, name: &'static str, value: usize) -> Self {
        self.dispatch.kernel.numbers.push((name, value as f64));
        self
    }

    /// Sets a table, which the shader declares as `const NAME = array<vec4<f32>, 1>();` and reads at run time. It has room
    /// for 64 KiB of numbers and tables.
    pub(crate) fn table(mut self, name: &'static str, values: &[f64]) -> Self {
        self.dispatch.kernel.numbers.extend(values.iter().map(|value| (name, *value)));
        self
    }

    /// [`Self::number`] if it is to be read at run time, else [`Self::size`].
    pub fn size_or_number(self, name: &'static str, value: usize, at_run_time: bool) -> Self {
        if at_run_time { self.number(name, value) } else { self.size(name, value) }
    }

    /// Sets the grid: `workgroups`, folded where they exceed one dimension, times `layers`.
    pub fn workgroups(mut self, workgroups: usize, layers: usize) -> Self {
        self.dispatch.kernel.grid = fold_grid(workgroups, layers);
        self.shared(wgsl!("grid"))
    }

    /// Computes a result of this shape with the function `element` of the source, which takes `flops` operations for an
    /// element.
    pub fn elementwise(self, shape: &Shape, flops: u64) -> Self {
        let flops = flops.saturating_mul(shape.elements() as u64);
        self.shared(wgsl!("elementwise")).quads(shape.padded_elements(), flops)
    }

    /// Starts an invocation for every four of `count` elements in memory; `flops` operations in all.
    pub fn quads(self, count: usize, flops: u64) -> Self {
        self.sweeping().number("COUNT", count).workgroups(count.div_ceil(4 * 64), 1).cost(flops, 0)
    }

    /// Says that it reads each element of its operands about once, so that a buffer serves as well as an image.
    pub fn sweeping(self) -> Self {
        self.sweeping_over(!0)
    }

    /// Says so of the bindings whose bits are set.
    pub(crate) fn sweeping_over(mut self, bindings: u32) -> Self {
        self.dispatch.swept |= bindings;
        self
    }

    /// Says of the bindings whose bits are set, `c` among them, that their tensors have the shape of `c`, and that an element
    /// is only reached where that of `c` is written. Then the dispatch can be one for each part of `c`, each of which takes
    /// as long as the whole and writes other results alike.
    pub(crate) fn aligned(mut self, bindings: u32) -> Self {
        self.dispatch.aligned = bindings;
        self
    }

    /// Says that it mostly stores: llvmpipe then stores two floats at once. A product would take a tenth more time so.
    pub(crate) fn storing_pairs(mut self) -> Self {
        self.dispatch.pairs = true;
        self
    }

    /// Says which matrix product it is.
    pub fn product(mut self, product: Product) -> Self {
        self.dispatch.product = Some(product);
        self
    }

    /// Sets the number of operations, and the most loop iterations of one invocation.
    pub fn cost(mut self, flops: u64, loop_trips: usize) -> Self {
        self.dispatch.kernel.flops = flops;
        self.dispatch.kernel.loop_trips = loop_trips as u64;
        self
    }

    /// Appends it to the schedule, in pieces if the target wants that.
    pub fn record(mut self) {
        self.dispatch.kernel.settle_checks(self.recorder.foreign);
        let most_flops = self.recorder.graph.target.most_flops;
        self.recorder.dispatches.extend(self.dispatch.pieces(most_flops));
    }
}
