//! ICMP (RFC 792) and ICMPv6 (RFC 4443) headers.

use crate::checksum::Checksum;
use crate::error::Malformed;

const HEADER_LEN: usize = 8;

/// A view on an ICMP message.
#[derive(Clone, Copy, Debug)]
pub struct IcmpPacket<'a> {
    fixed: &'a [u8; HEADER_LEN],
    bytes: &'a [u8],
}

/// A view on an ICMPv6 message.
#[derive(Clone, Copy, Debug)]
pub struct Icmpv6Packet<'a> {
    fixed: &'a [u8; HEADER_LEN],
    bytes: &'a [u8],
}

/// The accessors that both versions share.
macro_rules! accessors {
    () => {
        /// Checks the length; the checksum is not looked at.
        ///
        /// # Errors
        /// [`Malformed::Truncated`].
        pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
            let fixed = bytes.first_chunk().ok_or(Malformed::Truncated)?;
            Ok(Self { fixed, bytes })
        }

        /// The message type.
        #[must_use]
        pub const fn kind(&self) -> u8 {
            self.fixed[0]
        }

        /// The code under the type.
        #[must_use]
        pub const fn code(&self) -> u8 {
            self.fixed[1]
        }

        /// The checksum as it stands there.
        #[must_use]
        pub const fn checksum(&self) -> u16 {
            u16::from_be_bytes([self.fixed[2], self.fixed[3]])
        }

        /// What follows the eight octets of header; in an error, the packet that caused it.
        #[must_use]
        pub fn payload(&self) -> &'a [u8] {
            self.bytes.get(HEADER_LEN..).unwrap_or_default()
        }
    };
}

impl<'a> IcmpPacket<'a> {
    accessors!();

    /// Whether it reports an error, so that no error may be sent about it (RFC 1122 section 3.2.2).
    #[must_use]
    pub const fn is_error(&self) -> bool {
        is_error(self.kind())
    }

    /// The next-hop MTU of "fragmentation needed" (RFC 1191 section 4).
    #[must_use]
    pub const fn next_hop_mtu(&self) -> Option<u16> {
        match (self.kind(), self.code()) {
            (3, 4) => Some(u16::from_be_bytes([self.fixed[6], self.fixed[7]])),
            _ => None,
        }
    }

    /// Whether the checksum is right.
    #[must_use]
    pub fn checksum_is_valid(&self) -> bool {
        Checksum::new().with(self.bytes).is_valid()
    }
}

impl<'a> Icmpv6Packet<'a> {
    accessors!();

    /// Whether it reports an error: types below 128 (RFC 4443 section 2.1).
    #[must_use]
    pub const fn is_error(&self) -> bool {
        self.kind() < 128
    }

    /// The MTU of "packet too big" (RFC 4443 section 3.2).
    #[must_use]
    pub const fn next_hop_mtu(&self) -> Option<u32> {
        let b = self.fixed;
        match self.kind() {
            2 => Some(u32::from_be_bytes([b[4], b[5], b[6], b[7]])),
            _ => None,
        }
    }

    /// Whether the checksum is right over this message and the pseudo-header.
    #[must_use]
    pub fn checksum_is_valid(&self, pseudo_header: Checksum) -> bool {
        pseudo_header.with(self.bytes).is_valid()
    }
}

/// Destination unreachable, source quench, redirect, time exceeded, parameter problem.
pub(crate) const fn is_error(kind: u8) -> bool {
    matches!(kind, 3 | 4 | 5 | 11 | 12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_fragmentation_needed() {
        let bytes = [3, 4, 0, 0, 0, 0, 0x05, 0x78, 0x45];
        let view = IcmpPacket::new_checked(&bytes).unwrap();
        assert_eq!((view.kind(), view.code()), (3, 4));
        assert_eq!(view.next_hop_mtu(), Some(1400));
        assert_eq!(view.payload(), [0x45]);
        assert!(view.is_error());
        assert!(!view.checksum_is_valid());
        let echo = IcmpPacket::new_checked(&[8, 0, 0xf7, 0xff, 0, 0, 0, 0]).unwrap();
        assert!(!echo.is_error() && echo.checksum_is_valid());
        assert_eq!((echo.next_hop_mtu(), echo.checksum()), (None, 0xf7ff));
    }

    #[test]
    fn reads_packet_too_big() {
        let view = Icmpv6Packet::new_checked(&[2, 0, 0, 0, 0, 0, 0x05, 0x00]).unwrap();
        assert_eq!(view.next_hop_mtu(), Some(1280));
        assert!(view.is_error());
        assert!(!Icmpv6Packet::new_checked(&[128; 8]).unwrap().is_error());
    }

    proptest! {
        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(view) = IcmpPacket::new_checked(&bytes) {
                let _ = (view.payload(), view.next_hop_mtu(), view.checksum_is_valid());
            }
            if let Ok(view) = Icmpv6Packet::new_checked(&bytes) {
                let _ = (view.payload(), view.next_hop_mtu());
                let _ = view.checksum_is_valid(Checksum::new());
            }
        }
    }
}
