//! What a ledger in a file does beyond what every ledger does.

mod beside;
mod expiry;
mod lines;
mod one_batch;
mod rollback;
pub(super) mod verify;

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::bank::{Asked, Id, Kind, Line, Name, Outcome, Request, RequestContext, Unit, WorkEnd};
use crate::store::engine::Engine;
use crate::store::engine::tests::{
    ask, asked, execute, hold, line, operation, posted, view, withdraw,
};
use crate::store::{EntryQuery, Ledger};

/// A ledger in a file.
pub(super) type FileLedger = Engine<Sqlite>;

fn open(path: &Path) -> FileLedger {
    Engine::new(Sqlite::open(path, Access::Create(&Unit::default())).expect("a ledger"))
}

#[test]
fn an_idle_ledger_is_one_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bank.db");
    let (mut ledger, mut other) = (open(&path), open(&path));
    let run = other.begin_run(None).expect("a run").number;
    execute(&mut ledger, Kind::Deposit, None, 30);
    other.end_run(run).expect("closed");
    drop((ledger, other));
    let left = std::fs::read_dir(folder.path()).expect("a folder");
    let left: Vec<_> = left.map(|file| file.expect("a file").path()).collect();
    assert_eq!(left, [path]);
}
