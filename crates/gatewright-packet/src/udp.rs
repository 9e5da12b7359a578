//! UDP headers (RFC 768).

use crate::checksum::Checksum;
use crate::error::Malformed;

/// Octets of a UDP header.
pub const UDP_HEADER_LEN: usize = 8;

/// A view on a UDP datagram, cut to its length.
#[derive(Clone, Copy, Debug)]
pub struct UdpPacket<'a> {
    fixed: &'a [u8; UDP_HEADER_LEN],
    bytes: &'a [u8],
}

impl<'a> UdpPacket<'a> {
    /// Checks the lengths; the checksum is not looked at.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let fixed: &[u8; UDP_HEADER_LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        let len = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
        if len < UDP_HEADER_LEN {
            return Err(Malformed::TotalLength);
        }
        let bytes = bytes.get(..len).ok_or(Malformed::TotalLength)?;
        Ok(Self { fixed, bytes })
    }

    /// The source port.
    #[must_use]
    pub const fn source_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[0], self.fixed[1]])
    }

    /// The destination port.
    #[must_use]
    pub const fn destination_port(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    /// Octets of header and payload.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no payload.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.bytes.len() <= UDP_HEADER_LEN
    }

    /// The checksum as it stands there; 0 for none.
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.fixed[6], self.fixed[7]])
    }

    /// Whether the checksum is right over this datagram and the pseudo-header.  None at all
    /// (zero) counts as wrong here: ask [`UdpPacket::checksum`] first.
    #[must_use]
    pub fn checksum_is_valid(&self, pseudo_header: Checksum) -> bool {
        self.checksum() != 0 && pseudo_header.with(self.bytes).is_valid()
    }

    /// What follows the header.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(UDP_HEADER_LEN..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_every_field() {
        let bytes = [0x11, 0x94, 0x01, 0xf4, 0, 10, 0xab, 0xcd, 1, 2, 99];
        let view = UdpPacket::new_checked(&bytes).unwrap();
        assert_eq!((view.source_port(), view.destination_port()), (4500, 500));
        assert_eq!((view.len(), view.checksum()), (10, 0xabcd));
        assert_eq!(view.payload(), [1, 2]);
        assert!(!view.is_empty());
    }

    #[test]
    fn refuses_wrong_lengths() {
        let error = |b: &[u8]| UdpPacket::new_checked(b).map(|_| ()).unwrap_err();
        assert_eq!(error(&[0; 7]), Malformed::Truncated);
        assert_eq!(error(&[0, 0, 0, 0, 0, 7, 0, 0]), Malformed::TotalLength);
        assert_eq!(error(&[0, 0, 0, 0, 0, 9, 0, 0]), Malformed::TotalLength);
    }

    #[test]
    fn knows_a_right_checksum_from_a_wrong_one() {
        let mut bytes = [0x11, 0x94, 0x01, 0xf4, 0, 11, 0, 0, 1, 2, 3];
        let pseudo = Checksum::pseudo_header(&[10, 0, 0, 1], &[10, 0, 0, 2], 17, 11);
        assert!(!UdpPacket::new_checked(&bytes)
            .unwrap()
            .checksum_is_valid(pseudo));
        let sum = pseudo.with(&bytes).finish().to_be_bytes();
        bytes[6..8].copy_from_slice(&sum);
        assert!(UdpPacket::new_checked(&bytes)
            .unwrap()
            .checksum_is_valid(pseudo));
        bytes[10] ^= 1;
        assert!(!UdpPacket::new_checked(&bytes)
            .unwrap()
            .checksum_is_valid(pseudo));
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(view) = UdpPacket::new_checked(&bytes) {
                let _ = view.checksum_is_valid(Checksum::new());
                prop_assert_eq!(view.payload().len() + UDP_HEADER_LEN, view.len());
            }
        }
    }
}
