//! What the tensors of a program hold: read and overwritten by the host.

use half::f16;

use super::error::ExecError;
use super::{Program, ProgramError};
use crate::gpu::Memory;
use crate::graph::{Arena, Binding, BufferKey, Graph, Home, Place, Plan, TensorId, Variable};
use crate::kernel::Precision;
use crate::shape::Shape;

impl Program {
    /// Sets every float of every slot, so that an element that no kernel writes shows.
    pub fn fill_slots(&self, value: f32) {
        // A slot may hold floats of 16 bits too: both halves of this word are NaN.
        let word = if value.is_nan() { f32::from_bits(0x7fff_7fff) } else { value };
        for (key, memory) in &self.memory {
            if matches!(key, BufferKey::Slot(..)) {
                memory.write(&self.gpu, 0, &vec![word; memory.bytes() as usize / 4]);
            }
        }
    }

    /// Overwrites a tensor with `values`, followed by zeros if they are fewer than its elements.
    ///
    /// # Errors
    /// A tensor or a plan that the program does not know, or more values than the tensor has elements.
    pub fn write(&self, graph: &Graph, plan: &Plan, id: TensorId, values: &[f32]) -> Result<(), ProgramError> {
        let (memory, offset) = self.place(graph, plan, id)?;
        let tensor = graph.tensor(id);
        let (elements, values_len) = (tensor.shape.elements(), values.len());
        if values_len > elements {
            return Err(ProgramError::Length { tensor: tensor.name.clone(), elements, values: values_len });
        }
        let values = in_memory(with_padding(values, &tensor.shape), tensor.precision);
        memory.write(&self.gpu, offset, &values);
        if let Some(image) = plan.image_copy(graph, id).and_then(|key| self.memory.get(&key)) {
            image.write(&self.gpu, offset, &values);
        }
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
        let Place { chunk, first } = variable.place();
        let memory = self.chunk(graph, arena, chunk)?;
        if variable.len() != elements.len() {
            let (tensor, wanted) = (variable.name().to_owned(), variable.len());
            return Err(ProgramError::Length { tensor, elements: wanted, values: elements.len() });
        }
        memory.write(&self.gpu, first as u64 * 4, &variable.pad(elements));
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

    /// Reads an arena: each variable with its elements. It is not meant for the gradients, which may be in parts.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read_arena<'g>(
        &self,
        graph: &'g Graph,
        arena: Arena,
    ) -> Result<Vec<(&'g Variable, Vec<f32>)>, ExecError> {
        if graph.variables().is_empty() {
            return Ok(Vec::new());
        }
        let chunks = self.read_chunks(graph, arena).await?;
        let elements = |variable: &Variable| {
            let Place { chunk, first } = variable.place();
            variable.unpad(&chunks[chunk][first..first + variable.padded_len()])
        };
        Ok(graph.variables().iter().map(|variable| (variable, elements(variable))).collect())
    }

    /// Reads an arena, each chunk in one copy.
    async fn read_chunks(&self, graph: &Graph, arena: Arena) -> Result<Vec<Vec<f32>>, ExecError> {
        let mut chunks = Vec::new();
        for (number, chunk) in graph.chunks().iter().enumerate() {
            let memory = self.chunk(graph, arena, number)?;
            chunks.push(memory.read(&self.gpu, &self.copy, 0, chunk.len_in(arena) as u64 * 4).await?);
        }
        Ok(chunks)
    }

    /// Reads a tensor that the plan kept.
    ///
    /// # Errors
    /// A tensor or a plan that the program does not know, or what the device reports.
    pub async fn read(&self, graph: &Graph, plan: &Plan, tensor: TensorId) -> Result<Vec<f32>, ExecError> {
        let (memory, offset, bytes) = self.kept(graph, plan, tensor)?;
        let words = memory.read(&self.gpu, &self.copy, offset, bytes).await?;
        let tensor = graph.tensor(tensor);
        Ok(without_padding(&from_memory(words, tensor.precision), &tensor.shape))
    }

    /// Reads what a dispatch is about to read: a tensor's buffer may be in use again while an image still holds a copy.
    pub(super) async fn read_bound(
        &self,
        graph: &Graph,
        plan: &Plan,
        binding: &Binding,
    ) -> Result<Vec<f32>, ExecError> {
        let (kept, offset, bytes) = self.kept(graph, plan, binding.tensor)?;
        let memory = self.memory.get(&plan.memory(graph, binding)).unwrap_or(kept);
        let words = memory.read(&self.gpu, &self.copy, offset, bytes).await?;
        Ok(without_padding(&from_memory(words, binding.precision), &graph.tensor(binding.tensor).shape))
    }

    /// Where a tensor that the plan kept is, its first byte there, and its bytes.
    pub(super) fn kept(
        &self,
        graph: &Graph,
        plan: &Plan,
        tensor: TensorId,
    ) -> Result<(&Memory, u64, u64), ProgramError> {
        let (memory, offset) = self.place(graph, plan, tensor)?;
        Ok((memory, offset, graph.tensor(tensor).bytes()))
    }

    /// Reads the elements of a variable's gradient, each the sum of its parts.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read_gradient(&self, graph: &Graph, plan: &Plan, variable: &Variable) -> Result<Vec<f32>, ExecError> {
        let (tensor, count) = graph.gradient_parts(variable.gradient());
        let parts = self.read(graph, plan, tensor).await?;
        Ok(sum_of_parts(variable, &parts, count))
    }

    /// Reads the gradients of all trained variables: each variable, and the elements of its gradient.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn read_gradients<'g>(&self, graph: &'g Graph) -> Result<Vec<(&'g Variable, Vec<f32>)>, ExecError> {
        let chunks = self.read_chunks(graph, Arena::Gradients).await?;
        let mut gradients = Vec::new();
        for variable in graph.variables().iter().filter(|variable| variable.is_trained()) {
            let (tensor, count) = graph.gradient_parts(variable.gradient());
            let tensor = graph.tensor(tensor);
            let Home::Arena(_, Place { chunk, first }) = tensor.home else { continue };
            let parts = &chunks[chunk][first..first + tensor.shape.padded_elements()];
            gradients.push((variable, sum_of_parts(variable, parts, count)));
        }
        Ok(gradients)
    }
}

/// Floats as the words that memory has: two floats of 16 bits share one, the first in its lower half.
fn in_memory(values: Vec<f32>, precision: Precision) -> Vec<f32> {
    let bits = |value: &f32| u32::from(f16::from_f32(*value).to_bits());
    let halves = |pair: &[f32]| pair.iter().rev().fold(0, |word, value| word << 16 | bits(value));
    match precision {
        Precision::F32 => values,
        Precision::F16 => values.chunks(2).map(|pair| f32::from_bits(halves(pair))).collect(),
    }
}

/// The floats of the words that memory has.
fn from_memory(words: Vec<f32>, precision: Precision) -> Vec<f32> {
    let halves = |word: f32| [0, 16].map(|shift| f16::from_bits((word.to_bits() >> shift) as u16).to_f32());
    match precision {
        Precision::F32 => words,
        Precision::F16 => words.into_iter().flat_map(halves).collect(),
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
