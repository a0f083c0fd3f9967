//! Which network a state dict belongs to.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::StateDictOptions;
use super::variables::wanted;
use crate::model::zoo::torch::{Library, TORCH, TorchModel, imagenet};
use crate::model::{Layer, NamedTensor, Network, Node};
use crate::text::one_line;

/// A network with the names of a library.
struct Candidate {
    model: &'static TorchModel,
    library: Library,
    /// For the images and the classes that it was made for.
    network: Network,
    /// The names of the tensors in its state dict.
    names: HashSet<String>,
}

/// The networks that there are, each with the names of each library.
static CANDIDATES: LazyLock<Result<Vec<Candidate>, String>> = LazyLock::new(|| {
    const MODELS: &[TorchModel] = &TORCH;
    let pairs = MODELS.iter().flat_map(|model| model.libraries.iter().map(move |library| (model, *library)));
    let candidate = |(model, library): (&'static TorchModel, Library)| {
        let pixels = imagenet(TorchModel::INPUT[2]);
        let network = model.build(library, pixels, TorchModel::INPUT, TorchModel::CLASSES);
        let network = network.map_err(|error| error.to_string())?;
        let names = wanted(&network, model.grid)?.into_iter().map(|wanted| wanted.tensor).collect();
        Ok(Candidate { model, library, network, names })
    };
    pairs.map(candidate).collect()
});

/// The most channels of images. Pictures have up to 4.
const MOST_CHANNELS: usize = 64;

/// The network with the names of `tensors`, for their classes and channels: `model`, or else the one that has them all.
///
/// # Errors
/// What is wrong, in words.
pub fn recognize(
    tensors: &[NamedTensor],
    model: Option<&'static TorchModel>,
    options: &StateDictOptions,
) -> Result<(&'static TorchModel, Network), String> {
    let shapes: HashMap<&str, &[usize]> =
        tensors.iter().map(|tensor| (tensor.name.as_str(), tensor.shape.as_slice())).collect();
    let all = CANDIDATES.as_ref().map_err(String::clone)?;
    let candidates = all.iter().filter(|other| model.is_none_or(|model| model.name == other.model.name));
    let closest = candidates.min_by_key(|candidate| candidate.differences(&shapes));
    let Some(Candidate { model: found, library, network, .. }) = closest else {
        return Err("wgrad has no such network".into());
    };
    let difference = closest.and_then(|closest| closest.first_difference(&shapes));
    if let (None, Some(difference)) = (model, difference) {
        let mut known: Vec<&str> = all.iter().map(|candidate| candidate.model.library_name()).collect();
        known.dedup();
        return Err(format!(
            "its names are those of none of {}; {library}'s {} is closest, but {difference}",
            known.join(", "),
            found.library_name(),
        ));
    }
    let [h, w, _] = TorchModel::INPUT;
    let [h, w] = options.image_size.unwrap_or([h, w]);
    let classes = head(network).and_then(|head| outputs(&shapes, head)).unwrap_or(TorchModel::CLASSES);
    let channels = stem(network).and_then(|stem| shapes.get(&*format!("{}.weight", stem.name))?.get(1).copied());
    let channels = channels.filter(|channels| (1..=MOST_CHANNELS).contains(channels)).unwrap_or(3);
    let pixels = match &options.pixels {
        Some(pixels) => pixels.clone(),
        None if channels == 3 => imagenet(3),
        None => {
            return Err(format!(
                "it takes images of {channels} channels, for which ImageNet says no mean and deviation; give theirs"
            ));
        }
    };
    let network = found.build(*library, pixels, [h, w, channels], classes).map_err(|error| error.to_string())?;
    Ok((found, network))
}

impl Candidate {
    /// How many names are missing or too many.
    fn differences(&self, shapes: &HashMap<&str, &[usize]>) -> usize {
        let found = self.names.iter().filter(|name| shapes.contains_key(name.as_str())).count();
        (self.names.len() - found) + (shapes.len() - found)
    }

    /// The first name that is missing or too many, in words.
    fn first_difference(&self, shapes: &HashMap<&str, &[usize]>) -> Option<String> {
        let missing = self.names.iter().filter(|name| !shapes.contains_key(name.as_str())).min();
        let missing = missing.map(|name| format!("`{name}` is missing"));
        let other = || shapes.keys().filter(|name| !self.names.contains(**name)).min();
        missing.or_else(|| other().map(|name| format!("that has no `{}`", one_line(name))))
    }
}

/// The first convolution of a network.
fn stem(network: &Network) -> Option<&Node> {
    network.nodes().iter().find(|node| matches!(node.layer, Layer::Conv2d(_)))
}

/// The last layer of a network, if it is dense.
fn head(network: &Network) -> Option<&Node> {
    network.nodes().last().filter(|node| matches!(node.layer, Layer::Dense(_)))
}

/// The outputs of a layer: as many as its bias has elements.
fn outputs(shapes: &HashMap<&str, &[usize]>, layer: &Node) -> Option<usize> {
    match *shapes.get(&*format!("{}.bias", layer.name))? {
        &[outputs] if outputs > 0 => Some(outputs),
        _ => None,
    }
}
