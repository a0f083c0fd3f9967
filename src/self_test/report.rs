//! The results of the checks, as a table for people and as JSON for a bug report.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Comparison;
use super::comparison::worse;
use crate::exec::ExecError;
use crate::gpu::Gpu;
use crate::kernel::MicroKernel;
use crate::train::AdapterConfig;

/// Most failures that the table lists. The JSON has all of them.
const LISTED: usize = 20;

/// The results of a device.
#[derive(Debug, Serialize)]
pub struct Report {
    /// wgrad's version.
    pub wgrad: &'static str,
    /// Whether every case was run and passed.
    pub passed: bool,
    /// Why some cases were not run; absent if all were.
    pub ended: Option<String>,
    /// Duration in seconds.
    pub seconds: f64,
    /// The device that was tested.
    #[serde(flatten)]
    pub device: DeviceReport,
    /// The loops of the matrix products that it was tested with.
    pub micro_kernels: Vec<MicroKernel>,
    /// Each case with each micro-kernel.
    pub results: Vec<CaseResult>,
}

/// The properties of a device that results depend on.
#[derive(Debug, Serialize)]
pub struct DeviceReport {
    /// Operating system and processor.
    pub system: String,
    /// Name, backend and driver.
    pub adapter: AdapterConfig,
    /// `DiscreteGpu`, `IntegratedGpu`, `VirtualGpu`, `Cpu` or `Other`.
    pub adapter_type: String,
    /// PCI numbers of the vendor and the device.
    pub pci: [u32; 2],
    /// The micro-kernel that is used where none is asked for.
    pub default_micro_kernel: MicroKernel,
    /// Least and most lanes of a subgroup.
    pub subgroup_size: [u32; 2],
    /// Features of wgpu that are in use.
    pub features: Vec<&'static str>,
    /// Limits of wgpu that decide what runs.
    pub limits: BTreeMap<&'static str, u64>,
}

/// A case with a micro-kernel.
#[derive(Clone, Debug, Serialize)]
pub struct CaseResult {
    /// The operation.
    pub check: &'static str,
    /// The name of the case.
    pub case: String,
    /// The loop of the matrix products.
    pub micro_kernel: MicroKernel,
    /// Duration in seconds, including the compilation of shaders.
    pub seconds: f64,
    /// Whether it was run and every error is within its limit.
    pub passed: bool,
    /// The error that the device reported instead of results.
    pub failure: Option<String>,
    /// The errors and their limits.
    pub comparisons: Vec<Comparison>,
}

impl DeviceReport {
    /// The properties of `gpu`.
    pub fn new(gpu: &Gpu) -> Self {
        let (info, limits) = (gpu.info(), gpu.limits());
        Self {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            adapter: AdapterConfig::new(info),
            adapter_type: format!("{:?}", info.device_type),
            pci: [info.vendor, info.device],
            default_micro_kernel: gpu.default_micro_kernel(),
            subgroup_size: [info.subgroup_min_size, info.subgroup_max_size],
            features: gpu.device().features().iter_names().map(|(name, _)| name).collect(),
            limits: BTreeMap::from([
                ("max_buffer_size", limits.max_buffer_size),
                ("max_compute_invocations_per_workgroup", limits.max_compute_invocations_per_workgroup.into()),
                ("max_compute_workgroup_storage_size", limits.max_compute_workgroup_storage_size.into()),
                ("max_compute_workgroups_per_dimension", limits.max_compute_workgroups_per_dimension.into()),
                ("max_storage_buffer_binding_size", limits.max_storage_buffer_binding_size),
                ("max_storage_buffers_per_shader_stage", limits.max_storage_buffers_per_shader_stage.into()),
                ("max_storage_textures_per_shader_stage", limits.max_storage_textures_per_shader_stage.into()),
                ("max_texture_dimension_2d", limits.max_texture_dimension_2d.into()),
            ]),
        }
    }
}

impl CaseResult {
    /// The result of a case, from what its `run` returned.
    pub fn new(
        check: &'static str,
        case: &str,
        micro_kernel: MicroKernel,
        run: Result<Vec<Comparison>, ExecError>,
    ) -> Self {
        let (comparisons, failure) = match run {
            // A case without comparisons has tested nothing.
            Ok(comparisons) if comparisons.is_empty() => (comparisons, Some("nothing was compared".to_owned())),
            Ok(comparisons) => (comparisons, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let passed = failure.is_none() && comparisons.iter().all(Comparison::passed);
        Self { check, case: case.to_owned(), micro_kernel, seconds: 0.0, passed, failure, comparisons }
    }

    /// Lines that say what is wrong. There are none if the case passed.
    pub fn failures(&self) -> Vec<String> {
        let of = format!("{} ({}, {})", self.check, self.case, self.micro_kernel);
        let failed = self.comparisons.iter().filter(|comparison| !comparison.passed()).map(|comparison| {
            let error = error_figure(comparison.error, comparison.limit);
            let what = if comparison.limit == 0.0 {
                format!("{error} wrong")
            } else {
                format!("{} off by {error}, limit {}", comparison.what, limit_figure(comparison.limit))
            };
            match &comparison.first_wrong {
                Some(first) => format!("{of}: {what}; {first}"),
                None => format!("{of}: {what}"),
            }
        });
        self.failure.iter().map(|failure| format!("{of}: {failure}")).chain(failed).collect()
    }
}

impl Report {
    pub(super) fn new(device: DeviceReport, micro_kernels: Vec<MicroKernel>) -> Self {
        let wgrad = env!("CARGO_PKG_VERSION");
        // Without results nothing was tested.
        Self { wgrad, passed: false, ended: None, seconds: 0.0, device, micro_kernels, results: Vec::new() }
    }

    pub(super) fn add(&mut self, result: CaseResult) {
        self.passed = result.passed && (self.passed || self.results.is_empty());
        self.results.push(result);
    }

    pub(super) fn end(&mut self, reason: String) {
        self.passed = false;
        self.ended = Some(reason);
    }

    /// The report as JSON.
    ///
    /// # Errors
    /// An error of the JSON library. No report is known to cause one.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    /// The worst error of each row of the table, and the micro-kernel that made it; rows in the order of the checks.
    fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for result in &self.results {
            for comparison in &result.comparisons {
                let (check, what, limit) = (result.check, comparison.what, comparison.limit);
                let is_this = |row: &Row| (row.check, row.what, row.limit) == (check, what, limit);
                let own = Row { check, what, limit, error: comparison.error, micro_kernel: result.micro_kernel };
                match rows.iter_mut().find(|row| is_this(row)) {
                    Some(row) if row.error == worse(row.error, own.error) || row.error.is_nan() => {}
                    Some(row) => *row = own,
                    None => rows.push(own),
                }
            }
        }
        // Rows that count errors come last.
        let checks: Vec<&str> = self.results.iter().map(|result| result.check).collect();
        rows.sort_by_key(|row| (checks.iter().position(|check| *check == row.check), row.limit == 0.0));
        rows
    }
}

/// A row of the table.
struct Row {
    check: &'static str,
    what: &'static str,
    limit: f64,
    /// The worst error of all cases and micro-kernels, and the micro-kernel that made it.
    error: f64,
    micro_kernel: MicroKernel,
}

/// An error as `2.1e-7`; in a row that counts errors, the count.
fn error_figure(error: f64, limit: f64) -> String {
    if limit == 0.0 || error == 0.0 || !error.is_finite() { error.to_string() } else { format!("{error:.1e}") }
}

/// A limit as `1e-5`.
fn limit_figure(limit: f64) -> String {
    if limit == 0.0 { "0".into() } else { format!("{limit:e}") }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = format!("{:<28} {:<8} {:>7} {:>11}  {:<14}", "check", "result", "limit", "largest", "micro-kernel");
        writeln!(f, "{head}\n{}", "─".repeat(head.chars().count()))?;
        let mut last = "";
        for row in self.rows() {
            let check = if row.check == last { "" } else { row.check };
            last = row.check;
            let mark = if row.error <= row.limit { "" } else { "✗ " };
            let error = format!("{mark}{}", error_figure(row.error, row.limit));
            let kernel = if row.error == 0.0 { String::new() } else { row.micro_kernel.to_string() };
            let line = format!("{check:<28} {:<8} {:>7} {error:>11}  {kernel}", row.what, limit_figure(row.limit));
            writeln!(f, "{}", line.trim_end())?;
        }
        let failures: Vec<String> = self.results.iter().flat_map(CaseResult::failures).collect();
        if !failures.is_empty() {
            writeln!(f, "\nFailures:")?;
        }
        for failure in failures.iter().take(LISTED) {
            writeln!(f, "  {failure}")?;
        }
        if failures.len() > LISTED {
            writeln!(f, "  and {} more, which --json lists", failures.len() - LISTED)?;
        }
        if let Some(reason) = &self.ended {
            writeln!(f, "\n{reason}")?;
        }
        let (cases, seconds) = (self.results.len(), self.seconds);
        let failed = self.results.iter().filter(|result| !result.passed).count();
        if self.passed {
            write!(f, "\npassed: {cases} cases in {seconds:.1} s")
        } else {
            write!(f, "\nFAILED: {failed} of {cases} cases in {seconds:.1} s")
        }
    }
}
