//! Changes made behind the program's back, and what is said of them.

use rusqlite::Connection;

use super::forged::reseal;
use super::full::Full;
use super::violation;

/// Every number, text and hash becomes another one, and nothing becomes something.
const CHANGED: &str = "CASE typeof({}) WHEN 'integer' THEN {} + 100 WHEN 'text' THEN {} || 'x' WHEN 'blob' THEN zeroblob(32) ELSE 1 END";

#[test]
fn a_change_of_any_column_of_any_row_is_noticed() {
    let full = Full::with_doubts();
    let mut copy = full.copy();
    let mut changes = 0;
    for table in ["ledger", "head", "accounts", "entries", "records", "holds"] {
        let kept = format!("CREATE TEMP TABLE kept_{table} AS SELECT rowid AS row, * FROM {table}");
        copy.backend.connection.execute_batch(&kept).expect("kept");
        for row in rows(&copy.backend.connection, table) {
            for column in columns(&copy.backend.connection, table) {
                let changed = CHANGED.replace("{}", &column);
                let sql = format!("UPDATE {table} SET {column} = {changed} WHERE rowid = {row}");
                assert_eq!(copy.backend.connection.execute(&sql, []).expect(&sql), 1);
                let said = violation(&mut copy);
                assert!(said.is_some(), "{sql}");
                changes += 1;
                let back = format!(
                    "DELETE FROM {table}; INSERT INTO {table} SELECT {} FROM kept_{table}",
                    columns(&copy.backend.connection, table).join(", ")
                );
                copy.backend.connection.execute_batch(&back).expect(&back);
            }
        }
    }
    assert!(changes > 500, "{changes}");
    assert_eq!(violation(&mut copy), None);
}

fn rows(connection: &Connection, table: &str) -> Vec<i64> {
    let mut query = connection
        .prepare(&format!("SELECT rowid FROM {table}"))
        .expect(table);
    let rows = query.query_map([], |row| row.get(0)).expect(table);
    rows.collect::<rusqlite::Result<_>>().expect(table)
}

fn columns(connection: &Connection, table: &str) -> Vec<String> {
    let query = connection
        .prepare(&format!("SELECT * FROM {table}"))
        .expect(table);
    query.column_names().map(String::from).collect()
}

/// Checks what is said after each of these changes.
#[track_caller]
pub(super) fn check(full: &Full, is_forged: bool, changes: &[(&str, &str)]) {
    let mut unexpected = Vec::new();
    for (sql, expected) in changes {
        let mut changed = full.copy();
        changed.backend.connection.execute_batch(sql).expect(sql);
        if is_forged {
            reseal(&changed.backend.connection);
        }
        let said = violation(&mut changed).unwrap_or_default();
        if !said.starts_with(expected) {
            unexpected.push(format!("{sql}: {said}"));
        }
    }
    assert!(unexpected.is_empty(), "{}", unexpected.join("\n"));
}

#[test]
fn a_changed_row_is_named() {
    check(
        &Full::new(),
        false,
        &[
            (
                "UPDATE entries SET amount = 999 WHERE seq = 3",
                "the entry 3 has the checksum 0x",
            ),
            (
                "UPDATE entries SET debit = 99 WHERE seq = 3",
                "the entry 3 moves money of an account that is not there",
            ),
            (
                "UPDATE entries SET digest = 7 WHERE seq = 3",
                "the entry 3 says only one of `line` and `digest`",
            ),
            (
                "DELETE FROM entries WHERE seq = 2",
                "the entry 2 is missing: the next one is 3",
            ),
            (
                "DELETE FROM entries WHERE seq = 8",
                "the record 16 says that it came after the entry 8, must be 7",
            ),
            (
                "UPDATE entries SET seq = -1 WHERE seq = 1",
                "the entry 1 is missing: the next one is 2",
            ),
            (
                "INSERT INTO entries SELECT -1, at, op, debit, credit, amount, posted, available, NULL, NULL, NULL, NULL, NULL, checksum, NULL, NULL FROM entries WHERE seq = 1",
                "the entry -1 must not be there",
            ),
            (
                "UPDATE records SET kind = 1 WHERE record = 13",
                "the record 13 has the checksum 0x",
            ),
            (
                "DELETE FROM records WHERE record = 4",
                "the record 4 is missing: the next one is 5",
            ),
            (
                "DELETE FROM records WHERE record = 19",
                "the head of the ledger speaks of the record 19, and the last one there is 18",
            ),
            (
                "UPDATE accounts SET posted = posted + 1 WHERE name = 'a'",
                "the account number 3 (`a`) says posted 8.80, held 0.60, at least 0.00; must be posted 8.79,",
            ),
            (
                "UPDATE accounts SET checksum = 1 WHERE name = 'a'",
                "the account number 3 (`a`) has a wrong checksum",
            ),
            (
                "DELETE FROM accounts WHERE name = 'd'",
                "the entry 5 moves money of an account that is not there",
            ),
            (
                "UPDATE holds SET amount = 29 WHERE hold = 8",
                "the row of the hold 8 has a wrong checksum",
            ),
            (
                "DELETE FROM holds WHERE hold = 8",
                "the row of the hold 8 is missing",
            ),
            (
                "DELETE FROM holds WHERE hold = 19",
                "the row of the hold 19 is missing",
            ),
            (
                "UPDATE head SET at = at + 1",
                "the head of the ledger says entry 8, record 19 at",
            ),
            (
                "UPDATE head SET hash = zeroblob(32)",
                "the head of the ledger has another hash than the chain",
            ),
            (
                "UPDATE head SET checksum = 1",
                "the head of the ledger has a wrong checksum",
            ),
            ("DELETE FROM head", "the head of the ledger must be one row"),
            (
                "INSERT INTO head SELECT 2, seq, record, at, hash, checksum, prev FROM head",
                "the head of the ledger must be one row",
            ),
            (
                "DELETE FROM runs",
                "the record 13 is of the run 1, which is not there",
            ),
            (
                "UPDATE runs SET seq = 7",
                "the entry 7 is of the run 1, which began only after the entry 7",
            ),
            (
                "UPDATE runs SET record = 13",
                "the record 13 is of the run 1, which began only after",
            ),
            (
                "UPDATE runs SET live = 2",
                "the run 1 says 2 of whether it is live",
            ),
            (
                "UPDATE runs SET name = 'a b'",
                "the run 1 has the name `a b`",
            ),
            (
                "INSERT INTO runs VALUES (-1, NULL, 0, 0, 0, NULL)",
                "the run -1 has a number that no run has",
            ),
            (
                "INSERT INTO runs VALUES (2, NULL, 9, 0, 0, NULL)",
                "the run 2 began after the entry 9",
            ),
        ],
    );
}

/// Each index in turn is made to say what another one says.
#[test]
fn a_row_that_its_index_does_not_find_is_named() {
    let full = Full::new();
    for (index, other, expected) in [
        (
            "entry_ids",
            "record_ids",
            "the entry 1 is not found under its id `first`",
        ),
        (
            "record_ids",
            "entry_ids",
            "the record 1 is not found under its id `again`",
        ),
        (
            "expiries",
            "live_runs",
            "the row of the hold 9 is not found by the moment",
        ),
        (
            "boot_expiries",
            "live_runs",
            "the row of the hold 9 is not found by the boot's time",
        ),
        (
            "live_runs",
            "expiries",
            "the run 1 is not found among those that are live",
        ),
        (
            "sqlite_autoindex_accounts_1",
            "sqlite_autoindex_runs_1",
            "the account number 1 is not found by its name",
        ),
        (
            "sqlite_autoindex_runs_1",
            "sqlite_autoindex_accounts_1",
            "the run 1 is not found by its name",
        ),
    ] {
        let changed = full.copy();
        changed.backend.connection.execute_batch(&format!("PRAGMA writable_schema = on; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = '{other}') WHERE name = '{index}'")).expect(index);
        let path = changed.backend.path.clone();
        drop(changed);
        let said = violation(&mut super::open(&path)).unwrap_or_default();
        assert!(said.starts_with(expected), "{index}: {said}");
    }
}

#[test]
fn an_index_with_more_than_there_is_is_named() {
    let full = Full::new();
    let changed = full.copy();
    // While the index is forgotten, a row goes away that it has.
    changed.backend.connection.execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM sqlite_schema WHERE name = 'boot_expiries'; PRAGMA writable_schema = on; DELETE FROM sqlite_schema WHERE name = 'boot_expiries'").expect("forgotten");
    let path = changed.backend.path.clone();
    let kept: (i64, String) = changed
        .backend
        .connection
        .query_row("SELECT rootpage, sql FROM kept", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("kept");
    drop(changed);
    let connection = Connection::open(&path).expect("open");
    connection.execute_batch("UPDATE holds SET boot = NULL, ticks = NULL WHERE hold = 9; UPDATE records SET boot = NULL, ticks = NULL WHERE record = 9").expect("changed");
    reseal(&connection);
    connection
        .execute_batch("PRAGMA writable_schema = on")
        .expect("writable");
    connection
        .execute(
            "INSERT INTO sqlite_schema VALUES ('index', 'boot_expiries', 'holds', ?, ?)",
            kept,
        )
        .expect("remembered");
    drop(connection);
    let said = violation(&mut super::open(&path)).unwrap_or_default();
    assert!(
        said.starts_with("the index `boot_expiries` has 1 rows, must have 0"),
        "{said}"
    );
}
