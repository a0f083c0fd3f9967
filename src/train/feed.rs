//! The minibatches of a pass, with their pixels or as places of images that the device holds.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::data::{Batch, DataError, Loader, Selection, Split};
use crate::exec::{Executor, StepImages};

/// The number of batches that a loader prepares ahead of the device.
const DEPTH: usize = 2;

/// One pass over a split.
#[derive(Debug)]
pub(super) enum Feed {
    /// A thread gathers the pixels.
    Sent(Loader),
    /// The device holds the split.
    Held(Held),
}

/// A pass over a split that the device holds.
#[derive(Debug)]
pub(super) struct Held {
    split: Arc<Split>,
    /// The place of its first image.
    first: u32,
    order: Vec<u32>,
    done: usize,
    batch_size: usize,
    used: Option<Selection>,
}

/// The images of a step.
#[derive(Debug)]
pub(super) enum Fed {
    Sent(Batch),
    Held(Selection),
}

impl Fed {
    pub fn images(&self) -> StepImages<'_> {
        match self {
            Self::Sent(batch) => batch.into(),
            Self::Held(selection) => selection.into(),
        }
    }
}

impl Feed {
    /// A pass over the images of `split` in the order of `order`.
    ///
    /// # Errors
    /// As [`Loader::new`].
    pub fn new(executor: &Executor, split: &Arc<Split>, order: Vec<u32>) -> Result<Self, DataError> {
        let (split, batch_size) = (split.clone(), executor.batch_size());
        match executor.first_held(&split) {
            Some(first) => Ok(Self::Held(Held { split, first, order, done: 0, batch_size, used: None })),
            None => Ok(Self::Sent(Loader::new(split, order, batch_size, DEPTH)?)),
        }
    }

    /// The next minibatch, or none after the last one.
    pub fn next(&mut self) -> Option<Fed> {
        match self {
            Self::Sent(loader) => loader.next().map(Fed::Sent),
            Self::Held(held) => held.next().map(Fed::Held),
        }
    }

    /// As [`Feed::next`], but [`Poll::Pending`] if it takes longer than `wait`.
    pub fn next_within(&mut self, wait: Duration) -> Poll<Option<Fed>> {
        match self {
            Self::Sent(loader) => loader.next_within(wait).map(|batch| batch.map(Fed::Sent)),
            Self::Held(held) => Poll::Ready(held.next().map(Fed::Held)),
        }
    }

    /// Gives the memory of a minibatch back for a later one.
    pub fn recycle(&mut self, fed: Fed) {
        match (self, fed) {
            (Self::Sent(loader), Fed::Sent(batch)) => loader.recycle(batch),
            (Self::Held(held), Fed::Held(selection)) => held.used = Some(selection),
            _ => {}
        }
    }
}

impl Held {
    fn next(&mut self) -> Option<Selection> {
        let rest = self.order.get(self.done..).filter(|rest| !rest.is_empty())?;
        let images = &rest[..self.batch_size.min(rest.len())];
        self.done += images.len();
        let mut selection = self.used.take().unwrap_or_default();
        selection.len = images.len();
        selection.places.clear();
        selection.places.extend(images.iter().map(|image| self.first + image));
        selection.places.resize(self.batch_size, 0);
        selection.labels.clear();
        let label = |image: &u32| self.split.labels().get(*image as usize).copied().map_or(u32::MAX, u32::from);
        selection.labels.extend(images.iter().map(label));
        selection.labels.resize(self.batch_size, 0);
        Some(selection)
    }
}
