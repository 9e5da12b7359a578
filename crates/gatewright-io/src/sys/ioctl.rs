//! The TUN device's and the interface's ioctls.

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

/// `ifr_flags` of TUNSETIFF: IP packets, no packet information, a virtio-net header, many queues.
const TUN_FLAGS: libc::c_int =
    libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR | libc::IFF_MULTI_QUEUE;

fn request(name: &str) -> io::Result<libc::ifreq> {
    let octets = name.as_bytes();
    if octets.is_empty() || octets.len() >= libc::IFNAMSIZ || octets.contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("an interface name has 1 to 15 characters, not {name:?}"),
        ));
    }
    // SAFETY: ifreq is integers and a union of integers: all zero bits is a value.
    let mut request: libc::ifreq = unsafe { zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(octets) {
        *to = *from as libc::c_char;
    }
    Ok(request)
}

/// Makes `fd` (an open `/dev/net/tun`) a queue of the TUN device `name`, which is created when it
/// is not there.
pub(crate) fn attach_tun(fd: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    let mut request = request(name)?;
    request.ifr_ifru.ifru_flags = TUN_FLAGS as libc::c_short;
    // SAFETY: TUNSETIFF reads and writes one ifreq, which `request` is.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETIFF, &mut request) })?;
    Ok(())
}

/// Whether the device outlives its last descriptor.
pub(crate) fn persist_tun(fd: BorrowedFd<'_>, persist: bool) -> io::Result<()> {
    // SAFETY: TUNSETPERSIST takes its argument by value.
    check(unsafe {
        libc::ioctl(
            fd.as_raw_fd(),
            libc::TUNSETPERSIST,
            libc::c_ulong::from(persist),
        )
    })?;
    Ok(())
}

/// Asks that frames may come with these `TUN_F_*` offloads.  Fails when one is unknown here.
pub(crate) fn set_tun_offload(fd: BorrowedFd<'_>, flags: u32) -> io::Result<()> {
    // SAFETY: TUNSETOFFLOAD takes its argument by value.
    check(unsafe {
        libc::ioctl(
            fd.as_raw_fd(),
            libc::TUNSETOFFLOAD,
            libc::c_ulong::from(flags),
        )
    })?;
    Ok(())
}

/// Has a program choose the queue of each packet, or with None the kernel, which learns from what
/// is written.
pub(crate) fn steer_tun(fd: BorrowedFd<'_>, program: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let program: libc::c_int = program.map_or(-1, |program| program.as_raw_fd());
    // SAFETY: TUNSETSTEERINGEBPF reads one int, which `program` is.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), libc::TUNSETSTEERINGEBPF as _, &program) })?;
    Ok(())
}

/// Sets MTU and transmit queue length of an interface and takes it up.
pub(crate) fn configure_interface(name: &str, mtu: u32, queue: u32) -> io::Result<()> {
    // SAFETY: socket() has no memory arguments.
    let fd =
        check(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: `fd` was just opened and belongs to no one else.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    let number = |value: u32| libc::c_int::try_from(value).unwrap_or(libc::c_int::MAX);

    let mut mtu_request = request(name)?;
    mtu_request.ifr_ifru.ifru_mtu = number(mtu);
    // SAFETY: SIOCSIFMTU reads one ifreq.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFMTU, &mtu_request) })?;

    let mut queue_request = request(name)?;
    queue_request.ifr_ifru.ifru_metric = number(queue);
    // Only root outside any user namespace may set the queue (the others may): inside one the
    // device keeps the kernel's default, which costs packets in bursts and nothing else.
    // SAFETY: SIOCSIFTXQLEN reads one ifreq, of it `ifr_qlen`, an int in the union like the metric.
    match check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFTXQLEN, &queue_request) }) {
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
        _ => {}
    }

    let mut flags = request(name)?;
    // SAFETY: SIOCGIFFLAGS reads and writes one ifreq.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &mut flags) })?;
    // SAFETY: the call above filled in the flags variant.
    unsafe { flags.ifr_ifru.ifru_flags |= libc::IFF_UP as libc::c_short };
    // SAFETY: SIOCSIFFLAGS reads one ifreq.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &flags) })?;
    Ok(())
}
