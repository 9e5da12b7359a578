//! A limit on how often something is done.

/// A token bucket over engine time in milliseconds.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: u64,
    /// Thousandths of a token.
    most: u64,
    left: u64,
    last: u64,
}

impl RateLimit {
    /// `per_second` times a second on average, `at_once` in a burst.
    pub(crate) fn new(per_second: u64, at_once: u64) -> Self {
        let most = at_once.saturating_mul(1000);
        Self {
            per_second,
            most,
            left: most,
            last: 0,
        }
    }

    /// Whether once more is allowed at `now`.
    pub(crate) fn allow(&mut self, now: u64) -> bool {
        let since = now.saturating_sub(self.last);
        self.last = now;
        let gained = since.saturating_mul(self.per_second);
        self.left = self.left.saturating_add(gained).min(self.most);
        match self.left.checked_sub(1000) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_the_rate() {
        let mut limit = RateLimit::new(10, 3);
        let at = |limit: &mut RateLimit, now| (0..5).filter(|_| limit.allow(now)).count();
        assert_eq!(at(&mut limit, 0), 3);
        assert_eq!(at(&mut limit, 99), 0);
        assert_eq!(at(&mut limit, 100), 1);
        assert_eq!(at(&mut limit, 300), 2);
        assert_eq!(at(&mut limit, 1_000_000), 3);
    }
}
