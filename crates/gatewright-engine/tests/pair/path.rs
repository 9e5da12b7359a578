//! Packets that do not fit.

use gatewright_engine::{Count, DropReason};
use gatewright_io::Encapsulation;
use gatewright_packet::Ipv4Packet;

use crate::world::{address, summary, udp_v4, udp_v6, Tunnel, World};

/// 1500 less IP (20), UDP (8), ESP header (8), IV (8), trailer (2) and ICV (16), whole words.
const INNER_MTU: usize = 1438;

#[test]
fn what_just_fits_goes_whole() {
    let mut world = World::connected(Tunnel::default());
    world.internet.set_mtu(Some(1500));
    world.a.send(&udp_v4(INNER_MTU, true, 0, false));
    world.turn();
    assert_eq!(world.b.take().map(|packet| packet.len()), Some(INNER_MTU));
    assert!(world.a.drops().is_empty());
}

#[test]
fn the_sender_of_a_large_packet_is_told() {
    let mut world = World::connected(Tunnel::default());
    world.a.send(&udp_v4(INNER_MTU + 1, true, 0, false));
    world.turn();
    assert_eq!(world.a.drops(), [(DropReason::TooBig.name(), 1)]);
    assert_eq!(world.a.count(Count::TooBigSent), 1);
    let answer = world.a.take().unwrap();
    // The far side answers, so that a reverse path filter lets it through.
    assert_eq!(
        (summary(&answer).0, summary(&answer).1),
        (address("10.20.0.5"), 1)
    );
    assert_eq!(&answer[20..22], [3, 4]);
    assert_eq!(answer[26..28], (INNER_MTU as u16).to_be_bytes());
}

#[test]
fn ipv6_is_told_too() {
    let mut world = World::connected(Tunnel::default());
    world.a.send(&udp_v6(INNER_MTU + 1, false));
    world.turn();
    let answer = world.a.take().unwrap();
    assert_eq!(summary(&answer).1, 58);
    assert_eq!(answer[40], 2);
    assert_eq!(answer[44..48], (INNER_MTU as u32).to_be_bytes());
}

#[test]
fn a_packet_that_may_be_fragmented_is() {
    let mut world = World::connected(Tunnel::default());
    world.internet.set_mtu(Some(1500));
    let packet = udp_v4(4000, false, 0, false);
    world.a.send(&packet);
    world.turn();
    let mut payload = Vec::new();
    while let Some(fragment) = world.b.take() {
        let view = Ipv4Packet::new_checked(&fragment).unwrap();
        assert!(view.total_len() <= INNER_MTU && view.checksum_is_valid());
        assert_eq!(view.fragment_offset(), payload.len());
        payload.extend_from_slice(view.payload());
    }
    assert_eq!(payload, packet[20..]);
    assert_eq!(world.a.count(Count::FragmentsMade), 3);
}

#[test]
fn a_smaller_path_is_learnt_from_the_system() {
    for encapsulation in [Encapsulation::Udp, Encapsulation::Protocol50] {
        let mut world = World::connected(Tunnel {
            encapsulation,
            ..Tunnel::default()
        });
        world.internet.set_mtu(Some(1300));
        world.a.send(&udp_v4(1400, true, 0, false));
        world.turn();
        assert_eq!(world.a.drops(), [(DropReason::SendTooBig.name(), 1)]);
        world.a.send(&udp_v4(1400, true, 0, false));
        world.turn();
        let answer = world.a.take().unwrap();
        let told = usize::from(u16::from_be_bytes([answer[26], answer[27]]));
        world.a.send(&udp_v4(told, true, 0, false));
        world.turn();
        assert_eq!(world.b.take().map(|packet| packet.len()), Some(told));
    }
}

#[test]
fn every_path_carries_the_least_ipv6_packet() {
    for encapsulation in [Encapsulation::Udp, Encapsulation::Protocol50] {
        let mut world = World::connected(Tunnel {
            encapsulation,
            ..Tunnel::default()
        });
        world.internet.set_mtu(Some(1300));
        // The first one teaches the engine the path's MTU.
        world.a.send(&udp_v6(1400, false));
        world.turn();
        world.a.send(&udp_v6(1281, false));
        world.a.send(&udp_v6(1280, false));
        world.turn();
        let answer = world.a.take().unwrap();
        assert_eq!(answer[44..48], 1280u32.to_be_bytes());
        let arrived = world.b.take().unwrap();
        assert_eq!(arrived, udp_v6(1280, false));
    }
}
