//! What splitting and coalescing cost for each packet.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use gatewright_offload::{Coalescer, Splitter, VirtioNetHeader};
use gatewright_packet::IpPacket;
use gatewright_reference::{bulk, sent_frame};

const SEGMENT: usize = 1388;
const SEGMENTS: usize = 45;

/// A super-packet of TCP with timestamps, and its offload header.
fn super_packet() -> (VirtioNetHeader, Vec<u8>) {
    let packet = bulk([10, 0, 0, 1], [10, 1, 0, 1], SEGMENT * SEGMENTS);
    let (header, octets) = sent_frame(&packet, u16::try_from(SEGMENT).unwrap());
    (VirtioNetHeader::parse(&header), octets)
}

fn segments() -> Vec<Vec<u8>> {
    let (header, packet) = super_packet();
    let splitter = Splitter::new(&header, IpPacket::new_checked(&packet).unwrap()).unwrap();
    (0..splitter.count())
        .map(|index| {
            let mut out = vec![0; splitter.len_of(index)];
            splitter.write(index, &mut out).unwrap();
            out
        })
        .collect()
}

fn split(c: &mut Criterion) {
    let (header, packet) = super_packet();
    let mut out = vec![0; 2048 * SEGMENTS];
    let mut group = c.benchmark_group("split");
    group.throughput(Throughput::Elements(SEGMENTS as u64));
    group.bench_function("tcp", |b| {
        b.iter(|| {
            let parsed = IpPacket::new_checked(&packet).unwrap();
            let splitter = Splitter::new(&header, parsed).unwrap();
            for (index, place) in out.chunks_mut(2048).enumerate() {
                splitter.write(index, place).unwrap();
            }
        });
    });
}

fn coalesce(c: &mut Criterion) {
    let segments = segments();
    let mut group = c.benchmark_group("coalesce");
    group.throughput(Throughput::Elements(SEGMENTS as u64));
    let mut coalescer = Coalescer::new(true);
    group.bench_function("tcp", |b| {
        b.iter(|| {
            for (token, packet) in segments.iter().enumerate() {
                coalescer.push(packet, token);
            }
            coalescer.seal();
            let frames = coalescer.frames().count();
            coalescer.clear();
            assert_eq!(frames, 1);
        });
    });
}

criterion_group!(benches, split, coalesce);
criterion_main!(benches);
