//! Options that commands share, and what they open.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};
use wgrad::data::{self, Choice, DataSpec, Dataset, ImageSize};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::kernel::MicroKernel;

use super::{note, units};

/// Which data to use.
#[derive(Debug, Args)]
pub struct DataOptions {
    /// The data set; `auto` is CIFAR-10 where it is found or can be downloaded, else the generated shapes, and
    /// `folder:DIR` is DIR/train/CLASS and DIR/test/CLASS, or DIR/CLASS, with .png, .jpg and .jpeg files in each
    #[arg(long, default_value_t, value_name = "auto|cifar10|cifar100|shapes|folder:DIR")]
    dataset: Choice,
    /// Directory of CIFAR's binary files
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Height and width that the pictures of a folder are given; 32 if left out
    #[arg(long, value_name = "N|HxW")]
    image_size: Option<ImageSize>,
}

impl DataOptions {
    /// What the options say.
    pub fn spec(&self) -> DataSpec {
        DataSpec { dataset: self.dataset.clone(), data_dir: self.data_dir.clone(), image_size: self.image_size }
    }

    /// Opens the data set, and says what the user must know of it.
    pub fn open(&self) -> anyhow::Result<Dataset> {
        let (dataset, notes) = data::open(&self.spec()).map_err(wgrad::Error::from)?;
        notes.iter().for_each(|line| note(line));
        Ok(dataset)
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

    /// Opens the adapter.
    pub fn open(&self) -> anyhow::Result<Gpu> {
        let gpu = Gpu::open_blocking(&self.choice()).map_err(wgrad::Error::from)?;
        if gpu.is_software() && self.adapter.is_none() {
            note("no GPU was found: computing on the CPU with a software adapter (see `wgrad devices`)");
        }
        Ok(gpu)
    }

    /// Calls `option` with the name and value of each that was given.
    pub fn spell_out(&self, option: &mut impl FnMut(&str, String)) {
        let backend = self.backend.and_then(|backend| backend.to_possible_value());
        let backend = backend.map(|value| value.get_name().to_owned());
        let kernel = self.kernel.map(|kernel| kernel.to_string());
        for (name, value) in [("--adapter", self.adapter.clone()), ("--backend", backend), ("--kernel", kernel)] {
            if let Some(value) = value {
                option(name, value);
            }
        }
    }

    /// The micro-kernel asked for.
    pub fn micro_kernel(&self) -> Option<MicroKernel> {
        self.kernel
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

/// The line that says what is computed on.
pub fn adapter_line(info: &wgpu::AdapterInfo) -> String {
    let driver = [&info.driver, &info.driver_info].map(String::as_str).join(" ");
    format!("Adapter: {}, {}, {}", info.name, info.backend, driver.trim())
}

/// The line that says what is trained or evaluated on.
pub fn dataset_line(dataset: &Dataset) -> String {
    let [train, test] = [&dataset.train, &dataset.test].map(|split| units::count(split.len() as u64));
    let [h, w, _] = dataset.image_shape;
    let classes = units::count(dataset.class_names.len() as u64);
    format!(
        "Data set: {} ({}), {train} training and {test} test images of {h} x {w} in {classes} classes",
        dataset.name, dataset.origin
    )
}
