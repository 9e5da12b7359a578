//! What a peer or an attacker may send, each with its name.

use std::net::SocketAddr;

use gatewright_engine::{Count, DropReason, Event, SaParameters, Settings};
use gatewright_io::Encapsulation;
use gatewright_spd::Selectors;

use crate::world::{networks, range, spis, udp_v4, Tunnel, World};

struct Attack {
    world: World,
    here: SocketAddr,
    there: SocketAddr,
}

impl Attack {
    fn new(settings: Settings) -> Self {
        let world = World::with_settings(Tunnel::default(), settings);
        world.connect(1);
        Self {
            here: SocketAddr::new(world.b.address, 4500),
            there: SocketAddr::new(world.a.address, 4500),
            world,
        }
    }

    fn send(&mut self, datagram: &[u8]) {
        self.world
            .internet
            .inject(Encapsulation::Udp, self.here, self.there, datagram.to_vec());
        self.world.b.worker.turn().unwrap();
    }

    /// A good ESP packet from A that B has not seen.
    fn genuine(&mut self) -> Vec<u8> {
        self.world.internet.record();
        self.world.a.send(&udp_v4(100, true, 0, false));
        self.world.a.worker.turn().unwrap();
        self.world.internet.take_recording().remove(0)
    }
}

#[test]
fn a_replayed_packet_is_dropped() {
    let mut attack = Attack::new(Settings::default());
    let genuine = attack.genuine();
    attack.world.turn();
    assert!(attack.world.b.take().is_some());
    attack.send(&genuine);
    assert_eq!(attack.world.b.take(), None);
    assert_eq!(attack.world.b.drops(), [(DropReason::Replay.name(), 1)]);
}

#[test]
fn a_changed_packet_is_dropped_and_does_not_spoil_the_true_one() {
    let mut attack = Attack::new(Settings::default());
    let genuine = attack.genuine();
    let mut fresh = Attack::new(Settings::default());
    // SPI and sequence number in front have drops of their own.
    for position in 8..genuine.len() {
        let mut changed = genuine.clone();
        changed[position] ^= 1;
        fresh.send(&changed);
    }
    assert_eq!(fresh.world.b.take(), None);
    let drops = genuine.len() as u64 - 8;
    assert_eq!(fresh.world.b.drops(), [(DropReason::BadIcv.name(), drops)]);
    fresh.send(&genuine);
    assert!(fresh.world.b.take().is_some());
}

#[test]
fn cut_packets_never_get_through() {
    let mut attack = Attack::new(Settings::default());
    let genuine = attack.genuine();
    let mut fresh = Attack::new(Settings::default());
    for len in 0..genuine.len() {
        fresh.send(&genuine[..len]);
    }
    assert_eq!(fresh.world.b.take(), None);
    let dropped: u64 = fresh.world.b.drops().iter().map(|(_, count)| count).sum();
    assert_eq!(dropped, genuine.len() as u64);
    assert!(fresh.world.b.dropped(DropReason::MalformedEsp) > 8);
}

#[test]
fn noise_is_unknown_and_ike_goes_up() {
    let mut attack = Attack::new(Settings {
        ike_queue: 2,
        ..Settings::default()
    });
    attack.send(&[0xff]);
    assert_eq!(attack.world.b.count(Count::KeepalivesIn), 1);
    attack.send(&[0x12; 100]);
    assert_eq!(attack.world.b.dropped(DropReason::UnknownSpi), 1);
    for _ in 0..3 {
        attack.send(&[0, 0, 0, 0, 1, 2, 3]);
    }
    assert_eq!(attack.world.b.dropped(DropReason::IkeQueueFull), 1);
    let message = Event::IkeDatagram {
        local: attack.here,
        remote: attack.there,
        payload: [1, 2, 3].into(),
    };
    assert_eq!(attack.world.b.events(), [message.clone(), message]);
}

#[test]
fn the_wrong_encapsulation_is_dropped() {
    let mut attack = Attack::new(Settings::default());
    let genuine = attack.genuine();
    let mut outer = udp_v4(20 + genuine.len(), true, 0, false);
    outer[20..].copy_from_slice(&genuine);
    let mut fresh = Attack::new(Settings::default());
    let (to, from) = (fresh.world.b.address, fresh.world.a.address);
    fresh.world.internet.inject(
        Encapsulation::Protocol50,
        (to, 0).into(),
        (from, 0).into(),
        outer,
    );
    fresh.world.turn();
    assert_eq!(
        fresh.world.b.drops(),
        [(DropReason::Encapsulation.name(), 1)]
    );
}

#[test]
fn an_inner_packet_of_another_network_is_dropped() {
    let mut world = World::new(Tunnel::default());
    let (a, b) = world.parameters(1);
    let (_, net_b) = networks();
    // B negotiated another network of A's than A uses.
    let other = vec![range("192.168.99.0", "192.168.99.255")];
    let narrow = SaParameters {
        selectors: Selectors::new(net_b, other),
        ..b
    };
    world.a.shared.add_sa(a, None).unwrap();
    world.b.shared.add_sa(narrow, None).unwrap();
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    assert_eq!(world.b.take(), None);
    assert_eq!(world.b.drops(), [(DropReason::SelectorMismatch.name(), 1)]);
    let counters = world.b.shared.sa_counters();
    assert_eq!((counters[0].spi_in, counters[0].packets_in), (spis(1).1, 0));
}
