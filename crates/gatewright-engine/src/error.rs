//! What the system can refuse, said to the administrator.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};

use gatewright_esp::{AlgorithmError, KeyError};
use gatewright_spd::SelectorError;

use crate::settings::Settings;

/// A refusal.  The text says what, why, and what to do.
#[derive(Debug)]
pub enum EngineError {
    /// The TUN device could not be made or taken over.
    Tun {
        /// Its name.
        interface: String,
        /// What the system said.
        error: io::Error,
    },
    /// The UDP socket could not be opened.
    Udp {
        /// Where.
        local: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The raw socket could not be opened.
    Esp {
        /// Where.
        local: IpAddr,
        /// What the system said.
        error: io::Error,
    },
    /// Another system call failed.
    System {
        /// What it was for.
        purpose: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// A control datagram could not be sent.
    Send {
        /// To whom.
        remote: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// No socket is open on this address.
    NotOpen(IpAddr),
    /// An SA's algorithms.
    Algorithm(AlgorithmError),
    /// An SA's keys.
    Key(KeyError),
    /// A selector of an SA or a policy.
    Selector(SelectorError),
    /// The outer addresses of an SA are of two IP versions.
    MixedTransport(IpAddr, IpAddr),
    /// Another SA has this inbound SPI.
    DuplicateSpi(u32),
    /// There cannot be so many packet threads.
    Workers(usize),
    /// The packet thread ended: a defect, or the device was taken away.
    WorkerStopped(String),
}

impl fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tun { interface, error } => tun(formatter, interface, error),
            Self::Udp { local, error } => udp(formatter, *local, error),
            Self::Esp { local, error } => esp(formatter, *local, error),
            Self::System { purpose, error } => write!(formatter, "cannot {purpose}: {error}"),
            Self::Send { remote, error } => write!(formatter, "cannot send to {remote}: {error}"),
            Self::NotOpen(local) => write!(
                formatter,
                "the engine has no socket on {local}: it was not among the addresses given to open"
            ),
            Self::Algorithm(error) => write!(formatter, "the SA's algorithms: {error}"),
            Self::Key(error) => write!(formatter, "the SA's keys: {error}"),
            Self::Selector(error) => error.fmt(formatter),
            Self::MixedTransport(local, remote) => write!(
                formatter,
                "the SA's outer addresses {local} and {remote} are of different IP versions"
            ),
            Self::DuplicateSpi(spi) => {
                write!(
                    formatter,
                    "an SA with inbound SPI {spi:#010x} exists already"
                )
            }
            Self::Workers(workers) => write!(
                formatter,
                "the engine has 1 to {} workers, not {workers}; more than there are cores help nobody",
                Settings::MOST_WORKERS
            ),
            Self::WorkerStopped(message) => write!(
                formatter,
                "the packet engine stopped: {message}; protected traffic is blocked until the \
                 gateway is restarted"
            ),
        }
    }
}

fn tun(formatter: &mut fmt::Formatter<'_>, name: &str, error: &io::Error) -> fmt::Result {
    let advice = match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::NotFound, _) => {
            "there is no /dev/net/tun: load the module with \"modprobe tun\", or give the container \
             the device (--device /dev/net/tun)"
        }
        (io::ErrorKind::PermissionDenied, _) => {
            "it takes root or the capability CAP_NET_ADMIN in this network namespace"
        }
        (io::ErrorKind::ResourceBusy, _) => {
            "another process has it open: is a gateway already running here? \"ip -d link\" shows it"
        }
        (io::ErrorKind::InvalidInput, Some(_)) => {
            "an interface of this name exists and is no TUN device of ours: rename or remove it \
             with \"ip link delete\""
        }
        _ => return write!(formatter, "cannot set up the TUN device {name}: {error}"),
    };
    write!(
        formatter,
        "cannot set up the TUN device {name}: {error}; {advice}"
    )
}

fn udp(formatter: &mut fmt::Formatter<'_>, local: SocketAddr, error: &io::Error) -> fmt::Result {
    let advice = match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "another program has the port, an IKE daemon perhaps: \"ss -ulpn sport = :{}\" names it",
            local.port()
        ),
        io::ErrorKind::AddrNotAvailable => not_ours(local.ip()),
        io::ErrorKind::PermissionDenied => {
            "it takes root or the capability CAP_NET_ADMIN (for the mark)".to_owned()
        }
        _ => return write!(formatter, "cannot open UDP {local}: {error}"),
    };
    write!(formatter, "cannot open UDP {local}: {error}; {advice}")
}

fn esp(formatter: &mut fmt::Formatter<'_>, local: IpAddr, error: &io::Error) -> fmt::Result {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => "it takes root or the capability CAP_NET_RAW".to_owned(),
        io::ErrorKind::AddrNotAvailable => not_ours(local),
        _ => {
            return write!(
                formatter,
                "cannot open ESP (protocol 50) on {local}: {error}"
            )
        }
    };
    write!(
        formatter,
        "cannot open ESP (protocol 50) on {local}: {error}; {advice}"
    )
}

fn not_ours(address: IpAddr) -> String {
    format!("no interface of this machine has {address}: \"ip address\" shows those there are")
}

impl std::error::Error for EngineError {}

impl From<AlgorithmError> for EngineError {
    fn from(error: AlgorithmError) -> Self {
        Self::Algorithm(error)
    }
}

impl From<KeyError> for EngineError {
    fn from(error: KeyError) -> Self {
        Self::Key(error)
    }
}

impl From<SelectorError> for EngineError {
    fn from(error: SelectorError) -> Self {
        Self::Selector(error)
    }
}
