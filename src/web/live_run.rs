//! One run of the page: a real process, the events that it tells, and who may be ended in it.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::child::{LEDGER_VARIABLE, spawn};
use crate::command::this_program_with;
use crate::supervisor::children_of;

/// How many of the last events are kept for pages that are slow or come late.
const KEPT_EVENTS: usize = 8_192;
/// The longest event; the program writes none that is longer.
const MAX_EVENT: u64 = 64 * 1024;
/// The most that is kept of what it says on stderr.
const MAX_WORDS: u64 = 4_096;
/// The most events that one page is given at once.
const BLOCK: usize = 512;

/// A run.
pub(super) struct LiveRun {
    /// By which the page knows it.
    pub(super) number: u32,
    /// The words of its command.
    pub(super) words: Vec<String>,
    /// The address of the ledger that it reads or changes; a demonstration has none.
    ledger: Option<OsString>,
    state: Mutex<LiveState>,
    news: Condvar,
}

#[derive(Default)]
struct LiveState {
    process: Option<(Pid, OwnedFd)>,
    /// The workers that it has started and not reaped.
    workers: HashSet<u32>,
    events: VecDeque<Arc<str>>,
    /// How many events were let go of before those.
    dropped: u64,
    end: Option<LiveEnd>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct LiveEnd {
    status: Option<i32>,
    signal: Option<i32>,
    /// What it said on stderr.
    words: String,
}

/// What has happened in a run since.
pub(super) struct RunNews {
    /// How many events are no longer there.
    pub(super) missed: u64,
    /// The number of the first of these.
    pub(super) first: u64,
    pub(super) events: Vec<Arc<str>>,
    /// How it ended, once all events were told.
    pub(super) end: Option<LiveEnd>,
}

/// Why nothing was ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum KillError {
    #[error("process {0} is no worker of this run, or has ended")]
    NoWorker(u32),
    #[error("the run has ended")]
    Ended,
    #[error("process {0} could not be ended: {1}")]
    System(u32, io::Error),
}

/// What an event tells of processes.
#[derive(Deserialize)]
struct ProcessEvent<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    pid: Option<u32>,
}

impl LiveRun {
    /// A run that [`LiveRun::execute`] begins.
    pub(super) fn new(number: u32, words: Vec<String>) -> Self {
        LiveRun {
            number,
            words,
            ledger: None,
            state: Mutex::default(),
            news: Condvar::new(),
        }
    }

    /// The same, on the ledger at this address.
    pub(super) fn on_ledger(number: u32, words: Vec<String>, ledger: OsString) -> Self {
        LiveRun {
            ledger: Some(ledger),
            ..LiveRun::new(number, words)
        }
    }

    /// Whether it is one of the demonstrations, whose balance is in memory.
    pub(super) fn is_in_memory(&self) -> bool {
        self.ledger.is_none()
    }

    /// How many events it has told.
    pub(super) fn known(&self) -> u64 {
        self.state().known()
    }

    fn state(&self) -> MutexGuard<'_, LiveState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs it in this thread, with which its process would end too.
    pub(super) fn execute(&self) {
        let end = self.supervise().unwrap_or_else(|error| LiveEnd {
            words: format!("the run cannot be started: {error}"),
            ..LiveEnd::default()
        });
        let mut state = self.state();
        state.process = None;
        state.workers.clear();
        state.end = Some(end);
        drop(state);
        self.news.notify_all();
    }

    fn supervise(&self) -> io::Result<LiveEnd> {
        let mut command = with_events(&self.words, self.ledger.as_deref())?;
        let mut child = spawn(&mut command)?;
        let pid = Pid::from_child(&child);
        self.state().process = Some((pid, pidfd_open(pid, PidfdFlags::empty())?));
        let said = said_by(&mut child);
        if let Some(stdout) = child.stdout.take() {
            self.record(BufReader::new(stdout))?;
        }
        let status = child.wait()?;
        Ok(LiveEnd {
            status: status.code(),
            signal: status.signal(),
            words: said.and_then(|said| said.join().ok()).unwrap_or_default(),
        })
    }

    fn record(&self, mut stdout: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut bounded = (&mut stdout).take(MAX_EVENT);
            if bounded.read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let text = String::from_utf8_lossy(line.trim_ascii_end());
            self.add(&text);
        }
    }

    fn add(&self, event: &str) {
        let told = serde_json::from_str::<ProcessEvent<'_>>(event).ok();
        let mut state = self.state();
        match told {
            Some(ProcessEvent {
                kind,
                pid: Some(pid),
            }) if kind == "spawned" => {
                state.workers.insert(pid);
            }
            Some(ProcessEvent {
                kind,
                pid: Some(pid),
            }) if kind == "exited" => {
                state.workers.remove(&pid);
            }
            _ => {}
        }
        if state.events.len() == KEPT_EVENTS {
            state.events.pop_front();
            state.dropped += 1;
        }
        state.events.push_back(Arc::from(event));
        drop(state);
        self.news.notify_all();
    }

    /// What has happened after the event of this number; waits so long for it.
    pub(super) fn news(&self, after: u64, patience: Duration) -> RunNews {
        let until = Instant::now() + patience;
        let mut state = self.state();
        loop {
            let known = state.known();
            let left = until.saturating_duration_since(Instant::now());
            if known > after || state.end.is_some() || left.is_zero() {
                return state.since(after);
            }
            let waited = self.news.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Whether it has not ended.
    pub(super) fn is_under_way(&self) -> bool {
        self.state().end.is_none()
    }

    /// Waits until it has ended. False if it takes longer.
    pub(super) fn wait_for_end(&self, until: Instant) -> bool {
        let state = self.state();
        let left = until.saturating_duration_since(Instant::now());
        let waited = self
            .news
            .wait_timeout_while(state, left, |state| state.end.is_none());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.end.is_some()
    }

    /// Sends the run a signal, if it has not ended.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), KillError> {
        match &self.state().process {
            Some((_, process)) => {
                // It fails only where the process has ended just now.
                let _ = pidfd_send_signal(process, signal);
                Ok(())
            }
            None => Err(KillError::Ended),
        }
    }

    /// Kills a worker of this run, and no other process: also if the number is another's by now.
    pub(super) fn kill_worker(&self, worker: u32) -> Result<(), KillError> {
        let state = self.state();
        let Some((parent, _)) = &state.process else {
            return Err(KillError::Ended);
        };
        let pid = i32::try_from(worker).ok().and_then(Pid::from_raw);
        let pid = pid.filter(|_| state.workers.contains(&worker));
        let pid = pid.ok_or(KillError::NoWorker(worker))?;
        let process =
            pidfd_open(pid, PidfdFlags::empty()).map_err(|_| KillError::NoWorker(worker))?;
        // What the descriptor names stays the same process from here on.
        if !children_of(*parent).contains(&pid) {
            return Err(KillError::NoWorker(worker));
        }
        pidfd_send_signal(process, Signal::KILL)
            .map_err(|errno| KillError::System(worker, errno.into()))
    }
}

impl LiveState {
    fn known(&self) -> u64 {
        self.dropped + self.events.len() as u64
    }

    fn since(&self, after: u64) -> RunNews {
        let known = self.known();
        // A number that this run has not reached is that of another page's.
        let after = after.min(known);
        let begin = after.max(self.dropped);
        let skipped = usize::try_from(begin - self.dropped).unwrap_or(usize::MAX);
        let events: Vec<_> = self
            .events
            .iter()
            .skip(skipped)
            .take(BLOCK)
            .cloned()
            .collect();
        let are_all = begin + events.len() as u64 == known;
        RunNews {
            missed: begin - after,
            first: begin + 1,
            events,
            end: self.end.clone().filter(|_| are_all),
        }
    }
}

/// The command of these words, as a person would type it who wants events: on the ledger at this address,
/// which all users could read among the words.
pub(super) fn with_events(words: &[String], ledger: Option<&OsStr>) -> io::Result<Command> {
    let mut all: Vec<OsString> = words.iter().map(OsString::from).collect();
    // What follows `--` is no flag.
    all.insert(1.min(all.len()), "--output=json".into());
    let mut command = this_program_with(&all)?;
    match ledger {
        Some(address) => command.env(LEDGER_VARIABLE, address),
        // A demonstration never touches a ledger that lasts.
        None => command.env_remove(LEDGER_VARIABLE),
    };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Ok(command)
}

/// Keeps the beginning of what a child says on stderr, and reads the rest too, so that it never waits.
pub(super) fn said_by(child: &mut Child) -> Option<thread::JoinHandle<String>> {
    let mut stderr = child.stderr.take()?;
    Some(thread::spawn(move || {
        let mut said = Vec::new();
        let _ = (&mut stderr).take(MAX_WORDS).read_to_end(&mut said);
        let _ = io::copy(&mut stderr, &mut io::sink());
        String::from_utf8_lossy(&said).into_owned()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;

    #[test]
    fn a_slow_page_is_told_what_it_missed_and_the_run_never_waits() {
        let run = LiveRun::new(1, Vec::new());
        for number in 0..KEPT_EVENTS + 10 {
            run.add(&format!("{{\"type\":\"completed\",\"seq\":{number}}}"));
        }
        let late = run.news(0, AT_ONCE);
        assert_eq!(
            (late.missed, late.first, late.events.len()),
            (10, 11, BLOCK)
        );
        assert!(late.events[0].contains("\"seq\":10}") && late.end.is_none());
        let on = run.news(late.first + late.events.len() as u64 - 1, AT_ONCE);
        assert_eq!((on.missed, on.first), (0, 11 + BLOCK as u64));
        let beyond = run.news(u64::MAX, AT_ONCE);
        assert!(beyond.events.is_empty() && beyond.missed == 0);
    }

    #[test]
    fn the_end_comes_behind_all_events() {
        let run = LiveRun::new(1, Vec::new());
        (0..BLOCK + 1).for_each(|_| run.add("{}"));
        run.state().end = Some(LiveEnd::default());
        assert!(run.news(0, AT_ONCE).end.is_none());
        let rest = run.news(BLOCK as u64, AT_ONCE);
        assert_eq!(rest.events.len(), 1);
        assert!(rest.end.is_some() && !run.is_under_way());
    }

    #[test]
    fn no_process_but_a_worker_of_the_run_is_killed() {
        let run = LiveRun::new(1, Vec::new());
        let own = std::process::id();
        assert!(matches!(run.kill_worker(own), Err(KillError::Ended)));
        let pid = rustix::process::getpid();
        let process = pidfd_open(pid, PidfdFlags::empty()).expect("this process");
        run.state().process = Some((pid, process));
        for worker in [own, 0, 1, u32::MAX] {
            assert!(matches!(
                run.kill_worker(worker),
                Err(KillError::NoWorker(_))
            ));
        }
        // It says so itself, and is none all the same.
        run.add(&format!("{{\"type\":\"spawned\",\"pid\":{own}}}"));
        assert!(matches!(run.kill_worker(own), Err(KillError::NoWorker(_))));
    }
}
