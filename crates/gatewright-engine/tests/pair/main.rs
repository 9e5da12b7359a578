//! Two engines joined in memory: what each does with packets, without a system under it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod crew;
mod errors;
mod limits;
mod noise;
mod path;
mod rekey;
mod traffic;
mod waiting;
mod world;
