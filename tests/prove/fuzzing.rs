//! The fuzzer: every kind of bytes from outside is given its time, led by the code that the bytes reach.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{PROFILE, folder, said, text};

/// How long each kind of bytes is given in a round.
const FUZZ_SECONDS: &str = "60";

/// What has the compiler count which code is reached, on the stable toolchain.
const COVERAGE: &str = "--cfg fuzzing -C passes=sancov-module \
    -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
    -C llvm-args=-sanitizer-coverage-pc-table \
    -C llvm-args=-sanitizer-coverage-trace-compares";

/// Gives every kind of bytes its time. All that reaches different code is then in `target/prove/corpus`, to be kept in
/// `tests/corpus`.
pub(super) fn fuzz() -> Result<String, String> {
    let program = fuzzer()?;
    let mut figures = String::new();
    for kind in kinds() {
        let found = folder("found").join(&kind);
        let least = folder("least").join(&kind);
        let _ = fs::remove_dir_all(&least);
        for folder in [&found, &least, &folder("corpus")] {
            fs::create_dir_all(folder).map_err(text)?;
        }
        let led = |arguments: &[&str]| {
            let mut command = Command::new(&program);
            command
                .args(["-timeout=20", "-rss_limit_mb=1024", "-max_len=4096"])
                .args(arguments);
            command.arg(format!("-artifact_prefix={}/{kind}-", folder("").display()));
            command.env("BANK_PAR_FUZZ", &kind);
            command
        };
        let mut search = led(&[
            &format!("-max_total_time={FUZZ_SECONDS}"),
            "-print_final_stats=1",
        ]);
        search.arg(&found).env("BANK_PAR_FUZZ_KNOWN", &found);
        let told = said(&mut search)?;
        let inputs = told
            .lines()
            .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
        let inputs = inputs.ok_or("the fuzzer told no figures")?;
        let _ = writeln!(
            figures,
            "{kind}: {} inputs, 0 promises broken",
            inputs.trim()
        );
        let mut merge = led(&["-set_cover_merge=1", "-use_counters=0"]);
        said(merge.args([&least, &found]))?;
        keep(&least, &folder("corpus").join(&kind)).map_err(text)?;
    }
    Ok(figures)
}

/// Builds the fuzzer.
fn fuzzer() -> Result<PathBuf, String> {
    let mut build = Command::new(env!("CARGO"));
    build.current_dir(env!("CARGO_MANIFEST_DIR"));
    build.args([
        "build",
        "--locked",
        "--profile",
        PROFILE,
        "--package",
        "bank-par-fuzz",
    ]);
    build.args(["--message-format", "json-render-diagnostics"]);
    build.args(["--target-dir", "target/fuzz"]);
    build
        .env("RUSTFLAGS", COVERAGE)
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    let told = said(&mut build)?;
    let mut programs = told
        .lines()
        .filter_map(|line| line.split_once("\"executable\":\"")?.1.split_once('"'));
    let program = programs.find(|(path, _)| path.ends_with("bank-par-fuzz"));
    program
        .map(|(path, _)| PathBuf::from(path))
        .ok_or_else(|| "the fuzzer was not built".to_string())
}

/// Writes the inputs of a folder as lines of hexadecimal digits, the shortest first.
fn keep(folder: &Path, file: &Path) -> std::io::Result<()> {
    let mut inputs = Vec::new();
    for input in fs::read_dir(folder)? {
        inputs.push(fs::read(input?.path())?);
    }
    inputs.sort_by(|one, other| (one.len(), one).cmp(&(other.len(), other)));
    let mut lines = String::new();
    for input in inputs {
        input
            .iter()
            .for_each(|byte| lines += &format!("{byte:02x}"));
        lines.push('\n');
    }
    fs::write(file, lines)
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// The kinds of bytes, each of which has inputs.
fn kinds() -> Vec<String> {
    let entries = fs::read_dir(corpus()).into_iter().flatten().flatten();
    let mut kinds: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    kinds.sort();
    kinds
}
