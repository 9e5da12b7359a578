use super::*;
use proptest::prelude::*;

/// RFC 1071 section 4.1 read literally: 16-bit words, one after the other.
fn reference(data: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in data.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([pair[0], low]));
        if sum > 0xffff {
            sum -= 0xffff;
        }
    }
    sum as u16
}

/// Zero and all ones are the same number in ones' complement arithmetic.
fn canonical(sum: u16) -> u16 {
    if sum == 0xffff {
        0
    } else {
        sum
    }
}

#[test]
fn example_of_rfc_1071_section_3() {
    let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(Checksum::new().with(&data).folded(), 0xddf2);
    assert_eq!(Checksum::new().with(&data).finish(), !0xddf2);
}

#[test]
fn example_of_rfc_1624_section_4() {
    assert_eq!(update_u16(0xdd2f, 0x5555, 0x3285), 0x0000);
}

#[test]
fn empty_data_sums_to_zero() {
    assert_eq!(Checksum::new().with(&[]).folded(), 0);
    assert_eq!(Checksum::new().finish(), 0xffff);
}

proptest! {
    #[test]
    fn same_as_word_by_word(data in prop::collection::vec(any::<u8>(), 0..2000)) {
        let sum = Checksum::new().with(&data).folded();
        prop_assert_eq!(canonical(sum), canonical(reference(&data)));
    }

    #[test]
    fn carries_survive_all_ones(len in 0usize..3000, tail in any::<[u8; 3]>()) {
        let mut data = vec![0xff; len];
        data.extend_from_slice(&tail);
        let sum = Checksum::new().with(&data).folded();
        prop_assert_eq!(canonical(sum), canonical(reference(&data)));
    }

    #[test]
    fn pieces_sum_to_the_whole(
        data in prop::collection::vec(any::<u8>(), 0..500),
        cut in 0usize..250,
    ) {
        let cut = (cut * 2).min(data.len() & !1);
        let (head, tail) = data.split_at(cut);
        let pieces = Checksum::new().with(head).with(tail).folded();
        prop_assert_eq!(canonical(pieces), canonical(reference(&data)));
    }

    #[test]
    fn words_add_like_octets(a in any::<u16>(), b in any::<u32>()) {
        let mut octets = a.to_be_bytes().to_vec();
        octets.extend_from_slice(&b.to_be_bytes());
        let sum = Checksum::new().add_u16(a).add_u32(b).folded();
        prop_assert_eq!(canonical(sum), canonical(reference(&octets)));
    }

    #[test]
    fn update_is_the_same_as_anew(
        mut data in prop::collection::vec(any::<u8>(), 4..200),
        at in any::<prop::sample::Index>(),
        new in any::<u32>(),
    ) {
        let at = at.index(data.len() / 2 - 1) * 2;
        let before = Checksum::new().with(&data).finish();
        let old = u32::from_be_bytes(data[at..at + 4].try_into().unwrap());
        data[at..at + 4].copy_from_slice(&new.to_be_bytes());
        let after = Checksum::new().with(&data).finish();
        prop_assert_eq!(canonical(update_u32(before, old, new)), canonical(after));
    }

    #[test]
    fn data_with_its_checksum_is_valid(mut data in prop::collection::vec(any::<u8>(), 2..200)) {
        data[0] = 0;
        data[1] = 0;
        let checksum = Checksum::new().with(&data).finish();
        data[0..2].copy_from_slice(&checksum.to_be_bytes());
        prop_assert!(Checksum::new().with(&data).is_valid());
    }
}
