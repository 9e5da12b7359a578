//! Ranges of addresses, protocols and ports.

use std::fmt;
use std::net::IpAddr;

use crate::flow::{number, Flow, Version};

/// How a flow lies to selectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is inside.
    Inside,
    /// It is outside.
    Outside,
    /// Its addresses and protocol are inside, but the selectors ask for ports and a fragment
    /// other than the first has none.
    PortsUnknown,
}

/// One range of addresses, with protocol (0: any) and a range of ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Selector {
    pub(crate) version: Version,
    pub(crate) first: u128,
    pub(crate) last: u128,
    protocol: u8,
    first_port: u16,
    last_port: u16,
}

/// Why a range is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelectorError {
    /// Its ends are of two IP versions.
    MixedVersions,
    /// It runs downwards.
    Empty,
}

impl fmt::Display for SelectorError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::MixedVersions => "a traffic selector has one IP version",
            Self::Empty => "a traffic selector's range runs upwards",
        })
    }
}

impl std::error::Error for SelectorError {}

impl Selector {
    /// Addresses `first` to `last` and ports `ports.0` to `ports.1`, both ends inclusive.
    pub fn new(
        first: IpAddr,
        last: IpAddr,
        protocol: u8,
        ports: (u16, u16),
    ) -> Result<Self, SelectorError> {
        let ((version, first), (last_version, last)) = (number(first), number(last));
        if version != last_version {
            return Err(SelectorError::MixedVersions);
        }
        if first > last || ports.0 > ports.1 {
            return Err(SelectorError::Empty);
        }
        Ok(Self {
            version,
            first,
            last,
            protocol,
            first_port: ports.0,
            last_port: ports.1,
        })
    }

    fn any_port(&self) -> bool {
        self.first_port == 0 && self.last_port == u16::MAX
    }

    /// How one end of a flow lies: `address` and `port` are of that end.
    fn fit(&self, flow: &Flow, address: u128, port: Option<u16>) -> Fit {
        let inside = self.version == flow.version
            && self.first <= address
            && address <= self.last
            && (self.protocol == 0 || self.protocol == flow.protocol);
        if !inside {
            return Fit::Outside;
        }
        if self.any_port() {
            return Fit::Inside;
        }
        match port {
            Some(port) if self.first_port <= port && port <= self.last_port => Fit::Inside,
            None if flow.opaque => Fit::PortsUnknown,
            _ => Fit::Outside,
        }
    }
}

/// The selectors of one SPD entry or SA: any of `local` with any of `remote`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selectors {
    local: Box<[Selector]>,
    remote: Box<[Selector]>,
}

impl Selectors {
    /// Either side may be empty, which selects nothing.
    pub fn new(local: Vec<Selector>, remote: Vec<Selector>) -> Self {
        Self {
            local: local.into_boxed_slice(),
            remote: remote.into_boxed_slice(),
        }
    }

    /// The ranges of the far side.
    pub(crate) fn remote(&self) -> &[Selector] {
        &self.remote
    }

    /// For a packet that leaves: from local to remote.
    pub fn fit_outbound(&self, flow: &Flow) -> Fit {
        let ports = flow.ports;
        let source = side(&self.local, flow, flow.source, ports.map(|(port, _)| port));
        both(source, || {
            side(
                &self.remote,
                flow,
                flow.destination,
                ports.map(|(_, port)| port),
            )
        })
    }

    /// For a packet that came: from remote to local.
    pub fn fit_inbound(&self, flow: &Flow) -> Fit {
        let ports = flow.ports;
        let source = side(&self.remote, flow, flow.source, ports.map(|(port, _)| port));
        both(source, || {
            side(
                &self.local,
                flow,
                flow.destination,
                ports.map(|(_, port)| port),
            )
        })
    }
}

/// The best fit among the selectors of one side.
fn side(selectors: &[Selector], flow: &Flow, address: u128, port: Option<u16>) -> Fit {
    let mut best = Fit::Outside;
    for selector in selectors {
        match selector.fit(flow, address, port) {
            Fit::Inside => return Fit::Inside,
            Fit::PortsUnknown => best = Fit::PortsUnknown,
            Fit::Outside => {}
        }
    }
    best
}

fn both(source: Fit, destination: impl FnOnce() -> Fit) -> Fit {
    if source == Fit::Outside {
        return Fit::Outside;
    }
    match (source, destination()) {
        (_, Fit::Outside) => Fit::Outside,
        (Fit::Inside, Fit::Inside) => Fit::Inside,
        _ => Fit::PortsUnknown,
    }
}
