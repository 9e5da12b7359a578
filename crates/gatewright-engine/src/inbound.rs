//! From the peers to the TUN device.
//!
//! 1. `receive`: datagrams are received in batches, merged ones cut into their parts.
//! 2. `process_udp`: IKE messages go up, keepalives are counted; `process_protocol_50` takes the
//!    outer header off.
//! 3. `process_esp`: the pair of the SPI is found; encapsulation and lifetime are checked.
//! 4. `open`: the replay window is asked, the packet authenticated and decrypted where it lies, and
//!    the window moved.
//! 5. `admit`: the inner packet must be one that the SA was negotiated for (RFC 4301 section 5.2);
//!    the outer congestion mark is carried over (RFC 6040).
//! 6. `note_peer`: the standby of the pair ends; a peer that moved is reported.
//! 7. `deliver`: the packet goes to the TUN device.
//!
//! The functions stand in this order.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::ops::Range;

use gatewright_esp::outer::{decapsulate_ecn, Ecn};
use gatewright_esp::{OpenError, Payload};
use gatewright_io::{Encapsulation, ReceiveBatch, Tun, VNET_HEADER_LEN};
use gatewright_packet::{set_traffic_class, FlowKey, IpPacket, Ipv4Packet};
use gatewright_spd::Fit;

use crate::association::Association;
use crate::control::SocketSlot;
use crate::counters::{Count, DropReason};
use crate::event::Event;
use crate::outbound::Context;

/// Datagrams of one system call.
const SLOTS: usize = 32;
/// System calls in one go, so that the other direction gets its turn.
const BUDGET: usize = 8;
/// A NAT keepalive (RFC 3948 section 2.3).
const KEEPALIVE: [u8; 1] = [0xff];
/// Octets before an IKE message on the NAT traversal port (RFC 3948 section 2.2).
const NON_ESP_MARKER: [u8; 4] = [0; 4];

/// The inbound half of a worker.
pub(crate) struct InboundPath {
    batch: ReceiveBatch,
}

/// Where a datagram came from and to.
#[derive(Clone, Copy)]
struct Arrival {
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
    pub(crate) fn new() -> Self {
        Self {
            batch: ReceiveBatch::new(SLOTS),
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
            if self.process_batch(context, slot, tun) == Effect::Activated {
                effect = Effect::Activated;
            }
            if self.batch.len() < self.batch.slots() {
                break;
            }
        }
        effect
    }

    fn process_batch(
        &mut self,
        context: &Context<'_>,
        slot: &SocketSlot,
        tun: &mut dyn Tun,
    ) -> Effect {
        let mut effect = Effect::None;
        for index in 0..self.batch.len() {
            let datagram = self.batch.datagram(index);
            if datagram.data.is_empty() {
                context.counters.drop_one(DropReason::MalformedEsp);
            }
            let arrival = Arrival {
                local: slot.socket.local(),
                from: datagram.from,
                encapsulation: slot.socket.encapsulation(),
                tos: datagram.tos,
            };
            for part in datagram.data.chunks_mut(datagram.segment.max(1)) {
                let done = match arrival.encapsulation {
                    Encapsulation::Udp => process_udp(context, part, arrival, tun),
                    Encapsulation::Protocol50 => process_protocol_50(context, part, arrival, tun),
                };
                match done {
                    Ok(Effect::Activated) => effect = Effect::Activated,
                    Ok(Effect::None) => {}
                    Err(reason) => context.counters.drop_one(reason),
                }
            }
        }
        effect
    }
}

fn process_udp(
    context: &Context<'_>,
    data: &mut [u8],
    arrival: Arrival,
    tun: &mut dyn Tun,
) -> Result<Effect, DropReason> {
    if *data == KEEPALIVE {
        context.counters.add(Count::KeepalivesIn, 1);
        return Ok(Effect::None);
    }
    let Some(message) = data.strip_prefix(&NON_ESP_MARKER) else {
        return process_esp(context, data, 0, arrival, tun);
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
    Ok(Effect::None)
}

fn process_protocol_50(
    context: &Context<'_>,
    data: &mut [u8],
    arrival: Arrival,
    tun: &mut dyn Tun,
) -> Result<Effect, DropReason> {
    if arrival.local.is_ipv6() {
        return process_esp(context, data, 0, arrival, tun);
    }
    let outer = Ipv4Packet::new_checked(data).map_err(|_| DropReason::MalformedEsp)?;
    let (start, end) = (outer.header_len(), outer.total_len());
    let arrival = Arrival {
        tos: outer.traffic_class(),
        ..arrival
    };
    process_esp(context, &mut data[..end], start, arrival, tun)
}

/// `data[start..]` is an ESP packet.
fn process_esp(
    context: &Context<'_>,
    data: &mut [u8],
    start: usize,
    arrival: Arrival,
    tun: &mut dyn Tun,
) -> Result<Effect, DropReason> {
    let esp = data.get(start..).unwrap_or_default();
    let header: &[u8; 8] = esp.first_chunk().ok_or(DropReason::MalformedEsp)?;
    let [s0, s1, s2, s3, n0, n1, n2, n3] = *header;
    let spi = u32::from_be_bytes([s0, s1, s2, s3]);
    let sequence = u32::from_be_bytes([n0, n1, n2, n3]);
    let pair = context
        .tables
        .inbound
        .get(spi)
        .ok_or(DropReason::UnknownSpi)?;
    if pair.transport.encapsulation != arrival.encapsulation {
        return Err(DropReason::Encapsulation);
    }
    if pair.live.inbound_expired() {
        return Err(DropReason::SaExpired);
    }
    let range = start..data.len();
    let Some(inner) = open(pair, data, range, sequence)? else {
        context.counters.add(Count::DummiesIn, 1);
        return Ok(note_peer(context, pair, arrival));
    };
    let effect = note_peer(context, pair, arrival);
    let inner = &mut data[inner];
    admit(pair, inner, arrival.tos)?;
    let octets = inner.len() as u64;
    pair.live
        .account_received(pair.spi_in, 1, octets, context.now, |event| {
            context.shared.events.push(event)
        });
    deliver(context, inner, tun);
    Ok(effect)
}

/// Gives where the inner packet lies; None for a dummy.
fn open(
    pair: &Association,
    data: &mut [u8],
    esp: Range<usize>,
    sequence: u32,
) -> Result<Option<Range<usize>>, DropReason> {
    let seen = |_| DropReason::Replay;
    let sequence = pair.live.replay().check(sequence).map_err(seen)?;
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
    pair.live.replay().commit(opened.seq).map_err(seen)?;
    Ok(match opened.payload {
        Payload::Packet(_, range) => Some(range),
        Payload::Dummy => None,
    })
}

fn admit(pair: &Association, inner: &mut [u8], outer_class: u8) -> Result<(), DropReason> {
    let packet = IpPacket::new_checked(inner).map_err(|_| DropReason::MalformedPayload)?;
    match pair.selectors.fit_inbound(&FlowKey::of(&packet).into()) {
        Fit::Inside => {}
        Fit::Outside => return Err(DropReason::SelectorMismatch),
        Fit::PortsUnknown => return Err(DropReason::InboundFragment),
    }
    let class = packet.traffic_class();
    let before = Ecn::from_traffic_class(class);
    let after = decapsulate_ecn(before, Ecn::from_traffic_class(outer_class))
        .map_err(|_| DropReason::EcnIllegal)?;
    if after != before {
        set_traffic_class(inner, (class & !0b11) | after.bits())
            .map_err(|_| DropReason::MalformedPayload)?;
    }
    Ok(())
}

/// The packet is authentic: the peer has the pair's keys and is where the packet came from.
fn note_peer(context: &Context<'_>, pair: &Association, arrival: Arrival) -> Effect {
    if arrival.encapsulation == Encapsulation::Udp {
        if arrival.from == pair.transport.remote {
            pair.live.at_home();
        } else {
            pair.live.report_move(pair.spi_in, arrival.from, |event| {
                context.shared.events.push(event)
            });
        }
    }
    if pair.live.activate() {
        Effect::Activated
    } else {
        Effect::None
    }
}

fn deliver(context: &Context<'_>, inner: &[u8], tun: &mut dyn Tun) {
    let frame = [IoSlice::new(&[0; VNET_HEADER_LEN]), IoSlice::new(inner)];
    if tun.write(&frame).is_err() {
        return context.counters.drop_one(DropReason::TunWrite);
    }
    context.counters.add(Count::TunFramesWritten, 1);
    context.counters.add(Count::PacketsIn, 1);
    context.counters.add(Count::BytesIn, inner.len() as u64);
}
