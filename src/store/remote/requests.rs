//! What a served ledger is asked, as the file itself would be.

use std::path::Path;

use super::{Halt, PATIENCE, Remote, RequestState, Taken, name};
use crate::bank::{Name, Unit};
use crate::protocol::{Query, Response};
use crate::store::{
    BegunLine, ChainEnd, DoneLine, Entries, EntryQuery, LeaseShare, Ledger, LedgerAnswer,
    LedgerError, LedgerRequest, MAX_PAGE, MAX_REASON, OpenHold, RunName, RunTotals, SkippedLine,
    Standing, Verified,
};

impl Ledger for Remote {
    fn name(&self) -> String {
        name(&self.socket)
    }

    fn unit(&mut self) -> Result<Unit, LedgerError> {
        self.line()?;
        Ok(self.unit.clone().unwrap_or_default())
    }

    fn submit(&mut self, batch: &[LedgerRequest]) -> Result<Vec<LedgerAnswer>, LedgerError> {
        self.line()?.forget_sent();
        let mut answers = Vec::with_capacity(batch.len());
        let halt = self.exchange(batch, &mut answers);
        let error = match halt {
            Halt::Done => return Ok(answers),
            Halt::NotDone(error) => error,
            Halt::Failed(error) => {
                self.failed |= error.is_final();
                return Err(error);
            }
            Halt::Lost(trouble) => {
                let left = &batch[answers.len()..];
                let known = match &self.line {
                    Some(line) if !line.has_sent() => RequestState::NotDone,
                    _ if left
                        .iter()
                        .all(|request| self.under_way.is_repeatable(request)) =>
                    {
                        RequestState::Repeatable
                    }
                    _ => RequestState::Unknown,
                };
                self.lose(trouble, known)
            }
        };
        // The caller asks again for what has no answer.
        match answers.is_empty() {
            true => Err(error),
            false => Ok(answers),
        }
    }

    /// As of one moment for each [`MAX_PAGE`] names.
    fn look_up(&mut self, names: &[Name]) -> Result<Vec<Option<Standing>>, LedgerError> {
        let mut standings = Vec::with_capacity(names.len());
        for names in names.chunks(MAX_PAGE) {
            let question = Query::LookUp(names.to_vec());
            let page = self.page(&question, |finding| match finding {
                Response::Standing(standing) => Some(standing),
                _ => None,
            })?;
            if page.len() != names.len() {
                return Err(self.fail_misplaced());
            }
            standings.extend(page);
        }
        Ok(standings)
    }

    fn accounts(&mut self, after: Option<&Name>) -> Result<Vec<Standing>, LedgerError> {
        self.page(&Query::Accounts(after.cloned()), |finding| match finding {
            Response::Standing(standing) => standing,
            _ => None,
        })
    }

    fn holds(&mut self, after: u64) -> Result<Vec<OpenHold>, LedgerError> {
        self.page(&Query::Holds(after), |finding| match finding {
            Response::Hold(hold) => Some(hold),
            _ => None,
        })
    }

    fn entries(&mut self, query: &EntryQuery) -> Result<Entries, LedgerError> {
        let mut page = Entries::default();
        self.ask(
            &Query::Entries(query.clone()),
            PATIENCE,
            |finding| match finding {
                Response::Entry(entry) if page.entries.len() < MAX_PAGE => {
                    page.entries.push(entry);
                    Taken::More
                }
                Response::Looked { at, is_last } => {
                    page.looked_at = at;
                    page.is_last = is_last;
                    Taken::All
                }
                _ => Taken::Misplaced,
            },
        )?;
        Ok(page)
    }

    fn share_of_run(&self, _: u32) -> Option<LeaseShare> {
        None
    }

    fn done_lines(&mut self, run: u32, after: u64) -> Result<Vec<DoneLine>, LedgerError> {
        self.line()?;
        let run = self.under_way.there(run).unwrap_or(run);
        self.page(&Query::DoneLines { run, after }, |finding| match finding {
            Response::DoneLine(done) => Some(done),
            _ => None,
        })
    }

    fn begun_lines(&mut self, run: u32, after: u64) -> Result<Vec<BegunLine>, LedgerError> {
        self.line()?;
        let run = self.under_way.there(run).unwrap_or(run);
        self.page(&Query::BegunLines { run, after }, |finding| match finding {
            Response::BegunLine(begun) => Some(begun),
            _ => None,
        })
    }

    fn runs(&mut self, after: u32) -> Result<Vec<RunTotals>, LedgerError> {
        self.page(&Query::Runs(after), |finding| match finding {
            Response::RunTotals(totals) => Some(totals),
            _ => None,
        })
    }

    fn skip(&mut self, run: &RunName, line: u64, reason: &str) -> Result<SkippedLine, LedgerError> {
        let question = Query::Skip {
            run: run.clone(),
            line,
            reason: reason[..reason.floor_char_boundary(MAX_REASON)].to_string(),
        };
        self.one(&question, |finding| match finding {
            Response::Skipped(skipped) => Some(skipped),
            _ => None,
        })
    }

    fn verify(&mut self, expect: Option<&ChainEnd>) -> Result<Verified, LedgerError> {
        self.ask_to_verify(&Query::Verify(expect.copied()))
    }

    fn backup(&mut self, path: &Path) -> Result<Verified, LedgerError> {
        self.ask_to_verify(&Query::Backup(path.to_owned()))
    }
}
