//! A TUN device whose host side is two queues.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::RawFd;
use std::sync::{Arc, Mutex};

use super::lock;
use crate::tun::{Tun, TunOffload};

#[derive(Debug, Default)]
struct Queues {
    /// By queue.
    to_engine: Vec<VecDeque<Vec<u8>>>,
    to_host: VecDeque<Vec<u8>>,
    refuse_writes: bool,
}

/// The engine's side.
#[derive(Debug)]
pub struct MemoryTun {
    queues: Arc<Mutex<Queues>>,
    queue: usize,
    offload: TunOffload,
}

/// The host's side.  Frames are a virtio-net header and an IP packet.
#[derive(Debug, Clone)]
pub struct TunHandle {
    queues: Arc<Mutex<Queues>>,
}

impl MemoryTun {
    /// A device with this offload, and its host side.
    pub fn new(offload: TunOffload) -> (Self, TunHandle) {
        let queues = Arc::<Mutex<Queues>>::default();
        lock(&queues).to_engine.push(VecDeque::new());
        let handle = TunHandle {
            queues: Arc::clone(&queues),
        };
        let tun = Self {
            queues,
            queue: 0,
            offload,
        };
        (tun, handle)
    }

    /// One more queue of the device.
    pub fn another_queue(&self) -> Self {
        let mut queues = lock(&self.queues);
        queues.to_engine.push(VecDeque::new());
        Self {
            queues: Arc::clone(&self.queues),
            queue: queues.to_engine.len() - 1,
            offload: self.offload,
        }
    }
}

impl TunHandle {
    /// The host sends a frame into the device's first queue.
    pub fn send(&self, frame: Vec<u8>) {
        self.send_to(0, frame);
    }

    /// The host sends a frame into one of the device's queues.
    pub fn send_to(&self, queue: usize, frame: Vec<u8>) {
        lock(&self.queues).to_engine[queue].push_back(frame);
    }

    /// The next frame that the engine wrote.
    pub fn take(&self) -> Option<Vec<u8>> {
        lock(&self.queues).to_host.pop_front()
    }

    /// From now on the engine's writes fail with ENOBUFS, or work again.
    pub fn refuse_writes(&self, refuse: bool) {
        lock(&self.queues).refuse_writes = refuse;
    }
}

impl Tun for MemoryTun {
    fn read(&mut self, frame: &mut [u8]) -> io::Result<usize> {
        let Some(next) = lock(&self.queues).to_engine[self.queue].pop_front() else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        let len = next.len().min(frame.len());
        frame[..len].copy_from_slice(&next[..len]);
        Ok(len)
    }

    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        let mut queues = lock(&self.queues);
        if queues.refuse_writes {
            return Err(io::Error::from_raw_os_error(libc::ENOBUFS));
        }
        queues.to_host.push_back(parts.concat_octets());
        Ok(())
    }

    fn offload(&self) -> TunOffload {
        self.offload
    }

    fn descriptor(&self) -> Option<RawFd> {
        None
    }
}

trait ConcatOctets {
    fn concat_octets(&self) -> Vec<u8>;
}

impl ConcatOctets for [IoSlice<'_>] {
    fn concat_octets(&self) -> Vec<u8> {
        self.iter().flat_map(|part| part.iter().copied()).collect()
    }
}
