//! `history`: the entries of a ledger, in pages.

mod follow;

use std::collections::VecDeque;
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
use crate::store::{Access, EntryQuery, Ledger, LedgerError, MAX_PAGE};
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
}

/// `bank-par history`
pub(super) fn history(args: HistoryArgs) -> CliResult {
    let place = args.ledger.place()?;
    let format = match args.output {
        HistoryFormat::Text => EntryFormat::Text,
        HistoryFormat::Json => EntryFormat::Json,
        HistoryFormat::Csv => EntryFormat::Csv,
    };
    let mut query = EntryQuery {
        after: args.after,
        account: args.account,
        since: args.since,
        until: args.until,
        limit: MAX_PAGE,
    };
    if let (Some(since), Some(until)) = (query.since, query.until)
        && since > until
    {
        let error = anyhow!("`--since` is later than `--until`, so no entry can lie between them");
        return Err(Failure::usage(error));
    }
    let output = Output::open(&ProtectedFiles::default().ledger(&place)).map_err(Failure::usage)?;
    if let Some(count) = args.tail {
        let mut ledger = ledger::open(&place, Access::Read)?;
        query.after = before_the_last(&mut *ledger, &query, count).map_err(Failure::ledger)?;
    }
    let mut ledger = Followed::open(place)?;
    let mut history = History::begin(output, format);
    let left = args.limit.unwrap_or(u64::MAX);
    tell(&mut ledger, query, left, args.follow, &mut history)?;
    ended(history.finish())
}

/// The number of the entry after which the last `count` come that are asked for.
fn before_the_last(
    ledger: &mut dyn Ledger,
    query: &EntryQuery,
    count: u64,
) -> Result<u64, LedgerError> {
    let is_all = query.account.is_none() && query.since.is_none() && query.until.is_none();
    if is_all {
        let last = last_of_all(ledger, query.after)?;
        return Ok(query.after.max(last.saturating_sub(count)));
    }
    let mut wanted = query.clone();
    let mut last = VecDeque::new();
    loop {
        let page = ledger.entries(&wanted)?;
        for entry in &page.entries {
            last.push_back(entry.seq);
            if last.len() as u64 > count {
                last.pop_front();
            }
        }
        if page.is_last {
            let first = last.front().map(|first| first - 1);
            return Ok(first.unwrap_or(page.looked_at).max(query.after));
        }
        wanted.after = wanted.after.max(page.looked_at);
    }
}

/// The number of the last entry after this one, which is found without reading all: there is none
/// between two numbers that has no entry.
fn last_of_all(ledger: &mut dyn Ledger, after: u64) -> Result<u64, LedgerError> {
    let mut goes_beyond = |after: u64| {
        let limit = 1;
        let query = EntryQuery {
            after,
            limit,
            ..EntryQuery::default()
        };
        Ok::<_, LedgerError>(!ledger.entries(&query)?.entries.is_empty())
    };
    let (mut least, mut step) = (after, 1);
    while goes_beyond(least.saturating_add(step))? {
        least += step;
        step *= 2;
    }
    // The last one is beyond `least`, unless there is none at all, and at most `most`.
    let mut most = least.saturating_add(step);
    while least < most {
        let middle = least + (most - least) / 2;
        match goes_beyond(middle)? {
            true => least = middle + 1,
            false => most = middle,
        }
    }
    Ok(most)
}

/// Prints page after page until there is no more, or the output is closed. The ledger is asked for one
/// page at a time and left alone while that is written.
fn tell(
    ledger: &mut Followed,
    mut query: EntryQuery,
    mut left: u64,
    follow: bool,
    history: &mut History,
) -> Result<(), Failure> {
    loop {
        query.limit = usize::try_from(left).map_or(MAX_PAGE, |left| left.min(MAX_PAGE));
        let page = match ledger.entries(&query, follow)? {
            Some(page) => page,
            None if history.output().wait(LOOK_AGAIN) => continue,
            None => return Ok(()),
        };
        page.entries.iter().for_each(|entry| history.entry(entry));
        left = left.saturating_sub(page.entries.len() as u64);
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
