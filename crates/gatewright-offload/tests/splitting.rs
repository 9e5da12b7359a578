//! Cutting, octet for octet as a sender without offload would have sent.
#![allow(clippy::unwrap_used)]

use gatewright_offload::{Splitter, VirtioNetHeader};
use gatewright_packet::IpPacket;
use gatewright_reference::{cut, judge, sent_frame, strategies, Packet, Upper, GSO_NONE};
use proptest::prelude::*;

fn split(header: &[u8; 10], octets: &[u8]) -> Vec<Vec<u8>> {
    let parsed = IpPacket::new_checked(octets).unwrap();
    let splitter = Splitter::new(&VirtioNetHeader::parse(header), parsed).unwrap();
    let packets = (0..splitter.count()).map(|index| {
        // More room than needed, and what lies behind must stay.
        let len = splitter.len_of(index);
        let mut out = vec![0xee; len + 16];
        assert_eq!(splitter.write(index, &mut out), Some(len));
        assert_eq!(out[len..], [0xee; 16]);
        out.truncate(len);
        out
    });
    packets.collect()
}

fn expected(packet: &Packet, size: u16) -> Vec<Vec<u8>> {
    let pieces = cut(packet, usize::from(size));
    pieces.iter().map(Packet::octets).collect()
}

proptest! {
    /// IPv4 with options, IPv6 with extension headers and routing headers, any flags, any sizes.
    #[test]
    fn segments_are_what_a_sender_without_offload_sends(
        packet in strategies::segmentable(6000), size in 1u16..1500,
    ) {
        let (header, octets) = sent_frame(&packet, size);
        prop_assert_eq!(split(&header, &octets), expected(&packet, size));
    }

    /// The sizes that links make: MTU 1280 to 9000, frames up to 64 KiB.
    #[test]
    fn frames_of_any_size_for_any_link(
        mut packet in strategies::segmentable(1),
        mtu in prop::sample::select(vec![1280usize, 1400, 1420, 1438, 1492, 1500, 4000, 9000]),
        fill in any::<u8>(), len in 1usize..65_000,
    ) {
        let headers = packet.header_len();
        let len = len.min(65_535 - headers);
        let data: Vec<u8> = (0..len).map(|i| (i / 7) as u8 ^ fill).collect();
        match &mut packet.upper {
            Upper::Tcp(tcp) => tcp.payload = data,
            Upper::Udp(udp) => udp.payload = data,
            Upper::Other { .. } => {}
        }
        let size = u16::try_from(mtu - headers).unwrap();
        let (header, octets) = sent_frame(&packet, size);
        let segments = split(&header, &octets);
        prop_assert!(segments.iter().all(|segment| segment.len() <= mtu));
        prop_assert_eq!(segments, expected(&packet, size));
    }

    /// A packet that is whole but for its checksum.
    #[test]
    fn a_partial_checksum_is_completed(packet in strategies::segmentable(600)) {
        let (mut header, octets) = sent_frame(&packet, 0);
        header[1] = GSO_NONE;
        prop_assert_eq!(split(&header, &octets), [packet.octets()]);
    }

    /// Anything else passes as it is.
    #[test]
    fn a_packet_without_offload_is_not_touched(packet in strategies::any_packet(600)) {
        let octets = packet.octets();
        prop_assert_eq!(split(&[0; 10], &octets), [octets]);
    }

    /// Whatever the offload header says of a good packet: no panic, and every segment is a
    /// well-formed packet, or the frame is refused.
    #[test]
    fn no_header_makes_a_malformed_segment(
        packet in strategies::segmentable(600), kind in 0u8..8, size in any::<u16>(),
    ) {
        let (mut header, octets) = sent_frame(&packet, size);
        header[1] = kind;
        let parsed = IpPacket::new_checked(&octets).unwrap();
        if let Ok(splitter) = Splitter::new(&VirtioNetHeader::parse(&header), parsed) {
            for index in 0..splitter.count() {
                let mut out = vec![0; splitter.len_of(index)];
                prop_assert!(splitter.write(index, &mut out).is_some());
                prop_assert!(judge(&out).is_ok(), "{:?}", judge(&out));
            }
            prop_assert_eq!(splitter.len_of(splitter.count()), 0);
        }
    }
}
