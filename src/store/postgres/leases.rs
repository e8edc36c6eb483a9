//! The leases of runs: rows that say until when, by the database's clock, a run is a process's own.
//!
//! A thread of its own makes them last longer, over a connection of its own, so that a commit that takes
//! long does not cost the lease. A process whose lease was given to another (it was stopped, or its
//! network failed) can write nothing any more: each transaction that writes looks, after it has the lock
//! on the head, whether the row still has the epoch that this process was given.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::address::ServerAddress;
use super::faults::PgError;
use super::holder::LeaseProcess;
use super::session::PgSession;
use crate::store::Lease;
use crate::store::lease::{LeaseEnd, LeaseShare, boot_clock};

/// How long a lease lasts, in SQL and as the processes of this host count it.
const LASTS: &str = "interval '30 seconds'";
const LASTS_HERE: Duration = Duration::from_secs(30);
/// How often it is made to last longer.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long the server has to answer it, so that another one is asked before the lease ends.
const ANSWER: Duration = Duration::from_secs(8);
/// How long the end of a lease that was not ended with its run is waited for.
const RELEASE: Duration = Duration::from_secs(5);

/// The runs of this process, and the epochs of their leases.
type LeaseEpochs = Arc<Mutex<BTreeMap<u32, String>>>;

/// Until when all leases of this process surely last.
type SharedEnd = Arc<Mutex<Option<LeaseEnd>>>;

/// The leases of one ledger that this process has.
pub(super) struct RunLeases {
    address: ServerAddress,
    this: Option<LeaseProcess>,
    epochs: LeaseEpochs,
    end: SharedEnd,
    /// Leads to the thread, once there is one.
    thread: Option<Sender<Release>>,
}

/// A lease to be given back, and where that is told.
struct Release {
    run: u32,
    epoch: String,
    done: Sender<()>,
}

/// The lease of one run, which is given back when this is dropped.
pub(super) struct RunLease {
    run: u32,
    epoch: String,
    epochs: LeaseEpochs,
    thread: Option<Sender<Release>>,
}

impl RunLeases {
    pub(super) fn new(address: ServerAddress) -> Self {
        RunLeases {
            address,
            this: LeaseProcess::this(),
            epochs: Arc::default(),
            end: Arc::default(),
            thread: None,
        }
    }

    /// Takes the lease of a run within a transaction that has the lock on the head, and from then on keeps
    /// it; `None` if another process has it.
    pub(super) fn take(
        &mut self,
        session: &mut PgSession,
        run: u32,
    ) -> Result<Option<Lease>, PgError> {
        let asked_at = boot_clock();
        let sql = format!(
            "INSERT INTO leases (run, epoch, expires, holder) VALUES ($1, gen_random_uuid(), clock_timestamp() + {LASTS}, $2) ON CONFLICT (run) DO NOTHING RETURNING epoch::text"
        );
        let holder = self.this.as_ref().and_then(LeaseProcess::row);
        let rows = session.query(&sql, &[&i64::from(run), &holder])?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let epoch: String = row.try_get(0)?;
        let is_first = lock(&self.epochs).insert(run, epoch.clone()).is_none();
        let share = self.share(asked_at, is_first && lock(&self.epochs).len() == 1);
        let lease = RunLease {
            run,
            epoch,
            epochs: Arc::clone(&self.epochs),
            thread: self.thread(),
        };
        Ok(Some(Lease::new(lease, Some(share))))
    }

    /// What the run's own processes see by whether the lease lasts. The first lease of several ends first,
    /// until all are made to last longer.
    fn share(&self, asked_at: Duration, is_first: bool) -> LeaseShare {
        let mut end = lock(&self.end);
        if end.is_none() {
            let name = self.this.as_ref().map(LeaseProcess::file_name);
            *end = LeaseEnd::new(name.as_deref().unwrap_or("lease")).ok();
        }
        if let Some(end) = end.as_ref().filter(|_| is_first) {
            // One that cannot be told counts as ended.
            let _ = end.set(asked_at + LASTS_HERE);
        }
        end.as_ref().map_or_else(LeaseShare::ended, LeaseEnd::share)
    }

    /// The thread, which is started for the first lease. Without one a lease just ends earlier.
    fn thread(&mut self) -> Option<Sender<Release>> {
        if self.thread.is_none() {
            let (sender, releases) = mpsc::channel();
            let keeper = Keeper {
                address: self.address.clone(),
                session: None,
                epochs: Arc::clone(&self.epochs),
                end: Arc::clone(&self.end),
            };
            let thread = thread::Builder::new().name("leases".into());
            let started = thread.spawn(move || keeper.keep(&releases));
            self.thread = started.is_ok().then_some(sender);
        }
        self.thread.clone()
    }

    /// The statement that finds the leases of this process that it still has; nothing if it has none.
    pub(super) fn look(&self) -> Option<String> {
        let rows = rows(&lock(&self.epochs))?;
        Some(format!(
            "SELECT run AS leased FROM leases WHERE (run, epoch) IN ({rows})"
        ))
    }

    /// A run of this process whose lease is not among these.
    pub(super) fn lost(&self, leased: &[u32]) -> Option<u32> {
        let epochs = lock(&self.epochs);
        epochs.keys().copied().find(|run| !leased.contains(run))
    }

    /// The runs whose leases are this process's own.
    pub(super) fn own(&self) -> Vec<i64> {
        lock(&self.epochs).keys().copied().map(i64::from).collect()
    }

    /// A run has ended, and its lease with it.
    pub(super) fn end(&self, run: u32) {
        lock(&self.epochs).remove(&run);
    }
}

impl Drop for RunLease {
    fn drop(&mut self) {
        let is_ended = {
            let mut epochs = lock(&self.epochs);
            let is_it = epochs.get(&self.run) == Some(&self.epoch);
            if is_it {
                epochs.remove(&self.run);
            }
            !is_it
        };
        let Some(thread) = self.thread.take().filter(|_| !is_ended) else {
            return;
        };
        let (done, told) = mpsc::channel();
        let release = Release {
            run: self.run,
            epoch: self.epoch.clone(),
            done,
        };
        // What is not given back in time ends by itself.
        if thread.send(release).is_ok() {
            let _ = told.recv_timeout(RELEASE);
        }
    }
}

/// What the thread has.
struct Keeper {
    address: ServerAddress,
    session: Option<PgSession>,
    epochs: LeaseEpochs,
    end: SharedEnd,
}

impl Keeper {
    /// Works until no lease can come any more.
    fn keep(mut self, releases: &Receiver<Release>) {
        let mut next = Instant::now() + HEARTBEAT;
        loop {
            match releases.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Release { run, epoch, done }) => {
                    let sql = format!("DELETE FROM leases WHERE run = {run} AND epoch = '{epoch}'");
                    let _ = self.ask(&sql);
                    drop(done);
                }
                Err(RecvTimeoutError::Timeout) => {
                    next = Instant::now() + HEARTBEAT;
                    // One that fails is made good by the next.
                    let _ = self.prolong();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Makes all leases last longer.
    fn prolong(&mut self) -> Result<(), PgError> {
        let (asked_at, own) = (boot_clock(), lock(&self.epochs).clone());
        let Some(rows) = rows(&own) else {
            return Ok(());
        };
        let prolonged = self.ask(&format!(
            "UPDATE leases SET expires = clock_timestamp() + {LASTS} WHERE (run, epoch) IN ({rows}) RETURNING run"
        ))?;
        if prolonged == own.len()
            && let Some(end) = &*lock(&self.end)
        {
            // One that cannot be told ends earlier.
            let _ = end.set(asked_at + LASTS_HERE);
        }
        Ok(())
    }

    /// Asks the server, and tells how many rows it answers with.
    fn ask(&mut self, sql: &str) -> Result<usize, PgError> {
        let session = match self.session.take().filter(PgSession::is_usable) {
            Some(session) => session,
            None => {
                let mut session = PgSession::connect(&self.address)?;
                session.answer_within(ANSWER);
                session
            }
        };
        Ok(self.session.insert(session).script(sql)?.len())
    }
}

/// These runs and epochs, as SQL has them; nothing if there are none.
fn rows(epochs: &BTreeMap<u32, String>) -> Option<String> {
    let rows = epochs
        .iter()
        .map(|(run, epoch)| format!("({run}, '{epoch}')"));
    let rows: Vec<String> = rows.collect();
    (!rows.is_empty()).then(|| rows.join(", "))
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept under it is right after every step.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
