//! What the engine tells the control plane, in bounded queues that never hold up a packet.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::{Mutex, PoisonError};

use crossbeam_queue::ArrayQueue;
use gatewright_io::{EventFd, FastPath};

/// Why an SA ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// So many octets have passed.
    Bytes,
    /// So many sequence numbers are used.
    Sequence,
}

impl Expiry {
    /// For a log line.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Bytes => "octets",
            Self::Sequence => "sequence numbers",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A packet wants an SA that does not exist.
    Acquire {
        /// The SPD entry.
        policy_id: u32,
        /// The packet's source.
        source: IpAddr,
        /// Its destination.
        destination: IpAddr,
        /// Its next layer protocol.
        protocol: u8,
        /// Its ports (0 when it has none).
        ports: (u16, u16),
    },
    /// A limit of an SA is near, or reached (`hard`).
    SaExpiring {
        /// The pair.
        spi_in: u32,
        /// Out of use already.
        hard: bool,
        /// Which limit.
        reason: Expiry,
    },
    /// Authentic ESP in UDP came from another address or port than the SA's.
    PeerMoved {
        /// The pair.
        spi_in: u32,
        /// Where it came from.
        remote: SocketAddr,
    },
    /// A fast path that was in use is not any more; it goes on without.
    FastPathLost(FastPath),
    /// An IKE message came to the NAT traversal port; without the non-ESP marker.
    IkeDatagram {
        /// The address and port it came to.
        local: SocketAddr,
        /// Where it came from.
        remote: SocketAddr,
        /// The message.
        payload: Box<[u8]>,
    },
}

/// The queues, shared by the workers and the control plane.
#[derive(Debug)]
pub(crate) struct Events {
    ike: ArrayQueue<Event>,
    other: ArrayQueue<Event>,
    ready: EventFd,
    /// Policies with an unanswered [`Event::Acquire`].
    acquiring: Mutex<HashSet<u32>>,
}

impl Events {
    pub(crate) fn new(ike: usize, other: usize) -> io::Result<Self> {
        Ok(Self {
            ike: ArrayQueue::new(ike.max(1)),
            other: ArrayQueue::new(other.max(1)),
            ready: EventFd::new()?,
            acquiring: Mutex::default(),
        })
    }

    /// Readable when [`Events::take`] has something.
    pub(crate) fn descriptor(&self) -> RawFd {
        self.ready.descriptor()
    }

    /// Makes the control plane look, as if there were an event.
    pub(crate) fn wake_control(&self) {
        self.ready.signal();
    }

    /// False when the queue is full; the caller tries again with a later packet, or drops.
    pub(crate) fn push(&self, event: Event) -> bool {
        let queue = match event {
            Event::IkeDatagram { .. } => &self.ike,
            _ => &self.other,
        };
        let taken = queue.push(event).is_ok();
        if taken {
            self.ready.signal();
        }
        taken
    }

    /// Asks for an SA, once until [`Events::acquire_answered`].  False: ask again later.
    pub(crate) fn acquire(&self, policy_id: u32, event: impl FnOnce() -> Event) -> bool {
        let mut acquiring = self
            .acquiring
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if acquiring.contains(&policy_id) {
            return true;
        }
        let taken = self.push(event());
        if taken {
            acquiring.insert(policy_id);
        }
        taken
    }

    /// The next packet without an SA asks anew.
    pub(crate) fn acquire_answered(&self, policy_id: u32) {
        let mut acquiring = self
            .acquiring
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        acquiring.remove(&policy_id);
    }

    /// Everything that waits, IKE messages last.
    pub(crate) fn take(&self) -> Vec<Event> {
        // First the descriptor: what comes in between makes it readable again.
        self.ready.clear();
        let mut events = Vec::with_capacity(self.other.len() + self.ike.len());
        // No more than there can be, so that a busy worker cannot keep the reader here.
        for queue in [&self.other, &self.ike] {
            for _ in 0..queue.capacity() {
                let Some(event) = queue.pop() else { break };
                events.push(event);
            }
        }
        if !self.other.is_empty() || !self.ike.is_empty() {
            self.ready.signal();
        }
        events
    }
}
