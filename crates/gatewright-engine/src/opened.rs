//! What was opened of a batch, on its way to the TUN device: packets of one TCP or UDP flow joined
//! to one frame where the device takes that.  No payload is copied.

use std::io::IoSlice;

use arrayvec::ArrayVec;
use gatewright_io::{ReceiveBatch, Tun, TunOffload, VNET_HEADER_LEN};
use gatewright_offload::{Coalescer, MAX_PIECES};

use crate::counters::{Count, DropReason};
use crate::handover::Parcel;
use crate::inbound::Arrival;
use crate::outbound::Context;

/// Parts of one write: the offload header, the joined packet's headers, and its pieces.
const MAX_PARTS: usize = 2 + MAX_PIECES;

/// What received datagrams lie in.
pub(crate) trait Slots {
    /// What lies in a slot now.
    fn slot(&self, index: usize) -> &[u8];
}

impl Slots for ReceiveBatch {
    fn slot(&self, index: usize) -> &[u8] {
        self.octets(index)
    }
}

impl Slots for Parcel<Arrival> {
    fn slot(&self, index: usize) -> &[u8] {
        self.octets(index)
    }
}

/// What was opened of a batch.
pub(crate) enum Opened {
    /// The device takes joined packets.
    Joined(Coalescer<Location>),
    Single(Vec<Location>),
}

/// Where an inner packet lies: in which slot of the batch, and where in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Location {
    pub(crate) slot: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Location {
    fn octets(self, slots: &impl Slots) -> &[u8] {
        &slots.slot(self.slot)[self.start..self.end]
    }
}

impl Opened {
    pub(crate) fn new(offload: TunOffload) -> Self {
        if offload.checksum && offload.tso4 && offload.tso6 {
            Self::Joined(Coalescer::new(offload.uso))
        } else {
            Self::Single(Vec::new())
        }
    }

    pub(crate) fn push(&mut self, packet: &[u8], location: Location) {
        match self {
            Self::Joined(coalescer) => coalescer.push(packet, location),
            Self::Single(locations) => locations.push(location),
        }
    }

    /// Writes what was opened.
    pub(crate) fn write_frames(
        &mut self,
        context: &Context<'_>,
        slots: &impl Slots,
        tun: &mut dyn Tun,
    ) {
        match self {
            Self::Single(locations) => {
                for location in locations.drain(..) {
                    let packet = location.octets(slots);
                    let frame = [IoSlice::new(&[0; VNET_HEADER_LEN]), IoSlice::new(packet)];
                    write_frame(context, tun, &frame, 1, packet.len());
                }
            }
            Self::Joined(coalescer) => {
                coalescer.seal();
                for frame in coalescer.frames() {
                    let virtio = frame.virtio.emit();
                    // Filled as far as it is used: a frame may be a lone acknowledgement.
                    let mut parts = ArrayVec::<IoSlice<'_>, MAX_PARTS>::new();
                    parts.push(IoSlice::new(&virtio));
                    parts.push(IoSlice::new(frame.headers));
                    let mut octets = 0;
                    for piece in frame.pieces().take(MAX_PIECES) {
                        let packet = piece.octets(slots);
                        octets += packet.len();
                        parts.push(IoSlice::new(&packet[frame.skip..]));
                    }
                    write_frame(context, tun, &parts, parts.len() - 2, octets);
                }
                coalescer.clear();
            }
        }
    }
}

/// One frame of `packets` packets that have `octets` octets in all.
fn write_frame(
    context: &Context<'_>,
    tun: &mut dyn Tun,
    frame: &[IoSlice<'_>],
    packets: usize,
    octets: usize,
) {
    let packets = packets as u64;
    if tun.write(frame).is_err() {
        return context.counters.drop_many(DropReason::TunWrite, packets);
    }
    context.counters.add(Count::TunFramesWritten, 1);
    context.counters.add(Count::PacketsIn, packets);
    context.counters.add(Count::BytesIn, octets as u64);
}
