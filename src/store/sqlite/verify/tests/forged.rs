//! What a forger does: makes every checksum and the chain right again.

use rusqlite::{Connection, Row};

use crate::bank::{Account, BootTime, Expiry, Hold, Last, Line, Moment, Name, Owner, RunLine};
use crate::store::sqlite::rows::{
    self, AccountRow, Content, EntryRow, Hash, Head, HoldRow, RecordRow, checksum, link,
};

fn each<T>(connection: &Connection, sql: &str, mut read: impl FnMut(&Row<'_>) -> T) -> Vec<T> {
    let mut query = connection.prepare(sql).expect(sql);
    let rows = query.query_map([], |row| Ok(read(row))).expect(sql);
    rows.map(|row| row.expect(sql)).collect()
}

pub(super) fn reseal(connection: &Connection) {
    reseal_chain(connection);
    let sql = "SELECT account, name, posted, held, floor, opened FROM accounts";
    let accounts = each(connection, sql, |row| {
        let name: String = row.get(1).expect("a text");
        let opened: Option<i64> = row.get(5).expect("a number");
        let row = (row.get(0), row.get(2), row.get(3), row.get(4));
        let (Ok(key), Ok(posted), Ok(held), Ok(floor)) = row else {
            panic!("{name}");
        };
        let name = &Name::other_side(&name).expect("a name");
        let account = Account::from_parts((posted, held, floor)).expect("an account");
        let account = if opened.is_some() {
            account.opened()
        } else {
            account
        };
        let row = AccountRow { key, name, account };
        (row.sealed(&mut Content::default()), key)
    });
    for row in accounts {
        let sql = "UPDATE accounts SET checksum = ? WHERE account = ?";
        connection.execute(sql, row).expect("sealed");
    }
    for row in each(connection, "SELECT * FROM holds", |row| {
        hold(row).expect("a hold")
    }) {
        let sql = "UPDATE holds SET checksum = ? WHERE hold = ?";
        connection.execute(sql, row).expect("sealed");
    }
}

fn hold(row: &Row<'_>) -> rusqlite::Result<(i64, i64)> {
    let text = |column| row.get::<_, Option<String>>(column);
    let (account, other, id) = (text(3)?, text(4)?, text(6)?);
    let (account, other) = (account.expect("an account"), other.as_deref());
    let operation = rows::operation(row.get(2)?, &account, other, row.get(5)?, id.as_deref());
    let doubt: Option<i64> = row.get(10)?;
    let number = row.get::<_, Option<i64>>(12)?.map(i64::cast_unsigned);
    let digest = row.get::<_, Option<i64>>(13)?.map(i64::cast_unsigned);
    let line = row.get::<_, Option<u32>>(11)?.zip(number.zip(digest));
    let line = line.map(|(run, (number, digest))| RunLine {
        run,
        line: Line { number, digest },
    });
    let owner = match (row.get(7)?, row.get::<_, Option<i64>>(8)?) {
        (Some(run), Some(number)) => Owner::Run {
            run,
            number: number.cast_unsigned(),
            has_side_effects: doubt.is_some(),
        },
        _ if doubt.is_some() => Owner::Doubt,
        _ => Owner::Anyone {
            expires: row.get::<_, Option<i64>>(9)?.map(|micros| Expiry {
                at: Moment::new(micros),
                boot_time: boot_time(row),
            }),
        },
    };
    let number: i64 = row.get(0)?;
    let sealed = HoldRow {
        number: number.cast_unsigned(),
        at: Moment::new(row.get(1)?),
        hold: Hold {
            operation: operation.expect("an operation"),
            owner,
            line,
        },
    };
    Ok((sealed.sealed(&mut Content::default()), number))
}

fn boot_time(row: &Row<'_>) -> Option<BootTime> {
    let (boot, micros): (Option<i64>, Option<i64>) = (row.get(15).ok()?, row.get(16).ok()?);
    Some(BootTime {
        boot: boot?,
        micros: micros?,
    })
}

fn reseal_chain(connection: &Connection) {
    let mut content = Content::default();
    let sql = format!("SELECT {} ORDER BY e.seq", EntryRow::COLUMNS);
    // A row that is none is left as it is.
    let mut rows: Vec<((i64, i64, i64), Hash)> = each(connection, &sql, |row| {
        let (entry, _) = EntryRow::read(row).ok()??;
        let place = (entry.seq.cast_signed(), 0, entry.at.micros());
        Some((place, entry.hash(&mut content)))
    })
    .into_iter()
    .flatten()
    .collect();
    let sql = format!("SELECT {} ORDER BY record", RecordRow::COLUMNS);
    rows.extend(each(connection, &sql, |row| {
        let (record, _) = RecordRow::read(row).expect("a record");
        let place = (
            record.seq.cast_signed(),
            record.record.cast_signed(),
            record.at.micros(),
        );
        (place, record.hash(&mut content))
    }));
    rows.sort_unstable();
    let mut head = Head::default();
    for ((seq, record, at), hash) in rows {
        head.hash = link(&head.hash, &hash);
        head.at = Moment::new(at);
        let (table, number) = match record {
            0 => ("entries SET checksum = ?1 WHERE seq", seq),
            _ => ("records SET checksum = ?1 WHERE record", record),
        };
        let sql = format!("UPDATE {table} = ?2");
        connection
            .execute(&sql, (checksum(&hash), number))
            .expect("sealed");
        head.last = Last {
            seq: head.last.seq.max(seq.cast_unsigned()),
            record: head.last.record.max(record.cast_unsigned()),
        };
    }
    head.prev = Some(head.hash);
    head.write(connection, &mut content).expect("a head");
}
