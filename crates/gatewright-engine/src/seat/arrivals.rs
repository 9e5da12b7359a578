//! On which core packets arrive.

use std::collections::BTreeMap;
use std::time::Duration;

/// Fewer say nothing.
const FEWEST: u64 = 64;
/// The shares of them that a core has which clearly has most, and one that has many.
const MOST: f64 = 0.55;
const MANY: f64 = 0.4;
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

    /// The core on which clearly most packets arrived `since` then, or else the first on which many
    /// did.  None when too few came to say.
    ///
    /// What a thread writes into the TUN device arrives on its own core.  So two gateways of one
    /// machine may each find half of the packets at home, and have to wake one another's core for
    /// each, unless both go to the same.  A gateway that is alone, with packets both ways, finds a
    /// third at home, and that is not many.
    pub(super) fn place(&self, before: &Self, since: Duration) -> Option<Place> {
        let counts = || {
            self.0.iter().filter_map(|(core, count)| {
                Some((*core, u64::from(count.wrapping_sub(*before.0.get(core)?))))
            })
        };
        let all: u64 = counts().map(|(_, count)| count).sum();
        if all < FEWEST {
            return None;
        }
        let with = |share| counts().find(|(_, count)| *count as f64 >= share * all as f64);
        let found = with(MOST).or_else(|| with(MANY));
        let calm = found.filter(|(_, count)| (*count as f64) < CROWD * since.as_secs_f64());
        Some(calm.map_or(Place::Anywhere, |(core, _)| Place::On(core)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(before: &[u32], now: &[u32]) -> Option<Place> {
        let arrivals = |counts: &[u32]| Arrivals::new(counts.iter().copied().enumerate().collect());
        arrivals(now).place(&arrivals(before), Duration::from_secs(1))
    }

    #[test]
    fn it_is_the_core_on_which_clearly_most_arrive() {
        assert_eq!(place(&[500, 70], &[545, 126]), Some(Place::On(1)));
        assert_eq!(place(&[5000, 70, 8], &[5010, 170, 18]), Some(Place::On(1)));
        let wraps = place(&[0, u32::MAX - 50], &[20, 49]);
        assert_eq!(wraps, Some(Place::On(1)));
    }

    #[test]
    fn where_two_have_many_it_is_the_first() {
        assert_eq!(place(&[500, 70], &[546, 124]), Some(Place::On(0)));
        let before = [7, 5000, 70];
        assert_eq!(place(&before, &[25, 5041, 111]), Some(Place::On(1)));
        assert_eq!(place(&before, &[37, 5029, 111]), Some(Place::On(2)));
    }

    #[test]
    fn spread_over_many_cores_or_a_crowd_they_are_no_place() {
        assert_eq!(place(&[0; 4], &[25; 4]), Some(Place::Anywhere));
        assert_eq!(place(&[0, 0], &[29_999, 5]), Some(Place::On(0)));
        assert_eq!(place(&[0, 0], &[30_000, 5]), Some(Place::Anywhere));
    }

    #[test]
    fn few_or_unknown_ones_say_nothing() {
        assert_eq!(place(&[0, 0], &[63, 0]), None);
        assert_eq!(place(&[], &[100]), None);
        assert_eq!(place(&[100], &[]), None);
    }
}
