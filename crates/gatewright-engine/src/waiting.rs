//! Packets that wait while IKE negotiates, so that the first ping is answered.

use std::collections::{HashMap, VecDeque};

/// A frame as it came from the TUN device.
pub(crate) type Frame = Box<[u8]>;

/// One policy's frames, oldest first, and whether the control plane knows of the need.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    frames: VecDeque<Frame>,
    /// The acquire event is out.
    pub(crate) announced: bool,
}

/// The frames of all policies, bounded by number per policy and by octets in all.
#[derive(Debug)]
pub(crate) struct Waiting {
    queues: HashMap<u32, Queue>,
    octets: usize,
    most_frames: usize,
    most_octets: usize,
}

impl Waiting {
    pub(crate) fn new(most_frames: usize, most_octets: usize) -> Self {
        Self {
            queues: HashMap::new(),
            octets: 0,
            most_frames,
            most_octets,
        }
    }

    /// The queue of a policy, made when it is not there.
    pub(crate) fn queue(&mut self, policy_id: u32) -> &mut Queue {
        self.queues.entry(policy_id).or_default()
    }

    /// Keeps a copy of `frame`.  False when there is no room; the newest is what is dropped.
    pub(crate) fn push(&mut self, policy_id: u32, frame: &[u8]) -> bool {
        if self.octets + frame.len() > self.most_octets {
            return false;
        }
        let queue = self.queues.entry(policy_id).or_default();
        if queue.frames.len() >= self.most_frames {
            return false;
        }
        queue.frames.push_back(frame.into());
        self.octets += frame.len();
        true
    }

    /// Takes a policy's queue out.
    pub(crate) fn take(&mut self, policy_id: u32) -> VecDeque<Frame> {
        let frames = self
            .queues
            .remove(&policy_id)
            .map(|queue| queue.frames)
            .unwrap_or_default();
        self.octets -= frames.iter().map(|frame| frame.len()).sum::<usize>();
        frames
    }

    /// The policies for which something waits or was announced.
    pub(crate) fn policies(&self) -> Vec<u32> {
        self.queues.keys().copied().collect()
    }

    /// Whether nothing waits and nothing was announced.
    pub(crate) fn is_empty(&self) -> bool {
        self.queues.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_bounds_hold_and_taking_makes_room() {
        let mut waiting = Waiting::new(2, 10);
        assert!(waiting.push(1, &[1; 4]));
        assert!(waiting.push(1, &[2; 4]));
        assert!(!waiting.push(1, &[3; 1]), "two frames a policy");
        assert!(!waiting.push(2, &[3; 3]), "ten octets in all");
        assert!(waiting.push(2, &[3; 2]));
        let taken = waiting.take(1);
        assert_eq!(taken.iter().map(|f| f[0]).collect::<Vec<_>>(), [1, 2]);
        assert!(waiting.push(2, &[4; 8]));
        assert!(waiting.take(1).is_empty());
        assert_eq!(waiting.take(2).len(), 2);
        assert!(waiting.is_empty());
        assert_eq!(waiting.octets, 0);
    }
}
