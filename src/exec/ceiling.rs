//! Two kernels that measure the highest rates of an adapter, which are the ceilings of a roofline.

use crate::graph::{Access, Dispatch, Graph, Mode, Recorder, TensorId};
use crate::kernel::{operations, wgsl};

/// Invocations of a workgroup, in the shaders of `shaders/ceiling`.
const LANES: usize = 64;

/// Floating-point operations that an invocation of `shaders/ceiling/multiply_add.wgsl` does in an iteration of its loop.
const FLOPS_OF_A_TRIP: usize = 2 * 12 * 16;

const TRIPS: usize = 1024;

/// Bytes that a workgroup of `shaders/ceiling/copy.wgsl` copies.
const COPIED_BY_A_GROUP: usize = 16 * 16 * LANES;

/// Bytes that are copied. It is more than caches hold.
const COPIED: usize = 64 << 20;

/// Floating-point operations that take some tens of milliseconds on a CPU, and on a GPU.
const FLOPS: [u64; 2] = [5_000_000_000, 200_000_000_000];

/// The two kernels, with their tensors.
pub struct Ceiling {
    /// The multiply-adds, then the copy.
    pub dispatches: Vec<Dispatch>,
    /// The tensor that they read. The host must write it before they run.
    pub x: TensorId,
    /// The tensor that they write.
    pub y: TensorId,
}

impl Ceiling {
    /// Records the kernels, of a size for a CPU or for a GPU.
    pub fn record(graph: &mut Graph, software: bool) -> Self {
        let groups = FLOPS[usize::from(!software)] / operations([TRIPS, FLOPS_OF_A_TRIP, LANES]);
        let groups = (groups as usize).min(COPIED / 16 / LANES);
        let x = graph.input("ceiling x", [COPIED / 4]);
        let y = graph.input("ceiling y", [COPIED / 4]);
        let mut recorder = Recorder::new(graph, Mode::Infer);
        recorder
            .dispatch("multiply-add")
            .bind(0, x, Access::Read)
            .bind(1, y, Access::Write)
            .source(wgsl!("ceiling/multiply_add"))
            .size("TRIPS", TRIPS)
            .workgroups(groups, 1)
            .cost(operations([groups, LANES, TRIPS, FLOPS_OF_A_TRIP]), TRIPS * 17)
            .record();
        recorder
            .dispatch("copy")
            .bind(0, x, Access::Read)
            .bind(1, y, Access::Write)
            .source(wgsl!("ceiling/copy"))
            .workgroups(COPIED / COPIED_BY_A_GROUP, 1)
            .cost(0, 16)
            .record();
        Self { dispatches: recorder.finish(), x, y }
    }
}
