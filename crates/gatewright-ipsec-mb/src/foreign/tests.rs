#![allow(clippy::unwrap_used)]

use core::ptr;

use super::*;
use crate::check::agrees;
use crate::gcm::{GcmError, GcmKey};
use crate::library::{library, Unavailable};

unsafe extern "C" fn schedules_nothing(_: *const u8, _: *mut KeyData) {}

unsafe extern "C" fn schedules_too_much(_: *const u8, data: *mut KeyData) {
    // SAFETY: the caller left room behind the key data.
    unsafe { data.add(1).cast::<u8>().write(0) };
}

unsafe extern "C" fn encrypts_nothing(
    _: *const KeyData,
    _: *mut Context,
    _: *mut u8,
    _: *const u8,
    _: u64,
    _: *const u8,
    _: *const u8,
    _: u64,
    _: *mut u8,
    _: u64,
) {
}

unsafe extern "C" fn keeps_too_much(
    _: *const KeyData,
    context: *mut Context,
    _: *mut u8,
    _: *const u8,
    _: u64,
    _: *const u8,
    _: *const u8,
    _: u64,
    _: *mut u8,
    _: u64,
) {
    // SAFETY: the caller left room behind the context.
    unsafe { context.add(1).cast::<u8>().write(0) };
}

const NOTHING: Functions = Functions {
    key_len: 24,
    precompute: schedules_nothing,
    encrypt: encrypts_nothing,
    decrypt: encrypts_nothing,
};

#[test]
fn a_library_that_encrypts_nothing_is_not_used() {
    assert_eq!(agrees(&NOTHING), Err(Unavailable::WrongAnswer(192)));
}

#[test]
fn a_library_with_larger_structures_is_not_used() {
    let too_much = [
        Functions {
            precompute: schedules_too_much,
            ..NOTHING
        },
        Functions {
            encrypt: keeps_too_much,
            ..NOTHING
        },
        Functions {
            decrypt: keeps_too_much,
            ..NOTHING
        },
    ];
    for functions in &too_much {
        assert_eq!(agrees(functions), Err(Unavailable::Layout));
    }
}

/// The library's own, where it is used.
fn real() -> Option<&'static [Functions; 3]> {
    match library() {
        Ok(library) => Some(library.sizes()),
        Err(why) => {
            eprintln!("not tested: {why}");
            None
        }
    }
}

#[test]
fn functions_that_are_mixed_up_are_noticed() {
    let Some(real) = real() else { return };
    for functions in real {
        assert_eq!(agrees(functions), Ok(()));
        let wrong = Unavailable::WrongAnswer(8 * functions.key_len);
        let swapped = Functions {
            encrypt: functions.decrypt,
            decrypt: functions.encrypt,
            ..*functions
        };
        assert_eq!(agrees(&swapped), Err(wrong.clone()));
        let unscheduled = Functions {
            precompute: schedules_nothing,
            ..*functions
        };
        assert_eq!(agrees(&unscheduled), Err(wrong));
    }
    let [short, middle, long] = real;
    for (functions, other) in [(short, middle), (middle, long), (long, short)] {
        let of_another_size = Functions {
            encrypt: other.encrypt,
            decrypt: other.decrypt,
            ..*functions
        };
        let wrong = Unavailable::WrongAnswer(8 * functions.key_len);
        assert_eq!(agrees(&of_another_size), Err(wrong));
    }
}

#[test]
fn a_key_of_another_length_is_not_touched() {
    let mut data = KeyData::empty();
    let poisonous = Functions {
        precompute: schedules_too_much,
        ..NOTHING
    };
    assert!(!poisonous.schedule(&[1; 16], &mut data));
    assert!(!poisonous.schedule(&[], &mut data));
}

const PAGE: usize = 4096;

/// Memory that ends where the process may not read or write.
struct Edge {
    start: *mut u8,
    pages: usize,
}

impl Edge {
    fn new(pages: usize) -> Self {
        let len = (pages + 1) * PAGE;
        let (may, private) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
        );
        // SAFETY: a mapping of its own, anywhere.
        let start = unsafe { libc::mmap(ptr::null_mut(), len, may, private, -1, 0) };
        assert_ne!(start, libc::MAP_FAILED);
        let start = start.cast::<u8>();
        // SAFETY: the last page of the mapping.
        let done = unsafe { libc::mprotect(start.add(pages * PAGE).cast(), PAGE, libc::PROT_NONE) };
        assert_eq!(done, 0);
        Self { start, pages }
    }

    /// The last octets before the edge.
    fn last(&mut self, len: usize) -> &mut [u8] {
        assert!(len <= self.pages * PAGE);
        // SAFETY: inside the pages that may be read and written, and borrowed with them.
        unsafe { core::slice::from_raw_parts_mut(self.start.add(self.pages * PAGE - len), len) }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made, whole.
        let done = unsafe { libc::munmap(self.start.cast(), (self.pages + 1) * PAGE) };
        assert_eq!(done, 0);
    }
}

/// Packets lie in receive buffers and arenas, and one of them is the last.
#[test]
fn nothing_behind_the_octets_is_read_or_written() {
    let Some(real) = real() else { return };
    let mut edges = [Edge::new(1), Edge::new(1), Edge::new(1), Edge::new(4)];
    let [key, nonce, aad, data] = &mut edges;
    for functions in real {
        let key = key.last(functions.key_len);
        key.fill(3);
        let mut scheduled = KeyData::empty();
        assert!(functions.schedule(key, &mut scheduled));
        let nonce: &mut [u8; NONCE_LEN] = nonce.last(NONCE_LEN).try_into().unwrap();
        for aad_len in [0, 1, 8, 12, 15, 16, 17, 300] {
            let aad = aad.last(aad_len);
            for len in (0..1700).chain([4 * PAGE]) {
                let data = data.last(len);
                for way in [Way::Encrypt, Way::Decrypt] {
                    assert!(functions.crypt(way, &scheduled, nonce, aad, data).is_some());
                }
            }
        }
    }
}

/// The library would return from more than its limit without a word and with nothing encrypted.
#[test]
fn more_than_the_limit_is_refused() {
    let key = GcmKey::new(NOTHING, &[1; 24]).unwrap();
    let mut edge = Edge::new(LONGEST / PAGE + 1);
    let too_long = edge.last(LONGEST + 1);
    let (nonce, tag) = ([1; NONCE_LEN], [0; TAG_LEN]);
    let sealed = key.seal_in_place(&nonce, &[], too_long);
    assert_eq!(sealed, Err(GcmError::TooLong));
    let opened = key.open_in_place(&nonce, &[], too_long, &tag);
    assert_eq!(opened, Err(GcmError::TooLong));
    let sealed = key.seal_in_place(&nonce, too_long, &mut []);
    assert_eq!(sealed, Err(GcmError::TooLong));
    let sealed = key.seal_in_place(&nonce, &[], &mut too_long[..LONGEST]);
    assert_eq!(sealed, Ok([0; TAG_LEN]));
}
