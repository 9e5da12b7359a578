//! The internet checksum, word by word.

/// RFC 1071 section 4.1: the complement of the ones' complement sum of all 16-bit words of the
/// parts put together; an odd octet at the end counts as the upper half of a word.
#[must_use]
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let octets = parts.concat();
    let mut sum = 0u32;
    for word in octets.chunks(2) {
        let low = word.get(1).copied().unwrap_or(0);
        sum += u32::from(word[0]) * 256 + u32::from(low);
        if sum > 0xffff {
            sum -= 0xffff;
        }
    }
    0xffff - u16::try_from(sum).unwrap()
}

#[cfg(test)]
mod tests {
    use super::checksum;

    /// The example of RFC 1071 section 3.
    #[test]
    fn the_example_of_the_rfc() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(checksum(&[&octets]), !0xddf2);
        assert_eq!(checksum(&[&octets[..3], &octets[3..]]), !0xddf2);
    }

    #[test]
    fn an_odd_octet_is_an_upper_half() {
        assert_eq!(checksum(&[&[0x12]]), !0x1200);
        assert_eq!(checksum(&[&[0xff; 3]]), !0xff00);
    }
}
