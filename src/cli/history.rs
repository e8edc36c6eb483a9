//! `history`: the entries of a ledger, in pages.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::ledger::LedgerArgs;
use super::moment::moment;
use super::one::ended;
use super::workload::other_side;
use super::{Failure, Outcome};
use crate::bank::{Moment, Name};
use crate::report::{EntryFormat, History, Sheet};
use crate::store::{Access, Ledger, MAX_PAGE, Query};

/// How long `--follow` waits before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

#[derive(Args)]
pub(super) struct HistoryArgs {
    /// Only entries with this account on one of their sides
    #[arg(value_parser = other_side)]
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
    /// Only entries after the one with this number
    #[arg(
        long,
        value_name = "SEQ",
        default_value_t = 0,
        hide_default_value = true
    )]
    after: u64,
    /// Go on with new entries as they come, until interrupted
    #[arg(long, short, conflicts_with = "until")]
    follow: bool,
    /// How entries are written to stdout
    #[arg(long, value_enum, default_value_t = HistoryFormat::Text, value_name = "FORMAT")]
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
pub(super) fn history(args: HistoryArgs) -> Outcome {
    let place = args.ledger.place()?;
    let format = match args.output {
        HistoryFormat::Text => EntryFormat::Text,
        HistoryFormat::Json => EntryFormat::Json,
        HistoryFormat::Csv => EntryFormat::Csv,
    };
    let query = Query {
        after: args.after,
        account: args.account,
        since: args.since,
        until: args.until,
        limit: MAX_PAGE,
    };
    let sheet = Sheet::open().map_err(Failure::usage)?;
    let mut ledger = place.open(Access::Read).map_err(Failure::ledger)?;
    let mut history = History::begin(sheet, format);
    let left = args.limit.unwrap_or(u64::MAX);
    tell(&mut *ledger, query, left, args.follow, &mut history)?;
    ended(history.finish())
}

/// Tells page after page until there is no more, or nobody reads any more. The ledger is asked for one
/// page at a time and left alone while that is written.
fn tell(
    ledger: &mut dyn Ledger,
    mut query: Query,
    mut left: u64,
    follow: bool,
    history: &mut History,
) -> Result<(), Failure> {
    loop {
        query.limit = usize::try_from(left).map_or(MAX_PAGE, |left| left.min(MAX_PAGE));
        let page = ledger.entries(&query).map_err(Failure::ledger)?;
        page.entries.iter().for_each(|entry| history.entry(entry));
        left = left.saturating_sub(page.entries.len() as u64);
        query.after = query.after.max(page.looked_at);
        let sheet = history.sheet();
        if left == 0 || !sheet.write() || page.is_last && !follow {
            return Ok(());
        }
        if page.is_last && !sheet.wait(LOOK_AGAIN) {
            return Ok(());
        }
    }
}
