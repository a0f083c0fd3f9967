//! Options that choose the network and the weights that it starts from.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use wgrad::data::Dataset;
use wgrad::exchange::{ExchangeError, FileKind, StateDictOptions, Weights};
use wgrad::exec::Executor;
use wgrad::file;
use wgrad::model::zoo::ZooModel;
use wgrad::model::zoo::torch::TorchModel;
use wgrad::model::{ModelError, NamedTensor, Network, Sequential};
use wgrad::train::{RunRecord, RunSpec};

use super::class_names::ClassNames;
use super::options::update_some;
use super::terminal::note;
use super::weights_file;

/// The network that a command works on.
#[derive(Debug, Args)]
pub struct ModelOptions {
    /// A network of `wgrad models`, such as resnet20, or a model file (TOML), such as models/tutorial.toml; the network of
    /// TensorFlow's tutorial if left out
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<PathBuf>,
}

impl ModelOptions {
    /// Opens the network for images of the shape `input` `[h, w, c]` and for `classes` classes.
    pub fn open(&self, input: [usize; 3], classes: usize) -> anyhow::Result<Network> {
        open_model(self.model.as_deref(), input, classes)
    }

    /// Fails if the network is in a file that can't be read, before a data set is opened, which may be downloaded.
    pub fn check_file(&self) -> anyhow::Result<()> {
        check_model(self.model.as_deref())
    }

    /// Returns the network of `weights`, which the options or else the weights file name; `dataset` with the network's
    /// classes; and a line that the user must see, if there is one.
    pub fn of_weights(
        &self,
        weights: &Weights,
        dataset: Dataset,
        class_names: &ClassNames,
    ) -> anyhow::Result<(Network, Dataset, Option<String>)> {
        let own = weights.model.as_ref().filter(|_| self.model.is_none());
        if let Some(model) = own {
            weights.class_names_of(model)?;
        }
        let (dataset, line) = class_names.match_data(&weights.class_names, dataset)?;
        let (image, classes) = (dataset.image_shape, dataset.class_names.len());
        let model = match own {
            Some(model) => {
                check_data(model, &dataset)?;
                model.clone()
            }
            None => self.open(image, classes)?,
        };
        Ok((model, dataset, line))
    }
}

/// Makes sure that `model` is for the images and classes of `dataset`.
pub fn check_data(model: &Network, dataset: &Dataset) -> anyhow::Result<()> {
    let Err(error) = model.check_data(dataset.image_shape, dataset.class_names.len()) else { return Ok(()) };
    let ([h, w, channels], message) = (model.input(), error.to_string());
    let error = anyhow::Error::new(error);
    let is_image = dataset.image_shape != [h, w, channels] && dataset.name == "folder";
    Err(if is_image {
        error.context(format!("{message}; give --image-size {h}x{w} --channels {channels}"))
    } else {
        error
    })
}

/// Opens the network of a model file, or that of TensorFlow's tutorial, for images of the shape `input` `[h, w, c]` and for
/// `classes` classes.
fn open_model(path: Option<&Path>, input: [usize; 3], classes: usize) -> anyhow::Result<Network> {
    let Some(path) = path else { return Ok(Sequential::tutorial(input, classes).into()) };
    if let Some(network) = path.to_str().and_then(|name| ZooModel::named(name, input, classes)) {
        return Ok(network?);
    }
    Network::from_toml(&read(path)?, Some((input, classes))).map_err(|error| in_file(path, error))
}

/// Fails if the network of [`open_model`] is in a file that can't be read.
fn check_model(path: Option<&Path>) -> anyhow::Result<()> {
    match path {
        Some(path) if path.to_str().and_then(|name| ZooModel::named(name, [32, 32, 3], 10)).is_none() => {
            read(path).map(drop)
        }
        _ => Ok(()),
    }
}

/// The network of weights, for commands without a data set. Images are 32 x 32 in colour if neither the weights nor the
/// model file give their shape.
#[derive(Debug, Args)]
pub struct WeightsModel {
    /// Model file (TOML) of the weights; without it, the network in the weights file, or else that of TensorFlow's tutorial.
    /// `import` and `export` also take the name of a network of torchvision or timm, which else is found by the names in
    /// the state dict, and the .keras file of the network of a .weights.h5
    #[arg(long, value_name = "NAME|FILE")]
    model: Option<PathBuf>,
}

impl WeightsModel {
    /// The file of Keras that was given as the network.
    pub fn of_keras(&self) -> Option<&Path> {
        let kind = |path: &&Path| matches!(FileKind::at(path), Ok(FileKind::KerasArchive | FileKind::Hdf5));
        self.model.as_deref().filter(kind)
    }

    /// [`WeightsModel::complete`] for weights in the file at `path`, which may be a state dict of PyTorch.
    pub fn complete_imported(
        &self,
        weights: &mut Weights,
        path: &Path,
        options: &StateDictOptions,
    ) -> anyhow::Result<Network> {
        if !weights.is_state_dict() {
            if *options != StateDictOptions::default() {
                note("WARNING: --image-size, --mean and --std have no effect: this is not a state dict of PyTorch");
            }
            let own = weights.model.clone().filter(|_| self.of_keras().is_some());
            return own.map_or_else(|| self.complete(weights), Ok);
        }
        *weights = self.of_state_dict(std::mem::take(&mut weights.tensors), path, options)?;
        weights.model.clone().ok_or_else(|| weights_file::with_advice(ExchangeError::NoModel))
    }

    /// Puts the network into `weights` and returns it, after a check that the weights fit it.
    pub fn complete(&self, weights: &mut Weights) -> anyhow::Result<Network> {
        const TUTORIAL: &str = include_str!("../../models/tutorial.toml");
        let own = weights.model.take();
        let from_toml = |text: &str| Network::from_toml_for(text, [32, 32, 3], &weights.tensors);
        let model = match (&self.model, own) {
            (Some(path), _) => from_toml(&read(path)?).map_err(|error| in_file(path, error))?,
            (None, Some(model)) => model,
            (None, None) => {
                let tutorial = from_toml(TUTORIAL).ok().filter(|model| weights.check_fit(model).is_ok());
                tutorial.ok_or_else(|| weights_file::with_advice(ExchangeError::NoModel))?
            }
        };
        weights.check_fit(&model).map_err(weights_file::with_advice)?;
        weights.model = Some(model.clone());
        Ok(model)
    }

    /// The weights in a state dict, with the network.
    fn of_state_dict(
        &self,
        tensors: Vec<NamedTensor>,
        path: &Path,
        options: &StateDictOptions,
    ) -> anyhow::Result<Weights> {
        let in_state_dict = |error| weights_file::about(path, error);
        let named = self.model.as_deref().map(|model| (model, model.to_str().and_then(TorchModel::named)));
        match named {
            Some((file, None)) => {
                let outputs = Weights::outputs_of_state_dict(&tensors);
                let network = Network::from_toml_for(&read(file)?, [32, 32, 3], &outputs);
                let network = network.map_err(|error| in_file(file, error))?;
                Weights::from_state_dict_of(tensors, network).map_err(in_state_dict)
            }
            Some((_, model)) => Weights::from_state_dict(tensors, model, options).map_err(in_state_dict),
            None => Weights::from_state_dict(tensors, None, options).map_err(|error| {
                let words = format!(
                    "{}: {error}; name the network with --model, or give a model file whose layers have the names of its \
                     modules",
                    path.display()
                );
                anyhow::Error::new(error).context(words)
            }),
        }
    }
}

/// The network and the weights that training starts from.
#[derive(Debug, Args)]
pub struct StartOptions {
    #[command(flatten)]
    model: ModelOptions,
    /// Start from trained weights (safetensors), with a fresh optimizer
    #[arg(long, value_name = "WEIGHTS")]
    from: Option<PathBuf>,
    /// Model file with layers to put on top of the network; they get initial weights
    #[arg(long, value_name = "FILE")]
    append: Option<PathBuf>,
    /// Names of layers whose weights stay as they are
    #[arg(long, value_name = "LAYER,...", value_delimiter = ',')]
    freeze: Vec<String>,
}

/// A network, and the weights that training starts from if they are not drawn.
#[derive(Debug)]
pub struct Start {
    /// The network.
    pub model: Network,
    /// Names of the classes that the last layer has learnt. They are empty if the weights file has no names, and nothing if
    /// the last layer is new.
    pub class_names: Option<Vec<String>>,
    from: Option<PathBuf>,
    weights: Vec<NamedTensor>,
    /// Names of the layers that were put on top.
    appended: Vec<String>,
}

impl StartOptions {
    /// Changes `spec` as the options say.
    pub fn update(&self, spec: &mut RunSpec) {
        update_some(&mut spec.model, self.model.model.clone());
        update_some(&mut spec.from, self.from.clone());
        update_some(&mut spec.append, self.append.clone());
        if !self.freeze.is_empty() {
            spec.freeze.clone_from(&self.freeze);
        }
    }

    /// Reads the files that the options name, for images of the shape `input` `[h, w, c]` and for `classes` classes, unless the
    /// files give others.
    pub fn open(&self, input: [usize; 3], classes: usize) -> anyhow::Result<Start> {
        let mut spec = RunSpec::default();
        self.update(&mut spec);
        Start::open(&spec, input, classes)
    }
}

impl Start {
    /// Fails if a file that `spec` names can't be read, before a data set is opened, which may be downloaded.
    pub fn check_files(spec: &RunSpec) -> anyhow::Result<()> {
        if let Some(path) = spec.from.as_ref().filter(|path| !path.is_file()) {
            weights_file::read(path)?;
        }
        check_model(spec.model.as_deref())?;
        spec.append.as_ref().map_or(Ok(()), |path| read(path).map(drop))
    }

    /// Reads the files that `spec` names, for images of the shape `input` `[h, w, c]` and for `classes` classes, unless the
    /// files give others.
    pub fn open(spec: &RunSpec, input: [usize; 3], classes: usize) -> anyhow::Result<Self> {
        let weights = spec.from.as_ref().map(|path| weights_file::read(path)).transpose()?;
        let mut model = match weights.as_ref().and_then(|weights| weights.model.as_ref()) {
            Some(model) if spec.model.is_none() => model.clone(),
            _ => open_model(spec.model.as_deref(), input, classes)?,
        };
        let layers = model.nodes().len();
        if let Some(path) = &spec.append {
            model = model.append_toml(&read(path)?, classes).map_err(|error| in_file(path, error))?;
        }
        let appended: Vec<String> = model.nodes().iter().skip(layers).map(|node| node.name.clone()).collect();
        let class_names = match &weights {
            Some(weights) if appended.is_empty() => Some(weights.class_names_of(&model)?.to_vec()),
            _ => None,
        };
        let model = model.freeze(&spec.freeze).map_err(|error| anyhow!("--freeze: {error}"))?;
        let weights = weights.map(|weights| weights.tensors).unwrap_or_default();
        Ok(Self { model, class_names, from: spec.from.clone(), weights, appended })
    }

    /// The network of a run that is resumed. Its weights are in the checkpoint.
    pub fn resumed(record: &RunRecord) -> anyhow::Result<Self> {
        let model = Network::from_toml(&record.network, None)?;
        Ok(Self { model, class_names: None, from: None, weights: Vec::new(), appended: Vec::new() })
    }

    /// Gives the network the weights that it starts from.
    pub fn load(self, executor: &mut Executor) -> anyhow::Result<()> {
        let (Some(path), false) = (&self.from, self.weights.is_empty()) else { return Ok(()) };
        let mut tensors = self.weights;
        let gpu = executor.gpu().clone();
        let new = gpu.block_on(executor.parameters())?;
        let layer = |tensor: &NamedTensor| tensor.name.split('/').next().map(String::from);
        tensors
            .extend(new.into_iter().filter(|tensor| layer(tensor).is_some_and(|name| self.appended.contains(&name))));
        gpu.block_on(executor.set_parameters(&tensors)).map_err(|error| weights_file::about(path, error))
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    file::read_text(path, Network::MOST_BYTES as u64).map_err(|error| {
        let words = weights_file::instead_of_model_file(path).unwrap_or_else(|| {
            format!(
                "cannot read {}: {error}; give a model file such as models/tutorial.toml, or a name of `wgrad models`",
                path.display()
            )
        });
        anyhow::Error::new(error).context(words)
    })
}

fn in_file(path: &Path, error: ModelError) -> anyhow::Error {
    let words = format!("model file {}: {error}", path.display());
    anyhow::Error::new(error).context(words)
}
