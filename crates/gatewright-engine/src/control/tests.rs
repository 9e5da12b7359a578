//! What control calls leave behind.
#![allow(clippy::unwrap_used)]

use std::sync::Weak;

use gatewright_esp::{Algorithm, Cipher, EspKeys};
use gatewright_io::doubles::{MemoryNetwork, MemoryTun};
use gatewright_io::{Offloads, TunOffload, VNET_HEADER_LEN};
use gatewright_packet::emit::Ipv4Header;
use gatewright_spd::{Selector, Selectors};

use super::*;
use crate::worker::Worker;

const POLICY: u32 = 7;
const REKEYS: u32 = 500;

fn network(first: &str, last: &str) -> Selector {
    let ports = (0, u16::MAX);
    Selector::new(first.parse().unwrap(), last.parse().unwrap(), 0, ports).unwrap()
}

fn selectors() -> Selectors {
    let local = network("192.168.10.0", "192.168.10.255");
    Selectors::new(vec![local], vec![network("10.20.0.0", "10.20.0.255")])
}

fn pair(number: u32) -> SaParameters {
    let keys = || EspKeys::new(&[number as u8; 20], &[]);
    SaParameters {
        spi_in: 0x1000 + number,
        spi_out: 0x2000 + number,
        policy_id: POLICY,
        transport: Transport {
            local: IpAddr::from([203, 0, 113, 1]),
            remote: SocketAddr::from(([203, 0, 113, 2], 4500)),
            encapsulation: Encapsulation::Udp,
        },
        algorithm: Algorithm::new(Cipher::Aes128Gcm, None).unwrap(),
        keys_in: keys(),
        keys_out: keys(),
        esn: false,
        selectors: selectors(),
        replay_window: 64,
        byte_soft_limit: 0,
        byte_limit: 0,
        outbound_standby: false,
    }
}

/// From NetA to NetB, as the TUN device gives it; of a flow of its own.
fn frame(flow: u32) -> Vec<u8> {
    let mut packet = [0; 28];
    Ipv4Header::new([192, 168, 10, 5].into(), [10, 20, 0, 5].into(), 17)
        .emit(packet.first_chunk_mut().unwrap(), 8)
        .unwrap();
    packet[20..22].copy_from_slice(&(flow as u16).to_be_bytes());
    packet[25] = 8; // the length of UDP
    [&[0; VNET_HEADER_LEN], &packet[..]].concat()
}

#[test]
fn a_pair_that_was_replaced_is_freed() {
    let shared = Arc::new(
        Shared::new(Settings {
            offloads: Offloads::NONE,
            ..Settings::default()
        })
        .unwrap(),
    );
    let (tun, host) = MemoryTun::new(TunOffload::default());
    let local = SocketAddr::from(([203, 0, 113, 1], 4500));
    let socket = MemoryNetwork::default().socket(Encapsulation::Udp, local);
    let slot = SocketSlot {
        worker: 0,
        socket: Arc::new(socket),
    };
    shared.use_sockets(vec![slot]).unwrap();
    let entry = Entry {
        id: POLICY,
        action: Action::Protect,
        selectors: selectors(),
    };
    shared.replace_policies(vec![entry]).unwrap();
    let mut worker = Worker::new(Arc::clone(&shared), 0, Box::new(tun));

    let mut made: Vec<Weak<Association>> = Vec::new();
    for number in 1..=REKEYS {
        shared.add_sa(pair(number), None).unwrap();
        made.push(Arc::downgrade(
            shared.tables().inbound.get(0x1000 + number).unwrap(),
        ));
        // The worker remembers for the flow which pair to take.
        host.send(frame(number));
        worker.turn().unwrap();
        shared.remove_sa(0x1000 + number - 1).unwrap();
        worker.turn().unwrap();
    }
    assert_eq!(shared.free_retired(), 0);
    let (sealed, _) = shared.tables().of_policy(POLICY)[0].live.sent.totals();
    assert_eq!(sealed, 1);
    let alive = made.iter().filter(|pair| pair.strong_count() > 0);
    assert_eq!(alive.count(), 1);
}
