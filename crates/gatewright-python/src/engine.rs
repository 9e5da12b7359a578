//! The engine's calls.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use gatewright_engine::{SaParameters, Settings, Transport};
use gatewright_esp::{Algorithm, EspKeys};
use gatewright_io::{DirectOptions, Encapsulation, Offloads};
use pyo3::prelude::*;

use crate::errors::refused;
use crate::messages::{self, EntryTuple, FastPathTuple, SaCounters, SelectorTuple};

/// The user-space data plane.  Packets move on threads of its own that never take the GIL.
#[pyclass(frozen)]
pub(crate) struct Engine {
    engine: gatewright_engine::Engine,
    interface: String,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (
        interface, *, mtu, mark, port, without, mss_clamp, workers, busy_poll_us, direct_esp,
        own_table
    ))]
    #[expect(clippy::too_many_arguments, reason = "settings, by keyword")]
    fn new(
        interface: String,
        mtu: u32,
        mark: u32,
        port: u16,
        without: Vec<String>,
        mss_clamp: bool,
        workers: Option<usize>,
        busy_poll_us: u32,
        direct_esp: &str,
        own_table: String,
    ) -> PyResult<Self> {
        let mut offloads = Offloads::ALL;
        for name in &without {
            offloads = offloads.without(name).ok_or_else(|| {
                let known = Offloads::NAMES.join(", ");
                refused(format!(
                    "there is no fast path {name:?}; there are: {known}"
                ))
            })?;
        }
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let settings = Settings {
            interface: interface.clone(),
            mtu,
            mark,
            port,
            offloads,
            mss_clamp,
            workers: workers.unwrap_or_else(|| Settings::workers_for(cores())),
            busy_poll: Duration::from_micros(busy_poll_us.into()),
            direct: DirectOptions {
                sending: messages::direct_sending(direct_esp)?,
                own_table,
            },
            ..Settings::default()
        };
        let engine = gatewright_engine::Engine::new(settings).map_err(refused)?;
        Ok(Self { engine, interface })
    }

    /// The TUN device's name.
    #[getter]
    fn interface(&self) -> &str {
        &self.interface
    }

    fn open(&self, py: Python<'_>, addresses: Vec<IpAddr>) -> PyResult<()> {
        py.detach(|| self.engine.open(&addresses)).map_err(refused)
    }

    #[pyo3(signature = (*, remove))]
    fn close(&self, py: Python<'_>, remove: bool) -> PyResult<()> {
        py.detach(|| self.engine.close(remove)).map_err(refused)
    }

    fn replace_policies(&self, py: Python<'_>, entries: Vec<EntryTuple>) -> PyResult<()> {
        let entries: Vec<_> = entries
            .into_iter()
            .map(messages::entry)
            .collect::<PyResult<_>>()?;
        py.detach(|| self.engine.shared().replace_policies(entries))
            .map_err(refused)
    }

    #[pyo3(signature = (
        *, spi_in, spi_out, policy_id, local, remote, remote_port, udp, cipher, integrity,
        encryption_in, integrity_in, encryption_out, integrity_out, esn, local_selectors,
        remote_selectors, replay_window, byte_soft_limit, byte_limit, outbound_standby
    ))]
    #[expect(
        clippy::too_many_arguments,
        reason = "the fields of a ChildSa, by keyword"
    )]
    fn add_sa(
        &self,
        spi_in: u32,
        spi_out: u32,
        policy_id: u32,
        local: IpAddr,
        remote: IpAddr,
        remote_port: u16,
        udp: bool,
        cipher: &str,
        integrity: Option<&str>,
        encryption_in: &[u8],
        integrity_in: &[u8],
        encryption_out: &[u8],
        integrity_out: &[u8],
        esn: bool,
        local_selectors: Vec<SelectorTuple>,
        remote_selectors: Vec<SelectorTuple>,
        replay_window: u32,
        byte_soft_limit: u64,
        byte_limit: u64,
        outbound_standby: bool,
    ) -> PyResult<()> {
        let encapsulation = if udp {
            Encapsulation::Udp
        } else {
            Encapsulation::Protocol50
        };
        let parameters = SaParameters {
            spi_in,
            spi_out,
            policy_id,
            transport: Transport {
                local,
                remote: SocketAddr::new(remote, remote_port),
                encapsulation,
            },
            algorithm: Algorithm::from_names(cipher, integrity).map_err(refused)?,
            keys_in: EspKeys::new(encryption_in, integrity_in),
            keys_out: EspKeys::new(encryption_out, integrity_out),
            esn,
            selectors: messages::selectors(local_selectors, remote_selectors)?,
            replay_window,
            byte_soft_limit,
            byte_limit,
            outbound_standby,
        };
        self.engine.add_sa(parameters).map_err(refused)
    }

    fn activate_sa(&self, spi_in: u32) -> PyResult<()> {
        self.engine.shared().activate_sa(spi_in).map_err(refused)
    }

    fn move_sa(&self, spi_in: u32, remote: IpAddr, remote_port: u16) -> PyResult<()> {
        self.engine
            .move_sa(spi_in, SocketAddr::new(remote, remote_port))
            .map_err(refused)
    }

    fn remove_sa(&self, spi_in: u32) -> PyResult<()> {
        self.engine.shared().remove_sa(spi_in).map_err(refused)
    }

    fn acquire_failed(&self, policy_id: u32) {
        self.engine.shared().acquire_failed(policy_id);
    }

    fn send_ike(
        &self,
        local: IpAddr,
        remote: IpAddr,
        remote_port: u16,
        payload: &[u8],
    ) -> PyResult<()> {
        self.engine
            .send_ike(local, SocketAddr::new(remote, remote_port), payload)
            .map_err(refused)
    }

    fn send_keepalive(&self, local: IpAddr, remote: IpAddr, remote_port: u16) -> PyResult<()> {
        self.engine
            .send_keepalive(local, SocketAddr::new(remote, remote_port))
            .map_err(refused)
    }

    fn event_fd(&self) -> i32 {
        self.engine.event_descriptor()
    }

    fn poll_events(&self, py: Python<'_>) -> PyResult<Vec<Py<PyAny>>> {
        self.engine
            .take_events()
            .map_err(refused)?
            .into_iter()
            .map(|event| messages::event(py, event))
            .collect()
    }

    fn counters(&self) -> HashMap<&'static str, u64> {
        self.engine.shared().counters().all().collect()
    }

    fn sa_counters(&self) -> Vec<SaCounters> {
        let counters = self.engine.shared().sa_counters();
        counters.into_iter().map(SaCounters::from).collect()
    }

    /// Name, place, one word, and why not, of each fast path.
    fn fast_paths(&self) -> Vec<FastPathTuple> {
        let paths = self.engine.fast_paths();
        paths.into_iter().map(messages::fast_path).collect()
    }

    fn features(&self) -> HashMap<String, String> {
        self.engine.features().into_iter().collect()
    }

    /// What each counter means: name and sentence, in the order of a packet's way.
    #[staticmethod]
    fn counter_meanings() -> PyResult<Vec<(&'static str, &'static str)>> {
        Ok(gatewright_engine::Count::ALL
            .iter()
            .map(|count| (count.name(), count.meaning()))
            .chain(
                gatewright_engine::DropReason::ALL
                    .iter()
                    .map(|reason| (reason.name(), reason.meaning())),
            )
            .collect())
    }

    fn __repr__(&self) -> String {
        format!("Engine({:?})", self.interface)
    }
}
