//! The room that a socket has in the kernel.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::fast_path::Standing;
use crate::sys::{dropped_unread, option, try_option};

/// Large buffers: over the system's limit with CAP_NET_ADMIN, else up to it.  What came of it.
pub(super) fn set_buffers(socket: BorrowedFd<'_>, octets: u32) -> Standing {
    let asked = libc::c_int::try_from(octets).unwrap_or(libc::c_int::MAX);
    let mut granted = octets;
    for (force, plain, read) in [
        (libc::SO_RCVBUFFORCE, libc::SO_RCVBUF, libc::SO_RCVBUF),
        (libc::SO_SNDBUFFORCE, libc::SO_SNDBUF, libc::SO_SNDBUF),
    ] {
        if !try_option(socket, libc::SOL_SOCKET, force, asked) {
            try_option(socket, libc::SOL_SOCKET, plain, asked);
        }
        // The kernel says twice what it was asked for: it counts its own administration (socket(7)).
        let said = option(socket, libc::SOL_SOCKET, read).unwrap_or(0);
        granted = granted.min(u32::try_from(said / 2).unwrap_or(0));
    }
    standing(granted, octets)
}

/// What a socket lost before it was read, as far as somebody has asked.
#[derive(Debug, Default)]
pub(super) struct Overflow {
    told: AtomicU32,
}

impl Overflow {
    /// Datagrams since the last call.  A kernel that does not count says none.
    pub(super) fn take(&self, socket: BorrowedFd<'_>) -> u64 {
        let Ok(now) = dropped_unread(socket) else {
            return 0;
        };
        let before = self.told.swap(now, Ordering::Relaxed);
        now.wrapping_sub(before).into()
    }
}

fn standing(granted: u32, asked: u32) -> Standing {
    if granted < asked {
        Standing::Small { granted, asked }
    } else {
        Standing::InUse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_asked_is_said_in_numbers() {
        assert_eq!(standing(16, 16), Standing::InUse);
        let small = standing(212_992, 16 << 20);
        assert!(small.to_string().contains("212992 octets of 16777216"));
    }
}
