//! The inbound half of the security association database.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Inbound SAs by their SPI.
///
/// The SPIs in it are random and our own choice, so one multiplication spreads them; a peer can
/// ask for any SPI but not put one in.
#[derive(Debug, Clone)]
pub struct Sad<T> {
    by_spi: HashMap<u32, T, BuildHasherDefault<SpiHasher>>,
}

impl<T> Default for Sad<T> {
    fn default() -> Self {
        Self {
            by_spi: HashMap::default(),
        }
    }
}

impl<T> Sad<T> {
    /// The SA of an SPI.
    pub fn get(&self, spi: u32) -> Option<&T> {
        self.by_spi.get(&spi)
    }

    /// Puts one in; gives back the one that had this SPI.
    pub fn insert(&mut self, spi: u32, sa: T) -> Option<T> {
        self.by_spi.insert(spi, sa)
    }

    /// Takes one out.
    pub fn remove(&mut self, spi: u32) -> Option<T> {
        self.by_spi.remove(&spi)
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.by_spi.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_spi.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_spi.is_empty()
    }
}

/// Fibonacci hashing of one 32-bit number.
#[derive(Debug, Clone, Copy, Default)]
struct SpiHasher(u64);

impl Hasher for SpiHasher {
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
        let product = (self.0 ^ u64::from(number)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product.rotate_left(32);
    }
}
