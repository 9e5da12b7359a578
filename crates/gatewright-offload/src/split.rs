//! Cuts a super-packet into the packets that its sender meant.
//!
//! TCP (RFC 9293, RFC 3168 section 6.1.2): the sequence number runs on, FIN and PSH stand in the
//! last segment only, CWR in the first only; IPv4 identification counts up.  UDP: each segment is
//! a datagram with a length and a checksum of its own.

use gatewright_packet::checksum::Checksum;
use gatewright_packet::{IpPacket, TcpFlags, TcpPacket, UDP_HEADER_LEN};

use crate::layout::{pseudo_header, put_u16, set_ip_length, Transport};
use crate::virtio::{GsoType, VirtioNetHeader};

/// Why a frame cannot be cut; each is a reason to drop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitError {
    /// A kind of offload that was not asked for.
    UnknownGso,
    /// The headers do not fit the packet or each other.
    Inconsistent,
}

impl core::fmt::Display for SplitError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::UnknownGso => "unknown kind of segmentation offload",
            Self::Inconsistent => "offload header does not fit the packet",
        })
    }
}

impl core::error::Error for SplitError {}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// One packet as it is; `Some` is where its checksum is to be completed (start, offset).
    Whole(Option<(usize, usize)>),
    Tcp {
        sequence: u32,
        flags: TcpFlags,
    },
    Udp,
}

/// A frame, ready to be written out packet by packet: each octet is copied once.
#[derive(Clone, Copy, Debug)]
pub struct Splitter<'a> {
    packet: IpPacket<'a>,
    kind: Kind,
    transport_offset: usize,
    headers_len: usize,
    segment: usize,
    count: usize,
    /// The sum over the pseudo-header of every segment but for its length.
    pseudo: Checksum,
}

impl<'a> Splitter<'a> {
    /// Checks a frame of the TUN device: its offload header, and the packet behind it.
    ///
    /// # Errors
    /// [`SplitError`].
    pub fn new(header: &VirtioNetHeader, packet: IpPacket<'a>) -> Result<Self, SplitError> {
        if header.gso == GsoType::None {
            return Self::whole(header, packet);
        }
        let upper = packet.upper_layer();
        let transport = Transport::of(upper.protocol).ok_or(SplitError::Inconsistent)?;
        let fits = match (header.gso, &packet, transport) {
            (GsoType::TcpV4, IpPacket::V4(_), Transport::Tcp)
            | (GsoType::TcpV6, IpPacket::V6(_), Transport::Tcp)
            | (GsoType::UdpL4, _, Transport::Udp) => true,
            (GsoType::Unknown(_), ..) => return Err(SplitError::UnknownGso),
            _ => false,
        };
        let segment = usize::from(header.gso_size);
        if !fits || packet.is_fragment() || segment == 0 {
            return Err(SplitError::Inconsistent);
        }
        let (kind, transport_len) = match transport {
            Transport::Tcp => {
                let tcp =
                    TcpPacket::new_checked(upper.bytes).map_err(|_| SplitError::Inconsistent)?;
                let kind = Kind::Tcp {
                    sequence: tcp.sequence(),
                    flags: tcp.flags(),
                };
                (kind, tcp.header_len())
            }
            Transport::Udp if upper.bytes.len() >= UDP_HEADER_LEN => (Kind::Udp, UDP_HEADER_LEN),
            Transport::Udp => return Err(SplitError::Inconsistent),
        };
        let headers_len = upper.offset + transport_len;
        let payload = packet.bytes().len().saturating_sub(headers_len);
        Ok(Self {
            packet,
            kind,
            transport_offset: upper.offset,
            headers_len,
            segment,
            count: payload.div_ceil(segment).max(1),
            pseudo: pseudo_header_without_length(header, &packet, transport),
        })
    }

    fn whole(header: &VirtioNetHeader, packet: IpPacket<'a>) -> Result<Self, SplitError> {
        let len = packet.bytes().len();
        let completion = if header.needs_checksum {
            let start = usize::from(header.checksum_start);
            let offset = usize::from(header.checksum_offset);
            // Behind the IP headers: these have no sum that a host leaves to its device.
            if start < packet.upper_layer().offset || start + offset + 2 > len {
                return Err(SplitError::Inconsistent);
            }
            Some((start, offset))
        } else {
            None
        };
        Ok(Self {
            packet,
            kind: Kind::Whole(completion),
            transport_offset: 0,
            headers_len: 0,
            segment: len,
            count: 1,
            pseudo: Checksum::new(),
        })
    }

    /// How many packets it makes: at least one.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// The packet that was cut; all segments have its addresses, ports and traffic class.
    #[must_use]
    pub const fn packet(&self) -> &IpPacket<'a> {
        &self.packet
    }

    /// Octets of packet `index`; 0 when there is no such packet.
    #[must_use]
    pub fn len_of(&self, index: usize) -> usize {
        self.payload_of(index)
            .map_or(0, |payload| self.headers_len + payload.len())
    }

    /// Octets of the longest packet, which is the first.
    #[must_use]
    pub fn longest(&self) -> usize {
        self.len_of(0)
    }

    fn payload_of(&self, index: usize) -> Option<&'a [u8]> {
        if index >= self.count {
            return None;
        }
        let payload = self.packet.bytes().get(self.headers_len..)?;
        let start = index * self.segment;
        payload.get(start..payload.len().min(start + self.segment))
    }

    /// Writes packet `index` to the start of `out`, checksums and all; its length.
    ///
    /// None when there is no such packet or no room for it.
    #[must_use]
    pub fn write(&self, index: usize, out: &mut [u8]) -> Option<usize> {
        let headers = self.packet.bytes().get(..self.headers_len)?;
        let payload = self.payload_of(index)?;
        let out = out.get_mut(..headers.len() + payload.len())?;
        let (head, tail) = out.split_at_mut(headers.len());
        head.copy_from_slice(headers);
        tail.copy_from_slice(payload);
        match self.kind {
            Kind::Whole(None) => {}
            Kind::Whole(Some((start, offset))) => complete_checksum(out, start, offset),
            Kind::Tcp { sequence, flags } => {
                self.finish_tcp(index, sequence, flags, head);
                self.finish(index, Transport::Tcp, head, payload);
            }
            Kind::Udp => {
                self.finish_udp(head, payload);
                self.finish(index, Transport::Udp, head, payload);
            }
        }
        Some(out.len())
    }

    fn finish_tcp(&self, index: usize, sequence: u32, flags: TcpFlags, head: &mut [u8]) {
        let first = index == 0;
        let last = index + 1 == self.count;
        let mut kept = flags;
        if !last {
            kept = kept.without(TcpFlags::FIN | TcpFlags::PSH);
        }
        if !first {
            kept = kept.without(TcpFlags::CWR);
        }
        // Sequence numbers are modulo 2^32 (RFC 9293 section 3.4); a frame is below 64 KiB.
        let advance = u32::try_from(index * self.segment).unwrap_or(0);
        let sequence = sequence.wrapping_add(advance).to_be_bytes();
        let at = self.transport_offset;
        if let Some(field) = head.get_mut(at + 4..at + 8) {
            field.copy_from_slice(&sequence);
        }
        if let Some(field) = head.get_mut(at + 13) {
            *field = kept.bits();
        }
    }

    fn finish_udp(&self, head: &mut [u8], payload: &[u8]) {
        let at = self.transport_offset;
        let len = head.len() + payload.len() - at;
        put_u16(head, at + 4, u16::try_from(len).unwrap_or(0));
    }

    /// The length and identification of a packet of these headers, then its checksums.
    fn finish(&self, index: usize, transport: Transport, head: &mut [u8], payload: &[u8]) {
        let (header_len, identification) = match &self.packet {
            IpPacket::V4(v4) => (Some(v4.header_len()), v4.identification()),
            IpPacket::V6(_) => (None, 0),
        };
        // The identification wraps as the kernel's does (RFC 6864).
        let step = u16::try_from(index).unwrap_or(0);
        let total = head.len() + payload.len();
        set_ip_length(head, total, header_len, identification.wrapping_add(step));

        let at = self.transport_offset;
        let field = at + transport.checksum_offset();
        put_u16(head, field, 0);
        let Some(upper) = head.get(at..) else { return };
        let len = u32::try_from(total - at).unwrap_or(0);
        // Of the frame's octets, not of the copy's: those are still on their way to the cache, at
        // other boundaries than they would be read at.  Transport headers are of even lengths.
        let sum = self.pseudo.add_u32(len).with(upper).with(payload).finish();
        put_u16(head, field, not_zero(transport, sum));
    }
}

/// What the checksum field of the frame holds, less the length of the whole.
///
/// It is taken from the field, since the addresses do not tell it: behind a routing header the
/// destination that counts is the last one of the route (RFC 8200 section 8.1).
fn pseudo_header_without_length(
    header: &VirtioNetHeader,
    packet: &IpPacket<'_>,
    transport: Transport,
) -> Checksum {
    let upper = packet.upper_layer();
    let place = (upper.offset, transport.checksum_offset());
    let said = (header.checksum_start.into(), header.checksum_offset.into());
    let field = upper.bytes.get(place.1..).and_then(<[u8]>::first_chunk);
    match (field, u16::try_from(upper.bytes.len())) {
        (Some(field), Ok(len)) if header.needs_checksum && place == said => Checksum::new()
            .add_u16(u16::from_be_bytes(*field))
            .add_u16(!len),
        _ => pseudo_header(packet, transport, 0),
    }
}

/// Puts the sum over everything from `start` where the pseudo-header sum stands
/// (virtio 1.2 section 5.1.6.2).
fn complete_checksum(packet: &mut [u8], start: usize, offset: usize) {
    let Some(covered) = packet.get(start..) else {
        return;
    };
    let sum = Checksum::new().with(covered).finish();
    let transport = if offset == Transport::Udp.checksum_offset() {
        Transport::Udp
    } else {
        Transport::Tcp
    };
    put_u16(packet, start + offset, not_zero(transport, sum));
}

/// UDP sends a sum of zero as all ones: zero says that there is none (RFC 768).
const fn not_zero(transport: Transport, sum: u16) -> u16 {
    match (transport, sum) {
        (Transport::Udp, 0) => 0xffff,
        _ => sum,
    }
}

#[cfg(test)]
mod tests;
