//! TCP headers (RFC 9293).

use core::ops::BitOr;

use crate::checksum::Checksum;
use crate::error::Malformed;

/// Octets of a TCP header without options.
pub const TCP_HEADER_LEN: usize = 20;

/// The control bits of a TCP header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field is significant.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is significant.
    pub const URG: Self = Self(0x20);
    /// ECN echo (RFC 3168).
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(0x80);

    /// The flags of this octet.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    /// The octet.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is set.
    #[must_use]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// These without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A view on a TCP segment.
#[derive(Clone, Copy, Debug)]
pub struct TcpPacket<'a> {
    fixed: &'a [u8; TCP_HEADER_LEN],
    header: &'a [u8],
    payload: &'a [u8],
    bytes: &'a [u8],
}

impl<'a> TcpPacket<'a> {
    /// Checks the lengths; the checksum is not looked at.  `bytes` ends where the IP payload ends.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let fixed: &[u8; TCP_HEADER_LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        let header_len = usize::from(fixed[12] >> 4) * 4;
        if header_len < TCP_HEADER_LEN {
            return Err(Malformed::HeaderLength);
        }
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

    /// The sequence number of the first octet of payload.
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        u32::from_be_bytes([self.fixed[4], self.fixed[5], self.fixed[6], self.fixed[7]])
    }

    /// The acknowledgment number.
    #[must_use]
    pub const fn acknowledgment(&self) -> u32 {
        u32::from_be_bytes([self.fixed[8], self.fixed[9], self.fixed[10], self.fixed[11]])
    }

    /// Octets of the header, options included.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        self.header.len()
    }

    /// The control bits.
    #[must_use]
    pub const fn flags(&self) -> TcpFlags {
        TcpFlags(self.fixed[13])
    }

    /// The four bits beside the header length.
    #[must_use]
    pub const fn reserved(&self) -> u8 {
        self.fixed[12] & 0x0f
    }

    /// The window as it stands there, not scaled.
    #[must_use]
    pub const fn window(&self) -> u16 {
        u16::from_be_bytes([self.fixed[14], self.fixed[15]])
    }

    /// The checksum as it stands there.
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        u16::from_be_bytes([self.fixed[16], self.fixed[17]])
    }

    /// The urgent pointer.
    #[must_use]
    pub const fn urgent_pointer(&self) -> u16 {
        u16::from_be_bytes([self.fixed[18], self.fixed[19]])
    }

    /// Whether the checksum is right over this segment and the pseudo-header.
    #[must_use]
    pub fn checksum_is_valid(&self, pseudo_header: Checksum) -> bool {
        pseudo_header.with(self.bytes).is_valid()
    }

    /// The options, padding included.
    #[must_use]
    pub fn options(&self) -> &'a [u8] {
        self.header.get(TCP_HEADER_LEN..).unwrap_or_default()
    }

    /// What follows the header.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEGMENT: [u8; 26] = [
        0x00, 0x50, 0xc0, 0x00, 1, 2, 3, 4, 5, 6, 7, 8, 0x61, 0x98, 0x12, 0x34, 0xab, 0xcd, 0x00,
        0x07, 1, 1, 1, 0, 0xaa, 0xbb,
    ];

    #[test]
    fn reads_every_field() {
        let view = TcpPacket::new_checked(&SEGMENT).unwrap();
        assert_eq!((view.source_port(), view.destination_port()), (80, 0xc000));
        assert_eq!(view.sequence(), 0x0102_0304);
        assert_eq!(view.acknowledgment(), 0x0506_0708);
        assert_eq!((view.header_len(), view.reserved()), (24, 1));
        assert_eq!(view.flags(), TcpFlags::ACK | TcpFlags::PSH | TcpFlags::CWR);
        assert!(view.flags().contains(TcpFlags::ACK | TcpFlags::PSH));
        assert!(!view.flags().intersects(TcpFlags::SYN | TcpFlags::FIN));
        assert_eq!(view.flags().without(TcpFlags::CWR).bits(), 0x18);
        assert_eq!(view.window(), 0x1234);
        assert_eq!((view.checksum(), view.urgent_pointer()), (0xabcd, 7));
        assert_eq!(view.options(), [1, 1, 1, 0]);
        assert_eq!(view.payload(), [0xaa, 0xbb]);
    }

    #[test]
    fn refuses_wrong_lengths() {
        let error = |b: &[u8]| TcpPacket::new_checked(b).map(|_| ()).unwrap_err();
        assert_eq!(error(&SEGMENT[..19]), Malformed::Truncated);
        assert_eq!(error(&SEGMENT[..23]), Malformed::HeaderLength);
        let mut short = SEGMENT;
        short[12] = 0x40;
        assert_eq!(error(&short), Malformed::HeaderLength);
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Ok(view) = TcpPacket::new_checked(&bytes) {
                let _ = (view.options(), view.checksum_is_valid(Checksum::new()));
                prop_assert_eq!(view.header_len() + view.payload().len(), bytes.len());
            }
        }
    }
}
