//! The databases of RFC 4301 section 4.4, as pure values.
//!
//! * [`Flow`]: what a packet's headers say that selectors can ask for;
//! * [`Selector`] and [`Selectors`]: which flows a rule or an SA speaks of;
//! * [`Spd`]: ordered entries, found through an index over remote addresses;
//! * [`SnapshotMap`]: SAs by SPI and by policy, copied with each change;
//! * [`FlowCache`]: what was decided for recent flows, in front of the SPD.

mod cache;
mod flow;
mod index;
mod policy;
mod selector;
mod snapshot_map;

pub use cache::{FlowCache, Spot};
pub use flow::{Flow, Version};
pub use policy::{Action, Entry, Lookup, Spd};
pub use selector::{Fit, Selector, SelectorError, Selectors};
pub use snapshot_map::SnapshotMap;
