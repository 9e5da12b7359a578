//! From the TUN device to the peers.
//!
//! 1. `read_frames`: frames are read until there is none, at most a budget of them; small ones are
//!    taken together, `prefetch` has their SAs' state brought into the caches.
//! 2. `read`: the IP packet in it is checked, its flow is read and looked up in the flow cache.  With
//!    offload it is many packets of one flow in one.
//! 3. `process`: what the cache had, else `decide` by the SPD: protect, or drop by name.
//! 4. `choose_association`: the newest pair of the policy that is in use and covers the packet;
//!    none: `wait_for_association` queues the frame and asks the control plane for one.
//! 5. `dispatch`: too large for the path: `answer_too_big` tells the sender, or
//!    `Sealer::send_fragments` makes fragments; else `Sealer::send_segments` cuts what offload had
//!    joined, and for each packet
//! 6. `Sealer::seal_packet`: it is copied to its place in the arena, once, its checksum completed
//!    where offload left that to us, and sealed there with the next sequence number, with the
//!    outer header before it for protocol 50.
//! 7. `Arena::flush`: runs of packets go to the sockets, when the arena is full or nothing more
//!    is to be read; a packet that comes alone goes at once.
//!
//! The functions stand in this order.

use std::io::{self, IoSlice};
use std::sync::Arc;

use arrayvec::ArrayVec;
use gatewright_io::{Tun, VNET_HEADER_LEN};
use gatewright_offload::{SplitError, Splitter, VirtioNetHeader};
use gatewright_packet::icmp_error::{self, IcmpError, MAX_ICMP_ERROR_LEN};
use gatewright_packet::{FlowKey, IpPacket};
use gatewright_spd::{Action, Fit, Flow, FlowCache, Lookup, Spot};

use crate::association::{self, Association};
use crate::control::{Shared, Tables};
use crate::counters::{Count, Counters, DropReason};
use crate::event::Event;
use crate::handover::{Outbox, Parcel};
use crate::rate::RateLimit;
use crate::sealing::Sealer;
use crate::stash::{self, Stash};
use crate::waiting::Waiting;

/// Frames read in one go, so that the other direction gets its turn.
const BUDGET: usize = 64;
/// Flows whose pair is remembered.
const CACHED_FLOWS: usize = 4096;

/// Every IPv6 link carries packets of this size (RFC 8200 section 5).
const IPV6_LEAST_MTU: usize = 1280;
/// "Too big" answers (RFC 4443 section 2.4 (f) wants a limit).
const ANSWERS_PER_SECOND: u64 = 1000;
const ANSWERS_AT_ONCE: u64 = 200;

/// What a stage reads beside its own state.
pub(crate) struct Context<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) tables: &'a Tables,
    /// The worker's number.
    pub(crate) worker: usize,
    pub(crate) counters: &'a Counters,
    /// Milliseconds of engine time.
    pub(crate) now: u64,
}

impl Context<'_> {
    /// Whether there are newer tables.  They are looked at between two stashes of frames: a batch may
    /// take long where cores are short, and an SA must not be used long after it was replaced.
    pub(crate) fn outdated(&self) -> bool {
        self.shared.newer_tables(self.tables.generation).is_some()
    }
}

/// The outbound half of a worker.
pub(crate) struct OutboundPath {
    stash: Stash,
    /// How many frames the last go read.
    lately: usize,
    cache: FlowCache<Arc<Association>>,
    waiting: Waiting,
    outlet: Outlet,
    outbox: Outbox<()>,
}

/// What protected packets leave through, or the answer to their sender.
struct Outlet {
    sealer: Sealer,
    answers: RateLimit,
}

/// A frame that was read, and what is known of it before it is decided on.
struct Read<'a> {
    frame: &'a [u8],
    segments: Splitter<'a>,
    flow: Flow,
    /// Where what was decided for its flow stood.
    known: Option<Spot>,
}

/// What happens to a packet.
enum Verdict<'a> {
    Protect(&'a Arc<Association>),
    /// There is no pair for this policy yet; `coming`: one is on standby.
    Wait {
        policy_id: u32,
        coming: bool,
    },
    Drop(DropReason),
}

impl Verdict<'_> {
    /// The worker to carry it out.
    fn owner(&self, context: &Context<'_>) -> usize {
        match self {
            Self::Protect(pair) => pair.owner,
            Self::Wait { policy_id, .. } => context.tables.owners.of(*policy_id),
            Self::Drop(_) => context.worker,
        }
    }
}

/// Where a frame comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// This worker read it.
    Device,
    /// Another worker handed it over, or it waited here: it is this worker's to seal, whatever has
    /// changed since.
    Worker,
}

impl OutboundPath {
    pub(crate) fn new(shared: &Shared, seed: u64) -> Self {
        let settings = &shared.settings;
        Self {
            stash: Stash::new(),
            lately: 0,
            cache: FlowCache::new(CACHED_FLOWS, seed),
            waiting: Waiting::new(
                settings.waiting_packets,
                settings.waiting_octets / shared.links.count(),
            ),
            outlet: Outlet {
                sealer: Sealer::new(),
                answers: RateLimit::new(ANSWERS_PER_SECOND, ANSWERS_AT_ONCE),
            },
            outbox: Outbox::new(shared.links.count()),
        }
    }

    /// Reads and sends what waits in the TUN device.  True when there may be more.
    ///
    /// Fails when the device is gone.
    pub(crate) fn read_frames(
        &mut self,
        context: &Context<'_>,
        tun: &mut dyn Tun,
    ) -> io::Result<bool> {
        let mut outcome = Ok(true);
        let mut count = 0;
        while count < BUDGET {
            let Some(room) = self.stash.room() else {
                self.process_stash(context, tun);
                if context.outdated() {
                    break;
                }
                continue;
            };
            match tun.read(room) {
                Ok(len) => {
                    count += 1;
                    context.counters.add(Count::TunFramesRead, 1);
                    self.stash.add(len);
                    if count == 1 && self.lately <= 1 {
                        // Where they come one by one, none waits for a look whether there is
                        // another.
                        self.process_stash(context, tun);
                        self.pass_on(context);
                    }
                }
                Err(error) => {
                    outcome = match error.kind() {
                        io::ErrorKind::WouldBlock => Ok(false),
                        io::ErrorKind::NotConnected => Err(error),
                        _ => {
                            context.counters.add(Count::TunReadErrors, 1);
                            Ok(false)
                        }
                    };
                    break;
                }
            }
        }
        self.lately = count;
        self.process_stash(context, tun);
        self.pass_on(context);
        outcome
    }

    /// Takes what was read to the arena or to its end.
    fn process_stash(&mut self, context: &Context<'_>, tun: &mut dyn Tun) {
        let mut stash = std::mem::take(&mut self.stash);
        let mut reads = ArrayVec::<_, { stash::FRAMES }>::new();
        for frame in stash.frames() {
            reads.extend(self.read(context, frame));
        }
        self.prefetch(&reads);
        for read in &reads {
            self.process(context, read, tun, Origin::Device);
        }
        drop(reads);
        stash.clear();
        self.stash = stash;
    }

    /// None when it was dropped.
    fn read<'a>(&self, context: &Context<'_>, frame: &'a [u8]) -> Option<Read<'a>> {
        let segments = parse_frame(frame)
            .map_err(|reason| context.counters.drop_one(reason))
            .ok()?;
        let flow = Flow::from(FlowKey::of(segments.packet()));
        let known = self.cache.find(context.tables.generation, &flow);
        Some(Read {
            frame,
            segments,
            flow,
            known,
        })
    }

    /// Reads what the pairs of several flows need, one step after the other for all of them, before
    /// the first is used; as on the way in.
    fn prefetch(&self, reads: &[Read<'_>]) {
        let known = || reads.iter().filter_map(|read| read.known);
        let pairs = || known().filter_map(|spot| self.cache.peek(spot));
        pairs().for_each(|pair| pair.prefetch());
        pairs().for_each(|pair| pair.live.prefetch_outbound());
        pairs().for_each(|pair| pair.live.seal.prefetch());
    }

    /// Sends what was sealed, and gives the other workers what is theirs.
    fn pass_on(&mut self, context: &Context<'_>) {
        self.outlet.sealer.flush(context);
        self.hand_over(context.shared);
    }

    /// Seals what other workers read.
    pub(crate) fn take_handed(
        &mut self,
        context: &Context<'_>,
        parcel: &Parcel<()>,
        tun: &mut dyn Tun,
    ) {
        for index in 0..parcel.len() {
            self.process_frame(context, parcel.octets(index), tun);
        }
        self.outlet.sealer.flush(context);
    }

    /// Gives the other workers what is theirs.  False when some of it has to wait.
    pub(crate) fn hand_over(&mut self, shared: &Shared) -> bool {
        let links = &shared.links;
        self.outbox
            .post_all(|to| &links.of(to).frames, |to| links.of(to).nudge());
        !self.outbox.is_pending()
    }

    /// Takes a frame (virtio-net header and IP packet) that this worker did not read from the
    /// device to the arena or to its end.
    fn process_frame(&mut self, context: &Context<'_>, frame: &[u8], tun: &mut dyn Tun) {
        if let Some(read) = self.read(context, frame) {
            self.process(context, &read, tun, Origin::Worker);
        }
    }

    fn process(
        &mut self,
        context: &Context<'_>,
        read: &Read<'_>,
        tun: &mut dyn Tun,
        origin: Origin,
    ) {
        let Read { frame, flow, .. } = read;
        let generation = context.tables.generation;
        let known = read
            .known
            .and_then(|spot| self.cache.get(spot, generation, flow));
        let verdict = match known.filter(|pair| pair.is_active()) {
            Some(pair) => Verdict::Protect(pair),
            None => {
                let decided = decide(context, flow);
                if let Verdict::Protect(pair) = decided {
                    self.cache.put(generation, flow, Arc::clone(pair));
                }
                decided
            }
        };
        let owner = verdict.owner(context);
        if origin == Origin::Device && owner != context.worker {
            return self.lay_aside(context, owner, frame);
        }
        match verdict {
            Verdict::Protect(pair) => self.outlet.dispatch(context, pair, &read.segments, tun),
            Verdict::Wait { policy_id, coming } => {
                self.wait_for_association(context, policy_id, coming, flow, frame);
            }
            Verdict::Drop(reason) => context.counters.drop_one(reason),
        }
    }

    fn lay_aside(&mut self, context: &Context<'_>, owner: usize, frame: &[u8]) {
        let inbox = &context.shared.links.of(owner).frames;
        if self.outbox.add(inbox, owner, (), frame) {
            context.counters.add(Count::HandedOver, 1);
        } else {
            context.counters.drop_one(DropReason::Handover);
        }
    }

    fn wait_for_association(
        &mut self,
        context: &Context<'_>,
        policy_id: u32,
        coming: bool,
        flow: &Flow,
        frame: &[u8],
    ) {
        if self.waiting.push(policy_id, frame) {
            context.counters.add(Count::PacketsQueued, 1);
        } else {
            context.counters.drop_one(DropReason::QueueFull);
        }
        let queue = self.waiting.queue(policy_id);
        if coming || queue.announced {
            return;
        }
        queue.announced = context.shared.events.acquire(policy_id, || Event::Acquire {
            policy_id,
            source: flow.source_address(),
            destination: flow.destination_address(),
            protocol: flow.protocol,
            ports: flow.ports.unwrap_or_default(),
        });
    }

    /// Forgets decisions, and sends what waited and can go now.  After each change.
    pub(crate) fn tables_changed(&mut self, context: &Context<'_>, tun: &mut dyn Tun) {
        self.cache.clear();
        if self.waiting.is_empty() {
            return;
        }
        for policy_id in self.waiting.policies() {
            self.waiting.queue(policy_id).announced = false;
            let usable = context
                .tables
                .of_policy(policy_id)
                .iter()
                .any(|pair| pair.is_active());
            if usable || !context.tables.owners.knows(policy_id) {
                for frame in self.waiting.take(policy_id) {
                    self.process_frame(context, &frame, tun);
                }
            }
        }
        self.outlet.sealer.flush(context);
    }

    /// Drops what waits for a policy.
    pub(crate) fn give_up(&mut self, context: &Context<'_>, policy_id: u32) {
        let given_up = self.waiting.take(policy_id).len();
        context
            .counters
            .drop_many(DropReason::AcquireFailed, given_up as u64);
    }
}

/// What happens to a packet of a flow, by the SPD.
fn decide<'a>(context: &Context<'a>, flow: &Flow) -> Verdict<'a> {
    match context.tables.spd.lookup_outbound(flow) {
        Lookup::Entry(entry) => match entry.action {
            Action::Protect => choose_association(context.tables, entry.id, flow),
            Action::Discard => Verdict::Drop(DropReason::Discard),
            Action::Bypass => Verdict::Drop(DropReason::Bypass),
        },
        Lookup::PortsUnknown(_) => Verdict::Drop(DropReason::FragmentPorts),
        Lookup::Nothing => Verdict::Drop(DropReason::NoPolicy),
    }
}

/// The newest pair in use whose selectors cover the flow (RFC 4301 section 5.1, item 3).
fn choose_association<'a>(tables: &'a Tables, policy_id: u32, flow: &Flow) -> Verdict<'a> {
    let mut coming = false;
    let mut opaque = false;
    for pair in tables.of_policy(policy_id) {
        match pair.selectors.fit_outbound(flow) {
            Fit::Outside => continue,
            Fit::PortsUnknown => {
                opaque = true;
                continue;
            }
            Fit::Inside => {}
        }
        match pair.live.outbound() {
            association::Outbound::Active => return Verdict::Protect(pair),
            association::Outbound::Standby => coming = true,
            association::Outbound::Expired => {}
        }
    }
    if opaque && !coming {
        // The pair that this fragment belongs to may exist; another one must not be asked for.
        return Verdict::Drop(DropReason::FragmentPorts);
    }
    Verdict::Wait { policy_id, coming }
}

impl Outlet {
    fn dispatch(
        &mut self,
        context: &Context<'_>,
        pair: &Association,
        segments: &Splitter<'_>,
        tun: &mut dyn Tun,
    ) {
        let mtu = pair.inner_mtu(context.now);
        let packet = segments.packet();
        if segments.longest() <= mtu {
            self.sealer.send_segments(context, pair, segments, false);
        } else if matches!(packet, IpPacket::V6(_)) && segments.longest() <= IPV6_LEAST_MTU {
            // No IPv6 sender has to make smaller packets (RFC 8200 section 5): the outer packet
            // is fragmented (RFC 2473 section 7.1).
            self.sealer.send_segments(context, pair, segments, true);
        } else if packet.dont_fragment() {
            let count = segments.count() as u64;
            context.counters.drop_many(DropReason::TooBig, count);
            if self.answers.allow(context.now) {
                answer_too_big(context, packet, mtu, tun);
            }
        } else {
            for index in 0..segments.count() {
                self.sealer
                    .send_fragments(context, pair, segments, index, mtu);
            }
        }
    }
}

/// The packet, or the packets, of a frame.
fn parse_frame(frame: &[u8]) -> Result<Splitter<'_>, DropReason> {
    let (virtio, packet) = frame
        .split_first_chunk::<VNET_HEADER_LEN>()
        .ok_or(DropReason::MalformedInner)?;
    let packet = IpPacket::new_checked(packet).map_err(|_| DropReason::MalformedInner)?;
    Splitter::new(&VirtioNetHeader::parse(virtio), packet).map_err(|error| match error {
        SplitError::UnknownGso => DropReason::Offload,
        SplitError::Inconsistent => DropReason::MalformedInner,
    })
}

/// Tells the sender the tunnel's MTU (RFC 1191, RFC 8201).
///
/// The answer comes from the packet's destination: an address of the far side is the one source
/// that a host's reverse path filter takes for a packet out of the TUN device.
fn answer_too_big(context: &Context<'_>, packet: &IpPacket<'_>, mtu: usize, tun: &mut dyn Tun) {
    let mtu = match packet {
        IpPacket::V4(_) => mtu,
        IpPacket::V6(_) => mtu.max(IPV6_LEAST_MTU),
    };
    let error = IcmpError::TooBig {
        mtu: u16::try_from(mtu).unwrap_or(u16::MAX),
    };
    let mut answer = [0; MAX_ICMP_ERROR_LEN];
    let Ok(len) = icmp_error::answer(packet, packet.destination(), error, &mut answer) else {
        return;
    };
    let frame = [
        IoSlice::new(&[0; VNET_HEADER_LEN]),
        IoSlice::new(&answer[..len]),
    ];
    if tun.write(&frame).is_ok() {
        context.counters.add(Count::TooBigSent, 1);
    } else {
        context.counters.drop_one(DropReason::TunWrite);
    }
}
