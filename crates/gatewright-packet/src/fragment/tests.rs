use super::*;
use proptest::prelude::*;

/// A packet with these options (a multiple of 4 octets), this fragment word and payload.
fn packet(options: &[u8], word: u16, payload: &[u8]) -> Vec<u8> {
    let header_len = 20 + options.len();
    let mut bytes = vec![0; 20];
    bytes[0] = 0x40 | u8::try_from(header_len / 4).unwrap();
    let total = u16::try_from(header_len + payload.len()).unwrap();
    bytes[2..4].copy_from_slice(&total.to_be_bytes());
    bytes[4..6].copy_from_slice(&[0xbe, 0xef]);
    bytes[6..8].copy_from_slice(&word.to_be_bytes());
    bytes[8] = 64;
    bytes[9] = 17;
    bytes[12..20].copy_from_slice(&[10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend_from_slice(options);
    let sum = Checksum::new().with(&bytes).finish();
    bytes[10..12].copy_from_slice(&sum.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn fragment(bytes: &[u8], mtu: usize) -> Result<Vec<Vec<u8>>, FragmentError> {
    let fragments = Fragments::new(Ipv4Packet::new_checked(bytes).unwrap(), mtu)?;
    (0..fragments.count())
        .map(|index| {
            let mut out = vec![0xee; 2000];
            let len = fragments.write(index, &mut out)?;
            out.truncate(len);
            Ok(out)
        })
        .collect()
}

#[test]
fn a_packet_that_fits_stays_itself() {
    let bytes = packet(&[], 0x4000, &[1; 100]);
    assert_eq!(fragment(&bytes, 120).unwrap(), [bytes]);
}

#[test]
fn splits_on_eight_octets() {
    let payload: Vec<u8> = (0..100).collect();
    let pieces = fragment(&packet(&[], 0, &payload), 67).unwrap();
    let views: Vec<_> = pieces
        .iter()
        .map(|p| Ipv4Packet::new_checked(p).unwrap())
        .collect();
    let facts: Vec<_> = views
        .iter()
        .map(|v| (v.fragment_offset(), v.more_fragments(), v.payload().len()))
        .collect();
    assert_eq!(facts, [(0, true, 40), (40, true, 40), (80, false, 20)]);
    assert!(views.iter().all(Ipv4Packet::checksum_is_valid));
    assert!(views.iter().all(|v| v.identification() == 0xbeef));
}

#[test]
fn a_fragment_keeps_its_place_and_its_more() {
    let pieces = fragment(&packet(&[], 0x2003, &[5; 48]), 44).unwrap();
    let facts: Vec<_> = pieces
        .iter()
        .map(|p| Ipv4Packet::new_checked(p).unwrap())
        .map(|v| (v.fragment_offset(), v.more_fragments()))
        .collect();
    assert_eq!(facts, [(24, true), (48, true)]);
}

#[test]
fn only_copied_options_go_into_later_fragments() {
    // Record route (7, not copied), router alert (148, copied), end.
    let options = [7, 7, 4, 0, 0, 0, 0, 148, 4, 0, 0, 0];
    let pieces = fragment(&packet(&options, 0, &[5; 64]), 72).unwrap();
    let first = Ipv4Packet::new_checked(&pieces[0]).unwrap();
    let second = Ipv4Packet::new_checked(&pieces[1]).unwrap();
    assert_eq!(first.options(), options);
    assert_eq!(second.options(), [148, 4, 0, 0]);
    assert!(second.checksum_is_valid());
}

#[test]
fn refuses_by_name() {
    let refused = |word: u16, len: usize, mtu: usize| {
        fragment(&packet(&[], word, &vec![0; len]), mtu).unwrap_err()
    };
    assert_eq!(refused(0x4000, 100, 119), FragmentError::DontFragment);
    assert_eq!(refused(0, 100, 27), FragmentError::MtuTooSmall);
    assert_eq!(refused(0x1fff, 100, 60), FragmentError::Overflow);
    let bytes = packet(&[], 0, &[0; 100]);
    let plan = Fragments::new(Ipv4Packet::new_checked(&bytes).unwrap(), 60).unwrap();
    assert_eq!(plan.write(3, &mut [0; 60]), Err(FragmentError::NoRoom));
    assert_eq!(plan.write(0, &mut [0; 59]), Err(FragmentError::NoRoom));
    assert_eq!(plan.write(0, &mut [0; 60]), Ok(60));
}

proptest! {
    #[test]
    fn fragments_reassemble(
        payload in prop::collection::vec(any::<u8>(), 0..1900),
        options in 0usize..11,
        mtu in 28usize..1500,
    ) {
        let bytes = packet(&vec![1; options * 4], 0, &payload);
        match fragment(&bytes, mtu) {
            Err(error) => {
                prop_assert_eq!(error, FragmentError::MtuTooSmall);
                prop_assert!(mtu < 20 + options * 4 + 8);
            }
            Ok(pieces) => {
                let mut joined = Vec::new();
                for (index, piece) in pieces.iter().enumerate() {
                    let view = Ipv4Packet::new_checked(piece).unwrap();
                    prop_assert!(piece.len() <= mtu || pieces.len() == 1);
                    prop_assert!(view.checksum_is_valid());
                    prop_assert_eq!(view.fragment_offset(), joined.len());
                    prop_assert_eq!(view.more_fragments(), index + 1 < pieces.len());
                    joined.extend_from_slice(view.payload());
                }
                prop_assert_eq!(joined, payload);
            }
        }
    }

    #[test]
    fn any_packet_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 20..120),
        mtu in 0usize..200,
        index in 0usize..10,
        room in 0usize..120,
    ) {
        if let Ok(packet) = Ipv4Packet::new_checked(&bytes) {
            if let Ok(fragments) = Fragments::new(packet, mtu) {
                let _ = fragments.write(index, &mut vec![0; room]);
            }
        }
    }
}
