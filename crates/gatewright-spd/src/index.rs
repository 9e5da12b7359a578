//! Which SPD entries may select a packet, by its addresses.
//!
//! The destinations of all entries cut the address space into intervals; for each interval stand
//! the entries that reach into it, in SPD order.  A look-up is one binary search and a short list,
//! also with ten thousand tunnels.  Where these have one destination in common, the list of the
//! source is the short one: there are both, and a look-up takes the shorter.

use crate::flow::{Flow, Version};
use crate::policy::Entry;
use crate::selector::{Selector, Selectors};

/// Lists longer than this in all are not worth their memory: these addresses say nothing then.
const MAX_CANDIDATES: usize = 1 << 20;

/// The intervals of both ends and IP versions.
#[derive(Debug, Default)]
pub(crate) struct AddressIndex {
    v4: Ends,
    v6: Ends,
}

#[derive(Debug, Default)]
struct Ends {
    local: Intervals,
    remote: Intervals,
}

impl AddressIndex {
    pub(crate) fn new(entries: &[Entry]) -> Self {
        let ends = |version| Ends {
            local: Intervals::new(entries, version, Selectors::local),
            remote: Intervals::new(entries, version, Selectors::remote),
        };
        Self {
            v4: ends(Version::V4),
            v6: ends(Version::V6),
        }
    }

    /// Positions of the entries that may select a flow that leaves, ascending; None: any may.
    pub(crate) fn candidates(&self, flow: &Flow) -> Option<&[u32]> {
        let ends = match flow.version {
            Version::V4 => &self.v4,
            Version::V6 => &self.v6,
        };
        let remote = ends.remote.candidates(flow.destination);
        if remote.is_some_and(|list| list.len() <= 1) {
            return remote;
        }
        let local = ends.local.candidates(flow.source);
        [remote, local]
            .into_iter()
            .flatten()
            .min_by_key(|list| list.len())
    }
}

#[derive(Debug, Default)]
struct Intervals {
    /// Where each interval begins, ascending; it ends before the next.  Before the first: nobody.
    begins: Box<[u128]>,
    /// Where each interval's list begins in `positions`, and at the end its length.
    lists: Box<[u32]>,
    positions: Box<[u32]>,
    gave_up: bool,
}

impl Intervals {
    fn new(entries: &[Entry], version: Version, side: Side) -> Self {
        let ranges = ranges(entries, version, side);
        let mut begins: Vec<u128> = ranges.iter().map(|range| range.first).collect();
        begins.extend(ranges.iter().filter_map(|range| range.last.checked_add(1)));
        begins.sort_unstable();
        begins.dedup();

        // One sweep over the intervals, with the ranges that are open in each.
        let mut opening = ranges;
        opening.sort_unstable_by_key(|range| range.first);
        let mut opening = opening.into_iter().peekable();
        let mut open: Vec<Range> = Vec::new();
        let mut lists = Vec::with_capacity(begins.len() + 1);
        let mut positions: Vec<u32> = Vec::new();
        for begin in &begins {
            open.retain(|range| range.last >= *begin);
            while let Some(range) = opening.next_if(|range| range.first <= *begin) {
                open.push(range);
            }
            let from = positions.len();
            if from + open.len() > MAX_CANDIDATES {
                return Self {
                    gave_up: true,
                    ..Self::default()
                };
            }
            lists.push(from as u32);
            let mut here: Vec<u32> = open.iter().map(|range| range.position).collect();
            here.sort_unstable();
            here.dedup();
            positions.extend(here);
        }
        lists.push(positions.len() as u32);
        Self {
            begins: begins.into_boxed_slice(),
            lists: lists.into_boxed_slice(),
            positions: positions.into_boxed_slice(),
            gave_up: false,
        }
    }

    fn candidates(&self, address: u128) -> Option<&[u32]> {
        if self.gave_up {
            return None;
        }
        let after = self.begins.partition_point(|begin| *begin <= address);
        let Some(interval) = after.checked_sub(1) else {
            return Some(&[]);
        };
        let (from, to) = (self.lists[interval], self.lists[interval + 1]);
        Some(&self.positions[from as usize..to as usize])
    }
}

/// One side of an entry's selectors.
type Side = fn(&Selectors) -> &[Selector];

struct Range {
    first: u128,
    last: u128,
    position: u32,
}

fn ranges(entries: &[Entry], version: Version, side: Side) -> Vec<Range> {
    let mut ranges = Vec::new();
    for (position, entry) in (0u32..).zip(entries) {
        for selector in side(&entry.selectors) {
            if selector.version == version {
                ranges.push(Range {
                    first: selector.first,
                    last: selector.last,
                    position,
                });
            }
        }
    }
    ranges
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::policy::Action;

    const TUNNELS: u32 = 10_000;

    fn range(first: u32, last: u32) -> Vec<Selector> {
        let address = |number: u32| IpAddr::V4(number.into());
        vec![Selector::new(address(first), address(last), 0, (0, u16::MAX)).unwrap()]
    }

    fn index(sides: impl Fn(u32) -> (Vec<Selector>, Vec<Selector>)) -> AddressIndex {
        let entries: Vec<Entry> = (0..TUNNELS)
            .map(|id| {
                let (local, remote) = sides(id);
                Entry {
                    id,
                    action: Action::Protect,
                    selectors: Selectors::new(local, remote),
                }
            })
            .collect();
        AddressIndex::new(&entries)
    }

    fn candidates(index: &AddressIndex, source: u32, destination: u32) -> Option<&[u32]> {
        index.candidates(&Flow {
            version: Version::V4,
            protocol: 6,
            source: source.into(),
            destination: destination.into(),
            ports: Some((1, 2)),
            opaque: false,
        })
    }

    #[test]
    fn one_entry_is_left_whichever_side_the_tunnels_have_in_common() {
        let own = |id: u32| range(id << 8, id << 8 | 255);
        let common = || range(u32::MAX - 255, u32::MAX);
        let hub = index(|id| (common(), own(id)));
        let branches = index(|id| (own(id), common()));
        for id in [0, 4321, TUNNELS - 1] {
            assert_eq!(candidates(&hub, u32::MAX, id << 8), Some(&[id][..]));
            assert_eq!(candidates(&branches, id << 8, u32::MAX), Some(&[id][..]));
        }
        assert_eq!(candidates(&branches, TUNNELS << 8, u32::MAX), Some(&[][..]));
    }

    #[test]
    fn a_side_whose_lists_are_too_long_says_nothing() {
        // Each begins behind the one before and ends with all: 50 million candidates.
        let nested = |id: u32| range(id, u32::MAX);
        let one = index(|id| (range(id, id), nested(id)));
        assert_eq!(candidates(&one, 77, u32::MAX), Some(&[77][..]));
        let both = index(|id| (nested(id), nested(id)));
        assert_eq!(candidates(&both, u32::MAX, u32::MAX), None);
    }
}
