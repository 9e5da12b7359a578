//! Sealed packets on their way to the sockets.
//!
//! One stretch of memory in which ESP packets stand one behind the other, so that a run of equal
//! ones to the same peer is one message with segmentation offload.  Emptied by `flush`.

use std::net::SocketAddr;

use gatewright_io::{Encapsulation, Outgoing};

use crate::control::SocketSlot;
use crate::counters::{Count, Counters, DropReason};

/// Octets of the arena: four full TSO frames.
const ARENA_LEN: usize = 256 * 1024;
/// Messages in one flush.
const MAX_MESSAGES: usize = 256;
/// Datagrams of one message: `UDP_MAX_SEGMENTS` of older kernels.
const MAX_SEGMENTS: usize = 64;
/// Octets of one message: the UDP payload of the largest IPv4 packet.
const MAX_MESSAGE_LEN: usize = 65_507;

/// Where a packet goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Destination {
    /// Position of the socket in the tables.
    pub(crate) socket: usize,
    pub(crate) encapsulation: Encapsulation,
    pub(crate) to: SocketAddr,
    /// DSCP and ECN of the outer header.
    pub(crate) tos: u8,
    /// Whether the socket takes several datagrams in one message.
    pub(crate) segmentation: bool,
    /// Whether the system has to fragment the outer packet.
    pub(crate) fragment: bool,
}

/// The message that the next packet may join.
#[derive(Debug)]
struct Open {
    destination: Destination,
    datagrams: usize,
    segment: usize,
}

/// The arena.
#[derive(Debug)]
pub(crate) struct Arena {
    octets: Box<[u8]>,
    used: usize,
    messages: Vec<Outgoing>,
    /// The socket of each message.
    sockets: Vec<usize>,
    open: Option<Open>,
}

impl Arena {
    pub(crate) fn new() -> Self {
        Self {
            octets: vec![0; ARENA_LEN].into_boxed_slice(),
            used: 0,
            messages: Vec::with_capacity(MAX_MESSAGES),
            sockets: Vec::with_capacity(MAX_MESSAGES),
            open: None,
        }
    }

    /// Room for a packet of `len` octets; None when it has to be flushed first.
    pub(crate) fn place(&mut self, len: usize) -> Option<&mut [u8]> {
        if self.messages.len() == MAX_MESSAGES {
            return None;
        }
        self.octets.get_mut(self.used..self.used.checked_add(len)?)
    }

    /// The packet that was written to the last place goes out with the next flush.
    pub(crate) fn commit(&mut self, len: usize, destination: Destination) {
        let start = self.used;
        self.used += len;
        if self.join(len, &destination) {
            return;
        }
        self.messages.push(Outgoing {
            start,
            len,
            segment: 0,
            to: destination.to,
            tos: destination.tos,
            fragment: destination.fragment,
        });
        self.sockets.push(destination.socket);
        self.open = destination.segmentation.then_some(Open {
            destination,
            datagrams: 1,
            segment: len,
        });
    }

    /// Makes the packet part of the last message, when it is one more segment of it.
    fn join(&mut self, len: usize, destination: &Destination) -> bool {
        let (Some(open), Some(message)) = (&mut self.open, self.messages.last_mut()) else {
            return false;
        };
        let fits = open.destination == *destination
            && len <= open.segment
            && open.datagrams < MAX_SEGMENTS
            && message.len + len <= MAX_MESSAGE_LEN;
        if !fits {
            return false;
        }
        message.segment = open.segment;
        message.len += len;
        open.datagrams += 1;
        if len < open.segment {
            // Only the last segment may be shorter.
            self.open = None;
        }
        true
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Hands everything to the sockets, in order.
    ///
    /// `lost` is told of a socket that turned out to send no joined messages.
    pub(crate) fn flush(
        &mut self,
        sockets: &[SocketSlot],
        counters: &Counters,
        lost: impl Fn(&SocketSlot),
    ) {
        let mut first = 0;
        while let Some(socket) = self.sockets.get(first).copied() {
            let rest = &self.sockets[first..];
            let run = rest.iter().take_while(|other| **other == socket).count();
            let messages = &self.messages[first..first + run];
            first += run;
            let Some(slot) = sockets.get(socket) else {
                let lost = messages.iter().map(|m| m.datagrams() as u64).sum();
                counters.drop_many(DropReason::NoSocket, lost);
                continue;
            };
            let sent = slot.socket.send(&self.octets, messages);
            if sent.lost_segmentation {
                lost(slot);
            }
            counters.add(Count::DatagramsOut, sent.datagrams);
            counters.add(Count::MessagesOut, messages.len() as u64);
            for (reason, lost) in [
                (DropReason::SendTooBig, sent.too_big),
                (DropReason::NoBuffer, sent.no_buffer),
                (DropReason::SendError, sent.failed),
            ] {
                if lost > 0 {
                    counters.drop_many(reason, lost);
                }
            }
        }
        self.messages.clear();
        self.sockets.clear();
        self.open = None;
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destination(port: u16, segmentation: bool) -> Destination {
        Destination {
            socket: 0,
            encapsulation: Encapsulation::Udp,
            to: SocketAddr::from(([192, 0, 2, 1], port)),
            tos: 0,
            segmentation,
            fragment: false,
        }
    }

    fn commit(arena: &mut Arena, len: usize, port: u16) {
        assert_eq!(arena.place(len).map(|place| place.len()), Some(len));
        arena.commit(len, destination(port, true));
    }

    fn shapes(arena: &Arena) -> Vec<(usize, usize)> {
        arena.messages.iter().map(|m| (m.len, m.segment)).collect()
    }

    #[test]
    fn equal_packets_join_and_a_shorter_one_ends_the_run() {
        let mut arena = Arena::new();
        for len in [100, 100, 60, 60, 100] {
            commit(&mut arena, len, 4500);
        }
        assert_eq!(shapes(&arena), [(260, 100), (60, 0), (100, 0)]);
    }

    #[test]
    fn another_peer_or_a_longer_packet_begins_a_message() {
        let mut arena = Arena::new();
        commit(&mut arena, 100, 4500);
        commit(&mut arena, 100, 4501);
        commit(&mut arena, 101, 4501);
        assert_eq!(shapes(&arena), [(100, 0), (100, 0), (101, 0)]);
    }

    #[test]
    fn a_run_has_bounds() {
        let mut arena = Arena::new();
        for _ in 0..65 {
            commit(&mut arena, 10, 4500);
        }
        assert_eq!(shapes(&arena), [(640, 10), (10, 0)]);
        let mut arena = Arena::new();
        for _ in 0..46 {
            commit(&mut arena, 1450, 4500);
        }
        assert_eq!(shapes(&arena), [(65_250, 1450), (1450, 0)]);
    }

    #[test]
    fn without_segmentation_each_is_a_message() {
        let mut arena = Arena::new();
        arena.commit(10, destination(4500, false));
        arena.commit(10, destination(4500, false));
        assert_eq!(shapes(&arena), [(10, 0), (10, 0)]);
    }

    #[test]
    fn a_full_arena_says_so() {
        let mut arena = Arena::new();
        assert!(arena.place(ARENA_LEN + 1).is_none());
        assert!(arena.place(usize::MAX).is_none());
        for _ in 0..MAX_MESSAGES {
            arena.commit(1, destination(4500, false));
        }
        assert!(arena.place(1).is_none());
        arena.flush(&[], &Counters::default(), |_| {});
        assert!(arena.is_empty() && arena.place(1).is_some());
    }
}
