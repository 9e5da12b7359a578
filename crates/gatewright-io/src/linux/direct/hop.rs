//! Where the kernel would send a packet to a peer: interface, next hop, and its link address.

use std::fmt;
use std::io;
use std::net::IpAddr;

use super::message::{attribute, messages, number, Request, ERROR};
use crate::sys::{path_mtu, Netlink};

/// rtnetlink(7): what is asked, and what is answered.
pub(super) const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ROUTE: u16 = 24;
const GET_ROUTE: u16 = 26;
pub(super) const NEW_NEIGHBOUR: u16 = 28;
pub(super) const DEL_NEIGHBOUR: u16 = 29;
const GET_NEIGHBOUR: u16 = 30;

/// Octets of `rtmsg`, `ifinfomsg` and `ndmsg`.
const ROUTE_LEN: usize = 12;
const LINK_LEN: usize = 16;
const NEIGHBOUR_LEN: usize = 12;

const RTA_DST: u16 = 1;
const RTA_SRC: u16 = 2;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_MULTIPATH: u16 = 9;
const RTA_MARK: u16 = 16;
const RTA_VIA: u16 = 18;
const RTA_ENCAP_TYPE: u16 = 21;
const RTN_UNICAST: u8 = 1;
/// Answer with the route itself, all its next hops with it.
const RTM_F_FIB_MATCH: u32 = 0x2000;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
const ARPHRD_ETHER: u16 = 1;

const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
/// A link address is known and nothing speaks against it: `NUD_REACHABLE`, `NUD_STALE`,
/// `NUD_DELAY`, `NUD_PROBE`, `NUD_PERMANENT`.
const NUD_USABLE: u16 = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;

/// Octets of an Ethernet header.
pub(super) const ETHERNET_LEN: usize = 14;

/// The way to a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    /// The interface's index and name.
    pub(super) interface: u32,
    pub(super) name: String,
    /// The neighbour that it goes to: the peer, or a router.
    pub(super) neighbour: IpAddr,
    /// What stands before the IP header.
    pub(super) header: [u8; ETHERNET_LEN],
    /// Octets of the largest IP packet.
    pub(super) mtu: usize,
}

/// Why packets to a peer cannot be handed to the interface as frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    LinkLocal,
    NoRoute,
    NotUnicast,
    SeveralHops,
    Encapsulated,
    NoEthernet,
    LinkDown,
    Enslaved,
    NoNeighbour,
    Unanswered,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::LinkLocal => "its address holds on one link only",
            Self::NoRoute => "no route",
            Self::NotUnicast => "the route is of another kind than unicast",
            Self::SeveralHops => "the route has several next hops",
            Self::Encapsulated => "the route encapsulates",
            Self::NoEthernet => "the interface has no Ethernet header",
            Self::LinkDown => "the interface is down",
            Self::Enslaved => "the interface belongs to another one",
            Self::NoNeighbour => "the next hop's link address is not known",
            Self::Unanswered => "the kernel does not say the way",
        })
    }
}

/// Asks the kernel for the way that a packet of ours takes.
pub(super) fn find(
    netlink: &Netlink,
    local: IpAddr,
    remote: IpAddr,
    mark: u32,
) -> Result<Hop, Obstacle> {
    if matches!(remote, IpAddr::V6(remote) if remote.is_unicast_link_local()) {
        return Err(Obstacle::LinkLocal);
    }
    let (interface, neighbour) = route(netlink, local, remote, mark)?;
    let link = link(netlink, interface)?;
    let destination = link_address(netlink, interface, neighbour)?;
    let mtu = path_mtu(local, remote, mark).map_err(|_| Obstacle::NoRoute)?;
    let ether_type: u16 = if local.is_ipv4() { 0x0800 } else { 0x86dd };
    let mut header = [0; ETHERNET_LEN];
    header[..6].copy_from_slice(&destination);
    header[6..12].copy_from_slice(&link.address);
    header[12..].copy_from_slice(&ether_type.to_be_bytes());
    Ok(Hop {
        interface,
        name: link.name,
        neighbour,
        header,
        mtu: mtu.min(link.mtu) as usize,
    })
}

/// The interface, and the neighbour there: a router or the peer itself.
fn route(
    netlink: &Netlink,
    local: IpAddr,
    remote: IpAddr,
    mark: u32,
) -> Result<(u32, IpAddr), Obstacle> {
    let bits = if remote.is_ipv4() { 32 } else { 128 };
    let mut fixed = [0; ROUTE_LEN];
    (fixed[0], fixed[1], fixed[2]) = (family(remote), bits, bits);
    fixed[8..].copy_from_slice(&RTM_F_FIB_MATCH.to_ne_bytes());
    let mut request = Request::new(GET_ROUTE, 0, &fixed)
        .with(RTA_DST, &octets(remote))
        .with(RTA_SRC, &octets(local));
    if mark != 0 {
        request = request.with(RTA_MARK, &mark.to_ne_bytes());
    }
    let mut buffer = [0; 4096];
    let body =
        ask(netlink, &request.finish(), NEW_ROUTE, &mut buffer).map_err(|_| Obstacle::NoRoute)?;
    parse_route(body, remote)
}

fn parse_route(body: &[u8], remote: IpAddr) -> Result<(u32, IpAddr), Obstacle> {
    let find = |kind| attribute(body, ROUTE_LEN, kind);
    if body.get(7) != Some(&RTN_UNICAST) {
        return Err(Obstacle::NotUnicast);
    }
    if find(RTA_MULTIPATH).is_some() {
        return Err(Obstacle::SeveralHops);
    }
    if find(RTA_ENCAP_TYPE).is_some() || find(RTA_VIA).is_some() {
        return Err(Obstacle::Encapsulated);
    }
    let interface = find(RTA_OIF).and_then(number);
    let interface = interface.ok_or(Obstacle::NoRoute)?;
    let neighbour = match find(RTA_GATEWAY) {
        Some(gateway) => address(gateway).ok_or(Obstacle::Unanswered)?,
        None => remote,
    };
    Ok((interface, neighbour))
}

struct Link {
    name: String,
    address: [u8; 6],
    mtu: u32,
}

fn link(netlink: &Netlink, interface: u32) -> Result<Link, Obstacle> {
    let mut fixed = [0; LINK_LEN];
    fixed[4..8].copy_from_slice(&interface.to_ne_bytes());
    // Devices with many virtual functions have long answers.
    let mut buffer = vec![0; 1 << 16];
    let request = Request::new(GET_LINK, 0, &fixed).finish();
    let body = ask(netlink, &request, NEW_LINK, &mut buffer).map_err(|_| Obstacle::LinkDown)?;
    parse_link(body)
}

fn parse_link(body: &[u8]) -> Result<Link, Obstacle> {
    const UP: u32 = (libc::IFF_UP | libc::IFF_RUNNING) as u32;
    const UNFIT: u32 = (libc::IFF_LOOPBACK | libc::IFF_NOARP | libc::IFF_POINTOPOINT) as u32;
    let find = |kind| attribute(body, LINK_LEN, kind);
    let kind = body.get(2..4).and_then(|octets| octets.first_chunk());
    let flags = body.get(8..).and_then(number).ok_or(Obstacle::Unanswered)?;
    if kind.map(|octets| u16::from_ne_bytes(*octets)) != Some(ARPHRD_ETHER) || flags & UNFIT != 0 {
        return Err(Obstacle::NoEthernet);
    }
    if flags & UP != UP {
        return Err(Obstacle::LinkDown);
    }
    if find(IFLA_MASTER).is_some() {
        return Err(Obstacle::Enslaved);
    }
    let name = find(IFLA_IFNAME).unwrap_or(&[]);
    Ok(Link {
        name: String::from_utf8_lossy(name.strip_suffix(&[0]).unwrap_or(name)).into_owned(),
        address: find(IFLA_ADDRESS)
            .and_then(|octets| octets.try_into().ok())
            .ok_or(Obstacle::NoEthernet)?,
        mtu: find(IFLA_MTU)
            .and_then(number)
            .ok_or(Obstacle::Unanswered)?,
    })
}

fn link_address(netlink: &Netlink, interface: u32, neighbour: IpAddr) -> Result<[u8; 6], Obstacle> {
    let mut fixed = [0; NEIGHBOUR_LEN];
    fixed[0] = family(neighbour);
    fixed[4..8].copy_from_slice(&interface.to_ne_bytes());
    let request = Request::new(GET_NEIGHBOUR, 0, &fixed)
        .with(NDA_DST, &octets(neighbour))
        .finish();
    let mut buffer = [0; 4096];
    let body =
        ask(netlink, &request, NEW_NEIGHBOUR, &mut buffer).map_err(|_| Obstacle::NoNeighbour)?;
    parse_neighbour(body).ok_or(Obstacle::NoNeighbour)
}

fn parse_neighbour(body: &[u8]) -> Option<[u8; 6]> {
    let state = body.get(8..10)?.try_into().ok()?;
    if u16::from_ne_bytes(state) & NUD_USABLE == 0 {
        return None;
    }
    let address: [u8; 6] = attribute(body, NEIGHBOUR_LEN, NDA_LLADDR)?
        .try_into()
        .ok()?;
    let unicast = address[0] & 1 == 0 && address != [0; 6];
    unicast.then_some(address)
}

/// Whom an event about a neighbour tells of: interface and address.
pub(super) fn neighbour_of_event(body: &[u8]) -> Option<(u32, IpAddr)> {
    let interface = number(body.get(4..)?)?;
    let neighbour = address(attribute(body, NEIGHBOUR_LEN, NDA_DST)?)?;
    Some((interface, neighbour))
}

/// Sends a request and gives the answer of the type that is wanted.
fn ask<'a>(
    netlink: &Netlink,
    request: &[u8],
    wanted: u16,
    buffer: &'a mut [u8],
) -> io::Result<&'a [u8]> {
    netlink.drain();
    netlink.send(request)?;
    let answer = netlink.receive(buffer)?;
    let mut found = messages(answer);
    match found.next() {
        Some((kind, body)) if kind == wanted => Ok(body),
        Some((ERROR, body)) => {
            let number = number(body).unwrap_or(0);
            let number = i32::from_ne_bytes(number.to_ne_bytes());
            Err(io::Error::from_raw_os_error(number.wrapping_neg()))
        }
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

pub(super) fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => libc::AF_INET as u8,
        IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(octets)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from))
        .ok()
}

#[cfg(test)]
mod tests;
