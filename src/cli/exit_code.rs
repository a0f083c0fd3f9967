//! Exit codes.

use std::io;

use wgrad::Error;
use wgrad::data::DataError;
use wgrad::exchange::ExchangeError;
use wgrad::gpu::GpuError;
use wgrad::model::ModelError;
use wgrad::train::TrainError;

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
    error.chain().find_map(of_cause).unwrap_or(1)
}

fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<u8> {
    if let Some(error) = cause.downcast_ref::<TrainError>() {
        return Some(match error {
            TrainError::NotFinite { .. } | TrainError::EvaluationNotFinite { .. } => 5,
            TrainError::Write { .. } | TrainError::WriteEvents { .. } => 6,
            TrainError::InUse { .. }
            | TrainError::NoCheckpoint { .. }
            | TrainError::Unfinished { .. }
            | TrainError::Checkpoint { .. }
            | TrainError::TooFar { .. } => 7,
            TrainError::TuningCache { .. } => 3,
        });
    }
    if cause.is::<GpuError>() {
        return Some(4);
    }
    if cause.is::<NotWritten>() {
        return Some(6);
    }
    if cause.is::<DataError>() || cause.is::<ExchangeError>() || cause.is::<ModelError>() || cause.is::<io::Error>() {
        return Some(3);
    }
    match cause.downcast_ref::<Error>()? {
        Error::Train(error) => of_cause(error),
        Error::Gpu(_) | Error::BatchSize { .. } => Some(4),
        Error::Data(_) | Error::Minibatch(_) | Error::Exchange(_) | Error::Weights(_) | Error::Model(_) => Some(3),
        Error::Graph(_) | Error::Program(_) | Error::Plan(_) | Error::Report(_) => None,
    }
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
            assert_eq!(of(&Error::Gpu(fault.clone()).into()), 4, "{fault}");
            assert_eq!(of(&anyhow::Error::from(fault).context("while it ran")), 4);
        }
    }
}
