#![allow(clippy::unwrap_used)]

use std::io::IoSlice;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, Ordering};

use gatewright_io::doubles::MemoryTun;
use gatewright_io::TunOffload;

use super::*;
use crate::settings::Settings;

/// A TUN device by which the tables change once more while the worker takes them over.
struct Changing {
    tun: MemoryTun,
    shared: Arc<Shared>,
    armed: Arc<AtomicBool>,
}

impl Tun for Changing {
    fn read(&mut self, frame: &mut [u8]) -> io::Result<usize> {
        self.tun.read(frame)
    }

    fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<()> {
        self.tun.write(parts)
    }

    fn offload(&self) -> TunOffload {
        self.tun.offload()
    }

    fn descriptor(&self) -> Option<RawFd> {
        if self.armed.swap(false, Ordering::Relaxed) {
            self.shared.use_sockets(Vec::new()).unwrap();
        }
        None
    }
}

#[test]
fn a_change_while_another_is_taken_over_is_not_slept_over() {
    let shared = Arc::new(Shared::new(Settings::default()).unwrap());
    let armed = Arc::<AtomicBool>::default();
    let (tun, _host) = MemoryTun::new(TunOffload::default());
    let tun = Changing {
        tun,
        shared: Arc::clone(&shared),
        armed: Arc::clone(&armed),
    };
    let mut worker = Worker::new(Arc::clone(&shared), 0, Box::new(tun));
    worker.watch();
    let mut ready = Vec::new();
    let mut look = |worker: &mut Worker| {
        let none = Some(Duration::ZERO);
        worker.poller.wait(&mut ready, none).unwrap();
        ready.clone()
    };
    let newest = |worker: &Worker| worker.tables.generation == shared.tables().generation;

    shared.use_sockets(Vec::new()).unwrap();
    armed.store(true, Ordering::Relaxed);
    let woken = look(&mut worker);
    assert_eq!(worker.handle(&woken).unwrap(), Next::Continue);
    assert!(!armed.load(Ordering::Relaxed) && !newest(&worker));
    let woken = look(&mut worker);
    assert_eq!(woken.len(), 1);
    assert_eq!(worker.handle(&woken).unwrap(), Next::Continue);
    assert!(newest(&worker) && look(&mut worker).is_empty());
}
