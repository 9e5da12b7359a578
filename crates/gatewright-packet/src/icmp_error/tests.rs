use core::net::IpAddr;

use super::*;
use crate::{IcmpPacket, Icmpv6Packet};
use proptest::prelude::*;

const GATEWAY4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 254));
const GATEWAY6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0xfe));

fn packet_v4(source: [u8; 4], destination: [u8; 4], number: u8, payload: &[u8]) -> Vec<u8> {
    let header = Ipv4Header::new(source.into(), destination.into(), number);
    let mut bytes = vec![0; 20];
    header
        .emit(bytes.first_chunk_mut().unwrap(), payload.len())
        .unwrap();
    bytes.extend_from_slice(payload);
    bytes
}

fn packet_v6(source: u8, destination: u8, number: u8, payload: &[u8]) -> Vec<u8> {
    let address = |first: u8| {
        let mut octets = [0; 16];
        octets[0] = first;
        octets[15] = first;
        Ipv6Addr::from(octets)
    };
    let header = Ipv6Header::new(address(source), address(destination), number);
    let mut bytes = vec![0; 40];
    header
        .emit(bytes.first_chunk_mut().unwrap(), payload.len())
        .unwrap();
    bytes.extend_from_slice(payload);
    bytes
}

fn answer_to(bytes: &[u8], error: IcmpError) -> Result<Vec<u8>, NoAnswer> {
    let packet = IpPacket::new_checked(bytes).unwrap();
    let from = match packet {
        IpPacket::V4(_) => GATEWAY4,
        IpPacket::V6(_) => GATEWAY6,
    };
    let mut out = vec![0xee; MAX_ICMP_ERROR_LEN];
    let len = answer(&packet, from, error, &mut out)?;
    out.truncate(len);
    Ok(out)
}

const TOO_BIG: IcmpError = IcmpError::TooBig { mtu: 1390 };

#[test]
fn fragmentation_needed() {
    let original = packet_v4([10, 0, 0, 1], [10, 1, 0, 1], 17, &[7; 1400]);
    let out = answer_to(&original, TOO_BIG).unwrap();
    assert_eq!(out.len(), 576);
    let ip = Ipv4Packet::new_checked(&out).unwrap();
    assert!(ip.checksum_is_valid());
    assert_eq!(IpAddr::V4(ip.source()), GATEWAY4);
    assert_eq!(ip.destination(), Ipv4Addr::new(10, 0, 0, 1));
    assert_eq!((ip.protocol(), ip.traffic_class()), (1, 0xc0));
    let icmp = IcmpPacket::new_checked(ip.payload()).unwrap();
    assert!(icmp.checksum_is_valid());
    assert_eq!((icmp.kind(), icmp.code()), (3, 4));
    assert_eq!(icmp.next_hop_mtu(), Some(1390));
    assert_eq!(icmp.payload(), &original[..548]);
}

#[test]
fn packet_too_big() {
    let original = packet_v6(0x20, 0x30, 6, &[7; 1400]);
    let out = answer_to(&original, TOO_BIG).unwrap();
    assert_eq!(out.len(), 1280);
    let ip = Ipv6Packet::new_checked(&out).unwrap();
    assert_eq!(IpAddr::V6(ip.source()), GATEWAY6);
    let icmp = Icmpv6Packet::new_checked(ip.upper_payload()).unwrap();
    assert!(icmp.checksum_is_valid(ip.pseudo_header()));
    assert_eq!((icmp.kind(), icmp.code()), (2, 0));
    assert_eq!(icmp.next_hop_mtu(), Some(1390));
    assert_eq!(icmp.payload(), &original[..1232]);
}

#[test]
fn prohibited_quotes_a_short_packet_whole() {
    let original = packet_v4([10, 0, 0, 1], [10, 1, 0, 1], 1, &[8, 0, 0, 0, 0, 0, 0, 0]);
    let out = answer_to(&original, IcmpError::AdminProhibited).unwrap();
    let ip = Ipv4Packet::new_checked(&out).unwrap();
    let icmp = IcmpPacket::new_checked(ip.payload()).unwrap();
    assert_eq!((icmp.kind(), icmp.code()), (3, 13));
    assert_eq!(icmp.payload(), original);

    let original = packet_v6(0x20, 0x30, 58, &[128, 0, 0, 0, 0, 0, 0, 0]);
    let out = answer_to(&original, IcmpError::AdminProhibited).unwrap();
    let ip = Ipv6Packet::new_checked(&out).unwrap();
    let icmp = Icmpv6Packet::new_checked(ip.upper_payload()).unwrap();
    assert_eq!((icmp.kind(), icmp.code()), (1, 1));
    assert_eq!(icmp.payload(), original);
}

#[test]
fn keeps_silent_about_errors() {
    for kind in [3, 4, 5, 11, 12] {
        let original = packet_v4([10, 0, 0, 1], [10, 1, 0, 1], 1, &[kind, 0, 0, 0]);
        assert_eq!(answer_to(&original, TOO_BIG), Err(NoAnswer::AboutAnError));
    }
    let empty = packet_v4([10, 0, 0, 1], [10, 1, 0, 1], 1, &[]);
    assert_eq!(answer_to(&empty, TOO_BIG), Err(NoAnswer::AboutAnError));
    let original = packet_v6(0x20, 0x30, 58, &[1, 0, 0, 0]);
    assert_eq!(answer_to(&original, TOO_BIG), Err(NoAnswer::AboutAnError));
}

#[test]
fn keeps_silent_about_later_fragments() {
    let mut original = packet_v4([10, 0, 0, 1], [10, 1, 0, 1], 17, &[0; 64]);
    original[6..8].copy_from_slice(&0x2000u16.to_be_bytes());
    assert!(answer_to(&original, TOO_BIG).is_ok());
    original[6..8].copy_from_slice(&0x0008u16.to_be_bytes());
    assert_eq!(answer_to(&original, TOO_BIG), Err(NoAnswer::LaterFragment));
    let fragment = [17, 0, 0, 8, 0, 0, 0, 0, 1, 1, 1, 1];
    let original = packet_v6(0x20, 0x30, 44, &fragment);
    assert_eq!(answer_to(&original, TOO_BIG), Err(NoAnswer::LaterFragment));
}

#[test]
fn answers_hosts_only() {
    for source in [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4]] {
        let original = packet_v4(source, [10, 1, 0, 1], 17, &[0; 8]);
        assert_eq!(answer_to(&original, TOO_BIG), Err(NoAnswer::NotUnicast));
    }
    let multicast = packet_v4([10, 0, 0, 1], [224, 0, 0, 5], 17, &[0; 8]);
    assert_eq!(answer_to(&multicast, TOO_BIG), Err(NoAnswer::NotUnicast));
    let multicast = packet_v6(0x20, 0xff, 17, &[0; 8]);
    assert!(answer_to(&multicast, TOO_BIG).is_ok());
    let prohibited = answer_to(&multicast, IcmpError::AdminProhibited);
    assert_eq!(prohibited, Err(NoAnswer::NotUnicast));
    let unspecified = packet_v6(0, 0x30, 17, &[0; 8]);
    assert_eq!(answer_to(&unspecified, TOO_BIG), Err(NoAnswer::NotUnicast));
}

#[test]
fn says_what_the_caller_did_wrong() {
    let bytes = packet_v4([10, 0, 0, 1], [10, 1, 0, 1], 17, &[0; 64]);
    let packet = IpPacket::new_checked(&bytes).unwrap();
    let mut out = [0; MAX_ICMP_ERROR_LEN];
    let other = answer(&packet, GATEWAY6, TOO_BIG, &mut out);
    assert_eq!(other, Err(NoAnswer::OtherVersion));
    let short = answer(&packet, GATEWAY4, TOO_BIG, &mut out[..60]);
    assert_eq!(short, Err(NoAnswer::NoRoom));
}

proptest! {
    #[test]
    fn any_packet_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..120), room in 0usize..1400) {
        if let Ok(packet) = IpPacket::new_checked(&bytes) {
            let mut out = vec![0; room];
            let _ = answer(&packet, GATEWAY4, TOO_BIG, &mut out);
            let _ = answer(&packet, GATEWAY6, IcmpError::AdminProhibited, &mut out);
        }
    }
}
