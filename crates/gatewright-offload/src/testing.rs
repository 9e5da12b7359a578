//! Packets for the tests of this crate, made the slow and obvious way.
#![allow(clippy::unwrap_used)]

use std::net::{Ipv4Addr, Ipv6Addr};

/// The internet checksum word by word (RFC 1071 section 4.1).
pub fn slow_sum(parts: &[&[u8]]) -> u16 {
    let bytes: Vec<u8> = parts.concat();
    let mut sum = 0u32;
    for pair in bytes.chunks(2) {
        let word = u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
        sum += word;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap()
}

/// One end-to-end flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlowSpec {
    pub v6: bool,
    pub udp: bool,
    pub port: u16,
    pub class: u8,
    pub options: bool,
}

impl FlowSpec {
    pub fn addresses(&self) -> (Vec<u8>, Vec<u8>) {
        if self.v6 {
            let from: Ipv6Addr = "2001:db8:a::2".parse().unwrap();
            let to: Ipv6Addr = "2001:db8:b::2".parse().unwrap();
            (from.octets().to_vec(), to.octets().to_vec())
        } else {
            let from = Ipv4Addr::new(192, 168, 10, 2);
            let to = Ipv4Addr::new(10, 20, 0, 2);
            (from.octets().to_vec(), to.octets().to_vec())
        }
    }
}

/// One packet of a flow.
pub fn packet(flow: &FlowSpec, id: u16, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let upper = if flow.udp {
        udp(flow, payload)
    } else {
        tcp(flow, sequence, flags, payload)
    };
    ip(flow, id, &upper)
}

fn ip(flow: &FlowSpec, id: u16, upper: &[u8]) -> Vec<u8> {
    let (from, to) = flow.addresses();
    let protocol = if flow.udp { 17 } else { 6 };
    if flow.v6 {
        let len = u16::try_from(upper.len()).unwrap().to_be_bytes();
        let word = [
            0x60 | flow.class >> 4,
            flow.class << 4,
            0,
            0,
            len[0],
            len[1],
            protocol,
            64,
        ];
        return [&word[..], &from, &to, upper].concat();
    }
    let len = u16::try_from(20 + upper.len()).unwrap().to_be_bytes();
    let id = id.to_be_bytes();
    let mut header = vec![
        0x45, flow.class, len[0], len[1], id[0], id[1], 0x40, 0, 64, protocol, 0, 0,
    ];
    header.extend([from, to].concat());
    let sum = slow_sum(&[&header]).to_be_bytes();
    header[10..12].copy_from_slice(&sum);
    [&header[..], upper].concat()
}

fn pseudo(flow: &FlowSpec, len: usize) -> Vec<u8> {
    let (from, to) = flow.addresses();
    let len = u32::try_from(len).unwrap().to_be_bytes();
    [
        from,
        to,
        len.to_vec(),
        vec![0, 0, 0, if flow.udp { 17 } else { 6 }],
    ]
    .concat()
}

fn tcp(flow: &FlowSpec, sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
    let options: &[u8] = if flow.options {
        &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]
    } else {
        &[]
    };
    let offset = u8::try_from((20 + options.len()) / 4).unwrap() << 4;
    let mut bytes = [flow.port.to_be_bytes(), 80u16.to_be_bytes()].concat();
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 9, offset, flags, 1, 0, 0, 0, 0, 0]);
    bytes.extend(options);
    bytes.extend(payload);
    let sum = slow_sum(&[&pseudo(flow, bytes.len()), &bytes]).to_be_bytes();
    bytes[16..18].copy_from_slice(&sum);
    bytes
}

fn udp(flow: &FlowSpec, payload: &[u8]) -> Vec<u8> {
    let len = u16::try_from(8 + payload.len()).unwrap();
    let mut bytes = [
        flow.port.to_be_bytes(),
        53u16.to_be_bytes(),
        len.to_be_bytes(),
        [0, 0],
    ]
    .concat();
    bytes.extend(payload);
    let sum = match slow_sum(&[&pseudo(flow, bytes.len()), &bytes]) {
        0 => 0xffff,
        sum => sum,
    };
    bytes[6..8].copy_from_slice(&sum.to_be_bytes());
    bytes
}
