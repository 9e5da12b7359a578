//! A map from 32-bit numbers that is cheap to copy and to change, for snapshots.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// How many parts a map has; a change copies one of them.
const PARTS: usize = 128;

type Part<T> = HashMap<u32, T, BuildHasherDefault<NumberHasher>>;

/// A map by SPI (the SAD of RFC 4301 section 4.4.2) or by policy number.
///
/// A clone shares everything; a change copies the 128th part that it falls into, so that ten
/// thousand SAs can be installed one after the other, each with a snapshot of its own.
#[derive(Debug, Clone)]
pub struct SnapshotMap<T> {
    parts: Box<[Arc<Part<T>>]>,
}

impl<T> Default for SnapshotMap<T> {
    fn default() -> Self {
        let empty = Arc::<Part<T>>::default();
        Self {
            parts: vec![empty; PARTS].into_boxed_slice(),
        }
    }
}

impl<T> SnapshotMap<T> {
    /// What stands under `number`.
    pub fn get(&self, number: u32) -> Option<&T> {
        self.parts[part(number)].get(&number)
    }

    /// All values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().flat_map(|part| part.values())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.is_empty())
    }
}

impl<T: Clone> SnapshotMap<T> {
    /// Puts one in; gives back what stood there.
    pub fn insert(&mut self, number: u32, value: T) -> Option<T> {
        Arc::make_mut(&mut self.parts[part(number)]).insert(number, value)
    }

    /// Takes one out.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        self.get(number)?;
        Arc::make_mut(&mut self.parts[part(number)]).remove(&number)
    }
}

/// Fibonacci hashing.  The numbers are our own choice: a peer can ask for any SPI, but not put
/// one in, and so not make them collide.
fn spread(number: u32) -> u64 {
    u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn part(number: u32) -> usize {
    (spread(number) >> 32) as usize % PARTS
}

#[derive(Debug, Clone, Copy, Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u32(u32::from(*octet));
        }
    }

    fn write_u32(&mut self, number: u32) {
        // hashbrown takes the bucket from the low bits and a tag from the high ones.
        self.0 = spread(number ^ self.0 as u32).rotate_left(24);
    }
}
