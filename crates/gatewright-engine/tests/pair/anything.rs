//! Any well-formed packet through the tunnel, against what the standards say becomes of it.

use gatewright_engine::{Count, DropReason, Settings};
use gatewright_io::{Encapsulation, Offloads};
use gatewright_reference::{
    cut, cut_frame, judge, reassemble, sent_frame, strategies, Ip, Packet, Upper,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::world::{Gateway, Tunnel, World};

const LINKS: [u32; 8] = [1280, 1400, 1420, 1492, 1500, 2000, 4352, 9000];

fn tunnel() -> impl Strategy<Value = Tunnel> {
    (any::<bool>(), any::<bool>()).prop_map(|(udp, outer_v6)| Tunnel {
        encapsulation: if udp {
            Encapsulation::Udp
        } else {
            Encapsulation::Protocol50
        },
        outer_v6,
        ..Tunnel::default()
    })
}

/// Over a link of this MTU, which both systems know, with or without offload in the TUN devices.
fn world(tunnel: Tunnel, link: u32, offload: bool) -> World {
    let settings = Settings {
        offloads: if offload {
            Offloads::ALL
        } else {
            Offloads::NONE
        },
        // A SYN with a large MSS would not arrive unchanged.
        mss_clamp: false,
        ..Settings::default()
    };
    let world = World::with_settings(tunnel, settings);
    world.internet.set_mtu(Some(link as usize));
    let (a, b) = world.parameters(1);
    world.a.shared.add_sa(a, Some(link)).unwrap();
    world.b.shared.add_sa(b, Some(link)).unwrap();
    world
}

/// What fits: the link less outer headers, SPI and sequence number, IV and ICV, in whole words, less
/// padding length and next header (RFC 4303 section 2).
fn inner_mtu(tunnel: Tunnel, link: u32) -> usize {
    let ip = if tunnel.outer_v6 { 40 } else { 20 };
    let udp = match tunnel.encapsulation {
        Encapsulation::Udp => 8,
        Encapsulation::Protocol50 => 0,
    };
    (link as usize - ip - udp - 8 - 8 - 16) / 4 * 4 - 2
}

/// What the host behind a gateway receives in the end.
fn received(gateway: &Gateway) -> Vec<Vec<u8>> {
    let frames = std::iter::from_fn(|| gateway.host.take());
    frames
        .flat_map(|frame| {
            let (header, packet) = frame.split_first_chunk().unwrap();
            cut_frame(header, packet)
        })
        .collect()
}

/// Without an IPv4 identification that means nothing.
fn essence(octets: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    if octets[0] >> 4 == 4 && octets[6] & 0x40 != 0 {
        octets[4..6].fill(0);
        octets[10..12].fill(0);
    }
    octets
}

fn dont_fragment(packet: &Packet) -> bool {
    match &packet.ip {
        Ip::V4(v4) => v4.flags & 0b010 != 0,
        Ip::V6(_) => true,
    }
}

/// The answer that a sender gets whose packet is larger than the path (RFC 1191 section 3, RFC 8201).
fn is_too_big_answer(answer: &[u8], sent: &[u8], mtu: usize) -> Result<(), String> {
    let judged = judge(answer)?;
    let (kind, mtu) = if judged.version == 4 {
        ([3, 4], mtu)
    } else {
        ([2, 0], mtu.max(1280))
    };
    let said = u16::from_be_bytes([judged.upper[6], judged.upper[7]]);
    let quoted = &judged.upper[8..];
    if judged.upper[..2] != kind || usize::from(said) != mtu || !sent.starts_with(quoted) {
        return Err(format!("{kind:?} {said} {quoted:?}"));
    }
    let swapped = if judged.version == 4 {
        answer[16..20] == sent[12..16] && answer[12..16] == sent[16..20]
    } else {
        answer[24..40] == sent[8..24] && answer[8..24] == sent[24..40]
    };
    if swapped {
        Ok(())
    } else {
        Err("not between the same hosts".to_owned())
    }
}

/// With data up to what is larger than any link.
fn sized() -> impl Strategy<Value = Packet> {
    let len = prop_oneof![0usize..200, 1100usize..1600, 0usize..9200];
    (strategies::any_packet(20), len, any::<u8>()).prop_map(|(mut packet, len, fill)| {
        let data: Vec<u8> = (0..len).map(|i| (i / 5) as u8 ^ fill).collect();
        match &mut packet.upper {
            Upper::Tcp(tcp) => tcp.payload = data,
            Upper::Udp(udp) => udp.payload = data,
            Upper::Other { .. } => {}
        }
        packet
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// It arrives unchanged, or in right fragments, or its sender is told.
    #[test]
    fn a_packet_arrives_or_its_sender_is_told(
        tunnel in tunnel(), link in select(LINKS.to_vec()), offload: bool,
        packets in prop::collection::vec(sized(), 1..12),
    ) {
        let mut world = world(tunnel, link, offload);
        let mtu = inner_mtu(tunnel, link);
        for packet in &packets {
            let octets = packet.octets();
            world.internet.record();
            world.a.send(&octets);
            world.turn();
            for outer in world.internet.take_recording() {
                if tunnel.encapsulation == Encapsulation::Protocol50 {
                    prop_assert_eq!(judge(&outer).map(|outer| outer.protocol), Ok(50));
                }
            }
            let (arrived, answers) = (received(&world.b), received(&world.a));
            let v6 = matches!(packet.ip, Ip::V6(_));
            if octets.len() <= mtu || (v6 && octets.len() <= 1280) {
                prop_assert_eq!((arrived, answers), (vec![octets], vec![]));
            } else if dont_fragment(packet) {
                let judged = judge(&octets).unwrap();
                let silent = judged.fragment_offset > 0;
                prop_assert_eq!((arrived.len(), answers.len()), (0, usize::from(!silent)));
                for answer in &answers {
                    prop_assert_eq!(is_too_big_answer(answer, &octets, mtu), Ok(()));
                }
            } else {
                prop_assert!(answers.is_empty());
                prop_assert!(arrived.len() > 1 && arrived.iter().all(|f| f.len() <= mtu));
                let judged = judge(&octets).unwrap();
                let (start, payload) = reassemble(&arrived).unwrap();
                prop_assert_eq!((start, payload), (judged.fragment_offset, judged.upper));
            }
        }
        prop_assert_eq!(world.a.dropped(DropReason::SendTooBig), 0);
        prop_assert_eq!(world.b.drops(), []);
    }

    /// A frame of the host's offload arrives as the packets that a host without it would have sent.
    #[test]
    fn a_frame_arrives_as_its_segments(
        tunnel in tunnel(), link in select(LINKS.to_vec()), (at_a, at_b) in any::<(bool, bool)>(),
        packet in strategies::segmentable(1), len in 1usize..20_000, small: bool,
    ) {
        let mut packet = packet;
        let data: Vec<u8> = (0..len).map(|i| (i / 9) as u8).collect();
        match &mut packet.upper {
            Upper::Tcp(tcp) => tcp.payload = data,
            Upper::Udp(udp) => udp.payload = data,
            Upper::Other { .. } => {}
        }
        let mut world = world(tunnel, link, at_b);
        let room = inner_mtu(tunnel, link) - packet.header_len();
        let size = if small { room / 2 } else { room };
        let (header, octets) = sent_frame(&packet, u16::try_from(size).unwrap());
        if !at_a {
            // The sender's device cut it already.
            for piece in cut(&packet, size) {
                world.a.send(&piece.octets());
            }
        } else {
            world.a.host.send([&header[..], &octets].concat());
        }
        world.turn();
        let arrived: Vec<_> = received(&world.b).iter().map(|p| essence(p)).collect();
        let meant: Vec<_> = cut(&packet, size).iter().map(|p| essence(&p.octets())).collect();
        prop_assert_eq!(arrived, meant);
        prop_assert_eq!(world.a.drops(), []);
        prop_assert_eq!(world.b.drops(), []);
    }

    /// Frames with anything in the offload header and octets changed at random: what is joined or
    /// answered is well formed all the same, and what is sent is counted.
    #[test]
    fn nothing_that_is_made_here_is_malformed(
        tunnel in tunnel(), link in select(LINKS.to_vec()),
        frames in prop::collection::vec(mutated(), 1..30),
    ) {
        let mut world = world(tunnel, link, true);
        world.internet.record();
        let count = frames.len() as u64;
        for frame in frames {
            world.a.host.send(frame);
        }
        world.turn();
        prop_assert_eq!(world.a.count(Count::TunFramesRead), count);
        for outer in world.internet.take_recording() {
            if tunnel.encapsulation == Encapsulation::Protocol50 {
                prop_assert_eq!(judge(&outer).map(|outer| outer.protocol), Ok(50));
            }
        }
        for answer in received(&world.a) {
            prop_assert!(judge(&answer).is_ok(), "{:?}", judge(&answer));
        }
        while let Some(frame) = world.b.host.take() {
            let (header, octets) = frame.split_first_chunk::<10>().unwrap();
            let packets = cut_frame(header, octets);
            if packets.len() > 1 {
                for packet in packets {
                    prop_assert!(judge(&packet).is_ok(), "{:?}", judge(&packet));
                }
            }
        }
        prop_assert_eq!(world.b.drops(), []);
    }
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let frame = (strategies::segmentable(3000), 1u16..1500).prop_map(|(packet, size)| {
        let (header, octets) = sent_frame(&packet, size);
        [&header[..], &octets].concat()
    });
    let whole = sized().prop_map(|packet| [&[0; 10][..], &packet.octets()].concat());
    (prop_oneof![frame, whole], changes).prop_map(|(mut frame, changes)| {
        for (at, octet) in changes {
            let at = at.index(frame.len().min(140));
            frame[at] = octet;
        }
        frame
    })
}
