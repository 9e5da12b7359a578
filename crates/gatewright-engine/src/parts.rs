//! Datagrams of a batch, merged ones cut into their parts.

use gatewright_io::{Datagram, ReceiveBatch};

/// Where in the batch a datagram lies: all of a slot, or a part of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part {
    pub(crate) slot: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Part {
    pub(crate) fn of(self, batch: &ReceiveBatch) -> &[u8] {
        &batch.octets(self.slot)[self.start..self.end]
    }
}

/// The way through a batch, merged datagrams by themselves; an empty one is a part as well.
#[derive(Default)]
pub(crate) struct Walk {
    slot: usize,
    start: usize,
}

impl Walk {
    /// Replaces `parts` by the next ones, at most `most` and none at the end.
    pub(crate) fn take(&mut self, batch: &mut ReceiveBatch, parts: &mut Vec<Part>, most: usize) {
        parts.clear();
        while parts.len() < most {
            let Some(part) = self.next(batch) else { break };
            parts.push(part);
        }
    }

    fn next(&mut self, batch: &mut ReceiveBatch) -> Option<Part> {
        let slot = (self.slot < batch.len()).then_some(self.slot)?;
        let Datagram { data, segment, .. } = batch.datagram(slot);
        let start = self.start;
        let end = data.len().min(start + segment.max(1));
        if end == data.len() {
            *self = Self {
                slot: slot + 1,
                start: 0,
            };
        } else {
            self.start = end;
        }
        Some(Part { slot, start, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::SocketAddr;

    #[test]
    fn merged_datagrams_are_cut_and_all_others_are_whole() {
        let from = SocketAddr::from(([192, 0, 2, 1], 4500));
        let mut batch = ReceiveBatch::new(5);
        for (len, segment) in [(250, 100), (0, 0), (80, 80), (200, 100), (3, 1)] {
            assert!(batch.push(&vec![7; len], segment, from, 0));
        }
        let mut walk = Walk::default();
        let mut found = Vec::new();
        let mut parts = Vec::new();
        loop {
            walk.take(&mut batch, &mut parts, 4);
            if parts.is_empty() {
                break;
            }
            assert!(parts.len() <= 4);
            found.extend(parts.iter().map(|part| (part.slot, part.start, part.end)));
        }
        assert_eq!(
            found,
            [
                (0, 0, 100),
                (0, 100, 200),
                (0, 200, 250),
                (1, 0, 0),
                (2, 0, 80),
                (3, 0, 100),
                (3, 100, 200),
                (4, 0, 1),
                (4, 1, 2),
                (4, 2, 3),
            ]
        );
    }
}
