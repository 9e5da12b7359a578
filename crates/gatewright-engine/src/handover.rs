//! Packets on their way from the worker that received them to the one that owns their SA.
//!
//! They travel in parcels: a stretch of memory with many packets in it, so that one step of a queue
//! and one wake-up serve a whole batch.  What one worker hands to another arrives in order, and
//! nothing waits on a lock.  The number of parcels is bounded, and with it the memory; when the
//! owner cannot keep up, the newest packets are dropped by name.

use std::ops::Range;

use crossbeam_queue::ArrayQueue;

/// Octets of a parcel: four full TSO frames, as the arena has.
const PARCEL_LEN: usize = 256 * 1024;
/// Packets of a parcel: what a note on each may take.
const PARCEL_ITEMS: usize = 2048;
/// Parcels that may wait for a worker.
const PARCELS: usize = 64;
/// A worker with so many before it gets full ones only, so that few packets do not use them up.
const BEHIND: usize = 8;

/// Packets, each with a note of type `N`.
#[derive(Debug)]
pub(crate) struct Parcel<N> {
    octets: Vec<u8>,
    items: Vec<(N, Range<usize>)>,
}

impl<N> Default for Parcel<N> {
    fn default() -> Self {
        Self {
            octets: Vec::new(),
            items: Vec::new(),
        }
    }
}

impl<N> Parcel<N> {
    /// Adds a copy.  False when it is full.
    fn push(&mut self, note: N, packet: &[u8]) -> bool {
        let end = self.octets.len() + packet.len();
        let full = end > PARCEL_LEN || self.items.len() == PARCEL_ITEMS;
        if full && !self.items.is_empty() {
            return false;
        }
        let start = self.octets.len();
        self.octets.extend_from_slice(packet);
        self.items.push((note, start..end));
        true
    }

    fn clear(&mut self) {
        self.octets.clear();
        self.items.clear();
    }

    /// How many packets are in it.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// The `index`-th packet.  Panics when there is none.
    pub(crate) fn octets(&self, index: usize) -> &[u8] {
        &self.octets[self.items[index].1.clone()]
    }

    /// The `index`-th packet and its note.  Panics when there is none.
    pub(crate) fn item(&mut self, index: usize) -> (&N, &mut [u8]) {
        let (note, range) = &self.items[index];
        (note, &mut self.octets[range.clone()])
    }
}

/// Where a worker is given parcels.
#[derive(Debug)]
pub(crate) struct Inbox<N> {
    full: ArrayQueue<Parcel<N>>,
    /// Emptied ones, for whoever needs one next.
    empty: ArrayQueue<Parcel<N>>,
}

impl<N> Default for Inbox<N> {
    fn default() -> Self {
        Self {
            full: ArrayQueue::new(PARCELS),
            empty: ArrayQueue::new(PARCELS),
        }
    }
}

impl<N> Inbox<N> {
    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.full.is_empty()
    }

    /// The oldest parcel; give it back with [`Inbox::recycle`].
    pub(crate) fn take(&self) -> Option<Parcel<N>> {
        self.full.pop()
    }

    /// A parcel that was worked off.
    pub(crate) fn recycle(&self, mut parcel: Parcel<N>) {
        parcel.clear();
        // More than there is room for come only from the first parcels of many workers.
        let _ = self.empty.push(parcel);
    }
}

/// What a worker is about to give the others.
#[derive(Debug)]
pub(crate) struct Outbox<N> {
    /// By receiver.
    parcels: Vec<Parcel<N>>,
    /// Whether any of them has something in it.
    pending: bool,
}

impl<N> Outbox<N> {
    /// For as many workers.
    pub(crate) fn new(workers: usize) -> Self {
        Self {
            parcels: (0..workers).map(|_| Parcel::default()).collect(),
            pending: false,
        }
    }

    /// Lays a copy of a packet aside for worker `to`, whose inbox is `inbox`.  False when that
    /// worker is so far behind that it must be dropped.
    pub(crate) fn add(&mut self, inbox: &Inbox<N>, to: usize, note: N, packet: &[u8]) -> bool
    where
        N: Copy,
    {
        self.pending = true;
        if self.parcels[to].push(note, packet) {
            return true;
        }
        post(&mut self.parcels[to], inbox) && self.parcels[to].push(note, packet)
    }

    /// Whether something has not reached its inbox yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending
    }

    /// Hands everything over.  `inboxes` gives the inbox of a worker, `wake` has it look there.
    /// What is for a worker that is behind stays for the next time.
    pub(crate) fn post_all<'a>(
        &mut self,
        inboxes: impl Fn(usize) -> &'a Inbox<N>,
        wake: impl Fn(usize),
    ) where
        N: 'a,
    {
        if !self.pending {
            return;
        }
        self.pending = false;
        for (to, parcel) in self.parcels.iter_mut().enumerate() {
            if parcel.len() == 0 {
                continue;
            }
            let inbox = inboxes(to);
            if inbox.full.len() >= BEHIND || !post(parcel, inbox) {
                self.pending = true;
            }
            // Also when this one has to wait: earlier ones may be there already.
            wake(to);
        }
    }
}

/// Puts the parcel into the inbox and an empty one in its place.  False when the inbox is full.
fn post<N>(parcel: &mut Parcel<N>, inbox: &Inbox<N>) -> bool {
    match inbox.full.push(std::mem::take(parcel)) {
        Ok(()) => {
            *parcel = inbox.empty.pop().unwrap_or_default();
            true
        }
        Err(kept) => {
            *parcel = kept;
            false
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn drain(inbox: &Inbox<u32>) -> Vec<(u32, Vec<u8>)> {
        let mut items = Vec::new();
        while let Some(mut parcel) = inbox.take() {
            for index in 0..parcel.len() {
                let (note, octets) = parcel.item(index);
                items.push((*note, octets.to_vec()));
            }
            inbox.recycle(parcel);
        }
        items
    }

    #[test]
    fn packets_arrive_in_order_and_their_receivers_are_woken_once() {
        let inboxes = [Inbox::default(), Inbox::default(), Inbox::default()];
        let mut outbox = Outbox::new(3);
        for (to, note) in [(1, 10), (2, 20), (1, 11), (1, 12)] {
            assert!(outbox.add(&inboxes[to], to, note, &[note as u8; 3]));
        }
        let woken = RefCell::new(Vec::new());
        outbox.post_all(|to| &inboxes[to], |to| woken.borrow_mut().push(to));
        assert_eq!(woken.into_inner(), [1, 2]);
        assert!(!outbox.is_pending() && inboxes[0].is_empty());
        let notes = |inbox| drain(inbox).into_iter().map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(notes(&inboxes[1]), [10, 11, 12]);
        assert_eq!(drain(&inboxes[2]), [(20, vec![20; 3])]);
    }

    #[test]
    fn a_slow_receiver_costs_packets_and_bounded_memory() {
        let inboxes = [Inbox::default()];
        let mut outbox = Outbox::new(1);
        let packet = vec![0; PARCEL_LEN];
        let taken = (0..1000)
            .take_while(|note| outbox.add(&inboxes[0], 0, *note, &packet))
            .count();
        assert_eq!(taken, PARCELS + 1, "what waits, and what is pending");
        outbox.post_all(|to| &inboxes[to], |_| ());
        assert!(outbox.is_pending(), "it stays for the next time");

        let mut notes: Vec<_> = drain(&inboxes[0]).iter().map(|(note, _)| *note).collect();
        outbox.post_all(|to| &inboxes[to], |_| ());
        assert!(!outbox.is_pending());
        notes.extend(drain(&inboxes[0]).iter().map(|(note, _)| *note));
        assert!(notes.iter().copied().eq(0..taken as u32), "in order");
        assert_eq!(inboxes[0].empty.len(), PARCELS, "all are kept for later");
    }

    #[test]
    fn a_worker_that_is_behind_gets_full_parcels() {
        let inboxes = [Inbox::default()];
        let mut outbox = Outbox::new(1);
        for note in 0..1000 {
            assert!(outbox.add(&inboxes[0], 0, note, &[0]));
            outbox.post_all(|to| &inboxes[to], |_| ());
        }
        assert_eq!(inboxes[0].full.len(), BEHIND);
        assert!(outbox.is_pending());
        assert_eq!(drain(&inboxes[0]).len(), BEHIND);
        outbox.post_all(|to| &inboxes[to], |_| ());
        assert!(!outbox.is_pending());
        let notes: Vec<_> = drain(&inboxes[0]).iter().map(|(note, _)| *note).collect();
        assert!(notes.iter().copied().eq(BEHIND as u32..1000));
    }

    #[test]
    fn small_packets_are_bounded_by_number() {
        let mut parcel = Parcel::default();
        let taken = (0..10_000)
            .take_while(|note| parcel.push(*note, &[0]))
            .count();
        assert_eq!(taken, PARCEL_ITEMS);
        let mut whole = Parcel::default();
        assert!(whole.push(0, &vec![0; PARCEL_LEN + 1]), "one always fits");
    }
}
