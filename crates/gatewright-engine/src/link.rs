//! The side doors of the workers, by which the control plane reaches each.

use std::io;

use crossbeam_queue::SegQueue;
use gatewright_io::EventFd;

use crate::counters::{Count, Counters, DropReason};

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
}

impl WorkerLink {
    fn new() -> io::Result<Self> {
        Ok(Self {
            wake: EventFd::new()?,
            commands: SegQueue::new(),
            counters: Counters::default(),
        })
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
    fn a_command_reaches_every_worker_and_there_is_at_least_one() {
        assert_eq!(Links::new(0).unwrap().count(), 1);
        let links = Links::new(2).unwrap();
        links.command_all(Command::Stop);
        for worker in 0..2 {
            assert_eq!(links.of(worker).commands.pop(), Some(Command::Stop));
        }
    }
}
