//! The buffers that a batch of datagrams is received into, allocated once.

use std::net::SocketAddr;

/// Octets of one slot: the largest IP datagram.
pub const SLOT_LEN: usize = 65_536;
/// Slots begin this far apart: not a power of two, so that they do not share cache sets.
const STRIDE: usize = SLOT_LEN + 33 * 64;
/// Octets of control messages a slot has room for.
pub const CONTROL_LEN: usize = 128;

/// What came with a datagram.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    pub(crate) len: usize,
    pub(crate) segment: usize,
    pub(crate) from: SocketAddr,
    pub(crate) tos: u8,
}

/// What a receive call gave: one or, when the kernel merged them, several datagrams of one sender.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// The octets.  On an IPv4 protocol 50 socket they begin with the outer IP header.
    pub data: &'a mut [u8],
    /// Octets of each merged datagram (the last may be shorter); the whole length for one.
    pub segment: usize,
    /// The sender.
    pub from: SocketAddr,
    /// The octet of DSCP and ECN of the outer header.
    pub tos: u8,
}

/// A fixed number of slots, filled anew by each [`crate::Socket::receive`].
pub struct ReceiveBatch {
    octets: Box<[u8]>,
    meta: Vec<Meta>,
    slots: usize,
    /// How many the call that filled it could fill.
    offered: usize,
}

impl ReceiveBatch {
    /// Room for `slots` datagrams (at least one) of up to [`SLOT_LEN`] octets each.
    pub fn new(slots: usize) -> Self {
        let slots = slots.max(1);
        Self {
            octets: vec![0; slots * STRIDE].into_boxed_slice(),
            meta: Vec::with_capacity(slots),
            slots,
            offered: slots,
        }
    }

    /// How many slots are filled.
    pub fn len(&self) -> usize {
        self.meta.len()
    }

    /// Whether none is filled.
    pub fn is_empty(&self) -> bool {
        self.meta.is_empty()
    }

    /// Whether the call that filled it had no room for more.
    pub fn is_full(&self) -> bool {
        self.meta.len() == self.offered
    }

    /// Forgets what was received.
    pub fn clear(&mut self) {
        self.meta.clear();
        self.offered = self.slots;
    }

    /// Fills the next slot with a copy, for doubles.  False when it does not fit.
    pub fn push(&mut self, data: &[u8], segment: usize, from: SocketAddr, tos: u8) -> bool {
        if self.is_full() || data.len() > SLOT_LEN {
            return false;
        }
        let start = self.meta.len() * STRIDE;
        self.octets[start..start + data.len()].copy_from_slice(data);
        self.push_filled(Meta {
            len: data.len(),
            segment,
            from,
            tos,
        });
        true
    }

    /// The `index`-th filled slot.  Panics when there is none.
    pub fn datagram(&mut self, index: usize) -> Datagram<'_> {
        let meta = self.meta[index];
        let start = index * STRIDE;
        Datagram {
            data: &mut self.octets[start..start + meta.len],
            segment: meta.segment,
            from: meta.from,
            tos: meta.tos,
        }
    }

    /// What lies in a filled slot now.  Panics when there is none of this number.
    pub fn octets(&self, index: usize) -> &[u8] {
        let start = index * STRIDE;
        &self.octets[start..start + self.meta[index].len]
    }

    /// Forgets what was received, and gives at most `count` slots for a system call to fill; report
    /// each filled one with `push_filled`.
    pub(crate) fn offer(&mut self, count: usize) -> impl Iterator<Item = &mut [u8]> {
        self.meta.clear();
        self.offered = self.slots.min(count);
        self.octets
            .chunks_exact_mut(STRIDE)
            .map(|slot| &mut slot[..SLOT_LEN])
            .take(self.offered)
    }

    pub(crate) fn push_filled(&mut self, meta: Meta) {
        debug_assert!(self.meta.len() < self.offered && meta.len <= SLOT_LEN);
        self.meta.push(meta);
    }
}
