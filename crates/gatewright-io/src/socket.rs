//! What the engine asks of a socket towards the peers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;

use crate::fast_path::FastPath;
use crate::ReceiveBatch;

/// How ESP crosses the Internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encapsulation {
    /// Directly over IP, protocol 50 (RFC 4303).
    Protocol50,
    /// In UDP, port 4500 (RFC 3948).
    Udp,
}

/// One message to send: a range of the arena that `send` is given.
///
/// With [`Encapsulation::Protocol50`] the octets begin with the outer IP header.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing {
    /// Where it begins in the arena.
    pub start: usize,
    /// Octets in all.
    pub len: usize,
    /// Octets of each datagram when there are several (the last may be shorter); 0 for one.
    pub segment: usize,
    /// The peer; the port is ignored for protocol 50.
    pub to: SocketAddr,
    /// The octet of DSCP and ECN of the outer header.
    pub tos: u8,
    /// Let the system fragment it; only without `segment`.  Slow: for what cannot be helped.
    pub fragment: bool,
}

impl Outgoing {
    /// How many datagrams it is on the wire.
    pub fn datagrams(&self) -> usize {
        if self.segment == 0 {
            1
        } else {
            self.len.div_ceil(self.segment)
        }
    }
}

/// What became of the messages given to [`Socket::send`].
#[derive(Debug, Default)]
pub struct Sent {
    /// Datagrams that the system took.
    pub datagrams: u64,
    /// Datagrams that it refused because they are larger than the path takes.
    pub too_big: u64,
    /// Datagrams that it refused for want of buffers, also after waiting.
    pub no_buffer: u64,
    /// Datagrams refused for another reason.
    pub failed: u64,
    /// The device behind cannot cut messages into datagrams, as was found out just now.
    pub lost_segmentation: bool,
}

/// The network or the system said that packets to `to` must not be larger than `mtu`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathReport {
    /// The peer.
    pub to: IpAddr,
    /// Octets of the largest outer IP packet.
    pub mtu: u32,
}

/// One socket on one local address.  Shared between threads: every method takes `&self`.
pub trait Socket: Send + Sync {
    /// The address it is bound to, with port 4500 or 0.
    fn local(&self) -> SocketAddr;

    /// What it carries.
    fn encapsulation(&self) -> Encapsulation;

    /// Empties `batch` and receives into it whatever waits, without blocking.
    ///
    /// Fails with [`io::ErrorKind::WouldBlock`] when nothing does.
    fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<()>;

    /// Sends all messages in order.  Waits a little when the system is out of buffers.
    fn send(&self, arena: &[u8], messages: &[Outgoing]) -> Sent;

    /// Sends one control datagram, which the network may fragment.
    fn send_one(&self, payload: &[u8], to: SocketAddr) -> io::Result<()>;

    /// Appends what was learnt of path MTUs since the last call.
    fn take_path_reports(&self, reports: &mut Vec<PathReport>);

    /// Whether several datagrams can go in one message; may become false while running.
    fn segmentation(&self) -> bool;

    /// How many datagrams the system dropped since the last call, before they could be received.
    fn take_overflowed(&self) -> u64 {
        0
    }

    /// What became of each fast path of this socket.
    fn fast_paths(&self) -> Vec<FastPath> {
        Vec::new()
    }

    /// The offloads in use, for a status display.
    fn describe(&self) -> String;

    /// The descriptor to wait on; None for a double, which is not waited on.
    fn descriptor(&self) -> Option<RawFd>;
}
