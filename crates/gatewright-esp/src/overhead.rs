//! What ESP costs in octets.

use crate::algorithm::Algorithm;

/// SPI and sequence number.
pub(crate) const ESP_HEADER_LEN: usize = 8;

/// Padding length and next header.
pub(crate) const ESP_TRAILER_LEN: usize = 2;

/// Octets to keep free in front of a packet that may be sealed: outer IPv6 (40), UDP (8), SPI and
/// sequence number (8), the longest IV (16), rounded up to whole cache lines.
pub const HEADROOM: usize = 128;

/// Octets to keep free behind a packet that may be sealed: the longest padding of ours (15),
/// trailer (2) and ICV (32), rounded up to a cache line.
pub const TAILROOM: usize = 64;

/// How ESP crosses the Internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encapsulation {
    /// Directly over IP (RFC 4303).
    Protocol50,
    /// In UDP (RFC 3948).
    Udp,
}

/// The IP version outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OuterFamily {
    /// 20 octets of header, no options.
    V4,
    /// 40 octets of header, no extension headers.
    V6,
}

/// The overhead of one SA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overhead {
    algorithm: Algorithm,
    encapsulation: Encapsulation,
    family: OuterFamily,
}

impl Overhead {
    /// Puts the three that decide together.
    #[must_use]
    pub const fn new(
        algorithm: Algorithm,
        encapsulation: Encapsulation,
        family: OuterFamily,
    ) -> Self {
        Self {
            algorithm,
            encapsulation,
            family,
        }
    }

    /// Octets of outer IP header, and UDP header if there is one.
    #[must_use]
    pub const fn outer_header_len(self) -> usize {
        let ip = match self.family {
            OuterFamily::V4 => 20,
            OuterFamily::V6 => 40,
        };
        match self.encapsulation {
            Encapsulation::Protocol50 => ip,
            Encapsulation::Udp => ip + 8,
        }
    }

    /// Octets of the outer packet around an inner packet of `inner_len`.
    #[must_use]
    pub const fn outer_len(self, inner_len: usize) -> usize {
        self.outer_header_len() + self.algorithm.sealed_len(inner_len)
    }

    /// The longest inner packet whose outer packet has at most `outer_mtu` octets; 0 if there is
    /// none.
    #[must_use]
    pub const fn max_inner_len(self, outer_mtu: usize) -> usize {
        let fixed =
            self.outer_header_len() + self.algorithm.header_len() + self.algorithm.icv_len();
        let encrypted = outer_mtu.saturating_sub(fixed);
        let whole_blocks = encrypted - encrypted % self.algorithm.cipher().block_len();
        whole_blocks.saturating_sub(ESP_TRAILER_LEN)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::algorithm::{Cipher, Integrity};

    fn overheads() -> Vec<Overhead> {
        let mut all = Vec::new();
        for cipher in Cipher::ALL {
            for integrity in [
                None,
                Some(Integrity::HmacSha512_256),
                Some(Integrity::HmacMd5_96),
            ] {
                let Ok(algorithm) = Algorithm::new(cipher, integrity) else {
                    continue;
                };
                for encapsulation in [Encapsulation::Protocol50, Encapsulation::Udp] {
                    for family in [OuterFamily::V4, OuterFamily::V6] {
                        all.push(Overhead::new(algorithm, encapsulation, family));
                    }
                }
            }
        }
        all
    }

    #[test]
    fn the_longest_inner_packet_fits_and_one_octet_more_does_not() {
        for overhead in overheads() {
            for mtu in (200..300).chain([1280, 1400, 1492, 1500, 9000, 65_535]) {
                let inner = overhead.max_inner_len(mtu);
                assert!(overhead.outer_len(inner) <= mtu, "{overhead:?} {mtu}");
                assert!(overhead.outer_len(inner + 1) > mtu, "{overhead:?} {mtu}");
            }
        }
    }

    #[test]
    fn an_mtu_that_is_too_small_leaves_nothing() {
        for overhead in overheads() {
            assert_eq!(overhead.max_inner_len(0), 0);
            assert_eq!(overhead.max_inner_len(overhead.outer_header_len()), 0);
        }
    }

    #[test]
    fn gcm_in_udp_over_ethernet() {
        let gcm = Algorithm::from_names("aes-128-gcm", None).unwrap();
        let overhead = Overhead::new(gcm, Encapsulation::Udp, OuterFamily::V4);
        // 20 IP, 8 UDP, 8 ESP, 8 IV, 16 ICV: 1440 remain, 2 of them trailer.
        assert_eq!(overhead.max_inner_len(1500), 1438);
    }

    #[test]
    fn the_rooms_hold_every_algorithm() {
        for overhead in overheads() {
            let front = overhead.outer_header_len() + overhead.algorithm.header_len();
            assert!(front <= HEADROOM);
            for inner in 0..64 {
                let behind = overhead.outer_len(inner) - front - inner;
                assert!(behind <= TAILROOM);
            }
        }
    }
}
