//! What a packet costs to seal, to open and to number, for each algorithm.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{criterion_group, criterion_main, BatchSize, Criterion, Throughput};
use gatewright_esp::{
    Algorithm, Cipher, EspKeys, GcmCode, Integrity, OpenContext, ReplayWindow, SealContext,
    SequenceCounter, HEADROOM, TAILROOM,
};

const SPI: u32 = 0x1234_5678;

/// The ones that a policy is likely to name, and the oldest.
const ALGORITHMS: [(&str, Option<&str>); 8] = [
    ("aes-128-gcm", None),
    ("aes-256-gcm", None),
    ("chacha20-poly1305", None),
    ("aes-128-cbc", Some("hmac-sha256-128")),
    ("aes-256-cbc", Some("hmac-sha512-256")),
    ("3des-cbc", Some("hmac-sha1-96")),
    ("des-cbc", Some("hmac-md5-96")),
    ("null", Some("hmac-sha1-96")),
];

fn contexts(algorithm: Algorithm, gcm: GcmCode) -> (SealContext, OpenContext) {
    let cipher: Cipher = algorithm.cipher();
    let length = cipher.key_len() + cipher.salt_len();
    let encryption: Vec<u8> = (0..length)
        .map(|i| 0x5a ^ (i as u8).wrapping_mul(37))
        .collect();
    let integrity = vec![7; algorithm.integrity().map_or(0, Integrity::key_len)];
    let keys = EspKeys::new(&encryption, &integrity);
    let seal = SealContext::new(algorithm, &keys, SPI, false, &[7; 16], gcm).unwrap();
    (
        seal,
        OpenContext::new(algorithm, &keys, SPI, false, gcm).unwrap(),
    )
}

fn ipv4(len: usize) -> Vec<u8> {
    let total = u16::try_from(len).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, 17, 0, 0];
    packet.resize(len, 9);
    packet
}

fn seal_and_open(c: &mut Criterion) {
    for (cipher, integrity) in ALGORITHMS {
        group(c, cipher, cipher, integrity, GcmCode::Fastest);
        if cipher.ends_with("-gcm") {
            for (library, code) in [("ring", GcmCode::Ring), ("aws-lc", GcmCode::AwsLc)] {
                let name = format!("{cipher}/{library}");
                group(c, &name, cipher, integrity, code);
            }
        }
    }
}

fn group(c: &mut Criterion, name: &str, cipher: &str, integrity: Option<&str>, gcm: GcmCode) {
    let algorithm = Algorithm::from_names(cipher, integrity).unwrap();
    let (seal, open) = contexts(algorithm, gcm);
    let mut group = c.benchmark_group(name);
    for len in [64usize, 1400] {
        group.throughput(Throughput::Bytes(len as u64));
        let place = HEADROOM..HEADROOM + len;
        let mut buffer = vec![0; HEADROOM + len + TAILROOM];
        buffer[place.clone()].copy_from_slice(&ipv4(len));
        let mut sealed = buffer.clone();
        let packet = seal
            .seal_in_place(&mut sealed, place.clone(), 4, 1)
            .unwrap();
        let mut seq = 1;
        group.bench_function(format!("seal/{len}"), |b| {
            b.iter(|| {
                seq += 1;
                seal.seal_in_place(&mut buffer, place.clone(), 4, seq)
                    .unwrap()
            });
        });
        group.bench_function(format!("open/{len}"), |b| {
            b.iter_batched_ref(
                || sealed.clone(),
                |buffer| open.open_in_place(buffer, packet.clone(), 0).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
}

fn numbers(c: &mut Criterion) {
    let counter = SequenceCounter::new(true);
    c.bench_function("sequence/take", |b| b.iter(|| counter.take(1).unwrap()));
    let mut group = c.benchmark_group("replay");
    for (name, step) in [("in_order", 1u64), ("every_second", 2), ("jumps", 700)] {
        let window = ReplayWindow::new(1024, true);
        let mut seq = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                seq += step;
                let whole = window.check(seq as u32).unwrap();
                window.commit(whole).unwrap();
            });
        });
    }
}

criterion_group!(benches, seal_and_open, numbers);
criterion_main!(benches);
