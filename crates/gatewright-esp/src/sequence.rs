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
    /// Starts at 1; ends at 2^32 - 1, or at 2^64 - 1 with ESN.
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
