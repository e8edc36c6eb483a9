//! Accounts and holds as comma-separated values.

use crate::bank::Name;
use crate::event::{decimal, rfc3339};
use crate::report::csv::CsvRecords;
use crate::store::{OpenHold, RunName, Standing};

use super::text;

pub(super) const ACCOUNTS: [&str; 9] = [
    "account",
    "posted",
    "held",
    "available",
    "overdraft",
    "allowance",
    "spent",
    "left",
    "refills",
];

pub(super) const HOLDS: [&str; 9] = [
    "id", "op", "account", "to", "amount", "since", "expires", "run", "line",
];

pub(super) fn account(
    records: &mut CsvRecords,
    standing: &Standing,
    held: i128,
    out: &mut Vec<u8>,
) {
    let overdraft = standing.overdraft.map(|overdraft| overdraft.to_string());
    let allowance = standing.allowance.as_ref();
    let [limit, spent, left, refills] = match allowance {
        Some(one) => [
            one.allowance.to_string(),
            one.view.spent.to_string(),
            one.view.left.to_string(),
            rfc3339(one.view.next),
        ],
        None => Default::default(),
    };
    records.record(
        &[
            standing.name.as_str(),
            &standing.view.posted.to_string(),
            &decimal(held),
            &standing.view.available.to_string(),
            &overdraft.unwrap_or_default(),
            &limit,
            &spent,
            &left,
            &refills,
        ],
        out,
    );
}

/// What is not known of a moment in the past is empty.
pub(super) fn account_at(records: &mut CsvRecords, name: &Name, posted: i128, out: &mut Vec<u8>) {
    let mut fields = [""; ACCOUNTS.len()];
    let posted = decimal(posted);
    (fields[0], fields[1]) = (name.as_str(), &posted);
    records.record(&fields, out);
}

pub(super) fn hold(
    records: &mut CsvRecords,
    hold: &OpenHold,
    run: Option<&RunName>,
    out: &mut Vec<u8>,
) {
    let field = |cell: &String| match cell.as_str() {
        "-" => String::new(),
        text => text.to_string(),
    };
    for cells in text::hold(hold, run) {
        let fields = cells.each_ref().map(field);
        records.record(&fields.each_ref().map(String::as_str), out);
    }
}
