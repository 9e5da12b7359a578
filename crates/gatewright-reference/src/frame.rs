//! Super-packets: what a host gives to a device with offload, and what the device makes of it.

use crate::checksum::checksum;
use crate::packet::{flags, Ip, Packet, Tcp, Upper, V4};

/// `VIRTIO_NET_HDR_GSO_NONE` (virtio 1.2 section 5.1.6).
pub const GSO_NONE: u8 = 0;
/// `VIRTIO_NET_HDR_GSO_TCPV4`.
pub const GSO_TCP4: u8 = 1;
/// `VIRTIO_NET_HDR_GSO_TCPV6`.
pub const GSO_TCP6: u8 = 4;
/// `VIRTIO_NET_HDR_GSO_UDP_L4`.
pub const GSO_UDP: u8 = 5;

const NEEDS_CHECKSUM: u8 = 1;

/// The packets that a sender without offload makes of `packet`: segments of `size` octets of data.
///
/// FIN and PSH belong to the last one, CWR to the first (RFC 3168 section 6.1.2), the sequence
/// number runs on, the IPv4 identification counts up.
#[must_use]
pub fn cut(packet: &Packet, size: usize) -> Vec<Packet> {
    let payload = packet.upper.payload();
    let count = payload.len().div_ceil(size).max(1);
    let segment = |index: usize| {
        let end = payload.len().min((index + 1) * size);
        let data = payload[index * size..end].to_vec();
        let mut one = packet.clone();
        if let Ip::V4(v4) = &mut one.ip {
            let step = u16::try_from(index % 65_536).unwrap();
            v4.identification = v4.identification.wrapping_add(step);
        }
        match &mut one.upper {
            Upper::Tcp(tcp) => {
                tcp.payload = data;
                let step = u32::try_from(index * size).unwrap();
                tcp.sequence = tcp.sequence.wrapping_add(step);
                if index + 1 < count {
                    tcp.flags &= !(flags::FIN | flags::PSH);
                }
                if index > 0 {
                    tcp.flags &= !flags::CWR;
                }
            }
            Upper::Udp(udp) => udp.payload = data,
            Upper::Other { .. } => panic!("only TCP and UDP are cut"),
        }
        one
    };
    (0..count).map(segment).collect()
}

/// `len` octets of data as a TCP sender under full load makes them: IPv4, and timestamps in TCP.
#[must_use]
pub fn bulk(source: [u8; 4], destination: [u8; 4], len: usize) -> Packet {
    Packet {
        ip: Ip::V4(V4 {
            class: 0,
            identification: 0,
            flags: 0b010,
            offset: 0,
            ttl: 64,
            source,
            destination,
            options: Vec::new(),
        }),
        upper: Upper::Tcp(Tcp {
            source: 0x8000,
            destination: 443,
            sequence: 0,
            acknowledgement: 0,
            reserved: 0,
            flags: flags::ACK,
            window: 0,
            urgent: 0,
            options: [&[1, 1, 8, 10][..], &[0; 8]].concat(),
            payload: vec![0x5a; len],
        }),
    }
}

/// The offload header and the octets with which a host hands `packet` to its device to be cut into
/// segments of `size` octets of data.
#[must_use]
pub fn sent_frame(packet: &Packet, size: u16) -> ([u8; 10], Vec<u8>) {
    let kind = match (&packet.ip, &packet.upper) {
        (_, Upper::Udp(_)) => GSO_UDP,
        (Ip::V4(_), _) => GSO_TCP4,
        (Ip::V6(_), _) => GSO_TCP6,
    };
    let mut header = [0; 10];
    header[0] = NEEDS_CHECKSUM;
    header[1] = kind;
    let start = packet.transport_offset();
    let numbers = [
        packet.header_len(),
        usize::from(size),
        start,
        packet.upper.checksum_offset().unwrap(),
    ];
    for (place, number) in header[2..].chunks_mut(2).zip(numbers) {
        place.copy_from_slice(&u16::try_from(number).unwrap().to_ne_bytes());
    }
    (header, packet.octets_unsummed())
}

/// What a device makes of a frame: it cuts by the offload header alone, and completes checksums from
/// the pseudo-header sum that stands in the field.
///
/// # Panics
/// When header and packet do not fit each other: no device would take the frame.
#[must_use]
pub fn cut_frame(header: &[u8; 10], frame: &[u8]) -> Vec<Vec<u8>> {
    let number = |at: usize| usize::from(u16::from_ne_bytes([header[at], header[at + 1]]));
    let (size, start, sum_at) = (number(4), number(6), number(6) + number(8));
    if header[1] == GSO_NONE {
        let mut packet = frame.to_vec();
        if header[0] & NEEDS_CHECKSUM != 0 {
            let sum = checksum(&[&packet[start..]]);
            let sum = if number(8) == 6 && sum == 0 {
                0xffff
            } else {
                sum
            };
            packet[sum_at..sum_at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        return vec![packet];
    }
    assert_ne!(header[0] & NEEDS_CHECKSUM, 0, "it needs a checksum");
    let v4 = frame[0] >> 4 == 4;
    let udp = header[1] == GSO_UDP;
    assert!(udp || v4 == (header[1] == GSO_TCP4), "the IP version");
    let transport_len = if udp {
        8
    } else {
        usize::from(frame[start + 12] >> 4) * 4
    };
    let whole_len = u16::try_from(frame.len() - start).unwrap();
    let (head, data) = frame.split_at(start + transport_len);
    let count = data.len().div_ceil(size);
    let one = |(index, data): (usize, &[u8])| {
        let mut packet = [head, data].concat();
        set_ip_fields(&mut packet, u16::try_from(index).unwrap());
        let upper = &mut packet[start..];
        if udp {
            let len = u16::try_from(upper.len()).unwrap();
            upper[4..6].copy_from_slice(&len.to_be_bytes());
        } else {
            set_tcp_fields(upper, index * size, index == 0, index + 1 == count);
        }
        complete(upper, number(8), whole_len, udp);
        packet
    };
    data.chunks(size).enumerate().map(one).collect()
}

/// Lengths, and in IPv4 identification and header checksum, of segment `index`.
fn set_ip_fields(packet: &mut [u8], index: u16) {
    let total = u16::try_from(packet.len()).unwrap();
    if packet[0] >> 4 == 6 {
        return packet[4..6].copy_from_slice(&(total - 40).to_be_bytes());
    }
    let id = u16::from_be_bytes([packet[4], packet[5]]).wrapping_add(index);
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    packet[4..6].copy_from_slice(&id.to_be_bytes());
    packet[10..12].fill(0);
    let header_len = usize::from(packet[0] & 15) * 4;
    let sum = checksum(&[&packet[..header_len]]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Sequence number and flags of the segment that begins `position` octets into the data.
fn set_tcp_fields(tcp: &mut [u8], position: usize, first: bool, last: bool) {
    let sequence = u32::from_be_bytes(*tcp[4..].first_chunk().unwrap());
    let sequence = sequence.wrapping_add(u32::try_from(position).unwrap());
    tcp[4..8].copy_from_slice(&sequence.to_be_bytes());
    if !last {
        tcp[13] &= !(flags::FIN | flags::PSH);
    }
    if !first {
        tcp[13] &= !flags::CWR;
    }
}

/// The field at `at` holds the sum over the pseudo-header of the whole: its length goes out of it, and
/// this segment's into it, before the sum over the segment is put there.
fn complete(upper: &mut [u8], at: usize, whole_len: u16, udp: bool) {
    let held = u16::from_be_bytes([upper[at], upper[at + 1]]);
    let len = u16::try_from(upper.len()).unwrap();
    let pseudo = [held, !whole_len, len].map(u16::to_be_bytes).concat();
    upper[at..at + 2].fill(0);
    let sum = checksum(&[&pseudo, upper]);
    let sum = if udp && sum == 0 { 0xffff } else { sum };
    upper[at..at + 2].copy_from_slice(&sum.to_be_bytes());
}

/// Whether packets in this order may be joined to one super-packet: cutting it must give them back,
/// but for an IPv4 identification without meaning (RFC 6864 section 4.1), and nothing that a
/// receiver looks at between two segments may get lost.
///
/// # Errors
/// Why not.
pub fn joinable(packets: &[&Packet]) -> Result<(), String> {
    let [first, rest @ ..] = packets else {
        return Err("nothing".to_owned());
    };
    let size = first.upper.payload().len();
    let mut whole = (*first).clone();
    for (index, packet) in rest.iter().enumerate() {
        let payload = packet.upper.payload();
        let last = index + 1 == rest.len();
        if payload.is_empty() || payload.len() > size || (payload.len() < size && !last) {
            return Err(format!(
                "{} octets behind segments of {size}",
                payload.len()
            ));
        }
        match (&mut whole.upper, &packet.upper) {
            (Upper::Tcp(all), Upper::Tcp(tcp)) => {
                all.payload.extend_from_slice(payload);
                all.flags |= tcp.flags;
            }
            (Upper::Udp(all), Upper::Udp(udp)) if udp.summed => {
                all.payload.extend_from_slice(payload);
            }
            _ => return Err("neither TCP nor UDP with checksum".to_owned()),
        }
    }
    if let Upper::Tcp(tcp) = &whole.upper {
        if tcp.flags & !flags::PSH != flags::ACK {
            return Err(format!("flags {:#04x}", tcp.flags));
        }
    }
    if whole.upper.protocol() == 17 && packets.len() > 64 {
        return Err("more than 64 datagrams".to_owned());
    }
    if whole.header_len() + whole.upper.payload().len() > 65_535 {
        return Err("larger than an IP packet".to_owned());
    }
    let mut cut = cut(&whole, size);
    for (made, packet) in cut.iter_mut().zip(packets) {
        if let (Ip::V4(made), Ip::V4(meant)) = (&mut made.ip, &packet.ip) {
            let atomic = meant.flags & 0b011 == 0b010 && meant.offset == 0;
            if atomic {
                made.identification = meant.identification;
            }
        }
        if made != *packet {
            return Err(format!("{made:?} came back for {packet:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategies;
    use proptest::prelude::*;

    proptest! {
        /// Two ways to say the same: by fields, and by the octets of the frame.
        #[test]
        fn both_ways_of_cutting_agree(
            packet in strategies::segmentable(5000), size in 1u16..1500,
        ) {
            let (header, octets) = sent_frame(&packet, size);
            let expected: Vec<_> = cut(&packet, usize::from(size)).iter().map(Packet::octets).collect();
            prop_assert_eq!(cut_frame(&header, &octets), expected);
        }

        #[test]
        fn what_was_cut_may_be_joined(packet in strategies::segmentable(5000), size in 100u16..1500) {
            let Upper::Tcp(tcp) = &packet.upper else { return Ok(()) };
            prop_assume!(tcp.flags & !flags::PSH == flags::ACK);
            let pieces = cut(&packet, usize::from(size));
            let pieces: Vec<&Packet> = pieces.iter().collect();
            prop_assert_eq!(joinable(&pieces), Ok(()));
        }
    }
}
