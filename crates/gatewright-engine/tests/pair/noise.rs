//! Whatever comes, nothing panics, nothing unauthentic gets through, and all is counted.

use std::net::SocketAddr;

use gatewright_engine::{Count, DropReason};
use gatewright_io::Encapsulation;
use proptest::prelude::*;

use crate::world::{udp_v4, udp_v6, Gateway, Tunnel, World};

fn drops(gateway: &Gateway) -> u64 {
    DropReason::ALL
        .iter()
        .map(|reason| gateway.dropped(*reason))
        .sum()
}

/// Octets that begin like something: noise, or a packet with noise in it.
fn packet() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..200);
    let base = prop_oneof![
        Just(udp_v4(120, false, 0, false)),
        Just(udp_v6(120, false)),
        Just(udp_v4(2000, false, 0, false)),
    ];
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let damaged =
        (base, changes, any::<prop::sample::Index>()).prop_map(|(mut packet, changes, cut)| {
            for (position, octet) in changes {
                let position = position.index(packet.len());
                packet[position] = octet;
            }
            packet.truncate(cut.index(packet.len() + 1));
            packet
        });
    prop_oneof![1 => noise, 3 => damaged]
}

/// Virtio-net headers: none, noise, and what a kernel could say.
fn virtio() -> impl Strategy<Value = [u8; 10]> {
    prop_oneof![
        Just([0; 10]),
        any::<[u8; 10]>(),
        (
            0u8..2,
            prop_oneof![Just(1u8), Just(4), Just(5)],
            any::<u16>(),
            0u8..60
        )
            .prop_map(|(flags, gso, size, start)| {
                let size = size.to_ne_bytes();
                [flags, gso, 0, 0, size[0], size[1], start, 0, 6, 0]
            }),
    ]
}

proptest! {
    #[test]
    fn any_frame_of_the_tun_device(frames in prop::collection::vec((virtio(), packet()), 1..20)) {
        let mut world = World::connected(Tunnel::default());
        let mut expected = 0;
        for (virtio, packet) in frames {
            world.a.host.send([&virtio[..], &packet].concat());
            expected += 1;
        }
        world.turn();
        prop_assert_eq!(world.a.count(Count::TunFramesRead), expected);
        // A frame is dropped, or it is sealed: whole, in segments or in fragments.
        prop_assert!(drops(&world.a) + world.a.count(Count::PacketsOut) >= expected);
        prop_assert_eq!(world.a.count(Count::PacketsOut), world.a.count(Count::DatagramsOut));
        prop_assert_eq!(world.b.drops(), []);
    }

    #[test]
    fn any_datagram_of_the_network(
        datagrams in prop::collection::vec((any::<bool>(), packet(), any::<bool>()), 1..20),
    ) {
        let mut world = World::connected(Tunnel::default());
        let b = world.b.address;
        for (udp, mut data, known_spi) in datagrams {
            let (encapsulation, port, spi_at) = if udp {
                (Encapsulation::Udp, 4500, 0)
            } else {
                (Encapsulation::Protocol50, 0, 20)
            };
            if let Some(spi) = data.get_mut(spi_at..spi_at + 4).filter(|_| known_spi) {
                spi.copy_from_slice(&crate::world::spis(1).1.to_be_bytes());
            }
            let before = drops(&world.b)
                + world.b.count(Count::IkeMessagesIn)
                + world.b.count(Count::KeepalivesIn);
            let (to, from) = (SocketAddr::new(b, port), SocketAddr::new(world.a.address, port));
            world.internet.inject(encapsulation, to, from, data);
            world.b.worker.turn().unwrap();
            let after = drops(&world.b)
                + world.b.count(Count::IkeMessagesIn)
                + world.b.count(Count::KeepalivesIn);
            prop_assert_eq!(after, before + 1);
        }
        prop_assert_eq!(world.b.take(), None);
        // The tunnel is as it was.
        world.a.send(&udp_v4(100, true, 0, false));
        world.turn();
        prop_assert!(world.b.take().is_some());
    }
}
