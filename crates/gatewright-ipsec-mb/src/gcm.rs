//! A keyed AES-GCM.

use core::fmt;

use aws_lc_rs::constant_time;
use zeroize::Zeroize;

use crate::foreign::{Functions, KeyData, Way};

/// Octets of nonce.
pub const NONCE_LEN: usize = 12;
/// Octets of authentication tag.
pub const TAG_LEN: usize = 16;

/// A key of 16, 24 or 32 octets, scheduled.  May be used by several threads at once.
///
/// What was scheduled is wiped when it is dropped and never printed.
pub struct GcmKey {
    functions: Functions,
    data: KeyData,
}

/// Why nothing was sealed or opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GcmError {
    /// The data or the additional data are longer than 2^32 - 1 octets.
    TooLong,
    /// The tag is wrong: key, nonce, additional data or ciphertext are not those that it was made
    /// with.
    Forged,
}

impl fmt::Display for GcmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the data are longer than 2^32 - 1 octets",
            Self::Forged => "the authentication tag is wrong",
        })
    }
}

impl std::error::Error for GcmError {}

impl fmt::Debug for GcmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GcmKey({} octets)", self.functions.key_len())
    }
}

impl GcmKey {
    /// None for a key of another length.  Boxed before it is scheduled: to move it would leave a
    /// copy behind.
    pub(crate) fn new(functions: Functions, key: &[u8]) -> Option<Box<Self>> {
        let mut made = Box::new(Self {
            functions,
            data: KeyData::empty(),
        });
        made.functions.schedule(key, &mut made.data).then_some(made)
    }

    /// Reads what a short packet needs, all of it at once, so that the memory is waited for once.
    pub fn prefetch(&self) {
        self.functions.prefetch();
        self.data.prefetch();
    }

    /// Encrypts `data` where they lie and returns the tag.  A nonce must not be used twice with
    /// one key.
    ///
    /// # Errors
    /// [`GcmError::TooLong`]; nothing was encrypted then.
    pub fn seal_in_place(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<[u8; TAG_LEN], GcmError> {
        self.functions
            .crypt(Way::Encrypt, &self.data, nonce, aad, data)
            .ok_or(GcmError::TooLong)
    }

    /// Authenticates `data` and decrypts them where they lie.
    ///
    /// # Errors
    /// [`GcmError::Forged`], and `data` are zeroes: what was decrypted must not be seen
    /// (NIST SP 800-38D section 7.2).  [`GcmError::TooLong`], and nothing was done.
    pub fn open_in_place(
        &self,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), GcmError> {
        let computed = self
            .functions
            .crypt(Way::Decrypt, &self.data, nonce, aad, data);
        let mut computed = computed.ok_or(GcmError::TooLong)?;
        if constant_time::verify_slices_are_equal(&computed, tag).is_ok() {
            return Ok(());
        }
        // The right tag of a forged message would be a forgery.
        computed.zeroize();
        data.fill(0);
        Err(GcmError::Forged)
    }
}
