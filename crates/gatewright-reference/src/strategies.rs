//! Packets at random, as far as a host may send them.

use proptest::prelude::*;
use proptest::sample::select;

use crate::packet::{flags, Extension, Ip, Packet, Tcp, Udp, Upper, V4, V6};

/// IPv4 hosts that packets go between: NetA's to NetB's.
pub const HOSTS_V4: ([u8; 4], [u8; 4]) = ([192, 168, 10, 5], [10, 20, 0, 5]);

/// `fd00:a::5` to `fd00:b::5`.
pub const HOSTS_V6: ([u8; 16], [u8; 16]) = (host_v6(0x0a), host_v6(0x0b));

const fn host_v6(net: u8) -> [u8; 16] {
    [0xfd, 0, 0, net, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]
}

fn words(most: usize) -> impl Strategy<Value = Vec<u8>> {
    (0..=most).prop_flat_map(|count| prop::collection::vec(any::<u8>(), count * 4))
}

prop_compose! {
    /// An unfragmented IPv4 header, with options once in a while.
    pub fn v4()(
        class in any::<u8>(), identification in any::<u16>(), dont_fragment in any::<bool>(),
        ttl in 1u8.., options in prop_oneof![4 => Just(Vec::new()), 1 => words(10)],
    ) -> V4 {
        V4 {
            class, identification, ttl, options,
            flags: if dont_fragment { 0b010 } else { 0 },
            offset: 0,
            source: HOSTS_V4.0,
            destination: HOSTS_V4.1,
        }
    }
}

fn extension() -> impl Strategy<Value = Extension> {
    let padding = (0usize..4).prop_map(|units| {
        // PadN options (RFC 8200 section 4.2) that fill the header.
        let mut content = vec![0; units * 8 + 6];
        content[0] = 1;
        content[1] = u8::try_from(content.len() - 2).unwrap();
        content
    });
    prop_oneof![
        (select(vec![0u8, 60]), padding)
            .prop_map(|(number, content)| Extension::Options { number, content }),
        any::<u32>().prop_map(|identification| Extension::Fragment {
            offset: 0,
            more: false,
            identification
        }),
        Just(Extension::Routing {
            last: host_v6(0xcc)
        }),
    ]
}

prop_compose! {
    /// An IPv6 header, with up to three extension headers once in a while; a fragment header among
    /// them is that of an atomic fragment.
    pub fn v6()(
        class in any::<u8>(), label in 0u32..(1 << 20), hop_limit in 1u8..,
        extensions in prop_oneof![
            3 => Just(Vec::new()), 1 => prop::collection::vec(extension(), 1..4),
        ],
    ) -> V6 {
        V6 {
            class, label, hop_limit, extensions,
            source: HOSTS_V6.0,
            destination: HOSTS_V6.1,
        }
    }
}

/// Either version.
pub fn ip() -> impl Strategy<Value = Ip> {
    prop_oneof![v4().prop_map(Ip::V4), v6().prop_map(Ip::V6)]
}

prop_compose! {
    /// A TCP segment with up to `most` octets of data and any flags.
    pub fn tcp(most: usize)(
        ports in any::<(u16, u16)>(), sequence in any::<u32>(), acknowledgement in any::<u32>(),
        reserved in prop_oneof![4 => Just(0u8), 1 => 0u8..16],
        flags in prop_oneof![
            4 => Just(flags::ACK), 2 => Just(flags::ACK | flags::PSH), 1 => any::<u8>(),
        ],
        (window, urgent) in any::<(u16, u16)>(),
        options in prop_oneof![
            1 => Just(Vec::new()),
            1 => Just(vec![1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]),
            1 => words(10),
        ],
        payload in prop::collection::vec(any::<u8>(), 0..=most),
    ) -> Tcp {
        Tcp {
            source: ports.0, destination: ports.1, sequence, acknowledgement, reserved, flags,
            window, urgent, options, payload,
        }
    }
}

prop_compose! {
    /// A UDP datagram with up to `most` octets of data and a checksum.
    pub fn udp(most: usize)(
        ports in any::<(u16, u16)>(), payload in prop::collection::vec(any::<u8>(), 0..=most),
    ) -> Udp {
        Udp { source: ports.0, destination: ports.1, payload, summed: true }
    }
}

/// What a host may hand to its device in one piece to be cut: TCP or UDP with data.
pub fn segmentable(most: usize) -> impl Strategy<Value = Packet> {
    let upper = prop_oneof![
        2 => tcp(most).prop_map(Upper::Tcp),
        1 => udp(most).prop_map(Upper::Udp),
    ];
    (ip(), upper)
        .prop_map(|(ip, upper)| Packet { ip, upper })
        .prop_filter("there is data", |packet| !packet.upper.payload().is_empty())
}

fn echo() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200)
}

/// ICMP echo requests, well formed.
fn ping() -> impl Strategy<Value = Packet> {
    (v4(), echo()).prop_map(|(v4, data)| {
        let mut octets = [&[8, 0, 0, 0, 0, 1, 0, 1][..], &data].concat();
        let sum = crate::checksum(&[&octets]).to_be_bytes();
        octets[2..4].copy_from_slice(&sum);
        Packet {
            ip: Ip::V4(v4),
            upper: Upper::Other {
                protocol: 1,
                octets,
            },
        }
    })
}

/// Fragments of something, first and later ones, of either version.
pub fn fragment() -> impl Strategy<Value = Packet> {
    let content = (1usize..40).prop_flat_map(|units| prop::collection::vec(any::<u8>(), units * 8));
    let place = (0u16..100, any::<bool>()).prop_filter("a fragment", |(at, more)| *at > 0 || *more);
    (
        v4(),
        v6(),
        place,
        content,
        any::<u32>(),
        any::<bool>(),
        select(vec![6u8, 17]),
    )
        .prop_map(
            |(mut v4, mut v6, (offset, more), octets, identification, four, protocol)| {
                let ip = if four {
                    v4.flags = u8::from(more);
                    v4.offset = offset;
                    Ip::V4(v4)
                } else {
                    v6.extensions = vec![Extension::Fragment {
                        offset,
                        more,
                        identification,
                    }];
                    Ip::V6(v6)
                };
                Packet {
                    ip,
                    upper: Upper::Other { protocol, octets },
                }
            },
        )
}

/// Anything well formed: TCP, UDP (of zero length too), ICMP, fragments, other protocols.
pub fn any_packet(most: usize) -> impl Strategy<Value = Packet> {
    let unsummed = (v4(), udp(most)).prop_map(|(v4, mut udp)| {
        udp.summed = false;
        Packet {
            ip: Ip::V4(v4),
            upper: Upper::Udp(udp),
        }
    });
    let plain =
        |upper: BoxedStrategy<Upper>| (ip(), upper).prop_map(|(ip, upper)| Packet { ip, upper });
    let other = (select(vec![47u8, 89, 132, 59, 4]), echo())
        .prop_map(|(protocol, octets)| Upper::Other { protocol, octets });
    prop_oneof![
        4 => plain(tcp(most).prop_map(Upper::Tcp).boxed()),
        3 => plain(udp(most).prop_map(Upper::Udp).boxed()),
        1 => unsummed,
        1 => plain(other.boxed()),
        1 => ping(),
        1 => fragment(),
    ]
}
