//! What selectors can ask of a packet.

use std::net::IpAddr;

use gatewright_packet::{FlowKey, Ports};

/// The IP version of a packet or a selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// A packet's selector fields (RFC 4301 section 4.4.1.1).
///
/// Addresses are numbers, so that ranges compare; an IPv4 address is its 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flow {
    /// The IP version of both addresses.
    pub version: Version,
    /// The next layer protocol, after IPv6 extension headers.
    pub protocol: u8,
    /// Where it comes from.
    pub source: u128,
    /// Where it goes.
    pub destination: u128,
    /// Source and destination port.  For ICMP both are type * 256 + code (RFC 7296 section
    /// 3.13.1).  None when the packet does not show them.
    pub ports: Option<(u16, u16)>,
    /// The protocol has ports, but not in this packet: a fragment other than the first ("OPAQUE").
    pub opaque: bool,
}

impl From<FlowKey> for Flow {
    fn from(key: FlowKey) -> Self {
        let (version, source) = number(key.source);
        let (_, destination) = number(key.destination);
        Self {
            version,
            protocol: key.protocol,
            source,
            destination,
            ports: key.ports.source().zip(key.ports.destination()),
            opaque: key.ports == Ports::Opaque,
        }
    }
}

impl Flow {
    /// The source as an address.
    pub fn source_address(&self) -> IpAddr {
        address(self.version, self.source)
    }

    /// The destination as an address.
    pub fn destination_address(&self) -> IpAddr {
        address(self.version, self.destination)
    }
}

/// An address as the number that selectors compare.
pub(crate) fn number(address: IpAddr) -> (Version, u128) {
    match address {
        IpAddr::V4(address) => (Version::V4, u128::from(u32::from(address))),
        IpAddr::V6(address) => (Version::V6, u128::from(address)),
    }
}

fn address(version: Version, number: u128) -> IpAddr {
    match version {
        // The lower 32 bits are the whole of an IPv4 number.
        Version::V4 => IpAddr::V4((number as u32).into()),
        Version::V6 => IpAddr::V6(number.into()),
    }
}
