//! The traits over the Linux kernel.

mod buffers;
mod cores;
mod direct;
mod esp;
mod sending;
mod steering;
mod tun;
mod udp;

pub use cores::LinuxCores;
pub use direct::{DirectOptions, DirectSending};
pub use esp::{open_esp, EspSocket};
pub use steering::{Prefix, Steering};
pub use tun::{LinuxTun, TunKeeper, TunOptions};
pub use udp::{open_udp, open_udp_group, UdpSocket};

use std::os::fd::BorrowedFd;

use crate::fast_path::Offloads;
use crate::sys::set_option;
use buffers::set_buffers;

/// What all sockets of an engine have in common.
#[derive(Debug, Clone, Copy)]
pub struct SocketOptions {
    /// `SO_MARK` of everything sent, by which routing rules exempt it; 0 for none.
    pub mark: u32,
    /// Octets of the receive and the send buffer.
    pub buffer: u32,
    /// What may be used where the kernel has it.
    pub offloads: Offloads,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            mark: 0x4757,
            buffer: 16 << 20,
            offloads: Offloads::ALL,
        }
    }
}

/// Outer packets are never fragmented here, and what the network says of their size is kept in
/// the error queue (RFC 4301 section 8.2).
fn set_path_mtu_discovery(socket: BorrowedFd<'_>, ipv4: bool) -> std::io::Result<()> {
    if ipv4 {
        set_option(socket, libc::IPPROTO_IP, libc::IP_RECVERR, 1)?;
    } else {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, 1)?;
    }
    set_dont_fragment(socket, ipv4, true)
}

fn set_dont_fragment(socket: BorrowedFd<'_>, ipv4: bool, on: bool) -> std::io::Result<()> {
    if ipv4 {
        let mode = if on {
            libc::IP_PMTUDISC_DO
        } else {
            libc::IP_PMTUDISC_DONT
        };
        set_option(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, mode)
    } else {
        let mode = if on {
            libc::IPV6_PMTUDISC_DO
        } else {
            libc::IPV6_PMTUDISC_DONT
        };
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, mode)
    }
}
