//! Congestion marks through the tunnel (RFC 6040).

use gatewright_engine::DropReason;
use gatewright_io::Encapsulation;
use gatewright_reference::judge;

use crate::world::{udp_v4, udp_v6, Tunnel, World};

const NOT_ECT: u8 = 0b00;
const ECT_1: u8 = 0b01;
const ECT_0: u8 = 0b10;
const CE: u8 = 0b11;
/// DSCP EF.
const DSCP: u8 = 0xb8;

/// What is forwarded for each outer mark.
type Row = [(u8, Option<u8>); 4];

/// RFC 6040 section 4.2, figure 4: what is forwarded for each inner and arriving outer mark.
const FORWARDED: [(u8, Row); 4] = [
    (
        NOT_ECT,
        [
            (NOT_ECT, Some(NOT_ECT)),
            (ECT_0, Some(NOT_ECT)),
            (ECT_1, Some(NOT_ECT)),
            (CE, None),
        ],
    ),
    (
        ECT_0,
        [
            (NOT_ECT, Some(ECT_0)),
            (ECT_0, Some(ECT_0)),
            (ECT_1, Some(ECT_1)),
            (CE, Some(CE)),
        ],
    ),
    (
        ECT_1,
        [
            (NOT_ECT, Some(ECT_1)),
            (ECT_0, Some(ECT_1)),
            (ECT_1, Some(ECT_1)),
            (CE, Some(CE)),
        ],
    ),
    (
        CE,
        [
            (NOT_ECT, Some(CE)),
            (ECT_0, Some(CE)),
            (ECT_1, Some(CE)),
            (CE, Some(CE)),
        ],
    ),
];

fn packet(v6: bool, class: u8) -> Vec<u8> {
    if v6 {
        let mut packet = udp_v6(100, false);
        packet[0] = 0x60 | class >> 4;
        packet[1] = (packet[1] & 0x0f) | class << 4;
        packet
    } else {
        udp_v4(100, true, class, false)
    }
}

fn tunnels() -> impl Iterator<Item = Tunnel> {
    [Encapsulation::Udp, Encapsulation::Protocol50]
        .into_iter()
        .flat_map(|encapsulation| {
            [false, true].map(|outer_v6| Tunnel {
                encapsulation,
                outer_v6,
                ..Tunnel::default()
            })
        })
}

#[test]
fn every_inner_mark_with_every_outer_one() {
    for tunnel in tunnels() {
        let mut world = World::connected(tunnel);
        let mut illegal = 0;
        for (inner, row) in FORWARDED {
            for (outer, forwarded) in row {
                for v6 in [false, true] {
                    world.internet.set_ecn(Some(outer));
                    world.a.send(&packet(v6, DSCP | inner));
                    world.turn();
                    let arrived = world.b.take();
                    let expected = forwarded.map(|mark| packet(v6, DSCP | mark));
                    assert_eq!(arrived, expected, "{inner:02b} in {outer:02b}");
                    // The other one has no checksum, which IPv6 does not know.
                    let sound = |packet: &Vec<u8>| v6 || judge(packet).is_ok();
                    assert!(arrived.as_ref().is_none_or(sound));
                    illegal += u64::from(forwarded.is_none());
                }
            }
        }
        assert_eq!(world.b.drops(), [(DropReason::EcnIllegal.name(), illegal)]);
    }
}

/// RFC 6040 section 4.1, normal mode: the outer header leaves with the inner mark, and it arrives
/// as it was sent where no router marks.
#[test]
fn a_mark_is_copied_outwards() {
    for tunnel in tunnels() {
        let mut world = World::connected(tunnel);
        for mark in [NOT_ECT, ECT_0, ECT_1, CE] {
            for v6 in [false, true] {
                world.internet.record();
                world.a.send(&packet(v6, DSCP | mark));
                world.turn();
                assert_eq!(world.b.take(), Some(packet(v6, DSCP | mark)));
                let outer = world.internet.take_recording().remove(0);
                if tunnel.encapsulation == Encapsulation::Protocol50 {
                    assert_eq!(judge(&outer).map(|outer| outer.class), Ok(DSCP | mark));
                }
            }
        }
    }
}
