//! UDP sockets over the loopback interface: batches, segmentation, merging, the error queue.
#![allow(clippy::unwrap_used)]

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use gatewright_io::{
    open_udp, open_udp_group, path_mtu, EventFd, Offloads, Outgoing, Poller, Prefix, ReceiveBatch,
    Socket, SocketOptions, Steering, UdpSocket,
};

const OPTIONS: SocketOptions = SocketOptions {
    mark: 0, // would take a privilege
    buffer: 1 << 20,
    offloads: Offloads::ALL,
};

/// A socket on a port of its own.
fn socket(address: &str, offload: bool) -> UdpSocket {
    let offloads = if offload {
        Offloads::ALL
    } else {
        Offloads::NONE
    };
    let options = SocketOptions {
        offloads,
        ..OPTIONS
    };
    // The port is let go at once; nobody else on this machine asks for it in between.
    let free = std::net::UdpSocket::bind((address, 0)).unwrap();
    let local = free.local_addr().unwrap();
    drop(free);
    open_udp(local, &options).unwrap()
}

fn message(start: usize, len: usize, segment: usize, to: SocketAddr) -> Outgoing {
    Outgoing {
        start,
        len,
        segment,
        to,
        tos: 0,
        fragment: false,
    }
}

/// Everything that arrives until `octets` have: datagram by datagram, with sender and TOS.
fn receive(socket: &dyn Socket, octets: usize) -> Vec<(Vec<u8>, SocketAddr, u8)> {
    let mut poller = Poller::new();
    poller.add(socket.descriptor().unwrap(), 7);
    let mut batch = ReceiveBatch::new(8);
    let mut arrived = Vec::new();
    let mut ready = Vec::new();
    while arrived
        .iter()
        .map(|(data, ..): &(Vec<u8>, _, _)| data.len())
        .sum::<usize>()
        < octets
    {
        poller
            .wait(&mut ready, Some(Duration::from_secs(10)))
            .unwrap();
        assert_eq!(ready.first().map(|ready| ready.token), Some(7), "timeout");
        if let Err(error) = socket.receive(&mut batch) {
            assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        }
        for index in 0..batch.len() {
            let datagram = batch.datagram(index);
            for part in datagram.data.chunks(datagram.segment) {
                arrived.push((part.to_vec(), datagram.from, datagram.tos));
            }
        }
    }
    arrived
}

#[test]
fn messages_arrive_in_order_with_sender_and_tos() {
    for address in ["127.0.0.1", "::1"] {
        let (a, b) = (socket(address, true), socket(address, true));
        let arena: Vec<u8> = (0..=255).collect();
        let mut messages: Vec<Outgoing> = (0..100)
            .map(|start| message(start, 1 + start % 7, 0, b.local()))
            .collect();
        messages[3].tos = 0xb8;
        let sent = a.send(&arena, &messages);
        assert_eq!((sent.datagrams, sent.failed), (100, 0));
        let octets = messages.iter().map(|message| message.len).sum();
        let arrived = receive(&b, octets);
        for (message, (data, from, tos)) in messages.iter().zip(&arrived) {
            let end = message.start + message.len;
            assert_eq!(*data, arena[message.start..end]);
            assert_eq!((*from, *tos), (a.local(), message.tos));
        }
        assert_eq!(arrived.len(), 100);
    }
}

#[test]
fn one_message_is_many_datagrams_with_and_without_offload_at_the_receiver() {
    for offload in [true, false] {
        let (a, b) = (socket("127.0.0.1", true), socket("127.0.0.1", offload));
        assert!(a.segmentation());
        let arena: Vec<u8> = (0..5_500).map(|i| (i / 1000) as u8).collect();
        let sent = a.send(&arena, &[message(0, 5_500, 1000, b.local())]);
        assert_eq!(sent.datagrams, 6);
        let arrived = receive(&b, 5_500);
        let lens: Vec<usize> = arrived.iter().map(|(data, ..)| data.len()).collect();
        assert_eq!(lens, [1000, 1000, 1000, 1000, 1000, 500]);
        assert!((0..)
            .zip(&arrived)
            .all(|(i, (data, ..))| data.iter().all(|o| *o == i)));
    }
}

#[test]
fn a_control_datagram_goes_whole_or_in_fragments() {
    let (a, b) = (socket("127.0.0.1", true), socket("127.0.0.1", true));
    for len in [1, 1000, 60_000] {
        a.send_one(&vec![9; len], b.local()).unwrap();
        assert_eq!(receive(&b, len)[0].0.len(), len);
    }
    assert!(a.send_one(&[0; 66_000], b.local()).is_err());
}

#[test]
fn an_error_of_an_earlier_packet_does_not_stop_the_next() {
    let a = socket("127.0.0.1", true);
    let gone = socket("127.0.0.1", true);
    let nobody = gone.local();
    drop(gone);
    let b = socket("127.0.0.1", true);
    let arena = [1, 2, 3];
    a.send(&arena, &[message(0, 3, 0, nobody)]);
    // "Port unreachable" waits in the socket now.
    let sent = a.send(&arena, &[message(0, 3, 0, b.local())]);
    assert_eq!((sent.datagrams, sent.failed), (1, 0));
    a.send_one(&arena, nobody).unwrap();
    a.send_one(&arena, b.local()).unwrap();
    assert_eq!(receive(&b, 6).len(), 2);
    let mut reports = Vec::new();
    a.take_path_reports(&mut reports);
    assert_eq!(reports, [], "no path MTU in these errors");
}

#[test]
fn the_loopback_interface_has_an_mtu() {
    let here = "127.0.0.1".parse().unwrap();
    assert!(path_mtu(here, here, 0).unwrap() >= 1500);
    assert!(path_mtu(here, "::1".parse().unwrap(), 0).is_err());
}

#[test]
fn an_address_of_somebody_else_or_a_taken_port_is_refused_by_kind() {
    let other = "192.0.2.1:4500".parse().unwrap();
    let refusal = open_udp(other, &OPTIONS).unwrap_err();
    assert_eq!(refusal.kind(), io::ErrorKind::AddrNotAvailable);
    let first = socket("127.0.0.1", true);
    let refusal = open_udp(first.local(), &OPTIONS).unwrap_err();
    assert_eq!(refusal.kind(), io::ErrorKind::AddrInUse);
}

#[test]
fn an_event_wakes_until_it_is_cleared() {
    let event = EventFd::new().unwrap();
    let mut poller = Poller::new();
    poller.add(event.descriptor(), 1);
    let mut ready = Vec::new();
    poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
    assert!(ready.is_empty());
    event.signal();
    event.signal();
    poller.wait(&mut ready, None).unwrap();
    assert_eq!((ready[0].token, ready[0].error), (1, false));
    event.clear();
    event.clear();
    poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
    assert!(ready.is_empty());
}

/// Which socket of a group a datagram from `from` comes to.
fn chosen(group: &[UdpSocket], from: &UdpSocket, payload: &[u8]) -> usize {
    from.send_one(payload, group[0].local()).unwrap();
    let mut poller = Poller::new();
    for (socket, token) in group.iter().zip(0..) {
        poller.add(socket.descriptor().unwrap(), token);
    }
    let mut ready = Vec::new();
    poller
        .wait(&mut ready, Some(Duration::from_secs(10)))
        .unwrap();
    assert_eq!(ready.len(), 1, "one socket gets it");
    let index = ready[0].token as usize;
    let mut batch = ReceiveBatch::new(1);
    group[index].receive(&mut batch).unwrap();
    assert_eq!(batch.datagram(0).data, payload);
    index
}

#[test]
fn the_peer_says_which_socket_of_a_group_gets_a_datagram() {
    for (ipv6, address) in [(false, "127.0.0.1"), (true, "::1")] {
        let steering = match Steering::by_source(ipv6) {
            Ok(steering) => steering,
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                eprintln!("not tested: programs in the kernel take CAP_BPF");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let free = std::net::UdpSocket::bind((address, 0)).unwrap();
        let local = free.local_addr().unwrap();
        let refused = open_udp_group(local, &OPTIONS, 3, &steering).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        drop(free);
        let group = open_udp_group(local, &OPTIONS, 3, &steering).unwrap();
        let refused = open_udp(local, &OPTIONS).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse, "nobody slips in");

        let peer = socket(address, true);
        // An SA's packet, a keepalive of one octet, and nothing at all.
        let payloads: [&[u8]; 3] = [&[0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1], &[0xff], &[]];
        for payload in payloads {
            assert_eq!(chosen(&group, &peer, payload), 0, "nobody was told of it");
        }
        for worker in [2, 1] {
            let prefix = Prefix::host(peer.local().ip());
            steering.insert(prefix, worker).unwrap();
            for payload in payloads {
                assert_eq!(chosen(&group, &peer, payload), worker as usize);
            }
        }
        steering.remove(Prefix::host(peer.local().ip())).unwrap();
        steering.insert(Prefix::new(local.ip(), 8), 2).unwrap();
        assert_eq!(chosen(&group, &peer, &[1]), 2);
        // Whichever sends, it comes from the group's port.
        group[1].send_one(&[9], peer.local()).unwrap();
        assert_eq!(receive(&peer, 1)[0].1, local);
    }
}

#[test]
fn what_the_kernel_drops_for_want_of_room_is_counted() {
    let options = SocketOptions {
        buffer: 8192,
        offloads: Offloads::NONE,
        ..OPTIONS
    };
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let local = free.local_addr().unwrap();
    drop(free);
    let small = open_udp(local, &options).unwrap();
    let sender = socket("127.0.0.1", true);
    assert_eq!(small.take_overflowed(), 0);
    let messages = [message(0, 1000, 0, local); 50];
    assert_eq!(sender.send(&[7; 1000], &messages).datagrams, 50);
    let lost = small.take_overflowed();
    let mut batch = ReceiveBatch::new(64);
    let mut arrived = 0;
    while small.receive(&mut batch).is_ok() {
        arrived += batch.len() as u64;
    }
    assert_eq!(lost + arrived, 50);
    assert!(lost > 0);
    assert_eq!(small.take_overflowed(), 0, "told once");
}

#[test]
fn a_call_takes_few_until_more_than_that_wait() {
    let (sender, receiver) = (socket("127.0.0.1", true), socket("127.0.0.1", true));
    let mut batch = ReceiveBatch::new(16);
    let mut taken = |count: usize| {
        let messages = vec![message(0, 100, 0, receiver.local()); count];
        assert_eq!(sender.send(&[7; 100], &messages).datagrams, count as u64);
        let mut calls = Vec::new();
        while receiver.receive(&mut batch).is_ok() {
            calls.push((batch.len(), batch.is_full()));
        }
        calls
    };
    assert_eq!(taken(1), [(1, false)]);
    assert_eq!(taken(25), [(4, true), (16, true), (5, false)]);
    assert_eq!(taken(2), [(2, false)]);
}
