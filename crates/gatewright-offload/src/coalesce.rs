//! Joins the packets of a flow into super-packets, so that the kernel takes many at once.
//!
//! A packet joins the newest frame of its flow when it continues it exactly: same headers but for
//! what counts on, next sequence number, right checksum.  Everything else ends that frame and
//! begins another, so that nothing is reordered within a flow.  An IPv4 identification counts up,
//! or stands still in packets that may not be fragmented: in those it has no meaning (RFC 6864
//! section 4.1), and after joining it counts up.  The checksum is verified before
//! joining: the kernel would make a new one, and hide that the packet was damaged.
//!
//! Payloads are not copied.  The caller gives each packet with a token that says where it lies,
//! and gets the tokens back in the order of writing ([`Coalescer::frames`]).

mod candidate;
mod group;

use gatewright_packet::IpPacket;

use crate::layout::{plain_offset, Transport};
use crate::virtio::VirtioNetHeader;
use candidate::Candidate;
use group::Group;

pub use candidate::MAX_HEADERS_LEN;
pub use group::MAX_PIECES;

/// How many flows are looked through for one that continues.
const OPEN_FLOWS: usize = 16;
const NONE: usize = usize::MAX;

/// Joins the packets of one receive batch.  Reused from batch to batch: it allocates only until it
/// has seen the largest.
#[derive(Debug)]
pub struct Coalescer<T> {
    groups: Vec<Group>,
    pieces: Vec<Piece<T>>,
    open: [usize; OPEN_FLOWS],
    next_open: usize,
    udp: bool,
}

#[derive(Clone, Copy, Debug)]
struct Piece<T> {
    token: T,
    next: usize,
}

/// One write to the device: its offload header, then `headers`, then the payload of each piece.
///
/// Of a piece that is alone the whole packet is written, and `headers` is empty.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a, T> {
    /// The offload header.
    pub virtio: VirtioNetHeader,
    /// Headers of the joined packet.
    pub headers: &'a [u8],
    /// Octets of each piece to leave out at its start: its own headers.
    pub skip: usize,
    pieces: Pieces<'a, T>,
}

impl<'a, T: Copy> Frame<'a, T> {
    /// The pieces in order.
    #[must_use]
    pub const fn pieces(&self) -> Pieces<'a, T> {
        self.pieces
    }
}

/// The tokens of a frame, in order.
#[derive(Clone, Copy, Debug)]
pub struct Pieces<'a, T> {
    pieces: &'a [Piece<T>],
    next: usize,
}

impl<T: Copy> Iterator for Pieces<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let piece = self.pieces.get(self.next)?;
        self.next = piece.next;
        Some(piece.token)
    }
}

impl<T: Copy> Coalescer<T> {
    /// `udp`: whether the device takes joined UDP datagrams (`TUN_F_USO4` and `TUN_F_USO6`).
    #[must_use]
    pub const fn new(udp: bool) -> Self {
        Self {
            groups: Vec::new(),
            pieces: Vec::new(),
            open: [NONE; OPEN_FLOWS],
            next_open: 0,
            udp,
        }
    }

    /// Forgets the batch.
    pub fn clear(&mut self) {
        self.groups.clear();
        self.pieces.clear();
        self.open = [NONE; OPEN_FLOWS];
        self.next_open = 0;
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Adds a packet, which lies where `token` says and stays there until the frames are written.
    pub fn push(&mut self, packet: &[u8], token: T) {
        let piece = self.pieces.len();
        self.pieces.push(Piece { token, next: NONE });
        let Some(candidate) = Candidate::of(packet, self.udp) else {
            self.close_flow(packet);
            self.begin(piece, None);
            return;
        };
        match self.find(&candidate) {
            Some((slot, group)) => {
                if !self.join(group, &candidate, piece) {
                    let group = self.begin(piece, Some(&candidate));
                    self.set_open(slot, group);
                }
            }
            None => {
                let group = self.begin(piece, Some(&candidate));
                let slot = self.next_open;
                self.set_open(slot, group);
                self.next_open = (self.next_open + 1) % OPEN_FLOWS;
            }
        }
    }

    /// Brings the headers of the joined packets up to date.  Call once, before [`Self::frames`].
    pub fn seal(&mut self) {
        for group in &mut self.groups {
            if group.count > 1 {
                group.seal();
            }
        }
    }

    /// What to write, in order.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_, T>> {
        self.groups.iter().map(|group| {
            let alone = group.count == 1;
            let headers = if alone { &[] } else { group.headers() };
            Frame {
                virtio: group.virtio(),
                headers,
                skip: headers.len(),
                pieces: Pieces {
                    pieces: &self.pieces,
                    next: group.first,
                },
            }
        })
    }

    fn set_open(&mut self, slot: usize, group: usize) {
        if let Some(open) = self.open.get_mut(slot) {
            *open = group;
        }
    }

    fn begin(&mut self, piece: usize, candidate: Option<&Candidate<'_>>) -> usize {
        self.groups.push(Group::new(piece, candidate));
        self.groups.len() - 1
    }

    /// The open frame of the same flow, with its place among the open ones.
    fn find(&self, candidate: &Candidate<'_>) -> Option<(usize, usize)> {
        self.open.iter().enumerate().find_map(|(slot, &index)| {
            let group = self.groups.get(index)?;
            group
                .same_flow(candidate.headers, candidate.transport_offset)
                .then_some((slot, index))
        })
    }

    /// A packet that can join nothing still ends the frame of its flow: what follows must not
    /// overtake it.  Of a fragment, and behind options, the ports are not looked for: it ends every
    /// flow between its addresses.
    fn close_flow(&mut self, bytes: &[u8]) {
        let Ok(packet) = IpPacket::new_checked(bytes) else {
            return;
        };
        let upper = packet.upper_layer();
        let hidden = packet.is_fragment() || upper.offset != plain_offset(&packet);
        if !hidden && Transport::of(upper.protocol).is_none() {
            return;
        }
        for slot in &mut self.open {
            let touched = self.groups.get(*slot).is_some_and(|group| {
                if hidden {
                    group.same_addresses(&packet)
                } else {
                    group.same_flow(bytes, upper.offset)
                }
            });
            if touched {
                *slot = NONE;
            }
        }
    }

    fn join(&mut self, index: usize, candidate: &Candidate<'_>, piece: usize) -> bool {
        let Some(group) = self.groups.get_mut(index) else {
            return false;
        };
        if !group.continued_by(candidate) {
            return false;
        }
        let last = group.last;
        group.append(candidate, piece);
        if let Some(previous) = self.pieces.get_mut(last) {
            previous.next = piece;
        }
        true
    }
}

#[cfg(test)]
mod tests;
