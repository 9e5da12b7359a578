//! What is known of the paths to the peers (RFC 4301 section 8.2).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long a learnt path MTU holds, in milliseconds: ten minutes (RFC 1191 section 6.3).
const LEARNT_FOR: u64 = 600_000;
/// The least MTU that is believed: below it is an attack or a mistake (RFC 8200 section 5).  For
/// IPv4 it is what Linux believes (net.ipv4.route.min_pmtu): anybody can make the system take a
/// path for that narrow with a forged ICMP error, and then it refuses whatever is larger.
const LEAST_V4: u32 = 552;
const LEAST_V6: u32 = 1280;
/// When the system does not know either: Ethernet.
const UNKNOWN: u32 = 1500;

/// The path to one peer.  Shared by all SAs to it and by all workers.
#[derive(Debug)]
pub(crate) struct Path {
    remote: IpAddr,
    /// The interface's MTU, or what the system had learnt before.
    system: AtomicU32,
    learnt: AtomicU32,
    /// Milliseconds of engine time at which `learnt` ends.
    learnt_until: AtomicU64,
}

impl Path {
    fn new(remote: IpAddr) -> Self {
        Self {
            remote,
            system: AtomicU32::new(UNKNOWN),
            learnt: AtomicU32::new(0),
            learnt_until: AtomicU64::new(0),
        }
    }

    /// Octets of the largest outer packet now.
    pub(crate) fn mtu(&self, now: u64) -> usize {
        let system = self.system.load(Ordering::Relaxed);
        let mtu = if now < self.learnt_until.load(Ordering::Relaxed) {
            system.min(self.learnt.load(Ordering::Relaxed))
        } else {
            system
        };
        mtu as usize
    }

    fn least(&self) -> u32 {
        if self.remote.is_ipv4() {
            LEAST_V4
        } else {
            LEAST_V6
        }
    }

    /// No report makes a path wider (RFC 8201 section 4): only time does.
    fn learn(&self, mtu: u32, now: u64) {
        let mtu = mtu.max(self.least());
        if mtu as usize > self.mtu(now) {
            return;
        }
        self.learnt.store(mtu, Ordering::Relaxed);
        self.learnt_until
            .store(now.saturating_add(LEARNT_FOR), Ordering::Relaxed);
    }
}

/// All paths, by local and remote address.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    known: Mutex<HashMap<(IpAddr, IpAddr), Arc<Path>>>,
}

impl Paths {
    /// The path between two addresses; `system_mtu` is what the system says of it now.
    pub(crate) fn between(
        &self,
        local: IpAddr,
        remote: IpAddr,
        system_mtu: Option<u32>,
    ) -> Arc<Path> {
        let mut known = self.lock();
        // Paths that no SA uses any more are forgotten here.
        known.retain(|_, path| Arc::strong_count(path) > 1);
        let path = known
            .entry((local, remote))
            .or_insert_with(|| Arc::new(Path::new(remote)));
        if let Some(mtu) = system_mtu {
            path.system.store(mtu.max(path.least()), Ordering::Relaxed);
        }
        Arc::clone(path)
    }

    /// The network said how large packets to `remote` may be.
    pub(crate) fn learn(&self, remote: IpAddr, mtu: u32, now: u64) {
        for path in self.lock().values().filter(|path| path.remote == remote) {
            path.learn(mtu, now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(IpAddr, IpAddr), Arc<Path>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap_or(IpAddr::from([0, 0, 0, 0]))
    }

    #[test]
    fn what_was_learnt_ages() {
        let paths = Paths::default();
        let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
        let path = paths.between(here, there, Some(1500));
        paths.learn(there, 1400, 1000);
        assert_eq!(path.mtu(1000), 1400);
        assert_eq!(path.mtu(1000 + LEARNT_FOR - 1), 1400);
        assert_eq!(path.mtu(1000 + LEARNT_FOR), 1500);
    }

    #[test]
    fn an_absurd_mtu_is_not_believed() {
        let paths = Paths::default();
        for (here, there, least) in [
            ("192.0.2.1", "192.0.2.2", 552),
            ("2001:db8::1", "2001:db8::2", 1280),
        ] {
            let path = paths.between(address(here), address(there), Some(9000));
            paths.learn(address(there), 68, 0);
            assert_eq!(path.mtu(0), least);
        }
    }

    #[test]
    fn a_report_makes_no_path_wider() {
        let paths = Paths::default();
        let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
        let path = paths.between(here, there, Some(1500));
        paths.learn(there, 60_000, 0);
        assert_eq!(path.mtu(0), 1500);
        paths.learn(there, 1400, 0);
        paths.learn(there, 1450, 1);
        paths.learn(there, 60_000, 1);
        assert_eq!(path.mtu(1), 1400);
        assert_eq!(path.mtu(LEARNT_FOR), 1500, "and none of them made it last");
    }

    #[test]
    fn the_same_ends_share_a_path_and_unused_ones_go() {
        let paths = Paths::default();
        let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
        let path = paths.between(here, there, None);
        assert!(Arc::ptr_eq(&path, &paths.between(here, there, None)));
        drop(path);
        paths.between(here, address("192.0.2.3"), None);
        assert_eq!(paths.lock().len(), 1);
    }
}
