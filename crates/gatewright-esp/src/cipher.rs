//! The ciphers, keyed once per SA.
//!
//! AEADs come from aws-lc-rs, which has AES-GCM with the processor's vector AES; CBC from
//! RustCrypto, since aws-lc-rs has none without padding of its own.

use aes::{Aes128, Aes192, Aes256};
use aws_lc_rs::aead::{
    Aad, LessSafeKey, Nonce, UnboundKey, AES_128_GCM, AES_192_GCM, AES_256_GCM, CHACHA20_POLY1305,
    NONCE_LEN,
};
use cbc::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
    KeyInit,
};
use cbc::{Decryptor, Encryptor};
use des::{Des, TdesEde3};

use crate::algorithm::Cipher;
use crate::keys::KeyError;

const SALT_LEN: usize = 4;

/// A keyed cipher.
pub enum CipherKey {
    /// With the salt that begins each nonce (RFC 4106 section 4).
    Aead(Box<LessSafeKey>, [u8; SALT_LEN]),
    /// Any block cipher in CBC mode.
    Cbc(Box<CbcKey>),
    /// No encryption.
    Null,
}

/// A keyed block cipher.
pub enum CbcKey {
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
    TripleDes(TdesEde3),
    Des(Des),
}

/// The cryptography refused: for opening, the tag is wrong.
pub struct Refused;

impl CipherKey {
    /// `octets` are key and salt as they stand in the keying material.
    pub fn new(cipher: Cipher, octets: &[u8]) -> Result<Self, KeyError> {
        let expected = cipher.key_len() + cipher.salt_len();
        let (key, salt) = octets
            .split_at_checked(cipher.key_len())
            .filter(|_| octets.len() == expected)
            .ok_or(KeyError::EncryptionLength {
                expected,
                actual: octets.len(),
            })?;
        let aead = |algorithm| {
            let unbound = UnboundKey::new(algorithm, key).map_err(|_| KeyError::Refused)?;
            let salt = salt.first_chunk().copied().ok_or(KeyError::Refused)?;
            Ok(Self::Aead(Box::new(LessSafeKey::new(unbound)), salt))
        };
        match cipher {
            Cipher::Aes128Gcm => aead(&AES_128_GCM),
            Cipher::Aes192Gcm => aead(&AES_192_GCM),
            Cipher::Aes256Gcm => aead(&AES_256_GCM),
            Cipher::ChaCha20Poly1305 => aead(&CHACHA20_POLY1305),
            Cipher::Null => Ok(Self::Null),
            _ => CbcKey::new(cipher, key).map(|key| Self::Cbc(Box::new(key))),
        }
    }
}

impl CbcKey {
    fn new(cipher: Cipher, key: &[u8]) -> Result<Self, KeyError> {
        let keyed = match cipher {
            Cipher::Aes128Cbc => Aes128::new_from_slice(key).map(Self::Aes128),
            Cipher::Aes192Cbc => Aes192::new_from_slice(key).map(Self::Aes192),
            Cipher::Aes256Cbc => Aes256::new_from_slice(key).map(Self::Aes256),
            Cipher::TripleDesCbc => {
                refuse_weak(key)?;
                TdesEde3::new_from_slice(key).map(Self::TripleDes)
            }
            Cipher::DesCbc => {
                refuse_weak(key)?;
                Des::new_from_slice(key).map(Self::Des)
            }
            _ => return Err(KeyError::Refused),
        };
        keyed.map_err(|_| KeyError::Refused)
    }

    /// Encrypts whole blocks in place.
    pub fn encrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<(), Refused> {
        match self {
            Self::Aes128(key) => encrypt(key, iv, data),
            Self::Aes192(key) => encrypt(key, iv, data),
            Self::Aes256(key) => encrypt(key, iv, data),
            Self::TripleDes(key) => encrypt(key, iv, data),
            Self::Des(key) => encrypt(key, iv, data),
        }
    }

    /// Decrypts whole blocks in place.
    pub fn decrypt(&self, iv: &[u8], data: &mut [u8]) -> Result<(), Refused> {
        match self {
            Self::Aes128(key) => decrypt(key, iv, data),
            Self::Aes192(key) => decrypt(key, iv, data),
            Self::Aes256(key) => decrypt(key, iv, data),
            Self::TripleDes(key) => decrypt(key, iv, data),
            Self::Des(key) => decrypt(key, iv, data),
        }
    }
}

/// Single DES weak keys, and 3DES keys that amount to single DES (RFC 2451 section 2.3).
fn refuse_weak(key: &[u8]) -> Result<(), KeyError> {
    des::weak_key_test(key).map_err(|_| KeyError::WeakKey)
}

fn encrypt<C: BlockCipherEncrypt>(key: &C, iv: &[u8], data: &mut [u8]) -> Result<(), Refused> {
    let iv = Array::try_from(iv).map_err(|_| Refused)?;
    let (blocks, rest) = Array::slice_as_chunks_mut(data);
    if !rest.is_empty() {
        return Err(Refused);
    }
    Encryptor::inner_iv_init(key, &iv).encrypt_blocks(blocks);
    Ok(())
}

fn decrypt<C: BlockCipherDecrypt>(key: &C, iv: &[u8], data: &mut [u8]) -> Result<(), Refused> {
    let iv = Array::try_from(iv).map_err(|_| Refused)?;
    let (blocks, rest) = Array::slice_as_chunks_mut(data);
    if !rest.is_empty() {
        return Err(Refused);
    }
    Decryptor::inner_iv_init(key, &iv).decrypt_blocks(blocks);
    Ok(())
}

/// The nonce: salt, then the explicit IV (RFC 4106 section 4, RFC 7634 section 2).
pub fn nonce(salt: [u8; SALT_LEN], iv: &[u8]) -> Result<Nonce, Refused> {
    let mut octets = [0; NONCE_LEN];
    let (head, tail) = octets.split_at_mut(SALT_LEN);
    if iv.len() != tail.len() {
        return Err(Refused);
    }
    head.copy_from_slice(&salt);
    tail.copy_from_slice(iv);
    Ok(Nonce::assume_unique_for_key(octets))
}

/// The additional data of an AEAD: SPI and sequence number, all 64 bits of it with ESN
/// (RFC 4106 section 5).
pub fn additional_data(spi: u32, seq: u64, esn: bool) -> Aad<AadOctets> {
    let mut octets = [0; 12];
    let (head, tail) = octets.split_at_mut(4);
    head.copy_from_slice(&spi.to_be_bytes());
    tail.copy_from_slice(&seq.to_be_bytes());
    if !esn {
        // The low half alone follows the SPI.
        octets.copy_within(8..12, 4);
    }
    Aad::from(AadOctets {
        octets,
        len: if esn { 12 } else { 8 },
    })
}

/// 8 or 12 octets.
pub struct AadOctets {
    octets: [u8; 12],
    len: usize,
}

impl AsRef<[u8]> for AadOctets {
    fn as_ref(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}
