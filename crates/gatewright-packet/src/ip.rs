//! Either version of IP.

use core::net::IpAddr;

use crate::checksum::Checksum;
use crate::error::Malformed;
use crate::ipv4::{self, Ipv4Packet};
use crate::ipv6::{self, Ipv6Packet};

/// A view on an IP packet of the version that its first four bits say.
#[derive(Clone, Copy, Debug)]
pub enum IpPacket<'a> {
    /// An IPv4 packet.
    V4(Ipv4Packet<'a>),
    /// An IPv6 packet.
    V6(Ipv6Packet<'a>),
}

/// What an IP packet carries.
#[derive(Clone, Copy, Debug)]
pub struct UpperLayer<'a> {
    /// The protocol; of a fragment that is not the first, the one that its header says.
    pub protocol: u8,
    /// Where it starts, in octets from the start of the packet.
    pub offset: usize,
    /// Its octets.
    pub bytes: &'a [u8],
}

impl<'a> IpPacket<'a> {
    /// Checks version, lengths, and IPv6 extension headers.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        match bytes.first().ok_or(Malformed::Truncated)? >> 4 {
            4 => Ipv4Packet::new_checked(bytes).map(Self::V4),
            6 => Ipv6Packet::new_checked(bytes).map(Self::V6),
            _ => Err(Malformed::Version),
        }
    }

    /// The packet, cut to the length that its header says.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        match self {
            Self::V4(packet) => packet.bytes(),
            Self::V6(packet) => packet.bytes(),
        }
    }

    /// The source address.
    #[must_use]
    pub fn source(&self) -> IpAddr {
        match self {
            Self::V4(packet) => packet.source().into(),
            Self::V6(packet) => packet.source().into(),
        }
    }

    /// The destination address.
    #[must_use]
    pub fn destination(&self) -> IpAddr {
        match self {
            Self::V4(packet) => packet.destination().into(),
            Self::V6(packet) => packet.destination().into(),
        }
    }

    /// DSCP and ECN.
    #[must_use]
    pub const fn traffic_class(&self) -> u8 {
        match self {
            Self::V4(packet) => packet.traffic_class(),
            Self::V6(packet) => packet.traffic_class(),
        }
    }

    /// TTL or hop limit.
    #[must_use]
    pub const fn hop_limit(&self) -> u8 {
        match self {
            Self::V4(packet) => packet.ttl(),
            Self::V6(packet) => packet.hop_limit(),
        }
    }

    /// Whether a router must not fragment it: DF, and always with IPv6.
    #[must_use]
    pub const fn dont_fragment(&self) -> bool {
        match self {
            Self::V4(packet) => packet.dont_fragment(),
            Self::V6(_) => true,
        }
    }

    /// Whether this is a fragment, the first one included.
    #[must_use]
    pub const fn is_fragment(&self) -> bool {
        match self {
            Self::V4(packet) => packet.is_fragment(),
            Self::V6(packet) => packet.is_fragment(),
        }
    }

    /// The position of this fragment's payload, in octets.
    #[must_use]
    pub const fn fragment_offset(&self) -> usize {
        match self {
            Self::V4(packet) => packet.fragment_offset(),
            Self::V6(packet) => packet.fragment_offset(),
        }
    }

    /// What the packet carries, behind any extension headers.
    #[must_use]
    pub const fn upper_layer(&self) -> UpperLayer<'a> {
        match self {
            Self::V4(packet) => UpperLayer {
                protocol: packet.protocol(),
                offset: packet.header_len(),
                bytes: packet.payload(),
            },
            Self::V6(packet) => UpperLayer {
                protocol: packet.upper_protocol(),
                offset: packet.upper_offset(),
                bytes: packet.upper_payload(),
            },
        }
    }

    /// The pseudo-header for the whole upper layer.
    #[must_use]
    pub fn pseudo_header(&self) -> Checksum {
        match self {
            Self::V4(packet) => packet.pseudo_header(),
            Self::V6(packet) => packet.pseudo_header(),
        }
    }
}

/// Sets DSCP and ECN of the IP packet at the start of `packet`; an IPv4 header checksum stays right.
///
/// # Errors
/// [`Malformed`] when there is no IP header; nothing is changed then.
pub fn set_traffic_class(packet: &mut [u8], octet: u8) -> Result<(), Malformed> {
    match packet.first().ok_or(Malformed::Truncated)? >> 4 {
        4 => {
            let header = packet.first_chunk_mut().ok_or(Malformed::Truncated)?;
            ipv4::set_traffic_class(header, octet);
        }
        6 => {
            let header = packet.first_chunk_mut().ok_or(Malformed::Truncated)?;
            ipv6::set_traffic_class(header, octet);
        }
        _ => return Err(Malformed::Version),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::{Ipv4Header, Ipv6Header};
    use proptest::prelude::*;

    fn v4() -> [u8; 24] {
        let mut packet = [9; 24];
        let header = Ipv4Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 50);
        header.emit(packet.first_chunk_mut().unwrap(), 4).unwrap();
        packet
    }

    fn v6() -> [u8; 44] {
        let mut packet = [9; 44];
        let header = Ipv6Header::new([1; 16].into(), [2; 16].into(), 50);
        header.emit(packet.first_chunk_mut().unwrap(), 4).unwrap();
        packet
    }

    #[test]
    fn chooses_the_version() {
        let (v4, v6) = (v4(), v6());
        let four = IpPacket::new_checked(&v4).unwrap();
        let six = IpPacket::new_checked(&v6).unwrap();
        assert_eq!(four.source(), IpAddr::from([10, 0, 0, 1]));
        assert_eq!(six.destination(), IpAddr::from([2; 16]));
        for (packet, offset) in [(four, 20), (six, 40)] {
            let upper = packet.upper_layer();
            assert_eq!((upper.protocol, upper.offset), (50, offset));
            assert_eq!(upper.bytes, [9; 4]);
            assert!(!packet.is_fragment());
            assert_eq!((packet.fragment_offset(), packet.hop_limit()), (0, 64));
        }
        assert!(six.dont_fragment());
        let error = |b: &[u8]| IpPacket::new_checked(b).map(|_| ()).unwrap_err();
        assert_eq!(error(&[]), Malformed::Truncated);
        assert_eq!(error(&[0x50; 60]), Malformed::Version);
    }

    #[test]
    fn sets_the_traffic_class_of_both() {
        let (mut v4, mut v6) = (v4(), v6());
        for packet in [&mut v4[..], &mut v6[..]] {
            set_traffic_class(packet, 0xb9).unwrap();
            assert_eq!(IpPacket::new_checked(packet).unwrap().traffic_class(), 0xb9);
        }
        assert_eq!(set_traffic_class(&mut [], 1), Err(Malformed::Truncated));
        assert_eq!(
            set_traffic_class(&mut [0x45; 19], 1),
            Err(Malformed::Truncated)
        );
        assert_eq!(
            set_traffic_class(&mut [0x75; 60], 1),
            Err(Malformed::Version)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            if let Ok(packet) = IpPacket::new_checked(&bytes) {
                let upper = packet.upper_layer();
                prop_assert_eq!(upper.offset + upper.bytes.len(), packet.bytes().len());
                let _ = (packet.pseudo_header(), packet.fragment_offset());
            }
            let _ = set_traffic_class(&mut bytes, 3);
        }
    }
}
