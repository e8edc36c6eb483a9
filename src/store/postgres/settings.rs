//! The settings of a server that can lose what was acknowledged, and the rights that users of a ledger need.

use super::{Postgres, PostgresAddress, faults};
use crate::store::{LedgerError, ServerSetting};

/// What is asked for each setting: its name, what it is in this program's sessions and what it would be in others,
/// how many standbys are connected, and whether the server is one itself.
const SQL: &str = "SELECT s.name, s.setting, s.reset_val, (SELECT count(*) FROM pg_catalog.pg_stat_replication r WHERE r.state IS DISTINCT FROM 'backup'), pg_catalog.pg_is_in_recovery() FROM pg_catalog.pg_settings s WHERE s.name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names', 'transaction_read_only') ORDER BY s.name";

/// What a setting may lead to that is not as it must be, on a server with so many standbys.
fn danger(name: &str, value: &str, standbys: i64, is_standby: bool) -> Option<String> {
    let text = match (name, value) {
        ("fsync" | "full_page_writes" | "synchronous_commit", "on")
        | ("synchronous_commit", "remote_apply") => return None,
        ("fsync", _) => {
            "a crash of the machine may lose or damage anything: set it to `on`".to_string()
        }
        ("full_page_writes", _) => {
            "a crash of the machine may damage pages: set it to `on`".to_string()
        }
        ("synchronous_commit", _) => "a commit is answered before it is durable".to_string(),
        ("synchronous_standby_names", "") => {
            let way_out = match standbys {
                0 => "",
                _ => "; with `ANY 1 (*)` each commit waits until one has it",
            };
            format!(
                "no standby confirms a commit (connected now: {standbys}): where one is promoted, the latest entries may be lost{way_out}"
            )
        }
        ("synchronous_standby_names", _) if standbys == 0 && !is_standby => {
            "no standby is connected now: each commit waits until one is".to_string()
        }
        ("transaction_read_only", "on") if is_standby => {
            "this server is a standby, which takes no writes: name the primary".to_string()
        }
        ("transaction_read_only", "on") => "nothing can be written".to_string(),
        _ => return None,
    };
    Some(text)
}

/// What is asked by those who know that another value was set.
fn note(name: &str, value: &str, elsewhere: &str) -> Option<String> {
    (name == "synchronous_commit" && value != elsewhere).then(|| {
        format!("other programs have '{elsewhere}' here, and this one asks for more by itself")
    })
}

impl Postgres {
    /// The settings on which durability rests, as this program's sessions have them. No ledger need be there.
    pub(in crate::store) fn settings(
        address: &PostgresAddress,
    ) -> Result<Vec<ServerSetting>, LedgerError> {
        let mut server = Postgres::connect(address)?;
        let rows = server.session.query(SQL, &[]);
        let read = rows.and_then(|rows| {
            let settings = rows.iter().map(|row| {
                let (name, value): (String, String) = (row.try_get(0)?, row.try_get(1)?);
                let (elsewhere, standbys): (String, i64) = (row.try_get(2)?, row.try_get(3)?);
                Ok(ServerSetting {
                    danger: danger(&name, &value, standbys, row.try_get(4)?),
                    note: note(&name, &value, &elsewhere),
                    name,
                    value,
                })
            });
            settings.collect()
        });
        read.map_err(|error| faults::not_done(&server.name, "read", &error))
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
