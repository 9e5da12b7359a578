//! The integrity algorithms, keyed once per SA.

use aws_lc_rs::{constant_time, hmac};
use hmac_md5::{Hmac, KeyInit, Mac};
use md5::Md5;

use crate::algorithm::Integrity;
use crate::keys::KeyError;

/// The longest ICV.
pub const MAX_ICV_LEN: usize = 32;

/// A keyed integrity algorithm.
pub struct Authenticator {
    key: Key,
    icv_len: usize,
}

enum Key {
    Lc(Box<hmac::Key>),
    // aws-lc-rs has no MD5.
    Md5(Box<Hmac<Md5>>),
}

/// An ICV and its length.
pub struct Icv {
    octets: [u8; MAX_ICV_LEN],
    len: usize,
}

impl Icv {
    pub fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
    }
}

impl Authenticator {
    pub fn new(integrity: Integrity, key: &[u8]) -> Result<Self, KeyError> {
        if key.len() != integrity.key_len() {
            return Err(KeyError::IntegrityLength {
                expected: integrity.key_len(),
                actual: key.len(),
            });
        }
        let key = match integrity {
            Integrity::HmacMd5_96 => Key::Md5(Box::new(
                Hmac::new_from_slice(key).map_err(|_| KeyError::Refused)?,
            )),
            Integrity::HmacSha1_96 => Key::Lc(Box::new(hmac::Key::new(
                hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                key,
            ))),
            Integrity::HmacSha256_128 => Key::Lc(Box::new(hmac::Key::new(hmac::HMAC_SHA256, key))),
            Integrity::HmacSha384_192 => Key::Lc(Box::new(hmac::Key::new(hmac::HMAC_SHA384, key))),
            Integrity::HmacSha512_256 => Key::Lc(Box::new(hmac::Key::new(hmac::HMAC_SHA512, key))),
        };
        Ok(Self {
            key,
            icv_len: integrity.icv_len(),
        })
    }

    /// The ICV over the packet and, with ESN, the high half of its sequence number, which is not
    /// sent (RFC 4303 section 2.8).
    pub fn icv(&self, packet: &[u8], seq_hi: Option<u32>) -> Icv {
        match &self.key {
            Key::Lc(key) => {
                let mut context = hmac::Context::with_key(key);
                context.update(packet);
                if let Some(high) = seq_hi {
                    context.update(&high.to_be_bytes());
                }
                self.truncate(context.sign().as_ref())
            }
            Key::Md5(key) => {
                let mut context = (**key).clone();
                context.update(packet);
                if let Some(high) = seq_hi {
                    context.update(&high.to_be_bytes());
                }
                self.truncate(&context.finalize().into_bytes())
            }
        }
    }

    /// Compares in constant time.
    pub fn verify(&self, packet: &[u8], seq_hi: Option<u32>, icv: &[u8]) -> bool {
        let expected = self.icv(packet, seq_hi);
        constant_time::verify_slices_are_equal(expected.as_slice(), icv).is_ok()
    }

    fn truncate(&self, digest: &[u8]) -> Icv {
        let mut octets = [0; MAX_ICV_LEN];
        for (to, from) in octets.iter_mut().zip(digest).take(self.icv_len) {
            *to = *from;
        }
        Icv {
            octets,
            len: self.icv_len,
        }
    }
}
