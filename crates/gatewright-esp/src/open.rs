//! Inbound ESP.

use core::fmt;
use core::ops::Range;

use crate::algorithm::Algorithm;
use crate::keys::{EspKeys, KeyError};

/// The inbound half of an SA: keys scheduled once, shared by all workers.
pub struct OpenContext {
    algorithm: Algorithm,
    spi: u32,
    esn: bool,
}

/// The IP version of an inner packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InnerVersion {
    /// Next header 4.
    V4,
    /// Next header 41.
    V6,
}

/// What an authentic ESP packet carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// An IP packet; the range in the buffer ends where its header says (RFC 4303 section 2.7:
    /// what follows is traffic flow confidentiality padding).
    Packet(InnerVersion, Range<usize>),
    /// Next header 59: a dummy packet, to be discarded without audit (RFC 4303 section 2.6).
    Dummy,
}

/// An authentic ESP packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The whole sequence number, for [`crate::ReplayWindow::commit`].
    pub seq: u64,
    /// What it carried.
    pub payload: Payload,
}

/// Why a packet was not accepted; each is one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OpenError {
    /// `esp` does not lie inside the buffer.
    Range,
    /// Shorter than header, IV, trailer and ICV.
    Truncated,
    /// The SPI is not that of this SA.
    WrongSpi,
    /// The encrypted part is not a multiple of the cipher's block.
    Misaligned,
    /// The ICV is wrong: damaged, forged, wrong key, or a wrong guess of the high sequence bits.
    Authentication,
    /// Padding longer than the payload, or not 1, 2, 3, … (RFC 4303 section 2.4).
    Padding,
    /// Neither IPv4, IPv6 nor a dummy packet; the number is [`Opened`]'s next header.
    NextHeader(u8),
    /// The inner packet is no IP packet of the version that the next header says, or longer than
    /// what was sent.
    InnerHeader,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range => f.write_str("the ESP packet lies outside the buffer"),
            Self::Truncated => f.write_str("the ESP packet is too short"),
            Self::WrongSpi => f.write_str("the SPI is another SA's"),
            Self::Misaligned => f.write_str("the ciphertext is no multiple of the block"),
            Self::Authentication => f.write_str("the integrity check failed"),
            Self::Padding => f.write_str("the padding is wrong"),
            Self::NextHeader(n) => write!(f, "next header {n} is not for tunnel mode"),
            Self::InnerHeader => f.write_str("the inner packet is no IP packet"),
        }
    }
}

impl std::error::Error for OpenError {}

impl OpenContext {
    /// Schedules the keys.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(
        algorithm: Algorithm,
        keys: &EspKeys,
        spi: u32,
        esn: bool,
    ) -> Result<Self, KeyError> {
        let _ = keys;
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

    /// The SPI of the SA.
    #[must_use]
    pub const fn spi(&self) -> u32 {
        self.spi
    }

    /// Whether sequence numbers have 64 bits.
    #[must_use]
    pub const fn esn(&self) -> bool {
        self.esn
    }

    /// Authenticates and decrypts the ESP packet `buf[esp]` where it lies.
    ///
    /// `seq_hi` is the high half of the sequence number as [`crate::ReplayWindow::check`] inferred
    /// it (`(seq >> 32) as u32`); it is not used without ESN.
    ///
    /// # Errors
    /// [`OpenError`]; the content of `buf[esp]` is then undefined.
    pub fn open_in_place(
        &self,
        buf: &mut [u8],
        esp: Range<usize>,
        seq_hi: u32,
    ) -> Result<Opened, OpenError> {
        let _ = (buf, esp, seq_hi);
        Err(OpenError::Authentication)
    }
}
