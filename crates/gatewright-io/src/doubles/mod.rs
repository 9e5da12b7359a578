//! The system in memory: TUN devices and sockets joined by queues, for tests without privileges.

mod cores;
mod network;
mod tun;

pub use cores::MemoryCores;
pub use network::{MemoryNetwork, MemorySocket};
pub use tun::{MemoryTun, TunHandle};

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A test that panicked elsewhere must not hide its own message behind a poisoned lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
