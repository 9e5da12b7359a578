//! System calls.  With `gatewright-ipsec-mb` the only place in the workspace with `unsafe`; what it
//! gives out is safe.
#![allow(unsafe_code)]

mod address;
mod bpf;
mod core;
mod ioctl;
mod message;
mod netlink;
mod option;
mod poll;
mod random;
mod transmit_ring;

pub(crate) use self::core::{allow_cores, allowed_cores, current_core};
pub(crate) use bpf::{create_prefix_map, load_packet_program, map_insert, map_remove, PrefixKey};
pub(crate) use ioctl::{attach_tun, configure_interface, persist_tun, set_tun_offload, steer_tun};
pub(crate) use message::{read_path_reports, receive_many, send_many, send_single};
pub(crate) use netlink::Netlink;
pub use option::path_mtu;
pub(crate) use option::{
    bound_again, bound_socket, dropped_unread, option, set_option, try_option,
};
pub(crate) use poll::wait_writable;
pub use poll::{EventFd, Poller, Ready};
pub use random::fill_random;
pub(crate) use transmit_ring::TransmitRing;

use std::io;

/// The result of a system call, or the thread's error number.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
