//! Segmentation and receive offload as pure functions on buffers.
//!
//! With a virtio-net header one read of a TUN device brings a whole TCP segment of up to 64 KiB,
//! and one write takes one.  Outbound such a super-packet is cut into the packets that the sender
//! meant ([`Splitter`]), inbound the packets of a flow are joined again ([`Coalescer`]).  What the
//! two promise: cutting what was joined gives back the packets, octet for octet (but for an IPv4
//! identification that has no meaning, see [`Coalescer`]).
//!
//! Nothing here knows a device: [`VirtioNetHeader`] is ten octets (virtio 1.2 section 5.1.6).

mod coalesce;
mod layout;
mod split;
#[cfg(test)]
mod testing;
mod virtio;

pub use coalesce::{Coalescer, Frame, Pieces, MAX_HEADERS_LEN, MAX_PIECES};
pub use split::{SplitError, Splitter};
pub use virtio::{GsoType, VirtioNetHeader, VIRTIO_NET_HEADER_LEN};
