//! A run that has a name goes on where it ended: what it has done is told again and not run again.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::thread;
use std::time::{Duration, Instant};

use crate::bank::{Answer, Asked, Id, Line, Outcome, Request, RequestContext};
use crate::report::stderr_line;
use crate::run::LineIds;
use crate::store::{
    BegunLine, DoneLine, Ledger, LedgerError, LineDigests, LineEnd, MAX_PAGE, OpenHold, OpenedRun,
    RunName, open_holds,
};
use crate::workload::{Protection, RunProgress};

/// How long the processes of a run that was killed may take until they are gone and it is free.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the lease of a process may take to end that is not heard of any more, and how long to wait before
/// looking at that again.
const LEASE_PATIENCE: Duration = Duration::from_secs(60);
const LEASE_PAUSE: Duration = Duration::from_millis(500);
/// By so much a lease that is made to last longer differs at least from one that is not.
const PROLONGED: Duration = Duration::from_secs(2);

/// Begins or continues the run of this name, and tells of it. A process that starts it again at once may
/// find its last processes still being ended, or their lease not over yet.
pub fn open(ledger: &mut dyn Ledger, name: &RunName) -> Result<OpenedRun, LedgerError> {
    let began = Instant::now();
    let mut end = None;
    loop {
        let error = match ledger.begin_run(Some(name)) {
            Err(error @ LedgerError::RunIsLive { .. }) => error,
            opened => return opened,
        };
        if began.elapsed() < PATIENCE {
            thread::sleep(PAUSE);
        } else if is_left_to_end(ledger, name, &mut end)? && began.elapsed() < LEASE_PATIENCE {
            thread::sleep(LEASE_PAUSE);
        } else {
            return Err(error);
        }
    }
}

/// Whether the lease of this run seems to be left to end, which is told once. `end` is when it does.
fn is_left_to_end(
    ledger: &mut dyn Ledger,
    name: &RunName,
    end: &mut Option<Instant>,
) -> Result<bool, LedgerError> {
    let Some(holder) = ledger.holder_of_run(name)? else {
        return Ok(end.is_some());
    };
    let ends = Instant::now() + holder.lasts;
    if end.is_none() && !holder.is_alive {
        stderr_line(format_args!(
            "the run `{name}` belongs to {}, which cannot be seen from here: waiting for its lease, which ends within {} s unless it is made to last longer",
            holder.name,
            holder.lasts.as_secs() + 1
        ));
    }
    let first = *end.get_or_insert(ends);
    Ok(!holder.is_alive && ends < first + PROLONGED)
}

/// What a run has done so far: its protected lines, and the ids of those for which work was begun.
pub fn done(
    ledger: &mut dyn Ledger,
    run: &OpenedRun,
    name: &RunName,
    retry_refused: bool,
) -> Result<(RunProgress, LineIds), LedgerError> {
    // A digest over all lines before does not tell whether this one is the same.
    let mut ids = LineIds::new(name.as_str(), run.digests == LineDigests::OfLine);
    let begun = begun_lines(ledger, run.number, &mut ids)?;
    let mut lines = done_lines(ledger, run.number, &begun)?;
    // What is set aside now counts, whatever became of the line before.
    let open = begun.iter().filter(|(_, last)| last.is_open);
    lines.extend(open.map(|(number, last)| {
        let (number, digest) = (*number, last.digest);
        (Line { number, digest }, Protection::Begun)
    }));
    let done = RunProgress::new(name.to_string(), run.digests, lines, retry_refused);
    Ok((done, ids))
}

/// When work for a line was begun last, and whether money is still set aside for it.
struct LastBegun {
    hold: u64,
    digest: u64,
    is_open: bool,
}

/// When work was begun last for each line for which it ever was; also learns the ids.
fn begun_lines(
    ledger: &mut dyn Ledger,
    run: u32,
    ids: &mut LineIds,
) -> Result<HashMap<u64, LastBegun>, LedgerError> {
    let mut lines = HashMap::new();
    let mut after = 0;
    loop {
        let page = ledger.begun_lines(run, after)?;
        let Some(last) = page.last() else {
            return Ok(lines);
        };
        after = last.hold;
        for begun in &page {
            if let Some(id) = &begun.id {
                ids.was_begun(begun.line(), id);
            }
            let BegunLine {
                hold,
                digest,
                is_open,
                ..
            } = *begun;
            let last = LastBegun {
                hold,
                digest,
                is_open,
            };
            lines.insert(begun.line, last);
        }
    }
}

fn done_lines(
    ledger: &mut dyn Ledger,
    run: u32,
    begun: &HashMap<u64, LastBegun>,
) -> Result<Vec<(Line, Protection)>, LedgerError> {
    let (mut lines, mut count) = (Vec::new(), 0);
    // A refusal is over once the line was begun again, even if that failed.
    let is_over = |done: &DoneLine| {
        let last = begun.get(&done.line);
        let is_refused = matches!(done.end, LineEnd::Decided(Outcome::Refused { .. }));
        is_refused && last.is_some_and(|last| last.hold > done.record)
    };
    loop {
        let page = ledger.done_lines(run, count)?;
        if page.is_empty() {
            return Ok(lines);
        }
        count += page.len() as u64;
        let page = page.into_iter().filter(|done| !is_over(done));
        lines.extend(page.map(|done| {
            let (number, digest) = (done.line, done.digest);
            let protection = match done.end {
                LineEnd::Decided(outcome) => Protection::Decided(outcome),
                LineEnd::Skipped { .. } => Protection::Skipped,
            };
            (Line { number, digest }, protection)
        }));
    }
}

/// What is set aside for lines of a run, no matter which process works on it now, and what of that is in doubt.
pub fn begun(ledger: &mut dyn Ledger, run: u32) -> Result<Vec<OpenHold>, LedgerError> {
    open_holds(ledger, |hold| hold.run == Some(run) && hold.line.is_some())
}

/// Posts what is held under these ids, or gives it back. Tells of how many that came true.
pub fn end_holds(
    ledger: &mut dyn Ledger,
    ids: Vec<Id>,
    is_posted: bool,
) -> Result<usize, LedgerError> {
    let caller = RequestContext::default();
    let mut count = 0;
    let request = |id: &Id| {
        let (id, amount) = (id.clone(), None);
        match is_posted {
            true => Request::PostHold { id, amount },
            false => Request::VoidHold { id },
        }
    };
    for ids in ids.chunks(MAX_PAGE) {
        let asked = ids.iter().map(|id| Asked {
            caller,
            request: request(id),
        });
        let mut asked: Vec<Asked> = asked.collect();
        let came_true = |answer: &Option<Answer>| {
            let outcome = answer.as_ref().map(|answer| answer.outcome);
            !matches!(outcome, None | Some(Outcome::Refused { .. }))
        };
        while !asked.is_empty() {
            let answers = ledger.transact(&asked)?;
            count += answers.iter().filter(|answer| came_true(answer)).count();
            asked.drain(..answers.len().min(asked.len()));
        }
    }
    Ok(count)
}

/// The command line that was given, for a shell.
pub fn command(arguments: impl IntoIterator<Item = OsString>) -> String {
    let quoted = arguments.into_iter().map(|argument| quote(&argument));
    quoted.collect::<Vec<_>>().join(" ")
}

/// One word of a shell's command line.
fn quote(argument: &OsStr) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    match argument.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        Some(text) if !text.chars().any(char::is_control) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let escaped = argument.as_bytes().iter().map(|byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            });
            format!("$'{}'", escaped.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests;
