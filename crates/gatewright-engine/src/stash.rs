//! Frames that were read from the TUN device and are processed together.
//!
//! Small ones wait for each other, so that what their SAs need can be read for all of them at once;
//! a large one, which is many packets of one SA, does not wait.  Where one ends the next is read to,
//! nothing is copied.

use gatewright_io::VNET_HEADER_LEN;

/// Frames in one stash, and octets of one that waits for others.
pub(crate) const FRAMES: usize = 16;
const SMALL: usize = 2048;
/// The largest frame.
const FRAME_LEN: usize = VNET_HEADER_LEN + 65_535;

/// See the module.  The default has no room: it stands in while a stash is worked on.
#[derive(Default)]
pub(crate) struct Stash {
    octets: Box<[u8]>,
    /// Where each frame ends.
    ends: Vec<usize>,
    full: bool,
}

impl Stash {
    pub(crate) fn new() -> Self {
        Self {
            octets: vec![0; (FRAMES - 1) * SMALL + FRAME_LEN].into_boxed_slice(),
            ends: Vec::with_capacity(FRAMES),
            full: false,
        }
    }

    /// Where the next frame is to be read to; None when it is full.
    pub(crate) fn room(&mut self) -> Option<&mut [u8]> {
        let start = self.ends.last().copied().unwrap_or(0);
        (!self.full).then(|| &mut self.octets[start..start + FRAME_LEN])
    }

    /// The frame that was read to `room` has `len` octets.
    pub(crate) fn add(&mut self, len: usize) {
        let start = self.ends.last().copied().unwrap_or(0);
        self.ends.push(start + len);
        self.full = len > SMALL || self.ends.len() == FRAMES;
    }

    /// In the order in which they were read.
    pub(crate) fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.octets[start..*end])
    }

    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.full = false;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(stash: &mut Stash, octet: u8, len: usize) {
        stash.room().unwrap()[..len].fill(octet);
        stash.add(len);
    }

    #[test]
    fn small_frames_wait_for_each_other_up_to_a_bound() {
        let mut stash = Stash::new();
        for number in 0..FRAMES {
            assert_eq!(stash.room().map(|room| room.len()), Some(FRAME_LEN));
            read(&mut stash, number as u8, SMALL - number);
        }
        assert!(stash.room().is_none());
        assert_eq!(stash.ends.len(), FRAMES);
        for (number, frame) in stash.frames().enumerate() {
            assert_eq!(frame, vec![number as u8; SMALL - number]);
        }
        stash.clear();
        assert_eq!((stash.ends.len(), stash.frames().count()), (0, 0));
        assert!(stash.room().is_some());
    }

    #[test]
    fn a_large_frame_ends_the_wait_behind_any_others() {
        let mut stash = Stash::new();
        for _ in 1..FRAMES {
            read(&mut stash, 1, SMALL);
        }
        read(&mut stash, 2, FRAME_LEN);
        assert!(stash.room().is_none());
        assert_eq!(stash.frames().last(), Some(&[2; FRAME_LEN][..]));
        stash.clear();
        read(&mut stash, 3, SMALL + 1);
        assert!(stash.room().is_none());
    }
}
