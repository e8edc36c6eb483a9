//! The types that travel between the server process of a ledger and its clients.

mod runs;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};

use super::super::ledger::{Fault, MAX_TEXT, Query, Response};
use runs::{WireBegunLine, WireRunTotals, WireSkipped};

use super::{WireAnswer, WireAsk, WireOperation, WireOutcome, WireView, amount, name, names};
use crate::bank::{Amount, Asked, Balance, Line, Moment, Name, RequestContext};
use crate::protocol::ProtocolError;
use crate::store::{
    ChainEnd, DoneLine, Entry, EntryQuery, LineDigests, LineEnd, MAX_PAGE, MAX_REASON, OpenHold,
    OpenedRun, RunName, Standing, Verified,
};

#[derive(Serialize, Deserialize)]
pub(in super::super) struct WireAsked<'a> {
    run: u32,
    number: u64,
    line: Option<(u64, u64)>,
    strict: bool,
    retry: bool,
    has_side_effects: bool,
    retry_in_doubt: bool,
    #[serde(borrow)]
    ask: WireAsk<'a>,
}

/// The most bytes of a path, as the system has it.
const MAX_PATH: usize = 4_096;

#[derive(Serialize, Deserialize)]
pub(in super::super) enum WireQuestion<'a> {
    #[serde(borrow)]
    LookUp(Vec<&'a str>),
    Accounts(Option<&'a str>),
    Holds(u64),
    Entries(WireQuery<'a>),
    OpenRun(Option<&'a str>),
    DoneLines(u32, u64),
    CloseRun(u32),
    Verify(Option<WireEnd>),
    BegunLines(u32, u64),
    Runs(u32),
    Skip(&'a str, u64, &'a str),
    Backup(&'a [u8]),
}

#[derive(Serialize, Deserialize)]
pub(in super::super) struct WireQuery<'a> {
    after: u64,
    account: Option<&'a str>,
    since: Option<i64>,
    until: Option<i64>,
    limit: u32,
}

#[derive(Serialize, Deserialize)]
pub(in super::super) struct WireEnd(u64, u64, [u8; 32]);

#[derive(Serialize, Deserialize)]
pub(in super::super) enum WireFinding<'a> {
    Answer(Option<WireAnswer>),
    #[serde(borrow)]
    Standing(Option<WireStanding<'a>>),
    Hold(WireHold<'a>),
    Entry(WireEntry<'a>),
    /// Instead of the outcome stands why a line was given up.
    DoneLine(u64, u64, u64, Result<WireOutcome, &'a str>),
    Looked(u64, bool),
    /// Its number, whether it is new, and whether its digests are over one line.
    Run(u32, bool, bool),
    Verified(WireVerified<'a>),
    Done,
    RunIsLive(&'a str),
    Failed(&'a str),
    NotDone(&'a str),
    BegunLine(WireBegunLine<'a>),
    RunTotals(WireRunTotals<'a>),
    Skipped(WireSkipped),
}

#[derive(Serialize, Deserialize)]
pub(in super::super) struct WireStanding<'a>(&'a str, WireView, Option<i64>, u64);

#[derive(Serialize, Deserialize)]
pub(in super::super) struct WireHold<'a> {
    number: u64,
    #[serde(borrow)]
    operation: WireOperation<'a>,
    at: i64,
    expires: Option<i64>,
    run: Option<u32>,
    line: Option<u64>,
    in_doubt: bool,
}

#[derive(Serialize, Deserialize)]
pub(in super::super) struct WireEntry<'a> {
    seq: u64,
    at: i64,
    #[serde(borrow)]
    operation: WireOperation<'a>,
    excess: Option<i64>,
    view: WireView,
    run: Option<&'a str>,
    line: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(in super::super) struct WireVerified<'a> {
    entries: u64,
    records: u64,
    accounts: u64,
    holds: u64,
    end: WireEnd,
    violation: Option<&'a str>,
}

impl<'a> From<&'a Asked> for WireAsked<'a> {
    fn from(Asked { caller, request }: &'a Asked) -> Self {
        WireAsked {
            run: caller.run,
            number: caller.number,
            line: caller.line.map(|line| (line.number, line.digest)),
            strict: caller.strict,
            retry: caller.retry,
            has_side_effects: caller.has_side_effects,
            retry_in_doubt: caller.retry_in_doubt,
            ask: request.into(),
        }
    }
}

impl WireAsked<'_> {
    pub(in super::super) fn checked(self) -> Result<Asked, ProtocolError> {
        let line = |(number, digest)| Line { number, digest };
        Ok(Asked {
            caller: RequestContext {
                run: self.run,
                number: self.number,
                line: self.line.map(line),
                strict: self.strict,
                retry: self.retry,
                has_side_effects: self.has_side_effects,
                retry_in_doubt: self.retry_in_doubt,
            },
            request: self.ask.checked_bank()?,
        })
    }
}

impl<'a> From<&'a Query> for WireQuestion<'a> {
    fn from(question: &'a Query) -> Self {
        match question {
            Query::LookUp(names) => WireQuestion::LookUp(names.iter().map(Name::as_str).collect()),
            Query::Accounts(after) => WireQuestion::Accounts(after.as_ref().map(Name::as_str)),
            Query::Holds(after) => WireQuestion::Holds(*after),
            Query::Entries(query) => WireQuestion::Entries(WireQuery {
                after: query.after,
                account: query.account.as_ref().map(Name::as_str),
                since: query.since.map(Moment::micros),
                until: query.until.map(Moment::micros),
                limit: u32::try_from(query.limit.min(MAX_PAGE)).unwrap_or(u32::MAX),
            }),
            Query::OpenRun(run) => WireQuestion::OpenRun(run.as_ref().map(RunName::as_str)),
            Query::DoneLines { run, after } => WireQuestion::DoneLines(*run, *after),
            Query::BegunLines { run, after } => WireQuestion::BegunLines(*run, *after),
            Query::Runs(after) => WireQuestion::Runs(*after),
            Query::Skip { run, line, reason } => WireQuestion::Skip(run.as_str(), *line, reason),
            Query::CloseRun(run) => WireQuestion::CloseRun(*run),
            Query::Verify(expect) => WireQuestion::Verify(expect.map(WireEnd::from)),
            Query::Backup(path) => WireQuestion::Backup(path.as_os_str().as_bytes()),
        }
    }
}

impl WireQuestion<'_> {
    pub(in super::super) fn checked(self) -> Result<Query, ProtocolError> {
        Ok(match self {
            WireQuestion::LookUp(texts) => Query::LookUp(names(texts)?),
            WireQuestion::Accounts(after) => Query::Accounts(after.map(name).transpose()?),
            WireQuestion::Holds(after) => Query::Holds(after),
            WireQuestion::Entries(query) => Query::Entries(EntryQuery {
                after: query.after,
                account: query.account.map(name).transpose()?,
                since: query.since.map(Moment::new),
                until: query.until.map(Moment::new),
                limit: usize::try_from(query.limit).map_or(MAX_PAGE, |limit| limit.min(MAX_PAGE)),
            }),
            WireQuestion::OpenRun(name) => Query::OpenRun(name.map(run_name).transpose()?),
            WireQuestion::DoneLines(run, after) => Query::DoneLines { run, after },
            WireQuestion::BegunLines(run, after) => Query::BegunLines { run, after },
            WireQuestion::Runs(after) => Query::Runs(after),
            WireQuestion::Skip(run, line, reason) if reason.len() <= MAX_REASON => Query::Skip {
                run: run_name(run)?,
                line,
                reason: reason.to_string(),
            },
            WireQuestion::Skip(..) => return Err(ProtocolError::Content("reason")),
            WireQuestion::CloseRun(run) => Query::CloseRun(run),
            WireQuestion::Verify(expect) => Query::Verify(expect.map(ChainEnd::from)),
            WireQuestion::Backup(path) if path.starts_with(b"/") && path.len() <= MAX_PATH => {
                Query::Backup(OsStr::from_bytes(path).into())
            }
            WireQuestion::Backup(_) => return Err(ProtocolError::Content("path")),
        })
    }
}

fn run_name(text: &str) -> Result<RunName, ProtocolError> {
    text.parse().map_err(|_| ProtocolError::Content("run"))
}

impl From<ChainEnd> for WireEnd {
    fn from(end: ChainEnd) -> Self {
        WireEnd(end.seq, end.record, end.hash)
    }
}

impl From<WireEnd> for ChainEnd {
    fn from(WireEnd(seq, record, hash): WireEnd) -> Self {
        ChainEnd { seq, record, hash }
    }
}

impl<'a> From<&'a Response> for WireFinding<'a> {
    fn from(finding: &'a Response) -> Self {
        match finding {
            Response::Answer(answer) => WireFinding::Answer(answer.as_ref().map(WireAnswer::from)),
            Response::Standing(standing) => {
                WireFinding::Standing(standing.as_ref().map(WireStanding::from))
            }
            Response::Hold(hold) => WireFinding::Hold(hold.into()),
            Response::Entry(entry) => WireFinding::Entry(entry.into()),
            Response::DoneLine(done) => {
                let outcome = match &done.end {
                    LineEnd::Decided(outcome) => Ok(outcome.into()),
                    LineEnd::Skipped { reason } => Err(reason.as_str()),
                };
                WireFinding::DoneLine(done.line, done.digest, done.record, outcome)
            }
            Response::BegunLine(begun) => WireFinding::BegunLine(begun.into()),
            Response::RunTotals(totals) => WireFinding::RunTotals(totals.into()),
            Response::Skipped(skipped) => WireFinding::Skipped(skipped.into()),
            Response::Looked { at, is_last } => WireFinding::Looked(*at, *is_last),
            Response::Run(run) => {
                let of_line = run.digests == LineDigests::OfLine;
                WireFinding::Run(run.number, run.is_new, of_line)
            }
            Response::Verified(verified) => WireFinding::Verified(verified.into()),
            Response::Done => WireFinding::Done,
            Response::Failed(Fault::RunIsLive(run)) => WireFinding::RunIsLive(run.as_str()),
            Response::Failed(Fault::NotDone(text)) => WireFinding::NotDone(bounded(text)),
            Response::Failed(Fault::Other(text)) => WireFinding::Failed(bounded(text)),
        }
    }
}

/// As much of a text as may travel.
fn bounded(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_TEXT)]
}

impl WireFinding<'_> {
    pub(in super::super) fn checked(self) -> Result<Response, ProtocolError> {
        Ok(match self {
            WireFinding::Answer(answer) => {
                Response::Answer(answer.map(WireAnswer::checked).transpose()?)
            }
            WireFinding::Standing(standing) => {
                Response::Standing(standing.map(WireStanding::checked).transpose()?)
            }
            WireFinding::Hold(hold) => Response::Hold(hold.checked()?),
            WireFinding::Entry(entry) => Response::Entry(entry.checked()?),
            WireFinding::DoneLine(line, digest, record, outcome) => Response::DoneLine(DoneLine {
                line,
                digest,
                record,
                end: match outcome {
                    Ok(outcome) => LineEnd::Decided(outcome.checked()?),
                    Err(reason) if reason.len() <= MAX_REASON => LineEnd::Skipped {
                        reason: reason.to_string(),
                    },
                    Err(_) => return Err(ProtocolError::Content("reason")),
                },
            }),
            WireFinding::BegunLine(begun) => Response::BegunLine(begun.checked()?),
            WireFinding::RunTotals(totals) => Response::RunTotals(totals.checked()?),
            WireFinding::Skipped(skipped) => Response::Skipped(skipped.checked()?),
            WireFinding::Looked(at, is_last) => Response::Looked { at, is_last },
            WireFinding::Run(number, is_new, of_line) => Response::Run(OpenedRun {
                number,
                is_new,
                digests: match of_line {
                    true => LineDigests::OfLine,
                    false => LineDigests::UpToLine,
                },
            }),
            WireFinding::Verified(verified) => Response::Verified(verified.into()),
            WireFinding::Done => Response::Done,
            WireFinding::RunIsLive(run) => Response::Failed(Fault::RunIsLive(run_name(run)?)),
            WireFinding::NotDone(text) => Response::Failed(Fault::NotDone(text.to_string())),
            WireFinding::Failed(text) => Response::Failed(Fault::Other(text.to_string())),
        })
    }
}

impl<'a> From<&'a Standing> for WireStanding<'a> {
    fn from(standing: &'a Standing) -> Self {
        let Standing {
            name,
            view,
            overdraft,
            lost_updates,
        } = standing;
        let overdraft = overdraft.map(Balance::minor);
        WireStanding(name.as_str(), (*view).into(), overdraft, *lost_updates)
    }
}

impl WireStanding<'_> {
    fn checked(self) -> Result<Standing, ProtocolError> {
        let WireStanding(text, view, overdraft, lost_updates) = self;
        Ok(Standing {
            name: name(text)?,
            view: view.into(),
            overdraft: overdraft.map(Balance::new),
            lost_updates,
        })
    }
}

impl<'a> From<&'a OpenHold> for WireHold<'a> {
    fn from(hold: &'a OpenHold) -> Self {
        WireHold {
            number: hold.number,
            operation: (&hold.operation).into(),
            at: hold.at.micros(),
            expires: hold.expires.map(Moment::micros),
            run: hold.run,
            line: hold.line,
            in_doubt: hold.in_doubt,
        }
    }
}

impl WireHold<'_> {
    fn checked(self) -> Result<OpenHold, ProtocolError> {
        Ok(OpenHold {
            number: self.number,
            operation: self.operation.checked()?,
            at: Moment::new(self.at),
            expires: self.expires.map(Moment::new),
            run: self.run,
            line: self.line,
            in_doubt: self.in_doubt,
        })
    }
}

impl<'a> From<&'a Entry> for WireEntry<'a> {
    fn from(entry: &'a Entry) -> Self {
        WireEntry {
            seq: entry.seq,
            at: entry.at.micros(),
            operation: (&entry.operation).into(),
            excess: entry.excess.map(Amount::minor),
            view: entry.view.into(),
            run: entry.run.as_ref().map(RunName::as_str),
            line: entry.line,
        }
    }
}

impl WireEntry<'_> {
    fn checked(self) -> Result<Entry, ProtocolError> {
        Ok(Entry {
            seq: self.seq,
            at: Moment::new(self.at),
            operation: self.operation.checked()?,
            excess: self.excess.map(amount).transpose()?,
            view: self.view.into(),
            run: self.run.map(run_name).transpose()?,
            line: self.line,
        })
    }
}

impl<'a> From<&'a Verified> for WireVerified<'a> {
    fn from(verified: &'a Verified) -> Self {
        WireVerified {
            entries: verified.entries,
            records: verified.records,
            accounts: verified.accounts,
            holds: verified.holds,
            end: verified.end.into(),
            violation: verified.violation.as_deref().map(bounded),
        }
    }
}

impl From<WireVerified<'_>> for Verified {
    fn from(wire: WireVerified<'_>) -> Self {
        Verified {
            entries: wire.entries,
            records: wire.records,
            accounts: wire.accounts,
            holds: wire.holds,
            end: wire.end.into(),
            violation: wire.violation.map(str::to_string),
        }
    }
}
