//! The databases that control calls change and workers read.
//!
//! A control call makes a new snapshot of the tables and swaps it in; a worker looks for a new one
//! once per batch.  Nothing that a worker does per packet takes a lock.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use gatewright_io::{Encapsulation, Socket};
use gatewright_spd::{Action, Entry, SnapshotMap, Spd};

use crate::association::{Association, SaParameters, Transport};
use crate::counters::DropReason;
use crate::error::EngineError;
use crate::event::{Event, Events};
use crate::guide::{Guide, KernelTables};
use crate::link::{Command, CounterSums, Links};
use crate::owners::Owners;
use crate::path::Paths;
use crate::settings::Settings;

/// A socket, and whose it is.
#[derive(Clone)]
pub struct SocketSlot {
    /// The worker that receives from it.
    pub worker: usize,
    /// The socket.
    pub socket: Arc<dyn Socket>,
}

/// The pairs of one policy, newest first.
pub(crate) type PolicyAssociations = Arc<[Arc<Association>]>;

/// One state of the databases.
#[derive(Clone, Default)]
pub(crate) struct Tables {
    /// Goes up with every change.
    pub(crate) generation: u64,
    pub(crate) spd: Arc<Spd>,
    /// By inbound SPI.
    pub(crate) inbound: SnapshotMap<Arc<Association>>,
    /// By policy.
    pub(crate) outbound: SnapshotMap<PolicyAssociations>,
    pub(crate) sockets: Arc<[SocketSlot]>,
    pub(crate) owners: Owners,
}

impl Tables {
    /// The pairs of a policy, newest first.
    pub(crate) fn of_policy(&self, policy_id: u32) -> &[Arc<Association>] {
        self.outbound.get(policy_id).map_or(&[], |pairs| &**pairs)
    }

    /// The socket of an encapsulation and address, by position: the worker's own, or one that all
    /// send through.
    pub(crate) fn socket(
        &self,
        encapsulation: Encapsulation,
        local: IpAddr,
        worker: usize,
    ) -> Option<usize> {
        let mut found = None;
        for (position, slot) in self.sockets.iter().enumerate() {
            let socket = &slot.socket;
            if socket.encapsulation() == encapsulation && socket.local().ip() == local {
                if slot.worker == worker {
                    return Some(position);
                }
                found = found.or(Some(position));
            }
        }
        found
    }

    /// Every policy that protects has an owner; those that are gone have none any more.
    fn assign_owners(&mut self, before: &Spd) {
        let protects = |entry: &&Entry| entry.action == Action::Protect;
        let now: HashSet<u32> = self.spd.entries().iter().map(|entry| entry.id).collect();
        for entry in before.entries().iter().filter(|old| !now.contains(&old.id)) {
            self.owners.forget(entry.id);
        }
        for entry in self.spd.entries().iter().filter(protects) {
            self.owners.assign(entry.id);
        }
    }

    fn add(&mut self, pair: Arc<Association>) {
        let mut of_policy = vec![Arc::clone(&pair)];
        of_policy.extend_from_slice(self.of_policy(pair.policy_id));
        self.outbound.insert(pair.policy_id, of_policy.into());
        self.inbound.insert(pair.spi_in, pair);
    }

    fn remove(&mut self, spi_in: u32) -> Option<Arc<Association>> {
        let pair = self.inbound.remove(spi_in)?;
        let left: Vec<_> = self
            .of_policy(pair.policy_id)
            .iter()
            .filter(|other| other.spi_in != spi_in)
            .cloned()
            .collect();
        if left.is_empty() {
            self.outbound.remove(pair.policy_id);
        } else {
            self.outbound.insert(pair.policy_id, left.into());
        }
        Some(pair)
    }

    /// Puts a changed pair in the old one's place, also in the order.
    fn replace(&mut self, pair: Arc<Association>) {
        let of_policy: Vec<_> = self
            .of_policy(pair.policy_id)
            .iter()
            .map(|other| {
                if other.spi_in == pair.spi_in {
                    Arc::clone(&pair)
                } else {
                    Arc::clone(other)
                }
            })
            .collect();
        self.outbound.insert(pair.policy_id, of_policy.into());
        self.inbound.insert(pair.spi_in, pair);
    }
}

/// What the control plane and the workers share.
pub struct Shared {
    pub(crate) settings: Settings,
    tables: ArcSwap<Tables>,
    /// That of `tables`, or of those before for a moment: cheaper to look at.
    generation: AtomicU64,
    /// Goes up when a worker changes what an earlier decision rested on (a standby ends).
    epoch: AtomicU64,
    pub(crate) events: Events,
    pub(crate) paths: Paths,
    pub(crate) links: Links,
    /// Where the kernel looks up which worker a packet goes to, or why it does not; empty when
    /// there is nothing to choose.
    pub(crate) steering: OnceLock<io::Result<KernelTables>>,
    guide: Mutex<Guide>,
    started: Instant,
    /// Held over each change.  The tables that were replaced wait here until no worker reads them,
    /// so that it is never a worker that frees them (and wipes the keys).
    retired: Mutex<Vec<Arc<Tables>>>,
}

/// Counters of one pair, for the control plane.
#[derive(Debug, Clone, PartialEq)]
pub struct SaCounters {
    /// Our SPI.
    pub spi_in: u32,
    /// Packets opened.
    pub packets_in: u64,
    /// Octets of those.
    pub bytes_in: u64,
    /// Packets sealed.
    pub packets_out: u64,
    /// Octets of those.
    pub bytes_out: u64,
    /// Seconds since the last packet in.
    pub last_in: Option<f64>,
    /// Seconds since the last packet out.
    pub last_out: Option<f64>,
    /// Whether the outbound half is in use.
    pub outbound_active: bool,
    /// The last sequence number sent.
    pub sequence_out: u64,
}

impl Shared {
    /// Empty databases.
    pub fn new(settings: Settings) -> Result<Self, EngineError> {
        let descriptor = |error| EngineError::System {
            purpose: "make an event descriptor",
            error,
        };
        Ok(Self {
            events: Events::new(settings.ike_queue, settings.event_queue).map_err(descriptor)?,
            links: Links::new(settings.workers).map_err(descriptor)?,
            tables: ArcSwap::from_pointee(Tables {
                owners: Owners::new(settings.workers),
                ..Tables::default()
            }),
            generation: AtomicU64::new(0),
            settings,
            epoch: AtomicU64::new(0),
            paths: Paths::default(),
            steering: OnceLock::new(),
            guide: Mutex::default(),
            started: Instant::now(),
            retired: Mutex::default(),
        })
    }

    /// Milliseconds since the engine was made.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn tables(&self) -> Arc<Tables> {
        self.tables.load_full()
    }

    /// The tables if they are others than those of this generation.
    pub(crate) fn newer_tables(&self, generation: u64) -> Option<Arc<Tables>> {
        if self.generation.load(Ordering::Acquire) == generation {
            return None;
        }
        let tables = self.tables.load();
        (tables.generation != generation).then(|| Arc::clone(&tables))
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    pub(crate) fn next_epoch(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// Changes the tables; nothing is changed when `change` fails.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Tables) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let mut retired = self.lock_retired();
        let mut tables = Tables::clone(&self.tables.load());
        let result = change(&mut tables)?;
        tables.generation += 1;
        let generation = tables.generation;
        retired.push(self.tables.swap(Arc::new(tables)));
        self.generation.store(generation, Ordering::Release);
        self.links.wake_all();
        retired.retain(|tables| Arc::strong_count(tables) > 1);
        Ok(result)
    }

    /// Frees replaced tables that no worker reads any more; how many are left.
    pub(crate) fn free_retired(&self) -> usize {
        let mut retired = self.lock_retired();
        retired.retain(|tables| Arc::strong_count(tables) > 1);
        retired.len()
    }

    /// Waits until the workers have taken the newest tables up, so that what they no longer hold is
    /// closed; at most `patience`.
    pub(crate) fn settle(&self, patience: Duration) {
        const STEP: Duration = Duration::from_millis(1);
        let end = Instant::now() + patience;
        while self.free_retired() > 0 && Instant::now() < end {
            std::thread::sleep(STEP);
        }
    }

    fn guide(&self, change: impl FnOnce(&mut Guide, Option<&KernelTables>)) {
        let mut guide = self.guide.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut guide, self.kernel());
    }

    pub(crate) fn kernel(&self) -> Option<&KernelTables> {
        self.steering.get()?.as_ref().ok()
    }

    fn lock_retired(&self) -> MutexGuard<'_, Vec<Arc<Tables>>> {
        self.retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the workers use these sockets and no others.
    pub fn use_sockets(&self, sockets: Vec<SocketSlot>) -> Result<(), EngineError> {
        self.change(|tables| {
            tables.sockets = sockets.into();
            Ok(())
        })
    }

    /// The events since the last call.
    pub fn take_events(&self) -> Vec<Event> {
        self.free_retired();
        self.events.take()
    }

    /// The whole SPD, in order of evaluation.
    pub fn replace_policies(&self, entries: Vec<Entry>) -> Result<(), EngineError> {
        let spd = Arc::new(Spd::new(entries));
        self.change(|tables| {
            let before = std::mem::replace(&mut tables.spd, spd);
            tables.assign_owners(&before);
            self.guide(|guide, kernel| {
                guide.replace_networks(kernel, &tables.spd, &tables.owners);
            });
            Ok(())
        })
    }

    /// Installs a pair.  `system_mtu` is what the system says of the path to the peer.
    pub fn add_sa(
        &self,
        parameters: SaParameters,
        system_mtu: Option<u32>,
    ) -> Result<(), EngineError> {
        let transport = parameters.transport;
        check_transport(&transport)?;
        let path = self
            .paths
            .between(transport.local, transport.remote.ip(), system_mtu);
        let mut pair = Association::new(parameters, path, self.settings.gcm())?;
        // Before the change, so that the packets which a worker finds afterwards ask anew only
        // when this pair does not serve them.
        self.events.acquire_answered(pair.policy_id);
        self.change(|tables| {
            if tables.inbound.get(pair.spi_in).is_some() {
                return Err(EngineError::DuplicateSpi(pair.spi_in));
            }
            pair.owner = tables.owners.assign(pair.policy_id);
            // Before it can be used, so that no packet of it takes another way first.
            self.guide(|guide, kernel| {
                guide.add_pair(kernel, transport.remote.ip(), pair.owner);
            });
            tables.add(Arc::new(pair));
            Ok(())
        })
    }

    /// Takes a pair out; unknown ones are ignored.
    pub fn remove_sa(&self, spi_in: u32) -> Result<(), EngineError> {
        self.change(|tables| {
            if let Some(pair) = tables.remove(spi_in) {
                let remote = pair.transport.remote.ip();
                self.guide(|guide, kernel| guide.remove_pair(kernel, remote));
            }
            Ok(())
        })
    }

    /// Ends a pair's standby; unknown ones are ignored.
    pub fn activate_sa(&self, spi_in: u32) -> Result<(), EngineError> {
        self.change(|tables| {
            if let Some(pair) = tables.inbound.get(spi_in) {
                pair.live.activate();
            }
            Ok(())
        })
    }

    /// The peer of a pair is elsewhere; unknown pairs are ignored.
    pub fn move_sa(
        &self,
        spi_in: u32,
        remote: SocketAddr,
        system_mtu: impl Fn(IpAddr) -> Option<u32>,
    ) -> Result<(), EngineError> {
        self.change(|tables| {
            let Some(pair) = tables.inbound.get(spi_in) else {
                return Ok(());
            };
            let transport = Transport {
                remote,
                ..pair.transport
            };
            check_transport(&transport)?;
            let mtu = system_mtu(transport.local);
            let path = self.paths.between(transport.local, remote.ip(), mtu);
            let moved = Arc::new(pair.moved(transport, path));
            moved.live.at_home();
            self.guide(|guide, kernel| {
                guide.add_pair(kernel, remote.ip(), moved.owner);
                guide.remove_pair(kernel, pair.transport.remote.ip());
            });
            tables.replace(moved);
            Ok(())
        })
    }

    /// Gives up what waits for a policy.
    pub fn acquire_failed(&self, policy_id: u32) {
        self.events.acquire_answered(policy_id);
        self.links.command_all(Command::AcquireFailed(policy_id));
    }

    /// The counters of every pair.
    pub fn sa_counters(&self) -> Vec<SaCounters> {
        let now = self.now();
        let tables = self.tables();
        let seconds = |milliseconds: u64| milliseconds as f64 / 1000.0;
        tables
            .inbound
            .values()
            .map(|pair| {
                let (packets_in, bytes_in) = pair.live.received.totals();
                let (packets_out, bytes_out) = pair.live.sent.totals();
                SaCounters {
                    spi_in: pair.spi_in,
                    packets_in,
                    bytes_in,
                    packets_out,
                    bytes_out,
                    last_in: pair.live.received.idle(now).map(seconds),
                    last_out: pair.live.sent.idle(now).map(seconds),
                    outbound_active: pair.is_active(),
                    sequence_out: pair.live.last_sequence(),
                }
            })
            .collect()
    }

    /// The counters of all workers, added up.
    pub fn counters(&self) -> CounterSums<'_> {
        for slot in &*self.tables().sockets {
            let lost = slot.socket.take_overflowed();
            if lost > 0 {
                let counters = &self.links.of(0).counters;
                counters.drop_many(DropReason::ReceiveBuffer, lost);
            }
        }
        CounterSums(&self.links)
    }
}

fn check_transport(transport: &Transport) -> Result<(), EngineError> {
    let (local, remote) = (transport.local, transport.remote.ip());
    if local.is_ipv4() != remote.is_ipv4() {
        return Err(EngineError::MixedTransport(local, remote));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
