//! Headers that a gateway writes: outer IPv4, outer IPv6, UDP.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use crate::checksum::Checksum;
use crate::ipv4::IPV4_HEADER_LEN;
use crate::ipv6::IPV6_HEADER_LEN;
use crate::udp::UDP_HEADER_LEN;

/// The packet would be longer than its length field can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("longer than a length field can say")
    }
}

impl core::error::Error for TooLong {}

/// An IPv4 header without options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv4Header {
    /// The source address.
    pub source: Ipv4Addr,
    /// The destination address.
    pub destination: Ipv4Addr,
    /// The protocol of the payload.
    pub protocol: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// Identification; means nothing with DF (RFC 6864 section 4.1).
    pub identification: u16,
    /// DF.
    pub dont_fragment: bool,
    /// Time to live.
    pub ttl: u8,
}

/// An IPv6 header without extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipv6Header {
    /// The source address.
    pub source: Ipv6Addr,
    /// The destination address.
    pub destination: Ipv6Addr,
    /// The protocol of the payload.
    pub next_header: u8,
    /// DSCP and ECN.
    pub traffic_class: u8,
    /// The flow label; only the lower 20 bits are used.
    pub flow_label: u32,
    /// Hop limit.
    pub hop_limit: u8,
}

/// A UDP header without checksum: RFC 3948 section 2.1 wants 0 over ESP, in IPv6 too (RFC 6935
/// allows it for tunnels).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpHeader {
    /// The source port.
    pub source_port: u16,
    /// The destination port.
    pub destination_port: u16,
}

impl Ipv4Header {
    /// TTL 64, DF, all else 0.
    #[must_use]
    pub const fn new(source: Ipv4Addr, destination: Ipv4Addr, protocol: u8) -> Self {
        Self {
            source,
            destination,
            protocol,
            traffic_class: 0,
            identification: 0,
            dont_fragment: true,
            ttl: 64,
        }
    }

    /// Writes the header of a packet with `payload_len` octets behind it, checksum included.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn emit(&self, to: &mut [u8; IPV4_HEADER_LEN], payload_len: usize) -> Result<(), TooLong> {
        let total = u16::try_from(IPV4_HEADER_LEN + payload_len).map_err(|_| TooLong)?;
        let [total_hi, total_lo] = total.to_be_bytes();
        let [id_hi, id_lo] = self.identification.to_be_bytes();
        let flags = if self.dont_fragment { 0x40 } else { 0 };
        let [s0, s1, s2, s3] = self.source.octets();
        let [d0, d1, d2, d3] = self.destination.octets();
        #[rustfmt::skip]
        let header = [
            0x45, self.traffic_class, total_hi, total_lo,
            id_hi, id_lo, flags, 0,
            self.ttl, self.protocol, 0, 0,
            s0, s1, s2, s3,
            d0, d1, d2, d3,
        ];
        *to = header;
        [to[10], to[11]] = Checksum::new().with(&header).finish().to_be_bytes();
        Ok(())
    }
}

impl Ipv6Header {
    /// Hop limit 64, all else 0.
    #[must_use]
    pub const fn new(source: Ipv6Addr, destination: Ipv6Addr, next_header: u8) -> Self {
        Self {
            source,
            destination,
            next_header,
            traffic_class: 0,
            flow_label: 0,
            hop_limit: 64,
        }
    }

    /// Writes the header of a packet with `payload_len` octets behind it.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn emit(&self, to: &mut [u8; IPV6_HEADER_LEN], payload_len: usize) -> Result<(), TooLong> {
        let len = u16::try_from(payload_len).map_err(|_| TooLong)?;
        let class = u32::from(self.traffic_class) << 20;
        let first = 0x6000_0000 | class | (self.flow_label & 0x000f_ffff);
        let (fixed, addresses) = to.split_at_mut(8);
        fixed[..4].copy_from_slice(&first.to_be_bytes());
        fixed[4..6].copy_from_slice(&len.to_be_bytes());
        fixed[6] = self.next_header;
        fixed[7] = self.hop_limit;
        addresses[..16].copy_from_slice(&self.source.octets());
        addresses[16..].copy_from_slice(&self.destination.octets());
        Ok(())
    }
}

impl UdpHeader {
    /// Writes the header of a datagram with `payload_len` octets behind it.
    ///
    /// # Errors
    /// [`TooLong`].
    pub fn emit(&self, to: &mut [u8; UDP_HEADER_LEN], payload_len: usize) -> Result<(), TooLong> {
        let len = u16::try_from(UDP_HEADER_LEN + payload_len).map_err(|_| TooLong)?;
        let [s0, s1] = self.source_port.to_be_bytes();
        let [d0, d1] = self.destination_port.to_be_bytes();
        let [l0, l1] = len.to_be_bytes();
        *to = [s0, s1, d0, d1, l0, l1, 0, 0];
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Ipv4Packet, Ipv6Packet, UdpPacket};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ipv4_reads_back(
            addresses in any::<([u8; 4], [u8; 4])>(),
            fields in any::<(u8, u8, u16, bool, u8)>(),
            payload_len in 0usize..1500,
        ) {
            let header = Ipv4Header {
                source: addresses.0.into(),
                destination: addresses.1.into(),
                protocol: fields.0,
                traffic_class: fields.1,
                identification: fields.2,
                dont_fragment: fields.3,
                ttl: fields.4,
            };
            let mut bytes = vec![0xee; 20 + payload_len];
            header.emit(bytes.first_chunk_mut().unwrap(), payload_len).unwrap();
            let view = Ipv4Packet::new_checked(&bytes).unwrap();
            prop_assert!(view.checksum_is_valid());
            let read = Ipv4Header {
                source: view.source(),
                destination: view.destination(),
                protocol: view.protocol(),
                traffic_class: view.traffic_class(),
                identification: view.identification(),
                dont_fragment: view.dont_fragment(),
                ttl: view.ttl(),
            };
            prop_assert_eq!(read, header);
            prop_assert_eq!(view.payload().len(), payload_len);
            prop_assert!(!view.is_fragment());
        }

        #[test]
        fn ipv6_reads_back(
            addresses in any::<([u8; 16], [u8; 16])>(),
            class in any::<u8>(),
            label in 0u32..0x10_0000,
            payload_len in 0usize..1500,
        ) {
            let header = Ipv6Header {
                source: addresses.0.into(),
                destination: addresses.1.into(),
                next_header: 50,
                traffic_class: class,
                flow_label: label,
                hop_limit: 63,
            };
            let mut bytes = vec![0xee; 40 + payload_len];
            header.emit(bytes.first_chunk_mut().unwrap(), payload_len).unwrap();
            let view = Ipv6Packet::new_checked(&bytes).unwrap();
            let read = Ipv6Header {
                source: view.source(),
                destination: view.destination(),
                next_header: view.next_header(),
                traffic_class: view.traffic_class(),
                flow_label: view.flow_label(),
                hop_limit: view.hop_limit(),
            };
            prop_assert_eq!(read, header);
            prop_assert_eq!(view.upper_payload().len(), payload_len);
        }
    }

    #[test]
    fn udp_reads_back() {
        let mut bytes = [0xee; 11];
        let header = UdpHeader {
            source_port: 4500,
            destination_port: 61000,
        };
        header.emit(bytes.first_chunk_mut().unwrap(), 3).unwrap();
        let view = UdpPacket::new_checked(&bytes).unwrap();
        assert_eq!((view.source_port(), view.destination_port()), (4500, 61000));
        assert_eq!((view.len(), view.checksum()), (11, 0));
    }

    #[test]
    fn refuses_what_a_length_field_cannot_say() {
        let v4 = Ipv4Header::new([0; 4].into(), [0; 4].into(), 50);
        assert!(v4.emit(&mut [0; 20], 65_515).is_ok());
        assert_eq!(v4.emit(&mut [0; 20], 65_516), Err(TooLong));
        let v6 = Ipv6Header::new([0; 16].into(), [0; 16].into(), 50);
        assert!(v6.emit(&mut [0; 40], 65_535).is_ok());
        assert_eq!(v6.emit(&mut [0; 40], 65_536), Err(TooLong));
        let udp = UdpHeader {
            source_port: 1,
            destination_port: 2,
        };
        assert!(udp.emit(&mut [0; 8], 65_527).is_ok());
        assert_eq!(udp.emit(&mut [0; 8], 65_528), Err(TooLong));
    }
}
