//! Sockets and their options.

use std::io;
use std::mem::size_of;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::address::RawAddress;
use super::check;

/// A non-blocking socket with a firewall mark, bound to `local`.
pub(crate) fn bound_socket(
    local: SocketAddr,
    kind: libc::c_int,
    protocol: libc::c_int,
    mark: u32,
) -> io::Result<OwnedFd> {
    let socket = unbound_socket(local, kind, protocol, mark)?;
    bind(socket.as_fd(), local)?;
    Ok(socket)
}

/// A further UDP socket on the address of `first`.  The kernel gives a datagram to one of them; a
/// program attached to either chooses, by the order in which they were bound.
///
/// The first was bound for itself, so that another program that has the port is noticed.
pub(crate) fn bound_again(
    first: BorrowedFd<'_>,
    local: SocketAddr,
    mark: u32,
) -> io::Result<OwnedFd> {
    set_option(first, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    let socket = unbound_socket(local, libc::SOCK_DGRAM, libc::IPPROTO_UDP, mark)?;
    set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)?;
    bind(socket.as_fd(), local)?;
    Ok(socket)
}

fn bind(socket: BorrowedFd<'_>, local: SocketAddr) -> io::Result<()> {
    let (address, len) = RawAddress::new(local);
    // SAFETY: `address` is valid for `len` octets and outlives the call.
    check(unsafe { libc::bind(socket.as_raw_fd(), address.as_ptr(), len) })?;
    Ok(())
}

fn unbound_socket(
    local: SocketAddr,
    kind: libc::c_int,
    protocol: libc::c_int,
    mark: u32,
) -> io::Result<OwnedFd> {
    let family = if local.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    let kind = kind | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: socket() has no memory arguments.
    let fd = check(unsafe { libc::socket(family, kind, protocol) })?;
    // SAFETY: `fd` was just opened and belongs to no one else.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    if mark != 0 {
        let mark = libc::c_int::from_ne_bytes(mark.to_ne_bytes());
        set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_MARK, mark)?;
    }
    // A raw socket has a protocol and so is IPv6 only, and refuses the option.
    if local.is_ipv6() && protocol != libc::IPPROTO_ESP {
        set_option(socket.as_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    Ok(socket)
}

/// Reads an option whose value is an int.
pub(crate) fn option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
) -> io::Result<libc::c_int> {
    let mut value: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the value pointer is valid for the length that is given with it, and both outlive
    // the call.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw mut value).cast(),
            &raw mut len,
        )
    })?;
    Ok(value)
}

/// How many datagrams were dropped before anybody read them, for want of room most of all.  Goes
/// round; Linux 4.12.
pub(crate) fn dropped_unread(socket: BorrowedFd<'_>) -> io::Result<u32> {
    /// `SK_MEMINFO_VARS` and `SK_MEMINFO_DROPS` of linux/sock_diag.h.
    const VARIABLES: usize = 9;
    const DROPS: usize = 8;
    let mut info = [0u32; VARIABLES];
    let mut len = size_of::<[u32; VARIABLES]>() as libc::socklen_t;
    // SAFETY: the value pointer is valid for the length that is given with it, and both outlive
    // the call.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            (&raw mut info).cast(),
            &raw mut len,
        )
    })?;
    Ok(info[DROPS])
}

/// Sets an option whose value is an int.
pub(crate) fn set_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    // SAFETY: the value pointer is valid for the length that is given with it.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(&value).cast(),
            size_of::<libc::c_int>() as libc::socklen_t,
        )
    })?;
    Ok(())
}

/// Sets an option that this kernel may not have, and tells whether it has.
pub(crate) fn try_option(
    socket: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: libc::c_int,
) -> bool {
    set_option(socket, level, name, value).is_ok()
}

/// Octets of the largest IP packet that the system believes the path from `local` to `remote`
/// takes: the interface's MTU, or what ICMP has told since.
pub fn path_mtu(local: IpAddr, remote: IpAddr, mark: u32) -> io::Result<u32> {
    let socket = bound_socket(SocketAddr::new(local, 0), libc::SOCK_DGRAM, 0, mark)?;
    // Any port will do: connecting a datagram socket sends nothing.
    let (address, len) = RawAddress::new(SocketAddr::new(remote, 4500));
    // SAFETY: `address` is valid for `len` octets and outlives the call.
    check(unsafe { libc::connect(socket.as_raw_fd(), address.as_ptr(), len) })?;
    let (level, name) = if remote.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_MTU)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU)
    };
    let mtu = option(socket.as_fd(), level, name)?;
    Ok(u32::try_from(mtu).unwrap_or(0))
}
