//! Inbound ESP.

use core::fmt;
use core::ops::Range;

use gatewright_packet::IpPacket;

use crate::aead::AdditionalData;
use crate::algorithm::Algorithm;
use crate::auth::Authenticator;
use crate::cipher::{CipherKey, Direction};
use crate::gcm_code::GcmCode;
use crate::keys::{check_spi, EspKeys, KeyError};
use crate::overhead::{ESP_HEADER_LEN, ESP_TRAILER_LEN};

const NEXT_HEADER_IPV4: u8 = 4;
const NEXT_HEADER_IPV6: u8 = 41;
const NEXT_HEADER_NONE: u8 = 59;

/// The inbound half of an SA: keys scheduled once, shared by all workers.
pub struct OpenContext {
    algorithm: Algorithm,
    spi: u32,
    esn: bool,
    cipher: CipherKey,
    authenticator: Option<Authenticator>,
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
    /// As [`crate::SealContext::prefetch`].
    pub fn prefetch(&self) {
        self.cipher.prefetch();
    }

    /// Schedules the keys.  `gcm` chooses the code for AES-GCM.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(
        algorithm: Algorithm,
        keys: &EspKeys,
        spi: u32,
        esn: bool,
        gcm: GcmCode,
    ) -> Result<Self, KeyError> {
        check_spi(spi)?;
        let authenticator = match algorithm.integrity() {
            Some(integrity) => Some(Authenticator::new(integrity, keys.integrity())?),
            None => None,
        };
        Ok(Self {
            algorithm,
            spi,
            esn,
            cipher: CipherKey::new(algorithm.cipher(), keys.encryption(), Direction::Open, gcm)?,
            authenticator,
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
        let start = esp.start;
        let packet = buf.get_mut(esp).ok_or(OpenError::Range)?;
        let header_len = self.algorithm.header_len();
        let icv_len = self.algorithm.icv_len();
        if packet.len() < header_len + ESP_TRAILER_LEN + icv_len {
            return Err(OpenError::Truncated);
        }
        let body_end = packet.len() - icv_len;
        if (body_end - header_len) % self.block() != 0 {
            return Err(OpenError::Misaligned);
        }
        let seq = self.sequence(packet, seq_hi)?;
        match &self.authenticator {
            None => self.open_aead(packet, header_len, seq)?,
            Some(authenticator) => {
                let (covered, icv) = packet.split_at_mut(body_end);
                // With ESN the high half is authenticated and not sent (RFC 4303 section 2.2.1).
                if !authenticator.verify(covered, self.esn.then_some(seq_hi), icv) {
                    return Err(OpenError::Authentication);
                }
                self.decrypt(covered, header_len)?;
            }
        }
        let body = packet.get(header_len..body_end).unwrap_or_default();
        let payload = parse_body(body, start + header_len)?;
        Ok(Opened { seq, payload })
    }

    /// What the encrypted part is a multiple of.  An AEAD and the null cipher need no boundary to
    /// be opened; a sender that keeps none is no threat.
    fn block(&self) -> usize {
        match self.cipher {
            CipherKey::Cbc(_) => self.algorithm.cipher().block_len(),
            CipherKey::Aead(..) | CipherKey::Null => 1,
        }
    }

    fn sequence(&self, packet: &[u8], seq_hi: u32) -> Result<u64, OpenError> {
        let word = |at: usize| {
            let octets = packet.get(at..).and_then(<[u8]>::first_chunk);
            octets
                .map(|b| u32::from_be_bytes(*b))
                .ok_or(OpenError::Truncated)
        };
        if word(0)? != self.spi {
            return Err(OpenError::WrongSpi);
        }
        let high = if self.esn { u64::from(seq_hi) } else { 0 };
        Ok(high << 32 | u64::from(word(4)?))
    }

    fn open_aead(&self, packet: &mut [u8], header_len: usize, seq: u64) -> Result<(), OpenError> {
        let CipherKey::Aead(key) = &self.cipher else {
            return Err(OpenError::Authentication);
        };
        let (header, sealed) = packet.split_at_mut(header_len);
        let iv = header.get(ESP_HEADER_LEN..).unwrap_or_default();
        let data = AdditionalData::new(self.spi, seq, self.esn);
        key.open(iv, &data, sealed)
            .map_err(|_| OpenError::Authentication)
    }

    fn decrypt(&self, covered: &mut [u8], header_len: usize) -> Result<(), OpenError> {
        let CipherKey::Cbc(key) = &self.cipher else {
            return Ok(());
        };
        let (header, body) = covered.split_at_mut(header_len);
        let iv = header.get(ESP_HEADER_LEN..).unwrap_or_default();
        key.decrypt(iv, body).map_err(|_| OpenError::Misaligned)
    }
}

/// Takes payload, padding and trailer apart; `offset` is where the body lies in the buffer.
fn parse_body(body: &[u8], offset: usize) -> Result<Payload, OpenError> {
    let (rest, trailer) = body
        .split_last_chunk::<ESP_TRAILER_LEN>()
        .ok_or(OpenError::Truncated)?;
    let [padding_len, next_header] = *trailer;
    let payload_len = rest.len().checked_sub(usize::from(padding_len));
    let payload_len = payload_len.ok_or(OpenError::Padding)?;
    let (payload, padding) = rest.split_at(payload_len);
    let counts_up = |(index, octet): (usize, &u8)| usize::from(*octet) == index + 1;
    if !padding.iter().enumerate().all(counts_up) {
        return Err(OpenError::Padding);
    }
    let version = match next_header {
        NEXT_HEADER_IPV4 => InnerVersion::V4,
        NEXT_HEADER_IPV6 => InnerVersion::V6,
        NEXT_HEADER_NONE => return Ok(Payload::Dummy),
        other => return Err(OpenError::NextHeader(other)),
    };
    let inner = IpPacket::new_checked(payload).map_err(|_| OpenError::InnerHeader)?;
    let fits = matches!(
        (&inner, version),
        (IpPacket::V4(_), InnerVersion::V4) | (IpPacket::V6(_), InnerVersion::V6)
    );
    if !fits {
        return Err(OpenError::InnerHeader);
    }
    Ok(Payload::Packet(
        version,
        offset..offset + inner.bytes().len(),
    ))
}
