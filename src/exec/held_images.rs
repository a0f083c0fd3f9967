//! Images that the device holds as bytes, so that the host need only name those of a minibatch.

use std::sync::Arc;

use super::error::ExecError;
use super::{Executor, Options};
use crate::data::{Batch, Selection, Split};
use crate::gpu::{Gpu, most_bytes};
use crate::graph::BufferKey;
use crate::kernel::Storage;

/// Most bytes of images that a device holds. WebGPU does not tell how much memory a GPU has; this is an eighth of what a
/// small one for desktop computers has.
const MOST_BYTES: u64 = 512 << 20;

/// Bytes that are written at once.
const PIECE: usize = 8 << 20;

/// Splits begin at multiples of this many images, and so at whole words.
const ALIGNMENT: usize = 4;

/// The images of a step: sent with it, or held by the device.
#[derive(Clone, Copy, Debug)]
pub enum StepImages<'a> {
    /// The host sends their pixels.
    Sent(&'a Batch),
    /// The host names them.
    Held(&'a Selection),
}

impl<'a> From<&'a Batch> for StepImages<'a> {
    fn from(batch: &'a Batch) -> Self {
        Self::Sent(batch)
    }
}

impl<'a> From<&'a Selection> for StepImages<'a> {
    fn from(selection: &'a Selection) -> Self {
        Self::Held(selection)
    }
}

impl StepImages<'_> {
    /// Images of the step.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Sent(batch) => batch.len,
            Self::Held(selection) => selection.len,
        }
    }
}

impl Options {
    /// The options with room on the device for the images of `splits`, if they should be held there: all of them have at
    /// most 512 MiB, which one binding reaches, and `gpu` has memory of its own. A software adapter would gain nothing.
    ///
    /// # Errors
    /// A micro-kernel that the adapter can't run.
    pub fn holding(mut self, gpu: &Gpu, splits: &[&Arc<Split>]) -> Result<Self, ExecError> {
        let (of_buffer, _) = most_bytes(&gpu.limits(), Storage::Buffers);
        let most = self.target(gpu)?.binding_bytes.min(of_buffer);
        self.build.held_images = if gpu.is_software() { 0 } else { room(splits, most) };
        Ok(self)
    }
}

/// The number of images of `splits`, each of which begins at a whole word; 0 if they have more than `most` bytes, or more than
/// a device holds.
fn room(splits: &[&Arc<Split>], most: u64) -> usize {
    let images: usize = splits.iter().map(|split| split.len().next_multiple_of(ALIGNMENT)).sum();
    let bytes = images as u64 * splits.iter().map(|split| split.image_len() as u64).max().unwrap_or(0);
    if bytes > most.min(MOST_BYTES) { 0 } else { images }
}

impl Executor {
    /// Brings the images of `splits` to the device, as far as [`Options::holding`] made room for them. Images of other splits
    /// are held no longer.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn hold(&mut self, splits: &[&Arc<Split>]) -> Result<(), ExecError> {
        if self.minibatch.held() == 0 || splits.iter().all(|split| self.first_held(split).is_some()) {
            return Ok(());
        }
        self.submit().await?;
        self.held.clear();
        let mut next = 0;
        for split in splits {
            let fits = split.image_shape() == self.image && next + split.len() <= self.minibatch.held();
            if fits && self.first_held(split).is_none() {
                self.write_images(split, next).await?;
                self.held.push(((*split).clone(), next as u32));
                next = (next + split.len()).next_multiple_of(ALIGNMENT);
            }
        }
        Ok(())
    }

    /// The place of the first image of `split` among those that the device holds, if it holds them.
    pub fn first_held(&self, split: &Arc<Split>) -> Option<u32> {
        self.held.iter().find(|(held, _)| Arc::ptr_eq(held, split)).map(|(_, first)| *first)
    }

    async fn write_images(&self, split: &Split, first: usize) -> Result<(), ExecError> {
        let buffer = self.program.buffer(BufferKey::Images)?;
        let mut offset = (first * split.image_len()) as u64;
        for piece in split.pixels().chunks(PIECE) {
            let whole = piece.len() / 4 * 4;
            self.gpu.write(buffer, offset, &piece[..whole]);
            if whole < piece.len() {
                let mut last = [0; 4];
                last[..piece.len() - whole].copy_from_slice(&piece[whole..]);
                self.gpu.write(buffer, offset + whole as u64, &last);
            }
            offset += piece.len() as u64;
            // The device keeps a copy of each piece on the host until the piece has arrived.
            self.gpu.await_submission(Some(self.gpu.submit(self.gpu.encoder())));
            self.gpu.finished().await;
        }
        Ok(self.gpu.check()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(shape: [usize; 3], images: usize) -> Arc<Split> {
        let pixels = vec![0; images * shape.iter().product::<usize>()];
        Arc::new(Split::new(shape, pixels, vec![0; images]))
    }

    #[test]
    fn images_are_held_up_to_the_limit() {
        let (train, test) = (split([5, 7, 3], 39), split([5, 7, 3], 6));
        // Filled up to whole words, they are 40 and 8.
        let bytes = 48 * 5 * 7 * 3;
        assert_eq!(room(&[&train, &test], bytes), 48);
        assert_eq!(room(&[&train, &test], bytes - 1), 0);
        assert_eq!(room(&[&train], bytes), 40);
        assert_eq!(room(&[], bytes), 0);
        // Half a gibibyte of large images, and four more of them.
        let (large, larger) = (split([1 << 12, 1 << 12, 1], 32), split([1 << 12, 1 << 12, 1], 33));
        assert_eq!(room(&[&large], u64::MAX), 32);
        assert_eq!(room(&[&larger], u64::MAX), 0);
    }

    /// A software adapter's memory is that of the host.
    #[test]
    fn a_software_adapter_holds_none() {
        let gpu = Gpu::open_blocking(&crate::gpu::AdapterChoice::default()).unwrap();
        let split = split([5, 7, 3], 39);
        let options = Options::default().holding(&gpu, &[&split]).unwrap();
        assert_eq!(options.build.held_images, if gpu.is_software() { 0 } else { 40 });
    }
}
