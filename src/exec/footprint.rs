//! The memory and the grids that schedules need, known before anything is allocated.

use super::error::ExecError;
use super::staging::staged_bytes;
use crate::gpu::{GpuError, most_binding_bytes, most_bytes};
use crate::graph::{BufferKey, Graph, Home, Plan};
use crate::kernel::Storage;

/// A buffer or image that plans share.
#[derive(Debug)]
pub(super) struct Region {
    pub key: BufferKey,
    /// The largest tensor in it.
    pub name: String,
    pub bytes: u64,
    pub storage: Storage,
}

/// Memory and grids of plans of one graph.
#[derive(Debug, Default)]
pub(super) struct Footprint {
    pub regions: Vec<Region>,
    /// Bytes of buffers that data passes through on its way to or from the host.
    pub passages: u64,
    /// The dispatch with the most workgroups in a dimension, and their number.
    widest: (String, u64),
    /// The tensor of which one binding reaches the most bytes, and their number.
    largest_binding: (String, u64),
    /// The largest tensor that is bound as an image of floats of 32 bits and as one of 16 bits, and its bytes.
    largest_images: [(String, u64); 2],
    /// The dispatch that binds the most buffers, and their number.
    most_bindings: (String, u64),
}

impl Footprint {
    /// The footprint of `plans`. Each region is as large as its largest use.
    pub fn new(graph: &Graph, plans: &[&Plan]) -> Self {
        let mut footprint = Self::default();
        let floats = graph.target().storage;
        for arena in graph.arenas() {
            for (number, chunk) in graph.chunks().iter().enumerate() {
                let name = format!("{arena:?} of {}", graph.largest_variable(number));
                footprint.add(BufferKey::Arena(arena, number), &name, chunk.len_in(arena) as u64 * 4, floats);
            }
        }
        // The host reads a chunk of an arena through a copy of it.
        footprint.passages = footprint.regions.iter().map(|region| region.bytes).max().unwrap_or(0);
        for plan in plans {
            for (id, tensor) in graph.tensors() {
                let key = plan.buffer(graph, id);
                let own = matches!(tensor.home, Home::Input | Home::Lasting | Home::Images | Home::Metrics);
                if let Some(key @ BufferKey::Slot(storage, _)) = plan.image_copy(graph, id) {
                    footprint.add(key, &tensor.name, tensor.bytes(), storage);
                }
                match key {
                    BufferKey::Slot(storage, _) => footprint.add(key, &tensor.name, tensor.bytes(), storage),
                    BufferKey::Minibatch => {
                        footprint.add(key, &tensor.name, staged_bytes(tensor.bytes()), Storage::Buffers);
                    }
                    _ if own => footprint.add(key, &tensor.name, tensor.bytes(), graph.storage(id)),
                    _ => {}
                }
            }
            for dispatch in plan.dispatches() {
                let workgroups = dispatch.kernel().grid.into_iter().max().unwrap_or(0);
                raise(&mut footprint.widest, dispatch.name(), workgroups.into());
                raise(&mut footprint.most_bindings, dispatch.name(), dispatch.buffers().into());
                for binding in dispatch.bindings() {
                    let largest = match binding.storage {
                        Storage::Buffers => &mut footprint.largest_binding,
                        Storage::Images => &mut footprint.largest_images[0],
                        Storage::HalfImages => &mut footprint.largest_images[1],
                    };
                    let bytes = binding.ranges(graph).map(|(_, bytes)| bytes).max().unwrap_or(0);
                    raise(largest, &graph.tensor(binding.tensor).name, bytes);
                }
            }
        }
        footprint
    }

    fn add(&mut self, key: BufferKey, name: &str, bytes: u64, storage: Storage) {
        match self.regions.iter_mut().find(|region| region.key == key) {
            Some(region) if region.bytes < bytes => (region.bytes, region.name) = (bytes, name.into()),
            Some(_) => {}
            None => self.regions.push(Region { key, name: name.into(), bytes, storage }),
        }
    }

    /// Bytes of all regions and passages.
    pub fn bytes(&self) -> u64 {
        self.passages + self.regions.iter().map(|region| region.bytes).sum::<u64>()
    }

    /// Whether a device with `limits` and `left` bytes of memory, if that is known, can run the plans.
    ///
    /// # Errors
    /// [`GpuError::TooLarge`], which names what does not fit.
    pub fn check(&self, limits: &wgpu::Limits, left: Option<u64>) -> Result<(), GpuError> {
        let refuse = |what: &str, needed, unit, (limit, name)| {
            if needed <= limit {
                return Ok(());
            }
            Err(GpuError::TooLarge { what: what.into(), needed, unit, limit, name })
        };
        for region in &self.regions {
            refuse(&region.name, region.bytes, "bytes", most_bytes(limits, region.storage))?;
        }
        let (tensor, bytes) = &self.largest_binding;
        refuse(tensor, *bytes, "bytes", most_binding_bytes(limits))?;
        for ((tensor, bytes), storage) in self.largest_images.iter().zip([Storage::Images, Storage::HalfImages]) {
            refuse(tensor, *bytes, "bytes", most_bytes(limits, storage))?;
        }
        let (dispatch, buffers) = &self.most_bindings;
        let most = limits.max_storage_buffers_per_shader_stage.into();
        refuse(dispatch, *buffers, "storage buffers", (most, "max_storage_buffers_per_shader_stage"))?;
        if let Some(left) = left {
            refuse("all tensors together", self.bytes(), "bytes", (left, "memory left to this process"))?;
        }
        let most = limits.max_compute_workgroups_per_dimension;
        let (dispatch, workgroups) = &self.widest;
        let limit = (u64::from(most), "max_compute_workgroups_per_dimension");
        refuse(dispatch, *workgroups, "workgroups in a dimension", limit)
    }
}

/// Replaces the largest number so far, and what it belongs to, if `number` is larger.
fn raise(largest: &mut (String, u64), name: &str, number: u64) {
    if number > largest.1 {
        *largest = (name.into(), number);
    }
}

/// Plans for `batch_size` images with `plan`. If they are too many, the error says how many images fit.
pub(super) fn plan_within_limits<T>(
    batch_size: usize,
    plan: impl Fn(usize) -> Result<T, ExecError>,
) -> Result<T, ExecError> {
    plan(batch_size).map_err(|error| {
        if !error.is_too_large() {
            return error;
        }
        ExecError::BatchSize { source: Box::new(error), largest: largest(0, batch_size, |size| plan(size).is_ok()) }
    })
}

/// The most images that `plan` accepts: 0 if one is too many.
///
/// # Errors
/// What is wrong with `plan` for other reasons than size.
pub(super) fn largest_within_limits<T>(plan: impl Fn(usize) -> Result<T, ExecError>) -> Result<usize, ExecError> {
    let (mut fits, mut next) = (0, 1);
    loop {
        match plan(next) {
            Ok(_) => (fits, next) = (next, 2 * next),
            Err(error) if error.is_too_large() => return Ok(largest(fits, next, |size| plan(size).is_ok())),
            Err(error) => return Err(error),
        }
    }
}

/// The largest size from `fits` on, below `fails`, that `accepts` takes.
fn largest(mut fits: usize, mut fails: usize, accepts: impl Fn(usize) -> bool) -> usize {
    while fails - fits > 1 {
        let middle = fits.midpoint(fails);
        *if accepts(middle) { &mut fits } else { &mut fails } = middle;
    }
    fits
}
