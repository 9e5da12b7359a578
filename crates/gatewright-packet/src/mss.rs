//! The maximum segment size that a TCP SYN announces, lowered to what fits a tunnel.
//!
//! A gateway that relies on ICMP alone meets hosts that never see it ("ping works, TCP hangs"); RFC
//! 4459 section 3.2 describes this way around.

use crate::checksum::update_u16;
use crate::ip::IpPacket;
use crate::ipv4::IPV4_HEADER_LEN;
use crate::ipv6::IPV6_HEADER_LEN;
use crate::protocol;
use crate::tcp::{TcpFlags, TcpPacket, TCP_HEADER_LEN};

const END_OF_OPTIONS: u8 = 0;
const NO_OPERATION: u8 = 1;
const MSS: u8 = 2;
const MSS_LEN: u8 = 4;

/// Whether the packet is the beginning of a TCP connection, or the answer to one.
#[must_use]
pub fn is_syn(packet: &IpPacket<'_>) -> bool {
    let upper = packet.upper_layer();
    upper.protocol == protocol::TCP
        && packet.fragment_offset() == 0
        && upper
            .bytes
            .get(13)
            .is_some_and(|flags| flags & TcpFlags::SYN.bits() != 0)
}

/// Lowers the MSS option of a SYN to what a packet of `mtu` octets has room for: that is without IP
/// and TCP options, which the sender takes off itself (RFC 6691 section 2).  True when it did.
///
/// Without the option the other side takes a size that fits everywhere (RFC 9293 section 3.7.1).
pub fn clamp_mss(packet: &mut [u8], mtu: usize) -> bool {
    let Some(found) = find(packet) else {
        return false;
    };
    let Some(limit) = mtu.checked_sub(found.headers) else {
        return false;
    };
    let Ok(limit) = u16::try_from(limit) else {
        return false;
    };
    if found.value <= limit {
        return false;
    }
    let (mut old, mut new) = (found.value, limit);
    if found.odd {
        // The value lies across two words of the sum, each half in the other one's place.
        (old, new) = (old.swap_bytes(), new.swap_bytes());
    }
    let sum = update_u16(found.checksum, old, new);
    put(packet, found.value_at, limit) && put(packet, found.checksum_at, sum)
}

/// What there is to change, and where.
struct Found {
    value: u16,
    value_at: usize,
    /// Whether the value begins at an odd place of the segment.
    odd: bool,
    checksum: u16,
    checksum_at: usize,
    /// Octets of the fixed headers.
    headers: usize,
}

fn find(packet: &[u8]) -> Option<Found> {
    let parsed = IpPacket::new_checked(packet).ok()?;
    if !is_syn(&parsed) {
        return None;
    }
    let upper = parsed.upper_layer();
    let tcp = TcpPacket::new_checked(upper.bytes).ok()?;
    let (at, value) = mss_of(tcp.options())?;
    let at = TCP_HEADER_LEN + at;
    let ip = match parsed {
        IpPacket::V4(_) => IPV4_HEADER_LEN,
        IpPacket::V6(_) => IPV6_HEADER_LEN,
    };
    Some(Found {
        value,
        value_at: upper.offset + at,
        odd: at % 2 == 1,
        checksum: tcp.checksum(),
        checksum_at: upper.offset + 16,
        headers: ip + TCP_HEADER_LEN,
    })
}

/// The value of the MSS option, and where in the options it stands.
fn mss_of(options: &[u8]) -> Option<(usize, u16)> {
    let mut at = 0;
    loop {
        match *options.get(at..)? {
            [END_OF_OPTIONS, ..] | [] => return None,
            [NO_OPERATION, ..] => at += 1,
            [MSS, MSS_LEN, high, low, ..] => {
                return Some((at + 2, u16::from_be_bytes([high, low])));
            }
            [_, len, ..] if len >= 2 => at += usize::from(len),
            _ => return None,
        }
    }
}

fn put(packet: &mut [u8], at: usize, value: u16) -> bool {
    let field = packet.get_mut(at..).and_then(<[u8]>::first_chunk_mut);
    field.map(|field| *field = value.to_be_bytes()).is_some()
}
