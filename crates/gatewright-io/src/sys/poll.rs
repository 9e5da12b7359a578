//! Waiting for descriptors, and waking a waiter.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use super::check;

/// A counter in the kernel that makes a descriptor readable.
#[derive(Debug)]
pub struct EventFd(OwnedFd);

impl EventFd {
    /// A new one, not readable.
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd() has no memory arguments.
        let fd = check(unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) })?;
        // SAFETY: `fd` was just opened and belongs to no one else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes it readable.  Never blocks.
    pub fn signal(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: the buffer is valid for eight octets.  The one failure, EAGAIN at the counter's
        // end, leaves it readable, which is what was asked.
        let _ = unsafe { libc::write(self.0.as_raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes it unreadable.
    pub fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: the buffer is valid for eight octets.  The one failure is EAGAIN: it was clear.
        let _ = unsafe { libc::read(self.0.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }

    /// The descriptor.
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// One descriptor that has something.
#[derive(Debug, Clone, Copy)]
pub struct Ready {
    /// What was given with the descriptor.
    pub token: u64,
    /// There is something to read.
    pub readable: bool,
    /// There is something in the error queue, or the other end is gone.
    pub error: bool,
}

/// A set of descriptors to wait on (epoll, level-triggered).
#[derive(Debug)]
pub struct Poller(OwnedFd);

/// Descriptors told of by one wait.
const EVENTS: usize = 32;

impl Poller {
    /// An empty set.
    pub fn new() -> io::Result<Self> {
        // SAFETY: epoll_create1() has no memory arguments.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
        // SAFETY: `fd` was just opened and belongs to no one else.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Waits for `descriptor` as well.  It leaves the set by being closed.
    pub fn add(&self, descriptor: RawFd, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: token,
        };
        // SAFETY: `event` is valid for the call; a descriptor that is not open is an error.
        check(unsafe {
            libc::epoll_ctl(
                self.0.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                descriptor,
                &mut event,
            )
        })?;
        Ok(())
    }

    /// Waits until something is ready or `timeout` is over; None waits for ever.  `ready` is
    /// emptied first, and stays empty when a signal interrupts.
    pub fn wait(&self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        ready.clear();
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
        // SAFETY: the array is valid for as many events as the call is told.
        let count = check(unsafe {
            libc::epoll_wait(
                self.0.as_raw_fd(),
                events.as_mut_ptr(),
                EVENTS as libc::c_int,
                milliseconds(timeout),
            )
        });
        let count = match count {
            Ok(count) => usize::try_from(count).unwrap_or(0),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        ready.extend(events.iter().take(count).map(|event| {
            let bits = event.events;
            Ready {
                token: event.u64,
                readable: bits & libc::EPOLLIN as u32 != 0,
                error: bits & (libc::EPOLLERR | libc::EPOLLHUP) as u32 != 0,
            }
        }));
        Ok(())
    }
}

/// Waits until `socket` takes more, at most `timeout`.
pub(crate) fn wait_writable(socket: BorrowedFd<'_>, timeout: Duration) {
    let mut poll = libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: `poll` is one valid pollfd.  The result does not matter: the caller tries to send.
    let _ = unsafe { libc::poll(&mut poll, 1, milliseconds(Some(timeout))) };
}

/// Milliseconds rounded up, -1 for ever.
fn milliseconds(timeout: Option<Duration>) -> libc::c_int {
    timeout.map_or(-1, |timeout| {
        let rounded = timeout.as_micros().div_ceil(1000);
        libc::c_int::try_from(rounded).unwrap_or(libc::c_int::MAX)
    })
}
