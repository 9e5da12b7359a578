//! The TUN device.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use super::steering::Steering;
use crate::sys::{attach_tun, configure_interface, persist_tun, set_tun_offload, steer_tun};
use crate::tun::{Tun, TunOffload};

/// How to set up the device.
#[derive(Debug, Clone)]
pub struct TunOptions {
    /// The interface's name, 1 to 15 characters.
    pub name: String,
    /// Its MTU in octets.
    pub mtu: u32,
    /// Its transmit queue in packets: what may wait while the engine is busy.
    pub queue: u32,
    /// Whether to ask for offloads.
    pub offload: bool,
}

/// One queue of a TUN device.
#[derive(Debug)]
pub struct LinuxTun {
    name: String,
    device: Arc<File>,
    offload: TunOffload,
    /// Whether frames are read from it.
    reads: bool,
}

/// Keeps the device open beside its worker.
#[derive(Debug)]
pub struct TunKeeper(Arc<File>);

impl TunKeeper {
    /// The device goes away with its last descriptor.  One that is gone already is no error.
    pub fn remove_on_close(&self) -> io::Result<()> {
        match persist_tun(self.0.as_fd(), false) {
            Err(error) if is_gone(&error) => Ok(()),
            result => result,
        }
    }
}

impl LinuxTun {
    /// Creates the device, or takes over the one of that name that an earlier process left, sets
    /// MTU and queue and takes it up.  It is persistent from now on: when this process dies, it
    /// stays, and with it the routes to it, so that traffic is blocked and not sent elsewhere.
    ///
    /// Fails with [`io::ErrorKind::NotFound`] without `/dev/net/tun`, `PermissionDenied` without
    /// CAP_NET_ADMIN, `InvalidInput` when the name is that of another kind of interface.
    pub fn open(options: &TunOptions) -> io::Result<Self> {
        let device = open_queue(&options.name)?;
        // Of an earlier process.  Kernels before 4.16 have none.
        let _ = steer_tun(device.as_fd(), None);
        persist_tun(device.as_fd(), true)?;
        keep_ipv6_silent(&options.name);
        configure_interface(&options.name, options.mtu, options.queue)?;
        let offload = if options.offload {
            negotiate_offload(&device)
        } else {
            set_tun_offload(device.as_fd(), 0)?;
            TunOffload::default()
        };
        Ok(Self {
            name: options.name.clone(),
            device: Arc::new(device),
            offload,
            reads: true,
        })
    }

    /// Has `steering` choose the queue of each packet, by the order in which they were opened.
    pub fn steer(&self, steering: &Steering) -> io::Result<()> {
        steer_tun(self.device.as_fd(), Some(steering.program()))
    }

    /// One more queue of the device.
    pub fn another_queue(&self) -> io::Result<Self> {
        Ok(Self {
            name: self.name.clone(),
            device: Arc::new(open_queue(&self.name)?),
            offload: self.offload,
            reads: true,
        })
    }

    /// A hold on this queue for writing; frames are read by somebody else.
    pub fn writer(&self) -> Self {
        Self {
            name: self.name.clone(),
            device: Arc::clone(&self.device),
            offload: self.offload,
            reads: false,
        }
    }

    /// A second hold on the device.
    pub fn keeper(&self) -> TunKeeper {
        TunKeeper(Arc::clone(&self.device))
    }
}

fn open_queue(name: &str) -> io::Result<File> {
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open("/dev/net/tun")?;
    attach_tun(device.as_fd(), name)?;
    Ok(device)
}

/// Somebody took the device away under its descriptor.
fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EBADFD)
}

/// Without this the kernel would send router solicitations from a link-local address into the
/// device.  Best effort: they are dropped and counted anyway.
fn keep_ipv6_silent(name: &str) {
    const NO_LINK_LOCAL: &str = "1";
    let _ = std::fs::write(
        format!("/proc/sys/net/ipv6/conf/{name}/addr_gen_mode"),
        NO_LINK_LOCAL,
    );
}

/// Asks for everything, then for less.
fn negotiate_offload(device: &File) -> TunOffload {
    const TSO: u32 = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
    const USO: u32 = TSO | libc::TUN_F_USO4 | libc::TUN_F_USO6;
    for (flags, uso) in [(USO, true), (TSO, false)] {
        if set_tun_offload(device.as_fd(), flags).is_ok() {
            return TunOffload {
                checksum: true,
                tso4: true,
                tso6: true,
                uso,
            };
        }
    }
    // A taken-over device may still have what its last owner asked for.
    let _ = set_tun_offload(device.as_fd(), 0);
    TunOffload::default()
}

impl Tun for LinuxTun {
    fn read(&mut self, frame: &mut [u8]) -> io::Result<usize> {
        (&*self.device).read(frame).map_err(|error| {
            if is_gone(&error) {
                io::Error::new(
                    io::ErrorKind::NotConnected,
                    format!("somebody removed the TUN device {}", self.name),
                )
            } else {
                error
            }
        })
    }

    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        (&*self.device).write_vectored(parts).map(|_| ())
    }

    fn offload(&self) -> TunOffload {
        self.offload
    }

    fn descriptor(&self) -> Option<RawFd> {
        self.reads.then(|| self.device.as_raw_fd())
    }
}
