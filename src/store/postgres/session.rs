//! A session of the database, set up as a ledger needs it.

mod connection;

use std::collections::HashMap;
use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Row, SimpleQueryMessage, SimpleQueryRow, Statement};

use super::address::ServerAddress;
use super::faults::PgError;
use super::schema::quoted;
use connection::PgConnection;

/// What a session must be like, whatever the server, the database or the role says.
///
/// A commit is answered when it is durable here and, where there are synchronous standbys, there; the server
/// never ends the wait for that. A process that stops in the middle of a transaction does not keep the others
/// waiting for ever. Every set is looked for by an index, by one plan.
const SETTINGS: &str = "SET statement_timeout = 0; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '30s'; SET client_min_messages = warning; SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan; SET jit = off; SET standard_conforming_strings = on; SET bytea_output = hex; SET DateStyle = ISO;";

/// A weaker promise than this is not enough, a stronger one is kept.
const COMMITS: &str = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply';";

/// For how long the answers of a server are waited for, which may be stopped while the system still takes
/// what is sent to it.
#[derive(Clone, Copy)]
pub(super) struct AnswerLimits {
    /// To what a transaction does that writes, whose locks others wait for.
    pub(super) writing: Duration,
    /// To what is read, which may be a whole table.
    pub(super) reading: Duration,
    /// To a commit, which may wait for a standby. It is not known then whether it was done.
    pub(super) commit: Duration,
}

impl AnswerLimits {
    /// Those of every ledger.
    pub(super) const USUAL: AnswerLimits = AnswerLimits {
        writing: Duration::from_secs(60),
        reading: Duration::from_secs(600),
        commit: Duration::from_secs(600),
    };
}

/// A connection, and the statements that were prepared in it.
pub(super) struct PgSession {
    connection: PgConnection,
    prepared: HashMap<String, Statement>,
    is_lost: bool,
    /// The limit of what is asked now, and that of a commit.
    limit: Duration,
    commit_limit: Duration,
}

impl PgSession {
    /// Connects to the primary.
    pub(super) fn connect(address: &ServerAddress) -> Result<Self, PgError> {
        let mut session = PgSession {
            connection: PgConnection::open(address)?,
            prepared: HashMap::new(),
            is_lost: false,
            limit: address.limits.writing,
            commit_limit: address.limits.commit,
        };
        let schema = quoted(&address.schema);
        session.script(&format!("{SETTINGS} {COMMITS} SET search_path = {schema}"))?;
        Ok(session)
    }

    /// What is asked from now on is to be answered within this time.
    pub(super) fn answer_within(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Runs a query with parameters, which is prepared once.
    pub(super) fn query(
        &mut self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, PgError> {
        let statement = match self.prepared.get(sql) {
            Some(statement) => statement.clone(),
            None => {
                let prepared = self
                    .connection
                    .ask(self.limit, |client| client.prepare(sql));
                let statement = self.note(prepared)?;
                self.prepared.insert(sql.to_string(), statement.clone());
                statement
            }
        };
        let found = self
            .connection
            .ask(self.limit, |client| client.query(&statement, parameters));
        self.note(found)
    }

    /// Runs a query with parameters of these types, which is asked but once.
    pub(super) fn query_once(
        &mut self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, PgError> {
        let asked = self
            .connection
            .ask(self.limit, |client| client.query_typed(sql, parameters));
        self.note(asked)
    }

    /// Runs statements one after another in one round trip, and tells the rows of all.
    pub(super) fn script(&mut self, sql: &str) -> Result<Vec<SimpleQueryRow>, PgError> {
        self.script_within(self.limit, sql)
    }

    /// Commits, and tells what the server warned of: then the commit is not as durable as it must be.
    pub(super) fn commit(&mut self) -> Result<Option<String>, PgError> {
        self.connection.warnings.clear();
        self.script_within(self.commit_limit, "COMMIT")?;
        Ok(self.connection.warnings.pop())
    }

    /// Whether the connection can be used.
    pub(super) fn is_usable(&self) -> bool {
        !self.is_lost && self.connection.is_open()
    }

    fn script_within(
        &mut self,
        limit: Duration,
        sql: &str,
    ) -> Result<Vec<SimpleQueryRow>, PgError> {
        let answered = self
            .connection
            .ask(limit, |client| client.simple_query(sql));
        let messages = self.note(answered)?.into_iter();
        Ok(messages
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            })
            .collect())
    }

    /// Notes that the connection is gone if this error says so.
    fn note<T>(&mut self, asked: Result<T, PgError>) -> Result<T, PgError> {
        self.is_lost |= asked.as_ref().is_err_and(PgError::is_lost);
        asked
    }
}
