//! What the system's answers to a send mean.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use crate::fast_path::Standing;
use crate::socket::{Outgoing, Sent};

/// How long and how often to wait for room in the socket's buffer before a drop.
pub(super) const WAIT: Duration = Duration::from_millis(2);
const WAITS: u32 = 5;

/// Whether a socket sends many datagrams in one message: as it was found, until it is lost.
#[derive(Debug)]
pub(super) struct Segmentation {
    found: Standing,
    /// The error with which it was lost; 0 while it is not.
    lost: AtomicI32,
}

impl Segmentation {
    pub(super) fn new(found: Standing) -> Self {
        Self {
            found,
            lost: AtomicI32::new(0),
        }
    }

    pub(super) fn standing(&self) -> Standing {
        match self.lost.load(Ordering::Relaxed) {
            0 => self.found,
            number => Standing::Lost(number),
        }
    }

    pub(super) fn in_use(&self) -> bool {
        self.standing() == Standing::InUse
    }

    /// True for the one who lost it: others may have found the same at the same time.
    fn lose(&self, number: i32) -> bool {
        self.in_use() && self.lost.swap(number, Ordering::Relaxed) == 0
    }
}

/// The system as `send_all` needs it.
pub(super) trait Outlet {
    /// Sends the first messages; how many it took, at least one.
    fn send(&self, messages: &[Outgoing]) -> io::Result<usize>;

    /// Sends one message that the system is to fragment.
    fn send_fragmented(&self, message: &Outgoing) -> io::Result<()>;

    /// Waits [`WAIT`] for room.
    fn wait(&self);
}

/// Sends all messages in order, whatever becomes of each.
///
/// `segmentation` is lost when the device behind cannot do it (EIO): from then on merged messages go
/// out one datagram at a time.
pub(super) fn send_all(
    outlet: &impl Outlet,
    messages: &[Outgoing],
    segmentation: &Segmentation,
) -> Sent {
    let mut sent = Sent::default();
    let mut rest = messages;
    while let Some(first) = rest.first() {
        if first.fragment {
            match outlet.send_fragmented(first) {
                Ok(()) => sent.datagrams += 1,
                Err(_) => sent.failed += 1,
            }
            rest = &rest[1..];
        } else {
            let run = rest.iter().take_while(|message| !message.fragment);
            let (whole, left) = rest.split_at(run.count());
            add(&mut sent, &send_whole(outlet, whole, segmentation));
            rest = left;
        }
    }
    sent
}

fn send_whole(outlet: &impl Outlet, messages: &[Outgoing], segmentation: &Segmentation) -> Sent {
    let mut sent = Sent::default();
    let mut rest = messages;
    let mut waits = 0;
    let mut pending_error_seen = false;
    while let Some(first) = rest.first() {
        let error = match outlet.send(rest) {
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
        let lost = first.datagrams() as u64;
        match verdict(&error, first) {
            Verdict::Again => continue,
            Verdict::Wait if waits < WAITS => {
                waits += 1;
                outlet.wait();
                continue;
            }
            // An earlier packet's ICMP error is reported at the next send, once.
            Verdict::Other if !pending_error_seen => {
                pending_error_seen = true;
                continue;
            }
            Verdict::OneByOne { lost_offload } => {
                if lost_offload && segmentation.lose(libc::EIO) {
                    sent.lost_segmentation = true;
                }
                add(&mut sent, &send_one_by_one(outlet, first));
            }
            Verdict::Wait => sent.no_buffer += lost,
            Verdict::TooBig => sent.too_big += lost,
            Verdict::Other => sent.failed += lost,
        }
        waits = 0;
        pending_error_seen = false;
        rest = &rest[1..];
    }
    sent
}

fn add(sum: &mut Sent, part: &Sent) {
    sum.datagrams += part.datagrams;
    sum.too_big += part.too_big;
    sum.no_buffer += part.no_buffer;
    sum.failed += part.failed;
    sum.lost_segmentation |= part.lost_segmentation;
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
        // Segments over the path MTU: EINVAL before Linux 6.12, EMSGSIZE since.  The last one may
        // still fit.
        Some(libc::EINVAL | libc::EMSGSIZE) if message.segment != 0 => Verdict::OneByOne {
            lost_offload: false,
        },
        Some(libc::EMSGSIZE) => Verdict::TooBig,
        _ => Verdict::Other,
    }
}

/// The datagrams of a merged message, each by itself.
fn send_one_by_one(outlet: &impl Outlet, message: &Outgoing) -> Sent {
    let never = Segmentation::new(Standing::Off);
    let mut sent = Sent::default();
    let end = message.start + message.len;
    for start in (message.start..end).step_by(message.segment.max(1)) {
        let single = Outgoing {
            start,
            len: message.segment.min(end - start),
            segment: 0,
            ..*message
        };
        add(&mut sent, &send_whole(outlet, &[single], &never));
    }
    sent
}

#[cfg(test)]
mod tests;
