//! Cores whose times a test says.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::lock;
use crate::cores::{Cores, ThreadTimes};

/// A machine with some cores, and one thread on it.  Clones are the same machine.
#[derive(Debug, Clone)]
pub struct MemoryCores(Arc<Mutex<Machine>>);

#[derive(Debug)]
struct Machine {
    allowed: Vec<usize>,
    here: usize,
    times: ThreadTimes,
    idle: BTreeMap<usize, Duration>,
    arrivals: BTreeMap<usize, u32>,
    refuses: bool,
}

impl MemoryCores {
    /// With cores from 0; the thread may use all and is on the first.
    pub fn new(cores: usize) -> Self {
        Self(Arc::new(Mutex::new(Machine {
            allowed: (0..cores).collect(),
            here: 0,
            times: ThreadTimes::default(),
            idle: (0..cores).map(|core| (core, Duration::ZERO)).collect(),
            arrivals: (0..cores).map(|core| (core, 0)).collect(),
            refuses: false,
        })))
    }

    /// The kernel puts the thread on a core that it may use.
    pub fn put(&self, core: usize) {
        lock(&self.0).here = core;
    }

    /// Some time passes, in which the thread ran and waited, and a core idled.
    pub fn pass(&self, ran: Duration, waited: Duration, idle: &[(usize, Duration)]) {
        let mut machine = lock(&self.0);
        machine.times.ran += ran;
        machine.times.waited += waited;
        for (core, time) in idle {
            *machine.idle.entry(*core).or_default() += *time;
        }
    }

    /// So many packets arrive on a core.
    pub fn arrive(&self, core: usize, packets: u32) {
        let mut machine = lock(&self.0);
        let arrived = machine.arrivals.entry(core).or_default();
        *arrived = arrived.wrapping_add(packets);
    }

    /// Whether from now on nothing may be changed.
    pub fn refuse(&self, refuses: bool) {
        lock(&self.0).refuses = refuses;
    }

    /// From now on nothing is told of this core.
    pub fn hide(&self, core: usize) {
        lock(&self.0).idle.remove(&core);
    }
}

impl Cores for MemoryCores {
    fn allowed(&self) -> io::Result<Vec<usize>> {
        Ok(lock(&self.0).allowed.clone())
    }

    fn allow(&mut self, cores: &[usize]) -> io::Result<()> {
        let mut machine = lock(&self.0);
        if machine.refuses {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        machine.allowed = cores.to_vec();
        if !cores.contains(&machine.here) {
            machine.here = cores.first().copied().unwrap_or(0);
        }
        Ok(())
    }

    fn here(&self) -> io::Result<usize> {
        Ok(lock(&self.0).here)
    }

    fn times(&mut self) -> io::Result<ThreadTimes> {
        Ok(lock(&self.0).times)
    }

    fn idle(&mut self) -> io::Result<BTreeMap<usize, Duration>> {
        Ok(lock(&self.0).idle.clone())
    }

    fn arrivals(&mut self) -> io::Result<BTreeMap<usize, u32>> {
        Ok(lock(&self.0).arrivals.clone())
    }
}
