//! The data of a page, column by column: one list for each field, which compresses well. Times are
//! microseconds, money is text.

mod accesses;

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::selection::{self, MAX_BINS};
use crate::bank::{Decimal, Kind};
use crate::report::money::UnitObject;
use crate::report::shown::{self, word};
use crate::show::{
    Binned, Latencies, OperationEnd, Picture, PicturedOperation, PicturedRun, percentile,
};
use accesses::{AccessColumns, WaitColumns, access_columns, wait_columns};

/// The most accounts of which a page shows how they went.
const MAX_HISTORIES: usize = 16;

/// Everything that a page shows.
#[derive(Serialize)]
pub(super) struct PageColumns<'a> {
    unit: UnitObject,
    runs: Vec<RunObject<'a>>,
    notes: Vec<String>,
    end: u64,
    /// How many operations there were, and how many of them are listed.
    total: usize,
    shown: usize,
    ends: BTreeMap<&'static str, u64>,
    kinds: [&'static str; Kind::EVERY.len()],
    end_words: [&'static str; 5],
    accounts: Vec<&'a str>,
    lanes: LaneColumns,
    operations: OperationColumns<'a>,
    accesses: AccessColumns,
    accesses_omitted: usize,
    waits: WaitColumns,
    histories: Vec<BalanceColumns>,
    bins: BinColumns,
    latency_bounds: Vec<u64>,
    latencies: Vec<LatencyObject>,
}

#[derive(Serialize)]
struct RunObject<'a> {
    source: &'a str,
    mode: &'a str,
    sync: Option<&'a str>,
    ledger: Option<&'a str>,
    name: Option<&'a str>,
    pid: u32,
    started_at: Option<&'a str>,
    from: u64,
    until: u64,
    totals: Option<TotalsObject<'a>>,
}

#[derive(Serialize)]
struct TotalsObject<'a> {
    status: u8,
    sequential: u64,
    processes: u64,
    lost_updates: Option<u64>,
    ended_early: Option<&'a str>,
    balances: Vec<RunBalanceObject<'a>>,
}

#[derive(Serialize)]
struct RunBalanceObject<'a> {
    account: &'a str,
    balance: String,
    expected: Option<String>,
    lost_updates: u64,
}

#[derive(Default, Serialize)]
struct LaneColumns {
    run: Vec<usize>,
    worker: Vec<u32>,
    pid: Vec<u32>,
    spawned: Vec<Option<u64>>,
    exited: Vec<Option<u64>>,
}

#[derive(Default, Serialize)]
struct OperationColumns<'a> {
    lane: Vec<usize>,
    number: Vec<u64>,
    op: Vec<usize>,
    account: Vec<usize>,
    to: Vec<Option<usize>>,
    amount: Vec<Option<String>>,
    id: Vec<Option<&'a str>>,
    line: Vec<Option<u64>>,
    begun: Vec<u64>,
    ready: Vec<Option<u64>>,
    wait_from: Vec<Option<u64>>,
    wait_until: Vec<Option<u64>>,
    work_from: Vec<Option<u64>>,
    work_until: Vec<Option<u64>>,
    ended: Vec<u64>,
    end: Vec<usize>,
    duplicate: Vec<bool>,
    reason: Vec<Option<String>>,
    detail: Vec<Option<&'a str>>,
    balance: Vec<Option<String>>,
    seq: Vec<Option<u64>>,
}

#[derive(Serialize)]
struct BalanceColumns {
    account: usize,
    /// How often operations made it another amount.
    changed: usize,
    at: Vec<u64>,
    posted: Vec<String>,
    available: Vec<String>,
}

#[derive(Serialize)]
struct BinColumns {
    width: u64,
    ended: BTreeMap<&'static str, Vec<u64>>,
    under_way: Vec<u64>,
}

#[derive(Serialize)]
struct LatencyObject {
    op: &'static str,
    count: usize,
    p50: u64,
    p90: u64,
    p99: u64,
    most: u64,
    /// How many took no longer than each bound, and longer than the one before.
    buckets: Vec<u64>,
}

impl<'a> PageColumns<'a> {
    pub(super) fn of(picture: &'a Picture) -> Self {
        let chosen = selection::operations(picture);
        let latencies = Latencies::of(picture);
        let longest = latencies.iter().filter_map(|one| one.sorted.last()).max();
        let bounds = bounds(longest.copied().unwrap_or(0));
        let mut ends: BTreeMap<&str, u64> = OperationEnd::ALL.map(|end| (end.word(), 0)).into();
        for operation in &picture.operations {
            *ends.entry(operation.end.word()).or_default() += 1;
        }
        let places: HashMap<usize, usize> =
            (0..).zip(&chosen).map(|(new, old)| (*old, new)).collect();
        let (lanes, operations) = operation_columns(picture, &chosen);
        let races = picture.runs.iter().flat_map(shown::races);
        let (accesses, accesses_omitted) = access_columns(picture, &places);
        PageColumns {
            unit: UnitObject::current(),
            runs: picture.runs.iter().map(run_object).collect(),
            notes: races.chain(picture.notes.iter().cloned()).collect(),
            end: picture.end,
            total: picture.operations.len(),
            shown: chosen.len(),
            ends,
            kinds: Kind::EVERY.map(Kind::word),
            end_words: OperationEnd::ALL.map(OperationEnd::word),
            accounts: picture
                .accounts
                .iter()
                .map(|account| account.name.as_str())
                .collect(),
            lanes,
            operations,
            accesses,
            accesses_omitted,
            waits: wait_columns(picture, &places),
            histories: histories(picture),
            bins: bin_columns(picture),
            latencies: latencies
                .iter()
                .map(|one| latency_object(one, &bounds))
                .collect(),
            latency_bounds: bounds,
        }
    }
}

fn money(minor: i64) -> String {
    Decimal::new(minor).as_str().to_string()
}

fn run_object(run: &PicturedRun) -> RunObject<'_> {
    let totals = run.totals.as_ref().map(|totals| TotalsObject {
        status: totals.status,
        sequential: totals.sequential,
        processes: totals.processes,
        lost_updates: totals.lost_updates,
        ended_early: totals.ended_early.as_deref(),
        balances: totals
            .balances
            .iter()
            .map(|account| RunBalanceObject {
                account: &account.account,
                balance: money(account.balance),
                expected: account.expected.map(money),
                lost_updates: account.lost_updates,
            })
            .collect(),
    });
    RunObject {
        source: &run.source,
        mode: run.mode.word(),
        sync: run.sync.as_deref(),
        ledger: run.ledger.as_deref(),
        name: run.name.as_deref(),
        pid: run.pid,
        started_at: run.started_at.as_deref(),
        from: run.from,
        until: run.until,
        totals,
    }
}

/// The chosen operations, and the lanes that they need.
fn operation_columns<'a>(
    picture: &'a Picture,
    chosen: &[usize],
) -> (LaneColumns, OperationColumns<'a>) {
    let (mut lanes, mut columns) = (LaneColumns::default(), OperationColumns::default());
    let mut places = HashMap::new();
    let mut needed: Vec<usize> = chosen
        .iter()
        .map(|place| picture.operations[*place].lane)
        .collect();
    needed.sort_unstable();
    needed.dedup();
    for old in needed {
        let lane = &picture.lanes[old];
        places.insert(old, lanes.run.len());
        lanes.run.push(lane.run);
        lanes.worker.push(lane.worker);
        lanes.pid.push(lane.pid);
        lanes.spawned.push(lane.spawned);
        lanes.exited.push(lane.exited);
    }
    for place in chosen {
        let operation = &picture.operations[*place];
        let lane = places.get(&operation.lane).copied().unwrap_or(0);
        add(&mut columns, operation, lane);
    }
    (lanes, columns)
}

fn add<'a>(columns: &mut OperationColumns<'a>, operation: &'a PicturedOperation, lane: usize) {
    columns.lane.push(lane);
    columns.number.push(operation.number);
    columns.op.push(operation.kind as usize);
    columns.account.push(operation.account);
    columns.to.push(operation.to);
    columns.amount.push(operation.amount.map(money));
    columns.id.push(operation.id.as_deref());
    columns.line.push(operation.line);
    columns.begun.push(operation.begun);
    columns.ready.push(operation.process_ready);
    columns
        .wait_from
        .push(operation.waited.map(|(from, _)| from));
    columns
        .wait_until
        .push(operation.waited.map(|(_, until)| until));
    columns
        .work_from
        .push(operation.worked.map(|(from, _)| from));
    columns
        .work_until
        .push(operation.worked.map(|(_, until)| until));
    columns.ended.push(operation.ended);
    columns.end.push(operation.end as usize);
    columns.duplicate.push(operation.duplicate);
    columns.reason.push(operation.reason.as_ref().map(word));
    columns.detail.push(operation.detail.as_deref());
    columns.balance.push(operation.balance.map(money));
    columns.seq.push(operation.seq);
}

fn histories(picture: &Picture) -> Vec<BalanceColumns> {
    let changed = (0..)
        .zip(&picture.accounts)
        .filter(|(_, history)| !history.changes.is_empty());
    let columns = changed.take(MAX_HISTORIES).map(|(account, history)| {
        let changes = selection::changes(history, picture.end);
        BalanceColumns {
            account,
            changed: history.changed,
            at: changes.iter().map(|change| change.at).collect(),
            posted: changes.iter().map(|change| money(change.posted)).collect(),
            available: changes
                .iter()
                .map(|change| money(change.available))
                .collect(),
        }
    });
    columns.collect()
}

fn bin_columns(picture: &Picture) -> BinColumns {
    // A few operations would be lost among so many.
    let most = (picture.operations.len() / 2).clamp(40, MAX_BINS);
    let binned = Binned::of(picture, most);
    let column = |end: OperationEnd| {
        let ended = binned.bins.iter().map(|bin| bin.ended[end as usize]);
        (end.word(), ended.collect())
    };
    BinColumns {
        width: binned.width,
        ended: OperationEnd::ALL.map(column).into(),
        under_way: binned.bins.iter().map(|bin| bin.under_way).collect(),
    }
}

/// The bounds of the buckets of times: 1, 2, 5, 10 and so on, up to the first that is not exceeded.
fn bounds(longest: u64) -> Vec<u64> {
    let mut bounds = Vec::new();
    let mut power = 1u64;
    loop {
        for digit in [1, 2, 5] {
            let bound = power.saturating_mul(digit);
            bounds.push(bound);
            if bound >= longest {
                return bounds;
            }
        }
        power = power.saturating_mul(10);
    }
}

fn latency_object(latencies: &Latencies, bounds: &[u64]) -> LatencyObject {
    let sorted = &latencies.sorted;
    let mut below = 0;
    let bucket = |bound: &u64| {
        let until = sorted.partition_point(|elapsed| elapsed <= bound);
        let count = until - below;
        below = until;
        count as u64
    };
    LatencyObject {
        op: latencies.kind.word(),
        count: sorted.len(),
        p50: percentile(sorted, 500),
        p90: percentile(sorted, 900),
        p99: percentile(sorted, 990),
        most: percentile(sorted, 1_000),
        buckets: bounds.iter().map(bucket).collect(),
    }
}
