//! Packets cross, unchanged, by every algorithm and encapsulation.

use std::io::{self, IoSlice};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};

use gatewright_engine::{Count, DropReason, Event, Settings, Shared, Worker};
use gatewright_io::doubles::MemoryTun;
use gatewright_io::{Encapsulation, FastPath, Standing, Tun, TunOffload, VNET_HEADER_LEN};
use gatewright_offload::{GsoType, VirtioNetHeader};
use gatewright_packet::checksum::Checksum;
use gatewright_packet::emit::Ipv4Header;
use gatewright_spd::Action;

use crate::world::{networks, udp_v4, udp_v6, Tunnel, World};

fn crosses(world: &mut World, from_a: bool, packet: &[u8]) {
    let (from, to) = if from_a {
        (&world.a, &world.b)
    } else {
        (&world.b, &world.a)
    };
    from.send(packet);
    let arrived = {
        let host = to.host.clone();
        world.turn();
        host.take()
    };
    let drops = (world.a.drops(), world.b.drops());
    assert_eq!(
        arrived.as_deref().map(|f| &f[10..]),
        Some(packet),
        "{drops:?}"
    );
}

#[test]
fn both_ways_both_versions_every_encapsulation() {
    for encapsulation in [Encapsulation::Udp, Encapsulation::Protocol50] {
        for outer_v6 in [false, true] {
            let mut world = World::connected(Tunnel {
                encapsulation,
                outer_v6,
                ..Tunnel::default()
            });
            for reverse in [false, true] {
                crosses(&mut world, !reverse, &udp_v4(100, true, 0, reverse));
                crosses(&mut world, !reverse, &udp_v6(100, reverse));
            }
            assert_eq!(world.a.count(Count::PacketsOut), 2);
            assert_eq!(world.a.count(Count::PacketsIn), 2);
            assert_eq!(world.a.count(Count::BytesIn), 200);
        }
    }
}

#[test]
fn every_algorithm_and_every_padding() {
    for algorithm in Tunnel::algorithms() {
        for esn in [false, true] {
            let mut world = World::connected(Tunnel {
                algorithm,
                esn,
                ..Tunnel::default()
            });
            for len in 28..64 {
                crosses(&mut world, true, &udp_v4(len, true, 0, false));
            }
        }
    }
}

#[test]
fn nothing_of_the_packet_is_seen_outside() {
    let mut world = World::connected(Tunnel::default());
    world.internet.record();
    let packet = udp_v4(200, true, 0, false);
    crosses(&mut world, true, &packet);
    let seen = world.internet.take_recording();
    assert_eq!(seen.len(), 1);
    let marker = &packet[60..76];
    assert!(!seen[0].windows(marker.len()).any(|window| window == marker));
}

#[test]
fn a_burst_keeps_its_order() {
    let mut world = World::connected(Tunnel::default());
    let lens: Vec<usize> = (0..300).map(|i| 40 + i % 7 * 100).collect();
    for len in &lens {
        world.a.send(&udp_v4(*len, true, 0, false));
    }
    world.turn();
    let arrived: Vec<usize> = std::iter::from_fn(|| world.b.take().map(|p| p.len())).collect();
    assert_eq!(arrived, lens);
    assert!(world.a.count(Count::MessagesOut) <= world.a.count(Count::DatagramsOut));
}

#[test]
fn dscp_and_ecn_go_out_and_congestion_comes_in() {
    const ECT0: u8 = 0b10;
    const CE: u8 = 0b11;
    let mut world = World::connected(Tunnel {
        encapsulation: Encapsulation::Protocol50,
        ..Tunnel::default()
    });
    world.internet.record();
    crosses(&mut world, true, &udp_v4(100, true, 0xb8 | ECT0, false));
    let mut outer = world.internet.take_recording().remove(0);
    assert_eq!(outer[1], 0xb8 | ECT0);

    // A router marks congestion on the next one.
    world.a.send(&udp_v4(100, true, ECT0, false));
    world.a.worker.turn().unwrap();
    outer = world.internet.take_recording().remove(0);
    let mut fresh = World::connected(world.tunnel);
    outer[1] |= CE;
    fresh.internet.inject(
        Encapsulation::Protocol50,
        (fresh.b.address, 0).into(),
        (fresh.a.address, 0).into(),
        outer,
    );
    fresh.turn();
    assert_eq!(fresh.b.take().map(|packet| packet[1]), Some(CE));
}

#[test]
fn congestion_on_a_packet_that_does_not_know_it_is_a_drop() {
    let mut world = World::connected(Tunnel {
        encapsulation: Encapsulation::Protocol50,
        ..Tunnel::default()
    });
    world.internet.record();
    world.a.send(&udp_v4(100, true, 0, false));
    world.a.worker.turn().unwrap();
    let mut outer = world.internet.take_recording().remove(0);
    outer[1] |= 0b11;
    let mut fresh = World::connected(world.tunnel);
    fresh.internet.inject(
        Encapsulation::Protocol50,
        (fresh.b.address, 0).into(),
        (fresh.a.address, 0).into(),
        outer,
    );
    fresh.turn();
    assert_eq!(fresh.b.drops(), [(DropReason::EcnIllegal.name(), 1)]);
}

#[test]
fn only_what_a_policy_selects_goes_out() {
    let (net_a, net_b) = networks();
    for (action, reason) in [
        (Action::Discard, DropReason::Discard),
        (Action::Bypass, DropReason::Bypass),
    ] {
        let mut world = World::connected(Tunnel::default());
        world.a.entry(net_a.clone(), net_b.clone(), action);
        world.a.send(&udp_v4(100, true, 0, false));
        world.turn();
        assert_eq!(world.a.drops(), [(reason.name(), 1)]);
    }
    let mut world = World::connected(Tunnel::default());
    world.a.send(&udp_v4(100, true, 0, true));
    world.a.send(&[0x45; 12]);
    world.a.host.send(vec![0; 3]);
    world.turn();
    assert_eq!(world.a.dropped(DropReason::NoPolicy), 1);
    assert_eq!(world.a.dropped(DropReason::MalformedInner), 2);
    assert_eq!(world.b.take(), None);
}

#[test]
fn the_tun_device_may_refuse() {
    let mut world = World::connected(Tunnel::default());
    world.b.host.refuse_writes(true);
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    assert_eq!(world.b.drops(), [(DropReason::TunWrite.name(), 1)]);
}

/// A frame of `segments` TCP segments of 1000 octets, as a host with offload sends it.
fn tcp_frame(segments: usize) -> Vec<u8> {
    let (source, destination) = ([192, 168, 10, 5].into(), [10, 20, 0, 5].into());
    let payload = segments * 1000;
    let mut packet = vec![0; 40 + payload];
    Ipv4Header::new(source, destination, 6)
        .emit(packet.first_chunk_mut().unwrap(), 20 + payload)
        .unwrap();
    packet[20..24].copy_from_slice(&[0x10, 0, 0x20, 0]);
    packet[24..28].copy_from_slice(&0xffff_ff00u32.to_be_bytes());
    packet[32..34].copy_from_slice(&[0x50, 0x10]);
    let pseudo = Checksum::pseudo_header_v4(source, destination, 6, 20 + payload as u32);
    packet[36..38].copy_from_slice(&pseudo.folded().to_be_bytes());
    for (index, octet) in packet[40..].iter_mut().enumerate() {
        *octet = (index / 7) as u8;
    }
    let virtio = VirtioNetHeader {
        needs_checksum: true,
        gso: GsoType::TcpV4,
        header_len: 40,
        gso_size: 1000,
        checksum_start: 20,
        checksum_offset: 16,
        ..VirtioNetHeader::default()
    };
    [&virtio.emit()[..], &packet].concat()
}

#[test]
fn what_one_host_joined_the_other_gets_joined() {
    for encapsulation in [Encapsulation::Udp, Encapsulation::Protocol50] {
        let tunnel = Tunnel {
            encapsulation,
            ..Tunnel::default()
        };
        let mut world = World::with_settings(tunnel, Settings::default());
        world.connect(1);
        let frame = tcp_frame(9);
        world.a.host.send(frame.clone());
        world.turn();
        assert_eq!(world.b.host.take(), Some(frame), "{:?}", world.b.drops());
        assert_eq!(world.a.count(Count::PacketsOut), 9);
        assert_eq!(world.b.count(Count::PacketsIn), 9);
        assert_eq!(world.b.count(Count::TunFramesWritten), 1);
    }
}

#[test]
fn a_host_without_offload_gets_whole_packets_with_checksums() {
    let mut world = World::connected(Tunnel::default());
    world.a.host.send(tcp_frame(3));
    world.turn();
    for index in 0..3u32 {
        let frame = world.b.host.take().unwrap();
        let (virtio, packet) = frame.split_at(VNET_HEADER_LEN);
        assert_eq!(virtio, [0; VNET_HEADER_LEN]);
        let sequence = u32::from_be_bytes(*packet[24..].first_chunk().unwrap());
        assert_eq!(sequence, 0xffff_ff00u32.wrapping_add(index * 1000));
        let addresses = &packet[12..20];
        let sum = Checksum::pseudo_header(addresses, &[], 6, 1020);
        assert_eq!(packet.len(), 1040);
        assert!(sum.with(&packet[20..]).is_valid());
    }
    assert_eq!(world.b.host.take(), None);
}

#[test]
fn joined_packets_that_do_not_fit_are_answered_once() {
    let mut world = World::connected(Tunnel::default());
    world.internet.set_mtu(Some(900));
    world.a.host.send(tcp_frame(3));
    world.turn();
    assert_eq!(world.a.dropped(DropReason::SendTooBig), 3);
    world.a.host.send(tcp_frame(3));
    world.turn();
    assert_eq!(world.a.dropped(DropReason::TooBig), 3);
    assert_eq!(world.a.count(Count::TooBigSent), 1);
}

#[test]
fn a_device_that_cuts_no_messages_costs_no_packet_and_is_told_of_once() {
    let mut world = World::connected(Tunnel::default());
    world.internet.refuse_segmentation();
    for _ in 0..2 {
        world.a.host.send(tcp_frame(5));
        world.turn();
        let arrived = std::iter::from_fn(|| world.b.host.take());
        assert_eq!(arrived.count(), 5);
    }
    let lost = FastPath {
        name: "udp-segmentation",
        place: "203.0.113.1:4500".to_owned(),
        standing: Standing::Lost(5),
    };
    assert_eq!(world.a.events(), [Event::FastPathLost(lost)]);
    assert_eq!(world.a.count(Count::MessagesOut), 1 + 5);
    assert_eq!(world.a.drops(), []);
}

/// A TUN device that notes how much was sent each time it is read.
struct Watched {
    tun: MemoryTun,
    shared: Arc<Shared>,
    sent: Arc<Mutex<Vec<u64>>>,
}

impl Tun for Watched {
    fn read(&mut self, frame: &mut [u8]) -> io::Result<usize> {
        let sent = self.shared.counters().get(Count::DatagramsOut);
        self.sent.lock().unwrap().push(sent);
        self.tun.read(frame)
    }

    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        self.tun.write(parts)
    }

    fn offload(&self) -> TunOffload {
        self.tun.offload()
    }

    fn descriptor(&self) -> Option<RawFd> {
        None
    }
}

#[test]
fn a_packet_that_comes_alone_is_sent_before_another_look() {
    let mut world = World::connected(Tunnel::default());
    let (tun, host) = MemoryTun::new(TunOffload::default());
    let sent = Arc::<Mutex<Vec<u64>>>::default();
    let watched = Watched {
        tun,
        shared: Arc::clone(&world.a.shared),
        sent: Arc::clone(&sent),
    };
    world.a.worker = Worker::new(Arc::clone(&world.a.shared), 0, Box::new(watched));
    world.a.host = host;
    let mut burst = |packets: usize| {
        for _ in 0..packets {
            world.a.send(&udp_v4(100, true, 0, false));
        }
        world.a.worker.turn().unwrap();
        std::mem::take(&mut *sent.lock().unwrap())
    };
    assert_eq!(burst(1), [0, 1]);
    // The first of many is not known to be one of many.
    assert_eq!(burst(3), [1, 2, 2, 2]);
    // Where many came lately they go together.
    assert_eq!(burst(2), [4, 4, 4]);
    assert_eq!(burst(1), [6, 6]);
    assert_eq!(burst(1), [7, 8]);
    assert_eq!(world.a.count(Count::DatagramsOut), 8);
}
