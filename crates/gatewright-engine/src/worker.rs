//! One packet thread: its turn, and its loop.

use std::io;
use std::sync::Arc;

use gatewright_io::{fill_random, PathReport, Poller, Ready, Tun};

use crate::control::{Shared, SocketSlot, Tables};
use crate::inbound::{Effect, InboundPath};
use crate::link::{Command, WorkerLink};
use crate::outbound::{Context, OutboundPath};

/// What the poller knows the TUN device by.
pub(crate) const TUN_TOKEN: u64 = 0;
/// What the poller knows the worker's event descriptor by.
pub(crate) const WAKE_TOKEN: u64 = 1;
/// Sockets have numbers from here.
pub(crate) const FIRST_SOCKET_TOKEN: u64 = 2;

/// Everything that one packet thread owns.
pub struct Worker {
    /// Among all workers, from 0.
    number: usize,
    shared: Arc<Shared>,
    tun: Box<dyn Tun>,
    tables: Arc<Tables>,
    epoch: u64,
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
            inbound: InboundPath::new(tun.offload()),
            epoch: shared.epoch(),
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
        self.take_changes();
        let sockets = Arc::clone(&self.tables.sockets);
        for slot in &*sockets {
            self.receive(slot);
        }
        while self.read_tun()? {}
        for slot in &*sockets {
            self.learn_paths(slot);
        }
        Ok(())
    }

    /// Runs until told to stop.
    ///
    /// Fails when the TUN device is gone.
    pub(crate) fn run(&mut self, poller: &Poller) -> io::Result<()> {
        let mut ready = Vec::new();
        loop {
            poller.wait(&mut ready, None)?;
            if self.handle(&ready)? == Next::Stop {
                return Ok(());
            }
        }
    }

    fn handle(&mut self, ready: &[Ready]) -> io::Result<Next> {
        if ready.iter().any(|ready| ready.token == WAKE_TOKEN) {
            self.link().wake.clear();
        }
        if self.take_changes() == Next::Stop {
            return Ok(Next::Stop);
        }
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

    fn handle_socket(&mut self, token: u64, event: &Ready) {
        let slot = self.tables.sockets.iter().find(|slot| slot.token == token);
        let Some(slot) = slot.cloned() else { return };
        if event.error {
            self.learn_paths(&slot);
        }
        // Receiving also takes the error that an ICMP message left behind.
        self.receive(&slot);
    }

    /// Takes new tables and commands over.
    fn take_changes(&mut self) -> Next {
        let epoch = self.shared.epoch();
        let newer = self.shared.newer_tables(self.tables.generation);
        let changed = newer.is_some() || epoch != self.epoch;
        if let Some(tables) = newer {
            self.tables = tables;
        }
        self.epoch = epoch;
        if changed {
            self.with_context(|worker, context| {
                worker.outbound.tables_changed(context, &mut *worker.tun);
            });
        }
        while let Some(command) = self.link().commands.pop() {
            match command {
                Command::Stop => return Next::Stop,
                Command::AcquireFailed(policy_id) => self.with_context(|worker, context| {
                    worker.outbound.give_up(context, policy_id);
                }),
            }
        }
        Next::Continue
    }

    fn read_tun(&mut self) -> io::Result<bool> {
        self.with_context(|worker, context| worker.outbound.read_frames(context, &mut *worker.tun))
    }

    fn receive(&mut self, slot: &SocketSlot) {
        let effect = self.with_context(|worker, context| {
            worker.inbound.receive(context, slot, &mut *worker.tun)
        });
        if effect == Effect::Activated {
            // What was decided before rests on the older pair; what waited can go.
            self.shared.next_epoch();
            self.take_changes();
        }
    }

    fn link(&self) -> &WorkerLink {
        self.shared.links.of(self.number)
    }

    fn learn_paths(&mut self, slot: &SocketSlot) {
        self.reports.clear();
        slot.socket.take_path_reports(&mut self.reports);
        let now = self.shared.now();
        for report in &self.reports {
            self.shared.paths.learn(report.to, report.mtu, now);
        }
    }

    fn with_context<T>(&mut self, stage: impl FnOnce(&mut Self, &Context<'_>) -> T) -> T {
        let (shared, tables) = (Arc::clone(&self.shared), Arc::clone(&self.tables));
        let context = Context {
            shared: &shared,
            tables: &tables,
            counters: &shared.links.of(self.number).counters,
            now: shared.now(),
        };
        stage(self, &context)
    }
}
