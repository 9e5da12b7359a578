//! Processor cores: which of them the calling thread may use, and on which it is.

use std::io;
use std::mem::size_of_val;

use super::check;

/// As many as the C library's `cpu_set_t` has; with more the kernel refuses to say.
const MOST_CORES: usize = 1024;

/// `cpu_set_t` in words: a bit a core.
type Mask = [libc::c_ulong; MOST_CORES / BITS];

const BITS: usize = libc::c_ulong::BITS as usize;

/// The cores that the calling thread may run on.
pub(crate) fn allowed_cores() -> io::Result<Vec<usize>> {
    let mut mask: Mask = [0; MOST_CORES / BITS];
    // SAFETY: the mask is valid for the size that is given with it; 0 is the calling thread.
    check(unsafe { libc::sched_getaffinity(0, size_of_val(&mask), mask.as_mut_ptr().cast()) })?;
    let is_set = |core: &usize| mask[core / BITS] >> (core % BITS) & 1 == 1;
    Ok((0..MOST_CORES).filter(is_set).collect())
}

/// Has the calling thread run on these cores alone.
pub(crate) fn allow_cores(cores: &[usize]) -> io::Result<()> {
    let mut mask: Mask = [0; MOST_CORES / BITS];
    for core in cores {
        let word = mask
            .get_mut(core / BITS)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))?;
        *word |= 1 << (core % BITS);
    }
    // SAFETY: as above.
    check(unsafe { libc::sched_setaffinity(0, size_of_val(&mask), mask.as_ptr().cast()) })?;
    Ok(())
}

/// The core that the calling thread is on.
pub(crate) fn current_core() -> io::Result<usize> {
    // SAFETY: sched_getcpu() has no arguments.
    let core = check(unsafe { libc::sched_getcpu() })?;
    Ok(usize::try_from(core).unwrap_or(0))
}
