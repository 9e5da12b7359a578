//! Outbound sequence numbers (RFC 4303 section 3.3.3).

use core::fmt;
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering};

/// Gives out sequence numbers, each once; shared by all workers of an SA.
#[derive(Debug)]
pub struct SequenceCounter {
    next: AtomicU64,
    last: u64,
}

/// The sequence numbers are used up: the SA must not send again (RFC 4303 section 3.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the SA's sequence numbers are used up")
    }
}

impl std::error::Error for Exhausted {}

impl SequenceCounter {
    /// Starts at 1; ends at 2^32 - 1, or with ESN one before 2^64 - 1, so that "one more than the
    /// last" is a number too.
    #[must_use]
    pub const fn new(esn: bool) -> Self {
        Self {
            next: AtomicU64::new(1),
            last: if esn { u64::MAX - 1 } else { u32::MAX as u64 },
        }
    }

    /// Takes `count` numbers in a row.
    ///
    /// # Errors
    /// [`Exhausted`] when fewer are left; none is taken then.
    pub fn take(&self, count: u32) -> Result<Range<u64>, Exhausted> {
        let count = u64::from(count);
        let advance = |next: u64| {
            let end = next.checked_add(count)?;
            (end <= self.last + 1).then_some(end)
        };
        match self
            .next
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, advance)
        {
            Ok(start) => Ok(start..start + count),
            Err(_) => Err(Exhausted),
        }
    }

    /// The last number given out; 0 for none.
    #[must_use]
    pub fn last_taken(&self) -> u64 {
        self.next.load(Ordering::Relaxed) - 1
    }

    /// How many are left.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.last - self.last_taken()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn counts_from_one() {
        let counter = SequenceCounter::new(false);
        assert_eq!(counter.last_taken(), 0);
        assert_eq!(counter.take(1), Ok(1..2));
        assert_eq!(counter.take(45), Ok(2..47));
        assert_eq!(counter.last_taken(), 46);
        assert_eq!(counter.remaining(), u64::from(u32::MAX) - 46);
    }

    fn at(last_taken: u64, esn: bool) -> SequenceCounter {
        let counter = SequenceCounter::new(esn);
        counter.next.store(last_taken + 1, Ordering::Relaxed);
        counter
    }

    #[test]
    fn does_not_cycle_without_esn() {
        let counter = at(u64::from(u32::MAX) - 2, false);
        assert_eq!(counter.take(3), Err(Exhausted), "none is taken");
        let edge = u64::from(u32::MAX);
        assert_eq!(counter.take(2), Ok(edge - 1..edge + 1));
        assert_eq!(counter.take(1), Err(Exhausted));
        assert_eq!(counter.remaining(), 0);
    }

    #[test]
    fn goes_on_and_ends_with_esn() {
        let counter = at(u64::from(u32::MAX), true);
        assert_eq!(counter.take(1), Ok(1 << 32..(1 << 32) + 1));
        let counter = at(u64::MAX - 2, true);
        assert_eq!(counter.take(2), Err(Exhausted));
        assert_eq!(counter.take(1), Ok(u64::MAX - 1..u64::MAX));
        assert_eq!(counter.take(1), Err(Exhausted));
    }

    #[test]
    fn workers_get_each_number_once() {
        let counter = SequenceCounter::new(false);
        let mut taken = Vec::new();
        std::thread::scope(|scope| {
            let work = || {
                (0..500)
                    .flat_map(|_| counter.take(3).unwrap())
                    .collect::<Vec<_>>()
            };
            let workers: Vec<_> = (0..3).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                taken.extend(worker.join().unwrap());
            }
        });
        let distinct: BTreeSet<_> = taken.iter().copied().collect();
        assert_eq!(distinct.len(), taken.len());
        assert_eq!(distinct.last(), Some(&4500));
    }
}
