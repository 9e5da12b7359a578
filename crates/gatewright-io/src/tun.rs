//! What the engine asks of a TUN device.

use std::io::{self, IoSlice};
use std::os::fd::RawFd;

/// Octets of `struct virtio_net_hdr` before each packet (the form without `num_buffers`).
pub const VNET_HEADER_LEN: usize = 10;

/// Which offloads the kernel agreed to: what a frame that is read may need done to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TunOffload {
    /// Frames may come with a partial checksum (`VIRTIO_NET_HDR_F_NEEDS_CSUM`).
    pub checksum: bool,
    /// Frames may be TCP over IPv4 of up to 64 KiB.
    pub tso4: bool,
    /// Frames may be TCP over IPv6 of up to 64 KiB.
    pub tso6: bool,
    /// Frames may be UDP, several datagrams in one.
    pub uso: bool,
}

impl TunOffload {
    /// The names for a status display, in a fixed order; `none` when nothing was agreed.
    pub fn describe(self) -> String {
        let names = [
            (self.checksum, "checksum"),
            (self.tso4, "tso4"),
            (self.tso6, "tso6"),
            (self.uso, "uso"),
        ];
        let agreed: Vec<&str> = names
            .iter()
            .filter(|(on, _)| *on)
            .map(|(_, n)| *n)
            .collect();
        if agreed.is_empty() {
            "none".to_owned()
        } else {
            agreed.join(" ")
        }
    }
}

/// One queue of a TUN device.  A frame is a virtio-net header and one IP packet.
///
/// The kernel has no call for several frames; with offload one frame is up to 64 KiB of TCP, which
/// is the batch.
pub trait Tun: Send {
    /// Reads one frame into `frame` and gives its length, header included.
    ///
    /// `frame` must hold [`VNET_HEADER_LEN`] + 65,535 octets.  Fails with
    /// [`io::ErrorKind::WouldBlock`] when there is none, with [`io::ErrorKind::NotConnected`] when
    /// somebody took the device away.
    fn read(&mut self, frame: &mut [u8]) -> io::Result<usize>;

    /// Writes one frame whose octets are `parts` in order.
    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<()>;

    /// What was agreed about offload.
    fn offload(&self) -> TunOffload;

    /// The descriptor to wait on; None for a double, and for what is only written to, which are
    /// not waited on.
    fn descriptor(&self) -> Option<RawFd>;
}
