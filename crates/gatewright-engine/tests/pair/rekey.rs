//! One pair replaces another, and peers move.

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::Arc;

use gatewright_engine::{DropReason, Event, SaParameters, SocketSlot};
use gatewright_io::{Encapsulation, Outgoing, PathReport, ReceiveBatch, Sent, Socket};

use crate::world::{spis, udp_v4, Gateway, Tunnel, World};

/// The SPI of the first recorded ESP packet.
fn next_spi(world: &World) -> u32 {
    let recording = world.internet.take_recording();
    u32::from_be_bytes(*recording[0].first_chunk().unwrap())
}

fn active(gateway: &Gateway, spi: u32) -> bool {
    let counters = gateway.shared.sa_counters();
    counters
        .iter()
        .find(|pair| pair.spi_in == spi)
        .is_some_and(|pair| pair.outbound_active)
}

#[test]
fn the_newest_pair_is_used() {
    let mut world = World::connected(Tunnel::default());
    world.internet.record();
    world.connect(2);
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    assert_eq!(next_spi(&world), spis(2).1);
    world.a.shared.remove_sa(spis(2).0).unwrap();
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    assert_eq!(next_spi(&world), spis(1).1, "the older one is still there");
}

#[test]
fn a_responder_waits_for_the_first_packet_on_the_new_pair() {
    let mut world = World::connected(Tunnel::default());
    world.internet.record();
    let (a, b) = world.parameters(2);
    let standby = SaParameters {
        outbound_standby: true,
        ..b
    };
    world.b.shared.add_sa(standby, None).unwrap();
    world.b.send(&udp_v4(100, true, 0, true));
    world.turn();
    assert_eq!(next_spi(&world), spis(1).0);
    assert!(!active(&world.b, spis(2).1));

    world.a.shared.add_sa(a, None).unwrap();
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    assert_eq!(next_spi(&world), spis(2).1);
    assert!(active(&world.b, spis(2).1));
    world.b.send(&udp_v4(100, true, 0, true));
    world.turn();
    assert_eq!(next_spi(&world), spis(2).0);
}

#[test]
fn packets_wait_for_a_standby_and_go_with_its_activation() {
    for by_command in [true, false] {
        let mut world = World::new(Tunnel::default());
        let (a, b) = world.parameters(1);
        let standby = SaParameters {
            outbound_standby: true,
            ..b
        };
        world.b.shared.add_sa(standby, None).unwrap();
        world.b.send(&udp_v4(100, true, 0, true));
        world.turn();
        assert_eq!(
            world.b.events(),
            [],
            "the pair is coming: nothing to ask for"
        );
        world.a.shared.add_sa(a, None).unwrap();
        if by_command {
            world.b.shared.activate_sa(spis(1).1).unwrap();
        } else {
            world.a.send(&udp_v4(60, true, 0, false));
        }
        world.turn();
        assert_eq!(world.a.take().map(|packet| packet.len()), Some(100));
    }
}

#[test]
fn a_peer_that_moved_is_told_of_once_and_followed_by_command() {
    let mut world = World::connected(Tunnel::default());
    world.internet.record();
    let elsewhere = SocketAddr::new(world.a.address, 20_001);
    for _ in 0..3 {
        world.a.send(&udp_v4(100, true, 0, false));
    }
    world.a.worker.turn().unwrap();
    let here = SocketAddr::new(world.b.address, 4500);
    // The NAT gave the peer another port.
    let mut fresh = World::connected(Tunnel::default());
    for datagram in world.internet.take_recording() {
        fresh
            .internet
            .inject(Encapsulation::Udp, here, elsewhere, datagram);
    }
    fresh.turn();
    assert_eq!(std::iter::from_fn(|| fresh.b.take()).count(), 3);
    let moved = Event::PeerMoved {
        spi_in: spis(1).1,
        remote: elsewhere,
    };
    assert_eq!(fresh.b.events(), [moved]);

    let nat = fresh.internet.socket(Encapsulation::Udp, elsewhere);
    fresh
        .b
        .shared
        .move_sa(spis(1).1, elsewhere, |_| None)
        .unwrap();
    fresh.b.send(&udp_v4(100, true, 0, true));
    fresh.turn();
    let mut batch = gatewright_io::ReceiveBatch::new(4);
    gatewright_io::Socket::receive(&nat, &mut batch).unwrap();
    assert_eq!(batch.len(), 1);
}

#[test]
fn a_removed_pair_is_unknown() {
    let mut world = World::connected(Tunnel::default());
    world.b.shared.remove_sa(spis(1).1).unwrap();
    world.a.send(&udp_v4(100, true, 0, false));
    world.turn();
    assert_eq!(world.b.drops(), [(DropReason::UnknownSpi.name(), 1)]);
    world.b.shared.remove_sa(spis(1).1).unwrap();
}

/// A socket with which something else happens while a worker receives.
struct Meanwhile<S, F> {
    socket: S,
    happens: F,
}

impl<S: Socket, F: Fn() + Send + Sync> Socket for Meanwhile<S, F> {
    fn local(&self) -> SocketAddr {
        self.socket.local()
    }

    fn encapsulation(&self) -> Encapsulation {
        self.socket.encapsulation()
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<()> {
        (self.happens)();
        self.socket.receive(batch)
    }

    fn send(&self, arena: &[u8], messages: &[Outgoing]) -> Sent {
        self.socket.send(arena, messages)
    }

    fn send_one(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        self.socket.send_one(payload, to)
    }

    fn take_path_reports(&self, reports: &mut Vec<PathReport>) {
        self.socket.take_path_reports(reports);
    }

    fn segmentation(&self) -> bool {
        self.socket.segmentation()
    }

    fn describe(&self) -> String {
        self.socket.describe()
    }

    fn descriptor(&self) -> Option<RawFd> {
        self.socket.descriptor()
    }
}

#[test]
fn a_pair_that_is_installed_while_a_batch_is_under_way_is_known() {
    let mut world = World::connected(Tunnel::default());
    let here = SocketAddr::new(world.b.address, 4500);
    let shared = Arc::clone(&world.b.shared);
    let half = std::sync::Mutex::new(Some(world.parameters(2).1));
    let happens = move || {
        if let Some(half) = half.lock().unwrap().take() {
            shared.add_sa(half, None).unwrap();
        }
    };
    let socket = world.internet.socket(Encapsulation::Udp, here);
    let slot = SocketSlot {
        worker: 0,
        socket: Arc::new(Meanwhile { socket, happens }),
    };
    world.b.shared.use_sockets(vec![slot]).unwrap();
    world.a.shared.add_sa(world.parameters(2).0, None).unwrap();
    world.a.send(&udp_v4(100, true, 0, false));
    world.a.worker.turn().unwrap();
    world.b.worker.turn().unwrap();
    assert_eq!(world.b.drops(), []);
    assert_eq!(world.b.take().map(|packet| packet.len()), Some(100));
}

#[test]
fn a_second_pair_with_the_same_spi_is_refused() {
    let world = World::connected(Tunnel::default());
    let (a, _) = world.parameters(1);
    let refusal = world.a.shared.add_sa(a, None).unwrap_err().to_string();
    assert!(refusal.contains("0x00001001"), "{refusal}");
}
