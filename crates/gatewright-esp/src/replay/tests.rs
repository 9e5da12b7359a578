#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// The window as RFC 4303 section 3.4.3 says it in words.
#[derive(Default)]
struct Reference {
    seen: BTreeSet<u64>,
}

impl Reference {
    fn top(&self) -> u64 {
        self.seen.last().copied().unwrap_or(0)
    }

    fn judge(&self, seq: u64, size: u64) -> Result<(), ReplayError> {
        if seq == 0 {
            Err(ReplayError::Zero)
        } else if seq + size <= self.top() {
            Err(ReplayError::TooOld)
        } else if self.seen.contains(&seq) {
            Err(ReplayError::Duplicate)
        } else {
            Ok(())
        }
    }
}

fn walk() -> impl Strategy<Value = Vec<(i64, bool)>> {
    let step = prop_oneof![4 => -80i64..80, 1 => -5000i64..5000, 1 => 0i64..1];
    prop::collection::vec((step, prop::bool::weighted(0.9)), 1..300)
}

proptest! {
    #[test]
    fn agrees_with_the_reference(start in 1u64..200_000, steps in walk(), size in 1u32..5000, esn: bool) {
        let window = ReplayWindow::new(size, esn);
        let size = u64::from(window.size());
        let mut reference = Reference::default();
        let mut position = i64::try_from(start).unwrap();
        for (step, authentic) in steps {
            position = (position + step).max(0);
            let seq = u64::try_from(position).unwrap();
            let expected = reference.judge(seq, size);
            let checked = window.check(seq as u32);
            match (esn, expected) {
                (false, expected) => prop_assert_eq!(checked.map(|_| ()), expected),
                (true, Ok(())) => prop_assert_eq!(checked, Ok(seq)),
                // With ESN a number left of the window is taken for one of the next subspace,
                // which then fails authentication (appendix A2.2).
                (true, Err(ReplayError::Duplicate)) => prop_assert_eq!(checked, Err(ReplayError::Duplicate)),
                (true, Err(_)) => prop_assert!(checked != Ok(seq)),
            }
            if expected.is_ok() && authentic {
                prop_assert_eq!(window.commit(seq), Ok(()));
                reference.seen.insert(seq);
                prop_assert_eq!(window.commit(seq), Err(ReplayError::Duplicate));
            }
            prop_assert_eq!(window.top(), reference.top());
        }
    }

    #[test]
    fn infers_the_high_half_near_the_top(top in 1u64..(1 << 34), ahead in 1u64..1_000_000, back in 0u64..64) {
        let window = ReplayWindow::new(64, true);
        window.commit(top).unwrap();
        prop_assert_eq!(window.check((top + ahead) as u32), Ok(top + ahead));
        if back > 0 && back < top {
            prop_assert_eq!(window.check((top - back) as u32), Ok(top - back));
        }
    }
}

#[test]
fn crosses_from_one_subspace_to_the_next() {
    let window = ReplayWindow::new(64, true);
    let edge = 1u64 << 32;
    for seq in [edge - 100, edge - 2, edge + 1, edge - 1, edge] {
        assert_eq!(window.check(seq as u32), Ok(seq));
        window.commit(seq).unwrap();
    }
    assert_eq!(window.check(u32::MAX), Err(ReplayError::Duplicate));
}

#[test]
fn without_esn_the_last_number_is_followed_by_none() {
    let window = ReplayWindow::new(64, false);
    window.commit(u64::from(u32::MAX)).unwrap();
    assert_eq!(window.check(1), Err(ReplayError::TooOld));
}

#[test]
fn size_is_brought_into_bounds() {
    for (asked, size) in [(0, 64), (64, 64), (65, 128), (1024, 1024), (9999, 4096)] {
        assert_eq!(ReplayWindow::new(asked, false).size(), size);
    }
}

#[test]
fn of_many_workers_one_records_each_number() {
    const NUMBERS: u64 = 20_000;
    const WORKERS: usize = 4;
    let window = ReplayWindow::new(4096, false);
    let recorded: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let race = || -> Vec<u64> {
            (1..=NUMBERS)
                .filter(|seq| window.check(*seq as u32).is_ok() && window.commit(*seq).is_ok())
                .collect()
        };
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(race)).collect();
        workers.into_iter().map(|w| w.join().unwrap()).collect()
    });
    let mut all = recorded.concat();
    let total = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), total, "no number twice");
    assert_eq!(window.top(), NUMBERS);
}

#[test]
fn a_block_number_that_went_round_is_still_newer() {
    let window = ReplayWindow::new(64, true);
    let round = (1u64 << 37) - 1;
    window.commit(round).unwrap();
    // Three words: this one falls on the same.
    window.commit(round + 96).unwrap();
    assert_eq!(window.commit(round + 96), Err(ReplayError::Duplicate));
    assert_eq!(window.commit(round), Err(ReplayError::TooOld));
    assert_eq!(window.check((round + 40) as u32), Ok(round + 40));
}

/// Either side of the place where the window begins to span two subspaces (RFC 4303 appendix A2.2).
#[test]
fn infers_the_high_half_where_the_window_leaves_the_lower_subspace() {
    let edge = 1u64 << 32;
    for low in [61, 62, 63, 64, 65] {
        let window = ReplayWindow::new(64, true);
        window.commit(edge + low).unwrap();
        let ahead = edge + low + 7;
        assert_eq!(window.check(ahead as u32), Ok(ahead), "{low}");
        let bottom = edge + low - 63;
        assert_eq!(window.check(bottom as u32), Ok(bottom), "{low}");
    }
}

#[test]
fn the_window_is_as_wide_as_it_says() {
    for size in [64u32, 128, 1024, 4096] {
        let window = ReplayWindow::new(size, false);
        window.commit(10_000).unwrap();
        let left = 10_000 - size;
        assert_eq!(window.check(left + 1), Ok(u64::from(left + 1)));
        assert_eq!(window.check(left), Err(ReplayError::TooOld));
        assert_eq!(window.commit(u64::from(left)), Err(ReplayError::TooOld));
    }
}

/// All of these fit into the window whoever comes first, so none may be refused but its copies: by
/// workers that get every number, each in an order of its own, across the end of a subspace.
#[test]
fn of_many_workers_in_any_order_each_number_is_recorded_exactly_once() {
    const NUMBERS: u64 = 4000;
    const WORKERS: u64 = 4;
    let first = (1u64 << 32) - NUMBERS / 2;
    let window = ReplayWindow::new(4096, true);
    window.commit(first - 1).unwrap();
    let recorded: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let race = |worker: u64| {
            let window = &window;
            // Steps without a common divisor with NUMBERS reach every number once.
            let step = [1, 1999, 2001, 3999][worker as usize];
            let order = (0..NUMBERS).map(move |i| first + (i * step + worker * 977) % NUMBERS);
            scope.spawn(move || -> Vec<u64> {
                let mine = order.filter(|seq| {
                    let inferred = window.check(*seq as u32);
                    assert!(
                        matches!(inferred, Err(ReplayError::Duplicate)) || inferred == Ok(*seq)
                    );
                    inferred.is_ok() && window.commit(*seq).is_ok()
                });
                mine.collect()
            })
        };
        let workers: Vec<_> = (0..WORKERS).map(race).collect();
        workers.into_iter().map(|w| w.join().unwrap()).collect()
    });
    let mut all = recorded.concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(first..first + NUMBERS));
    assert_eq!(window.top(), first + NUMBERS - 1);
}
