//! Joins the packets of a flow into super-packets, so that the kernel takes many at once.
//!
//! A packet joins the newest frame of its flow when it continues it exactly: same headers but for
//! what counts on, next sequence number, right checksum.  Everything else ends that frame and
//! begins another, so that nothing is reordered within a flow.  The checksum is verified before
//! joining: the kernel would make a new one, and hide that the packet was damaged.
//!
//! Payloads are not copied.  The caller gives each packet with a token that says where it lies,
//! and gets the tokens back in the order of writing ([`Coalescer::frames`]).

use gatewright_packet::checksum::Checksum;
use gatewright_packet::{IpPacket, TcpFlags, TcpPacket, UdpPacket, UDP_HEADER_LEN};

use crate::layout::{pseudo_header, put_u16, set_ip_length, Transport};
use crate::virtio::{GsoType, VirtioNetHeader};

/// The longest headers that are joined: IPv6 and TCP with all options.
pub const MAX_HEADERS_LEN: usize = 100;
const MAX_FRAME: usize = 65_535;
/// The kernel takes no more segments of UDP than this in one frame (`UDP_MAX_SEGMENTS`).
const MAX_UDP_SEGMENTS: usize = 64;
/// Pieces of one frame: below what one vectored write takes, headers included.
const MAX_PIECES: usize = 512;
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

#[derive(Debug)]
struct Group {
    first: usize,
    last: usize,
    count: usize,
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
    next_identification: Option<u16>,
    pushed: bool,
    full: bool,
}

/// A packet that could begin or continue a frame.
struct Candidate<'a> {
    packet: IpPacket<'a>,
    transport: Transport,
    transport_offset: usize,
    headers: &'a [u8],
    payload: usize,
    sequence: u32,
    pushed: bool,
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
        self.groups.iter().map(|group| group.frame(&self.pieces))
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
    /// overtake it.
    fn close_flow(&mut self, packet: &[u8]) {
        let Ok(packet) = IpPacket::new_checked(packet) else {
            return;
        };
        for slot in &mut self.open {
            let touched = self
                .groups
                .get(*slot)
                .is_some_and(|group| group.same_addresses(&packet));
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

impl Group {
    fn new(piece: usize, candidate: Option<&Candidate<'_>>) -> Self {
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

    fn headers(&self) -> &[u8] {
        self.headers.get(..self.headers_len).unwrap_or_default()
    }

    /// Whether addresses, protocol and ports are those of this frame.
    fn same_flow(&self, headers: &[u8], transport_offset: usize) -> bool {
        let Some(run) = &self.run else { return false };
        run.transport_offset == transport_offset
            && flow_octets(self.headers(), transport_offset)
                == flow_octets(headers, transport_offset)
            && protocol_octet(self.headers()) == protocol_octet(headers)
    }

    fn same_addresses(&self, packet: &IpPacket<'_>) -> bool {
        let Some(run) = &self.run else { return false };
        let offset = match packet {
            IpPacket::V4(_) => 20,
            IpPacket::V6(_) => 40,
        };
        run.transport_offset == offset
            && address_octets(self.headers(), offset) == address_octets(packet.bytes(), offset)
    }

    fn continued_by(&self, next: &Candidate<'_>) -> bool {
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
            && run.identification_continues(&next.packet)
            && (run.transport == Transport::Udp || next.sequence == run.next_sequence)
    }

    fn append(&mut self, next: &Candidate<'_>, piece: usize) {
        self.last = piece;
        self.count += 1;
        if let Some(run) = &mut self.run {
            run.advance(next);
        }
    }

    fn frame<'a, T: Copy>(&'a self, pieces: &'a [Piece<T>]) -> Frame<'a, T> {
        let alone = self.count == 1;
        Frame {
            virtio: self
                .run
                .filter(|_| !alone)
                .map_or_else(VirtioNetHeader::default, |run| {
                    run.virtio(
                        self.headers_len,
                        self.headers().first().is_some_and(|b| b >> 4 == 4),
                    )
                }),
            headers: if alone { &[] } else { self.headers() },
            skip: if alone { 0 } else { self.headers_len },
            pieces: Pieces {
                pieces,
                next: self.first,
            },
        }
    }
}

impl Group {
    /// Length fields, checksums and PSH of the joined packet.
    fn seal(&mut self) {
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

impl Run {
    fn begin(first: &Candidate<'_>) -> Self {
        let mut run = Self {
            transport: first.transport,
            transport_offset: first.transport_offset,
            segment: first.payload,
            payload: 0,
            next_sequence: first.sequence,
            next_identification: None,
            pushed: false,
            full: false,
        };
        run.advance(first);
        run
    }

    fn advance(&mut self, next: &Candidate<'_>) {
        self.payload += next.payload;
        let step = u32::try_from(next.payload).unwrap_or(0);
        self.next_sequence = next.sequence.wrapping_add(step);
        self.next_identification = match &next.packet {
            IpPacket::V4(v4) => Some(v4.identification().wrapping_add(1)),
            IpPacket::V6(_) => None,
        };
        self.pushed = next.pushed;
        // Nothing can stand behind a shorter segment or behind PSH: cutting would move it.
        self.full = next.payload < self.segment || next.pushed;
    }

    /// Cutting counts the identification up (see [`crate::split`]): only what counts up is joined.
    fn identification_continues(&self, packet: &IpPacket<'_>) -> bool {
        match (packet, self.next_identification) {
            (IpPacket::V4(v4), Some(expected)) => v4.identification() == expected,
            (IpPacket::V6(_), None) => true,
            _ => false,
        }
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

impl<'a> Candidate<'a> {
    /// None for whatever cannot be joined: fragments, options in the IP header, TCP that says more
    /// than data and ACK, damage.
    fn of(bytes: &'a [u8], udp: bool) -> Option<Self> {
        let packet = IpPacket::new_checked(bytes).ok()?;
        let upper = packet.upper_layer();
        let plain = match &packet {
            IpPacket::V4(v4) => upper.offset == 20 && v4.checksum_is_valid(),
            IpPacket::V6(_) => upper.offset == 40,
        };
        // Octets behind the packet's own end would be lost in joining.
        if !plain || packet.is_fragment() || packet.bytes().len() != bytes.len() {
            return None;
        }
        let transport = Transport::of(upper.protocol).filter(|t| udp || *t == Transport::Tcp)?;
        let (header_len, sequence, pushed) = match transport {
            Transport::Tcp => tcp_of(upper.bytes)?,
            Transport::Udp => udp_of(upper.bytes)?,
        };
        let headers = bytes.get(..upper.offset + header_len)?;
        let payload = bytes.len() - headers.len();
        let len = u32::try_from(upper.bytes.len()).ok()?;
        let sum = pseudo_header(&packet, transport, len).add(upper.bytes);
        (payload > 0 && headers.len() <= MAX_HEADERS_LEN && sum.is_valid()).then_some(Self {
            packet,
            transport,
            transport_offset: upper.offset,
            headers,
            payload,
            sequence,
            pushed,
        })
    }
}

/// Header length, sequence number and PSH of a segment that carries data and nothing else.
fn tcp_of(bytes: &[u8]) -> Option<(usize, u32, bool)> {
    let tcp = TcpPacket::new_checked(bytes).ok()?;
    let flags = tcp.flags();
    (flags.without(TcpFlags::PSH) == TcpFlags::ACK).then(|| {
        (
            tcp.header_len(),
            tcp.sequence(),
            flags.contains(TcpFlags::PSH),
        )
    })
}

/// As [`tcp_of`]; a datagram without checksum would get one.
fn udp_of(bytes: &[u8]) -> Option<(usize, u32, bool)> {
    let udp = UdpPacket::new_checked(bytes).ok()?;
    (udp.len() == bytes.len() && udp.checksum() != 0).then_some((UDP_HEADER_LEN, 0, false))
}

/// Whether the headers differ only where each packet of a flow differs from the one before.
fn same_but_for_counters(headers: &[u8], next: &Candidate<'_>, run: &Run) -> bool {
    let at = run.transport_offset;
    let varying: &[core::ops::Range<usize>] = match (at, run.transport) {
        // IPv4: total length, identification, header checksum.  TCP: sequence number, PSH (octet
        // 13 is looked at apart), checksum.
        (20, Transport::Tcp) => &[2..6, 10..12, 24..28, 33..34, 36..38],
        (20, Transport::Udp) => &[2..6, 10..12, 24..28],
        // IPv6: payload length.
        (_, Transport::Tcp) => &[4..6, 44..48, 53..54, 56..58],
        (_, Transport::Udp) => &[4..6, 44..48],
    };
    let (ours, theirs) = (headers, next.headers);
    if ours.len() != theirs.len() {
        return false;
    }
    let mut from = 0;
    for range in varying {
        if ours.get(from..range.start) != theirs.get(from..range.start) {
            return false;
        }
        from = range.end;
    }
    ours.get(from..) == theirs.get(from..)
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

#[cfg(test)]
mod tests;
