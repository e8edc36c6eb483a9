//! `history`: the entries of a ledger, in pages.

mod backwards;
mod filter;
mod follow;

use std::time::Duration;

use anyhow::anyhow;
use clap::{Args, ValueEnum};

use super::ledger::{self, LedgerArgs};
use super::moment::moment;
use super::one::ended;
use super::workload::any_account;
use super::{CliResult, Failure};
use crate::bank::{Moment, Name};
use crate::report::{EntryFormat, History, Output, ProtectedFiles};
use crate::store::{Access, EntryQuery, MAX_PAGE};
use backwards::walk_back;
use filter::{EntrySelection, FilterArgs};
use follow::Followed;

/// The most entries of `--tail`.
const MAX_TAIL: u64 = 100_000;

/// How long `--follow` waits before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

#[derive(Args)]
pub(super) struct HistoryArgs {
    /// Only entries with this account on one of their sides
    #[arg(value_parser = any_account)]
    account: Option<Name>,
    /// Only entries of this moment and later: `2026-11-23`, `2026-11-23 10:00` (UTC), `today`, or `2h` ago
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Moment>,
    /// Only entries before this moment
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<Moment>,
    /// At most so many, the first ones
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// At most so many, the last ones
    #[arg(long, value_name = "N", conflicts_with = "limit", value_parser = clap::value_parser!(u64).range(1..=MAX_TAIL))]
    tail: Option<u64>,
    /// Only entries after the one with this number
    #[arg(
        long,
        value_name = "SEQ",
        default_value_t = 0,
        hide_default_value = true
    )]
    after: u64,
    /// Go on with new entries as they come, until interrupted; also where the ledger's file is replaced by a later copy of it, or its server started anew
    #[arg(long, short, conflicts_with = "until")]
    follow: bool,
    /// The newest first
    #[arg(long, conflicts_with = "follow")]
    reverse: bool,
    #[command(flatten)]
    filter: FilterArgs,
    /// How entries are written to stdout
    #[arg(long, short, value_enum, default_value_t = HistoryFormat::Text, value_name = "FORMAT")]
    output: HistoryFormat,
    #[command(flatten)]
    ledger: LedgerArgs,
}

#[derive(Clone, Copy, ValueEnum)]
enum HistoryFormat {
    /// Columns: seq, time, op, account, to, amount, balance, id
    Text,
    /// JSON Lines, one entry each
    Json,
    /// Comma-separated values with a header
    Csv,
    /// A journal for hledger
    Hledger,
}

impl From<HistoryFormat> for EntryFormat {
    fn from(format: HistoryFormat) -> Self {
        match format {
            HistoryFormat::Text => EntryFormat::Text,
            HistoryFormat::Json => EntryFormat::Json,
            HistoryFormat::Csv => EntryFormat::Csv,
            HistoryFormat::Hledger => EntryFormat::Hledger,
        }
    }
}

/// `bank-par history`
pub(super) fn history(args: HistoryArgs) -> CliResult {
    let place = args.ledger.place()?;
    let format = EntryFormat::from(args.output);
    let mut query = EntryQuery {
        after: args.after,
        id: None,
        account: args.account,
        since: args.since,
        until: args.until,
        limit: MAX_PAGE,
        // The other forms have no place for them.
        with_reversals: format == EntryFormat::Json,
    };
    if let (Some(since), Some(until)) = (query.since, query.until)
        && since > until
    {
        let error = anyhow!("`--since` is later than `--until`, so no entry can lie between them");
        return Err(Failure::usage(error));
    }
    let output = Output::open(&ProtectedFiles::default().ledger(&place)).map_err(Failure::usage)?;
    let mut left = args.limit.or(args.tail).unwrap_or(u64::MAX);
    if args.reverse || args.tail.is_some() {
        let mut ledger = ledger::open(&place, Access::Read)?;
        // What amounts count is known where a ledger is open.
        let wanted = args.filter.wanted()?;
        if args.reverse {
            let mut history = History::begin(output, format);
            walk_back(&mut *ledger, &query, &wanted, |entry| {
                history.entry(entry);
                left -= 1;
                left > 0 && history.output().write_if_long()
            })
            .map_err(Failure::ledger)?;
            return ended(history.finish());
        }
        let mut first = None;
        let mut count = left;
        walk_back(&mut *ledger, &query, &wanted, |entry| {
            first = Some(entry.seq);
            count -= 1;
            count > 0
        })
        .map_err(Failure::ledger)?;
        query.after = first.map_or(query.after, |first| first - 1);
        left = u64::MAX;
    }
    let mut ledger = Followed::open(place)?;
    let wanted = args.filter.wanted()?;
    let mut history = History::begin(output, format);
    tell(
        &mut ledger,
        (query, &wanted),
        left,
        args.follow,
        &mut history,
    )?;
    ended(history.finish())
}

/// Prints page after page until there is no more, or the output is closed. The ledger is asked for one
/// page at a time and left alone while that is written.
fn tell(
    ledger: &mut Followed,
    (mut query, wanted): (EntryQuery, &EntrySelection),
    mut left: u64,
    follow: bool,
    history: &mut History,
) -> Result<(), Failure> {
    loop {
        // Of those that are asked for, a page may have any number that is wanted.
        if wanted.is_all() {
            query.limit = usize::try_from(left).map_or(MAX_PAGE, |left| left.min(MAX_PAGE));
        }
        let page = match ledger.entries(&query, follow)? {
            Some(page) => page,
            None if history.output().wait(LOOK_AGAIN) => continue,
            None => return Ok(()),
        };
        for entry in page.entries.iter().filter(|entry| wanted.has(entry)) {
            if left > 0 {
                history.entry(entry);
                left -= 1;
            }
        }
        query.after = query.after.max(page.looked_at);
        let output = history.output();
        if left == 0 || !output.write() || page.is_last && !follow {
            return Ok(());
        }
        if page.is_last && !output.wait(LOOK_AGAIN) {
            return Ok(());
        }
    }
}
