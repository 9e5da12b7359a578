//! What was decided for recent flows.

use crate::flow::{Flow, Version};

/// Places that a flow can stand in: of 1,000 flows in turn in 4,096 places one in fifty is decided
/// anew each time, where with one place each it is one in five.
const WAYS: usize = 4;

/// A set-associative cache: four places a flow, each flow with an order of its own in which it takes
/// them.  A newcomer gets one that was not used lately, or else its first.  One a worker, no locks.
///
/// A decision holds for one *generation* of the databases it was made from; a search with another
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
    /// Since a newcomer last found all places of the set taken.
    used: bool,
}

/// Where a decision was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot(usize);

impl<T> Place<T> {
    fn is_for(&self, generation: u64, flow: &Flow) -> bool {
        self.generation == generation && self.flow == *flow
    }
}

impl<T: Clone> FlowCache<T> {
    /// `places` is rounded up to a power of two.  With a random `seed` nobody can choose flows
    /// that all fall on one place.
    pub fn new(places: usize, seed: u64) -> Self {
        let places = places.max(WAYS).next_power_of_two();
        Self {
            places: vec![None; places].into_boxed_slice(),
            mask: places - 1,
            seed,
        }
    }

    /// Where the decision for `flow` in this generation stands.
    pub fn find(&self, generation: u64, flow: &Flow) -> Option<Spot> {
        let first = self.first(flow);
        self.search(first, |place| place.is_for(generation, flow))
            .map(Spot)
    }

    /// The decision that stands there: a look that is no use of it.
    pub fn peek(&self, spot: Spot) -> Option<&T> {
        Some(&self.places.get(spot.0)?.as_ref()?.decision)
    }

    /// The decision that was found there, where no newcomer has taken its place since.
    pub fn get(&mut self, spot: Spot, generation: u64, flow: &Flow) -> Option<&T> {
        let place = self.places.get_mut(spot.0)?.as_mut()?;
        if !place.is_for(generation, flow) {
            return None;
        }
        place.used = true;
        Some(&place.decision)
    }

    /// Remembers a decision.
    pub fn put(&mut self, generation: u64, flow: &Flow, decision: T) {
        let first = self.first(flow);
        let place = self
            .search(first, |place| place.flow == *flow)
            .or_else(|| order(first).find(|place| self.places[*place].is_none()))
            .or_else(|| self.search(first, |place| !place.used || place.generation != generation));
        let place = place.unwrap_or_else(|| {
            for place in order(first).skip(1) {
                if let Some(place) = &mut self.places[place] {
                    place.used = false;
                }
            }
            first
        });
        self.places[place] = Some(Place {
            generation,
            flow: *flow,
            decision,
            used: true,
        });
    }

    fn search(&self, first: usize, wanted: impl Fn(&Place<T>) -> bool) -> Option<usize> {
        order(first).find(|place| self.places[*place].as_ref().is_some_and(&wanted))
    }

    /// Forgets everything, so that what the decisions refer to can be freed.
    pub fn clear(&mut self) {
        self.places.fill(None);
    }

    fn first(&self, flow: &Flow) -> usize {
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

/// The places of the set that `first` lies in, from that one.
fn order(first: usize) -> impl Iterator<Item = usize> {
    (0..WAYS).map(move |way| first ^ way)
}
