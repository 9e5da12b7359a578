//! ESP in tunnel mode (RFC 4303) as pure functions on buffers.
//!
//! A packet's way out: [`SequenceCounter::take`] gives it a number, [`SealContext::seal_in_place`]
//! puts header, IV, padding, trailer and ICV around it where it lies, [`outer`] says what goes into
//! the outer IP header.  Its way in: [`ReplayWindow::check`] refuses what was seen and infers the
//! high half of an extended sequence number, [`OpenContext::open_in_place`] authenticates and
//! decrypts, [`ReplayWindow::commit`] records it, [`outer::decapsulate_ecn`] merges the ECN fields.
//!
//! Nothing here allocates per packet, reads a clock or makes a system call.

mod aead;
mod algorithm;
mod auth;
mod cipher;
mod gcm_code;
mod keys;
mod open;
pub mod outer;
mod overhead;
mod processor;
mod replay;
mod ring_gcm;
mod seal;
mod sequence;
#[cfg(test)]
mod vectors;

pub use algorithm::{Algorithm, AlgorithmError, Cipher, Integrity};
pub use gcm_code::GcmCode;
pub use keys::{EspKeys, KeyError};
pub use open::{InnerVersion, OpenContext, OpenError, Opened, Payload};
pub use overhead::{Encapsulation, OuterFamily, Overhead, HEADROOM, TAILROOM};
pub use processor::AesCode;
pub use replay::{ReplayError, ReplayWindow};
pub use seal::{SealContext, SealError};
pub use sequence::{Exhausted, SequenceCounter};
