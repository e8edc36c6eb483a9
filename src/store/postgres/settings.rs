//! The settings of a server that can lose what was acknowledged, and the rights that users of a ledger need.

use super::{Postgres, faults};
use crate::store::{LedgerError, ServerSetting};

/// What is asked for each setting: its name, what it must be, and what else may happen.
const SQL: &str = "SELECT s.name, s.setting, CASE s.name WHEN 'fsync' THEN s.setting = 'on' WHEN 'full_page_writes' THEN s.setting = 'on' WHEN 'synchronous_commit' THEN s.setting IN ('on', 'remote_apply') WHEN 'synchronous_standby_names' THEN s.setting <> '' WHEN 'transaction_read_only' THEN s.setting = 'off' ELSE true END FROM pg_catalog.pg_settings s WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names', 'transaction_read_only') ORDER BY s.name";

/// What a setting that is not as it must be may lead to.
fn danger(name: &str) -> &'static str {
    match name {
        "fsync" => "a crash of the machine may lose or damage anything",
        "full_page_writes" => "a crash of the machine may damage pages",
        "synchronous_commit" => "a commit is answered before it is durable",
        "synchronous_standby_names" => {
            "no standby confirms a commit: where one is promoted, the latest entries may be lost"
        }
        _ => "nothing can be written",
    }
}

impl Postgres {
    /// The settings on which durability rests, as this program's sessions have them.
    pub(in crate::store) fn settings(&mut self) -> Result<Vec<ServerSetting>, LedgerError> {
        let rows = self.session.query(SQL, &[]);
        let read = rows.and_then(|rows| {
            let settings = rows.iter().map(|row| {
                let (name, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
                let is_safe: bool = row.try_get(2)?;
                Ok(ServerSetting {
                    danger: (!is_safe).then(|| danger(&name)),
                    name,
                    value,
                })
            });
            settings.collect()
        });
        read.map_err(|error| faults::not_done(&self.name, "read", &error))
    }
}

/// The statements by which its owner lets a role read a ledger in this schema, and another one write to it.
pub(in crate::store) fn grants(schema: &str) -> Vec<String> {
    let schema = super::schema::quoted(schema);
    let grant = |role: &str, rights: &str| {
        format!(
            "GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT {rights} ON ALL TABLES IN SCHEMA {schema} TO {role};"
        )
    };
    vec![
        grant("reader", "SELECT"),
        grant("writer", "SELECT, INSERT, UPDATE, DELETE"),
    ]
}
