//! The rows of accounts.

use rusqlite::Row;

use super::{Content, checksum};
use crate::bank::{Account, Name};

/// An account as it stands in the file.
pub(in crate::store::sqlite) struct AccountRow<'a> {
    pub(in crate::store::sqlite) key: i64,
    pub(in crate::store::sqlite) name: &'a Name,
    pub(in crate::store::sqlite) account: Account,
}

impl AccountRow<'_> {
    pub(in crate::store::sqlite) const INSERT: &'static str = "INSERT INTO accounts (account, name, posted, held, floor, opened, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)";
    pub(in crate::store::sqlite) const UPDATE: &'static str = "UPDATE accounts SET posted = ?, held = ?, floor = ?, opened = ?, checksum = ? WHERE account = ?";
    /// What [`account`] reads.
    pub(in crate::store::sqlite) const COLUMNS: &'static str =
        "account, name, posted, held, floor, checksum, opened FROM accounts";

    pub(in crate::store::sqlite) fn sealed(&self, content: &mut Content) -> i64 {
        let (posted, held, floor) = self.account.parts();
        content
            .of(b'a')
            .number(self.key)
            .text(Some(self.name.as_str()));
        content.number(posted).number(held).number(floor);
        content.later(1, self.account.is_opened().then_some(1));
        checksum(&content.hash())
    }
}

/// The row of [`AccountRow::COLUMNS`]; nothing if it cannot be one, or its checksum is wrong.
pub(in crate::store::sqlite) fn account(
    row: &Row<'_>,
) -> rusqlite::Result<Option<(i64, Name, Account)>> {
    let key: i64 = row.get(0)?;
    let name = Name::other_side(row.get_ref(1)?.as_str()?).ok();
    let account = Account::from_parts((row.get(2)?, row.get(3)?, row.get(4)?));
    let (Some(name), Some(account)) = (name, account) else {
        return Ok(None);
    };
    let account = match row.get(6)? {
        None => account,
        Some(1) => account.opened(),
        Some(_) => return Ok(None),
    };
    let known = AccountRow {
        key,
        name: &name,
        account,
    };
    let right = known.sealed(&mut Content::default()) == row.get::<_, i64>(5)?;
    Ok(right.then_some((key, name, account)))
}
