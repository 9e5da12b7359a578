//! Sending and receiving datagrams in batches, and the error queue.

use std::io;
use std::mem::{size_of, zeroed, MaybeUninit};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::address::RawAddress;
use super::check;
use crate::receive::{Meta, ReceiveBatch, CONTROL_LEN};
use crate::socket::{Outgoing, PathReport};

/// Messages of one system call: at most, and where few are likely.  When packets come one by one,
/// what describes 32 messages to the call is no longer in the caches: filling it for one packet
/// took a twentieth of the packet's way through a gateway.
const MAX_MESSAGES: usize = 32;
const FEW_MESSAGES: usize = 4;
/// Octets for the control messages UDP_SEGMENT and IP_TOS, 24 each.
const SEND_CONTROL_LEN: usize = 64;

/// Control messages have the alignment of their header.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control<const N: usize>([u8; N]);

/// One call of recvmmsg: fills the batch's slots from the first, where few came the last time
/// only a few of them.
pub(crate) fn receive_many(socket: BorrowedFd<'_>, batch: &mut ReceiveBatch) -> io::Result<()> {
    if batch.len() < FEW_MESSAGES {
        receive_up_to::<FEW_MESSAGES>(socket, batch)
    } else {
        receive_up_to::<MAX_MESSAGES>(socket, batch)
    }
}

fn receive_up_to<const N: usize>(
    socket: BorrowedFd<'_>,
    batch: &mut ReceiveBatch,
) -> io::Result<()> {
    // SAFETY: mmsghdr, iovec and the arrays are plain integers and pointers, for which zero bits
    // are a value.
    let mut headers: [libc::mmsghdr; N] = unsafe { zeroed() };
    // SAFETY: as above.
    let mut vectors: [libc::iovec; N] = unsafe { zeroed() };
    let mut names = [RawAddress::unspecified(); N];
    let mut controls = MaybeUninit::<[Control<CONTROL_LEN>; N]>::uninit();
    let control_base: *mut Control<CONTROL_LEN> = controls.as_mut_ptr().cast();

    let mut count = 0;
    for (index, slot) in batch.offer(N).enumerate() {
        vectors[index] = libc::iovec {
            iov_base: slot.as_mut_ptr().cast(),
            iov_len: slot.len(),
        };
        let header = &mut headers[index].msg_hdr;
        header.msg_name = std::ptr::from_mut(&mut names[index]).cast();
        header.msg_namelen = size_of::<RawAddress>() as libc::socklen_t;
        header.msg_iov = &mut vectors[index];
        header.msg_iovlen = 1;
        // SAFETY: `index` is below N, the array's length.
        header.msg_control = unsafe { control_base.add(index) }.cast();
        header.msg_controllen = CONTROL_LEN as _;
        count += 1;
    }
    // SAFETY: the first `count` headers point to vectors, names and controls above and to the
    // batch's slots, all alive and not otherwise borrowed during the call.
    let received = check(unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count,
            libc::MSG_DONTWAIT as _,
            std::ptr::null_mut(),
        )
    })?;
    for (header, name) in headers
        .iter()
        .zip(&names)
        .take(usize::try_from(received).unwrap_or(0))
    {
        let len = header.msg_len as usize;
        let ancillary = read_control(&header.msg_hdr);
        batch.push_filled(Meta {
            len,
            segment: ancillary.segment.unwrap_or(len),
            from: name.get().unwrap_or(UNKNOWN),
            tos: ancillary.tos,
        });
    }
    Ok(())
}

/// Stands for an address of a family that an IP socket cannot have.
const UNKNOWN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

#[derive(Default)]
struct Ancillary {
    segment: Option<usize>,
    tos: u8,
    path_mtu: Option<u32>,
}

/// Reads what the kernel put beside a datagram.
fn read_control(header: &libc::msghdr) -> Ancillary {
    let mut found = Ancillary::default();
    // SAFETY: the kernel filled msg_control and set msg_controllen to the octets written.
    let mut message = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !message.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR give headers inside the control buffer only.
        let (level, kind, data) = unsafe {
            (
                (*message).cmsg_level,
                (*message).cmsg_type,
                libc::CMSG_DATA(message),
            )
        };
        match (level, kind) {
            (libc::SOL_UDP, libc::UDP_GRO) => {
                // SAFETY: the kernel's UDP_GRO data is an int (net/ipv4/udp.c).
                let size = unsafe { data.cast::<libc::c_int>().read_unaligned() };
                found.segment = usize::try_from(size).ok().filter(|size| *size > 0);
            }
            (libc::IPPROTO_IP, libc::IP_TOS) => {
                // SAFETY: the kernel's IP_TOS data is one octet (net/ipv4/ip_sockglue.c).
                found.tos = unsafe { *data };
            }
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
                // SAFETY: the kernel's IPV6_TCLASS data is an int (net/ipv6/datagram.c).
                found.tos = unsafe { data.cast::<libc::c_int>().read_unaligned() } as u8;
            }
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
                // SAFETY: the data begins with a sock_extended_err (ip(7), ipv6(7)).
                let error = unsafe { data.cast::<libc::sock_extended_err>().read_unaligned() };
                if error.ee_errno == libc::EMSGSIZE as u32 {
                    found.path_mtu = Some(error.ee_info);
                }
            }
            _ => {}
        }
        // SAFETY: `message` is a header inside the control buffer of `header`.
        message = unsafe { libc::CMSG_NXTHDR(header, message) };
    }
    found
}

/// One call of sendmmsg for up to [`MAX_MESSAGES`]; gives how many the system took, at least one.
pub(crate) fn send_many(
    socket: BorrowedFd<'_>,
    arena: &[u8],
    messages: &[Outgoing],
    with_tos: bool,
) -> io::Result<usize> {
    if messages.len() <= FEW_MESSAGES {
        send_up_to::<FEW_MESSAGES>(socket, arena, messages, with_tos)
    } else {
        send_up_to::<MAX_MESSAGES>(socket, arena, messages, with_tos)
    }
}

fn send_up_to<const N: usize>(
    socket: BorrowedFd<'_>,
    arena: &[u8],
    messages: &[Outgoing],
    with_tos: bool,
) -> io::Result<usize> {
    // SAFETY: as in `receive_up_to`.
    let mut headers: [libc::mmsghdr; N] = unsafe { zeroed() };
    // SAFETY: as in `receive_up_to`.
    let mut vectors: [libc::iovec; N] = unsafe { zeroed() };
    let mut names = [RawAddress::unspecified(); N];
    let mut controls = [Control([0; SEND_CONTROL_LEN]); N];

    let count = messages.len().min(N);
    for (index, message) in messages.iter().take(count).enumerate() {
        let octets = &arena[message.start..message.start + message.len];
        vectors[index] = libc::iovec {
            // The kernel only reads from it.
            iov_base: octets.as_ptr().cast_mut().cast(),
            iov_len: octets.len(),
        };
        let (name, name_len) = RawAddress::new(message.to);
        names[index] = name;
        let header = &mut headers[index].msg_hdr;
        header.msg_name = std::ptr::from_mut(&mut names[index]).cast();
        header.msg_namelen = name_len;
        header.msg_iov = &mut vectors[index];
        header.msg_iovlen = 1;
        write_control(header, &mut controls[index], message, with_tos);
    }
    // SAFETY: the first `count` headers point to vectors, names and controls above and to the
    // arena, all alive during the call; the kernel writes only to the headers' msg_len.
    let sent = check(unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count as libc::c_uint,
            (libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) as _,
        )
    })?;
    Ok(usize::try_from(sent).unwrap_or(0))
}

/// Writes the control messages that `message` needs and points `header` to them.
fn write_control(
    header: &mut libc::msghdr,
    control: &mut Control<SEND_CONTROL_LEN>,
    message: &Outgoing,
    with_tos: bool,
) {
    let mut used = 0;
    if with_tos && message.tos != 0 {
        let (level, kind) = if message.to.is_ipv4() {
            (libc::IPPROTO_IP, libc::IP_TOS)
        } else {
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS)
        };
        let value = libc::c_int::from(message.tos).to_ne_bytes();
        used = append_control(control, used, level, kind, &value);
    }
    if message.segment != 0 {
        let value = u16::try_from(message.segment).unwrap_or(0).to_ne_bytes();
        used = append_control(control, used, libc::SOL_UDP, libc::UDP_SEGMENT, &value);
    }
    if used > 0 {
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = used as _;
    }
}

/// Lays one control message at `at` (a multiple of 8) and gives where the next goes (cmsg(3)).
fn append_control<const N: usize>(
    control: &mut Control<N>,
    at: usize,
    level: libc::c_int,
    kind: libc::c_int,
    value: &[u8],
) -> usize {
    const HEADER: usize = size_of::<libc::cmsghdr>();
    let total = (HEADER + value.len()).next_multiple_of(size_of::<usize>());
    let room = &mut control.0[at..at + total];
    let length = HEADER + value.len();
    room[..size_of::<usize>()].copy_from_slice(&length.to_ne_bytes());
    room[HEADER - 8..HEADER - 4].copy_from_slice(&level.to_ne_bytes());
    room[HEADER - 4..HEADER].copy_from_slice(&kind.to_ne_bytes());
    room[HEADER..length].copy_from_slice(value);
    at + total
}

/// Sends one datagram.
pub(crate) fn send_single(
    socket: BorrowedFd<'_>,
    payload: &[u8],
    to: SocketAddr,
) -> io::Result<()> {
    let (name, len) = RawAddress::new(to);
    // SAFETY: payload and name are valid for the lengths given with them.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            payload.as_ptr().cast(),
            payload.len(),
            libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
            name.as_ptr(),
            len,
        )
    };
    if sent < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Empties the error queue, keeping what it says of path MTUs.
pub(crate) fn read_path_reports(socket: BorrowedFd<'_>, reports: &mut Vec<PathReport>) {
    /// More in one go can only be an attack; the rest is read at the next call.
    const AT_ONCE: usize = 64;
    for _ in 0..AT_ONCE {
        let mut name = RawAddress::unspecified();
        let mut control = Control([0u8; 512]);
        // SAFETY: msghdr is plain integers and pointers: zero bits are a value.
        let mut header: libc::msghdr = unsafe { zeroed() };
        header.msg_name = std::ptr::from_mut(&mut name).cast();
        header.msg_namelen = size_of::<RawAddress>() as libc::socklen_t;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = control.0.len() as _;
        // SAFETY: `header` points to `name` and `control`, alive during the call.  Without a
        // vector the datagram itself is cut away.
        let result = unsafe {
            libc::recvmsg(
                socket.as_raw_fd(),
                &mut header,
                libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT,
            )
        };
        if result < 0 {
            return;
        }
        if let (Some(mtu), Some(to)) = (read_control(&header).path_mtu, name.get()) {
            reports.push(PathReport { to: to.ip(), mtu });
        }
    }
}
