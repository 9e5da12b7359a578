//! IPv6 headers and the walk over extension headers (RFC 8200).

use core::net::Ipv6Addr;

use crate::checksum::Checksum;
use crate::error::Malformed;
use crate::protocol;

/// Octets of an IPv6 header without extension headers.
pub const IPV6_HEADER_LEN: usize = 40;

/// How many extension headers are walked; RFC 8200 section 4.1 lists seven at most.
pub const MAX_EXTENSION_HEADERS: usize = 8;

/// A view on an IPv6 packet, cut to its payload length, its extension headers walked.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6Packet<'a> {
    fixed: &'a [u8; IPV6_HEADER_LEN],
    bytes: &'a [u8],
    upper: Upper,
    upper_payload: &'a [u8],
}

/// Where the walk over the extension headers ended.
#[derive(Clone, Copy, Debug, Default)]
struct Upper {
    protocol: u8,
    offset: usize,
    fragment: Option<(usize, bool)>,
}

impl<'a> Ipv6Packet<'a> {
    /// Checks version and lengths and walks the extension headers up to the upper layer or to a
    /// fragment header of a fragment that is not the first one.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let fixed: &[u8; IPV6_HEADER_LEN] = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        if fixed[0] >> 4 != 6 {
            return Err(Malformed::Version);
        }
        let payload_len = usize::from(u16::from_be_bytes([fixed[4], fixed[5]]));
        let bytes = bytes
            .get(..IPV6_HEADER_LEN + payload_len)
            .ok_or(Malformed::TotalLength)?;
        let upper = walk(fixed[6], bytes)?;
        let upper_payload = bytes
            .get(upper.offset..)
            .ok_or(Malformed::ExtensionTruncated)?;
        Ok(Self {
            fixed,
            bytes,
            upper,
            upper_payload,
        })
    }

    /// The packet from the first octet of its header to the end of its payload.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Octets of header, extension headers and payload.
    #[must_use]
    pub const fn total_len(&self) -> usize {
        self.bytes.len()
    }

    /// DSCP and ECN.
    #[must_use]
    pub const fn traffic_class(&self) -> u8 {
        (self.fixed[0] << 4) | (self.fixed[1] >> 4)
    }

    /// The flow label, 20 bits.
    #[must_use]
    pub const fn flow_label(&self) -> u32 {
        u32::from_be_bytes([0, self.fixed[1] & 0x0f, self.fixed[2], self.fixed[3]])
    }

    /// The protocol that follows the fixed header, an extension header perhaps.
    #[must_use]
    pub const fn next_header(&self) -> u8 {
        self.fixed[6]
    }

    /// Hop limit.
    #[must_use]
    pub const fn hop_limit(&self) -> u8 {
        self.fixed[7]
    }

    /// The source address.
    #[must_use]
    pub fn source(&self) -> Ipv6Addr {
        Ipv6Addr::from(self.address_at(8))
    }

    /// The destination address of the fixed header.
    #[must_use]
    pub fn destination(&self) -> Ipv6Addr {
        Ipv6Addr::from(self.address_at(24))
    }

    fn address_at(&self, offset: usize) -> [u8; 16] {
        let found = self.fixed.get(offset..).and_then(|b| b.first_chunk());
        found.copied().unwrap_or_default()
    }

    /// The protocol behind the last extension header that was walked.
    #[must_use]
    pub const fn upper_protocol(&self) -> u8 {
        self.upper.protocol
    }

    /// Where the upper layer starts, in octets from the start of the packet.
    #[must_use]
    pub const fn upper_offset(&self) -> usize {
        self.upper.offset
    }

    /// What follows the extension headers.
    #[must_use]
    pub const fn upper_payload(&self) -> &'a [u8] {
        self.upper_payload
    }

    /// Whether there is a fragment header that is not of an atomic fragment (RFC 6946).
    #[must_use]
    pub const fn is_fragment(&self) -> bool {
        matches!(self.upper.fragment, Some((offset, more)) if offset > 0 || more)
    }

    /// The position of this fragment's payload, in octets; 0 without a fragment header.
    #[must_use]
    pub const fn fragment_offset(&self) -> usize {
        match self.upper.fragment {
            Some((offset, _)) => offset,
            None => 0,
        }
    }

    /// The pseudo-header for the upper layer of an unfragmented packet without routing header.
    #[must_use]
    pub fn pseudo_header(&self) -> Checksum {
        let addresses = self.fixed.last_chunk::<32>().map_or(&[][..], |a| &a[..]);
        // A payload whose length has 16 bits fits into 32.
        let len = self.upper_payload.len() as u32;
        Checksum::pseudo_header(addresses, &[], self.upper.protocol, len)
    }
}

/// Follows the next header fields, `MAX_EXTENSION_HEADERS` at most.
fn walk(first: u8, bytes: &[u8]) -> Result<Upper, Malformed> {
    let mut upper = Upper {
        protocol: first,
        offset: IPV6_HEADER_LEN,
        fragment: None,
    };
    for _ in 0..=MAX_EXTENSION_HEADERS {
        if !is_extension(upper.protocol) {
            return Ok(upper);
        }
        let rest = bytes.get(upper.offset..).unwrap_or_default();
        let head: &[u8; 8] = rest.first_chunk().ok_or(Malformed::ExtensionTruncated)?;
        let len = match upper.protocol {
            protocol::FRAGMENT => {
                let word = u16::from_be_bytes([head[2], head[3]]);
                upper.fragment = Some((usize::from(word & 0xfff8), word & 1 != 0));
                8
            }
            // RFC 4302 section 2.2: in 4 octets, minus 2.
            protocol::AH => (usize::from(head[1]) + 2) * 4,
            _ => (usize::from(head[1]) + 1) * 8,
        };
        upper.protocol = head[0];
        upper.offset += len;
        if upper.offset > bytes.len() {
            return Err(Malformed::ExtensionTruncated);
        }
        if matches!(upper.fragment, Some((offset, _)) if offset > 0) {
            return Ok(upper);
        }
    }
    Err(Malformed::ExtensionChain)
}

const fn is_extension(number: u8) -> bool {
    matches!(
        number,
        protocol::HOP_BY_HOP
            | protocol::ROUTING
            | protocol::FRAGMENT
            | protocol::AH
            | protocol::DESTINATION_OPTIONS
    )
}

/// Sets DSCP and ECN.
pub(crate) fn set_traffic_class(header: &mut [u8; IPV6_HEADER_LEN], octet: u8) {
    header[0] = (header[0] & 0xf0) | (octet >> 4);
    header[1] = (header[1] & 0x0f) | (octet << 4);
}

#[cfg(test)]
mod tests;
