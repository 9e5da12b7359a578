//! ESP directly over IP, protocol 50 (RFC 4303).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use super::buffers::Overflow;
use super::direct::{Direct, DirectOptions, DirectSending, Outcome};
use super::sending::{send_all, Outlet, Segmentation, WAIT};
use super::{set_buffers, set_dont_fragment, set_path_mtu_discovery, SocketOptions};
use crate::fast_path::{FastPath, Standing, LARGE_BUFFERS};
use crate::receive::ReceiveBatch;
use crate::socket::{Encapsulation, Outgoing, PathReport, Sent, Socket};
use crate::sys::{
    bound_socket, read_path_reports, receive_many, send_many, send_single, set_option,
    wait_writable,
};

/// `IPV6_HDRINCL` of linux/in6.h, which the libc crate does not have.
const IPV6_HDRINCL: libc::c_int = 36;

/// A raw socket on one local address.  What is sent begins with the outer IP header; what is
/// received does for IPv4 only (raw(7), ipv6(7)).
#[derive(Debug)]
pub struct EspSocket {
    fd: OwnedFd,
    local: SocketAddr,
    mark: u32,
    buffers: Standing,
    overflow: Overflow,
    buffer: u32,
    beside: Beside,
}

/// What there is beside the raw socket to send with.
#[derive(Debug)]
enum Beside {
    Direct(Box<Direct>),
    /// Nothing, and why.
    Nothing(String),
}

/// Opens a socket on `local`.
///
/// Fails with [`io::ErrorKind::PermissionDenied`] without CAP_NET_RAW, `AddrNotAvailable` when the
/// address is not one of this machine.
pub fn open_esp(local: IpAddr, options: &SocketOptions) -> io::Result<EspSocket> {
    let local = SocketAddr::new(local, 0);
    let fd = bound_socket(local, libc::SOCK_RAW, libc::IPPROTO_ESP, options.mark)?;
    let socket = fd.as_fd();
    let buffers = set_buffers(socket, options.buffer);
    set_path_mtu_discovery(socket, local.is_ipv4())?;
    if local.is_ipv4() {
        set_option(socket, libc::IPPROTO_IP, libc::IP_HDRINCL, 1)?;
    } else {
        set_option(socket, libc::IPPROTO_IPV6, IPV6_HDRINCL, 1)?;
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, 1)?;
    }
    Ok(EspSocket {
        fd,
        local,
        mark: options.mark,
        buffers,
        overflow: Overflow::default(),
        buffer: options.buffer,
        beside: Beside::Nothing("not asked for more".to_owned()),
    })
}

impl EspSocket {
    /// The same socket, which hands frames to the interface where it can.
    pub fn with_direct_sending(mut self, options: DirectOptions) -> Self {
        self.beside = if options.sending == DirectSending::Off {
            Beside::Nothing("direct sending is off".to_owned())
        } else {
            match Direct::new(self.local.ip(), self.mark, self.buffer, options) {
                Ok(direct) => Beside::Direct(Box::new(direct)),
                Err(error) => Beside::Nothing(format!("no netlink: {error}")),
            }
        };
        self
    }
}

/// A socket with what is to be sent through it.
struct EspOutlet<'a> {
    to: &'a EspSocket,
    arena: &'a [u8],
}

impl Outlet for EspOutlet<'_> {
    fn send(&self, messages: &[Outgoing]) -> io::Result<usize> {
        let raw = match &self.to.beside {
            Beside::Direct(direct) => match direct.send(self.arena, messages)? {
                Outcome::Sent(taken) => return Ok(taken),
                Outcome::Raw(count) => &messages[..count],
            },
            Beside::Nothing(_) => messages,
        };
        send_many(self.to.fd.as_fd(), self.arena, raw, false)
    }

    /// The kernel does not fragment what comes with its own IP header.  A socket that does without
    /// one lives for this packet only, since it would get a copy of all that is received.
    fn send_fragmented(&self, message: &Outgoing) -> io::Result<()> {
        let local = self.to.local;
        let socket = bound_socket(local, libc::SOCK_RAW, libc::IPPROTO_ESP, self.to.mark)?;
        set_dont_fragment(socket.as_fd(), local.is_ipv4(), false)?;
        let header = if local.is_ipv4() { 20 } else { 40 };
        let without_header = Outgoing {
            start: message.start + header,
            len: message.len.saturating_sub(header),
            ..*message
        };
        send_many(socket.as_fd(), self.arena, &[without_header], true).map(|_| ())
    }

    fn wait(&self) {
        wait_writable(self.to.fd.as_fd(), WAIT);
    }
}

impl Socket for EspSocket {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn encapsulation(&self) -> Encapsulation {
        Encapsulation::Protocol50
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<()> {
        receive_many(self.fd.as_fd(), batch)
    }

    fn send(&self, arena: &[u8], messages: &[Outgoing]) -> Sent {
        let outlet = EspOutlet { to: self, arena };
        send_all(&outlet, messages, &Segmentation::new(Standing::Off))
    }

    fn send_one(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        send_single(self.fd.as_fd(), payload, to)
    }

    fn take_path_reports(&self, reports: &mut Vec<PathReport>) {
        read_path_reports(self.fd.as_fd(), reports);
    }

    fn segmentation(&self) -> bool {
        false
    }

    fn describe(&self) -> String {
        match &self.beside {
            Beside::Direct(direct) => direct.describe(),
            Beside::Nothing(reason) => format!("raw socket: {reason}"),
        }
    }

    fn take_overflowed(&self) -> u64 {
        self.overflow.take(self.fd.as_fd())
    }

    fn fast_paths(&self) -> Vec<FastPath> {
        vec![FastPath {
            name: LARGE_BUFFERS,
            place: format!("protocol 50 {}", self.local.ip()),
            standing: self.buffers,
        }]
    }

    fn descriptor(&self) -> Option<RawFd> {
        Some(self.fd.as_raw_fd())
    }
}
