//! Which worker's queue or socket the kernel gives a packet to.
//!
//! One table in the kernel from address prefixes to workers, and a program of a few instructions
//! that looks the packet's remote address up in it: on the TUN device the destination (set with
//! TUNSETSTEERINGEBPF), on a group of UDP sockets the source (SO_ATTACH_REUSEPORT_EBPF).  What is
//! not in the table goes to the first worker.  So all packets of a flow take one way, whatever the
//! kernel would guess from the traffic.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use crate::sys::{create_prefix_map, load_packet_program, map_insert, map_remove, PrefixKey};

/// Prefixes that a table takes; the memory is used only for what is in it.
const ENTRIES: u32 = 1 << 15;

/// Leading bits of a remote address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    address: [u8; 16],
    bits: u8,
}

impl Prefix {
    /// The first `bits` bits of `address` (at most 32 or 128).  The others do not matter.
    pub fn new(address: IpAddr, bits: u8) -> Self {
        let (address, bits) = match address {
            IpAddr::V4(v4) => (v4.to_ipv6_mapped(), bits.min(32) + 96),
            IpAddr::V6(v6) => (v6, bits.min(128)),
        };
        let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
        Self {
            address: (u128::from(address) & mask).to_be_bytes(),
            bits,
        }
    }

    /// The address alone.
    pub fn host(address: IpAddr) -> Self {
        Self::new(address, 128)
    }

    fn key(self) -> PrefixKey {
        PrefixKey {
            bits: u32::from(self.bits),
            address: self.address,
        }
    }
}

/// A table with the program that reads it.
#[derive(Debug)]
pub struct Steering {
    table: OwnedFd,
    program: OwnedFd,
}

impl Steering {
    /// For the queues of a TUN device, by destination.
    ///
    /// Fails with [`io::ErrorKind::PermissionDenied`] without CAP_BPF, as in a user namespace, and
    /// with others on kernels that do not have it.
    pub fn by_destination() -> io::Result<Self> {
        Self::new(|table| program(&tun_loads(), table))
    }

    /// For the sockets of a group on an address of this IP version, by source.
    pub fn by_source(ipv6: bool) -> io::Result<Self> {
        Self::new(|table| program(&udp_loads(ipv6), table))
    }

    fn new(program: impl Fn(i32) -> Vec<u64>) -> io::Result<Self> {
        let table = create_prefix_map(ENTRIES)?;
        let program = load_packet_program(&program(table.as_raw_fd()))?;
        Ok(Self { table, program })
    }

    /// Packets to or from `remote` go to `worker` from now on.
    pub fn insert(&self, remote: Prefix, worker: u32) -> io::Result<()> {
        map_insert(self.table.as_fd(), &remote.key(), worker)
    }

    /// Packets to or from `remote` go where the next shorter prefix says.
    pub fn remove(&self, remote: Prefix) -> io::Result<()> {
        map_remove(self.table.as_fd(), &remote.key())
    }

    pub(super) fn program(&self) -> BorrowedFd<'_> {
        self.program.as_fd()
    }
}

// linux/bpf_common.h and linux/bpf.h.
const LD_IMM64: u8 = 0x18;
const LD_ABS_WORD: u8 = 0x20;
const LD_ABS_OCTET: u8 = 0x30;
const LOAD_WORD: u8 = 0x61;
const STORE_IMM_WORD: u8 = 0x62;
const STORE_WORD: u8 = 0x63;
const RIGHT_SHIFT: u8 = 0x77;
const ADD: u8 = 0x07;
const SET: u8 = 0xb7;
const MOVE: u8 = 0xbf;
const TO_BIG_ENDIAN: u8 = 0xdc;
const JUMP: u8 = 0x05;
const JUMP_IF_EQUAL: u8 = 0x15;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
/// In place of a number: the map of this descriptor.
const PSEUDO_MAP_FD: u8 = 1;
const MAP_LOOKUP_ELEM: i32 = 1;
/// `SKF_NET_OFF`: from the IP header on, wherever the packet's data begins.
const NETWORK_HEADER: i32 = -0x10_0000;

/// The key on the stack, from the frame pointer: four octets of bits, then the address.
const KEY: i16 = -20;
const KEY_ADDRESS: i16 = -16;
const FRAME_POINTER: u8 = 10;

/// One instruction: operation, destination and source register, jump offset, number.
fn instruction(operation: u8, to: u8, from: u8, offset: i16, number: i32) -> u64 {
    let mut octets = [0; 8];
    octets[0] = operation;
    octets[1] = if cfg!(target_endian = "little") {
        from << 4 | to
    } else {
        to << 4 | from
    };
    octets[2..4].copy_from_slice(&offset.to_ne_bytes());
    octets[4..].copy_from_slice(&number.to_ne_bytes());
    u64::from_ne_bytes(octets)
}

/// Copies the IPv6 address at `at` of the packet into the key.
fn load_v6(at: i32) -> Vec<u64> {
    (0..4i16)
        .flat_map(|word| {
            [
                instruction(LD_ABS_WORD, 0, 0, 0, at + 4 * i32::from(word)),
                instruction(TO_BIG_ENDIAN, 0, 0, 0, 32),
                instruction(STORE_WORD, FRAME_POINTER, 0, KEY_ADDRESS + 4 * word, 0),
            ]
        })
        .collect()
}

/// The same for an IPv4 address, as ::ffff:a.b.c.d.
fn load_v4(at: i32) -> Vec<u64> {
    let mapped = i32::from_ne_bytes([0, 0, 0xff, 0xff]);
    vec![
        instruction(STORE_IMM_WORD, FRAME_POINTER, 0, KEY_ADDRESS, 0),
        instruction(STORE_IMM_WORD, FRAME_POINTER, 0, KEY_ADDRESS + 4, 0),
        instruction(STORE_IMM_WORD, FRAME_POINTER, 0, KEY_ADDRESS + 8, mapped),
        instruction(LD_ABS_WORD, 0, 0, 0, at),
        instruction(TO_BIG_ENDIAN, 0, 0, 0, 32),
        instruction(STORE_WORD, FRAME_POINTER, 0, KEY_ADDRESS + 12, 0),
    ]
}

/// The destination of an IP packet of either version.
fn tun_loads() -> Vec<u64> {
    let (v4, v6) = (load_v4(16), load_v6(24));
    let mut code = vec![
        instruction(LD_ABS_OCTET, 0, 0, 0, 0),
        instruction(RIGHT_SHIFT, 0, 0, 0, 4),
        instruction(JUMP_IF_EQUAL, 0, 0, v4.len() as i16 + 1, 6),
    ];
    code.extend(v4);
    code.push(instruction(JUMP, 0, 0, v6.len() as i16, 0));
    code.extend(v6);
    code
}

/// The source of a datagram, whose data begins behind the UDP header.
fn udp_loads(ipv6: bool) -> Vec<u64> {
    if ipv6 {
        load_v6(NETWORK_HEADER + 8)
    } else {
        load_v4(NETWORK_HEADER + 12)
    }
}

/// Fills the key in with `loads`, and gives what the table has under it; 0 when there is nothing,
/// or (the kernel's rule for loads) when the packet is shorter than that.
fn program(loads: &[u64], table: i32) -> Vec<u64> {
    // Loads from the packet take it in register 6.
    let mut code = vec![instruction(MOVE, 6, 1, 0, 0)];
    code.extend(loads);
    code.extend([
        instruction(STORE_IMM_WORD, FRAME_POINTER, 0, KEY, 128),
        instruction(LD_IMM64, 1, PSEUDO_MAP_FD, 0, table),
        instruction(0, 0, 0, 0, 0),
        instruction(MOVE, 2, FRAME_POINTER, 0, 0),
        instruction(ADD, 2, 0, 0, i32::from(KEY)),
        instruction(CALL, 0, 0, 0, MAP_LOOKUP_ELEM),
        instruction(JUMP_IF_EQUAL, 0, 0, 2, 0),
        instruction(LOAD_WORD, 0, 0, 0, 0),
        instruction(EXIT, 0, 0, 0, 0),
        instruction(SET, 0, 0, 0, 0),
        instruction(EXIT, 0, 0, 0, 0),
    ]);
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_the_same_whatever_stands_behind_it() {
        let a = Prefix::new(IpAddr::from([10, 20, 0, 1]), 16);
        assert_eq!(a, Prefix::new(IpAddr::from([10, 20, 9, 9]), 16));
        assert_ne!(a, Prefix::new(IpAddr::from([10, 20, 0, 0]), 17));
        assert_eq!(
            (a.bits, &a.address[10..14]),
            (112, &[0xff, 0xff, 10, 20][..])
        );
        assert_eq!(Prefix::host(IpAddr::from([10, 20, 0, 1])).bits, 128);
        let any = IpAddr::from([0u16; 8]);
        assert_eq!(Prefix::new(any, 0).bits, 0);
        assert_eq!(
            Prefix::new(IpAddr::from([0xffffu16; 8]), 0),
            Prefix::new(any, 0)
        );
    }

    #[test]
    fn jumps_lead_over_the_other_version() {
        let code = tun_loads();
        assert_eq!(code.len(), 3 + 6 + 1 + 12);
        assert_eq!(code[2], instruction(JUMP_IF_EQUAL, 0, 0, 7, 6));
        assert_eq!(code[9], instruction(JUMP, 0, 0, 12, 0));
    }
}
