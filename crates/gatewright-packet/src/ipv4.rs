//! IPv4 headers (RFC 791).

use core::net::Ipv4Addr;

use crate::checksum::{self, Checksum};
use crate::error::Malformed;

/// Octets of an IPv4 header without options.
pub const IPV4_HEADER_LEN: usize = 20;

const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET_MASK: u16 = 0x1fff;

/// A view on an IPv4 packet, cut to its total length.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4Packet<'a> {
    fixed: &'a [u8; IPV4_HEADER_LEN],
    header: &'a [u8],
    payload: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> Ipv4Packet<'a> {
    /// Checks version and lengths; the header checksum is not looked at.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let fixed: &[u8; IPV4_HEADER_LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        if fixed[0] >> 4 != 4 {
            return Err(Malformed::Version);
        }
        let header_len = usize::from(fixed[0] & 0x0f) * 4;
        if header_len < IPV4_HEADER_LEN {
            return Err(Malformed::HeaderLength);
        }
        let total_len = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
        if total_len < header_len {
            return Err(Malformed::TotalLength);
        }
        let bytes = bytes.get(..total_len).ok_or(Malformed::TotalLength)?;
        let (header, payload) = bytes
            .split_at_checked(header_len)
            .ok_or(Malformed::HeaderLength)?;
        Ok(Self {
            fixed,
            header,
            payload,
            bytes,
        })
    }

    /// The packet from the first octet of its header to its total length.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The header with its options.
    #[must_use]
    pub const fn header(&self) -> &'a [u8] {
        self.header
    }

    /// The options, padding included.
    #[must_use]
    pub fn options(&self) -> &'a [u8] {
        self.header.get(IPV4_HEADER_LEN..).unwrap_or_default()
    }

    /// What follows the header.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Octets of the header, options included.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.header.len()
    }

    /// Octets of header and payload.
    #[must_use]
    pub const fn total_len(&self) -> usize {
        self.bytes.len()
    }

    /// DSCP and ECN.
    #[must_use]
    pub const fn traffic_class(&self) -> u8 {
        self.fixed[1]
    }

    /// The identification of a fragmented packet.
    #[must_use]
    pub const fn identification(&self) -> u16 {
        u16::from_be_bytes([self.fixed[4], self.fixed[5]])
    }

    const fn fragment_word(&self) -> u16 {
        u16::from_be_bytes([self.fixed[6], self.fixed[7]])
    }

    /// DF.
    #[must_use]
    pub const fn dont_fragment(&self) -> bool {
        self.fragment_word() & DONT_FRAGMENT != 0
    }

    /// MF.
    #[must_use]
    pub const fn more_fragments(&self) -> bool {
        self.fragment_word() & MORE_FRAGMENTS != 0
    }

    /// The position of this fragment's payload, in octets.
    #[must_use]
    pub const fn fragment_offset(&self) -> usize {
        (self.fragment_word() & OFFSET_MASK) as usize * 8
    }

    /// Whether this is a fragment, the first one included.
    #[must_use]
    pub const fn is_fragment(&self) -> bool {
        self.fragment_word() & (MORE_FRAGMENTS | OFFSET_MASK) != 0
    }

    /// Time to live.
    #[must_use]
    pub const fn ttl(&self) -> u8 {
        self.fixed[8]
    }

    /// The protocol of the payload.
    #[must_use]
    pub const fn protocol(&self) -> u8 {
        self.fixed[9]
    }

    /// The header checksum as it stands there.
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.fixed[10], self.fixed[11]])
    }

    /// Whether the header checksum is right.
    #[must_use]
    pub fn checksum_is_valid(&self) -> bool {
        Checksum::new().with(self.header).is_valid()
    }

    /// The source address.
    #[must_use]
    pub const fn source(&self) -> Ipv4Addr {
        let b = self.fixed;
        Ipv4Addr::new(b[12], b[13], b[14], b[15])
    }

    /// The destination address.
    #[must_use]
    pub const fn destination(&self) -> Ipv4Addr {
        let b = self.fixed;
        Ipv4Addr::new(b[16], b[17], b[18], b[19])
    }

    /// The pseudo-header for a payload of `protocol` and this packet's length.
    #[must_use]
    pub fn pseudo_header(&self) -> Checksum {
        let addresses = self.fixed.last_chunk::<8>().map_or(&[][..], |a| &a[..]);
        // The payload of a packet whose total length has 16 bits fits into 32.
        Checksum::pseudo_header(addresses, &[], self.protocol(), self.payload.len() as u32)
    }
}

/// Sets DSCP and ECN and corrects the header checksum by the difference.
pub(crate) fn set_traffic_class(header: &mut [u8; IPV4_HEADER_LEN], octet: u8) {
    let old = u16::from_be_bytes([header[0], header[1]]);
    header[1] = octet;
    let new = u16::from_be_bytes([header[0], header[1]]);
    let checksum = u16::from_be_bytes([header[10], header[11]]);
    [header[10], header[11]] = checksum::update_u16(checksum, old, new).to_be_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 192.0.2.1 to 198.51.100.2, DF, UDP, 4 octets of payload; checksum from the standard sum.
    const PACKET: [u8; 24] = [
        0x45, 0xb9, 0x00, 0x18, 0x12, 0x34, 0x40, 0x00, 0x40, 0x11, 0x3b, 0x41, 192, 0, 2, 1, 198,
        51, 100, 2, 1, 2, 3, 4,
    ];

    fn with_checksum(mut packet: [u8; 24]) -> [u8; 24] {
        packet[10] = 0;
        packet[11] = 0;
        let sum = Checksum::new().with(&packet[..20]).finish().to_be_bytes();
        packet[10..12].copy_from_slice(&sum);
        packet
    }

    #[test]
    fn reads_every_field() {
        let packet = with_checksum(PACKET);
        let view = Ipv4Packet::new_checked(&packet).unwrap();
        assert_eq!(view.header_len(), 20);
        assert_eq!(view.total_len(), 24);
        assert_eq!(view.traffic_class(), 0xb9);
        assert_eq!(view.identification(), 0x1234);
        assert!(view.dont_fragment());
        assert!(!view.more_fragments());
        assert!(!view.is_fragment());
        assert_eq!(view.ttl(), 64);
        assert_eq!(view.protocol(), 17);
        assert_eq!(view.source(), Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(view.destination(), Ipv4Addr::new(198, 51, 100, 2));
        assert_eq!(view.payload(), [1, 2, 3, 4]);
        assert!(view.options().is_empty());
        assert!(view.checksum_is_valid());
    }

    #[test]
    fn cuts_what_lies_behind_the_total_length() {
        let mut long = PACKET.to_vec();
        long.extend_from_slice(&[0; 9]);
        assert_eq!(Ipv4Packet::new_checked(&long).unwrap().bytes(), PACKET);
    }

    #[test]
    fn refuses_wrong_lengths_by_name() {
        let change = |at: usize, value: u8| {
            let mut packet = PACKET;
            packet[at] = value;
            Ipv4Packet::new_checked(&packet).map(|_| ()).unwrap_err()
        };
        assert_eq!(change(0, 0x65), Malformed::Version);
        assert_eq!(change(0, 0x44), Malformed::HeaderLength);
        assert_eq!(change(0, 0x47), Malformed::TotalLength);
        assert_eq!(change(3, 19), Malformed::TotalLength);
        assert_eq!(change(3, 25), Malformed::TotalLength);
        let short = Ipv4Packet::new_checked(&PACKET[..19]).map(|_| ());
        assert_eq!(short.unwrap_err(), Malformed::Truncated);
    }

    #[test]
    fn fragment_fields() {
        let mut packet = PACKET;
        packet[6] = 0x20;
        packet[7] = 0x03;
        let view = Ipv4Packet::new_checked(&packet).unwrap();
        assert!(view.is_fragment() && view.more_fragments() && !view.dont_fragment());
        assert_eq!(view.fragment_offset(), 24);
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(view) = Ipv4Packet::new_checked(&bytes) {
                let _ = (view.options(), view.payload(), view.source(), view.destination());
                let _ = (view.fragment_offset(), view.checksum_is_valid(), view.pseudo_header());
                prop_assert_eq!(view.header().len() + view.payload().len(), view.total_len());
            }
        }

        #[test]
        fn traffic_class_keeps_the_checksum_right(octet in any::<u8>(), before in any::<u8>()) {
            let mut packet = PACKET;
            packet[1] = before;
            let mut packet = with_checksum(packet);
            set_traffic_class(packet.first_chunk_mut().unwrap(), octet);
            let view = Ipv4Packet::new_checked(&packet).unwrap();
            prop_assert_eq!(view.traffic_class(), octet);
            prop_assert!(view.checksum_is_valid());
        }
    }
}
