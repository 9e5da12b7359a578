//! The MSS of a SYN, against packets built field by field.
#![allow(clippy::unwrap_used)]

use gatewright_packet::mss::clamp_mss;
use gatewright_reference::{flags, judge, strategies, Ip, Packet, Upper};
use proptest::prelude::*;
use proptest::sample::select;

/// Options with an MSS of this value behind some others, and the value's place.
fn options(before: &[&[u8]], mss: Option<u16>) -> Vec<u8> {
    let mut options = before.concat();
    if let Some(mss) = mss {
        options.extend([2, 4]);
        options.extend(mss.to_be_bytes());
    }
    options.extend([4, 2, 3, 3, 7]);
    options.resize(options.len().next_multiple_of(4), 0);
    options
}

fn syn() -> impl Strategy<Value = (Packet, Vec<&'static [u8]>)> {
    let other = select(vec![
        &[1][..],
        &[4, 2],
        &[3, 3, 7],
        &[8, 10, 1, 2, 3, 4, 0, 0, 0, 0],
        &[254, 5, 2, 4, 9],
    ]);
    let any_flags = any::<u8>().prop_map(|bits| bits | flags::SYN);
    let parts = (strategies::ip(), strategies::tcp(50), any_flags);
    (parts, prop::collection::vec(other, 0..3)).prop_map(|((ip, mut tcp, flags), before)| {
        tcp.flags = flags;
        let upper = Upper::Tcp(tcp);
        (Packet { ip, upper }, before)
    })
}

fn with_options(packet: &Packet, options: Vec<u8>) -> Packet {
    let mut packet = packet.clone();
    if let Upper::Tcp(tcp) = &mut packet.upper {
        tcp.options = options;
    }
    packet
}

fn room(packet: &Packet, mtu: usize) -> u16 {
    let ip = match packet.ip {
        Ip::V4(_) => 20,
        Ip::V6(_) => 40,
    };
    u16::try_from(mtu - ip - 20).unwrap()
}

proptest! {
    /// As if the sender had said the smaller size: every other octet is as before, the checksum is
    /// right.
    #[test]
    fn it_is_the_packet_that_a_sender_behind_the_tunnel_would_have_sent(
        (packet, before) in syn(), mss: u16, mtu in 500usize..9000,
    ) {
        let smaller = mss.min(room(&packet, mtu));
        let mut octets = with_options(&packet, options(&before, Some(mss))).octets();
        let expected = with_options(&packet, options(&before, Some(smaller))).octets();
        prop_assert_eq!(clamp_mss(&mut octets, mtu), smaller < mss);
        prop_assert_eq!(octets, expected);
    }

    /// Damage that was there stays to be seen.
    #[test]
    fn a_wrong_checksum_stays_wrong((packet, before) in syn(), mss: u16, mtu in 500usize..1500) {
        let mut octets = with_options(&packet, options(&before, Some(mss))).octets();
        let last = octets.len() - 1;
        octets[last] ^= 0x10;
        clamp_mss(&mut octets, mtu);
        prop_assert!(judge(&octets).is_err());
    }

    /// Segments that begin nothing, SYNs without the option, and whatever is no TCP.
    #[test]
    fn nothing_else_is_touched(
        (packet, before) in syn(), other in strategies::any_packet(100), mtu in 500usize..1500,
    ) {
        let without = with_options(&packet, options(&before, None));
        let mut later = with_options(&packet, options(&before, Some(9000)));
        if let Upper::Tcp(tcp) = &mut later.upper {
            tcp.flags &= !flags::SYN;
        }
        let mut unlike = other;
        if let Upper::Tcp(tcp) = &mut unlike.upper {
            tcp.flags &= !flags::SYN;
        }
        for packet in [without, later, unlike] {
            let mut octets = packet.octets();
            prop_assert!(!clamp_mss(&mut octets, mtu));
            prop_assert_eq!(octets, packet.octets());
        }
    }

    #[test]
    fn any_octets_never_panic(
        (packet, _) in syn(), options in prop::collection::vec(any::<u8>(), 10), mtu: usize,
        noise in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let mut octets = with_options(&packet, options.repeat(4)).octets();
        let len = octets.len();
        clamp_mss(&mut octets, mtu);
        prop_assert_eq!(octets.len(), len);
        clamp_mss(&mut noise.clone(), mtu);
    }
}
