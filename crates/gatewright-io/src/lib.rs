//! The edge between the packet engine and the operating system.
//!
//! Three traits are the whole system as the engine sees it:
//!
//! * [`Tun`]: one queue of the TUN device, whole frames with a virtio-net header;
//! * [`Socket`]: one socket towards the peers, UDP port 4500 or IP protocol 50, in batches;
//! * [`Cores`]: the processor's cores, as a packet thread sees them.
//!
//! `linux` implements them over the kernel, [`doubles`] in memory.  Everything that is `unsafe`
//! stands in [`sys`], one file a subject; no other crate of the workspace has any.

mod cores;
pub mod doubles;
mod fast_path;
mod linux;
mod receive;
mod socket;
mod sys;
mod tun;

pub use cores::{Cores, ThreadTimes};
pub use fast_path::{FastPath, Offloads, Standing, IPSEC_MB, STEADY_CORE};
pub use linux::{
    open_esp, open_udp, open_udp_group, DirectOptions, DirectSending, EspSocket, LinuxCores,
    LinuxTun, Prefix, SocketOptions, Steering, TunKeeper, TunOptions, UdpSocket,
};
pub use receive::{Datagram, ReceiveBatch, CONTROL_LEN, SLOT_LEN};
pub use socket::{Encapsulation, Outgoing, PathReport, Sent, Socket};
pub use sys::{fill_random, path_mtu, EventFd, Poller, Ready};
pub use tun::{Tun, TunOffload, VNET_HEADER_LEN};
