//! The program from outside: every test runs the real one, and the house's rules are read from the
//! source.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod cli;
mod ids;
mod invariants;
mod many;
mod modes;
mod output;
mod races;
mod workloads;
