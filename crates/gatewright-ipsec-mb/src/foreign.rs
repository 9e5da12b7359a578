//! The library's functions, and every call of them.
//!
//! The layouts are those of the library's header, which its soname promises for all of version 1:
//! `struct gcm_key_data` for VAES with AVX-512 (15 round keys and 48 powers of the hash key,
//! aligned to 64 octets) and `struct gcm_context_data` (88 octets).
#![allow(unsafe_code)]

use core::ffi::c_uint;

use libloading::Library as Loaded;
use zeroize::Zeroize;

use crate::gcm::{NONCE_LEN, TAG_LEN};

const KEY_DATA_LEN: usize = 1024;
const CONTEXT_LEN: usize = 88;
/// Octets behind both in which [`Functions::stays_inside`] looks for writes that are not allowed.
const BEYOND: usize = 4096;
const UNTOUCHED: u8 = 0xa5;

/// Octets of a packet that the library is given at most; its own limit is above.
pub const LONGEST: usize = u32::MAX as usize;

/// The round keys and the powers of the hash key.
#[repr(C, align(64))]
pub struct KeyData([u8; KEY_DATA_LEN]);

/// The state of one call.  Upon return the library has wiped the hash in it; what it leaves are
/// the nonce, the counter and lengths.
#[repr(C, align(64))]
struct Context([u8; CONTEXT_LEN]);

/// With room behind it that must not be written to.
#[repr(C)]
struct Fenced<T> {
    inside: T,
    beyond: [u8; BEYOND],
}

type Version = unsafe extern "C" fn() -> c_uint;
type Features = unsafe extern "C" fn() -> u64;
type Precompute = unsafe extern "C" fn(key: *const u8, data: *mut KeyData);
type Crypt = unsafe extern "C" fn(
    data: *const KeyData,
    context: *mut Context,
    to: *mut u8,
    from: *const u8,
    len: u64,
    nonce: *const u8,
    aad: *const u8,
    aad_len: u64,
    tag: *mut u8,
    tag_len: u64,
);

/// The functions for one key size.
///
/// Every call rests on this: [`functions`] alone makes them, so all three do what the library's
/// header says of `aes_gcm_pre_*`, `aes_gcm_enc_*` and `aes_gcm_dec_*` for keys of `key_len`
/// octets, the processor can run them, and they are never unloaded.
#[derive(Clone, Copy)]
pub struct Functions {
    key_len: usize,
    precompute: Precompute,
    encrypt: Crypt,
    decrypt: Crypt,
}

/// Which way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Encrypt,
    Decrypt,
}

impl KeyData {
    pub const fn empty() -> Self {
        Self([0; KEY_DATA_LEN])
    }

    /// Reads an octet of each cache line that a packet of up to eight blocks needs: the round keys,
    /// and the first powers of the hash key, which stand at the end.
    pub fn prefetch(&self) {
        let octets = &self.0;
        let round_keys = octets[0] ^ octets[64] ^ octets[128];
        core::hint::black_box(round_keys ^ octets[832] ^ octets[896] ^ octets[960]);
    }
}

impl Drop for KeyData {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Functions {
    pub const fn key_len(&self) -> usize {
        self.key_len
    }

    pub fn prefetch(&self) {
        core::hint::black_box(self.key_len);
    }

    /// Schedules the key; nothing happens with one of another length, and the answer is false.
    #[must_use]
    pub fn schedule(&self, key: &[u8], data: &mut KeyData) -> bool {
        if key.len() != self.key_len {
            return false;
        }
        // SAFETY: the function reads `key_len` octets of the key and writes into the key data.
        unsafe { (self.precompute)(key.as_ptr(), data) };
        true
    }

    /// Encrypts or decrypts in place; the tag is that of the ciphertext in both cases.  None, and
    /// nothing was done, when `data` is longer than [`LONGEST`].
    pub fn crypt(
        &self,
        way: Way,
        key: &KeyData,
        nonce: &[u8; NONCE_LEN],
        aad: &[u8],
        data: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        let mut context = core::mem::MaybeUninit::uninit();
        self.call(way, key, context.as_mut_ptr(), (nonce, aad), data)
    }

    #[inline]
    fn call(
        &self,
        way: Way,
        key: *const KeyData,
        context: *mut Context,
        (nonce, aad): (&[u8; NONCE_LEN], &[u8]),
        data: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        if data.len() > LONGEST || aad.len() > LONGEST {
            return None;
        }
        let function = match way {
            Way::Encrypt => self.encrypt,
            Way::Decrypt => self.decrypt,
        };
        let mut tag = [0; TAG_LEN];
        let place = data.as_mut_ptr();
        // SAFETY: no pointer is null and each is valid for the length that stands beside it: the
        // key data and the context by their types (the callers' pointers come from whole ones), 12
        // octets of nonce, 16 of tag.  Input and output may be the same place.  Lengths are below
        // the library's limits, so that it does not return without having done its work.
        unsafe {
            function(
                key,
                context,
                place,
                place,
                data.len() as u64,
                nonce.as_ptr(),
                aad.as_ptr(),
                aad.len() as u64,
                tag.as_mut_ptr(),
                TAG_LEN as u64,
            );
        }
        Some(tag)
    }

    /// Whether key data and context are no larger than they are here.
    pub fn stays_inside(&self) -> bool {
        let mut key = Box::new(Fenced {
            inside: KeyData::empty(),
            beyond: [UNTOUCHED; BEYOND],
        });
        let mut context = Box::new(Fenced {
            inside: Context([0; CONTEXT_LEN]),
            beyond: [UNTOUCHED; BEYOND],
        });
        let octets = vec![7; self.key_len];
        let mut data = vec![9; 2 * BEYOND];
        let place: *mut Fenced<KeyData> = &mut *key;
        // SAFETY: as in `schedule`; the pointer may also be written through behind the key data.
        unsafe { (self.precompute)(octets.as_ptr(), place.cast()) };
        let mut whole = true;
        for way in [Way::Encrypt, Way::Decrypt] {
            let state: *mut Fenced<Context> = &mut *context;
            let nonce_and_aad = (&[1; NONCE_LEN], &[2; 12][..]);
            let place: *const Fenced<KeyData> = &*key;
            let done = self.call(way, place.cast(), state.cast(), nonce_and_aad, &mut data);
            whole &= done.is_some();
        }
        let untouched = |octets: &[u8]| octets.iter().all(|octet| *octet == UNTOUCHED);
        whole && untouched(&key.beyond) && untouched(&context.beyond)
    }
}

/// The library's own word about its version and about processor and build.
pub struct About {
    pub version: u32,
    pub features: u64,
}

/// Maps the library into the process, for good.
///
/// # Errors
/// The dynamic linker's words.
pub fn load(name: &str) -> Result<&'static Loaded, String> {
    // SAFETY: a library of this soname runs no code of its own when it is loaded; what else may
    // stand under the name is for who installs libraries as root.
    let loaded = unsafe { Loaded::new(name) }.map_err(|error| error.to_string())?;
    Ok(Box::leak(Box::new(loaded)))
}

/// Asks the library about itself; the name of the function that is missing.
pub fn about(loaded: &'static Loaded) -> Result<About, &'static str> {
    // SAFETY: the header declares both functions so.
    let (version, features) = unsafe {
        (
            function::<Version>(loaded, "imb_get_version")?,
            function::<Features>(loaded, "imb_get_feature_flags")?,
        )
    };
    // SAFETY: neither takes anything nor has a condition.
    Ok(unsafe {
        About {
            version: version(),
            features: features(),
        }
    })
}

/// The functions for the three key sizes, or the name of the one that is missing.
///
/// The caller has seen by [`about`] that this is version 1 of the library and that the processor
/// has what they need.
pub fn functions(loaded: &'static Loaded) -> Result<[Functions; 3], &'static str> {
    // SAFETY: of version 1, the functions of these names are declared like this.
    unsafe {
        Ok([
            Functions {
                key_len: 16,
                precompute: function(loaded, "aes_gcm_pre_128_vaes_avx512")?,
                encrypt: function(loaded, "aes_gcm_enc_128_vaes_avx512")?,
                decrypt: function(loaded, "aes_gcm_dec_128_vaes_avx512")?,
            },
            Functions {
                key_len: 24,
                precompute: function(loaded, "aes_gcm_pre_192_vaes_avx512")?,
                encrypt: function(loaded, "aes_gcm_enc_192_vaes_avx512")?,
                decrypt: function(loaded, "aes_gcm_dec_192_vaes_avx512")?,
            },
            Functions {
                key_len: 32,
                precompute: function(loaded, "aes_gcm_pre_256_vaes_avx512")?,
                encrypt: function(loaded, "aes_gcm_enc_256_vaes_avx512")?,
                decrypt: function(loaded, "aes_gcm_dec_256_vaes_avx512")?,
            },
        ])
    }
}

/// A function by name, or the name.
///
/// # Safety
/// `T` is the type of a pointer to the function of this name.
unsafe fn function<T: Copy>(
    loaded: &'static Loaded,
    name: &'static str,
) -> Result<T, &'static str> {
    // SAFETY: the caller's promise.
    let symbol = unsafe { loaded.get::<T>(name.as_bytes()) };
    symbol.map(|symbol| *symbol).map_err(|_| name)
}

#[cfg(test)]
mod tests;
