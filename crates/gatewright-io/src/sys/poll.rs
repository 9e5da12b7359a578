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
    /// There is something in the error queue, or the other end is gone; else, or as well, there is
    /// something to read.
    pub error: bool,
}

/// A few descriptors to wait on.
///
/// poll(2), which enters itself into the queues of those who wait only while it waits.  epoll stands
/// there all the time: while packets flow, and nobody waits, the kernel would still call it for each
/// packet that a socket or the TUN device gets, and for each buffer that is sent and freed.
#[derive(Debug, Default)]
pub struct Poller {
    descriptors: Vec<libc::pollfd>,
    tokens: Vec<u64>,
}

impl Poller {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Empties the set.
    pub fn clear(&mut self) {
        self.descriptors.clear();
        self.tokens.clear();
    }

    /// Waits for `descriptor` as well, which has to stay open while it is in the set.
    pub fn add(&mut self, descriptor: RawFd, token: u64) {
        self.descriptors.push(libc::pollfd {
            fd: descriptor,
            events: libc::POLLIN,
            revents: 0,
        });
        self.tokens.push(token);
    }

    /// Waits until something is ready or `timeout` is over; None waits for ever.  `ready` is
    /// emptied first, and stays empty when a signal interrupts.
    pub fn wait(&mut self, ready: &mut Vec<Ready>, timeout: Option<Duration>) -> io::Result<()> {
        ready.clear();
        // SAFETY: the array is valid for as many descriptors as the call is told.
        let found = check(unsafe {
            libc::poll(
                self.descriptors.as_mut_ptr(),
                self.descriptors.len() as libc::nfds_t,
                milliseconds(timeout),
            )
        });
        match found {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        let polled = self.descriptors.iter().zip(&self.tokens);
        let some = polled.filter(|(descriptor, _)| descriptor.revents != 0);
        ready.extend(some.map(|(descriptor, token)| Ready {
            token: *token,
            error: descriptor.revents & !libc::POLLIN != 0,
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
