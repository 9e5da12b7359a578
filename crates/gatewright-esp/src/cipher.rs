//! The ciphers, keyed once per SA.
//!
//! AEADs are in `aead`.  CBC is all of aws-lc-rs: its code took the least time for a packet of 1,408
//! octets (AES-128 1,006 against 1,246 ns to encrypt and 141
//! against 248 ns to decrypt, triple DES 43 to 74 against 166 to 235 us, RustCrypto's second).

use aws_lc_rs::cipher::{
    self, DecryptingKey, DecryptionContext, EncryptingKey, EncryptionContext, UnboundCipherKey,
};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::iv::FixedLength;
use zeroize::Zeroizing;

use crate::aead::AeadKey;
use crate::algorithm::Cipher;
use crate::gcm_code::GcmCode;
use crate::keys::KeyError;

/// A keyed cipher.
pub enum CipherKey {
    /// Encryption and authentication in one.
    Aead(AeadKey),
    /// Any block cipher in CBC mode.
    Cbc(Box<CbcKey>),
    /// No encryption.
    Null,
}

/// A block cipher keyed for one direction.
pub enum CbcKey {
    Encrypting(EncryptingKey),
    Decrypting(DecryptingKey),
}

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Seal,
    Open,
}

/// The cryptography refused: for opening, the tag is wrong.
#[derive(Debug)]
pub struct Refused;

impl CipherKey {
    /// `octets` are key and salt as they stand in the keying material.
    pub fn new(
        cipher: Cipher,
        octets: &[u8],
        direction: Direction,
        gcm: GcmCode,
    ) -> Result<Self, KeyError> {
        let expected = cipher.key_len() + cipher.salt_len();
        let (key, salt) = octets
            .split_at_checked(cipher.key_len())
            .filter(|_| octets.len() == expected)
            .ok_or(KeyError::EncryptionLength {
                expected,
                actual: octets.len(),
            })?;
        match cipher {
            Cipher::Null => Ok(Self::Null),
            _ if cipher.is_aead() => AeadKey::new(cipher, key, salt, gcm).map(Self::Aead),
            _ => CbcKey::new(cipher, key, direction).map(|key| Self::Cbc(Box::new(key))),
        }
    }

    /// As [`crate::SealContext::prefetch`]; where the key's memory is not ours to read, nothing.
    pub fn prefetch(&self) {
        if let Self::Aead(key) = self {
            key.prefetch();
        }
    }
}

impl CbcKey {
    fn new(cipher: Cipher, key: &[u8], direction: Direction) -> Result<Self, KeyError> {
        let des_key = with_odd_parity(key);
        // aws-lc-rs marks the DES ciphers as deprecated to say that they are for legacy use only.
        #[allow(deprecated)]
        let (algorithm, key, refusal) = match cipher {
            Cipher::Aes128Cbc => (&cipher::AES_128, key, KeyError::Refused),
            Cipher::Aes192Cbc => (&cipher::AES_192, key, KeyError::Refused),
            Cipher::Aes256Cbc => (&cipher::AES_256, key, KeyError::Refused),
            // Of a key of the right length only a weak one is refused, and a triple one that
            // amounts to less than three keys (RFC 2451 section 2.3).
            Cipher::TripleDesCbc => (
                &cipher::DES_EDE3_FOR_LEGACY_USE_ONLY,
                &des_key[..],
                KeyError::WeakKey,
            ),
            Cipher::DesCbc => (
                &cipher::DES_FOR_LEGACY_USE_ONLY,
                &des_key[..],
                KeyError::WeakKey,
            ),
            _ => return Err(KeyError::Refused),
        };
        let keyed = UnboundCipherKey::new(algorithm, key).and_then(|key| match direction {
            Direction::Seal => EncryptingKey::cbc(key).map(Self::Encrypting),
            Direction::Open => DecryptingKey::cbc(key).map(Self::Decrypting),
        });
        keyed.map_err(|_| refusal)
    }

    /// Encrypts whole blocks in place.
    pub fn encrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<(), Refused> {
        let Self::Encrypting(key) = self else {
            return Err(Refused);
        };
        let context = match *iv {
            [a, b, c, d, e, f, g, h] => {
                EncryptionContext::Iv64(FixedLength::from([a, b, c, d, e, f, g, h]))
            }
            _ => EncryptionContext::Iv128(FixedLength::try_from(iv)?),
        };
        key.less_safe_encrypt(data, context)?;
        Ok(())
    }

    /// Decrypts whole blocks in place.
    pub fn decrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<(), Refused> {
        let Self::Decrypting(key) = self else {
            return Err(Refused);
        };
        let context = match *iv {
            [a, b, c, d, e, f, g, h] => {
                DecryptionContext::Iv64(FixedLength::from([a, b, c, d, e, f, g, h]))
            }
            _ => DecryptionContext::Iv128(FixedLength::try_from(iv)?),
        };
        key.decrypt(data, context)?;
        Ok(())
    }
}

impl From<Unspecified> for Refused {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

/// The key with its parity bits set, which DES ignores and IKE does not make: the list of weak keys
/// is of keys with odd parity (RFC 2409 appendix A).
fn with_odd_parity(key: &[u8]) -> Zeroizing<Vec<u8>> {
    let odd = |octet: &u8| (octet & 0xfe) | u8::from((octet >> 1).count_ones() % 2 == 0);
    Zeroizing::new(key.iter().map(odd).collect())
}
