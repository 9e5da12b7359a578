//! Small programs and tables in the kernel (bpf(2)).

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::check;

// linux/bpf.h, which the libc crate does not have.
const BPF_MAP_CREATE: libc::c_long = 0;
const BPF_MAP_UPDATE_ELEM: libc::c_long = 2;
const BPF_MAP_DELETE_ELEM: libc::c_long = 3;
const BPF_PROG_LOAD: libc::c_long = 5;
const BPF_MAP_TYPE_LPM_TRIE: u32 = 11;
const BPF_F_NO_PREALLOC: u32 = 1;
const BPF_PROG_TYPE_SOCKET_FILTER: u32 = 1;

/// The beginning of `union bpf_attr` for BPF_MAP_CREATE; the kernel takes the rest for zero.
#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

/// The same for BPF_MAP_UPDATE_ELEM and BPF_MAP_DELETE_ELEM (`value` unused).
#[repr(C, align(8))]
struct MapElement {
    map_fd: u32,
    unused: u32,
    key: u64,
    value: u64,
    flags: u64,
}

/// The same for BPF_PROG_LOAD.
#[repr(C, align(8))]
struct ProgLoad {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
}

/// Octets of an address in a [`create_prefix_map`] key.
pub(crate) const KEY_ADDRESS_LEN: usize = 16;

/// A key of a [`create_prefix_map`] map: `struct bpf_lpm_trie_key` with an address.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct PrefixKey {
    /// Leading bits of `address` that count.
    pub(crate) bits: u32,
    pub(crate) address: [u8; KEY_ADDRESS_LEN],
}

fn address_of<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).cast::<u8>() as u64
}

/// bpf(2).  `attr` must be one of the structures above, and what it points to valid.
unsafe fn bpf<T>(command: libc::c_long, attr: &T) -> io::Result<libc::c_int> {
    // SAFETY: the kernel reads `size_of::<T>()` octets; what they point to is the caller's promise.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attr),
            size_of::<T>(),
        )
    };
    check(libc::c_int::try_from(result).unwrap_or(-1))
}

/// A map from address prefixes to numbers; a look-up finds the longest that fits.
pub(crate) fn create_prefix_map(entries: u32) -> io::Result<OwnedFd> {
    let attr = MapCreate {
        map_type: BPF_MAP_TYPE_LPM_TRIE,
        key_size: size_of::<PrefixKey>() as u32,
        value_size: size_of::<u32>() as u32,
        max_entries: entries,
        map_flags: BPF_F_NO_PREALLOC,
    };
    // SAFETY: BPF_MAP_CREATE reads `attr`, which points to nothing.
    let fd = unsafe { bpf(BPF_MAP_CREATE, &attr) }?;
    // SAFETY: `fd` was just opened and belongs to no one else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn element(map: BorrowedFd<'_>, key: &PrefixKey, value: u64) -> MapElement {
    MapElement {
        map_fd: map.as_raw_fd() as u32,
        unused: 0,
        key: address_of(key),
        value,
        flags: 0,
    }
}

/// Puts a number under a prefix.
pub(crate) fn map_insert(map: BorrowedFd<'_>, key: &PrefixKey, value: u32) -> io::Result<()> {
    let attr = element(map, key, address_of(&value));
    // SAFETY: key and value have the sizes that the map was made with, and outlive the call.
    unsafe { bpf(BPF_MAP_UPDATE_ELEM, &attr) }?;
    Ok(())
}

/// Takes a prefix out.
pub(crate) fn map_remove(map: BorrowedFd<'_>, key: &PrefixKey) -> io::Result<()> {
    let attr = element(map, key, 0);
    // SAFETY: the key has the size that the map was made with, and outlives the call.
    unsafe { bpf(BPF_MAP_DELETE_ELEM, &attr) }?;
    Ok(())
}

/// Loads a program that is run on packets and gives a number.  The kernel verifies it.
pub(crate) fn load_packet_program(instructions: &[u64]) -> io::Result<OwnedFd> {
    let license = c"MIT";
    let attr = ProgLoad {
        prog_type: BPF_PROG_TYPE_SOCKET_FILTER,
        insn_cnt: u32::try_from(instructions.len()).unwrap_or(0),
        insns: address_of(instructions),
        license: license.as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
    };
    // SAFETY: an instruction has eight octets; they and the licence outlive the call.
    let fd = unsafe { bpf(BPF_PROG_LOAD, &attr) }?;
    // SAFETY: `fd` was just opened and belongs to no one else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
