#![allow(clippy::unwrap_used)]

use super::*;
use crate::testing::{packet, FlowSpec};
use proptest::prelude::*;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;
const CWR: u8 = 0x80;

fn flow(v6: bool, udp: bool) -> FlowSpec {
    FlowSpec {
        v6,
        udp,
        port: 4000,
        class: 2,
        options: true,
    }
}

fn header(flow: &FlowSpec, size: u16) -> VirtioNetHeader {
    VirtioNetHeader {
        needs_checksum: true,
        gso: match (flow.udp, flow.v6) {
            (true, _) => GsoType::UdpL4,
            (false, false) => GsoType::TcpV4,
            (false, true) => GsoType::TcpV6,
        },
        gso_size: size,
        ..VirtioNetHeader::default()
    }
}

fn split(header: &VirtioNetHeader, bytes: &[u8]) -> Result<Vec<Vec<u8>>, SplitError> {
    let splitter = Splitter::new(header, IpPacket::new_checked(bytes).unwrap())?;
    let segments = (0..splitter.count()).map(|index| {
        let mut out = vec![0xee; 70_000];
        let len = splitter.write(index, &mut out).unwrap();
        assert_eq!(len, splitter.len_of(index));
        out.truncate(len);
        out
    });
    Ok(segments.collect())
}

/// What a sender without offload would have sent.
fn reference(
    flow: &FlowSpec,
    id: u16,
    sequence: u32,
    flags: u8,
    payload: &[u8],
    size: usize,
) -> Vec<Vec<u8>> {
    let count = payload.chunks(size).count();
    let chunks = payload.chunks(size).enumerate();
    let segments = chunks.map(|(index, chunk)| {
        let mut kept = flags;
        if index + 1 < count {
            kept &= !(FIN | PSH);
        }
        if index > 0 {
            kept &= !CWR;
        }
        let number = sequence.wrapping_add(u32::try_from(index * size).unwrap());
        packet(
            flow,
            id.wrapping_add(u16::try_from(index).unwrap()),
            number,
            kept,
            chunk,
        )
    });
    segments.collect()
}

proptest! {
    #[test]
    fn segments_are_what_a_sender_without_offload_sends(
        v6 in any::<bool>(), udp in any::<bool>(), id in any::<u16>(), sequence in any::<u32>(),
        flags in prop::sample::select(vec![ACK, ACK | PSH, ACK | PSH | CWR, ACK | FIN]),
        payload in prop::collection::vec(any::<u8>(), 1..5000), size in 1u16..1500,
    ) {
        let flow = flow(v6, udp);
        let whole = packet(&flow, id, sequence, flags, &payload);
        let segments = split(&header(&flow, size), &whole).unwrap();
        prop_assert_eq!(segments, reference(&flow, id, sequence, flags, &payload, usize::from(size)));
    }

    #[test]
    fn any_header_and_packet_never_panic(
        raw in any::<[u8; 10]>(), v6 in any::<bool>(), udp in any::<bool>(),
        mut bytes in prop::collection::vec(any::<u8>(), 0..200), splice in any::<bool>(),
    ) {
        if splice {
            bytes = packet(&flow(v6, udp), 1, 2, ACK, &bytes);
        }
        if let Ok(parsed) = IpPacket::new_checked(&bytes) {
            if let Ok(splitter) = Splitter::new(&VirtioNetHeader::parse(&raw), parsed) {
                let mut out = [0; 300];
                for index in 0..=splitter.count() {
                    let _ = splitter.write(index, &mut out);
                }
            }
        }
    }
}

#[test]
fn a_packet_without_offload_passes_as_it_is() {
    let bytes = packet(&flow(false, false), 1, 2, ACK, b"payload");
    assert_eq!(split(&VirtioNetHeader::default(), &bytes).unwrap(), [bytes]);
}

#[test]
fn a_partial_checksum_is_completed() {
    for udp in [false, true] {
        let flow = flow(false, udp);
        let whole = packet(&flow, 1, 2, ACK, b"payload");
        let (start, offset) = (20usize, if udp { 6 } else { 16 });
        let mut partial = whole.clone();
        let upper_len = u32::try_from(whole.len() - 20).unwrap();
        let parsed = IpPacket::new_checked(&whole).unwrap();
        let transport = if udp { Transport::Udp } else { Transport::Tcp };
        let pseudo = pseudo_header(&parsed, transport, upper_len).folded();
        put_u16(&mut partial, start + offset, pseudo);
        let header = VirtioNetHeader {
            needs_checksum: true,
            checksum_start: 20,
            checksum_offset: u16::try_from(offset).unwrap(),
            ..VirtioNetHeader::default()
        };
        assert_eq!(split(&header, &partial).unwrap(), [whole]);
    }
}

/// Zero would say that there is no checksum (RFC 768).
#[test]
fn a_udp_sum_of_zero_is_sent_as_all_ones() {
    let flow = flow(false, true);
    let mut bytes = packet(&flow, 1, 0, 0, &[0; 8]);
    let sum = u16::from_be_bytes([bytes[26], bytes[27]]);
    // The payload takes up what is missing to all ones.
    bytes[28..30].copy_from_slice(&sum.to_be_bytes());
    let segments = split(&header(&flow, 8), &bytes).unwrap();
    assert_eq!(segments[0][26..28], [0xff, 0xff]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let tcp4 = flow(false, false);
    let bytes = packet(&tcp4, 1, 2, ACK, &[0; 200]);
    let with = |gso, gso_size| VirtioNetHeader {
        gso,
        gso_size,
        ..VirtioNetHeader::default()
    };
    let error = |header| split(&header, &bytes).unwrap_err();
    assert_eq!(error(with(GsoType::TcpV6, 100)), SplitError::Inconsistent);
    assert_eq!(error(with(GsoType::UdpL4, 100)), SplitError::Inconsistent);
    assert_eq!(error(with(GsoType::TcpV4, 0)), SplitError::Inconsistent);
    assert_eq!(
        error(with(GsoType::Unknown(3), 100)),
        SplitError::UnknownGso
    );
    let beyond = VirtioNetHeader {
        needs_checksum: true,
        checksum_start: 251,
        ..Default::default()
    };
    assert_eq!(error(beyond), SplitError::Inconsistent);
}
