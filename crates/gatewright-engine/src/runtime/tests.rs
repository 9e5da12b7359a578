//! What happens when the packet thread meets a defect.
#![allow(clippy::unwrap_used)]

use std::io::{self, IoSlice};
use std::os::fd::RawFd;

use gatewright_io::{EventFd, TunOffload};

use super::*;

/// A device whose first frame finds a defect in the engine.
struct Defective(EventFd);

impl Tun for Defective {
    fn read(&mut self, _frame: &mut [u8]) -> io::Result<usize> {
        panic!("the defect");
    }

    fn write(&mut self, _parts: &[IoSlice<'_>]) -> io::Result<()> {
        Ok(())
    }

    fn offload(&self) -> TunOffload {
        TunOffload::default()
    }

    fn descriptor(&self) -> Option<RawFd> {
        Some(self.0.descriptor())
    }
}

#[test]
fn a_defect_stops_the_engine_and_is_told() {
    let engine = Engine::new(Settings::default()).unwrap();
    let tun = Defective(EventFd::new().unwrap());
    tun.0.signal();
    let poller = Arc::new(Poller::new().unwrap());
    poller.add(tun.0.descriptor(), TUN_TOKEN).unwrap();
    let thread = engine.spawn(Box::new(tun), Arc::clone(&poller)).unwrap();
    thread.join().unwrap();

    let watch = Poller::new().unwrap();
    watch.add(engine.event_descriptor(), 0).unwrap();
    let mut ready = Vec::new();
    watch.wait(&mut ready, Some(Duration::ZERO)).unwrap();
    assert_eq!(ready.len(), 1, "the control plane is woken");
    let told = engine.take_events().unwrap_err().to_string();
    assert!(told.contains("stopped: the defect; "), "{told}");
    assert_eq!(engine.take_events().unwrap(), [], "told once");
    assert_eq!(engine.shared().counters().get(Count::WorkersStopped), 1);
    let stopped = ("stopped".to_owned(), "the defect".to_owned());
    assert!(engine.features().contains(&stopped));
}

#[test]
fn the_thread_ends_when_it_is_told_to() {
    let engine = Engine::new(Settings::default()).unwrap();
    let poller = Arc::new(Poller::new().unwrap());
    let wake = engine.shared().worker.wake.descriptor();
    poller.add(wake, WAKE_TOKEN).unwrap();
    let tun = Defective(EventFd::new().unwrap());
    let thread = engine.spawn(Box::new(tun), poller).unwrap();
    engine.shared().command(Command::Stop);
    thread.join().unwrap();
    assert_eq!(engine.take_events().unwrap(), []);
}
