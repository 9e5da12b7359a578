//! From the peers to the TUN device.
//!
//! 1. `receive`: datagrams are received in batches, merged ones cut into their parts; `prefetch`
//!    has their SAs' state brought into the caches.
//! 2. `process_udp`: IKE messages go up, keepalives are counted; `process_protocol_50` takes the
//!    outer header off.
//! 3. `process_esp`: the pair of the SPI is found; encapsulation and lifetime are checked.
//! 4. `open`: the replay window is asked, the packet authenticated and decrypted where it lies, and
//!    the window moved.
//! 5. `admit`: the inner packet must be one that the SA was negotiated for (RFC 4301 section 5.2);
//!    the outer congestion mark is carried over (RFC 6040).
//! 6. `note_peer`: the standby of the pair ends; a peer that moved is reported.
//! 7. `Opened::write_frames`: the packets of the batch go to the TUN device.
//!
//! The functions stand in this order.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use arrayvec::ArrayVec;
use gatewright_esp::outer::{decapsulate_ecn, Ecn};
use gatewright_esp::{OpenError, Payload};
use gatewright_io::{Encapsulation, ReceiveBatch, Tun, TunOffload};
use gatewright_packet::mss::is_syn;
use gatewright_packet::{set_traffic_class, FlowKey, IpPacket, Ipv4Packet};
use gatewright_spd::Fit;

use crate::association::Association;
use crate::control::{Shared, SocketSlot, Tables};
use crate::counters::{Count, DropReason};
use crate::event::Event;
use crate::handover::{Outbox, Parcel};
use crate::opened::{Location, Opened};
use crate::outbound::Context;
use crate::parts::{Part, Walk};

/// Datagrams of one system call.
const SLOTS: usize = 32;
/// System calls in one go, so that the other direction gets its turn.
const BUDGET: usize = 8;
/// Pairs that are looked at ahead: enough to wait for their memory at once, and so few that it is
/// still there when their turn comes.
const AHEAD: usize = 16;
/// Among so many datagrams; those of one TCP segment are often of one pair.
const DATAGRAMS: usize = 128;
/// A NAT keepalive (RFC 3948 section 2.3).
const KEEPALIVE: [u8; 1] = [0xff];
/// Octets before an IKE message on the NAT traversal port (RFC 3948 section 2.2).
const NON_ESP_MARKER: [u8; 4] = [0; 4];

/// The inbound half of a worker.
pub(crate) struct InboundPath {
    batch: ReceiveBatch,
    parts: Vec<Part>,
    opened: Opened,
    outbox: Outbox<Arrival>,
}

/// Where a datagram came from and to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    local: SocketAddr,
    from: SocketAddr,
    encapsulation: Encapsulation,
    /// DSCP and ECN of the outer header.
    tos: u8,
}

/// Whether something came up that outbound decisions rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    /// A standby ended.
    Activated,
}

impl InboundPath {
    /// For one of as many workers.
    pub(crate) fn new(offload: TunOffload, workers: usize) -> Self {
        Self {
            batch: ReceiveBatch::new(SLOTS),
            parts: Vec::with_capacity(DATAGRAMS),
            opened: Opened::new(offload),
            outbox: Outbox::new(workers),
        }
    }

    /// Receives and delivers what waits on a socket.
    pub(crate) fn receive(
        &mut self,
        context: &Context<'_>,
        slot: &SocketSlot,
        tun: &mut dyn Tun,
    ) -> Effect {
        let mut effect = Effect::None;
        for _ in 0..BUDGET {
            match slot.socket.receive(&mut self.batch) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    context.counters.add(Count::ReceiveErrors, 1);
                    continue;
                }
            }
            if self.process_batch(context, slot) == Effect::Activated {
                effect = Effect::Activated;
            }
            self.opened.write_frames(context, &self.batch, tun);
            if !self.batch.is_full() {
                break;
            }
        }
        self.hand_over(context.shared);
        effect
    }

    /// Opens and delivers what other workers received.
    pub(crate) fn take_handed(
        &mut self,
        context: &Context<'_>,
        parcel: &mut Parcel<Arrival>,
        tun: &mut dyn Tun,
    ) -> Effect {
        let mut effect = Effect::None;
        for index in 0..parcel.len() {
            let (arrival, data) = parcel.item(index);
            if self.opened.process(context, data, *arrival, (index, 0)) == Effect::Activated {
                effect = Effect::Activated;
            }
        }
        self.opened.write_frames(context, parcel, tun);
        effect
    }

    /// Gives the other workers what is theirs.  False when some of it has to wait.
    pub(crate) fn hand_over(&mut self, shared: &Shared) -> bool {
        let links = &shared.links;
        self.outbox
            .post_all(|to| &links.of(to).datagrams, |to| links.of(to).nudge());
        !self.outbox.is_pending()
    }

    fn process_batch(&mut self, context: &Context<'_>, slot: &SocketSlot) -> Effect {
        let mut effect = Effect::None;
        let mut walk = Walk::default();
        let mut parts = std::mem::take(&mut self.parts);
        loop {
            walk.take(&mut self.batch, &mut parts, DATAGRAMS);
            if parts.is_empty() {
                self.parts = parts;
                return effect;
            }
            let mut rest = &parts[..];
            while !rest.is_empty() {
                let datagrams = rest.iter().map(|part| part.of(&self.batch));
                let (near, far) = rest.split_at(prefetch(context, slot, datagrams));
                for part in near {
                    if self.process_part(context, slot, *part) == Effect::Activated {
                        effect = Effect::Activated;
                    }
                }
                rest = far;
            }
        }
    }

    fn process_part(&mut self, context: &Context<'_>, slot: &SocketSlot, part: Part) -> Effect {
        let datagram = self.batch.datagram(part.slot);
        let arrival = Arrival {
            local: slot.socket.local(),
            from: datagram.from,
            encapsulation: slot.socket.encapsulation(),
            tos: datagram.tos,
        };
        let data = &mut datagram.data[part.start..part.end];
        let owner = owner_of(context, data, arrival);
        if owner != context.worker {
            lay_aside(&mut self.outbox, context, owner, data, arrival);
            return Effect::None;
        }
        self.opened
            .process(context, data, arrival, (part.slot, part.start))
    }
}

/// Reads what the pairs of these datagrams need, of [`AHEAD`] pairs, before the first is used; how
/// many datagrams that are.
///
/// With thousands of SAs that is not in the caches, and each step to it (table, pair, what changes,
/// keys) says where the next one lies.  So each is taken for all of them: their memory is waited
/// for once a step, and not once a step and packet.
fn prefetch<'a>(
    context: &Context<'_>,
    slot: &SocketSlot,
    datagrams: impl Iterator<Item = &'a [u8]>,
) -> usize {
    let encapsulation = slot.socket.encapsulation();
    let ipv4 = slot.socket.local().is_ipv4();
    let mut last = None;
    let mut pairs = ArrayVec::<_, AHEAD>::new();
    let mut count = 0;
    for data in datagrams {
        let spi = spi_of(data, encapsulation, ipv4);
        if spi != last {
            if pairs.is_full() {
                break;
            }
            pairs.extend(spi.and_then(|spi| context.tables.inbound.get(spi)));
            last = spi;
        }
        count += 1;
    }
    pairs.iter().for_each(|pair| pair.prefetch());
    pairs.iter().for_each(|pair| {
        pair.live.prefetch_inbound();
        pair.selectors.prefetch();
    });
    pairs.iter().for_each(|pair| {
        pair.live.open.prefetch();
        pair.live.replay.prefetch();
    });
    count
}

/// The worker that is to open a datagram; this one for what is no ESP of an SA that exists.
fn owner_of(context: &Context<'_>, data: &[u8], arrival: Arrival) -> usize {
    if context.shared.links.count() == 1 {
        return context.worker;
    }
    let Some(spi) = spi_of(data, arrival.encapsulation, arrival.local.is_ipv4()) else {
        return context.worker;
    };
    let mut newer = None;
    pair_of(context, spi, &mut newer).map_or(context.worker, |pair| pair.owner)
}

/// The SPI of what may be an ESP packet; an IPv4 socket of protocol 50 gives its outer header too.
fn spi_of(data: &[u8], encapsulation: Encapsulation, ipv4: bool) -> Option<u32> {
    let start = match encapsulation {
        Encapsulation::Protocol50 if ipv4 => usize::from(data.first()? & 0x0f) * 4,
        Encapsulation::Protocol50 | Encapsulation::Udp => 0,
    };
    let spi = data.get(start..)?.first_chunk()?;
    Some(u32::from_be_bytes(*spi))
}

/// The pair of an SPI.  `newer` holds the tables that it is found in when it was installed since
/// this batch began: the peer's first packet may be as fast as that.
fn pair_of<'a>(
    context: &Context<'a>,
    spi: u32,
    newer: &'a mut Option<Arc<Tables>>,
) -> Option<&'a Arc<Association>> {
    if let Some(pair) = context.tables.inbound.get(spi) {
        return Some(pair);
    }
    *newer = context.shared.newer_tables(context.tables.generation);
    newer.as_ref()?.inbound.get(spi)
}

fn lay_aside(
    outbox: &mut Outbox<Arrival>,
    context: &Context<'_>,
    owner: usize,
    data: &[u8],
    arrival: Arrival,
) {
    let inbox = &context.shared.links.of(owner).datagrams;
    if outbox.add(inbox, owner, arrival, data) {
        context.counters.add(Count::HandedOver, 1);
    } else {
        context.counters.drop_one(DropReason::Handover);
    }
}

impl Opened {
    /// Takes a datagram to its end, or keeps where its inner packet lies.  `place`: in which slot
    /// and how far into it the datagram begins.
    fn process(
        &mut self,
        context: &Context<'_>,
        data: &mut [u8],
        arrival: Arrival,
        place: (usize, usize),
    ) -> Effect {
        let done = match arrival.encapsulation {
            Encapsulation::Udp => process_udp(context, data, arrival),
            Encapsulation::Protocol50 => process_protocol_50(context, data, arrival),
        };
        let processed = match done {
            Ok(processed) => processed,
            Err(reason) => {
                context.counters.drop_one(reason);
                return Effect::None;
            }
        };
        if let Some(inner) = processed.inner {
            let (slot, offset) = place;
            let location = Location {
                slot,
                start: offset + inner.start,
                end: offset + inner.end,
            };
            self.push(&data[inner], location);
        }
        if processed.activated {
            Effect::Activated
        } else {
            Effect::None
        }
    }
}

/// What came of one datagram: where its inner packet lies, if it has one.
#[derive(Default)]
struct Processed {
    inner: Option<Range<usize>>,
    activated: bool,
}

fn process_udp(
    context: &Context<'_>,
    data: &mut [u8],
    arrival: Arrival,
) -> Result<Processed, DropReason> {
    if *data == KEEPALIVE {
        context.counters.add(Count::KeepalivesIn, 1);
        return Ok(Processed::default());
    }
    let Some(message) = data.strip_prefix(&NON_ESP_MARKER) else {
        return process_esp(context, data, 0, arrival);
    };
    let event = Event::IkeDatagram {
        local: arrival.local,
        remote: arrival.from,
        payload: message.into(),
    };
    if !context.shared.events.push(event) {
        return Err(DropReason::IkeQueueFull);
    }
    context.counters.add(Count::IkeMessagesIn, 1);
    Ok(Processed::default())
}

fn process_protocol_50(
    context: &Context<'_>,
    data: &mut [u8],
    arrival: Arrival,
) -> Result<Processed, DropReason> {
    if arrival.local.is_ipv6() {
        return process_esp(context, data, 0, arrival);
    }
    let outer = Ipv4Packet::new_checked(data).map_err(|_| DropReason::MalformedEsp)?;
    let (start, end) = (outer.header_len(), outer.total_len());
    let arrival = Arrival {
        tos: outer.traffic_class(),
        ..arrival
    };
    process_esp(context, &mut data[..end], start, arrival)
}

/// `data[start..]` is an ESP packet.
fn process_esp(
    context: &Context<'_>,
    data: &mut [u8],
    start: usize,
    arrival: Arrival,
) -> Result<Processed, DropReason> {
    let esp = data.get(start..).unwrap_or_default();
    let header: &[u8; 8] = esp.first_chunk().ok_or(DropReason::MalformedEsp)?;
    let [s0, s1, s2, s3, n0, n1, n2, n3] = *header;
    let spi = u32::from_be_bytes([s0, s1, s2, s3]);
    let sequence = u32::from_be_bytes([n0, n1, n2, n3]);
    let mut newer = None;
    let pair = pair_of(context, spi, &mut newer).ok_or(DropReason::UnknownSpi)?;
    if pair.transport.encapsulation != arrival.encapsulation {
        return Err(DropReason::Encapsulation);
    }
    if pair.live.inbound_expired() {
        return Err(DropReason::SaExpired);
    }
    let range = start..data.len();
    let inner = open(pair, data, range, sequence)?;
    let mut processed = Processed {
        inner: None,
        activated: note_peer(context, pair, arrival),
    };
    let Some(range) = inner else {
        context.counters.add(Count::DummiesIn, 1);
        return Ok(processed);
    };
    match admit(context, pair, &mut data[range.clone()], arrival.tos) {
        Ok(()) => {
            let octets = range.len() as u64;
            let tell = |event| context.shared.events.push(event);
            let live = &pair.live;
            live.account_received(pair.spi_in, 1, octets, context.now, tell);
            processed.inner = Some(range);
        }
        Err(reason) => context.counters.drop_one(reason),
    }
    Ok(processed)
}

/// Gives where the inner packet lies; None for a dummy.
fn open(
    pair: &Association,
    data: &mut [u8],
    esp: Range<usize>,
    sequence: u32,
) -> Result<Option<Range<usize>>, DropReason> {
    let seen = |_| DropReason::Replay;
    let sequence = pair.live.replay.check(sequence).map_err(seen)?;
    let opened = pair
        .live
        .open
        .open_in_place(data, esp, (sequence >> 32) as u32)
        .map_err(|error| match error {
            OpenError::Range | OpenError::Truncated | OpenError::Misaligned => {
                DropReason::MalformedEsp
            }
            OpenError::WrongSpi => DropReason::UnknownSpi,
            OpenError::Authentication => DropReason::BadIcv,
            OpenError::Padding => DropReason::Padding,
            OpenError::NextHeader(_) => DropReason::NextHeader,
            OpenError::InnerHeader => DropReason::MalformedPayload,
        })?;
    pair.live.replay.commit(opened.seq).map_err(seen)?;
    Ok(match opened.payload {
        Payload::Packet(_, range) => Some(range),
        Payload::Dummy => None,
    })
}

fn admit(
    context: &Context<'_>,
    pair: &Association,
    inner: &mut [u8],
    outer_class: u8,
) -> Result<(), DropReason> {
    let packet = IpPacket::new_checked(inner).map_err(|_| DropReason::MalformedPayload)?;
    match pair.selectors.fit_inbound(&FlowKey::of(&packet).into()) {
        Fit::Inside => {}
        Fit::Outside => return Err(DropReason::SelectorMismatch),
        Fit::PortsUnknown => return Err(DropReason::InboundFragment),
    }
    let (class, begins) = (packet.traffic_class(), is_syn(&packet));
    let before = Ecn::from_traffic_class(class);
    let after = decapsulate_ecn(before, Ecn::from_traffic_class(outer_class))
        .map_err(|_| DropReason::EcnIllegal)?;
    if after != before {
        set_traffic_class(inner, (class & !0b11) | after.bits())
            .map_err(|_| DropReason::MalformedPayload)?;
    }
    if begins {
        context.clamp_mss(pair, inner);
    }
    Ok(())
}

/// The packet is authentic: the peer has the pair's keys and is where the packet came from.
/// True when that ended a standby.
fn note_peer(context: &Context<'_>, pair: &Association, arrival: Arrival) -> bool {
    if arrival.encapsulation == Encapsulation::Udp {
        if arrival.from == pair.transport.remote {
            pair.live.at_home();
        } else {
            pair.live.report_move(pair.spi_in, arrival.from, |event| {
                context.shared.events.push(event)
            });
        }
    }
    pair.live.activate()
}
