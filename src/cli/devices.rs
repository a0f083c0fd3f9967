//! `wgrad devices`

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use wgrad::gpu::{AdapterChoice, AdapterReport, Gpu, list_adapters};
use wgrad::report::units;

use super::options::Backend;

/// Options of `wgrad devices`.
#[derive(Debug, Args)]
#[command(after_help = "Example: wgrad devices --json")]
pub struct Devices {
    /// The interface to the driver; adapters of GL are only listed with `--backend gl`
    #[arg(long, value_enum)]
    backend: Option<Backend>,
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    index: usize,
    name: String,
    #[serde(rename = "type")]
    kind: &'static str,
    backend: String,
    driver: String,
    driver_info: String,
    compute: bool,
    max_binding_bytes: u64,
    subgroups: bool,
    /// Least and most lanes of a subgroup; 0 where that is unknown.
    lanes: [u32; 2],
    updates_images: bool,
    timestamps: bool,
    /// The loop of the matrix products that the adapter runs; `None` if the adapter does not open.
    kernel: Option<String>,
}

impl Devices {
    /// Lists the adapters.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let backend = self.backend.map(Into::into);
        let adapters = list_adapters(backend)?;
        let lines: Vec<_> = adapters.into_iter().enumerate().map(|(i, report)| line(i, report, backend)).collect();
        let mut out = io::stdout();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&lines)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        if lines.is_empty() {
            // Opening fails too, with the reason and what to do.
            let choice = AdapterChoice { backend, ..Default::default() };
            Gpu::open_blocking(&choice)?;
        }
        for line in lines {
            let lacks = lacks(&line);
            let Line { index, name, kind, backend, driver, driver_info, max_binding_bytes, kernel, .. } = &line;
            writeln!(out, "{index}: {name}")?;
            writeln!(out, "   type:            {kind}")?;
            writeln!(out, "   backend:         {backend}")?;
            writeln!(out, "   driver:          {driver} {driver_info}")?;
            writeln!(out, "   largest binding: {}", units::bytes(*max_binding_bytes))?;
            writeln!(out, "   subgroups:       {}", subgroups(&line))?;
            writeln!(out, "   kernel:          {}", kernel.as_deref().unwrap_or("none: the adapter can't be used"))?;
            for lack in lacks {
                writeln!(out, "   lacks:           {lack}")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether there are subgroups, and how many lanes they have. That of a software adapter is the number of floats that it
/// computes at once.
fn subgroups(line: &Line) -> String {
    match (line.subgroups, line.lanes) {
        (false, _) => "no".into(),
        (true, [0, _] | [_, 0]) => "yes".into(),
        (true, [least, most]) if least == most => format!("{least} lanes"),
        (true, [least, most]) => format!("{least} to {most} lanes"),
    }
}

/// What an adapter can't do, and the consequence of each.
fn lacks(line: &Line) -> Vec<&'static str> {
    let mut lacks = Vec::new();
    if !line.compute {
        lacks.push("compute shaders: wgrad can't use it");
    }
    if !line.timestamps {
        lacks.push("timestamps: --profile uses the host's clock and takes longer");
    }
    // The kernels for GPUs use neither.
    if line.kind == "software" && !(line.subgroups && line.updates_images) {
        lacks.push("subgroups or updates of images: matrix products run in the loop `direct`, which is much slower");
    }
    lacks
}

fn line(index: usize, report: AdapterReport, backend: Option<wgpu::Backend>) -> Line {
    let choice = AdapterChoice { adapter: Some(index.to_string()), backend, ..Default::default() };
    let kernel = Gpu::open_blocking(&choice).map(|gpu| gpu.default_micro_kernel().to_string());
    let info = report.info;
    Line {
        index,
        name: info.name,
        kind: match info.device_type {
            wgpu::DeviceType::DiscreteGpu => "discrete GPU",
            wgpu::DeviceType::IntegratedGpu => "integrated GPU",
            wgpu::DeviceType::VirtualGpu => "virtual GPU",
            wgpu::DeviceType::Cpu => "software",
            wgpu::DeviceType::Other => "other",
        },
        backend: info.backend.to_string(),
        driver: info.driver,
        driver_info: info.driver_info,
        compute: report.compute,
        max_binding_bytes: report.max_binding,
        subgroups: report.subgroups,
        lanes: [info.subgroup_min_size, info.subgroup_max_size],
        updates_images: report.updates_images,
        timestamps: report.timestamps,
        kernel: kernel.ok(),
    }
}
