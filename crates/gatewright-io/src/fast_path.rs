//! The ways around one system call and one cipher block a packet, each of which a kernel, a network
//! device, a processor or an administrator may do without.

use std::fmt;
use std::io;

/// Which ways may be used; what the system has not is not used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offloads {
    /// TCP segments of up to 64 KiB to and from the TUN device, checksums left to us.
    pub tun_segmentation: bool,
    /// The same for UDP: several datagrams in one frame.  Needs `tun_segmentation`.
    pub tun_udp_segmentation: bool,
    /// One send call for many datagrams of a UDP socket (`UDP_SEGMENT`).
    pub udp_segmentation: bool,
    /// One receive call for many datagrams of a UDP socket (`UDP_GRO`).
    pub udp_merge: bool,
    /// AES-GCM of Intel's Multi-Buffer Crypto library.
    pub ipsec_mb: bool,
    /// A packet thread with much to do keeps the core that it is on.
    pub steady_core: bool,
}

impl Offloads {
    /// Everything.
    pub const ALL: Self = Self {
        tun_segmentation: true,
        tun_udp_segmentation: true,
        udp_segmentation: true,
        udp_merge: true,
        ipsec_mb: true,
        steady_core: true,
    };

    /// Nothing.
    pub const NONE: Self = Self {
        tun_segmentation: false,
        tun_udp_segmentation: false,
        udp_segmentation: false,
        udp_merge: false,
        ipsec_mb: false,
        steady_core: false,
    };

    /// What can be switched off, by name.
    pub const NAMES: [&'static str; 6] = [
        TUN_SEGMENTATION,
        TUN_UDP_SEGMENTATION,
        UDP_SEGMENTATION,
        UDP_MERGE,
        IPSEC_MB,
        STEADY_CORE,
    ];

    /// Without the one of this name; None when there is none.
    pub fn without(mut self, name: &str) -> Option<Self> {
        let switch = match name {
            TUN_SEGMENTATION => &mut self.tun_segmentation,
            TUN_UDP_SEGMENTATION => &mut self.tun_udp_segmentation,
            UDP_SEGMENTATION => &mut self.udp_segmentation,
            UDP_MERGE => &mut self.udp_merge,
            IPSEC_MB => &mut self.ipsec_mb,
            STEADY_CORE => &mut self.steady_core,
            _ => return None,
        };
        *switch = false;
        Some(self)
    }
}

/// [`Offloads::tun_segmentation`].
pub const TUN_SEGMENTATION: &str = "tun-segmentation";
/// [`Offloads::tun_udp_segmentation`].
pub const TUN_UDP_SEGMENTATION: &str = "tun-udp-segmentation";
/// [`Offloads::udp_segmentation`].
pub const UDP_SEGMENTATION: &str = "udp-segmentation";
/// [`Offloads::udp_merge`].
pub const UDP_MERGE: &str = "udp-merge";
/// [`Offloads::ipsec_mb`].
pub const IPSEC_MB: &str = "ipsec-mb";
/// [`Offloads::steady_core`].
pub const STEADY_CORE: &str = "steady-core";
/// Socket buffers of the size that was asked for.
pub const LARGE_BUFFERS: &str = "large-buffers";

/// Whether a way is used, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    InUse,
    /// A setting says no.
    Off,
    /// What it builds on is not used.
    Without(&'static str),
    /// The machine has none, in words.
    Missing(&'static str),
    /// The kernel does not know it or does not want it: the error number.
    Refused(i32),
    /// It was in use until the network device behind refused it: the error number.
    Lost(i32),
    /// The kernel gives so many octets of so many.
    Small {
        /// Octets granted.
        granted: u32,
        /// Octets asked for.
        asked: u32,
    },
}

impl Standing {
    /// By whether it is allowed, and what the system says when asked.
    pub fn probe(allowed: bool, ask: impl FnOnce() -> io::Result<()>) -> Self {
        if !allowed {
            return Self::Off;
        }
        ask().map_or_else(|error| Self::Refused(number(&error)), |()| Self::InUse)
    }

    /// One word for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::InUse => "in-use",
            Self::Off | Self::Without(_) => "off",
            Self::Refused(_) | Self::Missing(_) | Self::Small { .. } => "refused",
            Self::Lost(_) => "lost",
        }
    }
}

/// The error number, for what comes from the system; 0 for what does not.
pub fn number(error: &io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

/// Why it is not used; empty when it is.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse => Ok(()),
            Self::Off => f.write_str("switched off by a setting"),
            Self::Without(other) => write!(f, "it needs {other}"),
            Self::Missing(what) => f.write_str(what),
            Self::Refused(number) => {
                let error = io::Error::from_raw_os_error(*number);
                write!(f, "the kernel refused it: {error}")
            }
            Self::Lost(number) => {
                let error = io::Error::from_raw_os_error(*number);
                write!(f, "the network device behind it refused it: {error}")
            }
            Self::Small { granted, asked } => write!(
                f,
                "the kernel gives {granted} octets of {asked}: CAP_NET_ADMIN or \
                 net.core.rmem_max and wmem_max decide"
            ),
        }
    }
}

/// One way in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FastPath {
    /// One of the names above, or of another crate's.
    pub name: &'static str,
    /// The device or the address.
    pub place: String,
    /// Whether it is used.
    pub standing: Standing,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_switches_one_off() {
        let mut all = Offloads::ALL;
        for name in Offloads::NAMES {
            let one_less = all.without(name);
            assert_ne!(one_less, Some(all), "{name}");
            all = one_less.unwrap_or(all);
        }
        assert_eq!(all, Offloads::NONE);
        assert_eq!(all.without("tea"), None);
    }

    #[test]
    fn a_probe_is_asked_only_when_it_is_allowed() {
        let refused = || Err(io::Error::from_raw_os_error(libc::ENOPROTOOPT));
        assert_eq!(Standing::probe(true, || Ok(())), Standing::InUse);
        let standing = Standing::probe(true, refused);
        assert_eq!(standing, Standing::Refused(libc::ENOPROTOOPT));
        assert!(standing.to_string().contains("Protocol not available"));
        assert_eq!(Standing::probe(false, refused), Standing::Off);
    }
}
