//! Two gateways A and B with a network behind each, on an Internet in memory.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use gatewright_engine::{
    Count, DropReason, Event, SaParameters, Settings, Shared, SocketSlot, Transport, Worker,
};
use gatewright_esp::{Algorithm, Cipher, EspKeys, Integrity};
use gatewright_io::doubles::{MemoryNetwork, MemoryTun, TunHandle};
use gatewright_io::{Encapsulation, Offloads, TunOffload, VNET_HEADER_LEN};
use gatewright_packet::emit::{Ipv4Header, Ipv6Header, UdpHeader};
use gatewright_packet::IpPacket;
use gatewright_spd::{Action, Entry, Selector, Selectors};

/// The policy of the tunnel on both sides.
pub const POLICY: u32 = 7;
/// Inbound SPIs of A and B for the pair of this number.
pub fn spis(pair: u32) -> (u32, u32) {
    (0x1000 + pair, 0x2000 + pair)
}

/// One gateway.
pub struct Gateway {
    pub shared: Arc<Shared>,
    pub worker: Worker,
    pub host: TunHandle,
    pub address: IpAddr,
}

/// What crosses the Internet, and how.
#[derive(Clone, Copy, Debug)]
pub struct Tunnel {
    pub encapsulation: Encapsulation,
    pub outer_v6: bool,
    pub algorithm: Algorithm,
    pub esn: bool,
}

impl Default for Tunnel {
    fn default() -> Self {
        Self {
            encapsulation: Encapsulation::Udp,
            outer_v6: false,
            algorithm: Algorithm::new(Cipher::Aes128Gcm, None).unwrap(),
            esn: false,
        }
    }
}

impl Tunnel {
    /// Every cipher with what it needs beside it.
    pub fn algorithms() -> impl Iterator<Item = Algorithm> {
        Cipher::ALL.into_iter().flat_map(|cipher| {
            let beside: Vec<_> = if cipher.is_aead() {
                vec![None]
            } else {
                Integrity::ALL.into_iter().map(Some).collect()
            };
            beside
                .into_iter()
                .map(move |integrity| Algorithm::new(cipher, integrity).unwrap())
        })
    }
}

/// Both gateways and what is between them.
pub struct World {
    pub internet: MemoryNetwork,
    pub a: Gateway,
    pub b: Gateway,
    pub tunnel: Tunnel,
}

pub const EVERYTHING: (u16, u16) = (0, u16::MAX);

pub fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub fn range(first: &str, last: &str) -> Selector {
    Selector::new(address(first), address(last), 0, EVERYTHING).unwrap()
}

/// NetA and NetB, both IP versions.
pub fn networks() -> (Vec<Selector>, Vec<Selector>) {
    (
        vec![
            range("192.168.10.0", "192.168.10.255"),
            range("fd00:a::", "fd00:a::ffff"),
        ],
        vec![
            range("10.20.0.0", "10.20.0.255"),
            range("fd00:b::", "fd00:b::ffff"),
        ],
    )
}

impl Gateway {
    fn new(internet: &MemoryNetwork, address: IpAddr, settings: Settings) -> Self {
        let offload = TunOffload {
            checksum: settings.offloads.tun_segmentation,
            tso4: settings.offloads.tun_segmentation,
            tso6: settings.offloads.tun_segmentation,
            uso: settings.offloads.tun_udp_segmentation,
        };
        let shared = Arc::new(Shared::new(settings).unwrap());
        let (tun, host) = MemoryTun::new(offload);
        let udp = internet.socket(Encapsulation::Udp, SocketAddr::new(address, 4500));
        let esp = internet.socket(Encapsulation::Protocol50, SocketAddr::new(address, 0));
        let slots = vec![
            SocketSlot {
                worker: 0,
                socket: Arc::new(udp),
            },
            SocketSlot {
                worker: 0,
                socket: Arc::new(esp),
            },
        ];
        shared.use_sockets(slots).unwrap();
        Self {
            worker: Worker::new(Arc::clone(&shared), 0, Box::new(tun)),
            shared,
            host,
            address,
        }
    }

    /// The host sends an IP packet into the gateway.
    pub fn send(&self, packet: &[u8]) {
        self.host.send([&[0; VNET_HEADER_LEN], packet].concat());
    }

    /// The next IP packet that the gateway gives its host.
    pub fn take(&self) -> Option<Vec<u8>> {
        self.host
            .take()
            .map(|frame| frame[VNET_HEADER_LEN..].to_vec())
    }

    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.shared.counters().dropped(reason)
    }

    pub fn count(&self, count: Count) -> u64 {
        self.shared.counters().get(count)
    }

    /// All drops, by name.
    pub fn drops(&self) -> Vec<(&'static str, u64)> {
        DropReason::ALL
            .iter()
            .map(|reason| (reason.name(), self.dropped(*reason)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    pub fn events(&self) -> Vec<Event> {
        self.shared.take_events()
    }

    pub fn entry(&self, local: Vec<Selector>, remote: Vec<Selector>, action: Action) {
        self.shared
            .replace_policies(vec![Entry {
                id: POLICY,
                action,
                selectors: Selectors::new(local, remote),
            }])
            .unwrap();
    }
}

impl World {
    /// With policies on both sides and no SA; TUN devices without offload.
    pub fn new(tunnel: Tunnel) -> Self {
        let settings = Settings {
            offloads: Offloads::NONE,
            ..Settings::default()
        };
        Self::with_settings(tunnel, settings)
    }

    pub fn with_settings(tunnel: Tunnel, settings: Settings) -> Self {
        let internet = MemoryNetwork::default();
        let (a, b) = if tunnel.outer_v6 {
            ("2001:db8::1", "2001:db8::2")
        } else {
            ("203.0.113.1", "203.0.113.2")
        };
        // Where there are two, each gateway does AES-GCM by another's code.
        let mut others = settings.clone();
        others.offloads.ipsec_mb = !settings.offloads.ipsec_mb;
        let a = Gateway::new(&internet, address(a), settings);
        let b = Gateway::new(&internet, address(b), others);
        let (net_a, net_b) = networks();
        a.entry(net_a.clone(), net_b.clone(), Action::Protect);
        b.entry(net_b, net_a, Action::Protect);
        Self {
            internet,
            a,
            b,
            tunnel,
        }
    }

    /// With policies and a pair of SAs.
    pub fn connected(tunnel: Tunnel) -> Self {
        let world = Self::new(tunnel);
        world.connect(1);
        world
    }

    /// A's and B's half of a pair, for a test to change.
    pub fn parameters(&self, pair: u32) -> (SaParameters, SaParameters) {
        let (spi_a, spi_b) = spis(pair);
        let (net_a, net_b) = networks();
        let half = |spi_in, spi_out, local: IpAddr, remote: IpAddr, nets: (_, _)| {
            let port = match self.tunnel.encapsulation {
                Encapsulation::Udp => 4500,
                Encapsulation::Protocol50 => 0,
            };
            SaParameters {
                spi_in,
                spi_out,
                policy_id: POLICY,
                transport: Transport {
                    local,
                    remote: SocketAddr::new(remote, port),
                    encapsulation: self.tunnel.encapsulation,
                },
                algorithm: self.tunnel.algorithm,
                keys_in: keys(self.tunnel.algorithm, spi_in),
                keys_out: keys(self.tunnel.algorithm, spi_out),
                esn: self.tunnel.esn,
                selectors: Selectors::new(nets.0, nets.1),
                replay_window: 64,
                byte_soft_limit: 0,
                byte_limit: 0,
                outbound_standby: false,
            }
        };
        (
            half(
                spi_a,
                spi_b,
                self.a.address,
                self.b.address,
                (net_a.clone(), net_b.clone()),
            ),
            half(spi_b, spi_a, self.b.address, self.a.address, (net_b, net_a)),
        )
    }

    /// Installs a pair on both sides.
    pub fn connect(&self, pair: u32) {
        let (a, b) = self.parameters(pair);
        self.a.shared.add_sa(a, None).unwrap();
        self.b.shared.add_sa(b, None).unwrap();
    }

    /// Both workers, until nothing moves.
    pub fn turn(&mut self) {
        for _ in 0..4 {
            self.a.worker.turn().unwrap();
            self.b.worker.turn().unwrap();
        }
    }
}

/// Keys that differ by SPI and position, so that mixed-up ones do not work.
fn keys(algorithm: Algorithm, spi: u32) -> EspKeys {
    let octets = |len: usize, from: u32| -> Vec<u8> {
        (0..len as u32)
            .map(|i| (i * 37 + spi * 11 + from) as u8)
            .collect()
    };
    let cipher = algorithm.cipher();
    EspKeys::new(
        &octets(cipher.key_len() + cipher.salt_len(), 1),
        &octets(algorithm.integrity().map_or(0, Integrity::key_len), 101),
    )
}

/// A UDP packet of `len` octets in all from NetA's host to NetB's (`reverse`: back).
pub fn udp_v4(len: usize, dont_fragment: bool, traffic_class: u8, reverse: bool) -> Vec<u8> {
    let (a, b) = ([192, 168, 10, 5].into(), [10, 20, 0, 5].into());
    let (source, destination) = if reverse { (b, a) } else { (a, b) };
    let mut header = Ipv4Header::new(source, destination, 17);
    header.dont_fragment = dont_fragment;
    header.traffic_class = traffic_class;
    header.identification = 0x4242;
    let mut packet = vec![0; len];
    header
        .emit(packet.first_chunk_mut().unwrap(), len - 20)
        .unwrap();
    fill_udp(&mut packet[20..]);
    packet
}

/// A UDP packet of `len` octets in all.
pub fn udp_v4_between(source: Ipv4Addr, destination: Ipv4Addr, len: usize) -> Vec<u8> {
    let mut packet = vec![0; len];
    Ipv4Header::new(source, destination, 17)
        .emit(packet.first_chunk_mut().unwrap(), len - 20)
        .unwrap();
    fill_udp(&mut packet[20..]);
    packet
}

/// The same in IPv6.
pub fn udp_v6(len: usize, reverse: bool) -> Vec<u8> {
    let a = "fd00:a::5".parse().unwrap();
    let b = "fd00:b::5".parse().unwrap();
    let (source, destination) = if reverse { (b, a) } else { (a, b) };
    let mut packet = vec![0; len];
    Ipv6Header::new(source, destination, 17)
        .emit(packet.first_chunk_mut().unwrap(), len - 40)
        .unwrap();
    fill_udp(&mut packet[40..]);
    packet
}

fn fill_udp(datagram: &mut [u8]) {
    let header = UdpHeader {
        source_port: 1000,
        destination_port: 2000,
    };
    let len = datagram.len();
    header
        .emit(datagram.first_chunk_mut().unwrap(), len - 8)
        .unwrap();
    for (index, octet) in datagram[8..].iter_mut().enumerate() {
        *octet = index as u8;
    }
}

/// Source, protocol and total length of a packet.
pub fn summary(packet: &[u8]) -> (IpAddr, u8, usize) {
    let view = IpPacket::new_checked(packet).unwrap();
    (
        view.source(),
        view.upper_layer().protocol,
        view.bytes().len(),
    )
}
