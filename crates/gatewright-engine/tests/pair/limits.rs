//! Octet limits of an SA.

use gatewright_engine::{DropReason, Event, Expiry, SaParameters};

use crate::world::{spis, udp_v4, Tunnel, World};

fn expiring(hard: bool, spi_in: u32) -> Event {
    Event::SaExpiring {
        spi_in,
        hard,
        reason: Expiry::Bytes,
    }
}

/// A sends so many datagrams: how many come out at B.
fn carried(world: &mut World, count: usize) -> usize {
    for _ in 0..count {
        world.a.send(&udp_v4(100, true, 0, false));
    }
    world.turn();
    std::iter::from_fn(|| world.b.take()).count()
}

#[test]
fn the_soft_limit_asks_and_the_hard_one_ends() {
    let mut world = World::new(Tunnel::default());
    let (a, b) = world.parameters(1);
    let limited = SaParameters {
        byte_soft_limit: 150,
        byte_limit: 350,
        ..a
    };
    world.a.shared.add_sa(limited, None).unwrap();
    world.b.shared.add_sa(b, None).unwrap();
    let mut send = |count: usize| {
        let arrived = carried(&mut world, count);
        (world.a.events(), arrived)
    };
    let spi = spis(1).0;
    assert_eq!(send(1), (vec![], 1));
    assert_eq!(send(1), (vec![expiring(false, spi)], 1));
    assert_eq!(send(1), (vec![], 1), "told once");
    assert_eq!(send(1), (vec![expiring(true, spi)], 1));
    let (events, arrived) = send(1);
    assert!(matches!(events[..], [Event::Acquire { .. }]), "{events:?}");
    assert_eq!(arrived, 0);
}

/// A tunnel in which B's SA ends after 150 octets.
fn limited_at_b() -> World {
    let world = World::new(Tunnel::default());
    let (a, b) = world.parameters(1);
    let limited = SaParameters {
        byte_limit: 150,
        ..b
    };
    world.a.shared.add_sa(a, None).unwrap();
    world.b.shared.add_sa(limited, None).unwrap();
    world
}

#[test]
fn what_the_peer_sealed_meanwhile_is_taken_and_at_twice_the_limit_nothing_is() {
    let mut world = limited_at_b();
    let mut send = |count: usize| carried(&mut world, count);
    assert_eq!(send(2), 2);
    assert_eq!(
        send(1),
        1,
        "beyond the limit, on its way when that was reached"
    );
    assert_eq!(send(2), 0);
    assert_eq!(world.b.drops(), [(DropReason::SaExpired.name(), 2)]);
    assert_eq!(world.b.events(), [expiring(true, spis(1).1)]);
}

#[test]
fn what_is_received_does_not_use_up_what_may_be_sent() {
    let mut world = limited_at_b();
    carried(&mut world, 2);
    world.b.send(&udp_v4(100, true, 0, true));
    world.turn();
    assert_eq!(std::iter::from_fn(|| world.a.take()).count(), 1);
}
