//! What a thread can learn of the processor's cores, and of its own way between them.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

/// How long a thread ran and how long it waited for a core, since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThreadTimes {
    /// On a core.
    pub ran: Duration,
    /// Ready to run, while others had its core.
    pub waited: Duration,
}

/// The cores as the calling thread sees them.
pub trait Cores {
    /// Those that it may run on.
    fn allowed(&self) -> io::Result<Vec<usize>>;

    /// Has it run on these alone.
    fn allow(&mut self, cores: &[usize]) -> io::Result<()>;

    /// The one that it is on.
    fn here(&self) -> io::Result<usize>;

    /// Its times.
    fn times(&mut self) -> io::Result<ThreadTimes>;

    /// How long each core had nothing to do, since the machine began; by number, steps of 10 ms.
    fn idle(&mut self) -> io::Result<BTreeMap<usize, Duration>>;

    /// How many packets the network's receiving side has had on each core, of whatever device; by
    /// number, and counted modulo 2^32.
    fn arrivals(&mut self) -> io::Result<BTreeMap<usize, u32>>;
}
