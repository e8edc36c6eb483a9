//! Links the released program at a fixed address where it is linked statically.
//!
//! A static program that may lie anywhere corrects thousands of addresses in its own memory each time it is
//! started, and a process is started for each operation: without that it starts a seventh faster. What is
//! lost is that the addresses of its code cannot be guessed.

#![allow(clippy::print_stdout)] // this is how cargo is told

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let says =
        |name, word| env::var(name).is_ok_and(|words| words.split(',').any(|one| one == word));
    if says("PROFILE", "release")
        && says("CARGO_CFG_TARGET_OS", "linux")
        && says("CARGO_CFG_TARGET_ENV", "gnu")
        && says("CARGO_CFG_TARGET_FEATURE", "crt-static")
    {
        println!("cargo::rustc-link-arg-bins=-static");
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}
