//! Stage 6 of the way out: packets of one frame are laid into the arena and sealed there.

use std::net::{IpAddr, SocketAddr};

use gatewright_esp::outer::{encapsulate_traffic_class, outer_df, DfPolicy, DscpPolicy};
use gatewright_io::{Encapsulation, Standing};
use gatewright_offload::Splitter;
use gatewright_packet::emit::{Ipv4Header, Ipv6Header};
use gatewright_packet::fragment::Fragments;
use gatewright_packet::mss::is_syn;
use gatewright_packet::{protocol, IpPacket, Ipv4Packet};

use crate::arena::{Arena, Destination};
use crate::association::Association;
use crate::control::SocketSlot;
use crate::counters::{Count, DropReason};
use crate::event::{Event, Expiry};
use crate::outbound::Context;

/// The largest IP packet.
const PACKET_LEN: usize = 65_535;

/// Seals packets into the arena.
pub(crate) struct Sealer {
    arena: Arena,
    /// A packet that is to be fragmented, and one fragment of it.
    scratch: Box<[u8]>,
    fragment: Box<[u8]>,
}

impl Sealer {
    pub(crate) fn new() -> Self {
        Self {
            arena: Arena::new(),
            scratch: vec![0; PACKET_LEN].into_boxed_slice(),
            fragment: vec![0; PACKET_LEN].into_boxed_slice(),
        }
    }

    /// Seals the packets of a frame.  `fragment`: their outer packets do not fit the path, and the
    /// system has to fragment them.
    pub(crate) fn send_segments(
        &mut self,
        context: &Context<'_>,
        pair: &Association,
        segments: &Splitter<'_>,
        fragment: bool,
    ) {
        let count = segments.count();
        let Some(mut sending) = self.begin(context, pair, segments.packet(), count) else {
            return;
        };
        if fragment {
            sending.fragment_outer();
        }
        let begins = is_syn(segments.packet());
        let mut done = Done::default();
        for index in 0..count {
            let len = segments.len_of(index);
            let sealed = self.seal_packet(context, &sending, index, len, |place| {
                let written = segments.write(index, place).is_some();
                if begins {
                    context.clamp_mss(pair, place);
                }
                written
            });
            done.add(sealed, len);
        }
        sending.account(context, &done);
    }

    /// Fragments one packet before ESP, so that the outer packet crosses whole (RFC 4301 section
    /// 8.1 allows either; the peer is spared the reassembly of outer fragments).
    pub(crate) fn send_fragments(
        &mut self,
        context: &Context<'_>,
        pair: &Association,
        segments: &Splitter<'_>,
        index: usize,
        mtu: usize,
    ) {
        let mut scratch = std::mem::take(&mut self.scratch);
        let len = segments.write(index, &mut scratch);
        let packet = len.map(|len| Ipv4Packet::new_checked(&scratch[..len]));
        let fragments = match packet {
            Some(Ok(packet)) => Fragments::new(packet, mtu).ok(),
            _ => None,
        };
        match fragments {
            Some(fragments) => self.seal_fragments(context, pair, segments.packet(), &fragments),
            None => context.counters.drop_one(DropReason::Unfragmentable),
        }
        self.scratch = scratch;
    }

    fn seal_fragments(
        &mut self,
        context: &Context<'_>,
        pair: &Association,
        whole: &IpPacket<'_>,
        fragments: &Fragments<'_>,
    ) {
        let count = fragments.count();
        let Some(sending) = self.begin(context, pair, whole, count) else {
            return;
        };
        let mut fragment = std::mem::take(&mut self.fragment);
        let mut done = Done::default();
        for index in 0..count {
            let Ok(len) = fragments.write(index, &mut fragment) else {
                context.counters.drop_one(DropReason::Unfragmentable);
                continue;
            };
            let sealed = self.seal_packet(context, &sending, index, len, |place| {
                place.copy_from_slice(&fragment[..len]);
                true
            });
            done.add(sealed, len);
        }
        self.fragment = fragment;
        context.counters.add(Count::FragmentsMade, done.packets);
        sending.account(context, &done);
    }

    /// What all packets of a frame have in common, and their sequence numbers.
    fn begin<'a>(
        &self,
        context: &Context<'_>,
        pair: &'a Association,
        packet: &IpPacket<'_>,
        count: usize,
    ) -> Option<Sending<'a>> {
        let Some(destination) = destination(context, pair, packet.traffic_class()) else {
            let count = count as u64;
            context.counters.drop_many(DropReason::NoSocket, count);
            return None;
        };
        let Ok(sequence) = pair.live.take_sequence(count) else {
            let tell = |event| context.shared.events.push(event);
            pair.live.expire(pair.spi_in, Expiry::Sequence, &tell);
            let count = count as u64;
            context.counters.drop_many(DropReason::SaExhausted, count);
            return None;
        };
        let (next_header, dont_fragment) = match packet {
            IpPacket::V4(inner) => (protocol::IPV4, inner.dont_fragment()),
            IpPacket::V6(_) => (protocol::IPV6, true),
        };
        Some(Sending {
            pair,
            destination,
            sequence,
            next_header,
            dont_fragment,
        })
    }

    /// Has `write` put an inner packet of `len` octets into the arena, and seals it there.
    fn seal_packet(
        &mut self,
        context: &Context<'_>,
        sending: &Sending<'_>,
        index: usize,
        len: usize,
        write: impl FnOnce(&mut [u8]) -> bool,
    ) -> bool {
        let pair = sending.pair;
        let seal = &pair.live.seal;
        let outer_len = match pair.transport.encapsulation {
            Encapsulation::Udp => 0,
            Encapsulation::Protocol50 => pair.overhead.outer_header_len(),
        };
        let total = outer_len + seal.algorithm().sealed_len(len);
        if self.arena.place(total).is_none() {
            self.flush(context);
        }
        let Some(place) = self.arena.place(total) else {
            context.counters.drop_one(DropReason::TooBig);
            return false;
        };
        let start = outer_len + seal.algorithm().header_len();
        let inner = start..start + len;
        let sequence = sending.sequence + index as u64;
        let sealed = write(&mut place[inner.clone()])
            && seal
                .seal_in_place(place, inner, sending.next_header, sequence)
                .is_ok()
            && sending.write_outer(&mut place[..outer_len], total - outer_len);
        if sealed {
            self.arena.commit(total, sending.destination);
        } else {
            context.counters.drop_one(DropReason::Seal);
        }
        sealed
    }

    /// Hands what was sealed to the sockets.
    pub(crate) fn flush(&mut self, context: &Context<'_>) {
        if !self.arena.is_empty() {
            let lost = |slot: &SocketSlot| tell_lost(context, slot);
            self.arena
                .flush(&context.tables.sockets, context.counters, lost);
        }
    }
}

/// The control plane learns which fast paths this socket lost.
fn tell_lost(context: &Context<'_>, slot: &SocketSlot) {
    let paths = slot.socket.fast_paths().into_iter();
    for path in paths.filter(|path| matches!(path.standing, Standing::Lost(_))) {
        context.shared.events.push(Event::FastPathLost(path));
    }
}

fn destination(context: &Context<'_>, pair: &Association, inner_class: u8) -> Option<Destination> {
    let (tables, transport) = (context.tables, &pair.transport);
    let socket = tables.socket(transport.encapsulation, transport.local, context.worker)?;
    Some(Destination {
        socket,
        encapsulation: transport.encapsulation,
        to: transport.remote,
        tos: encapsulate_traffic_class(inner_class, DscpPolicy::Copy),
        segmentation: tables.sockets[socket].socket.segmentation(),
        fragment: false,
    })
}

/// The packets of one frame on their way through an SA.
struct Sending<'a> {
    pair: &'a Association,
    destination: Destination,
    /// Of the first packet; the others follow.
    sequence: u64,
    next_header: u8,
    /// DF of the inner packet; true for IPv6.
    dont_fragment: bool,
}

/// How many of them were sealed.
#[derive(Default)]
struct Done {
    packets: u64,
    octets: u64,
}

impl Done {
    fn add(&mut self, sealed: bool, len: usize) {
        if sealed {
            self.packets += 1;
            self.octets += len as u64;
        }
    }
}

impl Sending<'_> {
    /// The outer packet is larger than the path takes and goes in fragments.
    fn fragment_outer(&mut self) {
        self.destination.fragment = true;
        self.destination.segmentation = false;
    }

    fn account(&self, context: &Context<'_>, done: &Done) {
        context.counters.add(Count::PacketsOut, done.packets);
        context.counters.add(Count::BytesOut, done.octets);
        let tell = |event| context.shared.events.push(event);
        let live = &self.pair.live;
        live.account_sent(
            self.pair.spi_in,
            done.packets,
            done.octets,
            context.now,
            tell,
        );
    }

    /// Writes the outer IP header of protocol 50; nothing with UDP, where the kernel does.
    fn write_outer(&self, header: &mut [u8], payload: usize) -> bool {
        if header.is_empty() {
            return true;
        }
        match (self.pair.transport.local, self.destination.to) {
            (IpAddr::V4(local), SocketAddr::V4(remote)) => {
                let mut outer = Ipv4Header::new(local, *remote.ip(), protocol::ESP);
                outer.traffic_class = self.destination.tos;
                outer.dont_fragment = outer_df(self.dont_fragment, DfPolicy::Set);
                let place = header.first_chunk_mut();
                place.is_some_and(|place| outer.emit(place, payload).is_ok())
            }
            (IpAddr::V6(local), SocketAddr::V6(remote)) => {
                let mut outer = Ipv6Header::new(local, *remote.ip(), protocol::ESP);
                outer.traffic_class = self.destination.tos;
                let place = header.first_chunk_mut();
                place.is_some_and(|place| outer.emit(place, payload).is_ok())
            }
            _ => false,
        }
    }
}
