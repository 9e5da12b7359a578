//! What a policy looks at in a packet: the selectors of RFC 4301 section 4.4.1.1.

use core::net::IpAddr;

use crate::ip::IpPacket;
use crate::protocol;

/// The ports of a packet, or what stands in their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ports {
    /// The protocol has none.
    None,
    /// TCP, UDP, SCTP, DCCP and UDP-Lite.
    Pair {
        /// The source port.
        source: u16,
        /// The destination port.
        destination: u16,
    },
    /// ICMP or ICMPv6 message type and code.
    Icmp {
        /// The message type.
        kind: u8,
        /// The code under the type.
        code: u8,
    },
    /// The protocol has ports, but they are not in this packet: a fragment that is not the first
    /// one, or a first one that is too short.  "OPAQUE" in RFC 4301 section 4.4.1.1.
    Opaque,
}

impl Ports {
    /// The number to compare with a range of source ports; of ICMP type * 256 + code (RFC 7296
    /// section 3.13.1).  None where there is no port to compare.
    #[must_use]
    pub const fn source(self) -> Option<u16> {
        match self {
            Self::Pair { source, .. } => Some(source),
            Self::Icmp { kind, code } => Some(u16::from_be_bytes([kind, code])),
            Self::None | Self::Opaque => None,
        }
    }

    /// As [`Ports::source`], for a range of destination ports.
    #[must_use]
    pub const fn destination(self) -> Option<u16> {
        match self {
            Self::Pair { destination, .. } => Some(destination),
            other => other.source(),
        }
    }
}

/// The selectors of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowKey {
    /// The source address.
    pub source: IpAddr,
    /// The destination address.
    pub destination: IpAddr,
    /// The protocol behind any IPv6 extension headers.
    pub protocol: u8,
    /// The ports.
    pub ports: Ports,
}

/// SCTP, DCCP and UDP-Lite start with the two ports as TCP and UDP do.
const fn has_ports(number: u8) -> bool {
    matches!(number, protocol::TCP | protocol::UDP | 33 | 132 | 136)
}

impl FlowKey {
    /// Reads the selectors.
    #[must_use]
    pub fn of(packet: &IpPacket<'_>) -> Self {
        let upper = packet.upper_layer();
        let hidden = packet.fragment_offset() > 0;
        Self {
            source: packet.source(),
            destination: packet.destination(),
            protocol: upper.protocol,
            ports: ports(upper.protocol, upper.bytes, hidden),
        }
    }

    /// The key of the packets that answer: addresses and ports exchanged, type and code kept.
    #[must_use]
    pub const fn reversed(self) -> Self {
        let ports = match self.ports {
            Ports::Pair {
                source,
                destination,
            } => Ports::Pair {
                source: destination,
                destination: source,
            },
            other => other,
        };
        Self {
            source: self.destination,
            destination: self.source,
            protocol: self.protocol,
            ports,
        }
    }
}

fn ports(number: u8, bytes: &[u8], hidden: bool) -> Ports {
    let icmp = matches!(number, protocol::ICMP | protocol::ICMPV6);
    if !icmp && !has_ports(number) {
        return Ports::None;
    }
    match bytes.first_chunk::<4>() {
        Some(&[kind, code, ..]) if icmp && !hidden => Ports::Icmp { kind, code },
        Some(&[a, b, c, d]) if !hidden => Ports::Pair {
            source: u16::from_be_bytes([a, b]),
            destination: u16::from_be_bytes([c, d]),
        },
        _ => Ports::Opaque,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::Ipv4Header;
    use proptest::prelude::*;

    fn packet(number: u8, payload: &[u8], fragment: u16) -> Vec<u8> {
        let header = Ipv4Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), number);
        let mut bytes = vec![0; 20];
        header
            .emit(bytes.first_chunk_mut().unwrap(), payload.len())
            .unwrap();
        bytes[6..8].copy_from_slice(&fragment.to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes
    }

    fn key(number: u8, payload: &[u8], fragment: u16) -> FlowKey {
        FlowKey::of(&IpPacket::new_checked(&packet(number, payload, fragment)).unwrap())
    }

    #[test]
    fn reads_ports() {
        let found = key(6, &[0x01, 0xbb, 0x80, 0x00, 1, 2], 0);
        assert_eq!(found.source, IpAddr::from([10, 0, 0, 1]));
        assert_eq!(found.destination, IpAddr::from([10, 0, 0, 2]));
        assert_eq!(found.protocol, 6);
        assert_eq!(found.ports.source(), Some(443));
        assert_eq!(found.ports.destination(), Some(0x8000));
        let back = found.reversed();
        assert_eq!(back.ports.destination(), Some(443));
        assert_eq!(back.source, found.destination);
        assert_eq!(back.reversed(), found);
    }

    #[test]
    fn icmp_type_and_code_stand_for_ports() {
        let found = key(1, &[3, 4, 0, 0], 0);
        assert_eq!(found.ports, Ports::Icmp { kind: 3, code: 4 });
        assert_eq!(found.ports.source(), Some(0x0304));
        assert_eq!(found.ports.destination(), Some(0x0304));
        assert_eq!(found.reversed().ports, found.ports);
    }

    #[test]
    fn fragments_after_the_first_hide_their_ports() {
        assert_eq!(
            key(17, &[0, 1, 0, 2, 0, 0, 0, 0], 0x2000).ports.source(),
            Some(1)
        );
        assert_eq!(
            key(17, &[0, 1, 0, 2, 0, 0, 0, 0], 0x2001).ports,
            Ports::Opaque
        );
        assert_eq!(
            key(17, &[0, 1, 0, 2, 0, 0, 0, 0], 0x0005).ports,
            Ports::Opaque
        );
        assert_eq!(
            key(1, &[0, 1, 0, 2, 0, 0, 0, 0], 0x0005).ports,
            Ports::Opaque
        );
        assert_eq!(key(17, &[0, 1, 0], 0).ports, Ports::Opaque);
    }

    #[test]
    fn other_protocols_have_no_ports() {
        assert_eq!(key(47, &[1, 2, 3, 4], 0).ports, Ports::None);
        assert_eq!(key(47, &[1, 2, 3, 4], 1).ports, Ports::None);
        assert_eq!(Ports::None.source(), None);
    }

    proptest! {
        #[test]
        fn any_packet_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(packet) = IpPacket::new_checked(&bytes) {
                let _ = FlowKey::of(&packet);
            }
        }
    }
}
