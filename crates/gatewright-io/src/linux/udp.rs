//! ESP in UDP, port 4500 (RFC 3948).

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use super::buffers::Overflow;
use super::sending::{send_all, Outlet, Segmentation, WAIT};
use super::steering::Steering;
use super::{set_buffers, set_dont_fragment, set_path_mtu_discovery, SocketOptions};
use crate::fast_path::{FastPath, Offloads, Standing, LARGE_BUFFERS, UDP_MERGE, UDP_SEGMENTATION};
use crate::receive::ReceiveBatch;
use crate::socket::{Encapsulation, Outgoing, PathReport, Sent, Socket};
use crate::sys::{
    bound_again, bound_socket, read_path_reports, receive_many, send_many, send_single, set_option,
    try_option, wait_writable,
};

/// A UDP socket on one local address.
#[derive(Debug)]
pub struct UdpSocket {
    fd: OwnedFd,
    local: SocketAddr,
    segmentation: Segmentation,
    merging: Standing,
    buffers: Standing,
    overflow: Overflow,
}

/// Opens a socket on `local`.
///
/// Fails with [`io::ErrorKind::AddrInUse`] when somebody else has the port, `AddrNotAvailable`
/// when the address is not one of this machine.
pub fn open_udp(local: SocketAddr, options: &SocketOptions) -> io::Result<UdpSocket> {
    let fd = bound_socket(local, libc::SOCK_DGRAM, libc::IPPROTO_UDP, options.mark)?;
    set_up(fd, local, options)
}

/// Opens `count` sockets on `local`, among which `steering` chooses for each datagram.  Through
/// whichever one sends, it comes from the same port.
///
/// Fails as [`open_udp`], and when the kernel does not take the program.
pub fn open_udp_group(
    local: SocketAddr,
    options: &SocketOptions,
    count: usize,
    steering: &Steering,
) -> io::Result<Vec<UdpSocket>> {
    let mut group = vec![open_udp(local, options)?];
    for _ in 1..count {
        let fd = bound_again(group[0].fd.as_fd(), local, options.mark)?;
        group.push(set_up(fd, local, options)?);
    }
    set_option(
        group[0].fd.as_fd(),
        libc::SOL_SOCKET,
        libc::SO_ATTACH_REUSEPORT_EBPF,
        steering.program().as_raw_fd(),
    )?;
    Ok(group)
}

fn set_up(fd: OwnedFd, local: SocketAddr, options: &SocketOptions) -> io::Result<UdpSocket> {
    let socket = fd.as_fd();
    let buffers = set_buffers(socket, options.buffer);
    set_path_mtu_discovery(socket, local.is_ipv4())?;
    if local.is_ipv4() {
        set_option(socket, libc::IPPROTO_IP, libc::IP_RECVTOS, 1)?;
    } else {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, 1)?;
        // Peers may leave the checksum out, as RFC 3948 section 2.1 asks: ESP and IKE have their
        // own.  Without this the kernel would drop such datagrams (RFC 6935).
        try_option(socket, libc::SOL_UDP, libc::UDP_NO_CHECK6_RX, 1);
    }
    let Offloads {
        udp_segmentation,
        udp_merge,
        ..
    } = options.offloads;
    // Linux 4.18 and 5.0.
    let segmentation = Standing::probe(udp_segmentation, || {
        set_option(socket, libc::SOL_UDP, libc::UDP_SEGMENT, 0)
    });
    let merging = Standing::probe(udp_merge, || {
        set_option(socket, libc::SOL_UDP, libc::UDP_GRO, 1)
    });
    Ok(UdpSocket {
        fd,
        local,
        segmentation: Segmentation::new(segmentation),
        merging,
        buffers,
        overflow: Overflow::default(),
    })
}

impl UdpSocket {
    /// Sends with fragmentation allowed.  A packet that another thread sends in between goes out
    /// without DF, which harms nothing.
    fn fragmenting(&self, send: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let (socket, ipv4) = (self.fd.as_fd(), self.local.is_ipv4());
        set_dont_fragment(socket, ipv4, false)?;
        let result = send();
        set_dont_fragment(socket, ipv4, true)?;
        result
    }
}

/// A socket with what is to be sent through it.
struct UdpOutlet<'a> {
    to: &'a UdpSocket,
    arena: &'a [u8],
}

impl Outlet for UdpOutlet<'_> {
    fn send(&self, messages: &[Outgoing]) -> io::Result<usize> {
        send_many(self.to.fd.as_fd(), self.arena, messages, true)
    }

    fn send_fragmented(&self, message: &Outgoing) -> io::Result<()> {
        self.to.fragmenting(|| self.send(&[*message]).map(|_| ()))
    }

    fn wait(&self) {
        wait_writable(self.to.fd.as_fd(), WAIT);
    }
}

impl Socket for UdpSocket {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn encapsulation(&self) -> Encapsulation {
        Encapsulation::Udp
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<()> {
        receive_many(self.fd.as_fd(), batch)
    }

    fn send(&self, arena: &[u8], messages: &[Outgoing]) -> Sent {
        send_all(&UdpOutlet { to: self, arena }, messages, &self.segmentation)
    }

    fn send_one(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        match send_single(self.fd.as_fd(), payload, to) {
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                // A large IKE message may be fragmented.
                self.fragmenting(|| send_single(self.fd.as_fd(), payload, to))
            }
            // The pending error of an earlier packet, told once.
            Err(_) => send_single(self.fd.as_fd(), payload, to),
            Ok(()) => Ok(()),
        }
    }

    fn take_path_reports(&self, reports: &mut Vec<PathReport>) {
        read_path_reports(self.fd.as_fd(), reports);
    }

    fn segmentation(&self) -> bool {
        self.segmentation.in_use()
    }

    fn describe(&self) -> String {
        match (self.segmentation(), self.merging == Standing::InUse) {
            (true, true) => "segment merge",
            (true, false) => "segment",
            (false, true) => "merge",
            (false, false) => "none",
        }
        .to_owned()
    }

    fn take_overflowed(&self) -> u64 {
        self.overflow.take(self.fd.as_fd())
    }

    fn fast_paths(&self) -> Vec<FastPath> {
        let paths = [
            (UDP_SEGMENTATION, self.segmentation.standing()),
            (UDP_MERGE, self.merging),
            (LARGE_BUFFERS, self.buffers),
        ];
        let path = |(name, standing)| FastPath {
            name,
            place: format!("UDP {}", self.local),
            standing,
        };
        paths.map(path).into()
    }

    fn descriptor(&self) -> Option<RawFd> {
        Some(self.fd.as_raw_fd())
    }
}
