//! AEADs as ESP uses them: nonce and additional data (RFC 4106, RFC 7634), and who does the work.

use aws_lc_rs::aead::{
    Aad, Algorithm, LessSafeKey, Nonce, UnboundKey, AES_128_GCM, AES_192_GCM, AES_256_GCM,
    CHACHA20_POLY1305, NONCE_LEN,
};
use gatewright_ipsec_mb::GcmKey;

use crate::algorithm::Cipher;
use crate::cipher::Refused;
use crate::gcm_code::{Choice, GcmCode};
use crate::keys::KeyError;
use crate::ring_gcm::RingKey;

const SALT_LEN: usize = 4;
pub(crate) const TAG_LEN: usize = 16;

/// A keyed AEAD.
pub struct AeadKey {
    code: Code,
    /// What begins each nonce (RFC 4106 section 4).
    salt: [u8; SALT_LEN],
}

enum Code {
    AwsLc(Box<LessSafeKey>),
    IpsecMb(Box<GcmKey>),
    Ring(Box<RingKey>),
}

impl AeadKey {
    pub fn new(cipher: Cipher, key: &[u8], salt: &[u8], gcm: GcmCode) -> Result<Self, KeyError> {
        let salt = salt.first_chunk().copied().ok_or(KeyError::Refused)?;
        let code = match cipher {
            Cipher::Aes128Gcm => Code::gcm(cipher, &AES_128_GCM, key, gcm)?,
            Cipher::Aes192Gcm => Code::gcm(cipher, &AES_192_GCM, key, gcm)?,
            Cipher::Aes256Gcm => Code::gcm(cipher, &AES_256_GCM, key, gcm)?,
            Cipher::ChaCha20Poly1305 => Code::aws_lc(&CHACHA20_POLY1305, key)?,
            _ => return Err(KeyError::Refused),
        };
        Ok(Self { code, salt })
    }

    pub fn prefetch(&self) {
        if let Code::IpsecMb(key) = &self.code {
            key.prefetch();
        }
    }

    /// Encrypts `body` where it lies and writes the ICV.
    pub fn seal(
        &self,
        iv: &[u8],
        data: &AdditionalData,
        body: &mut [u8],
        icv: &mut [u8],
    ) -> Result<(), Refused> {
        let nonce = self.nonce(iv)?;
        let icv: &mut [u8; TAG_LEN] = icv.try_into().map_err(|_| Refused)?;
        match &self.code {
            Code::IpsecMb(key) => {
                *icv = key
                    .seal_in_place(&nonce, data.octets(), body)
                    .map_err(|_| Refused)?;
            }
            Code::Ring(key) => key.seal(nonce, data.octets(), body, icv)?,
            Code::AwsLc(key) => {
                let nonce = Nonce::assume_unique_for_key(nonce);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(data.octets()), body)?;
                icv.copy_from_slice(tag.as_ref());
            }
        }
        Ok(())
    }

    /// Authenticates the ciphertext and the ICV behind it, and decrypts in place.  What does not
    /// authenticate is not decrypted, or wiped.
    pub fn open(&self, iv: &[u8], data: &AdditionalData, sealed: &mut [u8]) -> Result<(), Refused> {
        let nonce = self.nonce(iv)?;
        match &self.code {
            Code::IpsecMb(key) => {
                let (body, icv) = sealed.split_last_chunk_mut::<TAG_LEN>().ok_or(Refused)?;
                key.open_in_place(&nonce, data.octets(), body, icv)
                    .map_err(|_| Refused)
            }
            Code::Ring(key) => key.open(nonce, data.octets(), sealed),
            Code::AwsLc(key) => {
                let nonce = Nonce::assume_unique_for_key(nonce);
                key.open_in_place(nonce, Aad::from(data.octets()), sealed)?;
                Ok(())
            }
        }
    }

    /// Salt, then the explicit IV (RFC 4106 section 4, RFC 7634 section 2).
    fn nonce(&self, iv: &[u8]) -> Result<[u8; NONCE_LEN], Refused> {
        let mut octets = [0; NONCE_LEN];
        let (head, tail) = octets.split_at_mut(SALT_LEN);
        if iv.len() != tail.len() {
            return Err(Refused);
        }
        head.copy_from_slice(&self.salt);
        tail.copy_from_slice(iv);
        Ok(octets)
    }
}

impl Code {
    /// AES-GCM by `code`; `algorithm` is aws-lc's name for the cipher.
    fn gcm(
        cipher: Cipher,
        algorithm: &'static Algorithm,
        key: &[u8],
        code: GcmCode,
    ) -> Result<Self, KeyError> {
        let ring = match code.choose() {
            Choice::IpsecMb(library) => {
                let key = library.key(key).ok_or(KeyError::Refused)?;
                return Ok(Self::IpsecMb(key));
            }
            Choice::Ring => RingKey::new(cipher, key),
            Choice::AwsLc => None,
        };
        match ring {
            Some(key) => key.map(Self::Ring).map_err(|_| KeyError::Refused),
            None => Self::aws_lc(algorithm, key),
        }
    }

    fn aws_lc(algorithm: &'static Algorithm, key: &[u8]) -> Result<Self, KeyError> {
        let unbound = UnboundKey::new(algorithm, key).map_err(|_| KeyError::Refused)?;
        Ok(Self::AwsLc(Box::new(LessSafeKey::new(unbound))))
    }
}

/// The additional data of an AEAD: SPI and sequence number, all 64 bits of it with ESN
/// (RFC 4106 section 5).
pub struct AdditionalData {
    octets: [u8; 12],
    len: usize,
}

impl AdditionalData {
    pub fn new(spi: u32, seq: u64, esn: bool) -> Self {
        let mut octets = [0; 12];
        let (head, tail) = octets.split_at_mut(4);
        head.copy_from_slice(&spi.to_be_bytes());
        tail.copy_from_slice(&seq.to_be_bytes());
        if !esn {
            // The low half alone follows the SPI.
            octets.copy_within(8..12, 4);
        }
        Self {
            octets,
            len: if esn { 12 } else { 8 },
        }
    }

    fn octets(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}
