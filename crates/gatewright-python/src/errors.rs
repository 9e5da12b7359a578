//! The one exception of the module.

use pyo3::exceptions::PyException;
use pyo3::{create_exception, PyErr};

create_exception!(
    gatewright._engine,
    EngineError,
    PyException,
    "The engine or the system refused; the message says what, why, and what to do."
);

/// The sentence of an error as the exception.
pub(crate) fn refused(error: impl std::fmt::Display) -> PyErr {
    EngineError::new_err(error.to_string())
}
