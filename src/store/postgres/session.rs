//! A connection to the database, set up as a ledger needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use postgres::types::ToSql;
use postgres::{Client, NoTls, Row, SimpleQueryMessage, SimpleQueryRow, Statement};

use super::address::ServerAddress;
use super::faults;
use super::schema::quoted;

/// What a session must be like, whatever the server, the database or the role says.
///
/// A commit is answered when it is durable here and, where there are synchronous standbys, there; nothing
/// ever ends the wait for that. A process that stops in the middle of a transaction does not keep the others
/// waiting for ever. Every set is looked for by an index, by one plan.
const SETTINGS: &str = "SET statement_timeout = 0; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; SET client_min_messages = warning; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan; SET jit = off; SET standard_conforming_strings = on; SET bytea_output = hex; SET DateStyle = ISO;";

/// A weaker promise than this is not enough, a stronger one is kept.
const COMMITS: &str = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply';";

/// A connection, and the statements that were prepared in it.
pub(super) struct PgSession {
    pub(super) client: Client,
    prepared: HashMap<String, Statement>,
    is_lost: bool,
    /// The warnings of the server since they were taken last.
    warnings: Arc<Mutex<Vec<String>>>,
}

impl PgSession {
    /// Connects to the primary.
    pub(super) fn connect(address: &ServerAddress) -> Result<Self, postgres::Error> {
        let warnings = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&warnings);
        let mut config = address.config.clone();
        config.notice_callback(move |notice| {
            if notice.severity() == "WARNING" {
                let words = notice.message().to_string();
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(words);
            }
        });
        let mut client = config.connect(NoTls)?;
        let schema = quoted(&address.schema);
        client.batch_execute(&format!("{SETTINGS} {COMMITS} SET search_path = {schema}"))?;
        Ok(PgSession {
            client,
            prepared: HashMap::new(),
            is_lost: false,
            warnings,
        })
    }

    /// Runs a query with parameters, which is prepared once.
    pub(super) fn query(
        &mut self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, postgres::Error> {
        let statement = match self.prepared.get(sql) {
            Some(statement) => statement.clone(),
            None => {
                let prepared = self.client.prepare(sql);
                let statement = self.note(prepared)?;
                self.prepared.insert(sql.to_string(), statement.clone());
                statement
            }
        };
        let found = self.client.query(&statement, parameters);
        self.note(found)
    }

    /// Runs statements one after another in one round trip, and tells the rows of all.
    pub(super) fn script(&mut self, sql: &str) -> Result<Vec<SimpleQueryRow>, postgres::Error> {
        let answered = self.client.simple_query(sql);
        let messages = self.note(answered)?.into_iter();
        Ok(messages
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .collect())
    }

    /// Commits, and tells what the server warned of: then the commit is not as durable as it must be.
    pub(super) fn commit(&mut self) -> Result<Option<String>, postgres::Error> {
        let warnings = Arc::clone(&self.warnings);
        let warnings = move || {
            let mut warnings = warnings.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *warnings).pop()
        };
        warnings();
        self.script("COMMIT")?;
        Ok(warnings())
    }

    /// Whether the connection can be used.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_lost && !self.client.is_closed()
    }

    /// Notes that the connection is gone if this error says so.
    fn note<T>(&mut self, asked: Result<T, postgres::Error>) -> Result<T, postgres::Error> {
        self.is_lost |= asked.as_ref().is_err_and(faults::is_lost);
        asked
    }
}
