//! Where the headers of a packet lie, as far as cutting and joining need it.

use gatewright_packet::checksum::Checksum;
use gatewright_packet::{protocol, IpPacket, IPV4_HEADER_LEN, IPV6_HEADER_LEN};

/// Offset of the checksum in a TCP header.
pub const TCP_CHECKSUM_OFFSET: usize = 16;
/// Offset of the checksum in a UDP header.
pub const UDP_CHECKSUM_OFFSET: usize = 6;

/// The transport protocols that offload speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Tcp,
    Udp,
}

impl Transport {
    pub const fn of(number: u8) -> Option<Self> {
        match number {
            protocol::TCP => Some(Self::Tcp),
            protocol::UDP => Some(Self::Udp),
            _ => None,
        }
    }

    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => protocol::TCP,
            Self::Udp => protocol::UDP,
        }
    }

    pub const fn checksum_offset(self) -> usize {
        match self {
            Self::Tcp => TCP_CHECKSUM_OFFSET,
            Self::Udp => UDP_CHECKSUM_OFFSET,
        }
    }
}

/// Where the upper layer starts in a packet without options or extension headers.
pub const fn plain_offset(packet: &IpPacket<'_>) -> usize {
    match packet {
        IpPacket::V4(_) => IPV4_HEADER_LEN,
        IpPacket::V6(_) => IPV6_HEADER_LEN,
    }
}

/// The pseudo-header for an upper layer of `len` octets in a packet like this one.
pub fn pseudo_header(packet: &IpPacket<'_>, transport: Transport, len: u32) -> Checksum {
    match packet {
        IpPacket::V4(v4) => {
            Checksum::pseudo_header_v4(v4.source(), v4.destination(), transport.number(), len)
        }
        IpPacket::V6(v6) => {
            Checksum::pseudo_header_v6(v6.source(), v6.destination(), transport.number(), len)
        }
    }
}

/// Writes a 16-bit field in network order; nothing when it lies outside.
pub fn put_u16(bytes: &mut [u8], at: usize, value: u16) {
    if let Some(field) = bytes.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *field = value.to_be_bytes();
    }
}

/// Sets the length fields of the IP header at the start of `headers` for a packet of `total`
/// octets, and an IPv4 identification and header checksum.
pub fn set_ip_length(
    headers: &mut [u8],
    total: usize,
    ipv4_header_len: Option<usize>,
    identification: u16,
) {
    let Ok(len) = u16::try_from(total) else {
        return;
    };
    let Some(header_len) = ipv4_header_len else {
        return put_u16(headers, 4, len.saturating_sub(40));
    };
    put_u16(headers, 2, len);
    put_u16(headers, 4, identification);
    put_u16(headers, 10, 0);
    let header = headers.get(..header_len).unwrap_or_default();
    let sum = Checksum::new().with(header).finish();
    put_u16(headers, 10, sum);
}
