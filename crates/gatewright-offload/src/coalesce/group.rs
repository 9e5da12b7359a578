//! One frame in the making: what the next packet of its flow has to look like.

use core::ops::Range;

use gatewright_packet::checksum::Checksum;
use gatewright_packet::{IpPacket, TcpFlags, IPV4_HEADER_LEN};

use super::candidate::{Candidate, MAX_HEADERS_LEN};
use crate::layout::{plain_offset, put_u16, set_ip_length, Transport};
use crate::virtio::{GsoType, VirtioNetHeader};

const MAX_FRAME: usize = 65_535;
/// The kernel takes no more segments of UDP than this in one frame (`UDP_MAX_SEGMENTS`).
const MAX_UDP_SEGMENTS: usize = 64;
/// Pieces of one frame: below what one vectored write takes, headers included.
pub const MAX_PIECES: usize = 512;

/// A frame, or a packet that nothing can join.  `first` and `last` are its pieces.
#[derive(Debug)]
pub struct Group {
    pub first: usize,
    pub last: usize,
    pub count: usize,
    /// Headers of the joined packet; empty for a packet that passes as it is.
    headers: [u8; MAX_HEADERS_LEN],
    headers_len: usize,
    /// Length, addresses and so on of the first packet; None for one that nothing can join.
    run: Option<Run>,
}

/// What the next packet of a flow has to look like.
#[derive(Clone, Copy, Debug)]
struct Run {
    transport: Transport,
    transport_offset: usize,
    segment: usize,
    payload: usize,
    next_sequence: u32,
    identification: Identification,
    pushed: bool,
    full: bool,
}

/// The IPv4 identification of the next packet.
#[derive(Clone, Copy, Debug)]
enum Identification {
    /// IPv6 has none.
    None,
    /// Of the first packet: the second tells whether it counts.
    First(u16),
    Counting(u16),
    /// Packets that may not be fragmented, all with the same.
    Still(u16),
}

impl Identification {
    const fn of(packet: &IpPacket<'_>) -> Self {
        match packet {
            IpPacket::V4(v4) => Self::First(v4.identification()),
            IpPacket::V6(_) => Self::None,
        }
    }

    /// What the packet behind `packet` has to carry; None when `packet` itself does not fit.
    fn after(self, packet: &IpPacket<'_>) -> Option<Self> {
        let IpPacket::V4(v4) = packet else {
            return matches!(self, Self::None).then_some(self);
        };
        let (id, atomic) = (v4.identification(), v4.dont_fragment());
        match self {
            Self::First(first) if id == first.wrapping_add(1) => {
                Some(Self::Counting(id.wrapping_add(1)))
            }
            Self::Counting(next) if id == next => Some(Self::Counting(id.wrapping_add(1))),
            Self::First(same) | Self::Still(same) if id == same && atomic => {
                Some(Self::Still(same))
            }
            _ => None,
        }
    }
}

impl Group {
    pub fn new(piece: usize, candidate: Option<&Candidate<'_>>) -> Self {
        let mut group = Self {
            first: piece,
            last: piece,
            count: 1,
            headers: [0; MAX_HEADERS_LEN],
            headers_len: 0,
            run: None,
        };
        if let Some(candidate) = candidate {
            if let Some(room) = group.headers.get_mut(..candidate.headers.len()) {
                room.copy_from_slice(candidate.headers);
                group.headers_len = candidate.headers.len();
                group.run = Some(Run::begin(candidate));
            }
        }
        group
    }

    pub fn headers(&self) -> &[u8] {
        self.headers.get(..self.headers_len).unwrap_or_default()
    }

    /// Whether addresses, protocol and ports are those of this frame.
    pub fn same_flow(&self, headers: &[u8], transport_offset: usize) -> bool {
        let Some(run) = &self.run else { return false };
        run.transport_offset == transport_offset
            && flow_octets(self.headers(), transport_offset)
                == flow_octets(headers, transport_offset)
            && protocol_octet(self.headers()) == protocol_octet(headers)
    }

    pub fn same_addresses(&self, packet: &IpPacket<'_>) -> bool {
        let Some(run) = &self.run else { return false };
        let offset = plain_offset(packet);
        run.transport_offset == offset
            && address_octets(self.headers(), offset) == address_octets(packet.bytes(), offset)
    }

    pub fn continued_by(&self, next: &Candidate<'_>) -> bool {
        let Some(run) = &self.run else { return false };
        let frame_len = self.headers_len + run.payload + next.payload;
        let limit = match run.transport {
            Transport::Tcp => MAX_PIECES,
            Transport::Udp => MAX_UDP_SEGMENTS,
        };
        !run.full
            && run.transport == next.transport
            && next.payload <= run.segment
            && self.count < limit
            && frame_len <= MAX_FRAME
            && same_but_for_counters(self.headers(), next, run)
            && run.identification.after(&next.packet).is_some()
            && (run.transport == Transport::Udp || next.sequence == run.next_sequence)
    }

    pub fn append(&mut self, next: &Candidate<'_>, piece: usize) {
        self.last = piece;
        self.count += 1;
        if let Some(run) = &mut self.run {
            run.advance(next);
        }
    }
}

impl Group {
    /// Length fields, checksums and PSH of the joined packet.
    pub fn seal(&mut self) {
        let Some(run) = self.run else { return };
        let total = self.headers_len + run.payload;
        let Some(headers) = self.headers.get_mut(..self.headers_len) else {
            return;
        };
        let v4 = headers.first().is_some_and(|b| b >> 4 == 4);
        set_length(headers, v4, total);
        let upper_len = total - run.transport_offset;
        let pseudo = raw_pseudo_header(headers, run.transport, run.transport_offset, upper_len);
        let at = run.transport_offset;
        match run.transport {
            Transport::Tcp => {
                if let Some(flags) = headers.get_mut(at + 13).filter(|_| run.pushed) {
                    *flags |= TcpFlags::PSH.bits();
                }
            }
            Transport::Udp => put_u16(headers, at + 4, u16::try_from(upper_len).unwrap_or(0)),
        }
        put_u16(headers, at + run.transport.checksum_offset(), pseudo);
    }
}

impl Group {
    /// The offload header of the joined packet; the empty one for a packet that is alone.
    pub fn virtio(&self) -> VirtioNetHeader {
        let v4 = self.headers().first().is_some_and(|b| b >> 4 == 4);
        match self.run {
            Some(run) if self.count > 1 => run.virtio(self.headers_len, v4),
            _ => VirtioNetHeader::default(),
        }
    }
}

impl Run {
    fn begin(first: &Candidate<'_>) -> Self {
        let mut run = Self {
            transport: first.transport,
            transport_offset: first.transport_offset,
            segment: first.payload,
            payload: 0,
            next_sequence: first.sequence,
            identification: Identification::of(&first.packet),
            pushed: false,
            full: false,
        };
        run.count(first);
        run
    }

    fn advance(&mut self, next: &Candidate<'_>) {
        if let Some(identification) = self.identification.after(&next.packet) {
            self.identification = identification;
        }
        self.count(next);
    }

    fn count(&mut self, next: &Candidate<'_>) {
        self.payload += next.payload;
        let step = u32::try_from(next.payload).unwrap_or(0);
        self.next_sequence = next.sequence.wrapping_add(step);
        self.pushed = next.pushed;
        // Nothing can stand behind a shorter segment or behind PSH: cutting would move it.
        self.full = next.payload < self.segment || next.pushed;
    }

    fn virtio(&self, headers_len: usize, v4: bool) -> VirtioNetHeader {
        let narrow = |value: usize| u16::try_from(value).unwrap_or(0);
        VirtioNetHeader {
            needs_checksum: true,
            data_valid: false,
            gso: match (self.transport, v4) {
                (Transport::Tcp, true) => GsoType::TcpV4,
                (Transport::Tcp, false) => GsoType::TcpV6,
                (Transport::Udp, _) => GsoType::UdpL4,
            },
            header_len: narrow(headers_len),
            gso_size: narrow(self.segment),
            checksum_start: narrow(self.transport_offset),
            checksum_offset: narrow(self.transport.checksum_offset()),
        }
    }
}

/// Of headers, the bits in which the packets of a flow are alike.
type Mask = [u8; MAX_HEADERS_LEN];

// IPv4: total length, identification, header checksum.  TCP: sequence number, PSH (octet 13 is
// looked at apart), checksum.
const TCP_V4: Mask = all_but(&[2..6, 10..12, 24..28, 33..34, 36..38]);
const UDP_V4: Mask = all_but(&[2..6, 10..12, 24..28]);
// IPv6: payload length.
const TCP_V6: Mask = all_but(&[4..6, 44..48, 53..54, 56..58]);
const UDP_V6: Mask = all_but(&[4..6, 44..48]);

const fn all_but(varying: &[Range<usize>]) -> Mask {
    let mut mask = [0xff; MAX_HEADERS_LEN];
    let mut index = 0;
    while index < varying.len() {
        let mut at = varying[index].start;
        while at < varying[index].end {
            mask[at] = 0;
            at += 1;
        }
        index += 1;
    }
    mask
}

/// Whether the headers differ only where each packet of a flow differs from the one before.
fn same_but_for_counters(headers: &[u8], next: &Candidate<'_>, run: &Run) -> bool {
    let mask = match (run.transport_offset, run.transport) {
        (IPV4_HEADER_LEN, Transport::Tcp) => &TCP_V4,
        (IPV4_HEADER_LEN, Transport::Udp) => &UDP_V4,
        (_, Transport::Tcp) => &TCP_V6,
        (_, Transport::Udp) => &UDP_V6,
    };
    // Octet by octet without a branch, which the compiler makes vectors of.
    let octets = headers.iter().zip(next.headers).zip(mask);
    let differing = octets.fold(0, |all, ((ours, theirs), mask)| {
        all | ((ours ^ theirs) & mask)
    });
    headers.len() == next.headers.len() && differing == 0
}

fn address_octets(headers: &[u8], transport_offset: usize) -> Option<&[u8]> {
    let start = if transport_offset == 20 { 12 } else { 8 };
    headers.get(start..transport_offset)
}

/// Addresses and ports.
fn flow_octets(headers: &[u8], transport_offset: usize) -> Option<&[u8]> {
    let start = if transport_offset == 20 { 12 } else { 8 };
    headers.get(start..transport_offset + 4)
}

fn protocol_octet(headers: &[u8]) -> Option<u8> {
    let at = if headers.first()? >> 4 == 4 { 9 } else { 6 };
    headers.get(at).copied()
}

fn set_length(headers: &mut [u8], v4: bool, total: usize) {
    let identification = match headers.get(4..6) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    };
    set_ip_length(headers, total, v4.then_some(20), identification);
}

/// The folded pseudo-header sum, not inverted: what NEEDS_CSUM wants in the checksum field.
fn raw_pseudo_header(headers: &[u8], transport: Transport, at: usize, upper_len: usize) -> u16 {
    let addresses = address_octets(headers, at).unwrap_or_default();
    let len = u32::try_from(upper_len).unwrap_or(0);
    Checksum::pseudo_header(addresses, &[], transport.number(), len).folded()
}
