use super::*;

fn route_answer(kind: u8, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut fixed = [0; ROUTE_LEN];
    fixed[7] = kind;
    build(&fixed, attributes)
}

fn link_answer(kind: u16, flags: libc::c_int, attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut fixed = [0; LINK_LEN];
    fixed[2..4].copy_from_slice(&kind.to_ne_bytes());
    fixed[8..12].copy_from_slice(&flags.to_ne_bytes());
    build(&fixed, attributes)
}

fn neighbour_answer(state: u16, address: &[u8]) -> Vec<u8> {
    let mut fixed = [0; NEIGHBOUR_LEN];
    fixed[8..10].copy_from_slice(&state.to_ne_bytes());
    build(&fixed, &[(NDA_LLADDR, address)])
}

fn build(fixed: &[u8], attributes: &[(u16, &[u8])]) -> Vec<u8> {
    let mut request = Request::new(0, 0, fixed);
    for (kind, value) in attributes {
        request = request.with(*kind, value);
    }
    request.finish()[16..].to_vec()
}

const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 2));
const OIF: (u16, &[u8]) = (RTA_OIF, &[3, 0, 0, 0]);

#[test]
fn a_peer_on_the_link_is_its_own_next_hop() {
    let answer = route_answer(RTN_UNICAST, &[OIF]);
    assert_eq!(parse_route(&answer, PEER), Ok((3, PEER)));
}

#[test]
fn a_router_is_the_next_hop() {
    let router = IpAddr::from([198, 51, 100, 1]);
    let answer = route_answer(RTN_UNICAST, &[OIF, (RTA_GATEWAY, &[198, 51, 100, 1])]);
    assert_eq!(parse_route(&answer, PEER), Ok((3, router)));
}

#[test]
fn routes_of_other_kinds_are_obstacles() {
    const LOCAL: u8 = 2;
    for (kind, attribute, obstacle) in [
        (LOCAL, OIF, Obstacle::NotUnicast),
        (RTN_UNICAST, (RTA_MULTIPATH, &[][..]), Obstacle::SeveralHops),
        (
            RTN_UNICAST,
            (RTA_ENCAP_TYPE, &[1, 0][..]),
            Obstacle::Encapsulated,
        ),
        (RTN_UNICAST, (RTA_VIA, &[10, 0][..]), Obstacle::Encapsulated),
    ] {
        let answer = route_answer(kind, &[OIF, attribute]);
        assert_eq!(parse_route(&answer, PEER), Err(obstacle));
    }
    let nowhere = route_answer(RTN_UNICAST, &[]);
    assert_eq!(parse_route(&nowhere, PEER), Err(Obstacle::NoRoute));
    assert_eq!(parse_route(&[], PEER), Err(Obstacle::NotUnicast));
}

#[test]
fn an_interface_must_be_ethernet_and_up() {
    const UP: libc::c_int = libc::IFF_UP | libc::IFF_RUNNING;
    let attributes: [(u16, &[u8]); 3] = [
        (IFLA_IFNAME, b"wan\0"),
        (IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1]),
        (IFLA_MTU, &[220, 5, 0, 0]),
    ];
    let link = parse_link(&link_answer(ARPHRD_ETHER, UP, &attributes));
    let link = link.map(|link| (link.name, link.address, link.mtu));
    assert_eq!(link, Ok(("wan".to_owned(), [2, 0, 0, 0, 0, 1], 1500)));

    let refused = |kind, flags, more: &[(u16, &[u8])]| {
        let attributes = [&attributes[..], more].concat();
        parse_link(&link_answer(kind, flags, &attributes)).err()
    };
    assert_eq!(refused(512, UP, &[]), Some(Obstacle::NoEthernet));
    for flag in [libc::IFF_LOOPBACK, libc::IFF_NOARP, libc::IFF_POINTOPOINT] {
        let found = refused(ARPHRD_ETHER, UP | flag, &[]);
        assert_eq!(found, Some(Obstacle::NoEthernet));
    }
    let down = refused(ARPHRD_ETHER, libc::IFF_UP, &[]);
    assert_eq!(down, Some(Obstacle::LinkDown));
    let port = refused(ARPHRD_ETHER, UP, &[(IFLA_MASTER, &[9, 0, 0, 0])]);
    assert_eq!(port, Some(Obstacle::Enslaved));
}

#[test]
fn a_neighbour_must_have_a_unicast_address_that_holds() {
    let address = [2, 0, 0, 0, 0, 7];
    for usable in [0x02, 0x04, 0x08, 0x10, 0x80] {
        assert_eq!(
            parse_neighbour(&neighbour_answer(usable, &address)),
            Some(address)
        );
    }
    for unusable in [0x00, 0x01, 0x20, 0x40] {
        assert_eq!(parse_neighbour(&neighbour_answer(unusable, &address)), None);
    }
    for group in [[0xff; 6], [1, 0, 0x5e, 0, 0, 1], [0; 6]] {
        assert_eq!(parse_neighbour(&neighbour_answer(2, &group)), None);
    }
    assert_eq!(parse_neighbour(&neighbour_answer(2, &address[..5])), None);
}

#[test]
fn an_event_names_its_neighbour() {
    let mut fixed = [0; NEIGHBOUR_LEN];
    fixed[4] = 3;
    let body = build(&fixed, &[(NDA_DST, &[203, 0, 113, 2])]);
    assert_eq!(neighbour_of_event(&body), Some((3, PEER)));
    assert_eq!(neighbour_of_event(&fixed), None);
}
