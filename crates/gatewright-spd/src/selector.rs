//! Ranges of addresses, protocols and ports.

use std::fmt;
use std::net::IpAddr;

use crate::flow::{number, Flow, Version};

/// The address of a number.
fn address(version: Version, number: u128) -> IpAddr {
    match version {
        Version::V4 => IpAddr::V4((number as u32).into()),
        Version::V6 => IpAddr::V6(number.into()),
    }
}

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

    /// The addresses as prefixes: address and leading bits that count, ascending.
    pub fn prefixes(&self) -> Vec<(IpAddr, u8)> {
        let width = match self.version {
            Version::V4 => 32,
            Version::V6 => 128,
        };
        // Octets of a block of 2^bits addresses, less one.
        let rest = |bits: u32| u128::MAX.checked_shr(128 - bits).unwrap_or(0);
        let mut prefixes = Vec::new();
        let mut next = Some(self.first);
        while let Some(first) = next.filter(|first| *first <= self.last) {
            let mut bits = first.trailing_zeros().min(width);
            while rest(bits) > self.last - first {
                bits -= 1;
            }
            prefixes.push((address(self.version, first), (width - bits) as u8));
            next = (first + rest(bits)).checked_add(1);
        }
        prefixes
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
    /// Both sides beside each other, since a packet is held against both; first our side.
    ranges: Box<[Selector]>,
    /// How many are of our side.
    locals: usize,
}

impl Selectors {
    /// Either side may be empty, which selects nothing.
    pub fn new(local: Vec<Selector>, remote: Vec<Selector>) -> Self {
        let locals = local.len();
        Self {
            ranges: local.into_iter().chain(remote).collect(),
            locals,
        }
    }

    /// Reads the first range of each side, so that what follows does not wait for one after the
    /// other.
    pub fn prefetch(&self) {
        let first = |side: &[Selector]| side.first().map(|range| range.first);
        std::hint::black_box((first(self.local()), first(self.remote())));
    }

    /// The ranges of our side.
    pub fn local(&self) -> &[Selector] {
        &self.ranges[..self.locals]
    }

    /// The ranges of the far side.
    pub fn remote(&self) -> &[Selector] {
        &self.ranges[self.locals..]
    }

    /// For a packet that leaves: from local to remote.
    pub fn fit_outbound(&self, flow: &Flow) -> Fit {
        let ports = flow.ports;
        let source = side(self.local(), flow, flow.source, ports.map(|(port, _)| port));
        both(source, || {
            side(
                self.remote(),
                flow,
                flow.destination,
                ports.map(|(_, port)| port),
            )
        })
    }

    /// For a packet that came: from remote to local.
    pub fn fit_inbound(&self, flow: &Flow) -> Fit {
        let ports = flow.ports;
        let source = side(
            self.remote(),
            flow,
            flow.source,
            ports.map(|(port, _)| port),
        );
        both(source, || {
            side(
                self.local(),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn prefixes(first: &str, last: &str) -> Vec<String> {
        let range = (first.parse().unwrap(), last.parse().unwrap());
        let selector = Selector::new(range.0, range.1, 0, (0, u16::MAX)).unwrap();
        let prefixes = selector.prefixes().into_iter();
        prefixes.map(|(a, bits)| format!("{a}/{bits}")).collect()
    }

    #[test]
    fn a_range_is_the_fewest_prefixes() {
        assert_eq!(prefixes("10.20.0.0", "10.20.0.255"), ["10.20.0.0/24"]);
        assert_eq!(prefixes("0.0.0.0", "255.255.255.255"), ["0.0.0.0/0"]);
        assert_eq!(prefixes("10.0.0.7", "10.0.0.7"), ["10.0.0.7/32"]);
        assert_eq!(
            prefixes("10.0.0.1", "10.0.0.6"),
            ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"]
        );
        let all = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
        assert_eq!(prefixes("::", all), ["::/0"]);
        assert_eq!(prefixes("::1", all).len(), 128);
        assert_eq!(
            prefixes("fd00::ffff", "fd00::1:0"),
            ["fd00::ffff/128", "fd00::1:0/128"]
        );
    }
}
