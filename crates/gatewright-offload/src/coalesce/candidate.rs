//! Which packets can be joined at all.

use gatewright_packet::{IpPacket, TcpFlags, TcpPacket, UdpPacket, UDP_HEADER_LEN};

use crate::layout::{pseudo_header, Transport};

/// The longest headers that are joined: IPv6 and TCP with all options.
pub const MAX_HEADERS_LEN: usize = 100;

/// A packet that could begin or continue a frame.
pub struct Candidate<'a> {
    pub packet: IpPacket<'a>,
    pub transport: Transport,
    pub transport_offset: usize,
    pub headers: &'a [u8],
    pub payload: usize,
    pub sequence: u32,
    pub pushed: bool,
}

impl<'a> Candidate<'a> {
    /// None for whatever cannot be joined: fragments, options in the IP header, TCP that says more
    /// than data and ACK, damage.
    pub fn of(bytes: &'a [u8], udp: bool) -> Option<Self> {
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
        let sum = pseudo_header(&packet, transport, len).with(upper.bytes);
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
