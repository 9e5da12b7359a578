//! What the system's answers to a send mean.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::socket::{Outgoing, Sent};
use crate::sys::{send_many, wait_writable};

/// How long and how often to wait for room in the socket's buffer before a drop.
const WAIT: Duration = Duration::from_millis(2);
const WAITS: u32 = 5;

/// Sends all messages in order, whatever becomes of each.
///
/// `segmentation` is cleared when the device behind cannot do it (EIO): from then on merged
/// messages go out one datagram at a time.
///
/// `send_fragmented` sends one message that the system is to fragment.
pub(super) fn send_all(
    socket: BorrowedFd<'_>,
    arena: &[u8],
    messages: &[Outgoing],
    with_tos: bool,
    segmentation: &AtomicBool,
    send_fragmented: impl Fn(&[u8], &Outgoing) -> io::Result<()>,
) -> Sent {
    let mut sent = Sent::default();
    let mut rest = messages;
    while let Some(first) = rest.first() {
        if first.fragment {
            let octets = &arena[first.start..first.start + first.len];
            match send_fragmented(octets, first) {
                Ok(()) => sent.datagrams += 1,
                Err(_) => sent.failed += 1,
            }
            rest = &rest[1..];
        } else {
            let run = rest.iter().take_while(|message| !message.fragment).count();
            let (whole, left) = rest.split_at(run);
            add(
                &mut sent,
                &send_whole(socket, arena, whole, with_tos, segmentation),
            );
            rest = left;
        }
    }
    sent
}

fn add(sum: &mut Sent, part: &Sent) {
    sum.datagrams += part.datagrams;
    sum.too_big += part.too_big;
    sum.no_buffer += part.no_buffer;
    sum.failed += part.failed;
}

fn send_whole(
    socket: BorrowedFd<'_>,
    arena: &[u8],
    messages: &[Outgoing],
    with_tos: bool,
    segmentation: &AtomicBool,
) -> Sent {
    let mut sent = Sent::default();
    let mut rest = messages;
    let mut waits = 0;
    let mut pending_error_seen = false;
    while let Some(first) = rest.first() {
        let error = match send_many(socket, arena, rest, with_tos) {
            Ok(count) => {
                let (done, left) = rest.split_at(count.clamp(1, rest.len()));
                sent.datagrams += done.iter().map(|m| m.datagrams() as u64).sum::<u64>();
                rest = left;
                waits = 0;
                pending_error_seen = false;
                continue;
            }
            Err(error) => error,
        };
        match verdict(&error, first) {
            Verdict::Again => {}
            Verdict::Wait if waits < WAITS => {
                waits += 1;
                wait_writable(socket, WAIT);
            }
            Verdict::Wait => {
                sent.no_buffer += first.datagrams() as u64;
                rest = &rest[1..];
            }
            Verdict::OneByOne { lost_offload } => {
                if lost_offload {
                    segmentation.store(false, Ordering::Relaxed);
                }
                add(&mut sent, &send_one_by_one(socket, arena, first, with_tos));
                rest = &rest[1..];
            }
            Verdict::TooBig => {
                sent.too_big += first.datagrams() as u64;
                rest = &rest[1..];
            }
            // An earlier packet's ICMP error is reported at the next send, once.
            Verdict::Other if !pending_error_seen => pending_error_seen = true,
            Verdict::Other => {
                sent.failed += first.datagrams() as u64;
                pending_error_seen = false;
                rest = &rest[1..];
            }
        }
    }
    sent
}

enum Verdict {
    Again,
    Wait,
    OneByOne { lost_offload: bool },
    TooBig,
    Other,
}

fn verdict(error: &io::Error, message: &Outgoing) -> Verdict {
    match error.raw_os_error() {
        Some(libc::EINTR) => Verdict::Again,
        Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => Verdict::Wait,
        Some(libc::EIO) if message.segment != 0 => Verdict::OneByOne { lost_offload: true },
        // Older kernels say EINVAL for segments over the path MTU, and newer ones EMSGSIZE for a
        // whole of which the last one would still fit.
        Some(libc::EINVAL | libc::EMSGSIZE) if message.segment != 0 => Verdict::OneByOne {
            lost_offload: false,
        },
        Some(libc::EMSGSIZE) => Verdict::TooBig,
        _ => Verdict::Other,
    }
}

/// The datagrams of a merged message, each by itself.
fn send_one_by_one(
    socket: BorrowedFd<'_>,
    arena: &[u8],
    message: &Outgoing,
    with_tos: bool,
) -> Sent {
    let never = AtomicBool::new(false);
    let mut sent = Sent::default();
    let end = message.start + message.len;
    for start in (message.start..end).step_by(message.segment.max(1)) {
        let single = Outgoing {
            start,
            len: message.segment.min(end - start),
            segment: 0,
            ..*message
        };
        let part = send_whole(socket, arena, &[single], with_tos, &never);
        add(&mut sent, &part);
    }
    sent
}
