//! ring's AES-GCM: a key that is overwritten when it is dropped, which ring does not do by itself.

use core::hint::black_box;

use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_128_GCM, AES_256_GCM, NONCE_LEN};

use crate::aead::TAG_LEN;
use crate::algorithm::Cipher;
use crate::cipher::Refused;

/// A scheduled key.  Never printed.
pub struct RingKey(LessSafeKey);

impl RingKey {
    /// None when ring has no such cipher.  Refuses a key of a wrong length.
    pub fn new(cipher: Cipher, key: &[u8]) -> Option<Result<Box<Self>, Refused>> {
        let algorithm = match cipher {
            Cipher::Aes128Gcm => &AES_128_GCM,
            Cipher::Aes256Gcm => &AES_256_GCM,
            _ => return None,
        };
        let unbound = UnboundKey::new(algorithm, key).map_err(|_| Refused);
        Some(unbound.map(|unbound| Box::new(Self(LessSafeKey::new(unbound)))))
    }

    /// Encrypts `body` where it lies and writes the tag.
    pub fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        body: &mut [u8],
        tag: &mut [u8; TAG_LEN],
    ) -> Result<(), Refused> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let sealed = self
            .0
            .seal_in_place_separate_tag(nonce, Aad::from(aad), body);
        tag.copy_from_slice(sealed.map_err(|_| Refused)?.as_ref());
        Ok(())
    }

    /// Authenticates the ciphertext and the tag behind it, and decrypts in place.  ring wipes what
    /// does not authenticate.
    pub fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), Refused> {
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = self.0.open_in_place(nonce, Aad::from(aad), sealed);
        opened.map(|_| ()).map_err(|_| Refused)
    }
}

impl Drop for RingKey {
    fn drop(&mut self) {
        if let Ok(zeroes) = UnboundKey::new(&AES_128_GCM, &[0; 16]) {
            self.0 = LessSafeKey::new(zeroes);
            // Else the compiler may leave out what is written to memory that is about to be freed.
            black_box(&mut self.0);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_and_what_is_forged_does_not() {
        let key = RingKey::new(Cipher::Aes256Gcm, &[3; 32]).unwrap().unwrap();
        let (nonce, aad) = ([5; NONCE_LEN], [6; 8]);
        let mut sealed = [7; 40 + TAG_LEN];
        let (body, tag) = sealed.split_last_chunk_mut().unwrap();
        key.seal(nonce, &aad, body, tag).unwrap();
        let mut forged = sealed;
        forged[0] ^= 1;
        assert!(key.open(nonce, &aad, &mut forged).is_err());
        assert!(key.open(nonce, &[6; 7], &mut sealed.clone()).is_err());
        key.open(nonce, &aad, &mut sealed).unwrap();
        assert_eq!(sealed[..40], [7; 40]);
    }

    #[test]
    fn there_are_keys_of_128_and_256_bits() {
        assert!(RingKey::new(Cipher::Aes192Gcm, &[3; 24]).is_none());
        assert!(RingKey::new(Cipher::Aes128Gcm, &[3; 24]).unwrap().is_err());
        assert!(RingKey::new(Cipher::Aes128Gcm, &[3; 16]).unwrap().is_ok());
    }
}
