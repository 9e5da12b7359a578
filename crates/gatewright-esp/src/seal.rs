//! Outbound ESP.

use core::fmt;
use core::ops::Range;

use aws_lc_rs::cipher::{EncryptingKey, EncryptionContext, UnboundCipherKey, AES_128};
use aws_lc_rs::error::Unspecified;

use crate::aead::AdditionalData;
use crate::algorithm::Algorithm;
use crate::auth::Authenticator;
use crate::cipher::{CipherKey, Direction};
use crate::gcm_code::GcmCode;
use crate::keys::{check_spi, EspKeys, KeyError};
use crate::overhead::{ESP_HEADER_LEN, ESP_TRAILER_LEN};

/// The outbound half of an SA: keys scheduled once, shared by all workers.
pub struct SealContext {
    algorithm: Algorithm,
    spi: u32,
    esn: bool,
    cipher: CipherKey,
    authenticator: Option<Authenticator>,
    /// With a CBC cipher alone, and not among what every packet needs: it is large.
    ivs: Option<Box<IvSource>>,
}

/// Unpredictable IVs for CBC: the sequence number, encrypted under a key of its own
/// (NIST SP 800-38A appendix C, first method).
struct IvSource(EncryptingKey);

impl IvSource {
    fn new(seed: &[u8; 16]) -> Result<Self, KeyError> {
        let key = UnboundCipherKey::new(&AES_128, seed).and_then(EncryptingKey::ecb);
        key.map(Self).map_err(|_| KeyError::Refused)
    }

    fn fill(&self, seq: u64, iv: &mut [u8]) -> Result<(), Unspecified> {
        let mut block = u128::from(seq).to_be_bytes();
        self.0
            .less_safe_encrypt(&mut block, EncryptionContext::None)?;
        for (to, from) in iv.iter_mut().zip(block) {
            *to = from;
        }
        Ok(())
    }
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
    /// number as IV (RFC 4106 section 3.1) and does not use it.  `gcm` chooses the code for
    /// AES-GCM.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(
        algorithm: Algorithm,
        keys: &EspKeys,
        spi: u32,
        esn: bool,
        iv_seed: &[u8; 16],
        gcm: GcmCode,
    ) -> Result<Self, KeyError> {
        check_spi(spi)?;
        let authenticator = match algorithm.integrity() {
            Some(integrity) => Some(Authenticator::new(integrity, keys.integrity())?),
            None => None,
        };
        let cipher = CipherKey::new(algorithm.cipher(), keys.encryption(), Direction::Seal, gcm)?;
        let ivs = match cipher {
            CipherKey::Cbc(_) => Some(Box::new(IvSource::new(iv_seed)?)),
            CipherKey::Aead(_) | CipherKey::Null => None,
        };
        Ok(Self {
            algorithm,
            spi,
            esn,
            cipher,
            authenticator,
            ivs,
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

    /// Reads what a short packet needs of the keys, all of it at once: with thousands of SAs it is
    /// not in the caches, and on the way of a packet one wait would follow the other.
    pub fn prefetch(&self) {
        self.cipher.prefetch();
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
        if seq == 0 || (!self.esn && seq > u64::from(u32::MAX)) {
            return Err(SealError::Sequence);
        }
        if inner.start > inner.end || inner.end > buf.len() {
            return Err(SealError::Range);
        }
        let header_len = self.algorithm.header_len();
        let start = inner.start.checked_sub(header_len);
        let start = start.ok_or(SealError::Headroom)?;
        let end = start + self.algorithm.sealed_len(inner.len());
        let padding = self.algorithm.padding_len(inner.len());
        let packet = buf.get_mut(start..end).ok_or(SealError::Tailroom)?;
        let (header, rest) = packet.split_at_mut(header_len);
        let (body, icv) = rest.split_at_mut(inner.len() + padding + ESP_TRAILER_LEN);
        self.write_header(header, seq)?;
        if let Some(trailer) = body.get_mut(inner.len()..) {
            write_trailer(trailer, padding, next_header);
        }
        match &self.authenticator {
            None => self.seal_aead(header, body, icv, seq)?,
            Some(authenticator) => {
                self.encrypt(header, body)?;
                let covered = packet.len() - self.algorithm.icv_len();
                let (covered, icv) = packet.split_at_mut(covered);
                // With ESN the high half is authenticated and not sent (RFC 4303 section 2.2.1).
                let high = self.esn.then_some((seq >> 32) as u32);
                icv.copy_from_slice(authenticator.icv(covered, high).as_slice());
            }
        }
        Ok(start..end)
    }

    /// SPI, the low half of the sequence number, and the IV.
    fn write_header(&self, header: &mut [u8], seq: u64) -> Result<(), SealError> {
        let (fixed, iv) = header.split_at_mut(ESP_HEADER_LEN);
        let (spi, low) = fixed.split_at_mut(4);
        spi.copy_from_slice(&self.spi.to_be_bytes());
        low.copy_from_slice(&(seq as u32).to_be_bytes());
        match self.cipher {
            // A counter: unique for the key, as a GCM IV has to be (RFC 4106 section 3.1).
            CipherKey::Aead(..) => iv.copy_from_slice(&seq.to_be_bytes()),
            CipherKey::Cbc(_) => {
                let ivs = self.ivs.as_ref().ok_or(SealError::Crypto)?;
                ivs.fill(seq, iv).map_err(|_| SealError::Crypto)?;
            }
            CipherKey::Null => {}
        }
        Ok(())
    }

    fn seal_aead(
        &self,
        header: &[u8],
        body: &mut [u8],
        icv: &mut [u8],
        seq: u64,
    ) -> Result<(), SealError> {
        let CipherKey::Aead(key) = &self.cipher else {
            return Err(SealError::Crypto);
        };
        let iv = header.get(ESP_HEADER_LEN..).unwrap_or_default();
        let data = AdditionalData::new(self.spi, seq, self.esn);
        key.seal(iv, &data, body, icv)
            .map_err(|_| SealError::Crypto)
    }

    fn encrypt(&self, header: &[u8], body: &mut [u8]) -> Result<(), SealError> {
        match &self.cipher {
            CipherKey::Cbc(key) => {
                let iv = header.get(ESP_HEADER_LEN..).unwrap_or_default();
                key.encrypt(iv, body).map_err(|_| SealError::Crypto)
            }
            CipherKey::Null => Ok(()),
            CipherKey::Aead(..) => Err(SealError::Crypto),
        }
    }
}

/// Padding 1, 2, 3, … (RFC 4303 section 2.4), its length, and the next header.
fn write_trailer(trailer: &mut [u8], padding: usize, next_header: u8) {
    for (octet, value) in trailer.iter_mut().take(padding).zip(1u8..) {
        *octet = value;
    }
    if let Some([length, next]) = trailer.get_mut(padding..) {
        // Padding is shorter than a cipher's block.
        *length = padding as u8;
        *next = next_header;
    }
}
