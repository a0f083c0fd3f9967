//! Images that the device of a run holds, where it has memory for them.

use std::sync::Arc;

use wgrad::data::Split;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::Gpu;
use wgrad::model::Network;

use super::terminal::note;

/// An executor with room for the images of `splits`, if they should be held.
pub fn executor(gpu: Arc<Gpu>, model: &Network, options: Options, splits: &[&Arc<Split>]) -> anyhow::Result<Executor> {
    let options = options.holding(&gpu, splits)?;
    let wanted = options.build.held_images;
    let executor = Executor::new(gpu, model, options)?;
    if executor.options().build.held_images < wanted {
        note("warning: the GPU has no memory for the images of the data set, so each minibatch is sent to it");
    }
    Ok(executor)
}
