//! AES-GCM of Intel's Multi-Buffer Crypto library for IPsec (`libIPSec_MB.so.1`, Debian's
//! `libipsec-mb1`), which takes a third to a half less time for a packet than aws-lc does.
//!
//! The library is not linked: [`library`] looks for it once per process, and says in words why it
//! is not used where it is not.  It is used only on processors that it names itself, and only
//! after it has given the answers of another implementation for all key sizes.
//!
//! What may be called is safe; the module `foreign` is one of the workspace's two places with
//! `unsafe`.

mod check;
mod foreign;
mod gcm;
mod library;

pub use gcm::{GcmError, GcmKey, NONCE_LEN, TAG_LEN};
pub use library::{library, Library, Unavailable};
