//! A map from 32-bit numbers that is cheap to copy and to change, for snapshots.

use std::sync::Arc;

/// How many parts a map has; a change copies one of them.
const PARTS: usize = 128;

/// A map by SPI (the SAD of RFC 4301 section 4.4.2) or by policy number.
///
/// A clone shares everything; a change copies the 128th part that it falls into, so that ten
/// thousand SAs can be installed one after the other, each with a snapshot of its own.
#[derive(Debug, Clone)]
pub struct SnapshotMap<T> {
    parts: Box<[Part<T>]>,
}

/// One part: a table with open addressing, at least half of it free, so that a search ends in the
/// cache line in which it begins.
#[derive(Debug)]
struct Part<T>(Arc<[Option<(u32, T)>]>);

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for SnapshotMap<T> {
    fn default() -> Self {
        let empty = Part(Arc::new([None]));
        Self {
            parts: vec![empty; PARTS].into_boxed_slice(),
        }
    }
}

impl<T> SnapshotMap<T> {
    /// What stands under `number`.
    pub fn get(&self, number: u32) -> Option<&T> {
        self.parts[part(number)].get(number)
    }

    /// All values, in no order.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        let entries = self.parts.iter().flat_map(Part::entries);
        entries.map(|(_, value)| value)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts.iter().map(|part| part.entries().count()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values().next().is_none()
    }
}

impl<T: Clone> SnapshotMap<T> {
    /// Puts one in; gives back what stood there.
    pub fn insert(&mut self, number: u32, value: T) -> Option<T> {
        let part = &mut self.parts[part(number)];
        let before = part.get(number).cloned();
        *part = part.with(number, Some(value));
        before
    }

    /// Takes one out.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let part = &mut self.parts[part(number)];
        let before = part.get(number).cloned()?;
        *part = part.with(number, None);
        Some(before)
    }
}

impl<T> Part<T> {
    fn get(&self, number: u32) -> Option<&T> {
        let found = self.0[self.place(number)].as_ref();
        found.map(|(_, value)| value)
    }

    /// Where `number` stands, or would stand.
    fn place(&self, number: u32) -> usize {
        let last = self.0.len() - 1;
        let mut place = start(number) & last;
        while self.0[place]
            .as_ref()
            .is_some_and(|(other, _)| *other != number)
        {
            place = (place + 1) & last;
        }
        place
    }

    fn entries(&self) -> impl Iterator<Item = &(u32, T)> {
        self.0.iter().flatten()
    }
}

impl<T: Clone> Part<T> {
    /// A copy in which this stands under `number`.
    fn with(&self, number: u32, value: Option<T>) -> Self {
        let others = self.entries().filter(|(other, _)| *other != number);
        let entries: Vec<_> = others
            .cloned()
            .chain(value.map(|new| (number, new)))
            .collect();
        let mut part = Self(vec![None; (2 * entries.len() + 1).next_power_of_two()].into());
        for entry in entries {
            let place = part.place(entry.0);
            if let Some(places) = Arc::get_mut(&mut part.0) {
                places[place] = Some(entry);
            }
        }
        part
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

/// Where in its part a number is looked for first: by other bits than those that chose the part.
fn start(number: u32) -> usize {
    (spread(number) >> 39) as usize
}
