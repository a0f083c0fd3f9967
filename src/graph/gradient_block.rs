//! Where the gradients of all variables are, for the optimizer and the norm.

use super::{ARENA_ALIGNMENT, Arena, Graph, GraphError, Home, Place, TensorId};

/// Most floats of a chunk of gradients that parts may fill: 128 MiB, WebGPU's default limit of a binding.
const MOST_GRADIENTS: usize = 1 << 25;

/// Where the gradient of one block of weights lies in [`Arena::Gradients`], in the chunk of the weights. A block is a few
/// floats of one variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GradientBlock {
    /// First float of the first part.
    pub first: usize,
    /// Number of parts, whose sum is the gradient.
    pub parts: usize,
    /// Floats from one part to the next.
    pub part_len: usize,
    /// Floats of the block that belong to the variable: the last block may reach past it.
    pub len: usize,
    /// Place of the variable among all.
    pub variable: usize,
    /// First float of the weights.
    pub weights: usize,
}

impl Graph {
    /// Adds a tensor for `count` parts of `gradient`, one after the other; only the optimizer adds them up. Gives none if
    /// `gradient` is not the gradient of a whole tensor of weights, or if the chunk would grow too large.
    pub(super) fn leave_in_parts(&mut self, gradient: TensorId, count: usize) -> Option<TensorId> {
        let tensor = self.tensor(gradient);
        let Home::Arena(Arena::Gradients, Place { chunk, .. }) = tensor.home else { return None };
        let part_len = tensor.shape.padded_elements();
        let first = self.chunks[chunk].gradients_len;
        // The last block of a part may reach past it.
        let end = first + (count - 1) * part_len + part_len.next_multiple_of(ARENA_ALIGNMENT);
        if end > MOST_GRADIENTS.min(self.most_floats()) {
            return None;
        }
        let name = format!("{} parts", tensor.name);
        self.chunks[chunk].gradients_len = end.next_multiple_of(ARENA_ALIGNMENT);
        let home = Home::Arena(Arena::Gradients, Place { chunk, first });
        let parts = self.add_tensor(name, [count, part_len], home);
        self.parts.insert(gradient, (parts, count));
        Some(parts)
    }

    /// Gives each of so many `uses` of averaged `weights` a place for its statistics. The averages move towards their sum.
    ///
    /// # Errors
    /// No weights of this graph, or no room for them in a buffer.
    pub(crate) fn share_statistics(&mut self, weights: TensorId, uses: usize) -> Result<(), GraphError> {
        let tensor = self.inputs("statistics", &[weights])?.tensors()[0];
        let (name, shape, len) = (tensor.name.clone(), tensor.shape.clone(), tensor.shape.padded_elements());
        let Home::Arena(Arena::Weights, Place { chunk, .. }) = tensor.home else {
            return Err(GraphError::UnknownTensor { node: "statistics".into() });
        };
        let first = self.chunks[chunk].gradients_len;
        let stride = len.next_multiple_of(ARENA_ALIGNMENT);
        let end = first.saturating_add(stride.saturating_mul(uses));
        if end > self.most_floats() {
            return Err(GraphError::TooLarge { tensor: name, shape });
        }
        self.chunks[chunk].gradients_len = end;
        let places = (0..uses).map(|number| {
            let home = Home::Arena(Arena::Gradients, Place { chunk, first: first + number * stride });
            self.add_tensor(format!("{name}, statistics {number}"), shape.clone(), home)
        });
        let places = places.collect();
        self.statistics.insert(weights, places);
        Ok(())
    }

    /// Where use `number` of averaged weights writes its statistics: the place of the gradient if it is the only one.
    pub(crate) fn statistics_of(&self, weights: TensorId, number: usize) -> Option<TensorId> {
        match self.statistics.get(&weights) {
            Some(places) => places.get(number).copied(),
            None => self.gradient_of(weights),
        }
    }

    /// The tensor that holds the gradient of a tensor of weights after a backward pass, and the number of its parts, which
    /// lie one after the other.
    pub fn gradient_parts(&self, gradient: TensorId) -> (TensorId, usize) {
        self.parts.get(&gradient).copied().unwrap_or((gradient, 1))
    }

    /// Where the gradients are, for each [`ARENA_ALIGNMENT`] floats of the weights in a chunk.
    pub(crate) fn gradient_blocks(&self, chunk: usize) -> Vec<GradientBlock> {
        let mut blocks = Vec::with_capacity(self.chunks[chunk].len / ARENA_ALIGNMENT);
        let variables = self.variables.iter().enumerate().filter(|(_, variable)| variable.place().chunk == chunk);
        for (place, variable) in variables {
            let part_len = self.tensor(variable.gradient()).shape.padded_elements();
            let (tensor, parts, part_len) = match self.statistics.get(&variable.weights()).map(Vec::as_slice) {
                Some(places @ [first, ..]) => (*first, places.len(), part_len.next_multiple_of(ARENA_ALIGNMENT)),
                _ => {
                    let (tensor, parts) = self.gradient_parts(variable.gradient());
                    (tensor, parts, part_len)
                }
            };
            let Home::Arena(_, Place { first: start, .. }) = self.tensor(tensor).home else { continue };
            let ahead = start.abs_diff(variable.place().first - variable.first());
            let start = start + variable.first();
            let end = start + variable.padded_len();
            let firsts = (start..end).step_by(ARENA_ALIGNMENT);
            blocks.extend(firsts.map(|first| {
                let len = (end - first).min(ARENA_ALIGNMENT);
                GradientBlock { first, parts, part_len, len, variable: place, weights: first - ahead }
            }));
        }
        blocks
    }
}
