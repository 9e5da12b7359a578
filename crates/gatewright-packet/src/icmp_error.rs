//! ICMP answers to the sender of a packet that could not go on: too big, or prohibited.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::checksum::Checksum;
use crate::emit::{Ipv4Header, Ipv6Header};
use crate::icmp::is_error;
use crate::ip::IpPacket;
use crate::ipv4::{Ipv4Packet, IPV4_HEADER_LEN};
use crate::ipv6::{Ipv6Packet, IPV6_HEADER_LEN};
use crate::protocol;

/// The longest answer: the least IPv6 MTU (RFC 4443 section 2.4 (c)).
pub const MAX_ICMP_ERROR_LEN: usize = 1280;

/// The longest answer in IPv4 (RFC 1812 section 4.3.2.3).
const MAX_V4_LEN: usize = 576;

const ICMP_HEADER_LEN: usize = 8;

/// DSCP CS6 (RFC 1812 section 4.3.2.5: precedence 6).
const TRAFFIC_CLASS: u8 = 0xc0;

/// What the sender is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IcmpError {
    /// Send packets of at most this many octets.  "Fragmentation needed and DF set" (RFC 1191)
    /// or "packet too big" (RFC 4443 section 3.2).
    TooBig {
        /// The MTU of the tunnel.
        mtu: u16,
    },
    /// A policy forbids it: code 13 (RFC 1812 section 5.2.7.1) or code 1 (RFC 4443 section 3.1).
    AdminProhibited,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The packet itself reports an error, so that two gateways would answer each other for ever.
    AboutAnError,
    /// A fragment that is not the first one: the first one was answered.
    LaterFragment,
    /// The source or the destination is not one host.
    NotUnicast,
    /// `from` is of another IP version than the packet.
    OtherVersion,
    /// `out` is shorter than [`MAX_ICMP_ERROR_LEN`].
    NoRoom,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AboutAnError => "the packet reports an error",
            Self::LaterFragment => "the packet is a later fragment",
            Self::NotUnicast => "an address of the packet is not one host",
            Self::OtherVersion => "the answer's source has another IP version",
            Self::NoRoom => "the buffer is too short",
        })
    }
}

impl core::error::Error for NoAnswer {}

/// Writes the answer to the sender of `packet`, coming from the gateway's address `from`, to the
/// start of `out` and returns its length.
///
/// The rules on when to keep silent are those of RFC 1122 section 3.2.2 and RFC 4443 section
/// 2.4 (e).  Limiting the rate (RFC 4443 section 2.4 (f)) is the caller's.
///
/// # Errors
/// [`NoAnswer`].
pub fn answer(
    packet: &IpPacket<'_>,
    from: core::net::IpAddr,
    error: IcmpError,
    out: &mut [u8],
) -> Result<usize, NoAnswer> {
    match (packet, from) {
        (IpPacket::V4(packet), core::net::IpAddr::V4(from)) => answer_v4(packet, from, error, out),
        (IpPacket::V6(packet), core::net::IpAddr::V6(from)) => answer_v6(packet, from, error, out),
        _ => Err(NoAnswer::OtherVersion),
    }
}

fn answer_v4(
    packet: &Ipv4Packet<'_>,
    from: Ipv4Addr,
    error: IcmpError,
    out: &mut [u8],
) -> Result<usize, NoAnswer> {
    if packet.fragment_offset() > 0 {
        return Err(NoAnswer::LaterFragment);
    }
    let kind = packet.payload().first().copied();
    if packet.protocol() == protocol::ICMP && kind.is_none_or(is_error) {
        return Err(NoAnswer::AboutAnError);
    }
    if !is_host_v4(packet.source()) || !is_host_v4(packet.destination()) {
        return Err(NoAnswer::NotUnicast);
    }
    let (kind, code, mtu) = match error {
        IcmpError::TooBig { mtu } => (3, 4, mtu),
        IcmpError::AdminProhibited => (3, 13, 0),
    };
    let [mtu_hi, mtu_lo] = mtu.to_be_bytes();
    let quoted = packet.bytes();
    let room = MAX_V4_LEN - IPV4_HEADER_LEN - ICMP_HEADER_LEN;
    let quoted = quoted.get(..room).unwrap_or(quoted);

    let mut header = Ipv4Header::new(from, packet.source(), protocol::ICMP);
    header.traffic_class = TRAFFIC_CLASS;
    header.dont_fragment = false;
    let (ip, message) = out.split_first_chunk_mut().ok_or(NoAnswer::NoRoom)?;
    let len = ICMP_HEADER_LEN + quoted.len();
    header.emit(ip, len).map_err(|_| NoAnswer::NoRoom)?;
    let head = [kind, code, 0, 0, 0, 0, mtu_hi, mtu_lo];
    write_message(message, head, quoted, Checksum::new())?;
    Ok(IPV4_HEADER_LEN + len)
}

fn answer_v6(
    packet: &Ipv6Packet<'_>,
    from: Ipv6Addr,
    error: IcmpError,
    out: &mut [u8],
) -> Result<usize, NoAnswer> {
    if packet.fragment_offset() > 0 {
        return Err(NoAnswer::LaterFragment);
    }
    let kind = packet.upper_payload().first().copied();
    if packet.upper_protocol() == protocol::ICMPV6 && kind.is_none_or(|k| k < 128) {
        return Err(NoAnswer::AboutAnError);
    }
    // Packet too big is the one answer to a multicast packet (RFC 4443 section 2.4 (e.3)).
    let multicast_allowed = matches!(error, IcmpError::TooBig { .. });
    let destination = packet.destination();
    if !is_host_v6(packet.source()) || (destination.is_multicast() && !multicast_allowed) {
        return Err(NoAnswer::NotUnicast);
    }
    let (kind, code, mtu) = match error {
        IcmpError::TooBig { mtu } => (2, 0, mtu),
        IcmpError::AdminProhibited => (1, 1, 0),
    };
    let [mtu_hi, mtu_lo] = mtu.to_be_bytes();
    let quoted = packet.bytes();
    let room = MAX_ICMP_ERROR_LEN - IPV6_HEADER_LEN - ICMP_HEADER_LEN;
    let quoted = quoted.get(..room).unwrap_or(quoted);

    let mut header = Ipv6Header::new(from, packet.source(), protocol::ICMPV6);
    header.traffic_class = TRAFFIC_CLASS;
    let (ip, message) = out.split_first_chunk_mut().ok_or(NoAnswer::NoRoom)?;
    let len = ICMP_HEADER_LEN + quoted.len();
    header.emit(ip, len).map_err(|_| NoAnswer::NoRoom)?;
    let pseudo = Checksum::pseudo_header_v6(from, packet.source(), protocol::ICMPV6, len as u32);
    let head = [kind, code, 0, 0, 0, 0, mtu_hi, mtu_lo];
    write_message(message, head, quoted, pseudo)?;
    Ok(IPV6_HEADER_LEN + len)
}

/// Puts header and quotation together, and the checksum of both into the header.
fn write_message(
    out: &mut [u8],
    mut head: [u8; ICMP_HEADER_LEN],
    quoted: &[u8],
    pseudo_header: Checksum,
) -> Result<(), NoAnswer> {
    let sum = pseudo_header.with(&head).with(quoted).finish();
    [head[2], head[3]] = sum.to_be_bytes();
    let (to_head, rest) = out.split_first_chunk_mut().ok_or(NoAnswer::NoRoom)?;
    let to_quoted = rest.get_mut(..quoted.len()).ok_or(NoAnswer::NoRoom)?;
    *to_head = head;
    to_quoted.copy_from_slice(quoted);
    Ok(())
}

fn is_host_v4(address: Ipv4Addr) -> bool {
    // 240.0.0.0/4 holds the limited broadcast; a directed broadcast cannot be told from here.
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.octets()[0] >= 240)
}

fn is_host_v6(address: Ipv6Addr) -> bool {
    !(address.is_unspecified() || address.is_loopback() || address.is_multicast())
}

#[cfg(test)]
mod tests;
