//! Netlink sockets.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use super::check;
use super::option::set_option;

/// `SOL_NETLINK` of linux/netlink.h.
const SOL_NETLINK: libc::c_int = 270;

/// A netlink socket.  The kernel answers within the request's system call, so that nothing ever
/// has to be waited for.
#[derive(Debug)]
pub(crate) struct Netlink(OwnedFd);

impl Netlink {
    /// A socket of a netlink protocol that hears these multicast groups.
    pub(crate) fn open(protocol: libc::c_int, groups: &[libc::c_int]) -> io::Result<Self> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: socket() has no memory arguments.
        let fd = check(unsafe { libc::socket(libc::AF_NETLINK, kind, protocol) })?;
        // SAFETY: `fd` was just opened and belongs to no one else.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: sockaddr_nl is plain integers: zero bits are a value.
        let mut address: libc::sockaddr_nl = unsafe { zeroed() };
        address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
        // SAFETY: `address` is valid for the length given with it and outlives the call.
        check(unsafe {
            libc::bind(
                socket.as_raw_fd(),
                std::ptr::from_ref(&address).cast(),
                size_of::<libc::sockaddr_nl>() as libc::socklen_t,
            )
        })?;
        for group in groups {
            set_option(
                socket.as_fd(),
                SOL_NETLINK,
                libc::NETLINK_ADD_MEMBERSHIP,
                *group,
            )?;
        }
        Ok(Self(socket))
    }

    /// Sends a request to the kernel.
    pub(crate) fn send(&self, request: &[u8]) -> io::Result<()> {
        // SAFETY: the buffer is valid for the length given with it.
        let sent = unsafe {
            libc::send(
                self.0.as_raw_fd(),
                request.as_ptr().cast(),
                request.len(),
                libc::MSG_DONTWAIT,
            )
        };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Forgets what is left of earlier answers.
    pub(crate) fn drain(&self) {
        let mut buffer = [0; 64];
        while self.receive(&mut buffer).is_ok() {}
    }

    /// The next datagram; what does not fit `buffer` is lost.  Fails with
    /// [`io::ErrorKind::WouldBlock`] when there is none, with ENOBUFS when some got lost.
    pub(crate) fn receive<'a>(&self, buffer: &'a mut [u8]) -> io::Result<&'a [u8]> {
        // SAFETY: the buffer is valid for the length given with it.
        let received = unsafe {
            libc::recv(
                self.0.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                libc::MSG_DONTWAIT,
            )
        };
        match usize::try_from(received) {
            Ok(len) => Ok(&buffer[..len.min(buffer.len())]),
            Err(_) => Err(io::Error::last_os_error()),
        }
    }
}
