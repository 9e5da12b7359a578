//! Two engines joined in memory: what each does with packets, without a system under it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod anything;
mod crew;
mod ecn;
mod errors;
mod limits;
mod mss;
mod noise;
mod path;
mod rekey;
mod traffic;
mod waiting;
mod world;
