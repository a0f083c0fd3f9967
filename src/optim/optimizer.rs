//! What all optimizers share: the learning rate, the decay of weights, clipping, and the dispatch of the update.

use serde::Serialize;

use super::lookahead::{Lookahead, SLOW};
use super::loss_scale;
use super::matrices::Matrices;
use super::update_rule::{RuleScalars, UpdateRule};
use super::{Adam, GradientTable, Group, Muon, RmsProp, Sgd, TableChunk};
use crate::graph::{Arena, Dispatch, DispatchBuilder, Graph, GraphError, Mode, Recorder, TensorId};
use crate::kernel::wgsl;
use crate::minibatch::Step;

/// How the decay of weights enters the update.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// The update takes away the decay's share of each weight, times the learning rate (Loshchilov & Hutter 2019).
    #[default]
    Decoupled,
    /// The gradient gets the weight times the decay, as that of an L2 penalty would.
    L2,
}

/// A rule that changes weights by their gradient.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Rule {
    /// Adam.
    Adam(Adam),
    /// Gradient descent, with momentum if asked.
    Sgd(Sgd),
    /// RMSprop.
    RmsProp(RmsProp),
    /// Muon for kernels, Adam for the rest.
    Muon(Muon),
}

/// An optimizer: a rule and what is done around it.
#[derive(Clone, Debug, PartialEq)]
pub struct Optimizer {
    /// The rule.
    pub rule: Rule,
    /// The learning rate; the one that a schedule begins with.
    pub learning_rate: f64,
    /// The decay of all trained variables.
    pub weight_decay: f64,
    /// How it enters.
    pub decay: Decay,
    /// The largest L2 norm of all gradients together; they are scaled down where it is above. Not clipped if none.
    pub clip_norm: Option<f64>,
    /// Variables with a learning rate and a decay of their own. Of several groups the first counts.
    pub groups: Vec<Group>,
    /// Minibatches whose mean gradient makes one update.
    pub accumulate: usize,
    /// The momentum of an exponential average of the weights, if one is kept.
    pub average: Option<f64>,
    /// Slow weights that follow the weights, if asked.
    pub lookahead: Option<Lookahead>,
}

impl Default for Optimizer {
    /// Keras's Adam.
    fn default() -> Self {
        Self {
            rule: Rule::Adam(Adam::default()),
            learning_rate: 1e-3,
            weight_decay: 0.0,
            decay: Decay::default(),
            clip_norm: None,
            groups: Vec::new(),
            accumulate: 1,
            average: None,
            lookahead: None,
        }
    }
}

/// The arena of gradients that are added up.
pub(super) const ACCUMULATED: Arena = Arena::State(3);

/// The arena of averaged weights.
const AVERAGE: Arena = Arena::State(4);

/// Names of the slots of the state in shaders, and where they are bound.
const SLOTS: [(&str, u32); 3] = [("slot0", 4), ("slot1", 5), ("slot2", 7)];

impl Optimizer {
    fn rule(&self) -> &dyn UpdateRule {
        match &self.rule {
            Rule::Adam(adam) => adam,
            Rule::Sgd(sgd) => sgd,
            Rule::RmsProp(rmsprop) => rmsprop,
            Rule::Muon(muon) => muon,
        }
    }

    /// Name and arena of each slot of its state.
    pub fn slots(&self) -> Vec<(&'static str, Arena)> {
        let slots = self.rule().slots().into_iter().enumerate();
        let own = slots.filter_map(|(slot, name)| Some((name?, Arena::State(slot))));
        let accumulated = (self.accumulate > 1).then_some(("accumulated_gradient", ACCUMULATED));
        let average = self.average_arena().map(|arena| ("average", arena));
        let slow = self.lookahead.map(|_| ("slow_weights", SLOW));
        own.chain(accumulated).chain(average).chain(slow).collect()
    }

    /// The arena of the average of the weights, if one is kept.
    pub fn average_arena(&self) -> Option<Arena> {
        self.average.map(|_| AVERAGE)
    }

    /// `step` with the optimizer's numbers for the training step that follows `steps` others, at this learning rate.
    pub fn at(&self, steps: u64, learning_rate: f64, step: Step) -> Step {
        let t = steps / self.accumulate.max(1) as u64 + 1;
        self.with(self.rule().scalars(t, learning_rate), steps, learning_rate, step)
    }

    /// [`Optimizer::at`] for an update under a loss scale: the device knows how many updates were taken, and corrects the
    /// numbers by it.
    pub fn at_scaled(&self, steps: u64, learning_rate: f64, step: Step) -> Step {
        self.with(self.rule().uncorrected(learning_rate).0, steps, learning_rate, step)
    }

    fn with(&self, scalars: RuleScalars, steps: u64, learning_rate: f64, step: Step) -> Step {
        let parts = self.accumulate.max(1) as u64;
        let (updates, part) = (steps / parts, steps % parts);
        let RuleScalars { rate, epsilon } = scalars;
        let (decay, l2) = match self.decay {
            Decay::Decoupled => ((learning_rate * self.weight_decay) as f32, 0.0),
            Decay::L2 => (0.0, self.weight_decay as f32),
        };
        // Nobody trains for so many updates that they saturate.
        let [updates, part] = [updates, part].map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        Step { rate, epsilon, decay, l2, updates, part, ..step }
    }

    /// Records the update of all variables of `graph` by the backward pass recorded last, in one dispatch for each chunk of
    /// the arenas, and before it the norm of the gradient if that is clipped. The numbers of the step come with the
    /// minibatch. The host must write the table of gradients before the first run.
    ///
    /// # Errors
    /// `minibatch` is not a minibatch of the graph, or a group has no variable of it.
    pub fn record(&self, graph: &mut Graph, minibatch: TensorId) -> Result<(Vec<Dispatch>, GradientTable), GraphError> {
        graph.inputs("optimizer", &[minibatch])?.minibatch(0)?;
        Group::check(&self.groups, graph)?;
        let mut table = GradientTable::new(graph, &self.groups);
        let mut dispatches = self.record_start(graph, &table, minibatch);
        dispatches.extend(self.record_with(graph, &mut table, minibatch));
        dispatches.extend(self.record_end(graph, &table, minibatch));
        Ok((dispatches, table))
    }

    /// Records what follows an update. `table` is that of the minibatch, which has the averaged variables.
    pub(super) fn record_end(&self, graph: &mut Graph, table: &GradientTable, minibatch: TensorId) -> Vec<Dispatch> {
        let mut recorder = Recorder::new(graph, Mode::Train);
        for chunk in table.chunks() {
            if let Some(lookahead) = self.lookahead {
                lookahead.record(&mut recorder, chunk, minibatch, false);
            }
            self.record_average(&mut recorder, chunk, minibatch);
        }
        recorder.finish()
    }

    /// Records what happens before the first update.
    pub(super) fn record_start(&self, graph: &mut Graph, table: &GradientTable, minibatch: TensorId) -> Vec<Dispatch> {
        let mut recorder = Recorder::new(graph, Mode::Train);
        for chunk in table.chunks() {
            if let Some(lookahead) = self.lookahead {
                lookahead.record(&mut recorder, chunk, minibatch, true);
            }
        }
        recorder.finish()
    }

    /// Records the update by the gradients of `table`.
    pub(super) fn record_with(
        &self,
        graph: &mut Graph,
        table: &mut GradientTable,
        minibatch: TensorId,
    ) -> Vec<Dispatch> {
        // The norm of the gradient, or what was decided by it.
        let (mut dispatches, decision) = match (graph.loss_scale(), self.clip_norm) {
            (Some(state), clip_norm) => {
                let (_, correction) = self.rule().uncorrected(self.learning_rate);
                let (dispatches, factors) = loss_scale::record(graph, table, clip_norm, correction, state);
                (dispatches, Some(factors))
            }
            (None, Some(_)) => {
                let (dispatches, norm) = table.record_norm(graph);
                (dispatches, Some(norm))
            }
            (None, None) => (Vec::new(), None),
        };
        let scaled = graph.loss_scale().is_some();
        let matrices: Vec<Option<Matrices>> = match &self.rule {
            Rule::Muon(muon) => {
                (0..table.chunks().len()).map(|chunk| muon.matrices(graph, chunk, &self.groups)).collect()
            }
            _ => Vec::new(),
        };
        let mut recorder = Recorder::new(graph, Mode::Train);
        for (place, chunk) in table.chunks().iter().enumerate() {
            let matrices = matrices.get(place).and_then(Option::as_ref);
            let directions = matrices.map(|matrices| matrices.directions(&mut recorder));
            self.record_update(&mut recorder, chunk, minibatch, decision, directions);
            if let (Some(matrices), Some(directions)) = (matrices, directions) {
                matrices.record(&mut recorder, directions, minibatch, decision.filter(|_| scaled));
            }
        }
        dispatches.extend(recorder.finish());
        for matrices in matrices.into_iter().flatten() {
            table.add_inputs(matrices.into_tables());
        }
        dispatches
    }

    /// Records the average of the weights, if one is kept: `momentum * old + (1 - momentum) * weights`, as Keras's
    /// `use_ema` has it. After the first update it is the weights. Variables that are not trained are copied.
    fn record_average(&self, recorder: &mut Recorder, table: &TableChunk, minibatch: TensorId) {
        let Some(momentum) = self.average else { return };
        let [weights, average] = [Arena::Weights, AVERAGE].map(|arena| recorder.add_chunk(arena, table.chunk()));
        let dispatch = recorder.dispatch(table.name("average of the weights")).minibatch(minibatch);
        let dispatch = table.bind(dispatch).source(wgsl!("optimizer/average")).constant("SHARE", 1.0 - momentum);
        let dispatch = bind_state(bind_weights(dispatch, weights), 0, Some(average));
        dispatch.quads(table.count(), 0).cost(3 * table.count() as u64, 0).record();
    }

    /// Records the update of a chunk. Kernels that a rule leaves to dispatches behind it get their `directions` written.
    fn record_update(
        &self,
        recorder: &mut Recorder,
        table: &TableChunk,
        minibatch: TensorId,
        decision: Option<TensorId>,
        directions: Option<TensorId>,
    ) {
        let rule = self.rule();
        let mut arena = |arena| recorder.add_chunk(arena, table.chunk());
        let weights = arena(Arena::Weights);
        let slots: Vec<Option<TensorId>> = (rule.slots().into_iter().enumerate())
            .map(|(slot, name)| name.map(|_| arena(Arena::State(slot))))
            .collect();
        let scaled = recorder.graph().loss_scale().is_some();
        let dispatch = recorder.dispatch(table.name("update")).minibatch(minibatch);
        let mut dispatch = table.bind(dispatch).source(wgsl!("optimizer/update")).source(rule.source());
        dispatch = match decision {
            Some(factors) if scaled => dispatch.b(factors).shared(wgsl!("optimizer/scaled")),
            Some(norm) => dispatch.b(norm).shared(wgsl!("optimizer/clip")).shared(wgsl!("optimizer/unscaled")),
            None => dispatch.shared(wgsl!("optimizer/clip_none")).shared(wgsl!("optimizer/unscaled")),
        };
        if let Some(most) = self.clip_norm.filter(|_| !scaled) {
            dispatch = dispatch.constant("CLIP_NORM", most);
        }
        dispatch = bind_weights(dispatch, weights);
        for (slot, tensor) in slots.into_iter().enumerate() {
            dispatch = bind_state(dispatch, slot, tensor);
        }
        if let Rule::Muon(_) = self.rule {
            dispatch = dispatch.g(directions);
        }
        for (name, value) in rule.constants() {
            dispatch = dispatch.constant(name, value);
        }
        dispatch
            .quads(table.count(), 0)
            .cost((rule.flops() + 4) * table.count() as u64 + table.additions(), table.most_parts())
            .record();
    }
}

/// Binds the weights, for reading and writing.
pub(super) fn bind_weights<'r, 'g>(dispatch: DispatchBuilder<'r, 'g>, weights: TensorId) -> DispatchBuilder<'r, 'g> {
    dispatch.updated("weights", 2, Some(weights))
}

/// Binds a slot of the state, or says that there is none.
pub(super) fn bind_state<'r, 'g>(
    dispatch: DispatchBuilder<'r, 'g>,
    slot: usize,
    tensor: Option<TensorId>,
) -> DispatchBuilder<'r, 'g> {
    let (name, binding) = SLOTS[slot];
    dispatch.updated(name, binding, tensor)
}
