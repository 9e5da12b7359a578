//! Reads octets back, plainly, and says what is wrong with them.

use crate::checksum::checksum;

/// What was read of a well-formed packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// 4 or 6.
    pub version: u8,
    /// Behind extension headers.
    pub protocol: u8,
    /// A fragment of something, the first one included.
    pub fragment: bool,
    /// In octets.
    pub fragment_offset: usize,
    /// Whether other fragments follow.
    pub more: bool,
    /// DSCP and ECN.
    pub class: u8,
    /// Behind IP and extension headers.
    pub upper: Vec<u8>,
}

/// Reads one packet that has to be exactly these octets.
///
/// # Errors
/// What is wrong: a length, a checksum, a chain of extension headers.
pub fn judge(octets: &[u8]) -> Result<Judgement, String> {
    let version = octets.first().ok_or("empty")? >> 4;
    let (judgement, pseudo) = match version {
        4 => judge_v4(octets)?,
        6 => judge_v6(octets)?,
        other => return Err(format!("IP version {other}")),
    };
    if !judgement.fragment {
        judge_upper(&judgement, &pseudo)?;
    }
    Ok(judgement)
}

fn judge_v4(octets: &[u8]) -> Result<(Judgement, Vec<u8>), String> {
    let header_len = usize::from(octets[0] & 15) * 4;
    if header_len < 20 || octets.len() < header_len {
        return Err(format!("IPv4 header of {header_len} octets"));
    }
    let total = usize::from(u16::from_be_bytes([octets[2], octets[3]]));
    if total != octets.len() {
        return Err(format!("total length {total}, but {} octets", octets.len()));
    }
    if checksum(&[&octets[..header_len]]) != 0 {
        return Err("IPv4 header checksum".to_owned());
    }
    let word = u16::from_be_bytes([octets[6], octets[7]]);
    let upper = octets[header_len..].to_vec();
    let len = u16::try_from(upper.len()).unwrap().to_be_bytes();
    let pseudo = [&octets[12..20], &[0, octets[9]], &len].concat();
    let judgement = Judgement {
        version: 4,
        protocol: octets[9],
        fragment: word & 0x3fff != 0,
        fragment_offset: usize::from(word & 0x1fff) * 8,
        more: word & 0x2000 != 0,
        class: octets[1],
        upper,
    };
    Ok((judgement, pseudo))
}

fn judge_v6(octets: &[u8]) -> Result<(Judgement, Vec<u8>), String> {
    if octets.len() < 40 {
        return Err("IPv6 header cut off".to_owned());
    }
    let payload = usize::from(u16::from_be_bytes([octets[4], octets[5]]));
    if payload + 40 != octets.len() {
        return Err(format!(
            "payload length {payload}, but {} octets",
            octets.len()
        ));
    }
    let mut last = octets[24..40].to_vec();
    let (mut next, mut at, mut fragment) = (octets[6], 40, None);
    while matches!(next, 0 | 43 | 44 | 51 | 60) {
        let Some(head) = octets.get(at..at + 8) else {
            return Err("extension header cut off".to_owned());
        };
        let len = match next {
            44 => 8,
            51 => (usize::from(head[1]) + 2) * 4,
            _ => (usize::from(head[1]) + 1) * 8,
        };
        if next == 43 && head[3] > 0 && head[2] == 2 {
            last = octets
                .get(at + 8..at + 24)
                .ok_or("routing header")?
                .to_vec();
        }
        if next == 44 {
            let word = u16::from_be_bytes([head[2], head[3]]);
            fragment = Some((usize::from(word & 0xfff8), word & 1 != 0));
        }
        next = head[0];
        at += len;
        if fragment.is_some_and(|(offset, _)| offset > 0) {
            break;
        }
    }
    let upper = octets
        .get(at..)
        .ok_or("extension header too long")?
        .to_vec();
    let len = u32::try_from(upper.len()).unwrap().to_be_bytes();
    let pseudo = [&octets[8..24], &last, &len, &[0, 0, 0, next]].concat();
    let (fragment_offset, more) = fragment.unwrap_or_default();
    let judgement = Judgement {
        version: 6,
        protocol: next,
        fragment: fragment_offset > 0 || more,
        fragment_offset,
        more,
        class: octets[0] << 4 | octets[1] >> 4,
        upper,
    };
    Ok((judgement, pseudo))
}

fn judge_upper(judgement: &Judgement, pseudo: &[u8]) -> Result<(), String> {
    let upper = &judgement.upper;
    let valid = |parts: &[&[u8]]| checksum(parts) == 0;
    let sound = match (judgement.version, judgement.protocol) {
        (_, 6) => {
            let offset = upper.get(12).map_or(0, |octet| usize::from(octet >> 4) * 4);
            if offset < 20 || offset > upper.len() {
                return Err(format!("TCP header of {offset} octets"));
            }
            valid(&[pseudo, upper])
        }
        (version, 17) => {
            let len = upper
                .get(4..6)
                .map_or(0, |b| u16::from_be_bytes([b[0], b[1]]));
            if usize::from(len) != upper.len() || len < 8 {
                return Err(format!("UDP length {len}, but {} octets", upper.len()));
            }
            (version == 4 && upper[6..8] == [0, 0]) || valid(&[pseudo, upper])
        }
        (4, 1) => valid(&[upper]),
        (6, 58) => valid(&[pseudo, upper]),
        _ => true,
    };
    if sound {
        Ok(())
    } else {
        Err(format!("checksum of protocol {}", judgement.protocol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategies;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_packet_of_the_strategies_is_well_formed(packet in strategies::any_packet(300)) {
            let judged = judge(&packet.octets()).unwrap();
            prop_assert_eq!(judged.protocol, packet.upper.protocol());
            prop_assert_eq!(judged.class, packet.class());
        }

        /// A flipped bit behind the IP header is found wherever a checksum covers it.
        #[test]
        fn a_flipped_bit_is_found(packet in strategies::segmentable(300), bit in 0usize..10_000) {
            let mut octets = packet.octets();
            let start = packet.transport_offset();
            let bit = bit % ((octets.len() - start) * 8);
            octets[start + bit / 8] ^= 1 << (bit % 8);
            prop_assert!(judge(&octets).is_err());
        }
    }
}
