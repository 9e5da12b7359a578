//! The anti-replay window (RFC 4303 section 3.4.3 and appendix A).

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

/// Sequence numbers in one word of the window.
const BLOCK: u64 = 32;
const MIN_SIZE: u32 = 64;
const MAX_SIZE: u32 = 4096;

/// The receive window of one inbound SA, shared by all workers without a lock.
///
/// `check` comes before the packet is authenticated, `commit` after: only authentic packets move
/// the window.
///
/// The window is a ring of words.  The lower half of a word has a bit for each of 32 numbers in a
/// row, their block; the upper half says which block that is.  A worker that records a number
/// replaces the word in one step: the bit is set once, and a word of an older block is taken over
/// by the newer one as a whole, so that nothing has to be cleared when the window moves.
#[derive(Debug)]
pub struct ReplayWindow {
    size: u32,
    /// The highest sequence number that was authenticated.
    top: AtomicU64,
    esn: bool,
    words: Box<[AtomicU64]>,
}

/// Why a sequence number was not accepted; each is one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReplayError {
    /// Sequence number 0 is never sent.
    Zero,
    /// Left of the window.
    TooOld,
    /// Seen before.
    Duplicate,
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Zero => "sequence number 0",
            Self::TooOld => "the sequence number is left of the replay window",
            Self::Duplicate => "the sequence number was seen before",
        })
    }
}

impl std::error::Error for ReplayError {}

impl ReplayWindow {
    /// A window of `size` packets, brought into 64 to 4096 and up to a multiple of 64.
    #[must_use]
    pub fn new(size: u32, esn: bool) -> Self {
        let size = size.clamp(MIN_SIZE, MAX_SIZE).next_multiple_of(MIN_SIZE);
        // One word more than the window fills: its ends may lie within two blocks.
        let words = u64::from(size) / BLOCK + 1;
        Self {
            size,
            top: AtomicU64::new(0),
            esn,
            words: (0..words).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The window's size in packets.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// The highest sequence number that was authenticated; 0 for none.
    #[must_use]
    pub fn top(&self) -> u64 {
        self.top.load(Ordering::Acquire)
    }

    /// Reads what the next packet is likely to need; see [`crate::SealContext::prefetch`].
    pub fn prefetch(&self) {
        let word = self.place(self.top() + 1).0;
        core::hint::black_box(word.map(|word| word.load(Ordering::Relaxed)));
    }

    /// Infers the whole sequence number from the 32 bits in the packet and tells whether it may
    /// still be accepted.  Changes nothing.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn check(&self, seq_lo: u32) -> Result<u64, ReplayError> {
        let seq = if self.esn {
            self.infer(seq_lo)
        } else {
            u64::from(seq_lo)
        };
        self.judge(seq).map(|()| seq)
    }

    /// Records an authentic packet.  Checks again, since another worker may have recorded the
    /// same number in between.
    ///
    /// # Errors
    /// [`ReplayError`]: the packet must be dropped after all.
    pub fn commit(&self, seq: u64) -> Result<(), ReplayError> {
        self.judge(seq)?;
        let (word, wanted) = self.place(seq);
        let word = word.ok_or(ReplayError::TooOld)?;
        let mut present = word.load(Ordering::Acquire);
        loop {
            let next = merge(present, wanted)?;
            match word.compare_exchange_weak(present, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(other) => present = other,
            }
        }
        self.top.fetch_max(seq, Ordering::AcqRel);
        Ok(())
    }

    fn judge(&self, seq: u64) -> Result<(), ReplayError> {
        if seq == 0 {
            return Err(ReplayError::Zero);
        }
        if self.top().saturating_sub(seq) >= u64::from(self.size) {
            return Err(ReplayError::TooOld);
        }
        let (word, wanted) = self.place(seq);
        let word = word.ok_or(ReplayError::TooOld)?;
        merge(word.load(Ordering::Acquire), wanted).map(|_| ())
    }

    /// The word of a number, and what it holds with this number alone.
    fn place(&self, seq: u64) -> (Option<&AtomicU64>, u64) {
        let block = seq / BLOCK;
        let index = block % self.words.len() as u64;
        // The lower 32 bits of the block's number tell it from all that can stand in its place.
        let wanted = (block << 32) | (1 << (seq % BLOCK));
        (self.words.get(index as usize), wanted)
    }

    /// The high half by the position of the low half to the window (RFC 4303 appendix A2.2).
    fn infer(&self, seq_lo: u32) -> u64 {
        let top = self.top();
        let top_lo = top as u32;
        let top_hi = top >> 32;
        let span = self.size - 1;
        let bottom = top_lo.wrapping_sub(span);
        let hi = if top_lo >= span {
            // Case A: the window lies within one subspace.
            if seq_lo >= bottom {
                Some(top_hi)
            } else {
                top_hi.checked_add(1)
            }
        } else if seq_lo >= bottom {
            // Case B: the window spans two subspaces, and this is of the lower one.
            top_hi.checked_sub(1)
        } else {
            Some(top_hi)
        };
        // Before the first subspace and behind the last there is nothing: 0 is refused by name.
        match hi {
            Some(hi) if hi <= u64::from(u32::MAX) => (hi << 32) | u64::from(seq_lo),
            _ => 0,
        }
    }
}

/// The word `present` with the one number of `wanted` added.
fn merge(present: u64, wanted: u64) -> Result<u64, ReplayError> {
    let block = |word: u64| (word >> 32) as u32;
    if present as u32 == 0 {
        // Nothing was ever recorded here.
        return Ok(wanted);
    }
    // Block numbers go round after 2^37 packets: their difference tells which is newer.
    match block(wanted).wrapping_sub(block(present)) as i32 {
        0 if present & wanted & u64::from(u32::MAX) != 0 => Err(ReplayError::Duplicate),
        0 => Ok(present | wanted),
        newer if newer > 0 => Ok(wanted),
        _ => Err(ReplayError::TooOld),
    }
}

#[cfg(test)]
mod tests;
