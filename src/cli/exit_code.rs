//! Exit codes.

use std::io;

use wgrad::data::DataError;
use wgrad::exchange::ExchangeError;
use wgrad::exec::ExecError;
use wgrad::gpu::GpuError;
use wgrad::minibatch::MinibatchError;
use wgrad::model::ModelError;
use wgrad::train::TrainError;

use super::cause::innermost;
use super::output_file::NotWritten;

/// The codes, as `wgrad --help` lists them.
pub const TABLE: &str = "Exit codes:
  0    done
  1    an option makes no sense here, or some pictures could not be used
  2    an option is unknown or incomplete
  3    a file can't be read, is damaged, or does not fit
  4    there is no adapter, or the device failed
  5    the loss became NaN or infinite
  6    results can't be written
  7    the directory of a run is in use, or its run can't be resumed
  8    the self-test found a wrong result
  130  ended by Ctrl-C or a request to terminate";

/// The self-test found a wrong result.
pub const WRONG_RESULT: u8 = 8;

/// The process ended because of Ctrl-C; this is the code that shells use.
pub const INTERRUPTED: u8 = 130;

/// The exit code of an error.
pub fn of(error: &anyhow::Error) -> u8 {
    error.chain().map(innermost).find_map(of_cause).unwrap_or(1)
}

fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if let Some(error) = cause.downcast_ref() {
        return Some(match error {
            TrainError::NotFinite { .. } | TrainError::EvaluationNotFinite { .. } => 5,
            TrainError::Write { .. } | TrainError::WriteEvents { .. } => 6,
            TrainError::InUse { .. }
            | TrainError::NoCheckpoint { .. }
            | TrainError::Unfinished { .. }
            | TrainError::Checkpoint { .. }
            | TrainError::TooFar { .. } => 7,
            TrainError::TuningCache { .. } => 3,
            TrainError::Data(_) | TrainError::Exec(_) | TrainError::Exchange(_) => return None,
        });
    }
    if cause.is::<NotWritten>() {
        return Some(6);
    }
    match cause.downcast_ref() {
        Some(ExecError::BatchSize { .. }) => return Some(4),
        Some(ExecError::Weights(_)) => return Some(3),
        _ if cause.is::<GpuError>() => return Some(4),
        _ => {}
    }
    let reads = cause.is::<DataError>() || cause.is::<ExchangeError>() || cause.is::<ModelError>();
    (reads || cause.is::<MinibatchError>() || cause.is::<io::Error>()).then_some(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_a_device_has_its_code() {
        for fault in [
            GpuError::Lost("gone".into()),
            GpuError::OutOfMemory("full".into()),
            GpuError::Device("an error of validation".into()),
            GpuError::AddressSpace(1),
        ] {
            let passed_on = TrainError::from(ExecError::from(fault.clone()));
            assert_eq!(of(&passed_on.into()), 4, "{fault}");
            assert_eq!(of(&anyhow::Error::from(fault).context("while it ran")), 4);
        }
    }
}
