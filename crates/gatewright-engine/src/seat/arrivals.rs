//! On which core packets arrive.

use std::collections::BTreeMap;
use std::time::Duration;

/// Fewer say nothing.
const FEWEST: u64 = 64;
/// The share of them that makes a core a place to go to, and one to stay at.
const MANY: f64 = 0.4;
const ENOUGH: f64 = 0.25;
/// With so many a second a core is busy with them, and no place to wait for one.
const CROWD: f64 = 30_000.0;

/// How many packets each core had received at one time; by number, modulo 2^32.
#[derive(Debug)]
pub(super) struct Arrivals(BTreeMap<usize, u32>);

/// Where to wait for packets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    On(usize),
    /// They are spread, or too many.
    Anywhere,
}

impl Arrivals {
    pub(super) fn new(by_core: BTreeMap<usize, u32>) -> Self {
        Self(by_core)
    }

    /// The first core on which many of the packets arrived `since` then; `near` is where the
    /// thread waits now.  None when too few did to say.
    ///
    /// The first, not the one with most: what a thread writes into the TUN device arrives on its
    /// own core, so that two gateways of one machine would each find most of them at home, and have
    /// to wake one another's core for each packet.  A gateway that is alone, with packets both ways,
    /// finds a third of them at home, and that is not many.
    pub(super) fn place(
        &self,
        before: &Self,
        since: Duration,
        near: Option<usize>,
    ) -> Option<Place> {
        let counts = || {
            self.0.iter().filter_map(|(core, count)| {
                Some((*core, u64::from(count.wrapping_sub(*before.0.get(core)?))))
            })
        };
        let all: u64 = counts().map(|(_, count)| count).sum();
        if all < FEWEST {
            return None;
        }
        let first = counts().find(|(core, count)| {
            let wanted = if near == Some(*core) { ENOUGH } else { MANY };
            *count as f64 >= wanted * all as f64
        });
        let calm = first.filter(|(_, count)| (*count as f64) < CROWD * since.as_secs_f64());
        Some(calm.map_or(Place::Anywhere, |(core, _)| Place::On(core)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(before: &[u32], now: &[u32], near: Option<usize>) -> Option<Place> {
        let arrivals = |counts: &[u32]| Arrivals::new(counts.iter().copied().enumerate().collect());
        arrivals(now).place(&arrivals(before), Duration::from_secs(1), near)
    }

    #[test]
    fn it_is_the_first_core_on_which_many_arrive() {
        let before = [5000, 70, 8];
        assert_eq!(place(&before, &[5010, 170, 18], None), Some(Place::On(1)));
        assert_eq!(place(&before, &[5040, 115, 23], None), Some(Place::On(0)));
        assert_eq!(place(&before, &[5039, 116, 23], None), Some(Place::On(1)));
        let wraps = place(&[0, u32::MAX - 50], &[20, 49], None);
        assert_eq!(wraps, Some(Place::On(1)));
    }

    #[test]
    fn where_it_is_near_fewer_are_enough() {
        assert_eq!(place(&[0, 0], &[39, 61], None), Some(Place::On(1)));
        assert_eq!(place(&[0, 0], &[39, 61], Some(0)), Some(Place::On(0)));
        assert_eq!(place(&[0, 0], &[25, 75], Some(0)), Some(Place::On(0)));
        assert_eq!(place(&[0, 0], &[24, 76], Some(0)), Some(Place::On(1)));
    }

    #[test]
    fn spread_over_many_cores_or_a_crowd_they_are_no_place() {
        assert_eq!(place(&[0; 4], &[25; 4], None), Some(Place::Anywhere));
        let almost = place(&[0, 0], &[29_999, 5], None);
        assert_eq!(almost, Some(Place::On(0)));
        let crowd = place(&[0, 0], &[30_000, 5], Some(0));
        assert_eq!(crowd, Some(Place::Anywhere));
    }

    #[test]
    fn few_or_unknown_ones_say_nothing() {
        assert_eq!(place(&[0, 0], &[63, 0], None), None);
        assert_eq!(place(&[], &[100], None), None);
        assert_eq!(place(&[100], &[], None), None);
    }
}
