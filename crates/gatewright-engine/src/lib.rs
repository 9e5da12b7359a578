//! The packet engine: a TUN device, ESP and sockets joined into a pipeline.
//!
//! A packet's way out is told in numbered steps at the top of `outbound`, its way in at the top of
//! `inbound`.  Around them:
//!
//! * [`Engine`] (`runtime`): devices, the packet threads, and the calls of the control plane;
//! * [`Shared`] (`control`): the databases as snapshots.  A control call swaps a new snapshot in, a
//!   worker takes it up between two batches; no lock is taken per packet that a control call could
//!   hold for long;
//! * [`Worker`] (`worker`): everything that one packet thread owns;
//! * `seat`: on which core a packet thread sits;
//! * [`DropReason`] and [`Count`] (`counters`): what became of every packet;
//! * [`Event`] (`event`): what the control plane is told.
//!
//! Invariants: a packet that is not sealed never reaches a socket; one that is not authentic, or
//! not what its SA was negotiated for, never reaches the TUN device; a sequence number is taken
//! once; every packet that ends here is counted by reason.

mod arena;
mod association;
mod control;
mod counters;
mod devices;
mod error;
mod event;
mod guide;
mod handover;
mod inbound;
mod link;
mod mss;
mod opened;
mod outbound;
mod owners;
mod parts;
mod path;
mod rate;
mod runtime;
mod sealing;
mod seat;
mod settings;
mod stash;
mod waiting;
mod worker;

pub use association::{Association, SaParameters, Transport};
pub use control::{SaCounters, Shared, SocketSlot};
pub use counters::{Count, DropReason};
pub use error::EngineError;
pub use event::{Event, Expiry};
pub use link::CounterSums;
pub use runtime::Engine;
pub use settings::Settings;
pub use worker::Worker;
