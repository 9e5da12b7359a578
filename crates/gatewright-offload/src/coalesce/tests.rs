#![allow(clippy::unwrap_used)]

use super::*;
use crate::split::Splitter;
use crate::testing::{packet, slow_sum, FlowSpec};
use crate::virtio::GsoType;
use proptest::prelude::*;

const ACK: u8 = 0x10;
const PSH: u8 = 0x08;
const FIN: u8 = 0x01;

fn flow(v6: bool, udp: bool, port: u16) -> FlowSpec {
    FlowSpec {
        v6,
        udp,
        port,
        class: 0,
        options: true,
    }
}

/// The frames as they would be written: offload header and octets.
fn written(packets: &[Vec<u8>], udp: bool) -> Vec<(VirtioNetHeader, Vec<u8>)> {
    let mut coalescer = Coalescer::new(udp);
    for (index, packet) in packets.iter().enumerate() {
        coalescer.push(packet, index);
    }
    coalescer.seal();
    let frames = coalescer.frames().map(|frame| {
        let mut bytes = frame.headers.to_vec();
        for index in frame.pieces() {
            bytes.extend(&packets[index][frame.skip..]);
        }
        (frame.virtio, bytes)
    });
    frames.collect()
}

fn cut(frames: &[(VirtioNetHeader, Vec<u8>)]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for (virtio, bytes) in frames {
        let parsed = IpPacket::new_checked(bytes).unwrap();
        let splitter = Splitter::new(virtio, parsed).unwrap();
        for index in 0..splitter.count() {
            let mut out = vec![0; 70_000];
            let len = splitter.write(index, &mut out).unwrap();
            out.truncate(len);
            packets.push(out);
        }
    }
    packets
}

fn run(flow: &FlowSpec, sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut sequence = 1_000_000u32;
    let packets = sizes.iter().enumerate().map(|(index, &size)| {
        let id = u16::try_from(index).unwrap();
        let bytes = packet(flow, id, sequence, ACK, &vec![id as u8; size]);
        sequence = sequence.wrapping_add(u32::try_from(size).unwrap());
        bytes
    });
    packets.collect()
}

#[test]
fn a_run_of_full_segments_and_a_short_one_is_one_frame() {
    for (v6, udp) in [(false, false), (true, false), (false, true), (true, true)] {
        let packets = run(&flow(v6, udp, 1), &[1000, 1000, 1000, 400]);
        let frames = written(&packets, true);
        assert_eq!(frames.len(), 1, "v6 {v6}, udp {udp}");
        assert_eq!(frames[0].0.gso_size, 1000);
        assert_eq!(cut(&frames), packets);
    }
}

#[test]
fn the_joined_packet_is_what_the_device_wants() {
    let packets = run(&flow(false, false, 1), &[1000, 1000]);
    let (virtio, bytes) = written(&packets, true).remove(0);
    assert_eq!(virtio.gso, GsoType::TcpV4);
    assert!(virtio.needs_checksum);
    assert_eq!((virtio.checksum_start, virtio.checksum_offset), (20, 16));
    assert_eq!(usize::from(virtio.header_len), 52);
    assert_eq!(bytes.len(), 52 + 2000);
    assert_eq!(slow_sum(&[&bytes[..20]]), 0, "IPv4 header checksum");
    let len = u32::try_from(bytes.len() - 20).unwrap().to_be_bytes();
    let pseudo = !slow_sum(&[&bytes[12..20], &len, &[0, 0, 0, 6]]);
    assert_eq!(
        bytes[36..38],
        pseudo.to_be_bytes(),
        "folded pseudo-header sum"
    );
}

#[test]
fn nothing_stands_behind_a_short_segment_or_a_push() {
    let short = run(&flow(false, false, 1), &[1000, 400, 1000]);
    assert_eq!(written(&short, true).len(), 2);
    let spec = flow(false, false, 1);
    let pushed = [
        packet(&spec, 1, 0, ACK, &[0; 500]),
        packet(&spec, 2, 500, ACK | PSH, &[0; 500]),
        packet(&spec, 3, 1000, ACK, &[0; 500]),
    ];
    let frames = written(&pushed, true);
    assert_eq!(frames.len(), 2);
    assert_eq!(cut(&frames), pushed);
}

#[test]
fn what_is_out_of_order_or_says_more_than_data_is_not_joined() {
    let spec = flow(false, false, 1);
    let data = |id, sequence, flags| packet(&spec, id, sequence, flags, &[0; 500]);
    for second in [
        data(2, 501, ACK),
        data(2, 0, ACK),
        data(2, 500, ACK | FIN),
        data(9, 500, ACK),
        packet(&spec, 2, 500, ACK, &[]),
        packet(&FlowSpec { class: 3, ..spec }, 2, 500, ACK, &[0; 500]),
    ] {
        let packets = [data(1, 0, ACK), second];
        let frames = written(&packets, true);
        assert_eq!(frames.len(), 2);
        assert_eq!(frames[1].1, packets[1]);
    }
}

#[test]
fn a_damaged_packet_passes_as_it_is_and_its_damage_stays_visible() {
    let mut packets = run(&flow(false, false, 1), &[800, 800, 800]);
    packets[1][100] ^= 1;
    let frames = written(&packets, true);
    let bytes: Vec<_> = frames.iter().map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(bytes, packets);
}

#[test]
fn udp_is_joined_only_where_the_device_takes_it() {
    let packets = run(&flow(false, true, 1), &[800, 800]);
    assert_eq!(written(&packets, false).len(), 2);
}

#[test]
fn a_frame_ends_before_64_kib() {
    let packets = run(&flow(true, false, 1), &[1400; 100]);
    let frames = written(&packets, true);
    assert_eq!(frames.len(), 3);
    assert_eq!(cut(&frames), packets);
}

/// Changes the IPv4 identification and flags of a packet and corrects its header checksum.
fn with_id_word(mut bytes: Vec<u8>, id: u16, word: u16) -> Vec<u8> {
    bytes[4..6].copy_from_slice(&id.to_be_bytes());
    bytes[6..8].copy_from_slice(&word.to_be_bytes());
    bytes[10..12].copy_from_slice(&[0, 0]);
    let sum = slow_sum(&[&bytes[..20]]).to_be_bytes();
    bytes[10..12].copy_from_slice(&sum);
    bytes
}

#[test]
fn an_identification_may_stand_still_where_it_has_no_meaning() {
    const DF: u16 = 0x4000;
    for (ids, word, frames) in [
        ([0, 0, 0], DF, 1),
        ([7, 7, 7], DF, 1),
        ([7, 7, 7], 0, 3),
        ([7, 8, 9], 0, 1),
        ([7, 8, 8], DF, 2),
        ([7, 7, 8], DF, 2),
        ([u16::MAX, 0, 1], 0, 1),
    ] {
        let packets = run(&flow(false, false, 1), &[700; 3]);
        let packets: Vec<_> = packets
            .into_iter()
            .zip(ids)
            .map(|(bytes, id)| with_id_word(bytes, id, word))
            .collect();
        let written = written(&packets, true);
        assert_eq!(written.len(), frames, "{ids:?} {word:#x}");
        let counted_up = cut(&written);
        for (out, packet) in counted_up.iter().zip(&packets) {
            assert_eq!(out[20..], packet[20..]);
            assert_eq!(slow_sum(&[&out[..20]]), 0);
        }
    }
}

#[test]
fn only_a_packet_of_its_own_flow_ends_a_frame() {
    let (ours, other) = (flow(false, false, 1), flow(false, false, 2));
    let data = |id, sequence| packet(&ours, id, sequence, ACK, &[0; 500]);
    let first_fragment = with_id_word(packet(&other, 9, 0, ACK, &[0; 64]), 9, 0x2000);
    let mut ping = packet(&flow(false, true, 3), 9, 0, 0, &[0; 64]);
    ping[9] = 1;
    let ping = with_id_word(ping, 9, 0);
    for (between, frames) in [
        (packet(&other, 9, 0, ACK, &[]), 2),
        (ping, 2),
        (packet(&ours, 9, 0, ACK, &[]), 3),
        (first_fragment, 3),
    ] {
        let packets = [data(1, 0), between, data(2, 500)];
        assert_eq!(written(&packets, true).len(), frames);
    }
}

fn any_packet() -> impl Strategy<Value = (usize, u8, usize, bool, bool)> {
    let flags = prop::sample::select(vec![ACK, ACK, ACK, ACK | PSH, ACK | FIN, 0x02]);
    let size = prop::sample::select(vec![600usize, 600, 600, 600, 100, 0, 1200]);
    (
        0usize..4,
        flags,
        size,
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.05),
    )
}

proptest! {
    /// Whatever comes, every packet goes out once, unchanged, and in order within its flow.
    #[test]
    fn cutting_what_was_joined_gives_back_every_flow(
        mix in prop::collection::vec(any_packet(), 1..60)
    ) {
        let flows = [flow(false, false, 1), flow(true, false, 2), flow(false, true, 3), flow(false, false, 4)];
        let mut sequence = [u32::MAX - 2000; 4];
        let mut id = [u16::MAX - 2; 4];
        let mut packets = Vec::new();
        for (which, flags, size, skip, damage) in mix {
            if skip {
                sequence[which] = sequence[which].wrapping_add(777);
            }
            let content = vec![which as u8; size];
            let mut bytes = packet(&flows[which], id[which], sequence[which], flags, &content);
            sequence[which] = sequence[which].wrapping_add(u32::try_from(size).unwrap());
            id[which] = id[which].wrapping_add(1);
            if damage {
                *bytes.last_mut().unwrap() ^= 0x55;
            }
            packets.push(bytes);
        }
        let out = cut(&written(&packets, true));
        prop_assert_eq!(out.len(), packets.len());
        for spec in &flows {
            let (from, _) = spec.addresses();
            let of_flow = |list: &[Vec<u8>]| -> Vec<Vec<u8>> {
                let at = if spec.v6 { 40 } else { 20 };
                let mine = |b: &&Vec<u8>| {
                    b[0] >> 4 == if spec.v6 { 6 } else { 4 }
                        && b[at..at + 2] == spec.port.to_be_bytes()
                        && (spec.v6 || b[12..16] == from[..])
                };
                list.iter().filter(mine).cloned().collect()
            };
            prop_assert_eq!(of_flow(&out), of_flow(&packets));
        }
    }

    #[test]
    fn any_bytes_never_panic(packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 0..20)) {
        let frames = written(&packets, true);
        let bytes: Vec<_> = frames.into_iter().map(|(_, bytes)| bytes).collect();
        prop_assert_eq!(bytes, packets);
    }
}
