//! A run that has a name goes on where it ended: what it has done is told again and not run again.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::thread;
use std::time::{Duration, Instant};

use crate::bank::{Answer, Asked, Caller, Id, Line, Outcome, Request};
use crate::store::{Ledger, LedgerError, LineEnd, MAX_PAGE, OpenHold, OpenedRun, RunName};
use crate::workload::Done;

/// How long the processes of a run that was killed may take until they are gone and it is free.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(20);

/// Begins or continues the run of this name, and tells of it. Whoever starts it again at once may
/// find its last processes still being ended.
pub fn open(ledger: &mut dyn Ledger, name: &RunName) -> Result<OpenedRun, LedgerError> {
    let began = Instant::now();
    loop {
        match ledger.open_run(Some(name)) {
            Err(LedgerError::RunIsLive { .. }) if began.elapsed() < PATIENCE => {
                thread::sleep(PAUSE);
            }
            opened => return opened,
        }
    }
}

/// What a run has done so far.
pub fn done(
    ledger: &mut dyn Ledger,
    run: u32,
    name: &RunName,
    retry_refused: bool,
) -> Result<Done, LedgerError> {
    let mut lines = Vec::new();
    loop {
        let page = ledger.done_lines(run, lines.len() as u64)?;
        if page.is_empty() {
            return Ok(Done::new(name.to_string(), lines, retry_refused));
        }
        lines.extend(page.into_iter().filter_map(|done| {
            let (number, digest) = (done.line, done.digest);
            match done.end {
                LineEnd::Decided(outcome) => Some((Line { number, digest }, outcome)),
                LineEnd::Skipped => None,
            }
        }));
    }
}

/// What is set aside for lines of a run, whoever works on it now, and what of that is in doubt.
pub fn begun(ledger: &mut dyn Ledger, run: u32) -> Result<Vec<OpenHold>, LedgerError> {
    let mut begun = Vec::new();
    let mut after = 0;
    loop {
        let page = ledger.holds(after)?;
        let Some(last) = page.last() else {
            return Ok(begun);
        };
        after = last.number;
        let is_its = |hold: &OpenHold| hold.run == Some(run) && hold.line.is_some();
        begun.extend(page.into_iter().filter(is_its));
    }
}

/// Posts what is held under these ids, or gives it back. Tells of how many that came true.
pub fn end_holds(
    ledger: &mut dyn Ledger,
    ids: Vec<Id>,
    is_posted: bool,
) -> Result<usize, LedgerError> {
    let caller = Caller::default();
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
