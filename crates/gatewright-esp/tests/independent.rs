//! AEADs, octet for octet against another implementation (RustCrypto), by each code path that the
//! processor offers: Intel's library, vector AES, plain AES instructions, none.
#![allow(clippy::unwrap_used)]

use aes_gcm::aead::{Aead, KeyInit, Payload as Sealing};
use aes_gcm::aes::Aes192;
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm};
use chacha20poly1305::ChaCha20Poly1305;
use gatewright_esp::{
    Algorithm, Cipher, EspKeys, GcmCode, OpenContext, Payload, SealContext, HEADROOM, TAILROOM,
};
use proptest::prelude::*;

const SPI: u32 = 0xc0de_1234;
const AEADS: [Cipher; 4] = [
    Cipher::Aes128Gcm,
    Cipher::Aes192Gcm,
    Cipher::Aes256Gcm,
    Cipher::ChaCha20Poly1305,
];

fn keying_material(cipher: Cipher, fill: u8) -> Vec<u8> {
    let len = cipher.key_len() + cipher.salt_len();
    (0..len)
        .map(|i| fill ^ (i as u8).wrapping_mul(41))
        .collect()
}

/// What the other implementation seals to, with its ICV.
fn other(cipher: Cipher, material: &[u8], iv: &[u8], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let (key, salt) = material.split_at(cipher.key_len());
    let nonce = [salt, iv].concat();
    let nonce = aes_gcm::Nonce::from_slice(&nonce);
    let message = Sealing { msg: plain, aad };
    match cipher {
        Cipher::Aes128Gcm => Aes128Gcm::new_from_slice(key)
            .unwrap()
            .encrypt(nonce, message),
        Cipher::Aes192Gcm => AesGcm::<Aes192, aes_gcm::aead::consts::U12>::new_from_slice(key)
            .unwrap()
            .encrypt(nonce, message),
        Cipher::Aes256Gcm => Aes256Gcm::new_from_slice(key)
            .unwrap()
            .encrypt(nonce, message),
        _ => ChaCha20Poly1305::new_from_slice(key)
            .unwrap()
            .encrypt(nonce, message),
    }
    .unwrap()
}

/// An IPv4 packet of `len` octets, 20 at least.
fn inner(len: usize, fill: u8) -> Vec<u8> {
    let mut packet: Vec<u8> = (0..len).map(|i| (i * 7) as u8 ^ fill).collect();
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
    packet
}

/// The whole ESP packet as RFC 4303 section 2 and RFC 4106 put it together.
fn expected(
    cipher: Cipher,
    material: &[u8],
    inner: &[u8],
    seq: u64,
    esn: bool,
    iv: &[u8],
) -> Vec<u8> {
    let mut plain = inner.to_vec();
    let padding = (4 - (plain.len() + 2) % 4) % 4;
    plain.extend((1..=padding).map(|octet| octet as u8));
    plain.extend([padding as u8, 4]);
    let spi = SPI.to_be_bytes();
    let low = &seq.to_be_bytes()[4..];
    let aad = if esn {
        [&spi[..], &seq.to_be_bytes()].concat()
    } else {
        [&spi[..], low].concat()
    };
    let sealed = other(cipher, material, iv, &aad, &plain);
    [&spi[..], low, iv, &sealed].concat()
}

/// Seals between octets that must stay, compares, and opens what the other implementation made.
fn compare(gcm: GcmCode, cipher: Cipher, len: usize, fill: u8, seq: u64, esn: bool) {
    let algorithm = Algorithm::new(cipher, None).unwrap();
    let material = keying_material(cipher, fill);
    let keys = EspKeys::new(&material, &[]);
    let seal = SealContext::new(algorithm, &keys, SPI, esn, &[9; 16], gcm).unwrap();
    let open = OpenContext::new(algorithm, &keys, SPI, esn, gcm).unwrap();
    let packet = inner(len, fill);

    let start = 13 + HEADROOM;
    let mut buffer = vec![0xa5; start + len + TAILROOM + 13];
    buffer[start..start + len].copy_from_slice(&packet);
    let range = seal
        .seal_in_place(&mut buffer, start..start + len, 4, seq)
        .unwrap();
    let iv = buffer[range.start + 8..range.start + 16].to_vec();
    let other = expected(cipher, &material, &packet, seq, esn, &iv);
    assert_eq!(buffer[range.clone()], other, "{cipher:?} of {len}");
    let untouched = |octets: &[u8]| octets.iter().all(|octet| *octet == 0xa5);
    assert!(untouched(&buffer[..range.start]) && untouched(&buffer[range.end..]));

    let mut received = [&[0xa5; 5][..], &other, &[0xa5; 5]].concat();
    let high = (seq >> 32) as u32;
    let opened = open
        .open_in_place(&mut received, 5..5 + other.len(), high)
        .unwrap();
    let Payload::Packet(_, place) = opened.payload else {
        panic!("a packet of {len}")
    };
    assert_eq!(received[place], packet, "{cipher:?} of {len}");
    assert!(untouched(&received[..5]) && untouched(&received[received.len() - 5..]));
}

fn every_length(gcm: GcmCode, ciphers: &[Cipher]) {
    for cipher in ciphers {
        for len in 20..2000 {
            let seq = 1 + (len as u64 * 0x0101_0101) % u64::from(u32::MAX);
            compare(gcm, *cipher, len, len as u8, seq, false);
        }
    }
}

#[test]
fn every_length_is_what_the_other_implementation_makes() {
    every_length(GcmCode::AwsLc, &AEADS);
}

#[test]
fn every_length_is_that_of_the_other_codes_too() {
    every_length(GcmCode::Fastest, &AEADS[..3]);
    every_length(GcmCode::Ring, &AEADS[..3]);
}

proptest! {
    #[test]
    fn any_length_key_and_number(
        cipher in prop::sample::select(AEADS.to_vec()), len in 20usize..16_000, fill: u8,
        low in 1u32.., high: u32, esn: bool,
        gcm in prop::sample::select(GcmCode::ALL.to_vec()),
    ) {
        let high = if esn { u64::from(high) << 32 } else { 0 };
        compare(gcm, cipher, len, fill, high | u64::from(low), esn);
    }
}

/// The library chooses code by the processor; a mask over what the processor says makes it choose
/// what it would on an older one.  Runs the tests above again under each mask.
#[cfg(target_arch = "x86_64")]
#[test]
fn the_code_for_older_processors_agrees_too() {
    // Two words of two registers each: leaf 1, ECX above EDX, then leaf 7, ECX above EBX.
    let masks = [
        // AVX2 and AVX-512 (EBX bits 5, 16, 17, 30, 31), VAES and VPCLMULQDQ (ECX bits 9, 10).
        ":~0x600c0030020",
        // And AVX (ECX bit 28).
        "~0x1000000000000000:~0x600c0030020",
        // And AES and PCLMULQDQ (bits 25, 1): SSSE3 alone.
        "~0x1200000200000000:~0x600c0030020",
        // And SSSE3 (bit 9): nothing.
        "~0x1200020200000000:~0x600c0030020",
    ];
    for mask in masks {
        let this = std::env::current_exe().unwrap();
        let output = std::process::Command::new(this)
            .args([
                "--exact",
                "every_length_is_what_the_other_implementation_makes",
            ])
            .env("OPENSSL_ia32cap", mask)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{mask}: {said}"
        );
    }
}
