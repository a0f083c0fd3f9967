//! Compiling beside other work, where there are threads. Elsewhere a pipeline is made when it is first needed.

use std::sync::Arc;

#[cfg(feature = "host")]
use super::host::{Background, compile_ahead, compile_beside};
use super::{Gpu, Pipeline};

/// The first dispatch of a pipeline over images of these kinds. A software adapter compiles for both.
#[derive(Clone, Debug)]
pub(crate) struct FirstUse {
    pub pipeline: Arc<Pipeline>,
    /// By their bindings, the smallest images of the same kinds.
    pub images: Vec<(u32, [u32; 2])>,
}

impl FirstUse {
    /// The smallest size of the kind of an image: sizes that are powers of two, and others.
    pub fn least(image: &wgpu::Texture) -> [u32; 2] {
        [image.width(), image.height()].map(|size| if size.is_power_of_two() { 1 } else { 3 })
    }

    /// Whether the same machine code serves.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pipeline, &other.pipeline) && self.images == other.images
    }
}

/// The threads that compile for a program. They end with it.
#[derive(Debug, Default)]
pub(crate) struct Compilation {
    #[cfg(feature = "host")]
    beside: Option<Background>,
    #[cfg(feature = "host")]
    ahead: Vec<Background>,
}

impl Compilation {
    /// Begins to make `pipelines` on all cores.
    #[cfg(feature = "host")]
    pub fn begin(&mut self, pipelines: Vec<Arc<Pipeline>>) {
        self.beside = Some(compile_beside(pipelines));
    }

    /// Begins to make the machine code of a software adapter, if the device is busy with what was submitted, which begins
    /// with the first of `uses`.
    #[cfg(feature = "host")]
    pub fn begin_ahead(&mut self, gpu: &Arc<Gpu>, uses: Vec<FirstUse>) {
        self.ahead.extend(compile_ahead(gpu, uses));
    }

    /// Lets the threads begin no further pipeline, and waits for those that they are making.
    #[cfg(feature = "host")]
    pub fn stop(&mut self) {
        self.beside = None;
    }

    /// Without threads there is nothing to begin.
    #[cfg(not(feature = "host"))]
    pub fn begin(&mut self, _: Vec<Arc<Pipeline>>) {}

    /// As [`Self::begin`].
    #[cfg(not(feature = "host"))]
    pub fn begin_ahead(&mut self, _: &Arc<Gpu>, _: Vec<FirstUse>) {}

    /// As [`Self::begin`].
    #[cfg(not(feature = "host"))]
    pub fn stop(&mut self) {}
}
