//! The fuzzer: every kind of bytes from outside is given its time, led by the code that the bytes reach.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::{fs, thread};

use super::{PROFILE, folder, said, text};

/// How long each kind of bytes is given in a round.
const FUZZ_SECONDS: &str = "60";
/// How many kinds have their time at once on each processor.
const AT_ONCE_ON_A_PROCESSOR: usize = 4;

/// What has the compiler count which code is reached, on the stable toolchain.
const COVERAGE: &str = "--cfg fuzzing -C passes=sancov-module \
    -C llvm-args=-sanitizer-coverage-level=4 \
    -C llvm-args=-sanitizer-coverage-inline-8bit-counters \
    -C llvm-args=-sanitizer-coverage-pc-table \
    -C llvm-args=-sanitizer-coverage-trace-compares";

/// Gives every kind of bytes its time, some at once. After a round that is not brief, all that reaches different code is
/// in `target/prove/corpus`, to be kept in `tests/corpus`.
pub(super) fn fuzz(is_brief: bool) -> Result<String, String> {
    let program = fuzzer()?;
    let at_once = thread::available_parallelism().map_or(1, usize::from) * AT_ONCE_ON_A_PROCESSOR;
    let kinds = Mutex::new(kinds().into_iter());
    let next = || kinds.lock().ok()?.next();
    let give_time = || {
        let mut told = Vec::new();
        while let Some(kind) = next() {
            told.push(search(&program, &kind, is_brief)?);
            if !is_brief {
                reduce(&program, &kind)?;
            }
        }
        Ok::<_, String>(told)
    };
    let mut told = thread::scope(|scope| {
        let begun: Vec<_> = (0..at_once).map(|_| scope.spawn(give_time)).collect();
        let ended = begun
            .into_iter()
            .map(|one| one.join().map_err(|_| "a thread panicked")?);
        ended.collect::<Result<Vec<_>, String>>()
    })?
    .concat();
    told.sort();
    Ok(told.concat())
}

/// Searches for inputs of a kind that break a promise. A brief round draws the same ones each time: a change is tried
/// there, and what it did not touch is left to the others.
fn search(program: &Path, kind: &str, is_brief: bool) -> Result<String, String> {
    let found = folder(if is_brief { "brief" } else { "found" }).join(kind);
    if is_brief {
        let _ = fs::remove_dir_all(&found);
    }
    fs::create_dir_all(&found).map_err(text)?;
    let mut search = led(program, kind);
    search.arg(format!("-max_total_time={FUZZ_SECONDS}"));
    search.arg("-print_final_stats=1");
    if is_brief {
        search.args(["-seed=1", "-reload=0"]);
    }
    search.arg(&found).env("BANK_PAR_FUZZ_KNOWN", &found);
    let told = said(&mut search)?;
    let inputs = told
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let inputs = inputs.ok_or("the fuzzer told no figures")?;
    Ok(format!(
        "{kind}: {} inputs, 0 promises broken\n",
        inputs.trim()
    ))
}

/// Keeps the fewest of the inputs found that reach all that they reach together.
fn reduce(program: &Path, kind: &str) -> Result<(), String> {
    let least = folder("least").join(kind);
    let _ = fs::remove_dir_all(&least);
    for folder in [&least, &folder("corpus")] {
        fs::create_dir_all(folder).map_err(text)?;
    }
    let mut merge = led(program, kind);
    merge.args(["-set_cover_merge=1", "-use_counters=0"]);
    said(merge.args([&least, &folder("found").join(kind)]))?;
    keep(&least, &folder("corpus").join(kind)).map_err(text)
}

/// The fuzzer, led to a kind of bytes.
fn led(program: &Path, kind: &str) -> Command {
    let mut command = Command::new(program);
    // What takes half a second alone takes long on a machine that is busy with much else.
    command.args(["-timeout=120", "-rss_limit_mb=1024", "-max_len=4096"]);
    command.arg(format!("-artifact_prefix={}/{kind}-", folder("").display()));
    command.env("BANK_PAR_FUZZ", kind);
    command
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
