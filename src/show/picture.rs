//! What is drawn. All times are microseconds since the picture begins, all money is minor units.

use crate::bank::{Kind, Name, WaitInVain};
use crate::event::{Mode, Race, Reason, RequestName};

/// One or more runs, laid out on one time axis.
#[derive(Debug, Default)]
pub struct Picture {
    /// The runs, in the order of their start.
    pub runs: Vec<PicturedRun>,
    /// A lane for each process, run after run, in the order of their first operations.
    pub lanes: Vec<Lane>,
    /// The operations, in the order in which they began.
    pub operations: Vec<PicturedOperation>,
    /// The accounts, the one that changed most first.
    pub accounts: Vec<BalanceHistory>,
    /// The reads and writes of shared cells, in their order.
    pub accesses: Vec<CellAccess>,
    /// The waits for locks, in the order of their times.
    pub waits: Vec<PicturedWait>,
    /// The requests and their replies, in the order in which they were sent.
    pub requests: Vec<RequestTimes>,
    /// When the last of it ends.
    pub end: u64,
    /// How many operations more there were, beyond those that are kept.
    pub left_out: u64,
    /// What a reader of the picture must know: what is left out, and why.
    pub notes: Vec<String>,
}

/// One run.
#[derive(Debug, Default)]
pub struct PicturedRun {
    /// The file that it was read from; empty for the run that has just ended.
    pub source: String,
    /// The mode's name; empty if the recording does not tell it.
    pub mode: Mode,
    /// How its workers keep out of each other's way, where they share data.
    pub sync: Option<String>,
    /// The ledger, if it lasts.
    pub ledger: Option<String>,
    /// Its own name, if it has one.
    pub name: Option<String>,
    /// The parent process; 0 if the recording does not tell it.
    pub pid: u32,
    /// When it began, by the calendar.
    pub started_at: Option<String>,
    /// When it began.
    pub from: u64,
    /// When its last event was.
    pub until: u64,
    /// Its end, if the recording has one.
    pub totals: Option<PicturedTotals>,
    /// What became of each remedy that threads tried, in `sync`, which has no operations of processes.
    pub races: Vec<Race>,
}

/// What a run says of itself at its end.
#[derive(Debug, Default)]
pub struct PicturedTotals {
    /// Its exit status.
    pub status: u8,
    /// Its duration.
    pub elapsed: u64,
    /// What its work would take one after another.
    pub sequential: u64,
    /// Processes started.
    pub processes: u64,
    /// The updates of shared cells that were lost; `None` where others may write too.
    pub lost_updates: Option<u64>,
    /// Why it ended before its work did, if it did.
    pub ended_early: Option<String>,
    /// Its accounts.
    pub balances: Vec<RunBalance>,
}

/// An account at the end of a run.
#[derive(Debug)]
pub struct RunBalance {
    /// Its name.
    pub account: String,
    /// What it holds.
    pub balance: i64,
    /// What it must hold, if that is known.
    pub expected: Option<i64>,
    /// Of its updates, how many were lost.
    pub lost_updates: u64,
}

/// One process.
#[derive(Debug)]
pub struct Lane {
    /// Its run, as a place in [`Picture::runs`].
    pub run: usize,
    /// Its number within the run; 0 for what needed no process.
    pub worker: u32,
    /// The process.
    pub pid: u32,
    /// When it was started, if the recording has steps.
    pub spawned: Option<u64>,
    /// When its link was there.
    pub connected: Option<u64>,
    /// When it was gone.
    pub exited: Option<u64>,
    /// How it ended, if it was not as it should.
    pub end: Option<LaneEnd>,
    /// Its operations, as places in [`Picture::operations`].
    pub operations: Vec<usize>,
}

/// The end of a process that should have ended with status 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneEnd {
    /// With another status.
    Status(i64),
    /// By a signal.
    Signal(i64),
}

/// One operation.
#[derive(Clone, Debug)]
pub struct PicturedOperation {
    /// Its run, as a place in [`Picture::runs`].
    pub run: usize,
    /// Its lane, as a place in [`Picture::lanes`].
    pub lane: usize,
    /// Its number within the run.
    pub number: u64,
    /// What it is.
    pub kind: Kind,
    /// Its account, as a place in [`Picture::accounts`].
    pub account: usize,
    /// Where its money goes, as a place in [`Picture::accounts`].
    pub to: Option<usize>,
    /// What it moves.
    pub amount: Option<i64>,
    /// The caller's id.
    pub id: Option<Box<str>>,
    /// The line of the input.
    pub line: Option<u64>,
    /// When a worker was given it.
    pub begun: u64,
    /// When its process was there, if it was given to one that had yet to start.
    pub process_ready: Option<u64>,
    /// When it waited last for what others held.
    pub waited: Option<(u64, u64)>,
    /// When its work was done: from the hold, or the read of a shared cell, until it asks for the end.
    pub worked: Option<(u64, u64)>,
    /// When its end was decided or known; where it has none, when its run was last heard of.
    pub ended: u64,
    /// How it ended.
    pub end: OperationEnd,
    /// The outcome is that of an earlier operation.
    pub duplicate: bool,
    /// Why it was refused or failed.
    pub reason: Option<Reason>,
    /// In more words.
    pub detail: Option<Box<str>>,
    /// What its account holds after it.
    pub balance: Option<i64>,
    /// The ledger's order.
    pub seq: Option<u64>,
    /// The order of all decisions.
    pub decided: Option<u64>,
    /// Its process died when it had written half, and another one completed that.
    pub repaired: Option<PicturedRepair>,
}

/// The completion of what a process had half-written when it died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PicturedRepair {
    /// When it was told.
    pub at: u64,
    /// The worker that completed it; `None`: the parent did.
    pub worker: Option<u32>,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OperationEnd {
    /// Posted or viewed.
    Completed,
    /// The bank or the command said no.
    Refused,
    /// It was voided or never began.
    Failed,
    /// It is not known what its work did.
    InDoubt,
    /// The recording does not have its end.
    Unfinished,
}

impl OperationEnd {
    /// All of them.
    pub const ALL: [OperationEnd; 5] = [
        OperationEnd::Completed,
        OperationEnd::Refused,
        OperationEnd::Failed,
        OperationEnd::InDoubt,
        OperationEnd::Unfinished,
    ];

    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            OperationEnd::Completed => "completed",
            OperationEnd::Refused => "refused",
            OperationEnd::Failed => "failed",
            OperationEnd::InDoubt => "in doubt",
            OperationEnd::Unfinished => "unfinished",
        }
    }
}

/// What an operation is doing for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// Its process is being started.
    Start,
    /// It is being begun: the request is on its way, or being decided.
    Begin,
    /// It waits for what others hold.
    Wait,
    /// Its work is done.
    Work,
    /// It is being posted or voided.
    Settle,
    /// All of it in one step.
    Execute,
}

impl Stroke {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Stroke::Start => "start",
            Stroke::Begin => "begin",
            Stroke::Wait => "wait",
            Stroke::Work => "work",
            Stroke::Settle => "settle",
            Stroke::Execute => "execute",
        }
    }
}

impl PicturedOperation {
    /// How long it took.
    pub fn elapsed(&self) -> u64 {
        self.ended.saturating_sub(self.begun)
    }

    /// What it did from its begin to its end: strokes that follow each other without a gap, none of them
    /// empty.
    pub fn strokes(&self) -> Vec<(Stroke, u64, u64)> {
        let ended = self.ended.max(self.begun);
        let begun = self
            .process_ready
            .unwrap_or(self.begun)
            .clamp(self.begun, ended);
        let start = (Stroke::Start, self.begun, begun);
        let Some((from, until)) = self.worked else {
            return match self.waited {
                Some((from, until)) => {
                    let (from, until) = within((from, until), (begun, ended));
                    filled(&[
                        start,
                        (Stroke::Begin, begun, from),
                        (Stroke::Wait, from, until),
                        (Stroke::Begin, until, ended),
                    ])
                }
                None => filled(&[start, (Stroke::Execute, begun, ended)]),
            };
        };
        let (from, until) = within((from, until), (begun, ended));
        let (wait_from, wait_until) = within(self.waited.unwrap_or((from, from)), (begun, from));
        filled(&[
            start,
            (Stroke::Begin, begun, wait_from),
            (Stroke::Wait, wait_from, wait_until),
            (Stroke::Begin, wait_until, from),
            (Stroke::Work, from, until),
            (Stroke::Settle, until, ended),
        ])
    }
}

/// The part of a span that lies within another.
fn within((from, until): (u64, u64), (least, most): (u64, u64)) -> (u64, u64) {
    let from = from.clamp(least, most);
    (from, until.clamp(from, most))
}

fn filled(strokes: &[(Stroke, u64, u64)]) -> Vec<(Stroke, u64, u64)> {
    let filled = strokes.iter().filter(|(_, from, until)| from < until);
    filled.copied().collect()
}

/// How an account's balance went.
#[derive(Debug)]
pub struct BalanceHistory {
    /// Its name, with its run's number where several runs have one of this name.
    pub name: String,
    /// What it held from which moment on, in the order of time.
    pub changes: Vec<BalanceChange>,
    /// How often operations made what is posted another amount.
    pub changed: usize,
}

/// What an account holds from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BalanceChange {
    /// Since when.
    pub at: u64,
    /// What is posted.
    pub posted: i64,
    /// What of it is not set aside.
    pub available: i64,
    /// Which operation changed it, as a place in [`Picture::operations`]; `None` for what it began with.
    pub operation: Option<usize>,
}

/// One read or write of a shared cell.
#[derive(Clone, Debug)]
pub struct CellAccess {
    /// When.
    pub at: u64,
    /// Which operation's, as a place in [`Picture::operations`].
    pub operation: usize,
    /// Which account's cell, as a place in [`Picture::accounts`].
    pub account: usize,
    /// What was done.
    pub step: CellStep,
    /// What was read or written.
    pub balance: i64,
    /// It was added to what stood there, in one step, and nothing was read before.
    pub is_addition: bool,
    /// The cell's version: how many writes it had seen, this one included.
    pub version: u64,
}

/// A wait for what another operation holds.
#[derive(Clone, Debug)]
pub struct PicturedWait {
    /// When it was told.
    pub at: u64,
    /// Which operation waits, as a place in [`Picture::operations`].
    pub operation: usize,
    /// Of which accounts it waits for the lock.
    pub accounts: Vec<Name>,
    /// The operation that has it, as a place in [`Picture::operations`], where that is told.
    pub holder: Option<usize>,
    /// Why it waits in vain, where it does.
    pub in_vain: Option<WaitInVain>,
}

/// What was done with a shared cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellStep {
    /// It was read.
    Read,
    /// It was to be written, and had changed since it was read; it was read again.
    Conflict,
    /// It was written.
    Write {
        /// How many writes were overwritten that the writer had not seen.
        overwrote: u64,
        /// The operation that wrote over this update without having seen it, so that it was lost.
        lost_to: Option<usize>,
    },
}

/// When a request travelled, and its reply.
#[derive(Clone, Debug)]
pub struct RequestTimes {
    /// Which operation's, as a place in [`Picture::operations`].
    pub operation: usize,
    /// What was asked for.
    pub request: RequestName,
    /// The worker was about to send it.
    pub sent: u64,
    /// The parent had it.
    pub received: u64,
    /// The owner of the balance had decided.
    pub decided: u64,
    /// The parent had sent the reply.
    pub answered: u64,
    /// The worker had it.
    pub returned: u64,
}
