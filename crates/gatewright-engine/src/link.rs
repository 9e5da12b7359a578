//! The side doors of the workers, by which the control plane reaches each.

use std::io;
use std::sync::atomic::{fence, AtomicBool, Ordering};

use crossbeam_queue::SegQueue;
use gatewright_io::EventFd;

use crate::counters::{Count, Counters, DropReason};
use crate::handover::Inbox;
use crate::inbound::Arrival;

/// What a worker is told beside the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    /// Give up what waits for this policy.
    AcquireFailed(u32),
    /// End.
    Stop,
}

/// One worker's side door.
#[derive(Debug)]
pub(crate) struct WorkerLink {
    pub(crate) wake: EventFd,
    pub(crate) commands: SegQueue<Command>,
    pub(crate) counters: Counters,
    /// Frames of the TUN device that other workers read, and that this one is to seal.
    pub(crate) frames: Inbox<()>,
    /// Datagrams that other workers received, and that this one is to open.
    pub(crate) datagrams: Inbox<Arrival>,
    /// The worker waits, or is about to, and must be woken for what it is given.
    asleep: AtomicBool,
}

impl WorkerLink {
    fn new() -> io::Result<Self> {
        Ok(Self {
            wake: EventFd::new()?,
            commands: SegQueue::new(),
            counters: Counters::default(),
            frames: Inbox::default(),
            datagrams: Inbox::default(),
            asleep: AtomicBool::new(false),
        })
    }

    /// Whether other workers have handed something over.
    pub(crate) fn has_parcels(&self) -> bool {
        !self.frames.is_empty() || !self.datagrams.is_empty()
    }

    /// The worker is about to wait.  False when it must not, since something was handed over.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.asleep.store(true, Ordering::Relaxed);
        // Between the flag here and the parcel there one of both sides sees the other's.
        fence(Ordering::SeqCst);
        let sleeps = !self.has_parcels();
        if !sleeps {
            self.awake();
        }
        sleeps
    }

    /// The worker does not wait any more.
    pub(crate) fn awake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Something was handed over.
    pub(crate) fn nudge(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.swap(false, Ordering::Relaxed) {
            self.wake.signal();
        }
    }
}

/// Those of all workers, by number.
#[derive(Debug)]
pub(crate) struct Links(Box<[WorkerLink]>);

impl Links {
    /// `workers` of them, at least one.
    pub(crate) fn new(workers: usize) -> io::Result<Self> {
        let links = (0..workers.max(1)).map(|_| WorkerLink::new());
        links.collect::<io::Result<_>>().map(Self)
    }

    /// The link of a worker.  Panics when there is none of this number.
    pub(crate) fn of(&self, worker: usize) -> &WorkerLink {
        &self.0[worker]
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Has every worker look for what is new.
    pub(crate) fn wake_all(&self) {
        for link in &self.0 {
            link.wake.signal();
        }
    }

    /// Tells every worker.
    pub(crate) fn command_all(&self, command: Command) {
        for link in &self.0 {
            link.commands.push(command);
            link.wake.signal();
        }
    }

    /// Takes back what nobody was there to hear.
    pub(crate) fn forget_commands(&self) {
        for link in &self.0 {
            while link.commands.pop().is_some() {}
        }
    }

    fn sum(&self, of: impl Fn(&Counters) -> u64) -> u64 {
        self.0.iter().map(|link| of(&link.counters)).sum()
    }
}

/// The counters of all workers, added up.
#[derive(Debug, Clone, Copy)]
pub struct CounterSums<'a>(pub(crate) &'a Links);

impl CounterSums<'_> {
    /// What a counter stands at.
    pub fn get(&self, count: Count) -> u64 {
        self.0.sum(|counters| counters.get(count))
    }

    /// How many packets were dropped for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.0.sum(|counters| counters.dropped(reason))
    }

    /// Every counter by name, the zero ones included.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let counts = Count::ALL.iter().map(|c| (c.name(), self.get(*c)));
        let drops = DropReason::ALL.iter();
        counts.chain(drops.map(|r| (r.name(), self.dropped(*r))))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_added_up_over_the_workers() {
        let links = Links::new(3).unwrap();
        for worker in 0..3 {
            links.of(worker).counters.add(Count::PacketsIn, 10);
        }
        links.of(2).counters.drop_one(DropReason::Replay);
        let sums = CounterSums(&links);
        assert_eq!(sums.get(Count::PacketsIn), 30);
        assert_eq!(sums.dropped(DropReason::Replay), 1);
        let all: std::collections::HashMap<_, _> = sums.all().collect();
        assert_eq!(all["packets_in"], 30);
        assert_eq!(all["drop_replay"], 1);
        assert_eq!(all["drop_seal"], 0);
    }

    #[test]
    fn only_a_sleeper_is_woken_and_none_sleeps_over_a_parcel() {
        let link = WorkerLink::new().unwrap();
        let mut poller = gatewright_io::Poller::new();
        poller.add(link.wake.descriptor(), 0);
        let mut ready = Vec::new();
        let mut woken = || {
            poller
                .wait(&mut ready, Some(std::time::Duration::ZERO))
                .unwrap();
            link.wake.clear();
            !ready.is_empty()
        };
        link.nudge();
        assert!(!woken());
        assert!(link.fall_asleep());
        link.nudge();
        link.nudge();
        assert!(woken() && !woken());

        let mut outbox = crate::handover::Outbox::new(1);
        assert!(outbox.add(&link.frames, 0, (), &[1]));
        outbox.post_all(|_| &link.frames, |_| link.nudge());
        assert!(!link.fall_asleep());
    }

    #[test]
    fn a_command_reaches_every_worker_and_there_is_at_least_one() {
        assert_eq!(Links::new(0).unwrap().count(), 1);
        let links = Links::new(2).unwrap();
        links.command_all(Command::Stop);
        for worker in 0..2 {
            assert_eq!(links.of(worker).commands.pop(), Some(Command::Stop));
        }
    }
}
