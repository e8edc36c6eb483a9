//! What a client asks beside requests to decide, and how the ledger answers.

use crate::protocol::{Query, Response};
use crate::store::{Ledger, LedgerError, LedgerQuery};

/// A query, and which client asks.
pub(super) struct ClientQuery {
    pub(super) client: u32,
    pub(super) query: Query,
}

impl LedgerQuery for ClientQuery {
    type Output = Vec<Response>;

    fn ask(&mut self, ledger: &mut dyn Ledger) -> Result<Vec<Response>, LedgerError> {
        answer(ledger, &self.query)
    }
}

/// What the ledger answers, piece by piece.
fn answer(ledger: &mut dyn Ledger, query: &Query) -> Result<Vec<Response>, LedgerError> {
    Ok(match query {
        Query::Unit => vec![Response::Unit(ledger.unit()?)],
        Query::LookUp(names) => rows(ledger.look_up(names)?, Response::Standing),
        Query::Accounts(after) => rows(ledger.accounts(after.as_ref())?, |standing| {
            Response::Standing(Some(standing))
        }),
        Query::Holds(after) => rows(ledger.holds(*after)?, Response::Hold),
        Query::Entries(wanted) => {
            let page = ledger.entries(wanted)?;
            let looked = Response::Looked {
                at: page.looked_at,
                is_last: page.is_last,
            };
            let entries = page.entries.into_iter().map(Response::Entry);
            entries.chain([looked]).collect()
        }
        Query::DoneLines { run, after } => {
            rows(ledger.done_lines(*run, *after)?, Response::DoneLine)
        }
        Query::BegunLines { run, after } => {
            rows(ledger.begun_lines(*run, *after)?, Response::BegunLine)
        }
        Query::Runs(after) => rows(ledger.runs(*after)?, Response::RunTotals),
        Query::Skip { run, line, reason } => {
            vec![Response::Skipped(ledger.skip(run, *line, reason)?)]
        }
        Query::Verify(expect) => {
            vec![Response::Verified(ledger.verify(expect.as_ref())?)]
        }
        Query::Backup(path) => vec![match ledger.backup(path) {
            Err(LedgerError::NoPlace { what, .. }) => Response::NoPlace(what),
            verified => Response::Verified(verified?),
        }],
    })
}

fn rows<T>(rows: Vec<T>, response: impl Fn(T) -> Response) -> Vec<Response> {
    rows.into_iter()
        .map(response)
        .chain([Response::Done])
        .collect()
}
