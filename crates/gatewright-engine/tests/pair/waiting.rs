//! Packets that come before their SA.

use gatewright_engine::{Count, DropReason, Event, Settings};

use crate::world::{address, udp_v4, Tunnel, World, POLICY};

#[test]
fn the_first_packets_wait_and_then_go_in_order() {
    let mut world = World::new(Tunnel::default());
    for len in [100, 101, 102] {
        world.a.send(&udp_v4(len, true, 0, false));
    }
    world.turn();
    let wanted = Event::Acquire {
        policy_id: POLICY,
        source: address("192.168.10.5"),
        destination: address("10.20.0.5"),
        protocol: 17,
        ports: (1000, 2000),
    };
    assert_eq!(world.a.events(), [wanted]);
    assert_eq!(world.a.count(Count::PacketsQueued), 3);
    world.connect(1);
    world.turn();
    let arrived: Vec<usize> = std::iter::from_fn(|| world.b.take().map(|p| p.len())).collect();
    assert_eq!(arrived, [100, 101, 102]);
    assert!(world.a.drops().is_empty());
}

#[test]
fn the_queue_is_bounded_and_says_so() {
    let settings = Settings {
        waiting_packets: 2,
        ..Settings::default()
    };
    let mut world = World::with_settings(Tunnel::default(), settings);
    for _ in 0..5 {
        world.a.send(&udp_v4(100, true, 0, false));
    }
    world.turn();
    assert_eq!(world.a.drops(), [(DropReason::QueueFull.name(), 3)]);
    assert_eq!(world.a.events().len(), 1);
}

#[test]
fn giving_up_drops_what_waited_and_the_next_packet_asks_anew() {
    let mut world = World::new(Tunnel::default());
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    assert_eq!(world.a.events().len(), 1);
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    assert_eq!(world.a.events(), [], "one event until answered");
    world.a.shared.acquire_failed(POLICY);
    world.turn();
    assert_eq!(world.a.drops(), [(DropReason::AcquireFailed.name(), 2)]);
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    assert_eq!(world.a.events().len(), 1);
}

#[test]
fn a_removed_policy_takes_its_packets_along() {
    let mut world = World::new(Tunnel::default());
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    world.a.shared.replace_policies(Vec::new()).unwrap();
    world.turn();
    assert_eq!(world.a.drops(), [(DropReason::NoPolicy.name(), 1)]);
}

#[test]
fn a_lost_event_is_asked_again() {
    let settings = Settings {
        event_queue: 1,
        ..Settings::default()
    };
    let mut world = World::with_settings(Tunnel::default(), settings);
    // Fills the queue of events with another policy's need.
    world.connect(1);
    let (a, _) = world.parameters(1);
    world.a.shared.remove_sa(a.spi_in).unwrap();
    let limited = gatewright_engine::SaParameters {
        byte_soft_limit: 1,
        ..world.parameters(2).0
    };
    world.a.shared.add_sa(limited, None).unwrap();
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    world.a.shared.remove_sa(crate::world::spis(2).0).unwrap();
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    let first = world.a.events();
    assert!(matches!(first[..], [Event::SaExpiring { .. }]), "{first:?}");
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    let second = world.a.events();
    assert!(matches!(second[..], [Event::Acquire { .. }]), "{second:?}");
}

#[test]
fn another_policys_change_does_not_ask_again() {
    let mut world = World::new(Tunnel::default());
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    assert_eq!(world.a.events().len(), 1);
    let elsewhere = gatewright_engine::SaParameters {
        policy_id: POLICY + 1,
        ..world.parameters(1).0
    };
    world.a.shared.add_sa(elsewhere, None).unwrap();
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    assert_eq!(world.a.events(), []);
    assert_eq!(world.a.count(Count::PacketsQueued), 2);
}
