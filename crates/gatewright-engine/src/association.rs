//! A pair of ESP SAs as the workers see it.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicU8, Ordering};
use std::sync::Arc;

use gatewright_esp::{
    Algorithm, EspKeys, Exhausted, GcmCode, OpenContext, OuterFamily, Overhead, ReplayWindow,
    SealContext, SequenceCounter,
};
use gatewright_io::{fill_random, Encapsulation};
use gatewright_spd::Selectors;

use crate::error::EngineError;
use crate::event::{Event, Expiry};
use crate::path::Path;

/// The outer addresses of a tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// Our address.
    pub local: IpAddr,
    /// The peer's address, with the UDP port of encapsulation, else 0.
    pub remote: SocketAddr,
    /// UDP or protocol 50.
    pub encapsulation: Encapsulation,
}

/// Everything that makes a pair; the control plane's `ChildSa`.
#[derive(Debug)]
pub struct SaParameters {
    /// Our SPI, unique among our inbound SAs.
    pub spi_in: u32,
    /// The peer's SPI.
    pub spi_out: u32,
    /// The SPD entry that it serves.
    pub policy_id: u32,
    /// The outer addresses.
    pub transport: Transport,
    /// Cipher and integrity algorithm.
    pub algorithm: Algorithm,
    /// Keys of the inbound half.
    pub keys_in: EspKeys,
    /// Keys of the outbound half.
    pub keys_out: EspKeys,
    /// Extended sequence numbers.
    pub esn: bool,
    /// What was negotiated.
    pub selectors: Selectors,
    /// Packets of the replay window.
    pub replay_window: u32,
    /// Octets after which to ask for a new SA; 0 for none.
    pub byte_soft_limit: u64,
    /// Octets after which it is out of use; 0 for none.
    pub byte_limit: u64,
    /// Do not send on it before something arrives on it or `activate_sa`.
    pub outbound_standby: bool,
}

/// How far the outbound half is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outbound {
    Standby = 0,
    Active = 1,
    Expired = 2,
}

/// Packets, octets and the last time of one direction.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    packets: AtomicU64,
    octets: AtomicU64,
    /// Milliseconds of engine time, plus one; 0 for never.
    last: AtomicU64,
}

impl Traffic {
    /// Adds, and gives the octets before and after.
    fn add(&self, packets: u64, octets: u64, now: u64) -> (u64, u64) {
        self.packets.fetch_add(packets, Ordering::Relaxed);
        self.last.store(now + 1, Ordering::Relaxed);
        let before = self.octets.fetch_add(octets, Ordering::Relaxed);
        (before, before + octets)
    }

    /// Packets and octets so far.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (
            self.packets.load(Ordering::Relaxed),
            self.octets.load(Ordering::Relaxed),
        )
    }

    /// Milliseconds since the last packet.
    pub(crate) fn idle(&self, now: u64) -> Option<u64> {
        let last = self.last.load(Ordering::Relaxed).checked_sub(1)?;
        Some(now.saturating_sub(last))
    }
}

/// Keys and everything that changes while the pair is in use.  Survives a move of the peer.
///
/// In the order of use, from the begin of a cache line: what an outbound packet needs, what both
/// need, what an inbound packet needs.  With thousands of SAs each line that a packet needs has to
/// be fetched.
#[repr(C, align(64))]
pub(crate) struct Live {
    pub(crate) seal: SealContext,
    sequence: SequenceCounter,
    pub(crate) sent: Traffic,
    outbound: AtomicU8,
    /// Which [`Expiry`] events are out, as bits.
    reported: AtomicU8,
    inbound_expired: AtomicBool,
    byte_soft_limit: u64,
    byte_limit: u64,
    pub(crate) received: Traffic,
    pub(crate) open: OpenContext,
    pub(crate) replay: ReplayWindow,
    /// A hash of the address that the last PeerMoved told of; 0 for none.
    moved_to: AtomicU64,
}

/// An SA pair in a snapshot.  Two cache lines, and not parts of three.
#[repr(align(64))]
pub struct Association {
    /// Our SPI.
    pub spi_in: u32,
    pub(crate) policy_id: u32,
    /// The worker that seals and opens for it.
    pub(crate) owner: usize,
    pub(crate) transport: Transport,
    pub(crate) selectors: Selectors,
    pub(crate) overhead: Overhead,
    pub(crate) path: Arc<Path>,
    pub(crate) live: Arc<Live>,
}

impl fmt::Debug for Association {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Association")
            .field("spi_in", &self.spi_in)
            .field("policy_id", &self.policy_id)
            .field("transport", &self.transport)
            .finish_non_exhaustive()
    }
}

impl Association {
    pub(crate) fn new(
        parameters: SaParameters,
        path: Arc<Path>,
        gcm: GcmCode,
    ) -> Result<Self, EngineError> {
        let SaParameters { algorithm, esn, .. } = parameters;
        let mut iv_seed = [0; 16];
        fill_random(&mut iv_seed).map_err(|error| EngineError::System {
            purpose: "get random octets for an SA's IVs",
            error,
        })?;
        let live = Live {
            seal: SealContext::new(
                algorithm,
                &parameters.keys_out,
                parameters.spi_out,
                esn,
                &iv_seed,
                gcm,
            )?,
            open: OpenContext::new(algorithm, &parameters.keys_in, parameters.spi_in, esn, gcm)?,
            sequence: SequenceCounter::new(esn),
            replay: ReplayWindow::new(parameters.replay_window, esn),
            outbound: AtomicU8::new(if parameters.outbound_standby {
                Outbound::Standby as u8
            } else {
                Outbound::Active as u8
            }),
            inbound_expired: AtomicBool::new(false),
            sent: Traffic::default(),
            received: Traffic::default(),
            byte_soft_limit: parameters.byte_soft_limit,
            byte_limit: parameters.byte_limit,
            reported: AtomicU8::new(0),
            moved_to: AtomicU64::new(0),
        };
        Ok(Self {
            spi_in: parameters.spi_in,
            policy_id: parameters.policy_id,
            owner: 0,
            transport: parameters.transport,
            selectors: parameters.selectors,
            overhead: overhead(algorithm, &parameters.transport),
            path,
            live: Arc::new(live),
        })
    }

    /// The same pair with the peer elsewhere.
    pub(crate) fn moved(&self, transport: Transport, path: Arc<Path>) -> Self {
        let algorithm = self.live.seal.algorithm();
        Self {
            spi_in: self.spi_in,
            policy_id: self.policy_id,
            owner: self.owner,
            transport,
            selectors: self.selectors.clone(),
            overhead: overhead(algorithm, &transport),
            path,
            live: Arc::clone(&self.live),
        }
    }

    /// Reads what a packet needs, but for what is behind `live`; see [`SealContext::prefetch`].
    pub(crate) fn prefetch(&self) {
        black_box((self.transport.remote, Arc::as_ptr(&self.live)));
    }

    /// Whether packets may be sent on it.
    pub(crate) fn is_active(&self) -> bool {
        self.live.outbound() == Outbound::Active
    }

    /// Octets of the largest inner packet that fits now.
    pub(crate) fn inner_mtu(&self, now: u64) -> usize {
        self.overhead.max_inner_len(self.path.mtu(now))
    }
}

fn overhead(algorithm: Algorithm, transport: &Transport) -> Overhead {
    let encapsulation = match transport.encapsulation {
        Encapsulation::Protocol50 => gatewright_esp::Encapsulation::Protocol50,
        Encapsulation::Udp => gatewright_esp::Encapsulation::Udp,
    };
    let family = if transport.local.is_ipv4() {
        OuterFamily::V4
    } else {
        OuterFamily::V6
    };
    Overhead::new(algorithm, encapsulation, family)
}

impl Live {
    /// Reads what an outbound packet needs; see [`SealContext::prefetch`].
    pub(crate) fn prefetch_outbound(&self) {
        black_box((
            self.seal.spi(),
            self.sequence.last_taken(),
            self.sent.totals(),
            self.outbound(),
        ));
    }

    /// Reads what an inbound packet needs; see [`SealContext::prefetch`].
    pub(crate) fn prefetch_inbound(&self) {
        black_box((
            self.open.spi(),
            self.replay.top(),
            self.received.totals(),
            self.inbound_expired(),
        ));
    }

    pub(crate) fn outbound(&self) -> Outbound {
        match self.outbound.load(Ordering::Acquire) {
            0 => Outbound::Standby,
            1 => Outbound::Active,
            _ => Outbound::Expired,
        }
    }

    /// Ends the standby.  True when it was on standby.
    pub(crate) fn activate(&self) -> bool {
        self.outbound
            .compare_exchange(
                Outbound::Standby as u8,
                Outbound::Active as u8,
                Ordering::AcqRel,
                Ordering::Acquire,
            )
            .is_ok()
    }

    pub(crate) fn inbound_expired(&self) -> bool {
        self.inbound_expired.load(Ordering::Acquire)
    }

    pub(crate) fn last_sequence(&self) -> u64 {
        self.sequence.last_taken()
    }

    /// The first of `count` sequence numbers in a row.
    pub(crate) fn take_sequence(&self, count: usize) -> Result<u64, Exhausted> {
        let count = u32::try_from(count).map_err(|_| Exhausted)?;
        self.sequence.take(count).map(|numbers| numbers.start)
    }

    /// Counts what was sealed, and tells of a limit that was crossed.
    pub(crate) fn account_sent(
        &self,
        spi_in: u32,
        packets: u64,
        octets: u64,
        now: u64,
        tell: impl Fn(Event) -> bool,
    ) {
        let (_, after) = self.sent.add(packets, octets, now);
        if self.byte_limit != 0 && after >= self.byte_limit {
            self.expire(spi_in, Expiry::Bytes, &tell);
        } else {
            self.check_soft_limit(spi_in, after, &tell);
        }
        // A tenth of the numbers is left: time for a new SA (RFC 4303 section 3.3.3).
        if !self.seal.esn() && self.sequence.remaining() < u64::from(u32::MAX / 10) {
            self.report(spi_in, false, Expiry::Sequence, &tell);
        }
    }

    /// Counts what was opened, and tells of a limit that was crossed.
    ///
    /// It is the sender who keeps to the limit.  What comes after it was sealed before the sender
    /// could know of another pair, so it is taken until the control plane removes this one; at
    /// twice the limit it ends here.
    pub(crate) fn account_received(
        &self,
        spi_in: u32,
        packets: u64,
        octets: u64,
        now: u64,
        tell: impl Fn(Event) -> bool,
    ) {
        let (_, after) = self.received.add(packets, octets, now);
        if self.byte_limit == 0 || after < self.byte_limit {
            return self.check_soft_limit(spi_in, after, &tell);
        }
        if after >= self.byte_limit.saturating_mul(2) {
            self.inbound_expired.store(true, Ordering::Release);
        }
        self.report(spi_in, true, Expiry::Bytes, &tell);
    }

    fn check_soft_limit(&self, spi_in: u32, octets: u64, tell: &impl Fn(Event) -> bool) {
        if self.byte_soft_limit != 0 && octets >= self.byte_soft_limit {
            self.report(spi_in, false, Expiry::Bytes, tell);
        }
    }

    /// Takes the outbound half out of use.
    pub(crate) fn expire(&self, spi_in: u32, reason: Expiry, tell: &impl Fn(Event) -> bool) {
        self.outbound
            .store(Outbound::Expired as u8, Ordering::Release);
        self.report(spi_in, true, reason, tell);
    }

    /// Each combination once; again when the queue was full.
    fn report(&self, spi_in: u32, hard: bool, reason: Expiry, tell: &impl Fn(Event) -> bool) {
        let bit = 1u8 << (u8::from(hard) + 2 * (reason as u8));
        if self.reported.load(Ordering::Relaxed) & bit != 0 {
            return;
        }
        let event = Event::SaExpiring {
            spi_in,
            hard,
            reason,
        };
        if tell(event) {
            self.reported.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Authentic ESP came from `remote`, which is not the SA's: tells of each new address once.
    pub(crate) fn report_move(
        &self,
        spi_in: u32,
        remote: SocketAddr,
        tell: impl Fn(Event) -> bool,
    ) {
        let mut hasher = DefaultHasher::new();
        remote.hash(&mut hasher);
        let hash = hasher.finish() | 1;
        if self.moved_to.load(Ordering::Relaxed) != hash
            && tell(Event::PeerMoved { spi_in, remote })
        {
            self.moved_to.store(hash, Ordering::Relaxed);
        }
    }

    /// The peer is where the SA says: the next other address is news again.
    pub(crate) fn at_home(&self) {
        if self.moved_to.load(Ordering::Relaxed) != 0 {
            self.moved_to.store(0, Ordering::Relaxed);
        }
    }
}
