//! Known answers: whole packets from documents and from a second implementation
//! (`tests/vectors/esp/PROVENANCE.md`).
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use crate::cipher::{CbcKey, CipherKey, Direction};
use crate::{
    Algorithm, Cipher, EspKeys, GcmCode, OpenContext, OpenError, Payload, SealContext, HEADROOM,
    TAILROOM,
};

const PUBLISHED: &str = include_str!("../../../tests/vectors/esp/published.txt");
const GENERATED: &str = include_str!("../../../tests/vectors/esp/generated.txt");

/// Each record with each code for AES-GCM.
fn by_each_code(text: &str) -> impl Iterator<Item = (Record<'_>, GcmCode)> {
    let all = |gcm| records(text).into_iter().map(move |record| (record, gcm));
    GcmCode::ALL.into_iter().flat_map(all)
}

/// One record of `name = value` lines.
struct Record<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Record<'a> {
    fn text(&self, name: &str) -> &'a str {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn octets(&self, name: &str) -> Vec<u8> {
        let digits = self.text(name);
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
            .collect()
    }

    fn number(&self, name: &str) -> u64 {
        u64::from_str_radix(self.text(name), 16).unwrap()
    }

    fn spi(&self) -> u32 {
        u32::try_from(self.number("spi")).unwrap()
    }

    fn esn(&self) -> bool {
        self.text("esn") == "yes"
    }

    fn keys(&self) -> EspKeys {
        EspKeys::new(
            &self.octets("encryption-key"),
            &self.octets("integrity-key"),
        )
    }

    fn algorithm(&self) -> Algorithm {
        let integrity = Some(self.text("integrity")).filter(|name| !name.is_empty());
        Algorithm::from_names(self.text("cipher"), integrity).unwrap()
    }

    /// Opens the packet of the record; what came of it, and the buffer afterwards.
    fn open(&self, gcm: GcmCode) -> (Result<crate::Opened, OpenError>, Vec<u8>) {
        let (algorithm, keys) = (self.algorithm(), self.keys());
        let context = OpenContext::new(algorithm, &keys, self.spi(), self.esn(), gcm).unwrap();
        let mut packet = self.octets("esp");
        let end = packet.len();
        let high = (self.number("sequence") >> 32) as u32;
        let opened = context.open_in_place(&mut packet, 0..end, high);
        (opened, packet)
    }
}

fn records(text: &str) -> Vec<Record<'_>> {
    text.split("\n\n")
        .map(|block| {
            let fields = block.lines().filter(|line| !line.starts_with('#'));
            let fields = fields.filter_map(|line| line.split_once(" ="));
            Record(fields.map(|(name, value)| (name, value.trim())).collect())
        })
        .filter(|record| !record.0.is_empty())
        .collect()
}

#[test]
fn published_aead_packets_open() {
    let mut seen = 0;
    for (record, gcm) in by_each_code(PUBLISHED) {
        if !Cipher::from_name(record.text("cipher")).unwrap().is_aead() {
            continue;
        }
        let (opened, packet) = record.open(gcm);
        let plaintext = record.octets("plaintext");
        let start = record.algorithm().header_len();
        let source = record.text("source");
        assert_eq!(
            &packet[start..start + plaintext.len()],
            plaintext,
            "{source}"
        );
        match plaintext[plaintext.len() - 1] {
            4 => assert!(opened.is_ok(), "{source}"),
            // Most are of transport mode: authentic, and not for a tunnel.
            other => assert_eq!(opened, Err(OpenError::NextHeader(other)), "{source}"),
        }
        seen += 1;
    }
    assert_eq!(seen, GcmCode::ALL.len() * 14);
}

fn cbc_key(record: &Record<'_>, direction: Direction) -> Box<CbcKey> {
    let cipher = Cipher::from_name(record.text("cipher")).unwrap();
    match CipherKey::new(
        cipher,
        &record.octets("encryption-key"),
        direction,
        GcmCode::AwsLc,
    )
    .unwrap()
    {
        CipherKey::Cbc(key) => key,
        _ => panic!("a CBC cipher"),
    }
}

#[test]
fn published_cbc_packets_decrypt_and_encrypt() {
    let mut seen = 0;
    for record in records(PUBLISHED) {
        let cipher = Cipher::from_name(record.text("cipher")).unwrap();
        if cipher.is_aead() {
            continue;
        }
        let key = |direction| cbc_key(&record, direction);
        let packet = record.octets("esp");
        let (iv, ciphertext) = packet[8..].split_at(cipher.iv_len());
        let mut body = ciphertext.to_vec();
        assert!(key(Direction::Open).decrypt(iv, &mut body).is_ok());
        assert_eq!(
            body,
            record.octets("plaintext"),
            "{}",
            record.text("source")
        );
        assert!(key(Direction::Seal).encrypt(iv, &mut body).is_ok());
        assert_eq!(body, ciphertext, "{}", record.text("source"));
        seen += 1;
    }
    assert_eq!(seen, 4);
}

#[test]
fn packets_of_the_second_implementation_open() {
    let records: Vec<_> = by_each_code(GENERATED).collect();
    assert_eq!(records.len(), GcmCode::ALL.len() * 68);
    for (record, gcm) in records {
        let (opened, packet) = record.open(gcm);
        let opened = opened.unwrap();
        assert_eq!(opened.seq, record.number("sequence"));
        let Payload::Packet(_, range) = opened.payload else {
            panic!("a packet");
        };
        assert_eq!(packet[range], record.octets("inner"));
    }
}

#[test]
fn sealing_gives_the_packets_of_the_second_implementation() {
    for (record, gcm) in by_each_code(GENERATED) {
        let seed: [u8; 16] = record.octets("iv-seed").try_into().unwrap();
        let (algorithm, keys, esn) = (record.algorithm(), record.keys(), record.esn());
        let context = SealContext::new(algorithm, &keys, record.spi(), esn, &seed, gcm).unwrap();
        let inner = record.octets("inner");
        let mut buffer = vec![0xee; HEADROOM + inner.len() + TAILROOM];
        let place = HEADROOM..HEADROOM + inner.len();
        buffer[place.clone()].copy_from_slice(&inner);
        let next_header = if esn { 41 } else { 4 };
        let range = context
            .seal_in_place(&mut buffer, place, next_header, record.number("sequence"))
            .unwrap();
        let before = range.start;
        let after = range.end;
        assert_eq!(
            buffer[range],
            record.octets("esp"),
            "{}",
            record.text("cipher")
        );
        let untouched = buffer[..before].iter().chain(&buffer[after..]);
        assert!(untouched.copied().all(|octet| octet == 0xee));
    }
}
