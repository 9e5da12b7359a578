//! The TUN device.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use super::steering::Steering;
use crate::fast_path::{
    number, FastPath, Offloads, Standing, TUN_SEGMENTATION, TUN_UDP_SEGMENTATION,
};
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
    /// Which offloads to ask for.
    pub offloads: Offloads,
}

/// One queue of a TUN device.
#[derive(Debug)]
pub struct LinuxTun {
    name: String,
    device: Arc<File>,
    offload: TunOffload,
    /// Of TCP and UDP segmentation.
    standings: [Standing; 2],
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
        let negotiated = negotiate(options.offloads, |flags| {
            set_tun_offload(device.as_fd(), flags)
        });
        Ok(Self {
            name: options.name.clone(),
            device: Arc::new(device),
            offload: negotiated.offload,
            standings: negotiated.standings,
            reads: true,
        })
    }

    /// What became of the offloads.
    pub fn fast_paths(&self) -> Vec<FastPath> {
        let names = [TUN_SEGMENTATION, TUN_UDP_SEGMENTATION];
        let paths = names.into_iter().zip(self.standings);
        let path = |(name, standing)| FastPath {
            name,
            place: self.name.clone(),
            standing,
        };
        paths.map(path).collect()
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
            standings: self.standings,
            reads: true,
        })
    }

    /// A hold on this queue for writing; frames are read by somebody else.
    pub fn writer(&self) -> Self {
        Self {
            name: self.name.clone(),
            device: Arc::clone(&self.device),
            offload: self.offload,
            standings: self.standings,
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

/// What the kernel agreed to.
struct Negotiated {
    offload: TunOffload,
    /// Of TCP and UDP segmentation.
    standings: [Standing; 2],
}

/// Asks for everything that is allowed, then for less.  `ask` is TUNSETOFFLOAD; kernels before 6.2
/// know nothing of UDP.
fn negotiate(allowed: Offloads, ask: impl Fn(u32) -> io::Result<()>) -> Negotiated {
    const TSO: u32 = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6;
    const USO: u32 = TSO | libc::TUN_F_USO4 | libc::TUN_F_USO6;
    let agreed = |uso| TunOffload {
        checksum: true,
        tso4: true,
        tso6: true,
        uso,
    };
    let tcp = |udp| Negotiated {
        offload: agreed(udp == Standing::InUse),
        standings: [Standing::InUse, udp],
    };
    let nothing = |why| {
        // A taken-over device may still have what its last owner asked for.
        let _ = ask(0);
        Negotiated {
            offload: TunOffload::default(),
            standings: [why, Standing::Without(TUN_SEGMENTATION)],
        }
    };
    if !allowed.tun_segmentation {
        return nothing(Standing::Off);
    }
    let udp = Standing::probe(allowed.tun_udp_segmentation, || ask(USO));
    if udp == Standing::InUse {
        return tcp(udp);
    }
    match ask(TSO) {
        Ok(()) => tcp(udp),
        Err(error) => nothing(Standing::Refused(number(&error))),
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    const CSUM_TSO: u32 = 0x01 | 0x02 | 0x04;
    const USO: u32 = 0x20 | 0x40;

    /// A kernel that knows these flags; what it has in the end, and what was agreed.
    fn with_kernel(known: u32, allowed: Offloads) -> (u32, Negotiated) {
        let set = RefCell::new(u32::MAX);
        let negotiated = negotiate(allowed, |flags| {
            if flags & !known != 0 {
                return Err(io::Error::from_raw_os_error(libc::EINVAL));
            }
            *set.borrow_mut() = flags;
            Ok(())
        });
        (set.into_inner(), negotiated)
    }

    #[test]
    fn each_kernel_gives_what_it_has() {
        use Standing::{InUse, Refused, Without};
        let refused = Refused(libc::EINVAL);
        for (known, set, standings) in [
            (CSUM_TSO | USO, CSUM_TSO | USO, [InUse, InUse]),
            (CSUM_TSO, CSUM_TSO, [InUse, refused]),
            (0x01, 0, [refused, Without(TUN_SEGMENTATION)]),
        ] {
            let (has, negotiated) = with_kernel(known, Offloads::ALL);
            assert_eq!((has, negotiated.standings), (set, standings));
            assert_eq!(negotiated.offload.tso4, standings[0] == InUse);
            assert_eq!(negotiated.offload.uso, standings[1] == InUse);
        }
    }

    #[test]
    fn what_is_switched_off_is_not_asked_for() {
        let all = CSUM_TSO | USO;
        let allowed = Offloads {
            tun_udp_segmentation: false,
            ..Offloads::ALL
        };
        let (has, negotiated) = with_kernel(all, allowed);
        let expected = [Standing::InUse, Standing::Off];
        assert_eq!((has, negotiated.standings), (CSUM_TSO, expected));
        let allowed = Offloads {
            tun_segmentation: false,
            ..Offloads::ALL
        };
        let (has, negotiated) = with_kernel(all, allowed);
        assert_eq!(
            (has, negotiated.standings[0], negotiated.offload),
            (0, Standing::Off, TunOffload::default())
        );
    }
}
