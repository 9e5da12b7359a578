//! The internet checksum (RFC 1071), whole and by its difference (RFC 1624).

use core::net::{Ipv4Addr, Ipv6Addr};

/// A ones' complement sum in the making.
///
/// The sum is kept in the processor's byte order, which the ones' complement sum does not mind
/// (RFC 1071 section 2 (B)), and put into network order when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum {
    // A sum of 16-bit or 32-bit words whose 65th bit and above went round to the lowest.
    sum: u64,
}

/// Octets in one step of the inner loop.
const STRIDE: usize = 32;

impl Checksum {
    /// An empty sum.
    #[must_use]
    pub const fn new() -> Self {
        Self { sum: 0 }
    }

    /// Adds octets.  Those that follow in a further call count as starting at an even position,
    /// so only the last piece may have an odd length.
    #[must_use]
    pub fn with(self, data: &[u8]) -> Self {
        let mut sum = self.sum;
        let strides = data.chunks_exact(STRIDE);
        let words = strides.remainder().chunks_exact(8);
        let tail = words.remainder();
        if data.len() >= STRIDE {
            // Sums that do not wait for each other.
            let mut lanes = [0u64; STRIDE / 8];
            for stride in strides {
                for (lane, word) in lanes.iter_mut().zip(stride.chunks_exact(8)) {
                    *lane = add_carry(*lane, native_u64(word));
                }
            }
            for lane in lanes {
                sum = add_carry(sum, lane);
            }
        }
        for word in words {
            sum = add_carry(sum, native_u64(word));
        }
        Self {
            sum: add_carry(sum, native_tail(tail)),
        }
    }

    /// Adds one 16-bit word, given as its value.
    #[must_use]
    pub const fn add_u16(self, word: u16) -> Self {
        Self {
            sum: add_carry(self.sum, word.to_be() as u64),
        }
    }

    /// Adds one 32-bit word, given as its value.
    #[must_use]
    pub const fn add_u32(self, word: u32) -> Self {
        Self {
            sum: add_carry(self.sum, word.to_be() as u64),
        }
    }

    /// The pseudo-header of TCP, UDP and ICMPv6 with 32-bit fields (RFC 8200 section 8.1), which
    /// sums to the same as that of RFC 793 where addresses are IPv4.
    #[must_use]
    pub fn pseudo_header(source: &[u8], destination: &[u8], protocol: u8, len: u32) -> Self {
        Self::new()
            .with(source)
            .with(destination)
            .add_u32(len)
            .add_u16(protocol as u16)
    }

    /// [`Checksum::pseudo_header`] of IPv4 addresses.
    #[must_use]
    pub fn pseudo_header_v4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, len: u32) -> Self {
        Self::pseudo_header(&from.octets(), &to.octets(), protocol, len)
    }

    /// [`Checksum::pseudo_header`] of IPv6 addresses.
    #[must_use]
    pub fn pseudo_header_v6(from: Ipv6Addr, to: Ipv6Addr, protocol: u8, len: u32) -> Self {
        Self::pseudo_header(&from.octets(), &to.octets(), protocol, len)
    }

    /// The sum folded to 16 bits, not inverted.  This is what a checksum field holds while its
    /// completion is left to a device (virtio 1.2 section 5.1.6.2).
    #[must_use]
    pub const fn folded(self) -> u16 {
        let sum = (self.sum >> 32) + (self.sum & 0xffff_ffff);
        let sum = (sum >> 32) + (sum & 0xffff_ffff);
        let sum = (sum >> 16) + (sum & 0xffff);
        let sum = (sum >> 16) + (sum & 0xffff);
        let sum = (sum >> 16) + (sum & 0xffff);
        u16::from_be(sum as u16)
    }

    /// The checksum: the folded sum inverted.
    #[must_use]
    pub const fn finish(self) -> u16 {
        !self.folded()
    }

    /// Whether data that includes its checksum field sums up.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        self.folded() == 0xffff
    }
}

/// The checksum field after a 16-bit word that it covers went from `old` to `new`
/// (RFC 1624 section 3, equation 3).
#[must_use]
pub const fn update_u16(checksum: u16, old: u16, new: u16) -> u16 {
    let sum = !checksum as u32 + !old as u32 + new as u32;
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    !(sum as u16)
}

/// [`update_u16`] for a 32-bit word on an even position.
#[must_use]
pub const fn update_u32(checksum: u16, old: u32, new: u32) -> u16 {
    let upper = update_u16(checksum, (old >> 16) as u16, (new >> 16) as u16);
    update_u16(upper, old as u16, new as u16)
}

/// Ones' complement addition: the carry goes round.
const fn add_carry(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    // After a carry the sum is at most 2^64 - 2, so that one more fits.
    sum.wrapping_add(carry as u64)
}

/// Eight octets.
fn native_u64(word: &[u8]) -> u64 {
    word.first_chunk().map_or(0, |b| u64::from_ne_bytes(*b))
}

/// Fewer than eight octets, added up in their places.
fn native_tail(tail: &[u8]) -> u64 {
    let mut sum = 0;
    let mut rest = tail;
    if let Some((word, behind)) = rest.split_first_chunk() {
        sum += u64::from(u32::from_ne_bytes(*word));
        rest = behind;
    }
    if let Some((word, behind)) = rest.split_first_chunk() {
        sum += u64::from(u16::from_ne_bytes(*word));
        rest = behind;
    }
    match rest {
        // The last octet is the upper one of its word.
        [last] => sum + u64::from(u16::from_ne_bytes([*last, 0])),
        _ => sum,
    }
}

#[cfg(test)]
mod tests;
