use super::*;

const HOP_MAC: u8 = 2;

fn hop(mac: u8) -> Hop {
    Hop {
        interface: 3,
        name: "wan".to_owned(),
        neighbour: peer(254),
        header: [mac; 14],
        mtu: 1500,
    }
}

fn peer(last: u8) -> IpAddr {
    IpAddr::from([203, 0, 113, last])
}

/// Ways with one peer whose way was asked for at the start and shown its packet.
fn known(start: Instant) -> Ways {
    let mut ways = Ways::new(start);
    assert_eq!(ways.turn(peer(2), start), Turn::Ask);
    ways.found(peer(2), Ok(hop(HOP_MAC)), start);
    assert_eq!(ways.turn(peer(2), start), Turn::Show);
    ways
}

fn direct(mac: u8) -> Turn {
    Turn::Direct(Arc::new(hop(mac)))
}

#[test]
fn a_way_is_asked_for_shown_and_taken() {
    let start = Instant::now();
    let mut ways = known(start);
    assert_eq!(ways.turn(peer(2), start), direct(HOP_MAC));
    assert_eq!(ways.describe(), "direct through wan");
}

#[test]
fn a_packet_a_second_takes_the_raw_socket() {
    let start = Instant::now();
    let mut ways = known(start);
    let later = start + SHOWN;
    assert_eq!(
        ways.turn(peer(2), later - Duration::from_millis(1)),
        direct(HOP_MAC)
    );
    assert_eq!(ways.turn(peer(2), later), Turn::Show);
    assert_eq!(ways.turn(peer(2), later), direct(HOP_MAC));
}

#[test]
fn a_way_is_asked_for_again_when_it_is_old() {
    let start = Instant::now();
    let mut ways = known(start);
    assert_eq!(ways.turn(peer(2), start + BELIEVED), Turn::Ask);
}

#[test]
fn after_a_change_no_packet_goes_the_old_way() {
    let start = Instant::now();
    for change in [
        Ways::all_changed as fn(&mut Ways),
        |ways| ways.neighbour_changed(3, peer(254)),
        |ways| ways.refused(peer(2)),
    ] {
        let mut ways = known(start);
        change(&mut ways);
        assert_eq!(ways.turn(peer(2), start), Turn::Raw, "it was just asked");
        assert_eq!(ways.turn(peer(2), start + PAUSE), Turn::Ask);
        ways.found(peer(2), Ok(hop(9)), start + PAUSE);
        assert_eq!(ways.turn(peer(2), start + PAUSE), Turn::Show);
        assert_eq!(ways.turn(peer(2), start + PAUSE), direct(9));
    }
}

#[test]
fn other_neighbours_may_change() {
    let start = Instant::now();
    let mut ways = known(start);
    ways.neighbour_changed(4, peer(254));
    ways.neighbour_changed(3, peer(253));
    assert_eq!(ways.turn(peer(2), start), direct(HOP_MAC));
}

#[test]
fn an_obstacle_is_gone_around_and_looked_at_again() {
    let start = Instant::now();
    let mut ways = Ways::new(start);
    ways.found(peer(2), Err(Obstacle::NoNeighbour), start);
    assert_eq!(ways.turn(peer(2), start), Turn::Raw);
    assert_eq!(ways.turn(peer(2), start + AVOIDED), Turn::Ask);
    ways.neighbour_changed(3, peer(254));
    assert_eq!(
        ways.turn(peer(2), start + PAUSE),
        Turn::Ask,
        "it may be gone"
    );
    assert_eq!(
        ways.describe(),
        "raw socket: the next hop's link address is not known"
    );
}

#[test]
fn questions_have_a_budget() {
    let start = Instant::now();
    let mut ways = Ways::new(start);
    for _ in 0..QUESTIONS {
        assert_eq!(ways.turn(peer(1), start), Turn::Ask);
    }
    assert_eq!(ways.turn(peer(1), start), Turn::Raw);
    let later = start + Duration::from_secs(1);
    assert_eq!(ways.turn(peer(1), later), Turn::Ask);
}

#[test]
fn peers_have_a_bound() {
    let start = Instant::now();
    let mut ways = Ways::new(start);
    let number = |number: usize| IpAddr::from((number as u32).to_be_bytes());
    for index in 0..PEERS {
        ways.found(number(index), Ok(hop(HOP_MAC)), start);
    }
    assert_eq!(ways.turn(number(PEERS), start), Turn::Raw);
    assert_eq!(ways.turn(number(PEERS), start + BELIEVED), Turn::Ask);
}

#[test]
fn the_status_tells_both_kinds() {
    let start = Instant::now();
    let mut ways = known(start);
    ways.found(peer(9), Err(Obstacle::NoEthernet), start);
    assert_eq!(
        ways.describe(),
        "direct through wan; raw socket to 1 of 2 peers: the interface has no Ethernet header"
    );
}
