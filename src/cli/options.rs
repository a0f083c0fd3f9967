//! Options that commands share, and what they open.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use clap::{Args, ValueEnum};
use wgrad::data::{self, Channels, Choice, DataError, DataSpec, Dataset, ImageSize, LeftOut, Split, left_out::Reason};
use wgrad::exec::Options;
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::kernel::MicroKernel;
use wgrad::model::Network;
use wgrad::report::units;
use wgrad::train::{Execution, RunSpec};

use super::terminal::note;

/// Which data to use.
#[derive(Debug, Args)]
pub struct DataOptions {
    /// The data set. `auto` is CIFAR-10 if it is found or can be downloaded, else the generated shapes. `folder:DIR` has
    /// the pictures in DIR/train/CLASS and DIR/test/CLASS (and DIR/val/CLASS), or in DIR/CLASS [default: auto]
    #[arg(long, value_name = "auto|cifar10|cifar100|mnist|fashion-mnist|shapes|folder:DIR")]
    dataset: Option<Choice>,
    /// Directory of the set's files, or of the archives that they are published in
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Height and width to which the pictures of a folder are brought; 32 if left out
    #[arg(long, value_name = "N|HxW")]
    image_size: Option<ImageSize>,
    /// Channels of the pictures of a folder: 1 for grey, 3 for red, green and blue, 4 for these and alpha; 3 if left out
    #[arg(long, value_name = "1|3|4")]
    channels: Option<Channels>,
    /// Take the pictures in sub-directories of a class for pictures of the class
    #[arg(long)]
    recursive: bool,
    /// Stop before training if anything in a folder of pictures would be left out, such as a broken picture
    #[arg(long)]
    strict: bool,
}

impl DataOptions {
    /// Changes in `spec` what the options say.
    pub fn update(&self, spec: &mut DataSpec) {
        update(&mut spec.dataset, self.dataset.clone());
        update_some(&mut spec.data_dir, self.data_dir.clone());
        update_some(&mut spec.image_size, self.image_size);
        update_some(&mut spec.channels, self.channels);
        spec.recursive |= self.recursive;
        spec.strict |= self.strict;
    }

    /// Opens the data set, and says what the user must know of it. Pictures of a folder get the size and the channels
    /// that the network takes, if there is one and the options do not say otherwise.
    pub fn open_for(&self, network: Option<&Network>) -> anyhow::Result<Dataset> {
        let mut spec = DataSpec::default();
        if let (Some(Choice::Folder(_)), Some(network)) = (&self.dataset, network) {
            let [h, w, channels] = network.input();
            spec.image_size = Some(ImageSize([h, w]));
            spec.channels = u8::try_from(channels).ok().and_then(|channels| channels.try_into().ok());
        }
        self.update(&mut spec);
        open_data(&spec)
    }
}

/// The images of a network, for commands that use none.
#[derive(Debug, Args)]
pub struct InputOptions {
    /// Height and width of the network's images, if neither the model file nor the weights say them; 32 if left out
    #[arg(long, value_name = "N|HxW")]
    image_size: Option<ImageSize>,
    /// Channels of the network's images, if neither the model file nor the weights say them; 3 if left out
    #[arg(long, value_name = "1|3|4")]
    channels: Option<Channels>,
}

impl InputOptions {
    /// `[h, w, c]`
    pub fn shape(&self) -> [usize; 3] {
        let ImageSize([h, w]) = self.image_size.unwrap_or_default();
        [h, w, self.channels.unwrap_or_default().count()]
    }
}

/// Opens the data set of `spec`, and says what the user must know of it.
pub fn open_data(spec: &DataSpec) -> anyhow::Result<Dataset> {
    let opened = data::open(spec).map_err(with_remedy)?;
    let has_files = matches!(spec.dataset, Choice::Auto | Choice::Published(_));
    let is_folder = matches!(spec.dataset, Choice::Folder(_));
    for (option, is_ignored) in [
        ("--data-dir", spec.data_dir.is_some() && !has_files),
        ("--recursive", spec.recursive && !is_folder),
        ("--strict", spec.strict && !is_folder),
    ] {
        if is_ignored {
            note(&format!("WARNING: {option} has no effect with --dataset {}", spec.dataset));
        }
    }
    opened.notes.iter().for_each(|line| note(line));
    note_left_out(&opened.left_out);
    Ok(opened.dataset)
}

/// Says in one line what was left out, if anything was.
pub fn note_left_out(left_out: &LeftOut) {
    if !left_out.is_empty() {
        note(&with_recursive(format!("WARNING: left out: {left_out}"), left_out));
    }
}

/// The error, with the options that help.
pub fn with_remedy(error: DataError) -> anyhow::Error {
    let message = error.to_string();
    let message = match &error {
        DataError::MissingDirectory { set, .. } | DataError::MissingFile { set, .. } => {
            format!("{message}, or name another directory with --data-dir or {}", set.variable)
        }
        DataError::Write { .. } => message + ", or name another directory with --data-dir",
        DataError::NotFound { .. } | DataError::NoCacheDirectory { .. } => {
            message + "; if you have the files, name their directory with --data-dir"
        }
        DataError::LeftOut { left_out, .. } => {
            with_recursive(message, left_out) + "; remove or convert the rest, or run without --strict"
        }
        DataError::NoPictures { left_out, .. } | DataError::NoTestPictures { left_out, .. } => {
            with_recursive(message, left_out)
        }
        DataError::Memory { .. } => message + " (--image-size)",
        DataError::FixedSize { .. } => message + "; leave out --image-size",
        DataError::FixedChannels { .. } => message + "; leave out --channels",
        DataError::HasValidation { .. } => message + "; leave out --validation-split",
        DataError::ClassNames(_) => message + "; to match them by place all the same, give --ignore-class-names",
        _ => message,
    };
    anyhow::Error::new(error).context(message)
}

fn with_recursive(message: String, left_out: &LeftOut) -> String {
    match left_out.count(Reason::Subdirectory) {
        0 => message,
        _ => message + "; --recursive takes those in sub-directories",
    }
}

/// Sets a setting to what was given, if it was.
pub fn update<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

/// [`update`] for a setting that may have no value.
pub fn update_some<T>(setting: &mut Option<T>, given: Option<T>) {
    if given.is_some() {
        *setting = given;
    }
}

/// Which device to compute on, and how.
#[derive(Debug, Args)]
pub struct DeviceOptions {
    /// Part of an adapter's name, its number in `wgrad devices`, or `software`
    #[arg(long, value_name = "NAME|INDEX|software")]
    adapter: Option<String>,
    /// The interface to the driver
    #[arg(long, value_enum)]
    backend: Option<Backend>,
    /// Loop of the matrix products; the adapter's own if left out
    #[arg(long, value_name = "KERNEL")]
    kernel: Option<MicroKernel>,
}

impl DeviceOptions {
    /// The adapter asked for.
    pub fn choice(&self) -> AdapterChoice {
        AdapterChoice { adapter: self.adapter.clone(), backend: self.backend.map(Into::into), ..Default::default() }
    }

    /// Changes in `spec` and `execution` what the options say.
    pub fn update(&self, spec: &mut RunSpec, execution: &mut Execution) {
        update_some(&mut execution.adapter, self.adapter.clone());
        update_some(&mut execution.backend, self.backend.map(Into::into));
        update_some(&mut spec.kernel, self.kernel);
    }

    /// Opens the adapter.
    pub fn open(&self) -> anyhow::Result<Gpu> {
        let (choice, gpu) = (self.choice(), Gpu::open_blocking(&self.choice())?);
        note_software(&gpu, &choice);
        Ok(gpu)
    }

    /// The micro-kernel asked for.
    pub fn micro_kernel(&self) -> Option<MicroKernel> {
        self.kernel
    }
}

/// Says that the adapter computes on the CPU, if nobody chose it.
pub fn note_software(gpu: &Gpu, choice: &AdapterChoice) {
    if gpu.is_software() && choice.adapter.is_none() {
        note("no GPU was found: computing on the CPU with a software adapter (see `wgrad devices`)");
    }
}

/// Interfaces to drivers.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Backend {
    Vulkan,
    Metal,
    Dx12,
    Gl,
}

impl From<Backend> for wgpu::Backend {
    fn from(backend: Backend) -> Self {
        match backend {
            Backend::Vulkan => Self::Vulkan,
            Backend::Metal => Self::Metal,
            Backend::Dx12 => Self::Dx12,
            Backend::Gl => Self::Gl,
        }
    }
}

/// `options` with which no dispatch takes the GPU too long.
pub fn paced(options: Options, gpu: &Arc<Gpu>, model: &Network) -> anyhow::Result<Options> {
    let start = Instant::now();
    Ok(gpu.block_on(options.paced(gpu, model, &|| start.elapsed()))?)
}

/// Images of a minibatch.
#[derive(Debug, Args)]
pub struct BatchSize {
    /// Images of a minibatch
    #[arg(long, default_value_t = 32, value_name = "IMAGES")]
    batch_size: u32,
}

impl BatchSize {
    /// At least 1.
    pub fn get(&self) -> anyhow::Result<usize> {
        if self.batch_size == 0 {
            bail!("--batch-size is 0; give 1 or more images");
        }
        Ok(self.batch_size as usize)
    }
}

/// The line that names the adapter.
pub fn adapter_line(info: &wgpu::AdapterInfo) -> String {
    let driver = [&info.driver, &info.driver_info].map(String::as_str).join(" ");
    format!("Adapter: {}, {}, {}", info.name, info.backend, driver.trim())
}

/// The line that names the data set.
pub fn dataset_line(dataset: &Dataset) -> String {
    let images = |split: &Split| units::count(split.len() as u64);
    let validation = (dataset.validation.as_ref()).map_or(String::new(), |v| format!(", {} validation", images(v)));
    let [train, test] = [&dataset.train, &dataset.test].map(|split| images(split));
    let [h, w, channels] = dataset.image_shape;
    let channels = match channels {
        1 => " (grey)",
        4 => " (with alpha)",
        _ => "",
    };
    let classes = units::count(dataset.class_names.len() as u64);
    format!(
        "Data set: {} ({}), {train} training{validation} and {test} test images of {h} x {w}{channels} in {classes} classes",
        dataset.name, dataset.origin
    )
}
