//! The clear part of an ESP packet (RFC 4303 section 2).

use crate::error::Malformed;

/// A view on the SPI and the sequence number.
#[derive(Clone, Copy, Debug)]
pub struct EspPacket<'a> {
    fixed: &'a [u8; 8],
}

impl<'a> EspPacket<'a> {
    /// Checks the length.
    ///
    /// # Errors
    /// [`Malformed::Truncated`].
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let fixed = bytes.first_chunk().ok_or(Malformed::Truncated)?;
        Ok(Self { fixed })
    }

    /// The SPI.  0 on port 4500 is the non-ESP marker (RFC 3948 section 2.2).
    #[must_use]
    pub const fn spi(&self) -> u32 {
        u32::from_be_bytes([self.fixed[0], self.fixed[1], self.fixed[2], self.fixed[3]])
    }

    /// The lower 32 bits of the sequence number.
    #[must_use]
    pub const fn sequence(&self) -> u32 {
        u32::from_be_bytes([self.fixed[4], self.fixed[5], self.fixed[6], self.fixed[7]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_fields() {
        let view = EspPacket::new_checked(&[1, 2, 3, 4, 5, 6, 7, 8, 9]).unwrap();
        assert_eq!((view.spi(), view.sequence()), (0x0102_0304, 0x0506_0708));
        let short = EspPacket::new_checked(&[0; 7]).map(|_| ());
        assert_eq!(short.unwrap_err(), Malformed::Truncated);
    }
}
