//! One packet thread: its turn, and its loop.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gatewright_io::{fill_random, LinuxCores, PathReport, Poller, Ready, Tun};

use crate::control::{Shared, Tables};
use crate::inbound::{Effect, InboundPath};
use crate::link::{Command, WorkerLink};
use crate::outbound::{Context, OutboundPath};
use crate::seat::Seat;

/// What the poller knows the TUN device by.
const TUN_TOKEN: u64 = 0;
/// What the poller knows the worker's event descriptor by.
const WAKE_TOKEN: u64 = 1;
/// Sockets have their position in the tables from here.
const FIRST_SOCKET_TOKEN: u64 = 2;

/// Parcels of each direction in one go.
const PARCELS_AT_ONCE: usize = 8;
/// When to try again to hand over what found an inbox full.
const RETRY: Duration = Duration::from_millis(1);

/// Everything that one packet thread owns.
pub struct Worker {
    /// Among all workers, from 0.
    number: usize,
    shared: Arc<Shared>,
    tun: Box<dyn Tun>,
    tables: Arc<Tables>,
    epoch: u64,
    poller: Poller,
    outbound: OutboundPath,
    inbound: InboundPath,
    reports: Vec<PathReport>,
}

/// Whether the loop goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Continue,
    Stop,
}

impl Worker {
    /// A worker between a TUN queue and the sockets of the tables.  Panics when the engine has no
    /// worker of this number.
    pub fn new(shared: Arc<Shared>, number: usize, tun: Box<dyn Tun>) -> Self {
        let mut seed = [0; 8];
        // Without random octets the cache still works; it only could be filled on purpose.
        let _ = fill_random(&mut seed);
        let tables = shared.tables();
        assert!(number < shared.links.count(), "no such worker");
        Self {
            number,
            outbound: OutboundPath::new(&shared, u64::from_ne_bytes(seed)),
            inbound: InboundPath::new(tun.offload(), shared.links.count()),
            epoch: shared.epoch(),
            poller: Poller::new(),
            shared,
            tun,
            tables,
            reports: Vec::new(),
        }
    }

    /// Looks at everything once, ready or not: the whole loop of a test without a system.
    ///
    /// Fails when the TUN device is gone.
    pub fn turn(&mut self) -> io::Result<()> {
        self.take_tables();
        self.take_commands();
        self.take_parcels();
        for position in self.own_sockets() {
            self.receive(position);
        }
        while self.read_tun()? {}
        for position in self.own_sockets() {
            self.learn_paths(position);
        }
        self.hand_over();
        Ok(())
    }

    /// Runs until told to stop.
    ///
    /// Fails when the TUN device is gone.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        self.watch();
        let busy_poll = self.shared.settings.busy_poll;
        let mut seat = self.seat();
        let mut ready = Vec::new();
        let mut worked = Instant::now();
        loop {
            let spins = !busy_poll.is_zero() && worked.elapsed() < busy_poll;
            let timeout = if spins {
                Some(Duration::ZERO)
            } else {
                self.patience()
            };
            self.poller.wait(&mut ready, timeout)?;
            self.link().awake();
            if !busy_poll.is_zero() && (!ready.is_empty() || self.link().has_parcels()) {
                worked = Instant::now();
            }
            if self.handle(&ready)? == Next::Stop {
                return Ok(());
            }
            if seat
                .as_mut()
                .is_some_and(|seat| seat.turn(Instant::now).is_err())
            {
                seat = None;
            }
        }
    }

    /// This thread's; None where there is no use in it, or it is not wanted.
    fn seat(&self) -> Option<Seat<LinuxCores>> {
        let wanted = self.shared.settings.offloads.steady_core;
        wanted.then(|| Seat::here(Instant::now()))?.ok()?
    }

    /// Waits for what it holds from now on, which stays open as long as it is held.
    fn watch(&mut self) {
        self.poller.clear();
        if let Some(descriptor) = self.tun.descriptor() {
            self.poller.add(descriptor, TUN_TOKEN);
        }
        let wake = self.shared.links.of(self.number).wake.descriptor();
        self.poller.add(wake, WAKE_TOKEN);
        for (slot, token) in self.tables.sockets.iter().zip(FIRST_SOCKET_TOKEN..) {
            let own = (slot.worker == self.number).then_some(&slot.socket);
            if let Some(descriptor) = own.and_then(|socket| socket.descriptor()) {
                self.poller.add(descriptor, token);
            }
        }
    }

    /// How long it may wait for something new; None for ever.
    fn patience(&mut self) -> Option<Duration> {
        if !self.hand_over() {
            // Somebody is behind: that worker is busy, and does not say when it is not.
            return Some(RETRY);
        }
        if self.link().fall_asleep() {
            None
        } else {
            Some(Duration::ZERO)
        }
    }

    fn handle(&mut self, ready: &[Ready]) -> io::Result<Next> {
        // Nobody gives a command without waking the worker.
        let woken = ready.iter().any(|ready| ready.token == WAKE_TOKEN);
        if woken {
            // Before every look: what comes after a look has to wake the worker again.
            self.link().wake.clear();
        }
        self.take_tables();
        if woken && self.take_commands() == Next::Stop {
            return Ok(Next::Stop);
        }
        self.take_parcels();
        for event in ready {
            match event.token {
                WAKE_TOKEN => {}
                TUN_TOKEN => {
                    self.read_tun()?;
                }
                token => self.handle_socket(token, event),
            }
        }
        Ok(Next::Continue)
    }

    /// Does what other workers handed over; a bounded part of it, so that the rest gets its turn.
    fn take_parcels(&mut self) {
        if self.shared.links.count() == 1 {
            return;
        }
        for _ in 0..PARCELS_AT_ONCE {
            self.take_tables();
            let context = context(&self.shared, &self.tables, self.number);
            let inbox = &self.shared.links.of(self.number).frames;
            let Some(parcel) = inbox.take() else {
                break;
            };
            self.outbound.take_handed(&context, &parcel, &mut *self.tun);
            inbox.recycle(parcel);
        }
        for _ in 0..PARCELS_AT_ONCE {
            let context = context(&self.shared, &self.tables, self.number);
            let inbox = &self.shared.links.of(self.number).datagrams;
            let Some(mut parcel) = inbox.take() else {
                break;
            };
            let effect = self
                .inbound
                .take_handed(&context, &mut parcel, &mut *self.tun);
            inbox.recycle(parcel);
            self.heed(effect);
        }
    }

    /// Gives the other workers what is theirs.  False when some of it has to wait.
    fn hand_over(&mut self) -> bool {
        let frames = self.outbound.hand_over(&self.shared);
        let datagrams = self.inbound.hand_over(&self.shared);
        frames && datagrams
    }

    fn handle_socket(&mut self, token: u64, event: &Ready) {
        // The sockets may be others since it was waited for them: another worker's is left to it.
        let Ok(position) = usize::try_from(token - FIRST_SOCKET_TOKEN) else {
            return;
        };
        let slot = self.tables.sockets.get(position);
        if slot.is_none_or(|slot| slot.worker != self.number) {
            return;
        }
        if event.error {
            self.learn_paths(position);
        }
        // Receiving also takes the error that an ICMP message left behind.
        self.receive(position);
    }

    /// The positions of this worker's in the tables.
    fn own_sockets(&self) -> Vec<usize> {
        let slots = self.tables.sockets.iter().enumerate();
        let own = slots.filter(|(_, slot)| slot.worker == self.number);
        own.map(|(position, _)| position).collect()
    }

    /// Takes new tables over.
    fn take_tables(&mut self) {
        let epoch = self.shared.epoch();
        let newer = self.shared.newer_tables(self.tables.generation);
        let changed = newer.is_some() || epoch != self.epoch;
        if let Some(tables) = newer {
            self.tables = tables;
            self.watch();
        }
        self.epoch = epoch;
        if changed {
            let context = context(&self.shared, &self.tables, self.number);
            self.outbound.tables_changed(&context, &mut *self.tun);
        }
    }

    fn take_commands(&mut self) -> Next {
        while let Some(command) = self.link().commands.pop() {
            match command {
                Command::Stop => return Next::Stop,
                Command::AcquireFailed(policy_id) => {
                    let context = context(&self.shared, &self.tables, self.number);
                    self.outbound.give_up(&context, policy_id);
                }
            }
        }
        Next::Continue
    }

    fn read_tun(&mut self) -> io::Result<bool> {
        let context = context(&self.shared, &self.tables, self.number);
        self.outbound.read_frames(&context, &mut *self.tun)
    }

    /// Receives from the socket at a position in the tables.
    fn receive(&mut self, position: usize) {
        let Some(slot) = self.tables.sockets.get(position) else {
            return;
        };
        let context = context(&self.shared, &self.tables, self.number);
        let effect = self.inbound.receive(&context, slot, &mut *self.tun);
        self.heed(effect);
    }

    fn heed(&mut self, effect: Effect) {
        if effect == Effect::Activated {
            // What was decided before rests on the older pair; what waited can go.
            self.shared.next_epoch();
            self.take_tables();
        }
    }

    fn link(&self) -> &WorkerLink {
        self.shared.links.of(self.number)
    }

    fn learn_paths(&mut self, position: usize) {
        let Some(slot) = self.tables.sockets.get(position) else {
            return;
        };
        self.reports.clear();
        slot.socket.take_path_reports(&mut self.reports);
        let now = self.shared.now();
        for report in &self.reports {
            self.shared.paths.learn(report.to, report.mtu, now);
        }
    }
}

/// What the stages of a worker read now.
fn context<'a>(shared: &'a Shared, tables: &'a Tables, worker: usize) -> Context<'a> {
    Context {
        shared,
        tables,
        worker,
        counters: &shared.links.of(worker).counters,
        now: shared.now(),
    }
}

#[cfg(test)]
mod tests;
