//! What each look at a packet costs: checksum, parsing, selectors.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use gatewright_packet::checksum::Checksum;
use gatewright_packet::emit::{Ipv4Header, Ipv6Header};
use gatewright_packet::{FlowKey, IpPacket};

fn checksum(c: &mut Criterion) {
    let mut group = c.benchmark_group("checksum");
    for len in [20usize, 64, 1400] {
        let data = vec![0x5a; len];
        group.throughput(Throughput::Bytes(len as u64));
        group.bench_function(len.to_string(), |b| {
            b.iter(|| Checksum::new().with(black_box(&data)).finish());
        });
    }
}

fn flow_key(c: &mut Criterion) {
    let mut v4 = [0; 40];
    let header = Ipv4Header::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), 6);
    header.emit(v4.first_chunk_mut().unwrap(), 20).unwrap();
    let mut v6 = [0; 60];
    let header = Ipv6Header::new([1; 16].into(), [2; 16].into(), 6);
    header.emit(v6.first_chunk_mut().unwrap(), 20).unwrap();
    let mut group = c.benchmark_group("flow_key");
    for (name, packet) in [("ipv4", &v4[..]), ("ipv6", &v6[..])] {
        group.bench_function(name, |b| {
            b.iter(|| FlowKey::of(&IpPacket::new_checked(black_box(packet)).unwrap()));
        });
    }
}

criterion_group!(benches, checksum, flow_key);
criterion_main!(benches);
