//! Networks as torchvision and timm have them. Layers with variables have the names of PyTorch's modules, so that the names
//! in a state dict follow from them.

mod convnext;
mod densenet;
mod efficientnet;
mod inverted_residual;
mod library;
mod mobilenet_v2;
mod modules;
mod resnet;
mod vgg;

use crate::model::layers::Normalization;
use crate::model::{ModelError, Network};
pub use library::Library;
use modules::Modules;
pub use modules::{imagenet, normalization};

/// A network of torchvision or timm.
#[derive(Clone, Copy, Debug)]
pub struct TorchModel {
    /// The name by which it is chosen: `torch_` and the library's name.
    pub name: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// The libraries that have it, if their names for its modules differ; the first one gives layers their names where a
    /// network is trained from the start.
    pub libraries: &'static [Library],
    /// Height and width of the maps that the first dense layer takes, where maps of other sizes are pooled to them.
    pub grid: Option<usize>,
    build: fn(Modules, usize) -> Result<Network, ModelError>,
}

const TORCHVISION: &[Library] = &[Library::Torchvision];
const TIMM: &[Library] = &[Library::Timm];
const BOTH: &[Library] = &[Library::Torchvision, Library::Timm];

/// The networks of torchvision and timm that wgrad knows. Where the two have the same names for all modules of a network, it
/// stands here as torchvision's.
pub const TORCH: [TorchModel; 9] = [
    model("torch_resnet18", "He et al. 2015, torchvision and timm", TORCHVISION, None, resnet::resnet18),
    model("torch_resnet50", "He et al. 2015, torchvision and timm", TORCHVISION, None, resnet::resnet50),
    model("torch_mobilenet_v2", "Sandler et al. 2018, torchvision", BOTH, None, mobilenet_v2::mobilenet_v2),
    model("torch_efficientnet_lite0", "Liu 2020, timm", TIMM, None, efficientnet::efficientnet_lite0),
    model("torch_efficientnet_b0", "Tan & Le 2019, torchvision", BOTH, None, efficientnet::efficientnet_b0),
    model("torch_vgg11", "Simonyan & Zisserman 2014, torchvision", BOTH, Some(vgg::GRID), vgg::vgg11),
    model("torch_vgg16", "Simonyan & Zisserman 2014, torchvision", BOTH, Some(vgg::GRID), vgg::vgg16),
    model("torch_convnext_tiny", "Liu et al. 2022, torchvision", BOTH, None, convnext::convnext_tiny),
    model("torch_densenet121", "Huang et al. 2017, torchvision and timm", TORCHVISION, None, densenet::densenet121),
];

const fn model(
    name: &'static str,
    source: &'static str,
    libraries: &'static [Library],
    grid: Option<usize>,
    build: fn(Modules, usize) -> Result<Network, ModelError>,
) -> TorchModel {
    TorchModel { name, source, libraries, grid, build }
}

impl TorchModel {
    /// Shape `[h, w, c]` of the images that all of these networks were made for.
    pub const INPUT: [usize; 3] = [224, 224, 3];

    /// Number of classes that all of these networks were made for.
    pub const CLASSES: usize = 1000;

    /// The network of a name, with or without `torch_`.
    pub fn named(name: &str) -> Option<&'static Self> {
        const MODELS: &[TorchModel] = &TORCH;
        MODELS.iter().find(|model| model.name == name || model.library_name() == name)
    }

    /// The name that the libraries give it.
    pub fn library_name(&self) -> &'static str {
        self.name.strip_prefix("torch_").unwrap_or(self.name)
    }

    /// Builds it with the names of a library, for images `[h, w, c]` whose pixels are normalized, and for `classes` classes.
    ///
    /// # Errors
    /// Images that are too small, or too many classes.
    pub fn build(
        &self,
        library: Library,
        pixels: Normalization,
        input: [usize; 3],
        classes: usize,
    ) -> Result<Network, ModelError> {
        (self.build)(Modules::new(library, input, pixels)?, classes)
    }

    /// Builds it with the names of its first library, for pixels as those of ImageNet.
    ///
    /// # Errors
    /// Those of [`TorchModel::build`].
    pub fn build_new(&self, input: [usize; 3], classes: usize) -> Result<Network, ModelError> {
        let library = self.libraries.first().copied().unwrap_or(Library::Torchvision);
        self.build(library, imagenet(input[2]), input, classes)
    }
}
