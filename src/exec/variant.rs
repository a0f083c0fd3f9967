//! A training step in one of the ways in which its products can be computed.

use std::collections::HashSet;
use std::ops::Range;

use super::error::ExecError;
use super::options::Options;
use crate::gpu::Gpu;
use crate::graph::{
    Access, Algorithm, Binding, Dispatch, Graph, Mode, Plan, Product, ProductChoice, SECOND_RESULT_BINDING, Target,
    TensorId, Tuning, Winograd,
};
use crate::kernel::{MicroKernel, Storage};
use crate::minibatch::{Minibatch, MinibatchError, Step};
use crate::model::{BuildOptions, Network};

/// The dispatch that adds up the parts of a product.
const SUM_OF_PARTS: &str = "sum_parts";

/// A training step without its update.
pub(super) struct Variant {
    pub graph: Graph,
    pub plan: Plan,
    pub minibatch: TensorId,
    /// What the minibatch holds, by words.
    pub words: Vec<u32>,
}

/// The dispatches of a product, in a row. Neighbours of one key count together.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub product: Product,
    pub range: Range<usize>,
}

impl Variant {
    pub fn new(gpu: &Gpu, model: &Network, options: &Options, tuning: Tuning) -> Result<Self, ExecError> {
        let build = BuildOptions { tuning, held_images: 0, ..options.build.clone() };
        let built = model.build_with(options.batch_size, options.target(gpu)?, build)?;
        let mut graph = built.graph;
        let mut dispatches = graph.record_forward(Mode::Train);
        dispatches.extend(graph.record_backward(&[], &[])?.0);
        let plan = Plan::new(&graph, dispatches, &[])?;
        let words = full_minibatch(model, options.batch_size, built.classes)?;
        Ok(Self { graph, plan, minibatch: built.minibatch, words })
    }

    /// Ways to compute the products of a network: by every algorithm, in every micro-kernel that runs on the same storage, with
    /// the number of parts that the rule would choose for it, half of it, and twice as many. A product that can't be computed
    /// so is computed in another of these ways.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn ways(gpu: &Gpu, model: &Network, options: &Options) -> Result<Vec<Tuning>, ExecError> {
        // The rule may have chosen another algorithm for a product, and then it does not know the parts of the direct one.
        let build = BuildOptions { winograd: Winograd::Never, ..options.build.clone() };
        let direct = Self::new(gpu, model, &Options { build, ..options.clone() }, Tuning::default())?;
        let Target { storage, busy_workgroups, .. } = direct.graph.target();
        let runs = |kernel: &MicroKernel| {
            gpu.supports(*kernel).is_ok() && (storage == Storage::Images || kernel.storage() == Storage::Buffers)
        };
        // Workgroup memory costs a software adapter more than all else.
        let skip = |kernel: &MicroKernel| gpu.is_software() && kernel.is_for_gpus();
        let groups = direct.groups();
        let mut tunings: Vec<Tuning> = Vec::new();
        for kernel in MicroKernel::ALL.into_iter().filter(|kernel| runs(kernel) && !skip(kernel)) {
            let ways = [2, 1, 4].map(|scale| (Algorithm::Direct, scale)).into_iter();
            // Other algorithms have no parts.
            let others = Algorithm::ALL.into_iter().filter(|algorithm| *algorithm != Algorithm::Direct);
            for (algorithm, scale) in ways.chain(others.map(|algorithm| (algorithm, 2))) {
                let mut tuning = Tuning::default();
                for Group { product, .. } in &groups {
                    let parts = (product.parts_for(kernel, busy_workgroups) * scale / 2).max(1);
                    tuning.insert(product.key.clone(), ProductChoice { kernel, parts, algorithm });
                }
                tunings.push(tuning);
            }
        }
        Ok(tunings)
    }

    /// The products, in order.
    pub fn groups(&self) -> Vec<Group> {
        let dispatches = self.plan.dispatches();
        let mut groups: Vec<Group> = Vec::new();
        for (place, dispatch) in dispatches.iter().enumerate() {
            let open = groups.last_mut().filter(|group| group.range.end == place);
            match (dispatch.product(), open) {
                (Some(product), Some(group)) if group.product.key == product.key => group.range.end += 1,
                (Some(product), _) => groups.push(Group { product: product.clone(), range: place..place + 1 }),
                (None, Some(group)) if dispatch.kernel().name == SUM_OF_PARTS => group.range.end += 1,
                (None, _) => {}
            }
        }
        groups
    }

    /// The first product of this key.
    pub fn group(&self, key: &str) -> Option<Group> {
        self.groups().into_iter().find(|group| group.product.key == key)
    }

    /// The name of a tensor.
    pub fn name(&self, tensor: TensorId) -> &str {
        &self.graph.tensor(tensor).name
    }

    /// What dispatches read that none of them wrote before.
    pub fn inputs<'d>(&self, dispatches: impl IntoIterator<Item = &'d Dispatch>) -> Vec<Binding> {
        let (mut inputs, mut written) = (Vec::new(), HashSet::new());
        for dispatch in dispatches {
            let read = dispatch.bindings().iter().filter(|binding| binding.access != Access::Write);
            inputs.extend(read.filter(|binding| !written.contains(&self.graph.root(binding.tensor))).copied());
            let write = dispatch.bindings().iter().filter(|binding| binding.access.writes());
            written.extend(write.map(|binding| self.graph.root(binding.tensor)));
        }
        inputs
    }

    /// What dispatches write and none of them reads, each with the number of its parts. The second result, the places of
    /// maxima, is left out: where two elements are nearly equal, either is right.
    pub fn results(&self, dispatches: &[Dispatch]) -> Vec<(TensorId, usize)> {
        let bindings = || dispatches.iter().flat_map(|dispatch| dispatch.bindings());
        let read = bindings().filter(|binding| binding.access != Access::Write);
        let read: HashSet<TensorId> = read.map(|binding| self.graph.root(binding.tensor)).collect();
        let mut results: Vec<(TensorId, usize)> = Vec::new();
        for dispatch in dispatches {
            let parts = dispatch.product().map_or(1, |product| product.choice.parts);
            for Binding { index, tensor, access, .. } in dispatch.bindings() {
                let is_result = *access == Access::Write && *index != SECOND_RESULT_BINDING;
                if is_result && !read.contains(&self.graph.root(*tensor)) && !results.contains(&(*tensor, parts)) {
                    results.push((*tensor, parts));
                }
            }
        }
        results
    }
}

/// A minibatch whose images all count: labels go through the classes, and pixels have every value.
fn full_minibatch(model: &Network, batch_size: usize, classes: usize) -> Result<Vec<u32>, MinibatchError> {
    let minibatch = Minibatch::new(batch_size, model.input());
    let labels: Vec<u32> = (0..batch_size).map(|image| (image % classes.max(1)) as u32).collect();
    let pixels: Vec<u8> = (0..minibatch.pixels() as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    minibatch.encode(&Step::over(batch_size as u32), &labels, &pixels, classes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::AdapterChoice;

    const MODEL: &str = "
        layers = [
            { type = 'conv2d', filters = 8, kernel_size = 3, padding = 'same', use_bias = false },
            { type = 'flatten' },
            { type = 'dense', units = 2 },
        ]";

    /// Winograd's algorithm takes all tiles of a batch in one part. The direct gradient of the weights is tried in several.
    #[test]
    fn direct_products_have_their_own_parts() {
        let gpu = Gpu::open_blocking(&AdapterChoice::default()).unwrap();
        let model = Network::from_toml(MODEL, Some(([16, 16, 3], 2))).unwrap();
        let build = BuildOptions { winograd: Winograd::Always, ..BuildOptions::default() };
        let options = Options { batch_size: 4, build, ..Options::default() };
        let rule = Variant::new(&gpu, &model, &options, Tuning::default()).unwrap();
        let is_dw = |group: &Group| group.product.key.starts_with("dw of 4 x 16 x 16 x 3");
        let dw = rule.groups().into_iter().find(is_dw).unwrap().product;
        assert_eq!((dw.choice.algorithm, dw.splits), (Algorithm::Winograd, false));
        let ways = Variant::ways(&gpu, &model, &options).unwrap();
        let choices = || ways.iter().filter_map(|tuning| tuning.get(&dw.key));
        assert!(choices().any(|choice| choice.algorithm == Algorithm::Direct && choice.parts > 2));
        assert!(choices().any(|choice| choice.algorithm == Algorithm::Winograd));
    }
}
