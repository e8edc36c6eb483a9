//! What a forger does: makes every checksum and the chain right again.

use rusqlite::{Connection, Row};

use crate::bank::{LastNumbers, Unit};
use crate::store::engine::rows::{
    Content, Hash, Head, KeptRow, Read, Stored, checksum, link, number_of,
};
use crate::store::sqlite::columns;

/// The rows that this reads; what is no row is left as it is.
fn each<T>(
    connection: &Connection,
    sql: &str,
    read: fn(&Row<'_>) -> rusqlite::Result<Read<T>>,
) -> Vec<T> {
    let mut query = connection.prepare(sql).expect(sql);
    let rows = query.query_map([], read).expect(sql);
    let rows = rows.filter_map(|row| row.expect(sql).ok());
    rows.map(|stored| stored.row).collect()
}

pub(super) fn reseal(connection: &Connection) {
    reseal_chain(connection);
    let sql = format!("SELECT {} FROM accounts", columns::ACCOUNT);
    let accounts = each(connection, &sql, columns::account);
    reseal_rows(connection, "accounts", "account", accounts);
    let sql = format!("SELECT {} FROM holds", columns::HOLD);
    let holds = each(connection, &sql, columns::hold);
    reseal_rows(connection, "holds", "hold", holds);
}

fn reseal_rows<T: KeptRow>(connection: &Connection, table: &str, key: &str, rows: Vec<T>) {
    let sql = format!("UPDATE {table} SET checksum = ? WHERE {key} = ?");
    for row in rows {
        let sealed = Stored::sealed(row, &mut Content::default());
        let checksum = sealed.checksum;
        let number = number_of(&Ok(sealed));
        connection.execute(&sql, (checksum, number)).expect(&sql);
    }
}

fn unit(connection: &Connection) -> Unit {
    let sql = format!("SELECT {} FROM ledger", columns::UNIT);
    each(connection, &sql, columns::unit).remove(0)
}

fn reseal_chain(connection: &Connection) {
    let mut content = Content::default();
    let sql = format!(
        "SELECT {} FROM entries e {}",
        columns::ENTRY,
        columns::ENTRY_NAMES
    );
    let entries = each(connection, &sql, columns::entry).into_iter();
    let mut rows: Vec<(u64, u64, _, Hash)> = entries
        .map(|entry| (entry.seq, 0, entry.at, entry.hash(&mut content)))
        .collect();
    let sql = format!("SELECT {} FROM records r", columns::RECORD);
    let records = each(connection, &sql, columns::record).into_iter();
    rows.extend(records.map(|row| (row.seq, row.record, row.at, row.hash(&mut content))));
    rows.sort_unstable();
    let mut head = Head::first(&unit(connection));
    for (seq, record, at, hash) in rows {
        head.hash = link(&head.hash, &hash);
        head.at = at;
        let (table, number) = match record {
            0 => ("entries SET checksum = ?1 WHERE seq", seq),
            _ => ("records SET checksum = ?1 WHERE record", record),
        };
        let sql = format!("UPDATE {table} = ?2");
        connection
            .execute(&sql, (checksum(&hash), number.cast_signed()))
            .expect("sealed");
        head.last = LastNumbers {
            seq: head.last.seq.max(seq),
            record: head.last.record.max(record),
        };
    }
    head.prev = Some(head.hash);
    let mut write = connection.prepare(columns::UPDATE_HEAD).expect("a head");
    columns::write_head(&mut write, &Stored::sealed(head, &mut content)).expect("a head");
}
