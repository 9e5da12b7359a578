//! What crosses the boundary: selectors and policies inwards, events and counters outwards.

use std::net::IpAddr;

use gatewright_engine::Event;
use gatewright_io::{DirectSending, FastPath};
use gatewright_spd::{Action, Entry, Selector, Selectors};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// First and last address, protocol, first and last port.
pub(crate) type SelectorTuple = (IpAddr, IpAddr, u8, u16, u16);
/// Number, action, local and remote selectors.
pub(crate) type EntryTuple = (u32, String, Vec<SelectorTuple>, Vec<SelectorTuple>);

/// Name, place, one word, and why it is not used.
pub(crate) type FastPathTuple = (&'static str, String, &'static str, String);

pub(crate) fn fast_path(path: FastPath) -> FastPathTuple {
    let why = path.standing.to_string();
    (path.name, path.place, path.standing.word(), why)
}

pub(crate) fn direct_sending(name: &str) -> PyResult<DirectSending> {
    match name {
        "auto" => Ok(DirectSending::Auto),
        "on" => Ok(DirectSending::On),
        "off" => Ok(DirectSending::Off),
        other => Err(PyValueError::new_err(format!(
            "no direct sending {other:?}"
        ))),
    }
}

pub(crate) fn selectors(
    local: Vec<SelectorTuple>,
    remote: Vec<SelectorTuple>,
) -> PyResult<Selectors> {
    Ok(Selectors::new(side(local)?, side(remote)?))
}

fn side(selectors: Vec<SelectorTuple>) -> PyResult<Vec<Selector>> {
    selectors
        .into_iter()
        .map(|(first, last, protocol, first_port, last_port)| {
            Selector::new(first, last, protocol, (first_port, last_port))
                .map_err(|error| PyValueError::new_err(error.to_string()))
        })
        .collect()
}

pub(crate) fn entry((id, action, local, remote): EntryTuple) -> PyResult<Entry> {
    let action = match action.as_str() {
        "protect" => Action::Protect,
        "bypass" => Action::Bypass,
        "discard" => Action::Discard,
        other => return Err(PyValueError::new_err(format!("no action {other:?}"))),
    };
    Ok(Entry {
        id,
        action,
        selectors: selectors(local, remote)?,
    })
}

/// A packet wants an SA that does not exist.
#[pyclass(frozen, get_all)]
pub(crate) struct Acquire {
    policy_id: u32,
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    source_port: u16,
    destination_port: u16,
}

/// A limit of an SA is near, or reached.
#[pyclass(frozen, get_all)]
pub(crate) struct SaExpiring {
    spi_in: u32,
    hard: bool,
    reason: &'static str,
}

/// Authentic ESP came from another address or port.
#[pyclass(frozen, get_all)]
pub(crate) struct PeerMoved {
    spi_in: u32,
    remote: IpAddr,
    remote_port: u16,
}

/// A fast path that was in use is not any more.
#[pyclass(frozen, get_all)]
pub(crate) struct FastPathLost {
    name: &'static str,
    place: String,
    state: &'static str,
    why: String,
}

/// An IKE message came to the NAT traversal port.
#[pyclass(frozen, get_all)]
pub(crate) struct IkeDatagram {
    local: IpAddr,
    local_port: u16,
    remote: IpAddr,
    remote_port: u16,
    payload: Py<PyBytes>,
}

/// The event as a Python object.
pub(crate) fn event(py: Python<'_>, event: Event) -> PyResult<Py<PyAny>> {
    Ok(match event {
        Event::Acquire {
            policy_id,
            source,
            destination,
            protocol,
            ports: (source_port, destination_port),
        } => Py::new(
            py,
            Acquire {
                policy_id,
                source,
                destination,
                protocol,
                source_port,
                destination_port,
            },
        )?
        .into_any(),
        Event::SaExpiring {
            spi_in,
            hard,
            reason,
        } => Py::new(
            py,
            SaExpiring {
                spi_in,
                hard,
                reason: reason.text(),
            },
        )?
        .into_any(),
        Event::PeerMoved { spi_in, remote } => Py::new(
            py,
            PeerMoved {
                spi_in,
                remote: remote.ip(),
                remote_port: remote.port(),
            },
        )?
        .into_any(),
        Event::FastPathLost(path) => {
            let (name, place, state, why) = fast_path(path);
            let lost = FastPathLost {
                name,
                place,
                state,
                why,
            };
            Py::new(py, lost)?.into_any()
        }
        Event::IkeDatagram {
            local,
            remote,
            payload,
        } => Py::new(
            py,
            IkeDatagram {
                local: local.ip(),
                local_port: local.port(),
                remote: remote.ip(),
                remote_port: remote.port(),
                payload: PyBytes::new(py, &payload).unbind(),
            },
        )?
        .into_any(),
    })
}

/// Counters of one SA pair.
#[pyclass(frozen, get_all)]
pub(crate) struct SaCounters {
    spi_in: u32,
    packets_in: u64,
    bytes_in: u64,
    packets_out: u64,
    bytes_out: u64,
    last_in: Option<f64>,
    last_out: Option<f64>,
    outbound_active: bool,
    sequence_out: u64,
}

impl From<gatewright_engine::SaCounters> for SaCounters {
    fn from(counters: gatewright_engine::SaCounters) -> Self {
        Self {
            spi_in: counters.spi_in,
            packets_in: counters.packets_in,
            bytes_in: counters.bytes_in,
            packets_out: counters.packets_out,
            bytes_out: counters.bytes_out,
            last_in: counters.last_in,
            last_out: counters.last_out,
            outbound_active: counters.outbound_active,
            sequence_out: counters.sequence_out,
        }
    }
}
