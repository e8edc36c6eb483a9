//! One program for all kinds of bytes: `BANK_PAR_FUZZ` names the kind, and libFuzzer has the rest. What is known of
//! that kind is laid out in the folder that `BANK_PAR_FUZZ_KNOWN` names.

#![no_main]

use std::path::Path;
use std::sync::OnceLock;
use std::{env, fs};

use bank_par::untrusted::{BytesCheck, KINDS, inputs};
use libfuzzer_sys::fuzz_target;

static CHECK: OnceLock<BytesCheck> = OnceLock::new();

fn begin() {
    let wanted = env::var("BANK_PAR_FUZZ").unwrap_or_default();
    let known = KINDS.iter().find(|(kind, _)| *kind == wanted);
    let names: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let Some((kind, check)) = known else {
        panic!("`BANK_PAR_FUZZ` is one of {names:?}, not `{wanted}`");
    };
    CHECK.get_or_init(|| *check);
    if let Some(folder) = env::var_os("BANK_PAR_FUZZ_KNOWN") {
        for (number, input) in inputs(kind).iter().enumerate() {
            let file = Path::new(&folder).join(format!("known-{number}"));
            fs::write(file, input).expect("room for what is known");
        }
    }
}

fuzz_target!(init: begin(), |bytes: &[u8]| {
    if let Some(check) = CHECK.get() {
        check(bytes);
    }
});
