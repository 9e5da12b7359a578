//! The header before each frame of a TUN device that was opened with `IFF_VNET_HDR`
//! (virtio 1.2 section 5.1.6, without `num_buffers`).

/// Octets of the header.
pub const VIRTIO_NET_HEADER_LEN: usize = 10;

const FLAG_NEEDS_CSUM: u8 = 1;
const FLAG_DATA_VALID: u8 = 2;
const GSO_ECN: u8 = 0x80;

/// How a super-packet is to be cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GsoType {
    /// Not at all: it is one packet.
    #[default]
    None,
    /// TCP over IPv4.
    TcpV4,
    /// TCP over IPv6.
    TcpV6,
    /// UDP, each segment a datagram.
    UdpL4,
    /// A number that this code does not know.
    Unknown(u8),
}

impl GsoType {
    const fn from_number(number: u8) -> Self {
        match number & !GSO_ECN {
            0 => Self::None,
            1 => Self::TcpV4,
            4 => Self::TcpV6,
            5 => Self::UdpL4,
            other => Self::Unknown(other),
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::TcpV4 => 1,
            Self::TcpV6 => 4,
            Self::UdpL4 => 5,
            Self::Unknown(other) => other,
        }
    }
}

/// What the device says of a frame, or is told of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VirtioNetHeader {
    /// The checksum field holds the folded pseudo-header sum and is to be completed.
    pub needs_checksum: bool,
    /// The checksum was verified.
    pub data_valid: bool,
    /// How to cut.
    pub gso: GsoType,
    /// Octets of all headers together; a hint.
    pub header_len: u16,
    /// Octets of payload in each segment but the last.
    pub gso_size: u16,
    /// Where summing begins, from the start of the packet.
    pub checksum_start: u16,
    /// Where the sum goes, from `checksum_start`.
    pub checksum_offset: u16,
}

impl VirtioNetHeader {
    /// Reads a header, in the processor's byte order as the TUN device writes it.
    #[must_use]
    pub const fn parse(b: &[u8; VIRTIO_NET_HEADER_LEN]) -> Self {
        Self {
            needs_checksum: b[0] & FLAG_NEEDS_CSUM != 0,
            data_valid: b[0] & FLAG_DATA_VALID != 0,
            gso: GsoType::from_number(b[1]),
            header_len: u16::from_ne_bytes([b[2], b[3]]),
            gso_size: u16::from_ne_bytes([b[4], b[5]]),
            checksum_start: u16::from_ne_bytes([b[6], b[7]]),
            checksum_offset: u16::from_ne_bytes([b[8], b[9]]),
        }
    }

    /// Writes a header.
    #[must_use]
    pub const fn emit(&self) -> [u8; VIRTIO_NET_HEADER_LEN] {
        let mut flags = 0;
        if self.needs_checksum {
            flags |= FLAG_NEEDS_CSUM;
        }
        if self.data_valid {
            flags |= FLAG_DATA_VALID;
        }
        let header = self.header_len.to_ne_bytes();
        let size = self.gso_size.to_ne_bytes();
        let start = self.checksum_start.to_ne_bytes();
        let offset = self.checksum_offset.to_ne_bytes();
        [
            flags,
            self.gso.number(),
            header[0],
            header[1],
            size[0],
            size[1],
            start[0],
            start[1],
            offset[0],
            offset[1],
        ]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_the_kernel_writes_for_a_tcp_segment() {
        let mut bytes = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        for (at, value) in [(2, 54u16), (4, 1460), (6, 20), (8, 16)] {
            bytes[at..at + 2].copy_from_slice(&value.to_ne_bytes());
        }
        let header = VirtioNetHeader::parse(&bytes);
        assert_eq!(header.gso, GsoType::TcpV4);
        assert!(header.needs_checksum);
        assert_eq!((header.header_len, header.gso_size), (54, 1460));
        assert_eq!((header.checksum_start, header.checksum_offset), (20, 16));
    }

    #[test]
    fn the_ecn_bit_does_not_hide_the_type() {
        let header = VirtioNetHeader::parse(&[0, 0x84, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(header.gso, GsoType::TcpV6);
        let header = VirtioNetHeader::parse(&[0, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(header.gso, GsoType::Unknown(3));
    }

    proptest! {
        #[test]
        fn parse_and_emit_are_inverse(bytes in any::<[u8; 10]>()) {
            let mut canonical = bytes;
            canonical[0] &= 3;
            canonical[1] &= 0x7f;
            prop_assert_eq!(VirtioNetHeader::parse(&bytes).emit(), canonical);
        }
    }
}
