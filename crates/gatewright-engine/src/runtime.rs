//! The engine with its devices and its thread.

use std::any::Any;
use std::net::{IpAddr, SocketAddr};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gatewright_esp::{AesCode, GcmCode};
use gatewright_io::{
    path_mtu, Encapsulation, FastPath, Standing, Tun, TunKeeper, IPSEC_MB, STEADY_CORE,
};

use crate::association::SaParameters;
use crate::control::{Shared, SocketSlot};
use crate::counters::Count;
use crate::devices::{open_sockets, open_tun};
use crate::error::EngineError;
use crate::event::Event;
use crate::guide::KernelTables;
use crate::link::Command;
use crate::seat;
use crate::settings::Settings;
use crate::worker::Worker;

/// Before an IKE message on the NAT traversal port (RFC 3948 section 2.2).
const NON_ESP_MARKER: [u8; 4] = [0; 4];
/// A NAT keepalive (RFC 3948 section 2.3).
const KEEPALIVE: [u8; 1] = [0xff];

/// Where a fast path of the processor is.
const PROCESSOR: &str = "the processor";

/// How long to wait for the packet threads to let go of closed sockets.
const PATIENCE: Duration = Duration::from_secs(1);

/// The user-space data plane.
pub struct Engine {
    shared: Arc<Shared>,
    running: Mutex<Option<Running>>,
    defect: Arc<Mutex<Defect>>,
}

/// What the panic of a worker said, and whether the control plane was told.
#[derive(Debug, Default)]
struct Defect {
    message: Option<String>,
    told: bool,
}

/// The devices and the threads, from `open` to `close`.
struct Running {
    crew: Vec<JoinHandle<()>>,
    tun: TunKeeper,
    tun_offload: String,
    tun_paths: Vec<FastPath>,
    /// How many workers read from the device.
    tun_queues: usize,
}

impl Engine {
    /// An engine that has nothing open yet.
    pub fn new(settings: Settings) -> Result<Self, EngineError> {
        if !(1..=Settings::MOST_WORKERS).contains(&settings.workers) {
            return Err(EngineError::Workers(settings.workers));
        }
        if settings.gcm() == GcmCode::Fastest {
            // It is looked for once; the first SA need not wait for that.
            let _ = GcmCode::ipsec_mb();
        }
        let shared = Shared::new(settings)?;
        if shared.links.count() > 1 {
            shared.steering.get_or_init(KernelTables::new);
        }
        Ok(Self {
            shared: Arc::new(shared),
            running: Mutex::new(None),
            defect: Arc::default(),
        })
    }

    /// The databases.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Creates or takes over the TUN device, opens UDP and protocol 50 on these addresses, and
    /// starts.  Called again, it opens and closes only what is new or gone.  Nothing is changed
    /// when it fails.
    pub fn open(&self, addresses: &[IpAddr]) -> Result<(), EngineError> {
        let mut running = lock(&self.running);
        let sockets = open_sockets(&self.shared, addresses)?;
        if running.is_some() {
            self.shared.use_sockets(sockets)?;
            // What is gone is closed when this returns, so that it can be opened again.
            self.shared.settle(PATIENCE);
        } else {
            *running = Some(self.start(sockets)?);
        }
        Ok(())
    }

    fn start(&self, sockets: Vec<SocketSlot>) -> Result<Running, EngineError> {
        let queues = open_tun(&self.shared)?;
        let keeper = queues[0].keeper();
        let tun_offload = queues[0].offload().describe();
        let tun_paths = queues[0].fast_paths();
        let reading = queues.iter().filter(|queue| queue.descriptor().is_some());
        let tun_queues = reading.count();
        self.shared.use_sockets(sockets)?;
        // What earlier threads did not live to be told.
        self.shared.links.forget_commands();
        let mut crew = Vec::with_capacity(queues.len());
        for (number, queue) in queues.into_iter().enumerate() {
            match self.spawn(number, Box::new(queue)) {
                Ok(thread) => crew.push(thread),
                Err(error) => {
                    let _ = self.dismiss(crew);
                    return Err(error);
                }
            }
        }
        Ok(Running {
            crew,
            tun: keeper,
            tun_offload,
            tun_paths,
            tun_queues,
        })
    }

    fn spawn(&self, number: usize, tun: Box<dyn Tun>) -> Result<JoinHandle<()>, EngineError> {
        let shared = Arc::clone(&self.shared);
        let defect = Arc::clone(&self.defect);
        let run = move || {
            let mut worker = Worker::new(Arc::clone(&shared), number, tun);
            let message = match catch_unwind(AssertUnwindSafe(|| worker.run())) {
                Ok(Ok(())) => return,
                Ok(Err(error)) => error.to_string(),
                Err(panic) => panic_message(&*panic),
            };
            // The TUN device stays, and nobody reads it: traffic is blocked.
            let counters = &shared.links.of(number).counters;
            counters.add(Count::WorkersStopped, 1);
            lock(&defect).message.get_or_insert(message);
            // Without one of them some flows would be stuck and others not: nobody could tell.
            shared.links.command_all(Command::Stop);
            shared.events.wake_control();
        };
        thread::Builder::new()
            .name(format!("gatewright-pkt{number}"))
            .spawn(run)
            .map_err(|error| system("start a packet thread", error))
    }

    /// Ends the threads.
    fn dismiss(&self, crew: Vec<JoinHandle<()>>) -> thread::Result<()> {
        self.shared.links.command_all(Command::Stop);
        let mut joined = Ok(());
        for thread in crew {
            joined = joined.and(thread.join());
        }
        joined
    }

    /// Stops.  `remove` takes the TUN device away too; without, it stays and blocks.
    pub fn close(&self, remove: bool) -> Result<(), EngineError> {
        let Some(running) = lock(&self.running).take() else {
            return Ok(());
        };
        let joined = self.dismiss(running.crew);
        self.shared.use_sockets(Vec::new())?;
        if remove {
            running
                .tun
                .remove_on_close()
                .map_err(|error| system("remove the TUN device", error))?;
        }
        joined.map_err(|panic| EngineError::WorkerStopped(panic_message(&*panic)))
    }

    /// Installs a pair.
    pub fn add_sa(&self, parameters: SaParameters) -> Result<(), EngineError> {
        let transport = parameters.transport;
        let mtu = self.system_mtu(transport.local, transport.remote.ip());
        self.shared.add_sa(parameters, mtu)
    }

    /// The peer of a pair is elsewhere; unknown pairs are ignored.
    pub fn move_sa(&self, spi_in: u32, remote: SocketAddr) -> Result<(), EngineError> {
        self.shared
            .move_sa(spi_in, remote, |local| self.system_mtu(local, remote.ip()))
    }

    /// None when the system does not know either, for want of a route perhaps.
    fn system_mtu(&self, local: IpAddr, remote: IpAddr) -> Option<u32> {
        path_mtu(local, remote, self.shared.settings.mark).ok()
    }

    /// Sends an IKE message from the NAT traversal port, the non-ESP marker before it.
    pub fn send_ike(
        &self,
        local: IpAddr,
        remote: SocketAddr,
        payload: &[u8],
    ) -> Result<(), EngineError> {
        self.send_control(local, remote, &[&NON_ESP_MARKER, payload].concat())
    }

    /// Sends a NAT keepalive.
    pub fn send_keepalive(&self, local: IpAddr, remote: SocketAddr) -> Result<(), EngineError> {
        self.send_control(local, remote, &KEEPALIVE)
    }

    fn send_control(
        &self,
        local: IpAddr,
        remote: SocketAddr,
        datagram: &[u8],
    ) -> Result<(), EngineError> {
        let tables = self.shared.tables();
        let position = tables
            .socket(Encapsulation::Udp, local, 0)
            .ok_or(EngineError::NotOpen(local))?;
        tables.sockets[position]
            .socket
            .send_one(datagram, remote)
            .map_err(|error| EngineError::Send { remote, error })
    }

    /// The events since the last call.  Fails once when a worker has stopped.
    pub fn take_events(&self) -> Result<Vec<Event>, EngineError> {
        let mut defect = lock(&self.defect);
        if let (Some(message), false) = (&defect.message, defect.told) {
            let message = message.clone();
            defect.told = true;
            // What else waits comes with the next call.
            self.shared.events.wake_control();
            return Err(EngineError::WorkerStopped(message));
        }
        Ok(self.shared.take_events())
    }

    /// What is in use, by name.
    pub fn features(&self) -> Vec<(String, String)> {
        let mut features = Vec::new();
        let mut add = |name: &str, value: String| features.push((name.to_owned(), value));
        match &*lock(&self.running) {
            Some(running) => {
                add("tun_offload", running.tun_offload.clone());
                add("workers", running.crew.len().to_string());
                add("tun_queues", running.tun_queues.to_string());
            }
            None => add("workers", "0".to_owned()),
        }
        match self.shared.steering.get() {
            Some(Ok(_)) => add("steering", "by destination and peer".to_owned()),
            Some(Err(error)) => add("steering", format!("by the first worker ({error})")),
            None => {}
        }
        let tables = self.shared.tables();
        for slot in tables.sockets.iter() {
            let local = slot.socket.local();
            let name = match slot.socket.encapsulation() {
                Encapsulation::Udp => format!("udp {local}"),
                Encapsulation::Protocol50 => format!("esp {}", local.ip()),
            };
            let alike = tables.sockets.iter().filter(|other| {
                let (a, b) = (&slot.socket, &other.socket);
                a.local() == b.local() && a.encapsulation() == b.encapsulation()
            });
            let value = match alike.count() {
                1 => slot.socket.describe(),
                count => format!("{}, {count} sockets", slot.socket.describe()),
            };
            add(&name, value);
        }
        if let Some(message) = &lock(&self.defect).message {
            add("stopped", message.clone());
        }
        features
    }

    /// What is fast here, and what is not and why, each way and place once.
    pub fn fast_paths(&self) -> Vec<FastPath> {
        let settings = &self.shared.settings;
        let steady = settings.offloads.steady_core;
        let mut paths = vec![vector_aes(), ipsec_mb(settings.gcm()), steady_core(steady)];
        if let Some(running) = &*lock(&self.running) {
            paths.extend(running.tun_paths.iter().cloned());
        }
        for slot in &*self.shared.tables().sockets {
            for path in slot.socket.fast_paths() {
                // Several workers have a socket each on one address.
                match paths
                    .iter_mut()
                    .find(|known| known.name == path.name && known.place == path.place)
                {
                    Some(known) if known.standing == Standing::InUse => *known = path,
                    Some(_) => {}
                    None => paths.push(path),
                }
            }
        }
        paths
    }

    /// Readable when `take_events` has something.
    pub fn event_descriptor(&self) -> i32 {
        self.shared.events.descriptor()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The device stays and blocks; only the threads must not outlive their owner.
        let _ = self.close(false);
    }
}

fn vector_aes() -> FastPath {
    let code = AesCode::here();
    FastPath {
        name: "vector-aes",
        place: PROCESSOR.to_owned(),
        standing: match code {
            AesCode::Vector => Standing::InUse,
            _ => Standing::Missing(code.text()),
        },
    }
}

fn ipsec_mb(gcm: GcmCode) -> FastPath {
    FastPath {
        name: IPSEC_MB,
        place: PROCESSOR.to_owned(),
        standing: match gcm {
            GcmCode::Fastest => {
                GcmCode::ipsec_mb().map_or_else(Standing::Missing, |()| Standing::InUse)
            }
            GcmCode::Linked | GcmCode::Ring | GcmCode::AwsLc => Standing::Off,
        },
    }
}

fn steady_core(wanted: bool) -> FastPath {
    FastPath {
        name: STEADY_CORE,
        place: PROCESSOR.to_owned(),
        standing: seat::standing(wanted),
    }
}

fn system(purpose: &'static str, error: std::io::Error) -> EngineError {
    EngineError::System { purpose, error }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
