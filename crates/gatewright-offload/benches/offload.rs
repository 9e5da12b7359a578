//! What splitting and coalescing cost for each packet.
#![allow(missing_docs, clippy::unwrap_used)]

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use gatewright_offload::{Coalescer, GsoType, Splitter, VirtioNetHeader};
use gatewright_packet::emit::Ipv4Header;
use gatewright_packet::IpPacket;

const SEGMENT: usize = 1388;
const SEGMENTS: usize = 45;

/// IPv4 and TCP with a timestamp option: 52 octets of header.
fn super_packet() -> Vec<u8> {
    let payload = SEGMENT * SEGMENTS;
    let mut packet = vec![0; 52];
    let header = Ipv4Header::new([10, 0, 0, 1].into(), [10, 1, 0, 1].into(), 6);
    let room = packet.first_chunk_mut().unwrap();
    header.emit(room, 32 + payload).unwrap();
    packet[20..24].copy_from_slice(&[0x80, 0, 0x01, 0xbb]);
    packet[32..34].copy_from_slice(&[0x80, 0x10]);
    packet[40..44].copy_from_slice(&[1, 1, 8, 10]);
    packet.resize(52 + payload, 0x5a);
    packet
}

fn header() -> VirtioNetHeader {
    VirtioNetHeader {
        needs_checksum: true,
        gso: GsoType::TcpV4,
        header_len: 52,
        gso_size: u16::try_from(SEGMENT).unwrap(),
        checksum_start: 20,
        checksum_offset: 16,
        ..VirtioNetHeader::default()
    }
}

fn segments() -> Vec<Vec<u8>> {
    let packet = super_packet();
    let splitter = Splitter::new(&header(), IpPacket::new_checked(&packet).unwrap()).unwrap();
    (0..splitter.count())
        .map(|index| {
            let mut out = vec![0; splitter.len_of(index)];
            splitter.write(index, &mut out).unwrap();
            out
        })
        .collect()
}

fn split(c: &mut Criterion) {
    let packet = super_packet();
    let mut out = vec![0; 2048 * SEGMENTS];
    let mut group = c.benchmark_group("split");
    group.throughput(Throughput::Elements(SEGMENTS as u64));
    group.bench_function("tcp", |b| {
        b.iter(|| {
            let parsed = IpPacket::new_checked(&packet).unwrap();
            let splitter = Splitter::new(&header(), parsed).unwrap();
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
