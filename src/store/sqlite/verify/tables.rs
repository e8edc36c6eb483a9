//! What is kept beside the entries and records must say what they add up to, and be found by the way
//! the lookups go.

use rusqlite::{OptionalExtension, Row};

use super::walk::{Walk, no_halves};
use super::words::told;
use super::{Checked, wrong};
use crate::bank::{Account, Balance, BootTime, Hold, Last, Moment, Name, Owner, RunLine};
use crate::store::RunName;
use crate::store::sqlite::rows::{self, Head, HoldRow};
use crate::store::sqlite::runs::{OF_LINE, UP_TO_LINE};

const KEY_OF: &str =
    "SELECT account FROM accounts INDEXED BY sqlite_autoindex_accounts_1 WHERE name = ?";

impl Walk<'_> {
    /// Everything that is not an entry or a record, after the last of them.
    pub(super) fn check_tables(&self) -> Checked {
        self.check_numbers()?;
        let head = self.check_head();
        head.map_err(|stop| stop.of("the head of the ledger"))?;
        self.check_accounts()?;
        self.check_holds()?;
        self.check_runs()
    }

    /// No row hides before the first, and the indexes have no more rows than there are.
    fn check_numbers(&self) -> Checked {
        for (sql, what) in [
            ("SELECT ifnull(min(seq), 1) FROM entries", "entry"),
            ("SELECT ifnull(min(record), 1) FROM records", "record"),
        ] {
            let first: i64 = self.number(sql)?;
            if first != 1 {
                return wrong(format!(
                    "the {what} {first} must not be there: the first one is 1"
                ));
            }
        }
        let (entries, records) = (self.ids.seq, self.ids.record);
        self.check_count("entry_ids", "entries", "id IS NOT NULL", entries)?;
        self.check_count("record_ids", "records", "id IS NOT NULL", records)
    }

    /// An index has so many rows. Each of those was found in it before, so it has no others then.
    fn check_count(&self, index: &str, table: &str, condition: &str, must: u64) -> Checked {
        let sql = format!("SELECT count(*) FROM {table} INDEXED BY {index} WHERE {condition}");
        let count = self.number(&sql)?;
        if u64::try_from(count) != Ok(must) {
            return wrong(format!(
                "the index `{index}` has {count} rows, must have {must}"
            ));
        }
        Ok(())
    }

    fn number(&self, sql: &str) -> Checked<i64> {
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    fn check_accounts(&self) -> Checked {
        let mut query = self.connection.prepare(
            "SELECT account, name, posted, held, floor, checksum, opened FROM accounts ORDER BY account",
        )?;
        let mut rows = query.query([])?;
        let (mut count, mut sum) = (0, 0);
        while let Some(row) = rows.next()? {
            count += 1;
            let key: i64 = row.get(0)?;
            let account = self.check_account(row, count);
            let account =
                account.map_err(|stop| stop.of(format_args!("the account number {key}")))?;
            sum += i128::from(account.posted);
        }
        let mut names: Vec<&Name> = self.count.accounts.keys().collect();
        names.sort_unstable();
        for name in names {
            if self.key_of(name)?.is_none() {
                return wrong(format!("the account `{name}` is missing"));
            }
        }
        self.check_count("sqlite_autoindex_accounts_1", "accounts", "true", count)?;
        if sum != 0 {
            return wrong(format!(
                "all accounts together have {sum} minor units, must have none"
            ));
        }
        Ok(())
    }

    fn check_account(&self, row: &Row<'_>, number: u64) -> Checked<Account> {
        let key: i64 = row.get(0)?;
        let text: String = row.get(1)?;
        let name = Name::other_side(&text).ok();
        let known = name.and_then(|name| self.count.accounts.get_key_value(&name));
        let Some((name, account)) = known else {
            return wrong(format!("is `{text}`, which no entry and no record opened"));
        };
        if u64::try_from(key) != Ok(number) {
            return wrong(format!("(`{name}`) must have the number {number}"));
        }
        let said = (row.get(2)?, row.get(3)?, row.get(4)?);
        if said != account.parts() {
            let told = |(posted, held, floor)| {
                let [posted, held, floor] = [posted, held, floor].map(Balance::new);
                format!("posted {posted}, held {held}, at least {floor}")
            };
            let (said, must) = (told(said), told(account.parts()));
            return wrong(format!("(`{name}`) says {said}; must be {must}"));
        }
        match rows::account(row)? {
            None => return wrong(format!("(`{name}`) has a wrong checksum")),
            Some((_, _, said)) if said.is_opened() != account.is_opened() => {
                return wrong(format!(
                    "(`{name}`) says {} of whether it was opened, must be {}",
                    said.is_opened(),
                    account.is_opened()
                ));
            }
            Some(_) => {}
        }
        if self.key_of(name)? != Some(key) {
            return wrong(format!("is not found by its name `{name}`"));
        }
        Ok(*account)
    }

    fn key_of(&self, name: &Name) -> Checked<Option<i64>> {
        let mut query = self.connection.prepare_cached(KEY_OF)?;
        let key = query.query_row([name.as_str()], |row| row.get(0));
        Ok(key.optional()?)
    }

    fn check_holds(&self) -> Checked {
        let sql = format!("SELECT {} ORDER BY hold", HoldRow::COLUMNS);
        let mut query = self.connection.prepare(&sql)?;
        let mut rows = query.query([])?;
        let mut open = self.count.holds.iter();
        let (mut expire, mut expire_in_boot) = (0, 0);
        while let Some(row) = rows.next()? {
            let number = row.get::<_, i64>(0)?.cast_unsigned();
            let aside = match open.next() {
                Some((due, aside)) if *due == number => aside,
                Some((due, _)) if *due < number => {
                    return wrong(format!("the row of the hold {due} is missing"));
                }
                _ => {
                    return wrong(format!(
                        "the hold {number} must not be there: it is not open"
                    ));
                }
            };
            let of = |stop: super::Stop| stop.of(format_args!("the row of the hold {number}"));
            no_halves(row, &[(15, 16)]).map_err(of)?;
            let said = HoldRow::read(row).map_err(|error| of(error.into()))?;
            let Some(said) = said else {
                return wrong(format!("the row of the hold {number} has a wrong checksum"));
            };
            if (said.at, &said.hold) != (aside.at, &aside.hold) {
                let (said, must) = (held(said.at, &said.hold), held(aside.at, &aside.hold));
                return wrong(format!(
                    "the row of the hold {number} says {said}; must be {must}"
                ));
            }
            if let Owner::Anyone {
                expires: Some(expires),
            } = said.hold.owner
            {
                expire += 1;
                self.check_expiry(number, expires.at).map_err(of)?;
                if let Some(time) = expires.boot_time {
                    expire_in_boot += 1;
                    self.check_boot_expiry(number, time).map_err(of)?;
                }
            }
        }
        if let Some((number, _)) = open.next() {
            return wrong(format!("the row of the hold {number} is missing"));
        }
        self.check_count("expiries", "holds", "expires IS NOT NULL", expire)?;
        self.check_count(
            "boot_expiries",
            "holds",
            "ticks IS NOT NULL",
            expire_in_boot,
        )
    }

    fn check_expiry(&self, number: u64, expires: Moment) -> Checked {
        const SQL: &str = "SELECT 1 FROM holds INDEXED BY expiries WHERE expires = ? AND hold = ?";
        let mut query = self.connection.prepare_cached(SQL)?;
        if query.exists((expires.micros(), number.cast_signed()))? {
            return Ok(());
        }
        wrong("is not found by the moment at which it expires")
    }

    fn check_boot_expiry(&self, number: u64, time: BootTime) -> Checked {
        const SQL: &str = "SELECT 1 FROM holds INDEXED BY boot_expiries WHERE boot = ? AND ticks = ? AND hold = ?";
        let mut query = self.connection.prepare_cached(SQL)?;
        if query.exists((time.boot, time.micros, number.cast_signed()))? {
            return Ok(());
        }
        wrong("is not found by the boot's time at which it expires")
    }

    fn check_runs(&self) -> Checked {
        const SQL: &str =
            "SELECT run, name, seq, record, live, rule FROM runs NOT INDEXED ORDER BY run";
        let mut query = self.connection.prepare(SQL)?;
        let mut rows = query.query([])?;
        let (mut count, mut live) = (0, 0);
        while let Some(row) = rows.next()? {
            count += 1;
            let run: i64 = row.get(0)?;
            let is_live = self.check_run_row(row);
            let is_live = is_live.map_err(|stop| stop.of(format_args!("the run {run}")))?;
            live += u64::from(is_live);
        }
        self.check_count("sqlite_autoindex_runs_1", "runs", "true", count)?;
        self.check_count("live_runs", "runs", "live = 1", live)
    }

    /// Tells whether the run is marked as live.
    fn check_run_row(&self, row: &Row<'_>) -> Checked<bool> {
        const BY_NAME: &str =
            "SELECT 1 FROM runs INDEXED BY sqlite_autoindex_runs_1 WHERE name = ? AND run = ?";
        const LIVE: &str = "SELECT 1 FROM runs INDEXED BY live_runs WHERE live = 1 AND run = ?";
        let (run, seq, record): (i64, i64, i64) = (row.get(0)?, row.get(2)?, row.get(3)?);
        if run < 1 || u32::try_from(run).is_err() {
            return wrong("has a number that no run has");
        }
        let last = self.count.head.last;
        if seq.cast_unsigned() > last.seq || record.cast_unsigned() > last.record {
            return wrong(format!(
                "began after the entry {seq} and the record {record}, which are not there"
            ));
        }
        if let Some(name) = row.get::<_, Option<String>>(1)? {
            if name.parse::<RunName>().is_err() {
                return wrong(format!("has the name `{name}`, which none has"));
            }
            if !self
                .connection
                .prepare_cached(BY_NAME)?
                .exists((&name, run))?
            {
                return wrong(format!("is not found by its name `{name}`"));
            }
        }
        match row.get::<_, Option<i64>>(5)? {
            None | Some(UP_TO_LINE | OF_LINE) => {}
            Some(rule) => return wrong(format!("says the rule {rule}, which there is not")),
        }
        match row.get::<_, i64>(4)? {
            0 => Ok(false),
            1 if self.connection.prepare_cached(LIVE)?.exists([run])? => Ok(true),
            1 => wrong("is not found among those that are live"),
            live => wrong(format!("says {live} of whether it is live, must be 0 or 1")),
        }
    }

    fn check_head(&self) -> Checked {
        if self.number("SELECT count(*) FROM head")? != 1 {
            return wrong("must be one row");
        }
        let mut query = self.connection.prepare(Head::READ)?;
        let (said, is_right) = query.query_row([], Head::read)?;
        let must = self.count.head;
        for (said, must, what) in [
            (said.last.seq, must.last.seq, "entry"),
            (said.last.record, must.last.record, "record"),
        ] {
            if said > must {
                return wrong(format!(
                    "speaks of the {what} {said}, and the last one there is {must}: the tail was cut off"
                ));
            }
        }
        if (said.last, said.at) != (must.last, must.at) {
            let told = |head: Head| {
                let (seq, record, at) = (head.last.seq, head.last.record, head.at.micros());
                format!("entry {seq}, record {record} at {at}")
            };
            return wrong(format!("says {}; must be {}", told(said), told(must)));
        }
        if said.prev.is_none() && must.last != Last::default() {
            return wrong("says no hash before the last commit");
        }
        if said.hash != must.hash {
            return wrong("has another hash than the chain over its entries and records");
        }
        if !is_right {
            return wrong("has a wrong checksum");
        }
        Ok(())
    }
}

/// A hold in words.
fn held(at: Moment, hold: &Hold) -> String {
    let ends = match hold.owner {
        Owner::Run { run, number, .. } => format!("by the run {run} as its number {number}"),
        Owner::Doubt => "in doubt".to_string(),
        Owner::Anyone { expires: None } => "for ever".to_string(),
        Owner::Anyone {
            expires: Some(expires),
        } => {
            let boot = expires
                .boot_time
                .map(|time| format!(" or {} of the boot {:#x}", time.micros, time.boot));
            format!("until {}{}", expires.at.micros(), boot.unwrap_or_default())
        }
    };
    let line = hold.line.map(|RunLine { run, line }| {
        let digest = line.digest;
        format!(" for line {} ({digest:#x}) of the run {run}", line.number)
    });
    format!(
        "{}, held since {} {ends}{}",
        told(&hold.operation),
        at.micros(),
        line.unwrap_or_default()
    )
}
