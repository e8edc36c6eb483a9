//! The runs of the page: so many at a time, so many kept, and all ended with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::live_run::LiveRun;

/// The most runs at a time.
const MAX_UNDER_WAY: usize = 4;
/// The most runs that are remembered, with those that have ended.
const MAX_KEPT: usize = 12;

/// How the runs are ended, and how long each way is given: asked twice, as by two Ctrl-C, then killed.
const ENDING: [(Signal, Duration); 3] = [
    (Signal::TERM, Duration::from_millis(400)),
    (Signal::TERM, Duration::from_secs(3)),
    (Signal::KILL, Duration::from_secs(3)),
];

/// All runs.
#[derive(Default)]
pub(super) struct PageRuns(Mutex<RunTable>);

#[derive(Default)]
struct RunTable {
    all: BTreeMap<u32, Arc<LiveRun>>,
    last: u32,
    /// The page is ending.
    closed: bool,
}

/// Why no run was begun.
#[derive(Debug, thiserror::Error)]
pub(super) enum BeginError {
    #[error("{MAX_UNDER_WAY} runs are under way: stop one, or wait for its end")]
    TooMany,
    #[error("the page is ending")]
    Closed,
    #[error("the run cannot be started: {0}")]
    System(#[from] io::Error),
}

impl PageRuns {
    fn table(&self) -> MutexGuard<'_, RunTable> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a run, in memory or on the ledger at this address.
    pub(super) fn begin(
        &self,
        words: Vec<String>,
        ledger: Option<OsString>,
    ) -> Result<Arc<LiveRun>, BeginError> {
        let mut table = self.table();
        if table.closed {
            return Err(BeginError::Closed);
        }
        let under_way = table.all.values().filter(|run| run.is_under_way());
        if under_way.count() >= MAX_UNDER_WAY {
            return Err(BeginError::TooMany);
        }
        while table.all.len() >= MAX_KEPT {
            let mut ended = table.all.values().filter(|run| !run.is_under_way());
            let Some(oldest) = ended.next().map(|run| run.number) else {
                break;
            };
            table.all.remove(&oldest);
        }
        table.last += 1;
        let run = Arc::new(match ledger {
            Some(ledger) => LiveRun::on_ledger(table.last, words, ledger),
            None => LiveRun::new(table.last, words),
        });
        let own = Arc::clone(&run);
        thread::Builder::new()
            .name("run".to_string())
            .spawn(move || own.execute())?;
        table.all.insert(run.number, Arc::clone(&run));
        Ok(run)
    }

    /// The run of this number.
    pub(super) fn of(&self, number: u32) -> Option<Arc<LiveRun>> {
        self.table().all.get(&number).cloned()
    }

    /// Those that have not ended.
    pub(super) fn under_way(&self) -> Vec<Arc<LiveRun>> {
        let table = self.table();
        let runs = table.all.values().filter(|run| run.is_under_way());
        runs.cloned().collect()
    }

    /// Ends all of them, and waits until they have ended.
    pub(super) fn end_all(&self) {
        self.table().closed = true;
        for (signal, patience) in ENDING {
            let runs = self.under_way();
            for run in &runs {
                // One that has ended meanwhile needs no signal.
                let _ = run.signal(signal);
            }
            let until = Instant::now() + patience;
            if runs.iter().all(|run| run.wait_for_end(until)) {
                return;
            }
        }
    }
}
