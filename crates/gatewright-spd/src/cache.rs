//! What was decided for recent flows.

use crate::flow::{Flow, Version};

/// A direct-mapped cache: one place a flow, the newcomer wins.  One a worker, no locks.
///
/// A decision holds for one *generation* of the databases it was made from; `get` with another
/// finds nothing, so that a change needs no sweep.
#[derive(Debug)]
pub struct FlowCache<T> {
    places: Box<[Option<Place<T>>]>,
    mask: usize,
    seed: u64,
}

#[derive(Debug, Clone)]
struct Place<T> {
    generation: u64,
    flow: Flow,
    decision: T,
}

impl<T: Clone> FlowCache<T> {
    /// `places` is rounded up to a power of two.  With a random `seed` nobody can choose flows
    /// that all fall on one place.
    pub fn new(places: usize, seed: u64) -> Self {
        let places = places.max(1).next_power_of_two();
        Self {
            places: vec![None; places].into_boxed_slice(),
            mask: places - 1,
            seed,
        }
    }

    /// The decision for `flow` in this generation.
    pub fn get(&self, generation: u64, flow: &Flow) -> Option<&T> {
        let place = self.places[self.place(flow)].as_ref()?;
        (place.generation == generation && place.flow == *flow).then_some(&place.decision)
    }

    /// Remembers a decision.
    pub fn put(&mut self, generation: u64, flow: &Flow, decision: T) {
        let place = self.place(flow);
        self.places[place] = Some(Place {
            generation,
            flow: *flow,
            decision,
        });
    }

    /// Forgets everything, so that what the decisions refer to can be freed.
    pub fn clear(&mut self) {
        self.places.fill(None);
    }

    fn place(&self, flow: &Flow) -> usize {
        let mut hash = self.seed;
        let mut mix = |word: u64| {
            hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            hash ^= hash >> 29;
        };
        if flow.version == Version::V4 {
            mix((flow.source as u64) << 32 | flow.destination as u64);
        } else {
            for address in [flow.source, flow.destination] {
                mix(address as u64);
                mix((address >> 64) as u64);
            }
        }
        let (source_port, destination_port) = flow.ports.unwrap_or_default();
        mix(u64::from(flow.protocol) << 32
            | u64::from(source_port) << 16
            | u64::from(destination_port));
        hash as usize & self.mask
    }
}
