//! TCP connections begin with segments that fit the tunnel.

use gatewright_engine::{Count, Settings};
use gatewright_io::Encapsulation;
use gatewright_reference::{flags, judge, sent_frame, strategies, Ip, Packet, Tcp, Upper, V4, V6};

use crate::world::{Tunnel, World};

fn syn(v6: bool, answer: bool, mss: u16) -> Packet {
    let swap = |(a, b)| if answer { (b, a) } else { (a, b) };
    let ip = if v6 {
        let (source, destination) = strategies::HOSTS_V6;
        let (source, destination) = if answer {
            (destination, source)
        } else {
            (source, destination)
        };
        Ip::V6(V6 {
            class: 0,
            label: 7,
            hop_limit: 64,
            source,
            destination,
            extensions: Vec::new(),
        })
    } else {
        let (source, destination) = swap(strategies::HOSTS_V4);
        Ip::V4(V4 {
            class: 0,
            identification: 1,
            flags: 0b010,
            offset: 0,
            ttl: 64,
            source,
            destination,
            options: Vec::new(),
        })
    };
    let [high, low] = mss.to_be_bytes();
    let tcp = Tcp {
        source: 4000,
        destination: 80,
        sequence: 9,
        acknowledgement: 0,
        reserved: 0,
        flags: if answer {
            flags::SYN | flags::ACK
        } else {
            flags::SYN
        },
        window: 65_000,
        urgent: 0,
        options: vec![2, 4, high, low, 4, 2, 3, 3, 7, 0, 0, 0],
        payload: Vec::new(),
    };
    Packet {
        ip,
        upper: Upper::Tcp(tcp),
    }
}

/// The one of the tunnel's default algorithm over a path of 1500 octets.
fn fitting(encapsulation: Encapsulation, v6: bool) -> u16 {
    let inner = match encapsulation {
        Encapsulation::Udp => 1438,
        Encapsulation::Protocol50 => 1446,
    };
    inner - if v6 { 60 } else { 40 }
}

#[test]
fn both_directions_begin_with_what_fits() {
    for encapsulation in [Encapsulation::Udp, Encapsulation::Protocol50] {
        for v6 in [false, true] {
            let mut world = World::connected(Tunnel {
                encapsulation,
                ..Tunnel::default()
            });
            let fitting = fitting(encapsulation, v6);
            world.a.send(&syn(v6, false, 1460).octets());
            world.turn();
            assert_eq!(world.b.take(), Some(syn(v6, false, fitting).octets()));
            world.b.send(&syn(v6, true, 8960).octets());
            world.turn();
            assert_eq!(world.a.take(), Some(syn(v6, true, fitting).octets()));
            let clamped = [&world.a, &world.b].map(|gateway| gateway.count(Count::MssClamped));
            assert_eq!(clamped, [1, 1], "once, by the first that sees it");
        }
    }
}

/// The receiving side lowers what the other gateway let pass.
#[test]
fn it_takes_one_gateway_that_does() {
    let mut world = World::connected(Tunnel::default());
    let settings = Settings {
        mss_clamp: false,
        offloads: gatewright_io::Offloads::NONE,
        ..Settings::default()
    };
    let mut without = World::with_settings(Tunnel::default(), settings);
    without.connect(1);
    without.internet.record();
    without.a.send(&syn(false, false, 1460).octets());
    without.turn();
    assert_eq!(without.b.take(), Some(syn(false, false, 1460).octets()));
    let sealed = without.internet.take_recording().remove(0);
    let (to, from) = (world.b.address, world.a.address);
    world.internet.inject(
        Encapsulation::Udp,
        (to, 4500).into(),
        (from, 4500).into(),
        sealed,
    );
    world.turn();
    assert_eq!(world.b.take(), Some(syn(false, false, 1398).octets()));
    assert_eq!(world.b.count(Count::MssClamped), 1);
}

/// The host left the checksum to its device; it is completed first.
#[test]
fn a_syn_without_its_checksum_gets_the_right_one() {
    let mut world = World::connected(Tunnel::default());
    let (mut header, octets) = sent_frame(&syn(false, false, 1460), 0);
    header[1] = gatewright_reference::GSO_NONE;
    world.a.host.send([&header[..], &octets].concat());
    world.turn();
    let arrived = world.b.take().unwrap();
    assert!(judge(&arrived).is_ok());
    assert_eq!(arrived, syn(false, false, 1398).octets());
}

#[test]
fn what_fits_already_is_left_alone() {
    let mut world = World::connected(Tunnel::default());
    for mss in [536, 1398] {
        world.a.send(&syn(false, false, mss).octets());
        world.turn();
        assert_eq!(world.b.take(), Some(syn(false, false, mss).octets()));
    }
    assert_eq!(world.a.count(Count::MssClamped), 0);
}
