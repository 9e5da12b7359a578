//! Every answer of the system, without the system.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;

use super::*;

/// Gives prepared answers, and records what it was asked to send.
#[derive(Default)]
struct Scripted {
    answers: RefCell<VecDeque<Result<usize, i32>>>,
    asked: RefCell<Vec<(usize, usize, usize)>>,
    fragmented: Cell<u32>,
    waited: Cell<u32>,
}

impl Scripted {
    fn new(answers: &[Result<usize, i32>]) -> Self {
        Self {
            answers: RefCell::new(answers.iter().copied().collect()),
            ..Self::default()
        }
    }
}

impl Outlet for Scripted {
    fn send(&self, messages: &[Outgoing]) -> io::Result<usize> {
        let first = messages[0];
        self.asked
            .borrow_mut()
            .push((first.start, first.len, first.segment));
        let answer = self.answers.borrow_mut().pop_front();
        answer
            .unwrap_or(Ok(messages.len()))
            .map_err(io::Error::from_raw_os_error)
    }

    fn send_fragmented(&self, _message: &Outgoing) -> io::Result<()> {
        self.fragmented.set(self.fragmented.get() + 1);
        Ok(())
    }

    fn wait(&self) {
        self.waited.set(self.waited.get() + 1);
    }
}

fn message(start: usize, len: usize, segment: usize) -> Outgoing {
    Outgoing {
        start,
        len,
        segment,
        to: SocketAddr::from(([192, 0, 2, 1], 4500)),
        tos: 0,
        fragment: false,
    }
}

fn send(outlet: &Scripted, messages: &[Outgoing]) -> (Sent, bool) {
    let segmentation = Segmentation::new(Standing::InUse);
    let sent = send_all(outlet, messages, &segmentation);
    (sent, segmentation.in_use())
}

#[test]
fn what_was_taken_partly_goes_on_after_it() {
    let outlet = Scripted::new(&[Ok(2), Ok(1)]);
    let messages = [message(0, 100, 10), message(100, 5, 0), message(105, 5, 0)];
    let (sent, _) = send(&outlet, &messages);
    assert_eq!(sent.datagrams, 12);
    assert_eq!(*outlet.asked.borrow(), [(0, 100, 10), (105, 5, 0)]);
}

#[test]
fn without_offload_in_the_device_datagrams_go_one_by_one_from_then_on() {
    let outlet = Scripted::new(&[Err(libc::EIO)]);
    let (sent, segmentation) = send(&outlet, &[message(0, 25, 10)]);
    assert!(!segmentation && sent.lost_segmentation);
    assert_eq!(sent.datagrams, 3);
    let single = [(0, 25, 10), (0, 10, 0), (10, 10, 0), (20, 5, 0)];
    assert_eq!(*outlet.asked.borrow(), single);
}

/// Messages that were joined before the loss was known, and a second worker's.
#[test]
fn a_loss_is_told_once() {
    let segmentation = Segmentation::new(Standing::InUse);
    for told in [true, false] {
        let outlet = Scripted::new(&[Err(libc::EIO), Ok(1), Ok(1), Err(libc::EIO)]);
        let messages = [message(0, 20, 10), message(20, 20, 10)];
        let sent = send_all(&outlet, &messages, &segmentation);
        assert_eq!((sent.datagrams, sent.lost_segmentation), (4, told));
        assert_eq!(segmentation.standing(), Standing::Lost(libc::EIO));
    }
}

#[test]
fn segments_over_the_path_mtu_are_tried_one_by_one_and_offload_stays() {
    for refusal in [libc::EINVAL, libc::EMSGSIZE] {
        let outlet = Scripted::new(&[
            Err(refusal),
            Err(libc::EMSGSIZE),
            Err(libc::EMSGSIZE),
            Ok(1),
        ]);
        let (sent, segmentation) = send(&outlet, &[message(0, 25, 10)]);
        assert!(segmentation);
        assert_eq!((sent.too_big, sent.datagrams), (2, 1));
    }
}

#[test]
fn a_full_buffer_is_waited_for_and_then_given_up() {
    let outlet = Scripted::new(&[Err(libc::EAGAIN), Err(libc::ENOBUFS), Ok(1)]);
    let (sent, _) = send(&outlet, &[message(0, 5, 0)]);
    assert_eq!((sent.datagrams, outlet.waited.get()), (1, 2));

    let outlet = Scripted::new(&[Err(libc::EAGAIN); WAITS as usize + 1]);
    let (sent, _) = send(&outlet, &[message(0, 5, 0), message(5, 5, 0)]);
    assert_eq!((sent.no_buffer, sent.datagrams), (1, 1));
    assert_eq!(outlet.waited.get(), WAITS);
}

#[test]
fn an_earlier_packets_error_does_not_cost_this_one() {
    let outlet = Scripted::new(&[Err(libc::ECONNREFUSED), Ok(1)]);
    assert_eq!(send(&outlet, &[message(0, 5, 0)]).0.datagrams, 1);
    let outlet = Scripted::new(&[Err(libc::EHOSTUNREACH), Err(libc::EHOSTUNREACH), Ok(1)]);
    let (sent, _) = send(&outlet, &[message(0, 5, 0), message(5, 5, 0)]);
    assert_eq!((sent.failed, sent.datagrams), (1, 1));
}

#[test]
fn an_interrupted_call_is_repeated() {
    let outlet = Scripted::new(&[Err(libc::EINTR), Ok(1)]);
    assert_eq!(send(&outlet, &[message(0, 5, 0)]).0.datagrams, 1);
}

#[test]
fn what_is_to_be_fragmented_goes_in_its_turn() {
    let outlet = Scripted::default();
    let fragmented = Outgoing {
        fragment: true,
        ..message(5, 5, 0)
    };
    let messages = [message(0, 5, 0), fragmented, message(10, 5, 0)];
    let (sent, _) = send(&outlet, &messages);
    assert_eq!((sent.datagrams, outlet.fragmented.get()), (3, 1));
    assert_eq!(*outlet.asked.borrow(), [(0, 5, 0), (10, 5, 0)]);
}
