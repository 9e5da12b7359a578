//! The library against aws-lc and against RustCrypto: the same octets, and nothing forged opens.
#![allow(clippy::unwrap_used)]

use aes_gcm::aead::{consts::U12, Aead, KeyInit, Payload};
use aes_gcm::aes::Aes192;
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm};
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_128_GCM, AES_192_GCM, AES_256_GCM};
use gatewright_ipsec_mb::{library, GcmError, GcmKey, NONCE_LEN, TAG_LEN};
use proptest::prelude::*;

const CANARY: u8 = 0xa5;
const AROUND: usize = 70;

/// A key of the library's where it is used; `library/tests.rs` says where it has to be.
fn ours(key: &[u8]) -> Option<Box<GcmKey>> {
    match library() {
        Ok(library) => Some(library.key(key).unwrap()),
        Err(why) => {
            eprintln!("not tested: {why}");
            None
        }
    }
}

type Sealed = (Vec<u8>, [u8; TAG_LEN]);

fn by_aws_lc(key: &[u8], nonce: [u8; NONCE_LEN], aad: &[u8], plain: &[u8]) -> Sealed {
    let algorithm = match key.len() {
        16 => &AES_128_GCM,
        24 => &AES_192_GCM,
        _ => &AES_256_GCM,
    };
    let key = LessSafeKey::new(UnboundKey::new(algorithm, key).unwrap());
    let mut data = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(aad), &mut data)
        .unwrap();
    (data, tag.as_ref().try_into().unwrap())
}

fn by_rust_crypto(key: &[u8], nonce: [u8; NONCE_LEN], aad: &[u8], plain: &[u8]) -> Sealed {
    let message = Payload { msg: plain, aad };
    let nonce = &nonce.into();
    let mut data = match key.len() {
        16 => Aes128Gcm::new_from_slice(key)
            .unwrap()
            .encrypt(nonce, message),
        24 => AesGcm::<Aes192, U12>::new_from_slice(key)
            .unwrap()
            .encrypt(nonce, message),
        _ => Aes256Gcm::new_from_slice(key)
            .unwrap()
            .encrypt(nonce, message),
    }
    .unwrap();
    let tag = data.split_off(plain.len());
    (data, tag.try_into().unwrap())
}

fn octets(len: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), len)
}

fn any_key() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![16usize, 24, 32]).prop_flat_map(octets)
}

fn any_aad() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => octets(8), 3 => octets(12), 1 => octets(0..100)]
}

/// A buffer with the octets at `at`, between others that must stay.
struct Placed {
    buffer: Vec<u8>,
    at: usize,
    len: usize,
}

impl Placed {
    fn new(octets: &[u8], at: usize) -> Self {
        let mut buffer = vec![CANARY; at + octets.len() + AROUND];
        buffer[at..at + octets.len()].copy_from_slice(octets);
        let len = octets.len();
        Self { buffer, at, len }
    }

    fn place(&mut self) -> &mut [u8] {
        &mut self.buffer[self.at..self.at + self.len]
    }

    /// The octets, once nothing around them has changed.
    fn octets(&self) -> &[u8] {
        let (before, rest) = self.buffer.split_at(self.at);
        let (octets, behind) = rest.split_at(self.len);
        assert!(before.iter().chain(behind).all(|octet| *octet == CANARY));
        octets
    }
}

proptest! {
    #[test]
    fn three_implementations_are_one(
        key in any_key(), nonce: [u8; NONCE_LEN], aad in any_aad(), plain in octets(0..9001),
        at in 0..AROUND,
    ) {
        let Some(ours) = ours(&key) else { return Ok(()) };
        let (ciphertext, tag) = by_aws_lc(&key, nonce, &aad, &plain);
        prop_assert_eq!(&by_rust_crypto(&key, nonce, &aad, &plain), &(ciphertext.clone(), tag));
        let mut placed = Placed::new(&plain, at);
        prop_assert_eq!(ours.seal_in_place(&nonce, &aad, placed.place()), Ok(tag));
        prop_assert_eq!(placed.octets(), &ciphertext);
        prop_assert_eq!(ours.open_in_place(&nonce, &aad, placed.place(), &tag), Ok(()));
        prop_assert_eq!(placed.octets(), &plain);
    }

    #[test]
    fn one_changed_bit_anywhere_is_refused_and_leaves_zeroes(
        key in any_key(), nonce: [u8; NONCE_LEN], aad in any_aad(), plain in octets(0..2000),
        at in 0..AROUND, bit: prop::sample::Index,
    ) {
        let Some(ours) = ours(&key) else { return Ok(()) };
        let mut sealed = plain.clone();
        let tag = ours.seal_in_place(&nonce, &aad, &mut sealed).unwrap();
        let mut message = [&nonce[..], &tag, &aad, &sealed].concat();
        let bit = bit.index(8 * message.len());
        message[bit / 8] ^= 1 << (bit % 8);
        let (nonce, rest) = message.split_first_chunk().unwrap();
        let (tag, rest) = rest.split_first_chunk().unwrap();
        let (aad, sealed) = rest.split_at(aad.len());
        let mut placed = Placed::new(sealed, at);
        let answer = ours.open_in_place(nonce, aad, placed.place(), tag);
        prop_assert_eq!(answer, Err(GcmError::Forged));
        prop_assert!(placed.octets().iter().all(|octet| *octet == 0));
    }
}

/// Also where the loops over 16 and 48 blocks begin and end.
#[test]
fn every_length_up_to_three_thousand() {
    for key_len in [16, 24, 32] {
        let key: Vec<u8> = (0..key_len)
            .map(|octet: u8| octet.wrapping_mul(29))
            .collect();
        let Some(ours) = ours(&key) else { return };
        for len in 0..3000usize {
            let plain: Vec<u8> = (0..len).map(|at| (at * 7 + len) as u8).collect();
            let nonce = [len as u8; NONCE_LEN];
            let aad = &[5; 12][..if len % 2 == 0 { 8 } else { 12 }];
            let mut data = plain.clone();
            let tag = ours.seal_in_place(&nonce, aad, &mut data).unwrap();
            assert_eq!((data, tag), by_aws_lc(&key, nonce, aad, &plain), "{len}");
        }
    }
}

/// Workers share an SA's key while its policy changes hands.
#[test]
fn threads_share_a_key() {
    let Some(ours) = ours(&[7; 16]) else { return };
    let ours = &*ours;
    std::thread::scope(|scope| {
        for thread in 0..4u8 {
            scope.spawn(move || {
                let plain = vec![thread; 1400];
                for turn in 0..200u8 {
                    let nonce = [thread ^ turn.rotate_left(4); NONCE_LEN];
                    let mut data = plain.clone();
                    let tag = ours.seal_in_place(&nonce, &nonce, &mut data).unwrap();
                    let expected = by_aws_lc(&[7; 16], nonce, &nonce, &plain);
                    assert_eq!((&data, tag), (&expected.0, expected.1));
                    ours.open_in_place(&nonce, &nonce, &mut data, &tag).unwrap();
                    assert_eq!(data, plain);
                }
            });
        }
    });
}

#[test]
fn a_key_has_one_of_three_lengths_and_is_never_printed() {
    let Some(key) = ours(&[0xab; 32]) else { return };
    assert_eq!(format!("{key:?}"), "GcmKey(32 octets)");
    let library = library().map_err(str::to_owned).unwrap();
    for len in [0, 15, 17, 20, 33, 64] {
        assert!(library.key(&vec![1; len]).is_none(), "{len}");
    }
}
