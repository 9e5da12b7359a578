//! Which SPD entries may select a packet, by its destination.
//!
//! The destinations of all entries cut the address space into intervals; for each interval stand
//! the entries that reach into it, in SPD order.  A look-up is one binary search and a short list,
//! also with ten thousand tunnels.

use crate::flow::Version;
use crate::policy::Entry;

/// Lists longer than this in all are not worth their memory: fall back to trying every entry.
const MAX_CANDIDATES: usize = 1 << 20;

/// The intervals of both IP versions.
#[derive(Debug, Default)]
pub(crate) struct RemoteIndex {
    v4: Intervals,
    v6: Intervals,
}

impl RemoteIndex {
    pub(crate) fn new(entries: &[Entry]) -> Self {
        Self {
            v4: Intervals::new(entries, Version::V4),
            v6: Intervals::new(entries, Version::V6),
        }
    }

    /// Positions of the entries that may select `destination`, ascending; None: any may.
    pub(crate) fn candidates(&self, version: Version, destination: u128) -> Option<&[u32]> {
        match version {
            Version::V4 => self.v4.candidates(destination),
            Version::V6 => self.v6.candidates(destination),
        }
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
    fn new(entries: &[Entry], version: Version) -> Self {
        let ranges = ranges(entries, version);
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

    fn candidates(&self, destination: u128) -> Option<&[u32]> {
        if self.gave_up {
            return None;
        }
        let after = self.begins.partition_point(|begin| *begin <= destination);
        let Some(interval) = after.checked_sub(1) else {
            return Some(&[]);
        };
        let (from, to) = (self.lists[interval], self.lists[interval + 1]);
        Some(&self.positions[from as usize..to as usize])
    }
}

struct Range {
    first: u128,
    last: u128,
    position: u32,
}

fn ranges(entries: &[Entry], version: Version) -> Vec<Range> {
    let mut ranges = Vec::new();
    for (position, entry) in (0u32..).zip(entries) {
        for selector in entry.selectors.remote() {
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
