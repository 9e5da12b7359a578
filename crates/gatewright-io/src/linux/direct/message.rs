//! Netlink messages to octets and back (netlink(7)).
//!
//! The kernel is trusted here, but nothing in this file depends on it: whatever octets are parsed,
//! what is cut short ends the walk.

/// `nlmsg_flags`: a request, and a request for all there is.
pub(super) const REQUEST: u16 = 1;
pub(super) const DUMP: u16 = 0x300;
/// `nlmsg_type`: an error or an acknowledgement, and the end of a dump.
pub(super) const ERROR: u16 = 2;
pub(super) const DONE: u16 = 3;
/// Attributes that hold attributes have this bit in their type.
const TYPE_MASK: u16 = 0x3fff;

const HEADER_LEN: usize = 16;
const ALIGNMENT: usize = 4;

/// A request that is being put together.
pub(super) struct Request(Vec<u8>);

impl Request {
    /// A request of this type and flags, with its fixed part.
    pub(super) fn new(kind: u16, flags: u16, fixed: &[u8]) -> Self {
        let mut octets = Vec::with_capacity(128);
        octets.extend_from_slice(&[0; 4]);
        octets.extend_from_slice(&kind.to_ne_bytes());
        octets.extend_from_slice(&(flags | REQUEST).to_ne_bytes());
        octets.extend_from_slice(&[0; 8]); // sequence and port
        octets.extend_from_slice(fixed);
        Self(octets)
    }

    /// Adds an attribute.
    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        let len = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&len.to_ne_bytes());
        self.0.extend_from_slice(&kind.to_ne_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(ALIGNMENT), 0);
        self
    }

    /// The octets to send.
    pub(super) fn finish(mut self) -> Vec<u8> {
        let len = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&len.to_ne_bytes());
        self.0
    }
}

/// The messages of a datagram: type and what is behind the header.
pub(super) fn messages(mut octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let header = octets.first_chunk::<HEADER_LEN>()?;
        let [l0, l1, l2, l3, t0, t1, ..] = *header;
        let len = u32::from_ne_bytes([l0, l1, l2, l3]) as usize;
        let body = octets.get(HEADER_LEN..len)?;
        octets = octets.get(len.next_multiple_of(ALIGNMENT)..).unwrap_or(&[]);
        Some((u16::from_ne_bytes([t0, t1]), body))
    })
}

/// The attributes behind a fixed part of `fixed` octets: type and value.
pub(super) fn attributes(body: &[u8], fixed: usize) -> impl Iterator<Item = (u16, &[u8])> {
    let mut octets = body.get(fixed.next_multiple_of(ALIGNMENT)..).unwrap_or(&[]);
    std::iter::from_fn(move || {
        let [l0, l1, t0, t1] = *octets.first_chunk::<4>()?;
        let len = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = octets.get(4..len)?;
        octets = octets.get(len.next_multiple_of(ALIGNMENT)..).unwrap_or(&[]);
        Some((u16::from_ne_bytes([t0, t1]) & TYPE_MASK, value))
    })
}

/// The value of an attribute.
pub(super) fn attribute(body: &[u8], fixed: usize, wanted: u16) -> Option<&[u8]> {
    attributes(body, fixed)
        .find(|(kind, _)| *kind == wanted)
        .map(|(_, value)| value)
}

/// Four octets in the machine's order.
pub(super) fn number(value: &[u8]) -> Option<u32> {
    value
        .first_chunk()
        .map(|octets| u32::from_ne_bytes(*octets))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_put_together_is_read_back() {
        let request = Request::new(26, DUMP, &[2, 32, 0, 0])
            .with(1, &[192, 0, 2, 1, 9])
            .with(16, &7u32.to_ne_bytes())
            .finish();
        let read: Vec<_> = messages(&request).collect();
        let [(26, body)] = read[..] else {
            panic!("{read:?}")
        };
        assert_eq!(attribute(body, 4, 1), Some(&[192, 0, 2, 1, 9][..]));
        assert_eq!(attribute(body, 4, 16).and_then(number), Some(7));
        assert_eq!(attribute(body, 4, 2), None);
    }

    proptest! {
        #[test]
        fn any_octets_come_to_an_end(octets: Vec<u8>, fixed in 0usize..64) {
            for (_, body) in messages(&octets) {
                attributes(body, fixed).count();
            }
            attributes(&octets, fixed).count();
        }

        #[test]
        fn a_length_of_nothing_ends_the_walk(len in 0u32..16) {
            let mut octets = vec![0; 64];
            octets[..4].copy_from_slice(&len.to_ne_bytes());
            prop_assert_eq!(messages(&octets).count(), 0);
        }
    }
}
