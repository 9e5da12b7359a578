//! Joining, against a receiver that cuts again by the text of the standards.
#![allow(clippy::unwrap_used)]

use gatewright_offload::Coalescer;
use gatewright_reference::{
    checksum, cut_frame, flags, joinable, strategies, Extension, Ip, Packet, Tcp, Udp, Upper, V4,
    V6,
};
use proptest::prelude::*;
use proptest::sample::select;

/// What is written to the device: offload header, octets, and which packets are in it.
struct Frame {
    header: [u8; 10],
    octets: Vec<u8>,
    pieces: Vec<usize>,
}

fn join(packets: &[Vec<u8>], udp: bool) -> Vec<Frame> {
    let mut coalescer = Coalescer::new(udp);
    for (index, packet) in packets.iter().enumerate() {
        coalescer.push(packet, index);
    }
    coalescer.seal();
    let frames = coalescer.frames().map(|frame| {
        let pieces: Vec<usize> = frame.pieces().collect();
        let mut octets = frame.headers.to_vec();
        for index in &pieces {
            octets.extend(&packets[*index][frame.skip..]);
        }
        Frame {
            header: frame.virtio.emit(),
            octets,
            pieces,
        }
    });
    frames.collect()
}

/// One packet of a stream, and in what it differs from what its place in the stream says.
#[derive(Clone, Debug)]
enum Oddity {
    Nothing,
    Flags(u8),
    Reserved(u8),
    Window,
    Acknowledgement,
    Urgent,
    Options(Vec<u8>),
    Class(u8),
    HopLimit,
    Label,
    DontFragment,
    ReservedBit,
    Identification(u16),
    IpOptions,
    Extension,
    Fragment,
    Again,
    Ahead,
    Damage(prop::sample::Index),
    NoChecksum,
}

fn oddity() -> impl Strategy<Value = Oddity> {
    let rare = prop_oneof![
        any::<u8>().prop_map(Oddity::Flags),
        (1u8..16).prop_map(Oddity::Reserved),
        Just(Oddity::Window),
        Just(Oddity::Acknowledgement),
        Just(Oddity::Urgent),
        select(vec![
            vec![],
            vec![1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 2],
            vec![1, 1, 1, 0]
        ])
        .prop_map(Oddity::Options),
        any::<u8>().prop_map(Oddity::Class),
        Just(Oddity::HopLimit),
        Just(Oddity::Label),
        Just(Oddity::DontFragment),
        Just(Oddity::ReservedBit),
        (0u16..3).prop_map(Oddity::Identification),
        Just(Oddity::IpOptions),
        Just(Oddity::Extension),
        Just(Oddity::Fragment),
        Just(Oddity::Again),
        Just(Oddity::Ahead),
        any::<prop::sample::Index>().prop_map(Oddity::Damage),
        Just(Oddity::NoChecksum),
    ];
    prop_oneof![3 => Just(Oddity::Nothing), 1 => rare]
}

/// A stream: what its next packet looks like.
#[derive(Clone, Debug)]
struct Stream {
    next: Packet,
    sequence: u32,
}

impl Stream {
    fn new(v6: bool, udp: bool, port: u16) -> Self {
        let ip = if v6 {
            Ip::V6(V6 {
                class: 2,
                label: 0x12345,
                hop_limit: 63,
                source: strategies::HOSTS_V6.0,
                destination: strategies::HOSTS_V6.1,
                extensions: Vec::new(),
            })
        } else {
            Ip::V4(V4 {
                class: 2,
                identification: u16::MAX - 3,
                flags: 0b010,
                offset: 0,
                ttl: 63,
                source: strategies::HOSTS_V4.0,
                destination: strategies::HOSTS_V4.1,
                options: Vec::new(),
            })
        };
        let upper = if udp {
            Upper::Udp(Udp {
                source: port,
                destination: 53,
                payload: Vec::new(),
                summed: true,
            })
        } else {
            Upper::Tcp(Tcp {
                source: port,
                destination: 80,
                sequence: 0,
                acknowledgement: 77,
                reserved: 0,
                flags: flags::ACK,
                window: 500,
                urgent: 0,
                options: vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2],
                payload: Vec::new(),
            })
        };
        Self {
            next: Packet { ip, upper },
            sequence: u32::MAX - 2500,
        }
    }

    /// The next packet, and its octets where they are not what its fields say.
    fn packet(&mut self, size: usize, fill: u8, oddity: &Oddity) -> (Packet, Vec<u8>) {
        let mut packet = self.next.clone();
        let advance = u32::try_from(size).unwrap();
        if matches!(oddity, Oddity::Ahead) {
            self.sequence = self.sequence.wrapping_add(900);
        }
        let sequence = match oddity {
            Oddity::Again => self.sequence.wrapping_sub(advance),
            _ => self.sequence,
        };
        self.sequence = self.sequence.wrapping_add(advance);
        if let Ip::V4(next) = &mut self.next.ip {
            next.identification = next.identification.wrapping_add(1);
        }
        let data: Vec<u8> = (0..size).map(|i| fill.wrapping_add(i as u8)).collect();
        change_ip(&mut packet.ip, oddity);
        change_upper(&mut packet.upper, oddity, sequence, data);
        if let (Oddity::Fragment, Ip::V4(v4)) = (oddity, &mut packet.ip) {
            v4.flags |= 1;
        }
        let mut octets = packet.octets();
        if let Oddity::Damage(at) = oddity {
            // Behind the ports: with others it would be of another flow.
            let start = packet.transport_offset() + 4;
            let at = at.index(octets.len() - start);
            octets[start + at] ^= 0x40;
        }
        (packet, octets)
    }
}

fn change_ip(ip: &mut Ip, oddity: &Oddity) {
    match (ip, oddity) {
        (Ip::V4(v4), Oddity::Class(class)) => v4.class = *class,
        (Ip::V6(v6), Oddity::Class(class)) => v6.class = *class,
        (Ip::V4(v4), Oddity::HopLimit) => v4.ttl -= 1,
        (Ip::V6(v6), Oddity::HopLimit) => v6.hop_limit -= 1,
        (Ip::V6(v6), Oddity::Label) => v6.label ^= 0x80000,
        (Ip::V4(v4), Oddity::DontFragment) => v4.flags ^= 0b010,
        (Ip::V4(v4), Oddity::ReservedBit) => v4.flags ^= 0b100,
        (Ip::V4(v4), Oddity::Identification(id)) => v4.identification = *id,
        (Ip::V4(v4), Oddity::IpOptions) => v4.options = vec![1, 1, 1, 0],
        (Ip::V6(v6), Oddity::Extension) => {
            v6.extensions = vec![Extension::Options {
                number: 60,
                content: vec![1, 4, 0, 0, 0, 0],
            }];
        }
        (Ip::V6(v6), Oddity::Fragment) => {
            v6.extensions = vec![Extension::Fragment {
                offset: 0,
                more: false,
                identification: 5,
            }];
        }
        _ => {}
    }
}

fn change_upper(upper: &mut Upper, oddity: &Oddity, sequence: u32, data: Vec<u8>) {
    match upper {
        Upper::Tcp(tcp) => {
            tcp.sequence = sequence;
            tcp.payload = data;
            match oddity {
                Oddity::Flags(flags) => tcp.flags = *flags,
                Oddity::Reserved(bits) => tcp.reserved = *bits,
                Oddity::Window => tcp.window += 1,
                Oddity::Acknowledgement => tcp.acknowledgement += 1,
                Oddity::Urgent => tcp.urgent = 4,
                Oddity::Options(options) => tcp.options.clone_from(options),
                _ => {}
            }
        }
        Upper::Udp(udp) => {
            udp.payload = data;
            udp.summed = !matches!(oddity, Oddity::NoChecksum);
        }
        Upper::Other { .. } => {}
    }
}

/// Packets of eight streams in the order of arrival.
fn arrivals() -> impl Strategy<Value = Vec<(Packet, Vec<u8>, bool)>> {
    let size = select(vec![600usize, 600, 600, 600, 600, 100, 0, 1200, 1]);
    let one = (0usize..24, size, any::<u8>(), oddity());
    prop::collection::vec(one, 1..120).prop_map(|list| {
        // One stream in every three packets is the first, so that runs come about.
        let mut streams: Vec<Stream> = (0..8u16)
            .map(|n| Stream::new(n % 2 == 1, n >= 4, 1000 + n))
            .collect();
        let packets = list.into_iter().map(|(which, size, fill, oddity)| {
            let stream = &mut streams[which.saturating_sub(16)];
            let (packet, octets) = stream.packet(size, fill, &oddity);
            let damaged = matches!(oddity, Oddity::Damage(_));
            (packet, octets, damaged)
        });
        packets.collect()
    })
}

/// Without the identification of an IPv4 packet that may not be fragmented, which means nothing
/// (RFC 6864 section 4.1), and so without the header checksum too.
fn essence(mut octets: Vec<u8>) -> Vec<u8> {
    let atomic =
        octets[0] >> 4 == 4 && u16::from_be_bytes([octets[6], octets[7]]) & 0x7fff == 0x4000;
    if atomic {
        octets[4..6].fill(0);
        octets[10..12].fill(0);
        let header_len = usize::from(octets[0] & 15) * 4;
        let sum = checksum(&[&octets[..header_len]]);
        octets[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    octets
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// The receiver gets every packet once, unchanged, damage included, and those of a flow in order.
    #[test]
    fn a_receiver_sees_what_was_sent(arrivals in arrivals(), udp: bool) {
        let octets: Vec<_> = arrivals.iter().map(|(_, octets, _)| octets.clone()).collect();
        let frames = join(&octets, udp);
        let mut seen = vec![false; arrivals.len()];
        let mut of_flow = std::collections::HashMap::new();
        for frame in &frames {
            let received = cut_frame(&frame.header, &frame.octets);
            prop_assert_eq!(received.len(), frame.pieces.len());
            for (packet, index) in received.into_iter().zip(&frame.pieces) {
                if frame.pieces.len() == 1 {
                    prop_assert_eq!(&packet, &octets[*index], "a packet alone is not touched");
                }
                prop_assert_eq!(essence(packet), essence(octets[*index].clone()));
                prop_assert!(!std::mem::replace(&mut seen[*index], true), "once");
                let last = of_flow.insert(arrivals[*index].0.flow(), *index);
                prop_assert!(last.is_none_or(|last| last < *index), "in order within its flow");
            }
        }
        prop_assert!(seen.iter().all(|seen| *seen));
    }

    /// Joined is only what the standards let a receiver not tell apart.
    #[test]
    fn only_what_may_be_joined_is(arrivals in arrivals()) {
        let octets: Vec<_> = arrivals.iter().map(|(_, octets, _)| octets.clone()).collect();
        for frame in join(&octets, true).iter().filter(|frame| frame.pieces.len() > 1) {
            let packets: Vec<_> = frame.pieces.iter().map(|index| &arrivals[*index].0).collect();
            prop_assert_eq!(joinable(&packets), Ok(()));
            prop_assert!(frame.pieces.iter().all(|index| !arrivals[*index].2), "none is damaged");
        }
    }

    /// Streams that are in order are joined however they mix: as few frames as there can be.
    #[test]
    fn clean_streams_are_joined_as_far_as_can_be(
        order in prop::collection::vec(0usize..8, 1..150), size in 400usize..1400,
    ) {
        let mut streams: Vec<Stream> = (0..8u16)
            .map(|n| Stream::new(n % 2 == 1, n >= 4, 1000 + n))
            .collect();
        let mut count = [0usize; 8];
        let packets: Vec<Vec<u8>> = order.iter().map(|which| {
            count[*which] += 1;
            streams[*which].packet(size, 0, &Oddity::Nothing).1
        }).collect();
        let expected: usize = count.iter().enumerate().map(|(which, packets)| {
            let headers = streams[which].next.header_len();
            let in_one = (65_535 - headers) / size;
            let in_one = if which >= 4 { in_one.min(64) } else { in_one };
            packets.div_ceil(in_one)
        }).sum();
        prop_assert_eq!(join(&packets, true).len(), expected);
    }
}

/// An acknowledgement without data goes out where it stands, also between data of other flows.
#[test]
fn a_pure_acknowledgement_waits_for_nothing() {
    let mut stream = Stream::new(false, false, 1);
    let sizes = [600, 600, 0, 600, 600];
    let packets: Vec<_> = sizes
        .iter()
        .map(|size| stream.packet(*size, 0, &Oddity::Nothing).1)
        .collect();
    let pieces: Vec<_> = join(&packets, true).into_iter().map(|f| f.pieces).collect();
    assert_eq!(pieces, [vec![0, 1], vec![2], vec![3, 4]]);
}

/// More flows in a batch than are looked through: nothing is lost, and the order holds.
#[test]
fn many_flows_at_once_keep_their_order() {
    let mut streams: Vec<_> = (0..40).map(|n| Stream::new(n % 2 == 1, false, n)).collect();
    let mut packets = Vec::new();
    for _ in 0..3 {
        for stream in &mut streams {
            packets.push(stream.packet(500, 0, &Oddity::Nothing).1);
        }
    }
    let frames = join(&packets, true);
    let mut out: Vec<usize> = frames.iter().flat_map(|f| f.pieces.clone()).collect();
    for flow in 0..40 {
        let of_flow: Vec<_> = out.iter().filter(|index| *index % 40 == flow).collect();
        assert!(of_flow.is_sorted());
    }
    out.sort_unstable();
    assert!(out.into_iter().eq(0..packets.len()));
}
