//! Every algorithm: what was sealed opens, what was touched does not, and nothing panics.
#![allow(clippy::unwrap_used)]

use gatewright_esp::{
    Algorithm, Cipher, EspKeys, GcmCode, Integrity, KeyError, OpenContext, OpenError, Payload,
    SealContext, SealError, HEADROOM, TAILROOM,
};
use proptest::prelude::*;

const SPI: u32 = 0x1234_5678;

fn algorithms() -> Vec<Algorithm> {
    let pairs = Cipher::ALL.into_iter().flat_map(|cipher| {
        let integrities: Vec<_> = if cipher.is_aead() {
            vec![None]
        } else {
            Integrity::ALL.into_iter().map(Some).collect()
        };
        integrities
            .into_iter()
            .map(move |integrity| Algorithm::new(cipher, integrity).unwrap())
    });
    pairs.collect()
}

fn any_algorithm() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(algorithms())
}

fn keys(algorithm: Algorithm, fill: u8) -> EspKeys {
    let cipher = algorithm.cipher();
    let length = cipher.key_len() + cipher.salt_len();
    let encryption: Vec<u8> = (0..length)
        .map(|i| fill ^ (i as u8).wrapping_mul(37))
        .collect();
    let integrity = vec![fill; algorithm.integrity().map_or(0, Integrity::key_len)];
    EspKeys::new(&encryption, &integrity)
}

fn any_code() -> impl Strategy<Value = GcmCode> {
    prop::sample::select(GcmCode::ALL.to_vec())
}

fn contexts(algorithm: Algorithm, esn: bool, gcm: GcmCode) -> (SealContext, OpenContext) {
    let keys = keys(algorithm, 0x5a);
    let seal = SealContext::new(algorithm, &keys, SPI, esn, &[7; 16], gcm).unwrap();
    let open = OpenContext::new(algorithm, &keys, SPI, esn, gcm).unwrap();
    (seal, open)
}

fn ipv4(payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend([10, 0, 0, 1, 10, 0, 0, 2]);
    packet.extend(payload);
    packet
}

fn sealed(context: &SealContext, inner: &[u8], seq: u64) -> Vec<u8> {
    let mut buffer = vec![0xee; HEADROOM + inner.len() + TAILROOM];
    buffer[HEADROOM..HEADROOM + inner.len()].copy_from_slice(inner);
    let range = context
        .seal_in_place(&mut buffer, HEADROOM..HEADROOM + inner.len(), 4, seq)
        .unwrap();
    assert_eq!(range.len(), context.algorithm().sealed_len(inner.len()));
    buffer[range].to_vec()
}

proptest! {
    #[test]
    fn what_was_sealed_opens(
        algorithm in any_algorithm(), payload in prop::collection::vec(any::<u8>(), 0..600),
        esn: bool, low in 1u32.., high: u32, gcms in (any_code(), any_code()),
    ) {
        let (seal, _) = contexts(algorithm, esn, gcms.0);
        let (_, open) = contexts(algorithm, esn, gcms.1);
        let high = if esn { high } else { 0 };
        let seq = u64::from(high) << 32 | u64::from(low);
        let inner = ipv4(&payload);
        let mut packet = sealed(&seal, &inner, seq);
        prop_assert_eq!(&packet[..4], &SPI.to_be_bytes());
        prop_assert_eq!(&packet[4..8], &low.to_be_bytes());
        let end = packet.len();
        let opened = open.open_in_place(&mut packet, 0..end, high).unwrap();
        prop_assert_eq!(opened.seq, seq);
        let Payload::Packet(_, range) = opened.payload else { panic!("a packet") };
        prop_assert_eq!(&packet[range], &inner[..]);
    }

    #[test]
    fn one_changed_bit_anywhere_is_found(
        algorithm in any_algorithm(), esn: bool, bit in 0usize..10_000, gcm in any_code()
    ) {
        let (seal, open) = contexts(algorithm, esn, gcm);
        let mut packet = sealed(&seal, &ipv4(b"some payload"), 5);
        let bit = bit % (packet.len() * 8);
        packet[bit / 8] ^= 1 << (bit % 8);
        let end = packet.len();
        let error = open.open_in_place(&mut packet, 0..end, 0).unwrap_err();
        let expected = if bit < 32 { OpenError::WrongSpi } else { OpenError::Authentication };
        prop_assert_eq!(error, expected);
    }

    #[test]
    fn the_high_half_of_the_number_is_authenticated(
        algorithm in any_algorithm(), high in 1u32.., gcm in any_code()
    ) {
        let (seal, open) = contexts(algorithm, true, gcm);
        let mut packet = sealed(&seal, &ipv4(b"x"), 5);
        let end = packet.len();
        let error = open.open_in_place(&mut packet, 0..end, high).unwrap_err();
        prop_assert_eq!(error, OpenError::Authentication);
    }

    #[test]
    fn any_octets_never_panic(
        algorithm in any_algorithm(), mut octets in prop::collection::vec(any::<u8>(), 0..200),
        start in 0usize..250, end in 0usize..250, ours: bool, gcm in any_code(),
    ) {
        let (_, open) = contexts(algorithm, false, gcm);
        if ours && octets.len() >= 4 {
            octets[..4].copy_from_slice(&SPI.to_be_bytes());
        }
        prop_assert!(open.open_in_place(&mut octets, start..end, 0).is_err());
        let end = octets.len();
        prop_assert!(open.open_in_place(&mut octets, 0..end, 0).is_err());
    }
}

#[test]
fn room_and_numbers_are_checked() {
    let algorithm = Algorithm::from_names("aes-128-gcm", None).unwrap();
    let (seal, _) = contexts(algorithm, false, GcmCode::Fastest);
    let mut buffer = [0; 200];
    let mut error = |range, seq| seal.seal_in_place(&mut buffer, range, 4, seq).unwrap_err();
    assert_eq!(error(8..60, 1), SealError::Headroom);
    assert_eq!(error(100..190, 1), SealError::Tailroom);
    assert_eq!(error(100..201, 1), SealError::Range);
    assert_eq!(error(50..100, 0), SealError::Sequence);
    assert_eq!(error(50..100, 1 << 32), SealError::Sequence);
}

#[test]
fn wrong_keys_are_refused_by_name() {
    let algorithm = Algorithm::from_names("des-cbc", Some("hmac-md5-96")).unwrap();
    let refusal = |encryption: &[u8], integrity: &[u8], spi| {
        let keys = EspKeys::new(encryption, integrity);
        OpenContext::new(algorithm, &keys, spi, false, GcmCode::Fastest)
            .map(|_| ())
            .unwrap_err()
    };
    let weak = [0x01; 8];
    assert_eq!(refusal(&weak, &[0; 16], SPI), KeyError::WeakKey);
    let without_parity = [0x00; 8];
    assert_eq!(refusal(&without_parity, &[0; 16], SPI), KeyError::WeakKey);
    assert_eq!(refusal(&[9; 8], &[0; 16], 255), KeyError::ReservedSpi);
    let short = KeyError::EncryptionLength {
        expected: 8,
        actual: 7,
    };
    assert_eq!(refusal(&[9; 7], &[0; 16], SPI), short);
    let long = KeyError::IntegrityLength {
        expected: 16,
        actual: 20,
    };
    assert_eq!(refusal(&[9; 8], &[0; 20], SPI), long);
}

#[test]
fn a_triple_key_of_less_than_three_keys_is_refused() {
    let algorithm = Algorithm::from_names("3des-cbc", Some("hmac-sha1-96")).unwrap();
    let parts = [[0x13; 8], [0x25; 8], [0x37; 8]];
    for (first, second, third, accepted) in [(0, 1, 2, true), (0, 0, 1, false), (0, 1, 0, false)] {
        let key = [parts[first], parts[second], parts[third]].concat();
        let keys = EspKeys::new(&key, &[0; 20]);
        let made = OpenContext::new(algorithm, &keys, SPI, false, GcmCode::Fastest).map(|_| ());
        assert_eq!(
            made,
            if accepted {
                Ok(())
            } else {
                Err(KeyError::WeakKey)
            }
        );
    }
}

#[test]
fn cbc_ivs_differ_and_do_not_count() {
    let algorithm = Algorithm::from_names("aes-256-cbc", Some("hmac-sha256-128")).unwrap();
    let (seal, _) = contexts(algorithm, false, GcmCode::Fastest);
    let iv = |seq| sealed(&seal, &ipv4(b"same"), seq)[8..24].to_vec();
    let ivs: Vec<_> = (1..100).map(iv).collect();
    let distinct: std::collections::BTreeSet<_> = ivs.iter().collect();
    assert_eq!(distinct.len(), ivs.len());
    for pair in ivs.windows(2) {
        let differing = pair[0]
            .iter()
            .zip(&pair[1])
            .map(|(a, b)| (a ^ b).count_ones());
        let differing: u32 = differing.sum();
        assert!(differing > 20, "{differing} of 128 bits");
    }
}

#[test]
fn a_dummy_packet_and_wrong_padding_are_told_apart() {
    let algorithm = Algorithm::from_names("null", Some("hmac-sha1-96")).unwrap();
    let (seal, open) = contexts(algorithm, false, GcmCode::Fastest);
    let inner = ipv4(b"abc");
    let mut buffer = vec![0; HEADROOM + inner.len() + TAILROOM];
    let place = HEADROOM..HEADROOM + inner.len();
    for (next_header, expected) in [
        (59, Ok(Payload::Dummy)),
        (6, Err(OpenError::NextHeader(6))),
        (41, Err(OpenError::InnerHeader)),
    ] {
        buffer[place.clone()].copy_from_slice(&inner);
        let range = seal
            .seal_in_place(&mut buffer, place.clone(), next_header, 1)
            .unwrap();
        let opened = open
            .open_in_place(&mut buffer, range, 0)
            .map(|opened| opened.payload);
        assert_eq!(opened, expected);
    }
}
