//! A packet socket with a transmit ring (packet(7), PACKET_TX_RING).
//!
//! Frames are laid into memory that is shared with the kernel, and one system call sends them all.
//! Unlike sendmmsg it does not offer the processor to others after each of them.
//!
//! The kernel could take the frames by reference to these pages, and does so unless told otherwise.
//! A frame that ends in a socket of the same machine (virtual Ethernet, a bridge) then costs new
//! pages and a second copy on its way, and each layer that looks at a header has to fetch it first.
//! The header of PACKET_VNET_HDR says how much of a frame to copy at once; it says: all.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::check;
use super::option::{set_option, try_option};
use super::poll::wait_writable;
use crate::tun::VNET_HEADER_LEN;

/// `TPACKET_V2` of linux/if_packet.h.
const TPACKET_V2: libc::c_int = 1;
/// Octets of a slot before what is sent: `struct tpacket2_hdr`, aligned.
const SLOT_HEADER: usize = 32;
/// Octets of a slot before the frame: a `struct virtio_net_hdr` as well.
const FRAME_AT: usize = SLOT_HEADER + VNET_HEADER_LEN;
/// Where in the latter `hdr_len` stands: the octets to copy.
const COPY_LENGTH_AT: usize = SLOT_HEADER + 2;
/// Where `tp_len` stands, the length of the offload header and the frame; `tp_status` stands first.
const LENGTH_AT: usize = 4;
/// Octets of a block, which is contiguous in the kernel's memory.
const BLOCK: usize = 1 << 16;

/// `tp_status`: the slot is ours.
const AVAILABLE: u32 = 0;
/// It is to be sent.
const SEND_REQUEST: u32 = 1;
/// The kernel does not like it, and left it where it is.
const WRONG_FORMAT: u32 = 4;

/// The ring.
#[derive(Debug)]
pub(crate) struct TransmitRing {
    socket: OwnedFd,
    memory: NonNull<u8>,
    slot: usize,
    slots: usize,
    /// The slot that the kernel looks at next.
    next: usize,
}

// SAFETY: the memory belongs to this value alone, like a box's.
unsafe impl Send for TransmitRing {}

impl TransmitRing {
    /// Octets of the largest frame of any ring.
    pub(crate) const LONGEST_FRAME: usize = BLOCK - FRAME_AT;

    /// A ring of `slots` slots for frames of up to `frame` octets, whose packets have a mark.
    ///
    /// Fails with [`io::ErrorKind::PermissionDenied`] without CAP_NET_RAW.
    pub(crate) fn open(frame: usize, slots: usize, mark: u32, buffer: u32) -> io::Result<Self> {
        let slot = (frame + FRAME_AT).next_power_of_two().clamp(2048, BLOCK);
        let slots = slots.next_multiple_of(BLOCK / slot);
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // Protocol 0: it receives nothing.
        // SAFETY: socket() has no memory arguments.
        let fd = check(unsafe { libc::socket(libc::AF_PACKET, kind, 0) })?;
        // SAFETY: `fd` was just opened and belongs to no one else.
        let socket = unsafe { OwnedFd::from_raw_fd(fd) };
        if mark != 0 {
            let mark = libc::c_int::from_ne_bytes(mark.to_ne_bytes());
            set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_MARK, mark)?;
        }
        let buffer = libc::c_int::try_from(buffer).unwrap_or(libc::c_int::MAX);
        if !try_option(
            socket.as_fd(),
            libc::SOL_SOCKET,
            libc::SO_SNDBUFFORCE,
            buffer,
        ) {
            try_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, buffer);
        }
        set_option(
            socket.as_fd(),
            libc::SOL_PACKET,
            libc::PACKET_VERSION,
            TPACKET_V2,
        )?;
        set_option(socket.as_fd(), libc::SOL_PACKET, libc::PACKET_VNET_HDR, 1)?;
        let memory = map(&socket, slot, slots)?;
        Ok(Self {
            socket,
            memory,
            slot,
            slots,
            next: 0,
        })
    }

    /// Octets of the largest frame of this one.
    pub(crate) fn longest_frame(&self) -> usize {
        self.slot - FRAME_AT
    }

    /// Sends frames, each a header and a packet, through an interface, in order, as many as there
    /// is room for; how many the system took, at least one.
    ///
    /// Fails with EAGAIN when all slots are still on their way and none
    /// becomes free within `patience`, else with what the system said of the first frame.
    pub(crate) fn send<'a>(
        &mut self,
        interface: u32,
        header: &[u8],
        packets: impl Iterator<Item = &'a [u8]>,
        patience: Duration,
    ) -> io::Result<usize> {
        let mut laid = 0;
        for packet in packets.take(self.slots) {
            if !self.is_free(laid) && (laid > 0 || !self.wait_free(patience)) {
                break;
            }
            if header.len() + packet.len() > self.longest_frame() {
                break;
            }
            self.lay(laid, header, packet);
            laid += 1;
        }
        if laid == 0 {
            return Err(io::Error::from_raw_os_error(libc::EAGAIN));
        }
        let result = self.kick(interface, header);
        let taken = (0..laid)
            .take_while(|ahead| {
                let status = self.status(*ahead).load(Ordering::Acquire);
                status != SEND_REQUEST && status != WRONG_FORMAT
            })
            .count();
        for ahead in taken..laid {
            self.status(ahead).store(AVAILABLE, Ordering::Release);
        }
        self.next = (self.next + taken) % self.slots;
        match (taken, result) {
            (0, Ok(())) => Err(io::Error::from_raw_os_error(libc::EAGAIN)),
            (0, Err(error)) => Err(error),
            (taken, _) => Ok(taken),
        }
    }

    fn is_free(&self, ahead: usize) -> bool {
        let status = self.status(ahead).load(Ordering::Acquire);
        // What was sent may have bits of a timestamp.
        status & (SEND_REQUEST | 2) == 0
    }

    fn wait_free(&self, patience: Duration) -> bool {
        wait_writable(self.socket.as_fd(), patience);
        self.is_free(0)
    }

    /// Writes a frame to the slot that is `ahead` of the next, and marks it to be sent.
    fn lay(&mut self, ahead: usize, header: &[u8], packet: &[u8]) {
        let len = header.len() + packet.len();
        assert!(len <= self.longest_frame(), "a frame fits its slot");
        let place = self.place(ahead);
        // SAFETY: a slot has room for both headers and `longest_frame` octets behind them, as was
        // asserted, and is ours, as the caller saw; it is aligned to its own size, and both lengths
        // stand at multiples of theirs; the sources cannot overlap with it, since nothing gives out
        // references to this memory.
        unsafe {
            place.add(SLOT_HEADER).write_bytes(0, VNET_HEADER_LEN);
            // A slot is shorter than 64 KiB.
            place.add(COPY_LENGTH_AT).cast::<u16>().write(len as u16);
            let octets = place.add(FRAME_AT);
            std::ptr::copy_nonoverlapping(header.as_ptr(), octets, header.len());
            std::ptr::copy_nonoverlapping(packet.as_ptr(), octets.add(header.len()), packet.len());
            let length = (len + VNET_HEADER_LEN) as u32;
            place.add(LENGTH_AT).cast::<u32>().write(length);
        }
        self.status(ahead).store(SEND_REQUEST, Ordering::Release);
    }

    /// Has the kernel send what is marked; `header` is that of Ethernet, with the protocol last.
    fn kick(&self, interface: u32, header: &[u8]) -> io::Result<()> {
        // SAFETY: sockaddr_ll is plain integers: zero bits are a value.
        let mut to: libc::sockaddr_ll = unsafe { zeroed() };
        to.sll_family = libc::AF_PACKET as libc::c_ushort;
        let protocol = header.last_chunk().copied().unwrap_or_default();
        to.sll_protocol = u16::from_ne_bytes(protocol); // in the network's order on both sides
        to.sll_ifindex = libc::c_int::try_from(interface).unwrap_or(0);
        // SAFETY: no buffer is given; the address is valid for its length and outlives the call.
        let sent = unsafe {
            libc::sendto(
                self.socket.as_raw_fd(),
                std::ptr::null(),
                0,
                libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
                std::ptr::from_ref(&to).cast(),
                size_of::<libc::sockaddr_ll>() as libc::socklen_t,
            )
        };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    fn place(&self, ahead: usize) -> *mut u8 {
        let index = (self.next + ahead) % self.slots;
        // SAFETY: `index` is below `slots`, and the memory has `slots` times `slot` octets.
        unsafe { self.memory.as_ptr().add(index * self.slot) }
    }

    fn status(&self, ahead: usize) -> &AtomicU32 {
        // SAFETY: each slot begins with `tp_status`, aligned to its own size, which the kernel
        // and this value change atomically; it lives as long as the mapping.
        unsafe { AtomicU32::from_ptr(self.place(ahead).cast()) }
    }
}

impl Drop for TransmitRing {
    fn drop(&mut self) {
        // SAFETY: the mapping was made with this address and length, and nothing refers to it
        // after this.  The kernel keeps the pages of frames that are on their way.
        let _ = unsafe { libc::munmap(self.memory.as_ptr().cast(), self.slot * self.slots) };
    }
}

/// Sets the ring up and maps its memory.
fn map(socket: &OwnedFd, slot: usize, slots: usize) -> io::Result<NonNull<u8>> {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    let request = libc::tpacket_req {
        tp_block_size: number(BLOCK),
        tp_block_nr: number(slot * slots / BLOCK),
        tp_frame_size: number(slot),
        tp_frame_nr: number(slots),
    };
    // SAFETY: the option's value is valid for the length that is given with it.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_TX_RING,
            std::ptr::from_ref(&request).cast(),
            size_of::<libc::tpacket_req>() as libc::socklen_t,
        )
    })?;
    // SAFETY: a new mapping at an address that the kernel chooses, of the ring's whole length.
    let memory = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            slot * slots,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_SHARED,
            socket.as_raw_fd(),
            0,
        )
    };
    if memory == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(memory.cast()).ok_or_else(|| io::ErrorKind::InvalidData.into())
}
