//! Who read what, wrote what and waited for whom.

use std::collections::HashMap;

use serde::Serialize;

use super::money;
use crate::bank::WaitInVain;
use crate::show::{CellAccess, CellStep, Picture};

/// The most reads and writes of shared balances that a page lists, and the most waits.
const MAX_ACCESSES: usize = 20_000;

#[derive(Default, Serialize)]
pub(super) struct AccessColumns {
    pub(super) at: Vec<u64>,
    operation: Vec<usize>,
    account: Vec<usize>,
    step: Vec<&'static str>,
    balance: Vec<String>,
    version: Vec<u64>,
    lost_to: Vec<Option<usize>>,
}

/// The waits for what others hold.
#[derive(Default, Serialize)]
pub(super) struct WaitColumns {
    at: Vec<u64>,
    operation: Vec<usize>,
    accounts: Vec<String>,
    holder: Vec<Option<usize>>,
    in_vain: Vec<Option<WaitInVain>>,
}

/// The reads and writes of operations that are listed, and how many there are no room for.
pub(super) fn access_columns(
    picture: &Picture,
    places: &HashMap<usize, usize>,
) -> (AccessColumns, usize) {
    let mut columns = AccessColumns::default();
    for access in picture.accesses.iter().take(MAX_ACCESSES) {
        let Some(operation) = places.get(&access.operation) else {
            continue;
        };
        columns.at.push(access.at);
        columns.operation.push(*operation);
        columns.account.push(access.account);
        columns.step.push(step_word(access));
        columns.balance.push(money(access.balance));
        columns.version.push(access.version);
        columns.lost_to.push(match access.step {
            CellStep::Write { lost_to, .. } => lost_to.and_then(|over| places.get(&over).copied()),
            _ => None,
        });
    }
    let omitted = picture.accesses.len() - columns.at.len();
    (columns, omitted)
}

fn step_word(access: &CellAccess) -> &'static str {
    match access.step {
        CellStep::Read => "read",
        CellStep::Conflict => "conflict",
        CellStep::Write { .. } if access.is_addition => "add",
        CellStep::Write { .. } => "write",
    }
}

/// The waits of operations that are listed.
pub(super) fn wait_columns(picture: &Picture, places: &HashMap<usize, usize>) -> WaitColumns {
    let mut columns = WaitColumns::default();
    for wait in picture.waits.iter().take(MAX_ACCESSES) {
        let Some(operation) = places.get(&wait.operation) else {
            continue;
        };
        let names: Vec<&str> = wait.accounts.iter().map(|name| name.as_str()).collect();
        columns.at.push(wait.at);
        columns.operation.push(*operation);
        columns.accounts.push(names.join(", "));
        let holder = wait.holder.and_then(|holder| places.get(&holder).copied());
        columns.holder.push(holder);
        columns.in_vain.push(wait.in_vain);
    }
    columns
}
