//! Tells the program which commit it was built from, and links the released one at a fixed address where it is
//! linked statically.
//!
//! Only a release knows its commit: a build while the program is changed would otherwise begin anew at every
//! commit. Outside a repository of its own there is none to tell.
//!
//! A static program that may lie anywhere corrects thousands of addresses in its own memory each time it is
//! started, and a process is started for each operation: without that it starts a seventh faster. What is
//! lost is that the addresses of its code cannot be guessed.

#![allow(clippy::print_stdout)] // this is how cargo is told

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let says =
        |name, word| env::var(name).is_ok_and(|words| words.split(',').any(|one| one == word));
    let is_release = says("PROFILE", "release");
    let commit = is_release.then(commit).flatten();
    println!(
        "cargo::rustc-env=BANK_PAR_COMMIT={}",
        commit.as_deref().unwrap_or("unknown")
    );
    for (name, variable) in [("BUILD", "PROFILE"), ("TARGET", "TARGET")] {
        let value = env::var(variable).unwrap_or_default();
        println!("cargo::rustc-env=BANK_PAR_{name}={value}");
    }
    if is_release
        && says("CARGO_CFG_TARGET_OS", "linux")
        && says("CARGO_CFG_TARGET_ENV", "gnu")
        && says("CARGO_CFG_TARGET_FEATURE", "crt-static")
    {
        println!("cargo::rustc-link-arg-bins=-static");
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
}

/// The commit that lies in this folder, if it is a repository of its own.
fn commit() -> Option<String> {
    let folder = env::var("CARGO_MANIFEST_DIR").ok()?;
    let git = |arguments: &[&str]| {
        let mut asked = Command::new("git");
        let answer = asked
            .args(arguments)
            .current_dir(&folder)
            .output()
            .ok()
            .filter(|answer| answer.status.success())?;
        Some(String::from_utf8(answer.stdout).ok()?.trim().to_string())
    };
    if Path::new(&git(&["rev-parse", "--show-toplevel"])?) != Path::new(&folder) {
        return None;
    }
    let moved = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    println!("cargo::rerun-if-changed={moved}");
    git(&["rev-parse", "--short=12", "HEAD"])
}
