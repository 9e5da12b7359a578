//! Which worker does the cryptography of which policy.
//!
//! All SAs of a policy are sealed and opened by one worker, their owner.  So the sequence numbers
//! of an SA leave in order, also for a peer whose replay window is 32 packets, and packets of a
//! flow keep their order over a rekey.

use gatewright_spd::SnapshotMap;

/// The owner of each policy.
#[derive(Debug, Clone)]
pub(crate) struct Owners {
    of: SnapshotMap<usize>,
    /// Policies of each worker.
    load: Vec<usize>,
}

impl Default for Owners {
    fn default() -> Self {
        Self::new(1)
    }
}

impl Owners {
    /// Nobody owns anything yet.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            of: SnapshotMap::default(),
            load: vec![0; workers.max(1)],
        }
    }

    /// The owner of a policy; the first worker for an unknown one.
    pub(crate) fn of(&self, policy_id: u32) -> usize {
        self.of.get(policy_id).copied().unwrap_or(0)
    }

    /// Whether the policy has an owner, as each that protects does while it is in the SPD.
    pub(crate) fn knows(&self, policy_id: u32) -> bool {
        self.of.get(policy_id).is_some()
    }

    /// The owner of a policy from now on: the one it has, else who has the fewest.
    pub(crate) fn assign(&mut self, policy_id: u32) -> usize {
        if let Some(owner) = self.of.get(policy_id) {
            return *owner;
        }
        let workers = self.load.iter().enumerate();
        let owner = workers.min_by_key(|(_, load)| **load).map_or(0, |(w, _)| w);
        self.load[owner] += 1;
        self.of.insert(policy_id, owner);
        owner
    }

    /// Nobody owns the policy any more.
    pub(crate) fn forget(&mut self, policy_id: u32) {
        if let Some(owner) = self.of.remove(policy_id) {
            self.load[owner] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_spread_evenly_and_stay() {
        let mut owners = Owners::new(4);
        let first: Vec<_> = [70, 3, 9, 4].map(|policy| owners.assign(policy)).into();
        assert_eq!(first, [0, 1, 2, 3]);
        assert_eq!(owners.assign(9), 2, "it has one");
        assert!(owners.knows(3));
        owners.forget(3);
        owners.forget(3);
        assert!(!owners.knows(3));
        assert_eq!(owners.assign(11), 1, "who has the fewest");
        assert_eq!(owners.of(70), 0);
        assert_eq!(owners.of(12345), 0);
    }

    #[test]
    fn one_worker_owns_everything() {
        let mut owners = Owners::new(0);
        assert_eq!((owners.assign(1), owners.assign(2)), (0, 0));
    }
}
