//! The algorithms of ESP by name, with their sizes.
//!
//! Names and sizes are those of the control plane's table (`gatewright.iana.algorithms`); the
//! sources are RFC 4106, 7634, 3602, 2451, 2405, 2410 for the ciphers and RFC 4868, 2404, 2403 for
//! the integrity algorithms.

use core::fmt;

/// An encryption algorithm with its key size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cipher {
    /// AES-GCM with a 16 octet ICV (RFC 4106).
    Aes128Gcm,
    /// AES-GCM with a 16 octet ICV (RFC 4106).
    Aes192Gcm,
    /// AES-GCM with a 16 octet ICV (RFC 4106).
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 7634).
    ChaCha20Poly1305,
    /// AES-CBC (RFC 3602).
    Aes128Cbc,
    /// AES-CBC (RFC 3602).
    Aes192Cbc,
    /// AES-CBC (RFC 3602).
    Aes256Cbc,
    /// Triple DES with three keys (RFC 2451).
    TripleDesCbc,
    /// DES (RFC 2405).
    DesCbc,
    /// No encryption (RFC 2410).
    Null,
}

/// An integrity algorithm that stands beside a cipher which is not an AEAD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Integrity {
    /// HMAC-MD5-96 (RFC 2403).
    HmacMd5_96,
    /// HMAC-SHA-1-96 (RFC 2404).
    HmacSha1_96,
    /// HMAC-SHA-256-128 (RFC 4868).
    HmacSha256_128,
    /// HMAC-SHA-384-192 (RFC 4868).
    HmacSha384_192,
    /// HMAC-SHA-512-256 (RFC 4868).
    HmacSha512_256,
}

/// A cipher and what authenticates it: an AEAD alone, or any other cipher with an integrity
/// algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Algorithm {
    cipher: Cipher,
    integrity: Option<Integrity>,
}

/// Why a pair of names is not an algorithm of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlgorithmError {
    /// No cipher has this name.
    UnknownCipher,
    /// No integrity algorithm has this name.
    UnknownIntegrity,
    /// An AEAD with an integrity algorithm beside it (RFC 4106 section 8: not used together).
    IntegrityWithAead,
    /// A cipher without authentication (RFC 8221 section 4: MUST NOT).
    NoIntegrity,
}

impl fmt::Display for AlgorithmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnknownCipher => "no cipher of this name",
            Self::UnknownIntegrity => "no integrity algorithm of this name",
            Self::IntegrityWithAead => "an AEAD takes no integrity algorithm beside it",
            Self::NoIntegrity => "a cipher that is not an AEAD needs an integrity algorithm",
        })
    }
}

impl std::error::Error for AlgorithmError {}

/// One row of the table of ciphers; lengths in octets.
struct CipherRow {
    name: &'static str,
    key: usize,
    salt: usize,
    iv: usize,
    icv: usize,
    block: usize,
}

const fn row(
    name: &'static str,
    key: usize,
    salt: usize,
    iv: usize,
    icv: usize,
    block: usize,
) -> CipherRow {
    CipherRow {
        name,
        key,
        salt,
        iv,
        icv,
        block,
    }
}

impl Cipher {
    /// All of them, strongest first.
    pub const ALL: [Self; 10] = [
        Self::Aes256Gcm,
        Self::Aes192Gcm,
        Self::Aes128Gcm,
        Self::ChaCha20Poly1305,
        Self::Aes256Cbc,
        Self::Aes192Cbc,
        Self::Aes128Cbc,
        Self::TripleDesCbc,
        Self::DesCbc,
        Self::Null,
    ];

    const fn row(self) -> CipherRow {
        match self {
            Self::Aes128Gcm => row("aes-128-gcm", 16, 4, 8, 16, 4),
            Self::Aes192Gcm => row("aes-192-gcm", 24, 4, 8, 16, 4),
            Self::Aes256Gcm => row("aes-256-gcm", 32, 4, 8, 16, 4),
            Self::ChaCha20Poly1305 => row("chacha20-poly1305", 32, 4, 8, 16, 4),
            Self::Aes128Cbc => row("aes-128-cbc", 16, 0, 16, 0, 16),
            Self::Aes192Cbc => row("aes-192-cbc", 24, 0, 16, 0, 16),
            Self::Aes256Cbc => row("aes-256-cbc", 32, 0, 16, 0, 16),
            Self::TripleDesCbc => row("3des-cbc", 24, 0, 8, 0, 8),
            Self::DesCbc => row("des-cbc", 8, 0, 8, 0, 8),
            Self::Null => row("null", 0, 0, 0, 0, 4),
        }
    }

    /// The cipher of this name, as in a policy.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.name() == name)
    }

    /// The name, as in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Octets of the key, without the salt.
    #[must_use]
    pub const fn key_len(self) -> usize {
        self.row().key
    }

    /// Octets of implicit nonce that follow the key in the keying material.
    #[must_use]
    pub const fn salt_len(self) -> usize {
        self.row().salt
    }

    /// Octets of explicit IV in each packet.
    #[must_use]
    pub const fn iv_len(self) -> usize {
        self.row().iv
    }

    /// Octets of AEAD tag; 0 for a cipher that is not an AEAD.
    #[must_use]
    pub const fn icv_len(self) -> usize {
        self.row().icv
    }

    /// The boundary in octets to which payload, padding and trailer together are filled.
    #[must_use]
    pub const fn block_len(self) -> usize {
        self.row().block
    }

    /// Whether the cipher authenticates by itself.
    #[must_use]
    pub const fn is_aead(self) -> bool {
        self.icv_len() > 0
    }
}

impl Integrity {
    /// All of them, strongest first.
    pub const ALL: [Self; 5] = [
        Self::HmacSha512_256,
        Self::HmacSha384_192,
        Self::HmacSha256_128,
        Self::HmacSha1_96,
        Self::HmacMd5_96,
    ];

    const fn row(self) -> (&'static str, usize, usize) {
        match self {
            Self::HmacMd5_96 => ("hmac-md5-96", 16, 12),
            Self::HmacSha1_96 => ("hmac-sha1-96", 20, 12),
            Self::HmacSha256_128 => ("hmac-sha256-128", 32, 16),
            Self::HmacSha384_192 => ("hmac-sha384-192", 48, 24),
            Self::HmacSha512_256 => ("hmac-sha512-256", 64, 32),
        }
    }

    /// The integrity algorithm of this name, as in a policy.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|i| i.name() == name)
    }

    /// The name, as in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// Octets of the key.
    #[must_use]
    pub const fn key_len(self) -> usize {
        self.row().1
    }

    /// Octets of the truncated ICV in each packet.
    #[must_use]
    pub const fn icv_len(self) -> usize {
        self.row().2
    }
}

impl Algorithm {
    /// Pairs a cipher with its integrity algorithm.
    ///
    /// # Errors
    /// [`AlgorithmError::IntegrityWithAead`] or [`AlgorithmError::NoIntegrity`].
    pub const fn new(cipher: Cipher, integrity: Option<Integrity>) -> Result<Self, AlgorithmError> {
        match (cipher.is_aead(), integrity) {
            (true, Some(_)) => Err(AlgorithmError::IntegrityWithAead),
            (false, None) => Err(AlgorithmError::NoIntegrity),
            _ => Ok(Self { cipher, integrity }),
        }
    }

    /// Pairs by name.
    ///
    /// # Errors
    /// Those of [`Algorithm::new`], and the two for unknown names.
    pub fn from_names(cipher: &str, integrity: Option<&str>) -> Result<Self, AlgorithmError> {
        let cipher = Cipher::from_name(cipher).ok_or(AlgorithmError::UnknownCipher)?;
        let integrity = match integrity {
            None => None,
            Some(name) => Some(Integrity::from_name(name).ok_or(AlgorithmError::UnknownIntegrity)?),
        };
        Self::new(cipher, integrity)
    }

    /// The cipher.
    #[must_use]
    pub const fn cipher(self) -> Cipher {
        self.cipher
    }

    /// The integrity algorithm; none with an AEAD.
    #[must_use]
    pub const fn integrity(self) -> Option<Integrity> {
        self.integrity
    }

    /// Octets of ICV in each packet.
    #[must_use]
    pub const fn icv_len(self) -> usize {
        match self.integrity {
            Some(integrity) => integrity.icv_len(),
            None => self.cipher.icv_len(),
        }
    }

    /// Octets in front of the inner packet: SPI, sequence number and IV.
    #[must_use]
    pub const fn header_len(self) -> usize {
        crate::overhead::ESP_HEADER_LEN + self.cipher.iv_len()
    }

    /// Octets of the whole ESP packet around an inner packet of `inner_len`, with the least
    /// padding (RFC 4303 section 2.4: at least to a multiple of 4).
    #[must_use]
    pub const fn sealed_len(self, inner_len: usize) -> usize {
        self.header_len() + inner_len + self.padding_len(inner_len) + 2 + self.icv_len()
    }

    /// Octets of padding, trailer not counted, behind an inner packet of `inner_len`.
    #[must_use]
    pub const fn padding_len(self, inner_len: usize) -> usize {
        let block = self.cipher.block_len();
        (block - (inner_len + 2) % block) % block
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again() {
        for cipher in Cipher::ALL {
            assert_eq!(Cipher::from_name(cipher.name()), Some(cipher));
        }
        for integrity in Integrity::ALL {
            assert_eq!(Integrity::from_name(integrity.name()), Some(integrity));
        }
        assert_eq!(Cipher::from_name("AES-128-GCM"), None);
    }

    #[test]
    fn a_packet_is_authenticated_exactly_once() {
        let error = |cipher, integrity| Algorithm::from_names(cipher, integrity).unwrap_err();
        let sha1 = Some("hmac-sha1-96");
        assert_eq!(
            error("aes-128-gcm", sha1),
            AlgorithmError::IntegrityWithAead
        );
        assert_eq!(error("aes-128-cbc", None), AlgorithmError::NoIntegrity);
        assert_eq!(error("null", None), AlgorithmError::NoIntegrity);
        assert_eq!(error("rot13", sha1), AlgorithmError::UnknownCipher);
        assert_eq!(
            error("null", Some("crc32")),
            AlgorithmError::UnknownIntegrity
        );
    }

    #[test]
    fn lengths_of_a_packet() {
        let gcm = Algorithm::from_names("aes-128-gcm", None).unwrap();
        assert_eq!((gcm.header_len(), gcm.icv_len()), (16, 16));
        // 16 in front, 1400 + 2 of padding + 2 of trailer, 16 of ICV.
        assert_eq!(gcm.sealed_len(1400), 16 + 1404 + 16);
        let cbc = Algorithm::from_names("aes-256-cbc", Some("hmac-sha512-256")).unwrap();
        assert_eq!((cbc.header_len(), cbc.icv_len()), (24, 32));
        assert_eq!(cbc.padding_len(14), 0);
        assert_eq!(cbc.padding_len(15), 15);
    }
}
