//! The error that an error of the library is about.

use std::error::Error;

use wgrad::exec::ExecError;
use wgrad::train::TrainError;

/// The error that a module has passed on, without the errors of the modules above it that only say whose it is.
pub fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let inner: &(dyn Error + 'static) = if let Some(error) = error.downcast_ref() {
        match error {
            TrainError::Data(error) => error,
            TrainError::Exec(error) => error,
            TrainError::Exchange(error) => error,
            _ => return error,
        }
    } else if let Some(error) = error.downcast_ref() {
        match error {
            ExecError::Gpu(error) => error,
            ExecError::Model(error) => error,
            ExecError::Graph(error) => error,
            ExecError::Plan(error) => error,
            ExecError::Program(error) => error,
            ExecError::Minibatch(error) => error,
            ExecError::BatchSize { .. } | ExecError::Weights(_) => return error,
        }
    } else {
        return error;
    };
    innermost(inner)
}
