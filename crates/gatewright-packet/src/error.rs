//! Why bytes are not the packet they were taken for.

use core::fmt;

/// What is wrong with a packet; each is one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// Shorter than its fixed header.
    Truncated,
    /// Another IP version than expected.
    Version,
    /// The header length field is too small or points outside the packet.
    HeaderLength,
    /// The total or payload length field is smaller than the header or larger than the packet.
    TotalLength,
    /// IPv6 extension headers that run out of the packet.
    ExtensionTruncated,
    /// More IPv6 extension headers than any honest packet has.
    ExtensionChain,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "shorter than its header",
            Self::Version => "another IP version",
            Self::HeaderLength => "wrong header length",
            Self::TotalLength => "wrong total length",
            Self::ExtensionTruncated => "extension headers run out of the packet",
            Self::ExtensionChain => "too many extension headers",
        })
    }
}

impl core::error::Error for Malformed {}
