//! The SPD against a slow reference, the snapshot map and the flow cache.
#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use gatewright_spd::{
    Action, Entry, Fit, Flow, FlowCache, Lookup, Selector, SelectorError, Selectors, SnapshotMap,
    Spd, Version,
};
use proptest::prelude::*;

const ANY_PORT: (u16, u16) = (0, u16::MAX);

fn v4(address: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(address))
}

fn v6(address: u128) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(address))
}

fn any_v4() -> Selector {
    Selector::new(v4(0), v4(u32::MAX), 0, ANY_PORT).unwrap()
}

fn flow(source: u32, destination: u32, protocol: u8, ports: Option<(u16, u16)>) -> Flow {
    Flow {
        version: Version::V4,
        protocol,
        source: source.into(),
        destination: destination.into(),
        ports,
        opaque: false,
    }
}

fn entry(id: u32, local: Vec<Selector>, remote: Vec<Selector>) -> Entry {
    Entry {
        id,
        action: Action::Protect,
        selectors: Selectors::new(local, remote),
    }
}

fn id(lookup: Lookup<'_>) -> Option<(u32, bool)> {
    match lookup {
        Lookup::Entry(entry) => Some((entry.id, true)),
        Lookup::PortsUnknown(entry) => Some((entry.id, false)),
        Lookup::Nothing => None,
    }
}

#[test]
fn the_first_entry_wins_and_none_is_none() {
    let web = Selector::new(v4(10), v4(20), 6, (80, 80)).unwrap();
    let net = Selector::new(v4(10), v4(30), 0, ANY_PORT).unwrap();
    let spd = Spd::new(vec![
        entry(1, vec![any_v4()], vec![web]),
        entry(2, vec![any_v4()], vec![net]),
    ]);
    let find = |flow: &Flow| id(spd.lookup_outbound(flow));
    assert_eq!(find(&flow(1, 15, 6, Some((999, 80)))), Some((1, true)));
    assert_eq!(find(&flow(1, 15, 6, Some((999, 81)))), Some((2, true)));
    assert_eq!(find(&flow(1, 25, 17, Some((999, 80)))), Some((2, true)));
    assert_eq!(find(&flow(1, 31, 6, Some((999, 80)))), None);
    assert_eq!(find(&flow(1, 9, 6, Some((999, 80)))), None);
}

#[test]
fn a_opaque_is_not_taken_for_a_later_entry() {
    let web = Selector::new(v4(10), v4(20), 6, (80, 80)).unwrap();
    let net = Selector::new(v4(10), v4(30), 0, ANY_PORT).unwrap();
    let spd = Spd::new(vec![
        entry(1, vec![any_v4()], vec![web]),
        entry(2, vec![any_v4()], vec![net]),
    ]);
    let fragment = |protocol| Flow {
        opaque: true,
        ..flow(1, 15, protocol, None)
    };
    assert_eq!(id(spd.lookup_outbound(&fragment(6))), Some((1, false)));
    assert_eq!(id(spd.lookup_outbound(&fragment(17))), Some((2, true)));
}

#[test]
fn versions_do_not_mix() {
    let low_v6 = Selector::new(v6(0), v6(100), 0, ANY_PORT).unwrap();
    let selectors = Selectors::new(vec![low_v6], vec![low_v6]);
    assert_eq!(selectors.fit_outbound(&flow(1, 2, 6, None)), Fit::Outside);
    assert_eq!(
        Selector::new(v4(0), v6(1), 0, ANY_PORT),
        Err(SelectorError::MixedVersions)
    );
    assert_eq!(
        Selector::new(v4(1), v4(0), 0, ANY_PORT),
        Err(SelectorError::Empty)
    );
}

#[test]
fn inbound_is_outbound_mirrored() {
    let here = Selector::new(v4(1), v4(5), 0, ANY_PORT).unwrap();
    let there = Selector::new(v4(10), v4(20), 6, (80, 80)).unwrap();
    let selectors = Selectors::new(vec![here], vec![there]);
    assert_eq!(
        selectors.fit_outbound(&flow(3, 15, 6, Some((5, 80)))),
        Fit::Inside
    );
    assert_eq!(
        selectors.fit_inbound(&flow(15, 3, 6, Some((80, 5)))),
        Fit::Inside
    );
    assert_eq!(
        selectors.fit_inbound(&flow(3, 15, 6, Some((5, 80)))),
        Fit::Outside
    );
}

#[test]
fn a_snapshot_keeps_what_later_changes_do_not_touch() {
    let mut map = SnapshotMap::default();
    for spi in (256..100_000u32).step_by(7) {
        assert_eq!(map.insert(spi, spi), None);
    }
    let snapshot = map.clone();
    assert_eq!(map.remove(256), Some(256));
    assert_eq!(map.insert(263, 1), Some(263));
    assert_eq!((map.get(256), map.get(263)), (None, Some(&1)));
    assert_eq!(map.len() + 1, snapshot.len());
    assert!((256..100_000).all(|spi| snapshot.get(spi).is_some() == ((spi - 256) % 7 == 0)));
    assert_eq!(snapshot.values().count(), snapshot.len());
}

fn got<T: Copy + PartialEq + std::fmt::Debug>(
    cache: &mut FlowCache<T>,
    generation: u64,
    flow: &Flow,
) -> Option<T> {
    let spot = cache.find(generation, flow)?;
    let found = cache.peek(spot).copied();
    assert!(found.is_some());
    assert_eq!(cache.get(spot, generation, flow).copied(), found);
    found
}

#[test]
fn what_was_found_is_gone_when_a_newcomer_has_its_place() {
    let mut cache = FlowCache::new(4, 42);
    let flows: Vec<_> = (0..5).map(|number| flow(number, 2, 6, None)).collect();
    for flow in &flows[..4] {
        cache.put(7, flow, flow.source);
    }
    let spots: Vec<_> = flows[..4]
        .iter()
        .map(|flow| cache.find(7, flow).unwrap())
        .collect();
    cache.put(7, &flows[4], flows[4].source);
    let left = flows
        .iter()
        .zip(spots)
        .filter(|(flow, spot)| cache.get(*spot, 7, flow).copied() == Some(flow.source))
        .count();
    assert_eq!(left, 3);
}

#[test]
fn a_decision_dies_with_its_generation() {
    let mut cache = FlowCache::new(100, 42);
    let one = flow(1, 2, 6, Some((3, 4)));
    cache.put(7, &one, "protect");
    assert_eq!(got(&mut cache, 7, &one), Some("protect"));
    assert_eq!(got(&mut cache, 8, &one), None);
    assert_eq!(got(&mut cache, 7, &flow(1, 2, 6, Some((3, 5)))), None);
    cache.clear();
    assert_eq!(got(&mut cache, 7, &one), None);
}

/// How many of these flows have to be decided when they come in turn, round after round.
fn misses(cache: &mut FlowCache<u32>, flows: std::ops::Range<u32>) -> usize {
    let mut misses = 0;
    for _ in 0..10 {
        for number in flows.clone() {
            let flow = flow(number, 2, 17, Some((number as u16, 4500)));
            if got(cache, 7, &flow).is_none() {
                misses += 1;
                cache.put(7, &flow, number);
            }
        }
    }
    misses - flows.len()
}

#[test]
fn flows_in_turn_keep_their_places_beside_those_that_are_no_more() {
    let mut cache = FlowCache::new(4096, 42);
    for past in 0..20 {
        let flows = past * 1000..(past + 1) * 1000;
        // Of 9,000; with one place for each flow it would be one in five.
        let misses = misses(&mut cache, flows);
        assert!(misses < 500, "{misses} of the {past}th thousand");
    }
}

prop_compose! {
    fn any_selector()(
        ends in (0u32..40, 0u32..40),
        top in any::<bool>(),
        protocol in prop_oneof![Just(0u8), Just(6), Just(17)],
        ports in prop_oneof![Just(ANY_PORT), Just((80, 90)), Just((0, 84))],
    ) -> Selector {
        let (low, high) = (ends.0.min(ends.1), ends.0.max(ends.1));
        let high = if top { u32::MAX } else { high };
        Selector::new(v4(low), v4(high), protocol, ports).unwrap()
    }
}

prop_compose! {
    fn any_flow()(
        source in 0u32..42,
        destination in prop_oneof![0u32..42, Just(u32::MAX)],
        protocol in prop_oneof![Just(6u8), Just(17), Just(50)],
        ports in (78u16..92, 78u16..92),
        opaque in any::<bool>(),
    ) -> Flow {
        let ports = (!opaque && protocol != 50).then_some(ports);
        Flow { opaque, ..flow(source, destination, protocol, ports) }
    }
}

/// RFC 4301 in its plainest form: one entry after the other.
fn reference(entries: &[Entry], flow: &Flow) -> Option<(u32, bool)> {
    entries
        .iter()
        .find_map(|entry| match entry.selectors.fit_outbound(flow) {
            Fit::Inside => Some((entry.id, true)),
            Fit::PortsUnknown => Some((entry.id, false)),
            Fit::Outside => None,
        })
}

proptest! {
    #[test]
    fn a_map_holds_what_was_put_in_and_not_taken_out(
        // Few numbers, so that many fall into one part and are replaced.
        steps in prop::collection::vec((0u32..600, any::<bool>()), 0..600),
    ) {
        let mut map = SnapshotMap::default();
        let mut model = std::collections::BTreeMap::new();
        for (value, (number, put)) in steps.into_iter().enumerate() {
            let number = number.wrapping_mul(0x0101_0101);
            if put {
                prop_assert_eq!(map.insert(number, value), model.insert(number, value));
            } else {
                prop_assert_eq!(map.remove(number), model.remove(&number));
            }
            prop_assert_eq!(map.get(number), model.get(&number));
        }
        prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
        prop_assert!(model.iter().all(|(number, value)| map.get(*number) == Some(value)));
        let mut values: Vec<_> = map.values().copied().collect();
        values.sort_unstable();
        let mut expected: Vec<_> = model.into_values().collect();
        expected.sort_unstable();
        prop_assert_eq!(values, expected);
    }

    #[test]
    fn a_cache_gives_the_last_decision_or_none(
        steps in prop::collection::vec((0u64..3, 0u32..40, any::<bool>()), 0..300),
        seed in any::<u64>(),
    ) {
        let mut cache = FlowCache::new(8, seed);
        let mut last = std::collections::HashMap::new();
        for (decision, (generation, number, put)) in steps.into_iter().enumerate() {
            let flow = flow(number, 2, 6, Some((3, 4)));
            if put {
                cache.put(generation, &flow, decision);
                last.insert(number, (generation, decision));
                prop_assert_eq!(got(&mut cache, generation, &flow), Some(decision));
            } else if let Some(found) = got(&mut cache, generation, &flow) {
                prop_assert_eq!(last.get(&number), Some(&(generation, found)));
            }
        }
    }

    #[test]
    fn the_index_finds_what_trying_every_entry_finds(
        sides in prop::collection::vec(
            (
                prop::collection::vec(any_selector(), 0..3),
                prop::collection::vec(any_selector(), 0..4),
            ),
            0..20,
        ),
        flows in prop::collection::vec(any_flow(), 50),
    ) {
        let entries: Vec<Entry> = (1u32..)
            .zip(sides)
            .map(|(id, (local, remote))| entry(id, local, remote))
            .collect();
        let spd = Spd::new(entries.clone());
        for flow in flows {
            prop_assert_eq!(id(spd.lookup_outbound(&flow)), reference(&entries, &flow));
        }
    }
}
