//! Several workers to a gateway: who does what, and what stays in order.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use gatewright_engine::{Count, Event, SaParameters, Settings, Shared, SocketSlot, Worker};
use gatewright_io::doubles::{MemoryNetwork, MemoryTun, TunHandle};
use gatewright_io::{Encapsulation, TunOffload, VNET_HEADER_LEN};
use gatewright_spd::{Action, Entry, Selector, Selectors};

use crate::world::{address, range, udp_v4_between, Tunnel, World};

const WORKERS: usize = 3;
/// Tunnels, of policies 1 to this.
const TUNNELS: u8 = 4;

/// A gateway with several workers.
struct Crew {
    shared: Arc<Shared>,
    workers: Vec<Worker>,
    host: TunHandle,
}

/// Network `tunnel` of side A or B.
fn network(side: u8, tunnel: u8) -> Vec<Selector> {
    let octets = |last: u8| format!("10.{side}.{tunnel}.{last}");
    vec![range(&octets(0), &octets(255))]
}

impl Crew {
    /// The gateway on address `text`, between its own side and the other.
    fn new(internet: &MemoryNetwork, text: &str, sides: (u8, u8)) -> Self {
        let settings = Settings {
            workers: WORKERS,
            ..Settings::default()
        };
        let shared = Arc::new(Shared::new(settings).unwrap());
        let local = std::net::SocketAddr::new(address(text), 4500);
        // One socket, as on a system that cannot choose among several.
        let udp = SocketSlot {
            worker: 1,
            socket: Arc::new(internet.socket(Encapsulation::Udp, local)),
        };
        shared.use_sockets(vec![udp]).unwrap();
        let entries = (1..=TUNNELS).map(|tunnel| Entry {
            id: tunnel.into(),
            action: Action::Protect,
            selectors: Selectors::new(network(sides.0, tunnel), network(sides.1, tunnel)),
        });
        shared.replace_policies(entries.collect()).unwrap();
        let (first, host) = MemoryTun::new(TunOffload::default());
        let mut queues = vec![first];
        while queues.len() < WORKERS {
            queues.push(queues[0].another_queue());
        }
        let workers = queues.into_iter().enumerate();
        Self {
            workers: workers
                .map(|(number, tun)| Worker::new(Arc::clone(&shared), number, Box::new(tun)))
                .collect(),
            shared,
            host,
        }
    }

    fn turn(&mut self) {
        for worker in &mut self.workers {
            worker.turn().unwrap();
        }
    }

    /// The next packet for the host: its third octets (which tunnel), and its number.
    fn take(&self) -> Option<(u8, u32)> {
        let frame = self.host.take()?;
        let packet = &frame[VNET_HEADER_LEN..];
        let number = packet[28..32].try_into().unwrap();
        Some((packet[14], u32::from_be_bytes(number)))
    }

    /// The host sends packet `number` of a tunnel into a queue.
    fn send(&self, queue: usize, sides: (u8, u8), tunnel: u8, number: u32) {
        let from = [10, sides.0, tunnel, 9].into();
        let to = [10, sides.1, tunnel, 9].into();
        let mut packet = udp_v4_between(from, to, 100);
        packet[28..32].copy_from_slice(&number.to_be_bytes());
        self.host
            .send_to(queue, [&[0; VNET_HEADER_LEN], &packet[..]].concat());
    }

    fn drops(&self) -> Vec<(&'static str, u64)> {
        let all = self.shared.counters();
        all.all()
            .filter(|(name, count)| name.starts_with("drop_") && *count > 0)
            .collect()
    }
}

/// Two gateways, A and B.
fn crews() -> (Crew, Crew, MemoryNetwork) {
    let internet = MemoryNetwork::default();
    let a = Crew::new(&internet, "203.0.113.1", (1, 2));
    let b = Crew::new(&internet, "203.0.113.2", (2, 1));
    (a, b, internet)
}

/// A pair for each tunnel, with a replay window as strongSwan's.
fn connect(a: &Crew, b: &Crew, generation: u32, change: impl Fn(SaParameters) -> SaParameters) {
    let template = World::new(Tunnel::default());
    for tunnel in 1..=TUNNELS {
        let number = generation * 16 + u32::from(tunnel);
        let (half_a, half_b) = template.parameters(number);
        // B's first, which can open before A seals.
        for (crew, half, sides) in [(b, half_b, (2, 1)), (a, half_a, (1, 2))] {
            let half = change(SaParameters {
                policy_id: tunnel.into(),
                selectors: Selectors::new(network(sides.0, tunnel), network(sides.1, tunnel)),
                replay_window: 32,
                ..half
            });
            crew.shared.add_sa(half, None).unwrap();
        }
    }
}

fn in_order(packets: &[(u8, u32)], each: u32) {
    for tunnel in 1..=TUNNELS {
        let numbers = packets.iter().filter(|(of, _)| *of == tunnel);
        let numbers = numbers.map(|(_, number)| *number);
        assert!(numbers.eq(0..each), "tunnel {tunnel}");
    }
}

#[test]
fn a_packet_goes_through_its_owner_wherever_it_comes() {
    let (mut a, mut b, _) = crews();
    connect(&a, &b, 0, |half| half);
    for number in 0..60 {
        for tunnel in 1..=TUNNELS {
            // A flow keeps its queue; which one has nothing to do with the owner.
            a.send(usize::from(tunnel + 1) % WORKERS, (1, 2), tunnel, number);
        }
    }
    for _ in 0..3 {
        a.turn();
        b.turn();
    }
    let arrived: Vec<_> = std::iter::from_fn(|| b.take()).collect();
    in_order(&arrived, 60);
    let counters = a.shared.counters();
    assert_eq!(counters.get(Count::PacketsOut), 240);
    // Owners are 0, 1, 2, 0 for tunnels 1 to 4, queues 2, 0, 1, 2: none fits.
    assert_eq!(counters.get(Count::HandedOver), 240);
    // The datagrams all came to worker 1, which owns tunnel 2.
    assert_eq!(b.shared.counters().get(Count::HandedOver), 180);
    assert_eq!((a.drops(), b.drops()), (vec![], vec![]));
    for pair in b.shared.sa_counters() {
        assert_eq!(pair.packets_in, 60);
    }
}

#[test]
fn what_waits_goes_out_in_order_whoever_read_it() {
    let (mut a, mut b, _) = crews();
    for number in 0..20 {
        for tunnel in 1..=TUNNELS {
            a.send(0, (1, 2), tunnel, number);
        }
    }
    a.turn();
    let asked: Vec<_> = a.shared.take_events();
    let policies = asked.iter().map(|event| match event {
        Event::Acquire { policy_id, .. } => *policy_id,
        other => panic!("{other:?}"),
    });
    let mut policies: Vec<_> = policies.collect();
    policies.sort_unstable();
    assert_eq!(policies, [1, 2, 3, 4], "once each");
    a.shared.acquire_failed(4);
    a.turn();
    assert_eq!(a.drops(), [("drop_acquire_failed", 20)]);

    connect(&a, &b, 0, |half| half);
    for _ in 0..3 {
        a.turn();
        b.turn();
    }
    let arrived: Vec<_> = std::iter::from_fn(|| b.take()).collect();
    assert_eq!(arrived.len(), 60);
    for tunnel in 1..=3 {
        let numbers = arrived.iter().filter(|(of, _)| *of == tunnel);
        assert!(numbers.map(|(_, number)| *number).eq(0..20));
    }
}

#[test]
fn a_standby_ends_where_packets_wait_for_it() {
    let (mut a, mut b, _) = crews();
    connect(&a, &b, 0, |half| SaParameters {
        // B's halves: its SPIs begin with 2.
        outbound_standby: half.spi_in >> 12 == 2,
        ..half
    });
    for tunnel in 1..=TUNNELS {
        b.send(2, (2, 1), tunnel, 0);
    }
    b.turn();
    assert_eq!(b.shared.take_events(), [], "one is coming");
    for tunnel in 1..=TUNNELS {
        a.send(2, (1, 2), tunnel, 0);
    }
    for _ in 0..5 {
        a.turn();
        b.turn();
    }
    let arrived: Vec<_> = std::iter::from_fn(|| a.take()).collect();
    in_order(&arrived, 1);
}

/// What crossed the Internet: the numbers of each SA, none before a smaller one.  So no replay
/// window is too small, not even that of 32 packets which strongSwan has.
fn ascending(recording: &[Vec<u8>]) {
    let mut last: HashMap<u32, u32> = HashMap::new();
    for datagram in recording {
        let word = |at: usize| u32::from_be_bytes(datagram[at..at + 4].try_into().unwrap());
        let (spi, sequence) = (word(0), word(4));
        let before = last.insert(spi, sequence).unwrap_or(0);
        assert_eq!(sequence, before + 1, "SPI {spi:#x}");
    }
    assert!(last.len() > 36);
}

/// Real threads, new SAs under way, and a peer that tolerates hardly any disorder.
#[test]
fn under_load_with_rekeys_nothing_is_lost_or_overtaken() {
    const EACH: u32 = 4000;
    const WINDOW: u32 = 60;
    let (a, b, internet) = crews();
    internet.record();
    connect(&a, &b, 0, |half| half);
    let stop = Arc::new(AtomicBool::new(false));
    let run = |crew: &mut Crew| -> Vec<_> {
        let workers = std::mem::take(&mut crew.workers).into_iter();
        workers
            .map(|mut worker| {
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        worker.turn().unwrap();
                        std::thread::yield_now();
                    }
                })
            })
            .collect()
    };
    let (mut a, mut b) = (a, b);
    let threads: Vec<_> = run(&mut a).into_iter().chain(run(&mut b)).collect();

    let mut sent = 0;
    let mut arrived = Vec::new();
    let mut generation = 0;
    while arrived.len() < (EACH * u32::from(TUNNELS)) as usize {
        let done = arrived.len() as u32 / u32::from(TUNNELS);
        while sent < EACH && sent < done + WINDOW {
            for tunnel in 1..=TUNNELS {
                a.send(usize::from(tunnel) % WORKERS, (1, 2), tunnel, sent);
            }
            sent += 1;
        }
        if sent / 400 > generation {
            generation = sent / 400;
            connect(&a, &b, generation, |half| half);
        }
        arrived.extend(std::iter::from_fn(|| b.take()));
        assert_eq!((a.drops(), b.drops()), (vec![], vec![]));
        std::thread::yield_now();
    }
    stop.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
    in_order(&arrived, EACH);
    ascending(&internet.take_recording());
    let received: u64 = b
        .shared
        .sa_counters()
        .iter()
        .map(|pair| pair.packets_in)
        .sum();
    assert_eq!(received, u64::from(EACH * u32::from(TUNNELS)));
    assert!(generation >= 9 && b.shared.sa_counters().len() > 36);
}
