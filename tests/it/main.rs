//! The program from outside: every test runs the real one, and the architecture rules are read from the
//! source.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod annotations;
#[cfg(target_os = "linux")]
mod browser;
#[cfg(target_os = "linux")]
mod budgets;
mod check;
mod cli;
#[cfg(target_os = "linux")]
mod command_ends;
#[cfg(target_os = "linux")]
mod commands;
#[cfg(target_os = "linux")]
mod compare;
mod coprocess;
mod corrected;
#[cfg(target_os = "linux")]
mod damage;
#[cfg(target_os = "linux")]
mod docs;
#[cfg(target_os = "linux")]
mod durable;
mod events;
mod explore;
#[cfg(target_os = "linux")]
mod family;
// Faults are made and observed through `/proc`.
#[cfg(target_os = "linux")]
mod faults;
#[cfg(target_os = "linux")]
mod groups;
mod history;
mod holds;
mod ids;
mod invariants;
#[cfg(target_os = "linux")]
mod kills;
mod ledger;
#[cfg(target_os = "linux")]
mod live;
#[cfg(target_os = "linux")]
mod locked;
mod look_back;
mod many;
mod meant;
mod modes;
mod named;
mod numbers;
mod one_file;
mod oneshot;
mod openings;
#[cfg(target_os = "linux")]
mod other_user;
mod output;
#[cfg(target_os = "linux")]
mod pages;
mod place;
#[cfg(all(target_os = "linux", feature = "postgres"))]
mod postgres;
#[cfg(target_os = "linux")]
mod power;
mod private;
#[cfg(target_os = "linux")]
mod process;
mod promised;
mod races;
#[cfg(target_os = "linux")]
mod rehearse;
#[cfg(target_os = "linux")]
mod released;
mod replay;
mod seats;
mod serve;
#[cfg(target_os = "linux")]
mod shared_memory;
#[cfg(target_os = "linux")]
mod shell;
mod show;
#[cfg(target_os = "linux")]
mod soak;
#[cfg(target_os = "linux")]
mod steps;
mod surroundings;
#[cfg(target_os = "linux")]
mod terminal;
mod units;
mod verify;
#[cfg(target_os = "linux")]
mod web;
#[cfg(target_os = "linux")]
mod work;
mod workloads;
mod writers;
