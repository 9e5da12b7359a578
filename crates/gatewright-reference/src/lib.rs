//! Packets the slow and obvious way, for the tests of the other crates.
//!
//! Nothing here is fast, and nothing is shared with the code that it judges: a packet is built field
//! by field ([`Packet::octets`]), every checksum is made anew from all octets ([`checksum`]), a
//! super-packet is cut by the text of the standards ([`cut`]), and octets are read back with one
//! plain parser ([`judge`]).  A test holds the engine's octets against these.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod checksum;
mod frame;
mod judge;
mod packet;
mod reassembly;
pub mod strategies;

pub use checksum::checksum;
pub use frame::{
    bulk, cut, cut_frame, joinable, sent_frame, GSO_NONE, GSO_TCP4, GSO_TCP6, GSO_UDP,
};
pub use judge::{judge, Judgement};
pub use packet::{flags, Extension, Ip, Packet, Tcp, Udp, Upper, V4, V6};
pub use reassembly::reassemble;
