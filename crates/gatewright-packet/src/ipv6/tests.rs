use super::*;
use proptest::prelude::*;

/// A packet of these extension headers (type, octets with next header left 0) and this payload.
fn packet(extensions: &[(u8, &[u8])], upper: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x6a, 0xb1, 0x23, 0x45, 0, 0, 0, 64];
    bytes.extend_from_slice(&[0x20; 16]);
    bytes.extend_from_slice(&[0x30; 16]);
    let mut link = 6;
    for (number, octets) in extensions {
        bytes[link] = *number;
        link = bytes.len();
        bytes.extend_from_slice(octets);
    }
    bytes[link] = upper;
    bytes.extend_from_slice(payload);
    let len = u16::try_from(bytes.len() - 40).unwrap();
    bytes[4..6].copy_from_slice(&len.to_be_bytes());
    bytes
}

#[test]
fn reads_every_field() {
    let bytes = packet(&[], 17, &[1, 2, 3]);
    let view = Ipv6Packet::new_checked(&bytes).unwrap();
    assert_eq!(view.traffic_class(), 0xab);
    assert_eq!(view.flow_label(), 0x12345);
    assert_eq!(view.next_header(), 17);
    assert_eq!(view.upper_protocol(), 17);
    assert_eq!(view.upper_offset(), 40);
    assert_eq!(view.hop_limit(), 64);
    assert_eq!(view.source(), Ipv6Addr::from([0x20; 16]));
    assert_eq!(view.destination(), Ipv6Addr::from([0x30; 16]));
    assert_eq!(view.upper_payload(), [1, 2, 3]);
    assert!(!view.is_fragment());
}

#[test]
fn walks_every_kind_of_extension_header() {
    let options = [0u8, 1, 1, 4, 0, 0, 0, 0, 1, 6, 0, 0, 0, 0, 0, 0];
    let ah = [
        0u8, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9,
    ];
    let bytes = packet(
        &[
            (0, &options),
            (60, &[0; 8]),
            (43, &[0; 8]),
            (44, &[0; 8]),
            (51, &ah),
        ],
        6,
        &[7; 20],
    );
    let view = Ipv6Packet::new_checked(&bytes).unwrap();
    assert_eq!(view.next_header(), 0);
    assert_eq!(view.upper_protocol(), 6);
    assert_eq!(view.upper_offset(), 40 + 16 + 8 + 8 + 8 + 24);
    assert_eq!(view.upper_payload(), [7; 20]);
    assert!(!view.is_fragment(), "an atomic fragment is none");
}

#[test]
fn stops_at_a_later_fragment() {
    let bytes = packet(&[(44, &[0, 0, 0x00, 0x11, 0, 0, 0, 1])], 60, &[0xff; 16]);
    let view = Ipv6Packet::new_checked(&bytes).unwrap();
    assert!(view.is_fragment());
    assert_eq!(view.fragment_offset(), 16);
    assert_eq!(view.upper_protocol(), 60, "its payload is no header");
    assert_eq!(view.upper_offset(), 48);
}

#[test]
fn walks_on_behind_the_first_fragment() {
    let first = [0, 0, 0x00, 0x01, 0, 0, 0, 1];
    let bytes = packet(&[(44, &first), (60, &[0; 8])], 17, &[0; 8]);
    let view = Ipv6Packet::new_checked(&bytes).unwrap();
    assert!(view.is_fragment());
    assert_eq!(view.fragment_offset(), 0);
    assert_eq!(view.upper_protocol(), 17);
}

#[test]
fn refuses_a_long_chain_and_a_cut_one() {
    let step: (u8, &[u8]) = (60, &[0; 8]);
    let allowed = packet(&[step; MAX_EXTENSION_HEADERS], 59, &[]);
    assert!(Ipv6Packet::new_checked(&allowed).is_ok());
    let chain = packet(&[step; MAX_EXTENSION_HEADERS + 1], 59, &[]);
    let refused = Ipv6Packet::new_checked(&chain).map(|_| ());
    assert_eq!(refused.unwrap_err(), Malformed::ExtensionChain);
    let cut = packet(&[(60, &[0, 1, 0, 0, 0, 0, 0, 0])], 59, &[0; 7]);
    let refused = Ipv6Packet::new_checked(&cut).map(|_| ());
    assert_eq!(refused.unwrap_err(), Malformed::ExtensionTruncated);
}

#[test]
fn refuses_wrong_lengths_by_name() {
    let bytes = packet(&[], 59, &[0; 4]);
    let error = |b: &[u8]| Ipv6Packet::new_checked(b).map(|_| ()).unwrap_err();
    assert_eq!(error(&bytes[..39]), Malformed::Truncated);
    assert_eq!(error(&bytes[..43]), Malformed::TotalLength);
    let mut other = bytes.clone();
    other[0] = 0x45;
    assert_eq!(error(&other), Malformed::Version);
}

proptest! {
    #[test]
    fn any_bytes_never_panic(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
        next in prop::sample::select(vec![0u8, 43, 44, 51, 60, 6, 59]),
    ) {
        if bytes.len() >= 40 {
            bytes[0] = 0x60;
            bytes[4] = 0;
            bytes[6] = next;
        }
        if let Ok(view) = Ipv6Packet::new_checked(&bytes) {
            let _ = (view.source(), view.destination(), view.flow_label(), view.pseudo_header());
            prop_assert_eq!(view.upper_offset() + view.upper_payload().len(), view.total_len());
        }
    }

    #[test]
    fn traffic_class_changes_nothing_else(octet in any::<u8>()) {
        let mut bytes = packet(&[], 17, &[1, 2, 3]);
        let label = Ipv6Packet::new_checked(&bytes).unwrap().flow_label();
        set_traffic_class(bytes.first_chunk_mut().unwrap(), octet);
        let view = Ipv6Packet::new_checked(&bytes).unwrap();
        prop_assert_eq!(view.traffic_class(), octet);
        prop_assert_eq!(view.flow_label(), label);
    }
}
