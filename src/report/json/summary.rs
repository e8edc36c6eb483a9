//! The last line of a run.

use serde::Serialize;

use super::{Money, VERSION, decimal, micros};
use crate::event::{AccountSummary, Summary};

/// `summary`.
#[derive(Serialize)]
pub(super) struct SummaryLine<'a> {
    v: u8,
    r#type: &'static str,
    mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<&'a str>,
    status: u8,
    operations: u64,
    completed: u64,
    refused: u64,
    failed: u64,
    in_doubt: u64,
    invalid: u64,
    skipped: u64,
    duplicates: u64,
    processes: u64,
    elapsed_us: u64,
    sequential_us: u64,
    balances: Vec<AccountObject<'a>>,
    accounts_omitted: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sum: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrong_accounts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_updates: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_early: Option<&'a str>,
}

impl<'a> SummaryLine<'a> {
    pub(super) fn new(summary: &'a Summary) -> Self {
        let counts = summary.counts;
        SummaryLine {
            v: VERSION,
            r#type: "summary",
            mode: summary.mode,
            ledger: summary.ledger.as_deref(),
            status: summary.status.code(),
            operations: crate::report::operations(counts),
            completed: counts.completed,
            refused: counts.refused,
            failed: counts.failed,
            in_doubt: counts.in_doubt,
            invalid: counts.invalid,
            skipped: counts.skipped,
            duplicates: counts.duplicates,
            processes: summary.processes,
            elapsed_us: micros(summary.elapsed),
            sequential_us: micros(summary.sequential),
            balances: summary.accounts.iter().map(AccountObject::new).collect(),
            accounts_omitted: summary.accounts_omitted,
            sum: summary.check.map(|check| decimal(check.sum)),
            wrong_accounts: summary.check.map(|check| check.wrong_accounts),
            lost_updates: summary.check.map(|check| check.lost_updates),
            ended_early: summary.ended_early.as_deref(),
        }
    }
}

/// One of a summary's `balances`.
#[derive(Serialize)]
struct AccountObject<'a> {
    account: &'a str,
    balance: Money,
    available: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_updates: Option<u64>,
}

impl<'a> AccountObject<'a> {
    fn new(account: &'a AccountSummary) -> Self {
        AccountObject {
            account: account.name.as_str(),
            balance: account.view.posted.into(),
            available: account.view.available.into(),
            expected: account.expected.map(Money::from),
            lost_updates: (account.lost_updates > 0).then_some(account.lost_updates),
        }
    }
}
