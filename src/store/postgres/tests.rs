//! What a ledger in PostgreSQL does beyond what every ledger does.

pub(in crate::store) mod cluster;
mod crashes;
mod failures;
mod full;
mod hosts;
mod relay;
mod standby;
mod tls;

use super::*;
use crate::bank::{Asked, Kind, Name, Outcome};
use crate::report::stderr_line;
use crate::store::engine::Engine;
use crate::store::engine::tests::{execute, operation};
use crate::store::{Ledger, RunName};
use cluster::Cluster;

/// A ledger in a schema.
type SchemaLedger = Engine<Postgres>;

fn open(address: &str) -> SchemaLedger {
    let address = PostgresAddress::of(address).expect("an address");
    let opened = Postgres::open(&address, Access::Create(&Unit::default()));
    Engine::new(opened.expect("a ledger"))
}

/// Tries something with the server of all tests, where there is one.
fn with_server(test: impl FnOnce(&Cluster)) {
    match Cluster::shared() {
        Ok(cluster) => test(cluster),
        Err(missing) => stderr_line(format_args!("not checked: {missing}")),
    }
}

/// What the account `a` has, and whether the ledger is sound.
fn balance(ledger: &mut SchemaLedger) -> i64 {
    try_balance(ledger).expect("an answer")
}

/// The same of a server that may be ending.
fn try_balance(ledger: &mut SchemaLedger) -> Result<i64, LedgerError> {
    assert_eq!(ledger.verify(None)?.violation, None);
    let seen = ledger.look_up(&[Name::user("a").expect("a name")])?.pop();
    Ok(seen
        .flatten()
        .map_or(0, |account| account.view.posted.minor()))
}

/// Changes the database beside the ledger.
fn change(ledger: &mut SchemaLedger, sql: &str) {
    ledger.backend.session.script(sql).expect("changed");
}
