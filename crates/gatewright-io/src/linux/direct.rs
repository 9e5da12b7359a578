//! Protocol 50 past the kernel's IP layer: whole frames into a packet socket's transmit ring.
//!
//! A raw socket costs a route lookup, the netfilter hooks and an offer of the processor per packet;
//! a ring costs one system call for all.  In exchange, what the IP layer does has to be done here:
//!
//! * `hop`: which interface and which link address, as the kernel would choose;
//! * `table`: how long that is believed; a packet a second still takes the raw socket, so that the
//!   kernel confirms the neighbour;
//! * `filters`: frames pass by the netfilter hooks, so that nothing of others may be there;
//! * this file: changes that the kernel tells of, and the rings.
//!
//! Whatever is in doubt goes by the raw socket.

mod filters;
mod hop;
mod message;
mod table;

use std::io;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::hop::{Hop, ETHERNET_LEN};
use self::table::{Turn, Ways};
use crate::socket::Outgoing;
use crate::sys::{Netlink, TransmitRing};

/// Slots of a ring: more than one flush of the engine.
const SLOTS: usize = 512;
/// How long to wait for a slot to become free.
const PATIENCE: Duration = Duration::from_millis(2);
/// How often to look for changes, at most.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How often to look through the chains of netfilter, at most.
const FILTERS_EVERY: Duration = Duration::from_secs(1);

/// Octets of an event: those of links are the longest.
const EVENT_LEN: usize = 8192;
/// Events read in one look.
const EVENTS_AT_ONCE: usize = 64;

/// Multicast groups of rtnetlink(7): links, neighbours, addresses, routes, rules, next hops.
const ROUTE_GROUPS: [libc::c_int; 9] = [1, 3, 5, 7, 8, 9, 11, 19, 32];
/// Multicast group of nftables: its rules changed.
const NFTABLES_GROUPS: [libc::c_int; 1] = [7];

/// Whether to hand frames to the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirectSending {
    /// While nobody else has a netfilter chain that would see the packets.
    Auto,
    /// Also past the chains of others.
    On,
    /// Never.
    Off,
}

/// How to send directly.
#[derive(Debug, Clone)]
pub struct DirectOptions {
    /// Whether.
    pub sending: DirectSending,
    /// The nftables table that may see the packets and need not.
    pub own_table: String,
}

impl Default for DirectOptions {
    fn default() -> Self {
        Self {
            sending: DirectSending::Auto,
            own_table: "gatewright".to_owned(),
        }
    }
}

/// The sender beside a raw socket.
#[derive(Debug)]
pub(super) struct Direct {
    local: IpAddr,
    mark: u32,
    buffer: u32,
    options: DirectOptions,
    state: Mutex<State>,
    /// Rings that nobody is using just now.
    rings: Mutex<Vec<TransmitRing>>,
}

#[derive(Debug)]
struct State {
    questions: Netlink,
    filter_questions: Netlink,
    route_events: Netlink,
    filter_events: Netlink,
    ways: Ways,
    looked: Option<Instant>,
    filters: Filters,
    /// Why no ring can be had.
    broken: Option<String>,
}

/// What stands in the netfilter hooks.
#[derive(Debug, Default)]
struct Filters {
    looked: Option<Instant>,
    /// Something changed since.
    changed: bool,
    in_the_way: Option<String>,
}

/// What became of an attempt.
pub(super) enum Outcome {
    /// So many messages were taken.
    Sent(usize),
    /// So many are to go by the raw socket.
    Raw(usize),
}

impl Direct {
    /// Fails when the system has no netlink for us.
    pub(super) fn new(
        local: IpAddr,
        mark: u32,
        buffer: u32,
        options: DirectOptions,
    ) -> io::Result<Self> {
        let state = State {
            questions: Netlink::open(libc::NETLINK_ROUTE, &[])?,
            filter_questions: Netlink::open(libc::NETLINK_NETFILTER, &[])?,
            route_events: Netlink::open(libc::NETLINK_ROUTE, &ROUTE_GROUPS)?,
            filter_events: Netlink::open(libc::NETLINK_NETFILTER, &NFTABLES_GROUPS)?,
            ways: Ways::new(Instant::now()),
            looked: None,
            filters: Filters::default(),
            broken: None,
        };
        Ok(Self {
            local,
            mark,
            buffer,
            options,
            state: Mutex::new(state),
            rings: Mutex::default(),
        })
    }

    /// Sends the first of these messages, none of which is to be fragmented or in segments.
    pub(super) fn send(&self, arena: &[u8], messages: &[Outgoing]) -> io::Result<Outcome> {
        let Some(first) = messages.first() else {
            return Ok(Outcome::Raw(0));
        };
        let to = first.to.ip();
        let Some(turn) = self.turn(to) else {
            return Ok(Outcome::Raw(messages.len()));
        };
        let same = messages.iter().take_while(|other| other.to.ip() == to);
        let hop = match turn {
            Turn::Direct(hop) => hop,
            Turn::Show => return Ok(Outcome::Raw(1)),
            Turn::Raw | Turn::Ask => return Ok(Outcome::Raw(same.count())),
        };
        let longest = hop.mtu.min(TransmitRing::LONGEST_FRAME - ETHERNET_LEN);
        let fitting = same.take_while(|other| other.len <= longest).count();
        if fitting == 0 {
            // The raw socket says so to whom it concerns.
            return Ok(Outcome::Raw(1));
        }
        match self.send_frames(&hop, longest, arena, &messages[..fitting]) {
            Ok(taken) => Ok(Outcome::Sent(taken)),
            Err(error) if is_congestion(&error) => Err(error),
            Err(_) => {
                lock(&self.state).ways.refused(to);
                Ok(Outcome::Raw(fitting))
            }
        }
    }

    /// `longest`: octets of the longest packet that may come by this way.
    fn send_frames(
        &self,
        hop: &Hop,
        longest: usize,
        arena: &[u8],
        messages: &[Outgoing],
    ) -> io::Result<usize> {
        let mut ring = self.take_ring(longest + ETHERNET_LEN)?;
        let packets = messages
            .iter()
            .map(|message| &arena[message.start..message.start + message.len]);
        let result = ring.send(hop.interface, &hop.header, packets, PATIENCE);
        lock(&self.rings).push(ring);
        result
    }

    /// A ring of one's own until it is put back: threads that send at the same time have several.
    fn take_ring(&self, frame: usize) -> io::Result<TransmitRing> {
        let ring = lock(&self.rings).pop();
        if let Some(ring) = ring.filter(|ring| ring.longest_frame() >= frame) {
            return Ok(ring);
        }
        TransmitRing::open(frame, SLOTS, self.mark, self.buffer).inspect_err(|error| {
            lock(&self.state).broken = Some(format!("no transmit ring: {error}"));
        })
    }

    /// How packets to a peer go now; None when all go by the raw socket.
    fn turn(&self, to: IpAddr) -> Option<Turn> {
        let now = Instant::now();
        let mut state = lock(&self.state);
        if state.broken.is_some() {
            return None;
        }
        state.look_for_changes(now);
        if self.options.sending == DirectSending::Auto && !self.unfiltered(&mut state, now) {
            return None;
        }
        let turn = state.ways.turn(to, now);
        if turn != Turn::Ask {
            return Some(turn);
        }
        let hop = hop::find(&state.questions, self.local, to, self.mark);
        state.ways.found(to, hop, now);
        Some(state.ways.turn(to, now))
    }

    /// Whether nobody else sees what is sent.
    fn unfiltered(&self, state: &mut State, now: Instant) -> bool {
        let filters = &mut state.filters;
        let recently = |looked| now.saturating_duration_since(looked) < FILTERS_EVERY;
        let known = filters.looked.is_some() && !filters.changed;
        if !known {
            if filters.looked.is_some_and(recently) {
                return false;
            }
            filters.looked = Some(now);
            filters.changed = false;
            let (netlink, own) = (&state.filter_questions, &self.options.own_table);
            filters.in_the_way = filters::in_the_way(netlink, own, self.local.is_ipv4())
                .unwrap_or_else(|error| Some(format!("netfilter does not say: {error}")));
        }
        filters.in_the_way.is_none()
    }

    /// What is in use, and why not more.
    pub(super) fn describe(&self) -> String {
        let state = lock(&self.state);
        let filters = &state.filters.in_the_way;
        match (&state.broken, filters) {
            (Some(reason), _) | (None, Some(reason)) => format!("raw socket: {reason}"),
            (None, None) => state.ways.describe(),
        }
    }
}

impl State {
    /// Reads what the kernel told of since the last look.
    fn look_for_changes(&mut self, now: Instant) {
        let recently = |looked| now.saturating_duration_since(looked) < LOOK_EVERY;
        if self.looked.is_some_and(recently) {
            return;
        }
        self.looked = Some(now);
        let mut buffer = [0; EVENT_LEN];
        for seen in 0..=EVENTS_AT_ONCE {
            match self.route_events.receive(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Ok(octets) if octets.len() < EVENT_LEN && seen < EVENTS_AT_ONCE => {
                    note_events(&mut self.ways, octets);
                }
                // Some were lost or cut, or it is a flood.
                _ => {
                    self.ways.all_changed();
                    break;
                }
            }
        }
        for _ in 0..EVENTS_AT_ONCE {
            match self.filter_events.receive(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                _ => self.filters.changed = true,
            }
        }
    }
}

fn note_events(ways: &mut Ways, octets: &[u8]) {
    for (kind, body) in message::messages(octets) {
        let neighbour = match kind {
            hop::NEW_NEIGHBOUR | hop::DEL_NEIGHBOUR => hop::neighbour_of_event(body),
            _ => None,
        };
        match neighbour {
            Some((interface, neighbour)) => ways.neighbour_changed(interface, neighbour),
            None => ways.all_changed(),
        }
    }
}

/// It passes: trying again may help.
fn is_congestion(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOBUFS | libc::ENOMEM | libc::EAGAIN | libc::EINTR)
    ) || error.kind() == io::ErrorKind::WouldBlock
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
