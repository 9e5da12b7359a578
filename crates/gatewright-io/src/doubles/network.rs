//! An Internet in memory: datagrams go from socket to socket by address, or get lost.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::lock;
use crate::fast_path::{FastPath, Standing, UDP_SEGMENTATION};
use crate::receive::ReceiveBatch;
use crate::socket::{Encapsulation, Outgoing, PathReport, Sent, Socket};

/// A datagram on its way.
#[derive(Debug, Clone)]
struct InFlight {
    data: Vec<u8>,
    from: SocketAddr,
    tos: u8,
}

#[derive(Debug, Default)]
struct State {
    queues: HashMap<(Encapsulation, SocketAddr), VecDeque<InFlight>>,
    mtu: Option<usize>,
    ecn: Option<u8>,
    cannot_segment: bool,
    recording: Vec<Vec<u8>>,
    record: bool,
}

/// The Internet.  Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct MemoryNetwork {
    state: Arc<Mutex<State>>,
}

impl MemoryNetwork {
    /// A new socket on `local` (with port 0 for protocol 50).
    pub fn socket(&self, encapsulation: Encapsulation, local: SocketAddr) -> MemorySocket {
        lock(&self.state)
            .queues
            .insert((encapsulation, local), VecDeque::new());
        MemorySocket {
            network: self.clone(),
            encapsulation,
            local,
            reports: Mutex::default(),
            segmentation_lost: AtomicBool::new(false),
        }
    }

    /// Refuses larger IP packets from now on, and tells the sender.
    pub fn set_mtu(&self, mtu: Option<usize>) {
        lock(&self.state).mtu = mtu;
    }

    /// The device under the sockets turns out to cut no messages into datagrams.
    pub fn refuse_segmentation(&self) {
        lock(&self.state).cannot_segment = true;
    }

    /// A router on the way sets the ECN field of every outer header from now on (0 to 3).
    pub fn set_ecn(&self, ecn: Option<u8>) {
        lock(&self.state).ecn = ecn;
    }

    /// Keeps a copy of every datagram from now on.
    pub fn record(&self) {
        lock(&self.state).record = true;
    }

    /// What was recorded, in order; each without UDP header.
    pub fn take_recording(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut lock(&self.state).recording)
    }

    /// Puts a datagram before a socket as if it came from the network.
    pub fn inject(
        &self,
        encapsulation: Encapsulation,
        to: SocketAddr,
        from: SocketAddr,
        data: Vec<u8>,
    ) {
        if let Some(queue) = lock(&self.state).queues.get_mut(&(encapsulation, to)) {
            queue.push_back(InFlight { data, from, tos: 0 });
        }
    }
}

/// A socket of a [`MemoryNetwork`].
#[derive(Debug)]
pub struct MemorySocket {
    network: MemoryNetwork,
    encapsulation: Encapsulation,
    local: SocketAddr,
    reports: Mutex<Vec<PathReport>>,
    segmentation_lost: AtomicBool,
}

impl MemorySocket {
    fn headers(&self) -> usize {
        match (self.encapsulation, self.local.ip()) {
            (Encapsulation::Protocol50, _) => 0, // part of the data
            (Encapsulation::Udp, IpAddr::V4(_)) => 28,
            (Encapsulation::Udp, IpAddr::V6(_)) => 48,
        }
    }

    fn transmit(&self, data: &[u8], to: SocketAddr, tos: u8, fragment: bool) -> bool {
        let mut state = lock(&self.network.state);
        let too_big = |mtu: &usize| !fragment && data.len() + self.headers() > *mtu;
        if let Some(mtu) = state.mtu.filter(too_big) {
            lock(&self.reports).push(PathReport {
                to: to.ip(),
                mtu: u32::try_from(mtu).unwrap_or(u32::MAX),
            });
            return false;
        }
        if state.record {
            state.recording.push(data.to_vec());
        }
        let (to, data) = match (self.encapsulation, to) {
            (Encapsulation::Udp, to) => (to, data),
            (Encapsulation::Protocol50, SocketAddr::V4(_)) => (SocketAddr::new(to.ip(), 0), data),
            // The kernel takes the IPv6 header off before a raw socket sees the packet.
            (Encapsulation::Protocol50, SocketAddr::V6(_)) => {
                (SocketAddr::new(to.ip(), 0), data.get(40..).unwrap_or(&[]))
            }
        };
        let mut data = data.to_vec();
        let mark = |tos: u8| state.ecn.map_or(tos, |ecn| (tos & !0b11) | ecn);
        let tos = mark(tos);
        if let (Encapsulation::Protocol50, SocketAddr::V4(_), Some(octet)) =
            (self.encapsulation, to, data.get_mut(1))
        {
            *octet = mark(*octet);
        }
        if let Some(queue) = state.queues.get_mut(&(self.encapsulation, to)) {
            queue.push_back(InFlight {
                data,
                from: self.local,
                tos,
            });
        }
        true
    }
}

impl Socket for MemorySocket {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn encapsulation(&self) -> Encapsulation {
        self.encapsulation
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<()> {
        batch.clear();
        let mut state = lock(&self.network.state);
        let queue = state.queues.get_mut(&(self.encapsulation, self.local));
        let Some(queue) = queue.filter(|queue| !queue.is_empty()) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        while !batch.is_full() {
            let Some(next) = queue.pop_front() else { break };
            batch.push(&next.data, next.data.len(), next.from, next.tos);
        }
        Ok(())
    }

    fn send(&self, arena: &[u8], messages: &[Outgoing]) -> Sent {
        let mut sent = Sent::default();
        for message in messages {
            let refused = message.segment != 0 && lock(&self.network.state).cannot_segment;
            if refused && !self.segmentation_lost.swap(true, Ordering::Relaxed) {
                sent.lost_segmentation = true;
            }
            let octets = &arena[message.start..message.start + message.len];
            let size = if message.segment == 0 {
                octets.len().max(1)
            } else {
                message.segment
            };
            for datagram in octets.chunks(size) {
                if self.transmit(datagram, message.to, message.tos, message.fragment) {
                    sent.datagrams += 1;
                } else {
                    sent.too_big += 1;
                }
            }
        }
        sent
    }

    fn send_one(&self, payload: &[u8], to: SocketAddr) -> io::Result<()> {
        self.transmit(payload, to, 0, true);
        Ok(())
    }

    fn take_path_reports(&self, reports: &mut Vec<PathReport>) {
        reports.append(&mut lock(&self.reports));
    }

    fn segmentation(&self) -> bool {
        self.encapsulation == Encapsulation::Udp && !self.segmentation_lost.load(Ordering::Relaxed)
    }

    fn fast_paths(&self) -> Vec<FastPath> {
        let standing = if self.segmentation_lost.load(Ordering::Relaxed) {
            Standing::Lost(libc::EIO)
        } else {
            Standing::InUse
        };
        vec![FastPath {
            name: UDP_SEGMENTATION,
            place: self.local.to_string(),
            standing,
        }]
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn descriptor(&self) -> Option<RawFd> {
        None
    }
}
