//! What happens when a packet thread meets a defect.
#![allow(clippy::unwrap_used)]

use std::io::{self, IoSlice};
use std::os::fd::RawFd;

use gatewright_io::{EventFd, Poller, TunOffload};

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

fn engine(workers: usize) -> Engine {
    let settings = Settings {
        workers,
        ..Settings::default()
    };
    Engine::new(settings).unwrap()
}

/// Starts a worker whose device never has a frame.
fn idle(engine: &Engine, number: usize) -> JoinHandle<()> {
    let tun = Defective(EventFd::new().unwrap());
    engine.spawn(number, Box::new(tun)).unwrap()
}

#[test]
fn a_defect_stops_the_engine_and_is_told() {
    let engine = engine(3);
    let mut crew = vec![idle(&engine, 0), idle(&engine, 2)];
    let tun = Defective(EventFd::new().unwrap());
    tun.0.signal();
    crew.push(engine.spawn(1, Box::new(tun)).unwrap());
    for thread in crew {
        thread.join().unwrap();
    }

    let mut watch = Poller::new();
    watch.add(engine.event_descriptor(), 0);
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
fn the_threads_end_when_they_are_told_to() {
    let engine = engine(2);
    let crew = [idle(&engine, 0), idle(&engine, 1)];
    engine.shared().links.command_all(Command::Stop);
    for thread in crew {
        thread.join().unwrap();
    }
    assert_eq!(engine.take_events().unwrap(), []);
}
