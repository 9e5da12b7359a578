//! `gatewright._engine`: the packet engine for Python.
//!
//! No logic: arguments become the engine's values, its errors one exception, its events objects.

mod codec;
mod engine;
mod errors;
mod messages;

/// The module's table of contents; its types are in `src/gatewright/_engine.pyi`.
#[pyo3::pymodule]
mod _engine {
    #[pymodule_export]
    use crate::codec::Esp;
    #[pymodule_export]
    use crate::engine::Engine;
    #[pymodule_export]
    use crate::errors::EngineError;
    #[pymodule_export]
    use crate::messages::{Acquire, FastPathLost, IkeDatagram, PeerMoved, SaCounters, SaExpiring};
}
