//! Views on the packets that a gateway handles: IPv4, IPv6, UDP, TCP, ICMP and ESP headers.
//!
//! A view is made once with `new_checked`, which does every length check; after it no accessor
//! can fail.  Nothing here allocates, and nothing is decided: a view says what a packet states.
//! Beside the views stand the functions that write: outer headers ([`emit`]), answers to a sender
//! ([`icmp_error`]), fragments ([`fragment`]), and the internet checksum under all of them
//! ([`checksum`]).
#![cfg_attr(not(test), no_std)]

pub mod checksum;
pub mod emit;
mod error;
mod esp;
mod flow;
pub mod fragment;
mod icmp;
pub mod icmp_error;
mod ip;
mod ipv4;
mod ipv6;
pub mod mss;
pub mod protocol;
mod tcp;
mod udp;

pub use error::Malformed;
pub use esp::EspPacket;
pub use flow::{FlowKey, Ports};
pub use icmp::{IcmpPacket, Icmpv6Packet};
pub use ip::{set_traffic_class, IpPacket, UpperLayer};
pub use ipv4::{Ipv4Packet, IPV4_HEADER_LEN};
pub use ipv6::{Ipv6Packet, IPV6_HEADER_LEN, MAX_EXTENSION_HEADERS};
pub use tcp::{TcpFlags, TcpPacket, TCP_HEADER_LEN};
pub use udp::{UdpPacket, UDP_HEADER_LEN};
