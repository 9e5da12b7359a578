//! Fragmenting an IPv4 packet (RFC 791 section 2.3 and 3.2).

use core::fmt;

use crate::checksum::Checksum;
use crate::ipv4::{Ipv4Packet, IPV4_HEADER_LEN};

/// Why a packet was not fragmented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FragmentError {
    /// DF is set: answer "fragmentation needed" instead.
    DontFragment,
    /// The MTU leaves no room for eight octets of payload.
    MtuTooSmall,
    /// The payload would end beyond 65,535 octets, which no honest packet's does.
    Overflow,
    /// There is no fragment of this number, or `out` is too short for it.
    NoRoom,
}

impl fmt::Display for FragmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DontFragment => "DF is set",
            Self::MtuTooSmall => "the MTU is too small for a fragment",
            Self::Overflow => "the packet would end beyond 65,535 octets",
            Self::NoRoom => "no such fragment, or the buffer is too short",
        })
    }
}

impl core::error::Error for FragmentError {}

/// A packet that is about to be fragmented.
#[derive(Clone, Copy, Debug)]
pub struct Fragments<'a> {
    packet: Ipv4Packet<'a>,
    /// Octets of payload in every fragment but the last; a multiple of 8.
    step: usize,
    count: usize,
}

impl<'a> Fragments<'a> {
    /// Plans fragments of at most `mtu` octets.  A packet that fits gives one, itself.  A packet
    /// that is a fragment already is fragmented further.
    ///
    /// # Errors
    /// [`FragmentError`].
    pub fn new(packet: Ipv4Packet<'a>, mtu: usize) -> Result<Self, FragmentError> {
        let len = packet.payload().len();
        if packet.total_len() <= mtu {
            let step = len;
            return Ok(Self {
                packet,
                step,
                count: 1,
            });
        }
        if packet.dont_fragment() {
            return Err(FragmentError::DontFragment);
        }
        if packet.fragment_offset() + len > usize::from(u16::MAX) {
            return Err(FragmentError::Overflow);
        }
        let step = mtu.saturating_sub(packet.header_len()) & !7;
        if step == 0 {
            return Err(FragmentError::MtuTooSmall);
        }
        Ok(Self {
            packet,
            step,
            count: len.div_ceil(step),
        })
    }

    /// How many fragments there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Writes fragment `index` (from 0) to the start of `out` and returns its length.
    ///
    /// # Errors
    /// [`FragmentError::NoRoom`].
    pub fn write(&self, index: usize, out: &mut [u8]) -> Result<usize, FragmentError> {
        if self.count == 1 {
            return copy(out, self.packet.bytes()).ok_or(FragmentError::NoRoom);
        }
        if index >= self.count {
            return Err(FragmentError::NoRoom);
        }
        let start = index * self.step;
        let rest = self.packet.payload().get(start..).unwrap_or_default();
        let payload = rest.get(..self.step).unwrap_or(rest);
        let header_len = self
            .write_header(index == 0, out)
            .ok_or(FragmentError::NoRoom)?;
        let (header, body) = out
            .split_at_mut_checked(header_len)
            .ok_or(FragmentError::NoRoom)?;
        copy(body, payload).ok_or(FragmentError::NoRoom)?;
        let more = index + 1 < self.count || self.packet.more_fragments();
        let offset = (self.packet.fragment_offset() + start) / 8;
        finish_header(header, payload.len(), offset, more).ok_or(FragmentError::NoRoom)?;
        Ok(header_len + payload.len())
    }

    /// The header with those options that belong into this fragment; length, offset and checksum
    /// are not right yet.
    fn write_header(&self, first: bool, out: &mut [u8]) -> Option<usize> {
        if first {
            return copy(out, self.packet.header());
        }
        copy(out, self.packet.header().get(..IPV4_HEADER_LEN)?)?;
        let options = out.get_mut(IPV4_HEADER_LEN..)?;
        let len = copy_options(self.packet.options(), options)?;
        let header_len = IPV4_HEADER_LEN + len;
        *out.first_mut()? = 0x40 | u8::try_from(header_len / 4).ok()?;
        Some(header_len)
    }
}

/// Copies the options whose "copied" bit is set (RFC 791 section 3.1), padded to 4 octets.
fn copy_options(options: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut written = 0;
    let mut rest = options;
    while let Some(&kind) = rest.first() {
        let len = match kind {
            0 => break,
            1 => 1,
            // What is malformed from here on is not copied.
            _ => rest.get(1).map_or(0, |len| usize::from(*len)),
        };
        let Some((option, next)) = rest.split_at_checked(len.max(1)) else {
            break;
        };
        if kind != 1 && len < 2 {
            break;
        }
        if kind & 0x80 != 0 {
            written += copy(out.get_mut(written..)?, option)?;
        }
        rest = next;
    }
    while written % 4 != 0 {
        *out.get_mut(written)? = 0;
        written += 1;
    }
    Some(written)
}

fn finish_header(header: &mut [u8], payload_len: usize, offset: usize, more: bool) -> Option<()> {
    let total = u16::try_from(header.len() + payload_len).ok()?;
    let word = u16::try_from(offset).ok()? | if more { 0x2000 } else { 0 };
    let fixed: &mut [u8; IPV4_HEADER_LEN] = header.first_chunk_mut()?;
    [fixed[2], fixed[3]] = total.to_be_bytes();
    [fixed[6], fixed[7]] = word.to_be_bytes();
    [fixed[10], fixed[11]] = [0, 0];
    let sum = Checksum::new().with(header).finish();
    header.get_mut(10..12)?.copy_from_slice(&sum.to_be_bytes());
    Some(())
}

fn copy(to: &mut [u8], from: &[u8]) -> Option<usize> {
    to.get_mut(..from.len())?.copy_from_slice(from);
    Some(from.len())
}

#[cfg(test)]
mod tests;
