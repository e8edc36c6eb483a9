//! `check`: whether a history can be true.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use clap::Args;

use super::one::ended;
use super::pictures::ReportArg;
use super::workload::note_terminal;
use super::{CliResult, Failure};
use crate::check::{ObservedHistory, check as check_history};
use crate::report::{self, Format, FoundOut, HistoryReport, ProtectedFiles};

const EXAMPLES: &str = "\
Examples:
  bank-par parallel ops.jsonl --events run.jsonl; bank-par check run.jsonl
  bank-par server-share --sync none --output json | bank-par check -
      money was lost
  bank-par check run.jsonl --report check.html
      what contradicts what, in a browser
  bank-par check shell-*.jsonl
      the recordings of all that wrote to one ledger

Exit status: 0 all of it can be true; 3 some of it contradicts the rest;
9 undecided; 2 not readable.";

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 16 << 20;

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct CheckArgs {
    /// Recordings of events (`--events FILE`, `--output json`), of one run or of several; `-` is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// All ledgers in them are one, under whatever name each run knew it
    #[arg(long)]
    one_ledger: bool,
    /// How the result is written to stdout
    #[arg(long, short, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    output: Format,
    #[command(flatten)]
    report: ReportArg,
}

/// `bank-par check`
pub(super) fn check(args: CheckArgs) -> CliResult {
    let protected =
        args.files.iter().fold(
            ProtectedFiles::default(),
            |protected, file| match is_stdin(file) {
                true => protected.stdin(),
                false => protected.input(file),
            },
        );
    let output = args.report.open(&protected)?;
    refuse_twice(&args.files).map_err(Failure::usage)?;
    let mut history = ObservedHistory::default();
    for (number, file) in args.files.iter().enumerate() {
        read(&mut history, number, file).map_err(Failure::usage)?;
    }
    history.finish();
    if args.one_ledger {
        history.join_ledgers();
    }
    let checked = check_history(&history);
    let files: Vec<String> = args.files.iter().map(|file| named(file)).collect();
    let found = HistoryReport {
        history: &history,
        files: &files,
        checked: &checked,
    };
    let status = report::checked(output, args.output, &found);
    ended(status.worse(args.report.write(FoundOut::History(&found), &protected)))
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn named(file: &Path) -> String {
    match is_stdin(file) {
        true => "stdin".to_string(),
        false => file.display().to_string(),
    }
}

/// A file that is named twice would tell all of its answers twice.
fn refuse_twice(files: &[PathBuf]) -> anyhow::Result<()> {
    let mut known = HashSet::new();
    let mut has_stdin = false;
    for file in files {
        let is_twice = match is_stdin(file) {
            true => std::mem::replace(&mut has_stdin, true),
            // What is not there is told where it is read.
            false => fs::metadata(file)
                .is_ok_and(|found| found.is_file() && !known.insert((found.dev(), found.ino()))),
        };
        if is_twice {
            return Err(anyhow!("`{}` is named twice", named(file)));
        }
    }
    Ok(())
}

/// Reads all lines of a file.
fn read(history: &mut ObservedHistory, number: usize, file: &Path) -> anyhow::Result<()> {
    let name = named(file);
    if is_stdin(file) {
        note_terminal("a history");
    }
    let input: Box<dyn Read> = match is_stdin(file) {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(file).with_context(|| format!("cannot read `{name}`"))?),
    };
    let mut input = BufReader::with_capacity(1 << 20, input);
    let mut line = Vec::new();
    history.next_file();
    for at in 1.. {
        line.clear();
        let read = (&mut input).take(MAX_LINE + 1).read_until(b'\n', &mut line);
        if read.with_context(|| format!("cannot read `{name}` at line {at}"))? == 0 {
            break;
        }
        if line.len() as u64 > MAX_LINE {
            let most = MAX_LINE >> 20;
            return Err(anyhow!("`{name}`, line {at}: it is longer than {most} MiB"));
        }
        let text = std::str::from_utf8(line.trim_ascii());
        let text = text.with_context(|| format!("cannot read `{name}`: line {at}"))?;
        if !text.is_empty() {
            let added = history.add(number, at, text);
            added.with_context(|| format!("cannot read `{name}`"))?;
        }
    }
    Ok(())
}
