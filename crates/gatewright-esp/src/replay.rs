//! The anti-replay window (RFC 4303 section 3.4.3 and appendix A).

use core::fmt;

const WORD_BITS: u32 = 64;
const MIN_SIZE: u32 = 64;
const MAX_SIZE: u32 = 4096;

/// The receive window of one inbound SA.
///
/// `check` comes before the packet is authenticated, `commit` after: only authentic packets move
/// the window.
#[derive(Clone, Debug)]
pub struct ReplayWindow {
    /// The highest sequence number that was authenticated.
    top: u64,
    esn: bool,
    /// A ring of bits, that of number n at n modulo the window's size.
    words: Vec<u64>,
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
        let words = size.clamp(MIN_SIZE, MAX_SIZE).div_ceil(WORD_BITS);
        Self {
            top: 0,
            esn,
            words: vec![0; words as usize],
        }
    }

    /// The window's size in packets.
    #[must_use]
    pub fn size(&self) -> u32 {
        // At most 64 words (`new`).
        self.words.len() as u32 * WORD_BITS
    }

    /// The highest sequence number that was authenticated; 0 for none.
    #[must_use]
    pub const fn top(&self) -> u64 {
        self.top
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
    pub fn commit(&mut self, seq: u64) -> Result<(), ReplayError> {
        self.judge(seq)?;
        if seq > self.top {
            self.advance(seq);
        }
        let (word, bit) = self.place(seq);
        if let Some(word) = self.words.get_mut(word) {
            *word |= bit;
        }
        Ok(())
    }

    fn judge(&self, seq: u64) -> Result<(), ReplayError> {
        if seq == 0 {
            return Err(ReplayError::Zero);
        }
        if seq > self.top {
            return Ok(());
        }
        if self.top - seq >= u64::from(self.size()) {
            return Err(ReplayError::TooOld);
        }
        let (word, bit) = self.place(seq);
        match self.words.get(word) {
            Some(word) if word & bit == 0 => Ok(()),
            _ => Err(ReplayError::Duplicate),
        }
    }

    /// The high half by the position of the low half to the window (RFC 4303 appendix A2.2).
    fn infer(&self, seq_lo: u32) -> u64 {
        let top_lo = self.top as u32;
        let top_hi = self.top >> 32;
        let span = self.size() - 1;
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

    /// Moves the window to the right and forgets what falls out of it.
    fn advance(&mut self, seq: u64) {
        let words = self.words.len() as u64;
        let old_word = self.top / u64::from(WORD_BITS);
        let new_word = seq / u64::from(WORD_BITS);
        let size = u64::from(self.size());
        if seq - self.top >= size {
            self.words.fill(0);
        } else {
            self.clear_between(old_word, new_word, words, seq);
        }
        self.top = seq;
    }

    fn clear_between(&mut self, old_word: u64, new_word: u64, words: u64, seq: u64) {
        // Numbers above the old top have bits of numbers one window earlier in their places.
        let mut next = self.top + 1;
        while next <= seq {
            let word = next / u64::from(WORD_BITS);
            let whole = next % u64::from(WORD_BITS) == 0 && word < new_word && word > old_word;
            let index = (word % words) as usize;
            if let Some(slot) = self.words.get_mut(index) {
                if whole {
                    *slot = 0;
                } else {
                    *slot &= !(1 << (next % u64::from(WORD_BITS)));
                }
            }
            next += if whole { u64::from(WORD_BITS) } else { 1 };
        }
    }

    fn place(&self, seq: u64) -> (usize, u64) {
        let word = (seq / u64::from(WORD_BITS)) % self.words.len() as u64;
        (word as usize, 1 << (seq % u64::from(WORD_BITS)))
    }
}

#[cfg(test)]
mod tests;
