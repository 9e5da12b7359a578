//! What finding a policy and an SA costs, with few and with thousands of tunnels.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;
use std::net::IpAddr;

use criterion::{criterion_group, criterion_main, Criterion};
use gatewright_spd::{
    Action, Entry, Flow, FlowCache, Lookup, Selector, Selectors, SnapshotMap, Spd, Version,
};

const TUNNELS: [u32; 3] = [1, 1_000, 10_000];

fn network(first: u32) -> Selector {
    let address = |number: u32| IpAddr::V4(number.into());
    Selector::new(address(first), address(first + 255), 0, (0, u16::MAX)).unwrap()
}

/// The remote network of a tunnel: 10.0.0.0/24 and those behind it.
fn remote(tunnel: u32) -> u32 {
    0x0a00_0000 + (tunnel << 8)
}

fn entries(count: u32) -> Vec<Entry> {
    (0..count)
        .map(|id| Entry {
            id,
            action: Action::Protect,
            selectors: Selectors::new(vec![network(0xc0a8_0a00)], vec![network(remote(id))]),
        })
        .collect()
}

/// The same from the other end: all tunnels have the far network in common.
fn mirrored(entries: Vec<Entry>) -> Vec<Entry> {
    let turn = |entry: Entry| Entry {
        selectors: Selectors::new(
            entry.selectors.remote().to_vec(),
            entry.selectors.local().to_vec(),
        ),
        ..entry
    };
    entries.into_iter().map(turn).collect()
}

fn flow(tunnel: u32) -> Flow {
    Flow {
        version: Version::V4,
        protocol: 6,
        source: 0xc0a8_0a05,
        destination: u128::from(remote(tunnel) + 5),
        ports: Some((40_000, 443)),
        opaque: false,
    }
}

/// Each call asks for another tunnel.
fn in_turn(count: u32) -> impl FnMut() -> u32 {
    let mut last = 0;
    move || {
        last = (last + 7_919) % count;
        last
    }
}

fn lookup(c: &mut Criterion) {
    let mut group = c.benchmark_group("lookup_outbound");
    for count in TUNNELS {
        let spd = Spd::new(entries(count));
        let mut next = in_turn(count);
        group.bench_function(count.to_string(), |b| {
            b.iter(|| matches!(spd.lookup_outbound(&flow(next())), Lookup::Entry(_)));
        });
        let spd = Spd::new(mirrored(entries(count)));
        let mut next = in_turn(count);
        group.bench_function(format!("mirrored/{count}"), |b| {
            b.iter(|| {
                let flow = flow(next());
                let back = Flow {
                    source: flow.destination,
                    destination: flow.source,
                    ..flow
                };
                matches!(spd.lookup_outbound(&back), Lookup::Entry(_))
            });
        });
    }
}

fn replace(c: &mut Criterion) {
    let mut group = c.benchmark_group("replace_policies");
    for count in TUNNELS {
        let entries = entries(count);
        group.bench_function(count.to_string(), |b| b.iter(|| Spd::new(entries.clone())));
    }
}

fn cache(c: &mut Criterion) {
    let mut group = c.benchmark_group("flow_cache");
    for count in TUNNELS {
        let mut cache = FlowCache::new(4096, 1);
        let mut next = in_turn(count);
        group.bench_function(count.to_string(), |b| {
            b.iter(|| {
                let tunnel = next();
                let flow = flow(tunnel);
                let known = cache.find(1, &flow);
                if known.and_then(|spot| cache.get(spot, 1, &flow)).is_none() {
                    cache.put(1, &flow, tunnel);
                }
            });
        });
    }
}

fn associations(c: &mut Criterion) {
    let mut group = c.benchmark_group("associations");
    for count in TUNNELS {
        let mut map = SnapshotMap::default();
        for spi in 0..count {
            map.insert(0x1000 + spi, spi);
        }
        let mut next = in_turn(count);
        group.bench_function(format!("get/{count}"), |b| {
            b.iter(|| map.get(black_box(0x1000 + next())).copied());
        });
        group.bench_function(format!("change/{count}"), |b| {
            b.iter(|| {
                let mut newer = map.clone();
                newer.insert(0x1000 + next(), 7);
                newer
            });
        });
    }
}

criterion_group!(benches, lookup, replace, cache, associations);
criterion_main!(benches);
