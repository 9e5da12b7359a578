//! The security policy database: ordered entries.

use crate::flow::Flow;
use crate::index::AddressIndex;
use crate::selector::{Fit, Selectors};

/// What happens to a packet that an entry selects (RFC 4301 section 4.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It goes through an SA.
    Protect,
    /// It goes in clear.
    Bypass,
    /// It goes nowhere.
    Discard,
}

/// One SPD entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The policy compiler's stable number.
    pub id: u32,
    /// What to do.
    pub action: Action,
    /// With which packets.
    pub selectors: Selectors,
}

/// What the SPD says of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup<'a> {
    /// The first entry that selects it.
    Entry(&'a Entry),
    /// The first entry that may select it asks for ports, which this fragment does not show
    /// (RFC 4301 section 7: such a fragment must not be taken for another entry's).
    PortsUnknown(&'a Entry),
    /// No entry does.
    Nothing,
}

/// The entries in order of evaluation, immutable.
#[derive(Debug, Default)]
pub struct Spd {
    entries: Box<[Entry]>,
    index: AddressIndex,
}

impl Spd {
    /// The entries, first match first.
    pub fn new(entries: Vec<Entry>) -> Self {
        let index = AddressIndex::new(&entries);
        Self {
            entries: entries.into_boxed_slice(),
            index,
        }
    }

    /// All entries in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What to do with a packet that leaves.
    pub fn lookup_outbound(&self, flow: &Flow) -> Lookup<'_> {
        match self.index.candidates(flow) {
            Some(candidates) => first_fit(
                candidates
                    .iter()
                    .map(|position| &self.entries[*position as usize]),
                flow,
            ),
            None => first_fit(self.entries.iter(), flow),
        }
    }
}

fn first_fit<'a>(entries: impl Iterator<Item = &'a Entry>, flow: &Flow) -> Lookup<'a> {
    for entry in entries {
        match entry.selectors.fit_outbound(flow) {
            Fit::Inside => return Lookup::Entry(entry),
            Fit::PortsUnknown => return Lookup::PortsUnknown(entry),
            Fit::Outside => {}
        }
    }
    Lookup::Nothing
}
