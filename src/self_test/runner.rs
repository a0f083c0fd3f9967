//! Runs checks on a device. If one fails, the others still run.

use std::sync::Arc;
use std::time::Instant;

use super::report::{CaseResult, DeviceReport, Report};
use super::{Case, Check};
use crate::exec::ExecError;
use crate::gpu::{AdapterChoice, Gpu, GpuError};
use crate::kernel::MicroKernel;

/// A device under test.
#[derive(Debug)]
pub struct SelfTest {
    choice: AdapterChoice,
    gpu: Arc<Gpu>,
    micro_kernels: Vec<MicroKernel>,
}

impl SelfTest {
    /// A test of `gpu`, which `choice` opened, with one micro-kernel or with all that the device can run.
    ///
    /// # Errors
    /// A micro-kernel that it can't run.
    pub fn new(choice: AdapterChoice, gpu: Arc<Gpu>, micro_kernel: Option<MicroKernel>) -> Result<Self, GpuError> {
        let micro_kernels = match micro_kernel {
            Some(kernel) => gpu.supports(kernel).map(|()| vec![kernel])?,
            None => MicroKernel::ALL.into_iter().filter(|kernel| gpu.supports(*kernel).is_ok()).collect(),
        };
        Ok(Self { choice, gpu, micro_kernels })
    }

    /// The micro-kernels that cases run with.
    pub fn micro_kernels(&self) -> &[MicroKernel] {
        &self.micro_kernels
    }

    /// Runs every case with every micro-kernel. If the device fails in a case, the case has failed, and the device is
    /// opened again for the next one. If it does not open, the other cases are not run. `on_case` is called with each
    /// result, the number of results so far, and the number of all.
    pub fn run(mut self, checks: &[Check], on_case: &mut dyn FnMut(&CaseResult, usize, usize)) -> Report {
        let start = Instant::now();
        // A single micro-kernel was asked for, so it runs everything, however long that takes.
        let all = self.micro_kernels.len() == 1;
        let runs: Vec<(&Check, &Case, MicroKernel)> = (checks.iter())
            .flat_map(|check| check.cases.iter().map(move |case| (check, case)))
            .flat_map(|(check, case)| {
                check.kernels(&self.micro_kernels).into_iter().map(move |kernel| (check, case, kernel))
            })
            .filter(|(_, case, kernel)| all || case.is_for(&self.gpu, *kernel))
            .collect();
        let mut report = Report::new(DeviceReport::new(&self.gpu), self.micro_kernels.clone());
        for (check, case, kernel) in &runs {
            let began = Instant::now();
            let run = case.run(&self.gpu, *kernel);
            let broken = matches!(run, Err(ExecError::Gpu(_)));
            let result = CaseResult::new(check.name, &case.name, *kernel, run);
            report.add(CaseResult { seconds: began.elapsed().as_secs_f64(), ..result });
            if let Some(result) = report.results.last() {
                on_case(result, report.results.len(), runs.len());
            }
            if broken && let Err(error) = self.reopen() {
                report.end(format!("{} cases were not run: {error}", runs.len() - report.results.len()));
                break;
            }
        }
        report.seconds = start.elapsed().as_secs_f64();
        report
    }

    fn reopen(&mut self) -> Result<(), GpuError> {
        self.gpu = Arc::new(Gpu::open_blocking(&self.choice)?);
        Ok(())
    }
}
