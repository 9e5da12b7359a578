//! What a worker costs for each packet, both ways, without a system under it: from a 64 KiB frame
//! of the TUN device to sealed datagrams, and from merged datagrams to the frame to write.
#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use gatewright_engine::{
    Count, DropReason, SaParameters, Settings, Shared, SocketSlot, Transport, Worker,
};
use gatewright_esp::{Algorithm, Cipher, EspKeys};
use gatewright_io::{
    Encapsulation, Outgoing, PathReport, ReceiveBatch, Sent, Socket, Tun, TunOffload,
    VNET_HEADER_LEN,
};
use gatewright_reference::{bulk, sent_frame};
use gatewright_spd::{Action, Entry, Selector, Selectors};

/// As TCP makes them in a tunnel with an inner MTU of 1,400.
const SEGMENT: usize = 1348;
const SEGMENTS: usize = 45;
/// Merged datagrams that one measured turn receives.
const MERGED: usize = 16;

/// Gives a frame once a turn, and forgets what is written.
struct BenchTun {
    frame: Vec<u8>,
    given: bool,
}

impl Tun for BenchTun {
    fn read(&mut self, frame: &mut [u8]) -> io::Result<usize> {
        self.given = !self.given;
        if !self.given || self.frame.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        frame[..self.frame.len()].copy_from_slice(&self.frame);
        Ok(self.frame.len())
    }

    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        std::hint::black_box(parts);
        Ok(())
    }

    fn offload(&self) -> TunOffload {
        TunOffload {
            checksum: true,
            tso4: true,
            tso6: true,
            uso: true,
        }
    }

    fn descriptor(&self) -> Option<RawFd> {
        None
    }
}

/// Merged datagrams: octets and the length of each part.
type Merged = Vec<(Vec<u8>, usize)>;

/// Keeps what is sent when there is a place for it, and gives what it was filled with.
struct BenchSocket {
    local: SocketAddr,
    sent: Mutex<Option<Merged>>,
    waiting: Mutex<VecDeque<(Vec<u8>, usize)>>,
    from: SocketAddr,
}

impl Socket for BenchSocket {
    fn local(&self) -> SocketAddr {
        self.local
    }

    fn encapsulation(&self) -> Encapsulation {
        Encapsulation::Udp
    }

    fn receive(&self, batch: &mut ReceiveBatch) -> io::Result<()> {
        batch.clear();
        let mut waiting = self.waiting.lock().unwrap();
        while let Some((octets, segment)) = waiting.pop_front() {
            batch.push(&octets, segment, self.from, 0);
            if batch.is_full() {
                break;
            }
        }
        if batch.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    }

    fn send(&self, arena: &[u8], messages: &[Outgoing]) -> Sent {
        let mut sent = Sent::default();
        for message in messages {
            sent.datagrams += message.datagrams() as u64;
            if let Some(kept) = &mut *self.sent.lock().unwrap() {
                let octets = arena[message.start..message.start + message.len].to_vec();
                kept.push((octets, message.segment));
            }
        }
        sent
    }

    fn send_one(&self, _: &[u8], _: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    fn take_path_reports(&self, _: &mut Vec<PathReport>) {}

    fn segmentation(&self) -> bool {
        true
    }

    fn describe(&self) -> String {
        "bench".to_owned()
    }

    fn descriptor(&self) -> Option<RawFd> {
        None
    }
}

/// A 64 KiB frame of TCP with timestamps as the kernel hands it over.
fn frame() -> Vec<u8> {
    let packet = bulk([192, 168, 10, 5], [10, 20, 0, 5], SEGMENT * SEGMENTS);
    let (header, octets) = sent_frame(&packet, u16::try_from(SEGMENT).unwrap());
    assert_eq!(header.len(), VNET_HEADER_LEN);
    [&header[..], &octets].concat()
}

fn network(third: [u8; 3]) -> Vec<Selector> {
    let [a, b, c] = third;
    let end = |last| IpAddr::from([a, b, c, last]);
    vec![Selector::new(end(0), end(255), 0, (0, u16::MAX)).unwrap()]
}

/// One side of a tunnel, 0 or 1.
struct Gateway {
    side: u8,
    shared: Arc<Shared>,
    socket: Arc<BenchSocket>,
    worker: Worker,
}

impl Gateway {
    fn new(side: u8, frame: Vec<u8>) -> Self {
        let shared = Arc::new(Shared::new(Settings::default()).unwrap());
        let socket = Arc::new(BenchSocket {
            local: SocketAddr::new(address(side), 4500),
            from: SocketAddr::new(address(1 - side), 4500),
            sent: Mutex::default(),
            waiting: Mutex::default(),
        });
        let slot = SocketSlot {
            worker: 0,
            socket: Arc::clone(&socket) as Arc<dyn Socket>,
        };
        shared.use_sockets(vec![slot]).unwrap();
        let entry = Entry {
            id: 1,
            action: Action::Protect,
            selectors: selectors(side),
        };
        shared.replace_policies(vec![entry]).unwrap();
        let tun = BenchTun {
            frame,
            given: false,
        };
        let worker = Worker::new(Arc::clone(&shared), 0, Box::new(tun));
        Self {
            side,
            shared,
            socket,
            worker,
        }
    }

    /// A fresh pair, whose replay window has seen nothing.
    fn connect(&self, cipher: Cipher) {
        let side = self.side;
        let spi = |side: u8| 0x1000 + u32::from(side);
        let keys = |side: u8| {
            let len = cipher.key_len() + cipher.salt_len();
            EspKeys::new(&vec![7 + side; len], &[])
        };
        self.shared.remove_sa(spi(side)).unwrap();
        let parameters = SaParameters {
            spi_in: spi(side),
            spi_out: spi(1 - side),
            policy_id: 1,
            transport: Transport {
                local: address(side),
                remote: self.socket.from,
                encapsulation: Encapsulation::Udp,
            },
            algorithm: Algorithm::new(cipher, None).unwrap(),
            keys_in: keys(side),
            keys_out: keys(1 - side),
            esn: true,
            selectors: selectors(side),
            replay_window: 1024,
            byte_soft_limit: 0,
            byte_limit: 0,
            outbound_standby: false,
        };
        self.shared.add_sa(parameters, None).unwrap();
    }
}

fn address(side: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, 1 + side])
}

fn selectors(side: u8) -> Selectors {
    let networks = [network([192, 168, 10]), network([10, 20, 0])];
    let of = |side: u8| networks[usize::from(side)].clone();
    Selectors::new(of(side), of(1 - side))
}

const CIPHERS: [(&str, Cipher); 2] = [
    ("aes-128-gcm", Cipher::Aes128Gcm),
    ("chacha20-poly1305", Cipher::ChaCha20Poly1305),
];

fn outbound(c: &mut Criterion) {
    let mut group = c.benchmark_group("outbound");
    group.throughput(Throughput::Elements(SEGMENTS as u64));
    for (name, cipher) in CIPHERS {
        let mut gateway = Gateway::new(0, frame());
        gateway.connect(cipher);
        group.bench_function(name, |b| b.iter(|| gateway.worker.turn().unwrap()));
    }
}

fn inbound(c: &mut Criterion) {
    let mut group = c.benchmark_group("inbound");
    group.throughput(Throughput::Elements((SEGMENTS * MERGED) as u64));
    for (name, cipher) in CIPHERS {
        let mut sender = Gateway::new(0, frame());
        sender.connect(cipher);
        *sender.socket.sent.lock().unwrap() = Some(Vec::new());
        for _ in 0..MERGED {
            sender.worker.turn().unwrap();
        }
        let datagrams = sender.socket.sent.lock().unwrap().take().unwrap();
        assert_eq!(datagrams.len(), MERGED, "each frame is one merged datagram");
        let mut gateway = Gateway::new(1, Vec::new());
        group.bench_function(name, |b| {
            b.iter_custom(|turns| {
                let mut spent = Duration::ZERO;
                for _ in 0..turns {
                    gateway.connect(cipher);
                    *gateway.socket.waiting.lock().unwrap() = datagrams.clone().into();
                    let begin = Instant::now();
                    gateway.worker.turn().unwrap();
                    spent += begin.elapsed();
                }
                spent
            });
        });
        let counters = gateway.shared.counters();
        assert_eq!(counters.get(Count::TunFramesWritten) % MERGED as u64, 0);
        assert_eq!(counters.dropped(DropReason::Replay), 0);
    }
}

criterion_group!(benches, outbound, inbound);
criterion_main!(benches);
