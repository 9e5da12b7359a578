//! What the kernel is told of the owners, so that most packets reach theirs directly.
//!
//! The TUN device's queue is chosen by the destination network of a policy, the UDP socket by the
//! peer.  Nothing rests on it: a packet that comes to another worker, because two policies have one
//! destination network or one peer, because the table is full or the kernel cannot do this, is
//! handed over.  What counts is that packets of one flow take one way, so that they stay in order:
//! an entry does not change while it stands.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

use gatewright_io::{Prefix, Steering};
use gatewright_spd::{Action, Spd};

use crate::owners::Owners;

/// Prefixes of networks that are told: some less than the kernel's table takes.
const MOST_NETWORKS: usize = 30_000;

/// The kernel's tables.
#[derive(Debug)]
pub(crate) struct KernelTables {
    pub(crate) tun: Steering,
    pub(crate) udp_v4: Steering,
    pub(crate) udp_v6: Steering,
}

impl KernelTables {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            tun: Steering::by_destination()?,
            udp_v4: Steering::by_source(false)?,
            udp_v6: Steering::by_source(true)?,
        })
    }

    pub(crate) fn udp(&self, local: IpAddr) -> &Steering {
        if local.is_ipv4() {
            &self.udp_v4
        } else {
            &self.udp_v6
        }
    }
}

/// What was told, and to whom.
#[derive(Debug, Default)]
pub(crate) struct Guide {
    networks: HashMap<Prefix, usize>,
    /// How many pairs lead to each peer.
    peers: HashMap<IpAddr, usize>,
}

impl Guide {
    /// The SPD changed.
    pub(crate) fn replace_networks(
        &mut self,
        kernel: Option<&KernelTables>,
        spd: &Spd,
        owners: &Owners,
    ) {
        let networks = networks(spd, owners);
        if let Some(kernel) = kernel {
            for prefix in self.networks.keys() {
                if !networks.contains_key(prefix) {
                    let _ = kernel.tun.remove(*prefix);
                }
            }
            for (prefix, owner) in &networks {
                if self.networks.get(prefix) != Some(owner) {
                    tell(&kernel.tun, *prefix, *owner);
                }
            }
        }
        self.networks = networks;
    }

    /// A pair with `remote` comes into use.
    pub(crate) fn add_pair(&mut self, kernel: Option<&KernelTables>, remote: IpAddr, owner: usize) {
        let pairs = self.peers.entry(remote).or_insert(0);
        *pairs += 1;
        if let (1, Some(kernel)) = (*pairs, kernel) {
            tell(kernel.udp(remote), Prefix::host(remote), owner);
        }
    }

    /// A pair with `remote` is gone.
    pub(crate) fn remove_pair(&mut self, kernel: Option<&KernelTables>, remote: IpAddr) {
        let Some(pairs) = self.peers.get_mut(&remote) else {
            return;
        };
        *pairs -= 1;
        if *pairs == 0 {
            self.peers.remove(&remote);
            if let Some(kernel) = kernel {
                let _ = kernel.udp(remote).remove(Prefix::host(remote));
            }
        }
    }
}

fn tell(steering: &Steering, prefix: Prefix, worker: usize) {
    // When the table is full the first worker gets the packet and hands it over.
    let _ = steering.insert(prefix, u32::try_from(worker).unwrap_or(0));
}

/// The destination networks of what is protected; of several policies with the same, the first has
/// precedence, as in the SPD.
fn networks(spd: &Spd, owners: &Owners) -> HashMap<Prefix, usize> {
    let mut networks = HashMap::new();
    for entry in spd.entries() {
        if entry.action != Action::Protect {
            continue;
        }
        let owner = owners.of(entry.id);
        for selector in entry.selectors.remote() {
            for (address, bits) in selector.prefixes() {
                if networks.len() == MOST_NETWORKS {
                    return networks;
                }
                networks.entry(Prefix::new(address, bits)).or_insert(owner);
            }
        }
    }
    networks
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gatewright_spd::{Entry, Selector, Selectors};

    use super::*;

    fn network(text: &str, last: &str) -> Selector {
        let ports = (0, u16::MAX);
        Selector::new(text.parse().unwrap(), last.parse().unwrap(), 0, ports).unwrap()
    }

    fn entry(id: u32, action: Action, remote: Selector) -> Entry {
        let local = network("192.168.0.0", "192.168.255.255");
        Entry {
            id,
            action,
            selectors: Selectors::new(vec![local], vec![remote]),
        }
    }

    #[test]
    fn each_network_leads_to_the_owner_of_its_first_policy() {
        let mut owners = Owners::new(2);
        let b = network("10.20.0.0", "10.20.255.255");
        let c = network("10.30.0.0", "10.30.255.255");
        let spd = Spd::new(vec![
            entry(1, Action::Protect, b),
            entry(2, Action::Protect, c),
            entry(3, Action::Protect, b),
            entry(4, Action::Discard, network("10.40.0.0", "10.40.0.0")),
        ]);
        for policy in 1..=3 {
            owners.assign(policy);
        }
        let networks = networks(&spd, &owners);
        let at = |text: &str| networks.get(&Prefix::new(text.parse().unwrap(), 16));
        assert_eq!((at("10.20.0.0"), at("10.30.0.0")), (Some(&0), Some(&1)));
        assert_eq!(networks.len(), 2);
    }

    #[test]
    fn a_peer_is_known_as_long_as_it_has_a_pair() {
        let mut guide = Guide::default();
        let peer = IpAddr::from([203, 0, 113, 2]);
        guide.add_pair(None, peer, 1);
        guide.add_pair(None, peer, 3);
        guide.remove_pair(None, peer);
        assert_eq!(guide.peers.get(&peer), Some(&1));
        guide.remove_pair(None, peer);
        guide.remove_pair(None, peer);
        assert!(guide.peers.is_empty());
    }
}
