//! Networks of the literature, for images of any size and any number of classes.

mod blocks;
mod efficientnet_lite0;
mod mobilenet_v2;
mod resnet;
pub mod torch;
mod vgg11;

use super::{ModelError, Network, Sequential};
use torch::{TORCH, TorchModel};

/// A network of the literature.
#[derive(Clone, Copy, Debug)]
pub struct ZooModel {
    /// The name by which it is chosen.
    pub name: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Shape `[h, w, c]` of the images that it was made for.
    pub input: [usize; 3],
    /// Number of classes that it was made for.
    pub classes: usize,
    /// Whether its width can be multiplied.
    pub has_width: bool,
    build: Build,
}

/// Whose network it is.
#[derive(Clone, Copy, Debug)]
enum Build {
    Own(fn([usize; 3], usize, f64) -> Result<Network, ModelError>),
    Torch(TorchModel),
}

/// The networks that wgrad knows by name: its own, and those of torchvision and timm.
pub const ZOO: [ZooModel; OWN.len() + TORCH.len()] = {
    let mut all = [OWN[0]; OWN.len() + TORCH.len()];
    let mut place = 0;
    while place < all.len() {
        all[place] = if place < OWN.len() { OWN[place] } else { ZooModel::torch(TORCH[place - OWN.len()]) };
        place += 1;
    }
    all
};

const OWN: [ZooModel; 6] = [
    ZooModel {
        name: "tutorial",
        source: "TensorFlow's tutorial \"Convolutional Neural Network (CNN)\"",
        input: [32, 32, 3],
        classes: 10,
        has_width: false,
        build: Build::Own(|input, classes, _| Ok(Sequential::tutorial(input, classes).into())),
    },
    ZooModel {
        name: "resnet20",
        source: "He et al. 2015, for CIFAR-10, with projections in shortcuts",
        input: [32, 32, 3],
        classes: 10,
        has_width: false,
        build: Build::Own(|input, classes, _| resnet::resnet20(input, classes)),
    },
    ZooModel {
        name: "resnet18",
        source: "He et al. 2015",
        input: [224, 224, 3],
        classes: 1000,
        has_width: false,
        build: Build::Own(|input, classes, _| resnet::resnet18(input, classes)),
    },
    ZooModel {
        name: "mobilenet_v2",
        source: "Sandler et al. 2018",
        input: [224, 224, 3],
        classes: 1000,
        has_width: true,
        build: Build::Own(mobilenet_v2::mobilenet_v2),
    },
    ZooModel {
        name: "efficientnet_lite0",
        source: "Liu 2020 (TensorFlow), after Tan & Le 2019",
        input: [224, 224, 3],
        classes: 1000,
        has_width: false,
        build: Build::Own(|input, classes, _| efficientnet_lite0::efficientnet_lite0(input, classes)),
    },
    ZooModel {
        name: "vgg11",
        source: "Simonyan & Zisserman 2014, configuration A",
        input: [224, 224, 3],
        classes: 1000,
        has_width: false,
        build: Build::Own(|input, classes, _| vgg11::vgg11(input, classes)),
    },
];

impl ZooModel {
    const fn torch(model: TorchModel) -> Self {
        let TorchModel { name, source, .. } = model;
        let (input, classes) = (TorchModel::INPUT, TorchModel::CLASSES);
        Self { name, source, input, classes, has_width: false, build: Build::Torch(model) }
    }

    /// Builds it for images `[h, w, c]` and `classes` classes. `width` multiplies the channels of its layers; 1 is the
    /// width of the source.
    ///
    /// # Errors
    /// Images that are too small, or a width that the network does not have.
    pub fn build(&self, input: [usize; 3], classes: usize, width: f64) -> Result<Network, ModelError> {
        let fits = if self.has_width { (0.05..=4.0).contains(&width) } else { width == 1.0 };
        if !fits {
            let widths = if self.has_width { "from 0.05 to 4" } else { "of 1 only" };
            return Err(ModelError::File(format!("{} has a width {widths}, not {width}", self.name)));
        }
        match self.build {
            Build::Own(build) => build(input, classes, width),
            Build::Torch(model) => model.build_new(input, classes),
        }
    }

    /// The network that `text` names, for images `[h, w, c]` and `classes` classes: `resnet20`, or `mobilenet_v2:0.35` with
    /// a width. `torch_` may be left out where no other network has the name. Gives none if `text` is no such name.
    ///
    /// # Errors
    /// Those of [`ZooModel::build`], and a width that is no number.
    pub fn named(text: &str, input: [usize; 3], classes: usize) -> Option<Result<Network, ModelError>> {
        let (name, width) = text.split_once(':').unwrap_or((text, "1"));
        let torch = |model: &&Self| model.name.strip_prefix("torch_") == Some(name);
        let model = ZOO.iter().find(|model| model.name == name).or_else(|| ZOO.iter().find(torch))?;
        let wrong = || ModelError::File(format!("`{width}` is no width of {name}; give a number such as 0.5"));
        Some(width.parse().map_err(|_| wrong()).and_then(|width| model.build(input, classes, width)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LayerSummary;

    fn summary(name: &str, input: [usize; 3], classes: usize) -> Vec<LayerSummary> {
        ZooModel::named(name, input, classes).unwrap().unwrap().summary().unwrap()
    }

    /// The numbers of the sources and of keras.applications and torchvision: parameters that are trained, and multiply-adds.
    #[test]
    fn parameters_and_arithmetic_are_those_of_the_sources() {
        for (name, trained, others, millions) in [
            ("tutorial", 122_570, 0, 4.549),
            ("resnet20", 272_474, 1_568, 40.8),
            ("resnet18", 11_689_512, 9_600, 1_814.1),
            // Keras counts 3,538,984 in all.
            ("mobilenet_v2", 3_504_872, 34_112, 300.8),
            ("efficientnet_lite0", 4_652_008, 42_016, 385.2),
            ("vgg11", 132_863_336, 0, 7_609.1),
            ("torch_resnet18", 11_689_512, 9_600, 1_814.1),
            ("torch_resnet50", 25_557_032, 53_120, 4_089.2),
            ("torch_mobilenet_v2", 3_504_872, 34_112, 300.8),
            ("torch_efficientnet_lite0", 4_652_008, 42_016, 385.2),
            ("torch_efficientnet_b0", 5_288_548, 42_016, 385.9),
            ("torch_vgg11", 132_863_336, 0, 7_609.1),
            ("torch_vgg16", 138_357_544, 0, 15_470.3),
            ("torch_convnext_tiny", 28_589_128, 0, 4_455.5),
            ("torch_densenet121", 7_978_856, 83_648, 2_834.2),
        ] {
            let model = ZOO.iter().find(|model| name == model.name).unwrap();
            let lines = summary(name, model.input, model.classes);
            let all: usize = lines.iter().map(|line| line.parameters).sum();
            let found: usize = lines.iter().map(|line| line.non_trainable).sum();
            assert_eq!((all - found, found), (trained, others), "{name}");
            let products = lines.iter().map(|line| line.multiply_adds).sum::<u64>() as f64 / 1e6;
            assert!((products / millions - 1.0).abs() < 0.01, "{name}: {products}");
        }
    }

    #[test]
    fn other_sizes_and_widths_are_built() {
        for model in ZOO {
            let network = model.build([64, 48, 1], 7, 1.0).unwrap();
            assert_eq!((network.input(), network.classes()), ([64, 48, 1], Ok(7)), "{}", model.name);
            let again = Network::from_toml(&network.to_toml().unwrap(), None).unwrap();
            assert_eq!(again, network, "{}", model.name);
        }
        for (name, words) in [
            ("resnet20:0.5", "a width of 1 only"),
            ("mobilenet_v2:0", "from 0.05 to 4, not 0"),
            ("mobilenet_v2:inf", "from 0.05 to 4, not inf"),
            ("mobilenet_v2:x", "`x` is no width"),
        ] {
            let error = ZooModel::named(name, [32, 32, 3], 10).unwrap().unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        assert!(ZooModel::named("models/tutorial.toml", [32, 32, 3], 10).is_none());
        // Only torchvision's has this name, but two networks are called resnet18.
        assert_eq!(summary("resnet50", [32, 32, 3], 10), summary("torch_resnet50", [32, 32, 3], 10));
        assert_ne!(summary("resnet18", [32, 32, 3], 10), summary("torch_resnet18", [32, 32, 3], 10));
        // Five poolings leave nothing of these.
        assert!(ZooModel::named("vgg11", [16, 16, 3], 10).unwrap().is_err());
    }
}
