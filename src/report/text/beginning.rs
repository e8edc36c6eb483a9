//! The first lines of a run: what the mode is, in the words of someone who has never seen it.

use std::io::{self, Write};

use super::mechanism::Mechanism;
use super::{Count, one_line};
use crate::event::RunStarted;
use crate::report::Detail;

/// One line that names the mode, its processes and its mechanism; in detail also who decides.
pub(super) fn run_started(run: &RunStarted, detail: Detail, out: &mut Vec<u8>) -> io::Result<()> {
    let RunStarted {
        mode,
        mechanism,
        operations,
        jobs,
        ops_per_worker,
        ..
    } = run;
    write!(out, "{mode}: ")?;
    let shared = Mechanism::from(mode);
    match (shared, operations, ops_per_worker) {
        (Mechanism::Threads, ..) => write!(out, "{}", Count((*jobs).into(), "thread", "threads"))?,
        (_, Some(count), 1) => {
            let count = Count(*count, "operation", "operations");
            write!(out, "{count}, each in its own process")?;
        }
        (_, None, 1) => write!(out, "each operation in its own process")?,
        _ => {
            let jobs = Count((*jobs).into(), "process", "processes");
            write!(out, "up to {jobs} at a time")?;
        }
    }
    writeln!(out, ", {mechanism}")?;
    if detail == Detail::Results {
        return Ok(());
    }
    let parent = format!("the parent (pid {})", run.pid);
    match (shared, &run.ledger) {
        (Mechanism::Cells, _) => {
            let sync = run.sync.as_deref().unwrap_or_default();
            writeln!(
                out,
                "{parent} keeps the data, the processes decide (sync {sync})"
            )?;
            writeln!(
                out,
                "v0, v1 and so on count how often a balance was written"
            )
        }
        (Mechanism::Memory, _) => {
            let sync = run.sync.as_deref().unwrap_or_default();
            writeln!(out, "{parent} made the memory (sync {sync})")?;
            writeln!(
                out,
                "v0, v1 and so on count the updates that a balance includes"
            )
        }
        (_, Some(ledger)) => {
            let ledger = one_line(ledger);
            writeln!(out, "{parent} asks the ledger `{ledger}` for them")
        }
        _ => writeln!(out, "{parent} owns the balance and decides"),
    }
}
