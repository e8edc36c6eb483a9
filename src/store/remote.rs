//! A ledger behind a server process, `bank-par serve`, that listens on a local socket.

mod line;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{
    BegunLine, ChainEnd, DoneLine, Entries, Ledger, LedgerError, MAX_PAGE, MAX_REASON, OpenHold,
    OpenedRun, Query, RunName, RunTotals, SkippedLine, Standing, Verified,
};
use crate::bank::{Answer, Asked, Name};
use crate::protocol::{Fault, Finding, Question};
use line::Line;

/// How long a client waits for the next piece of an answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it waits for the end of a check of everything.
const VERIFY_PATIENCE: Duration = Duration::from_secs(3_600);

/// A client of a served ledger.
///
/// Requests travel in frames, and each frame is a unit of its own. The server answers in order, so a
/// long batch is sent on while the first answers come.
pub(super) struct Remote {
    socket: PathBuf,
    line: Line,
    /// Something failed, so nobody knows which requests count.
    failed: bool,
}

impl Remote {
    /// Connects to the server that listens on this socket.
    pub(super) fn connect(socket: &Path) -> Result<Self, LedgerError> {
        let line = Line::connect(socket).map_err(|what| LedgerError::NotServed {
            ledger: name(socket),
            what,
        })?;
        Ok(Remote {
            socket: socket.to_path_buf(),
            line,
            failed: false,
        })
    }

    /// Asks one question, and hands each row of the answer to `take` until that says it was the last.
    fn ask(
        &mut self,
        question: &Question,
        patience: Duration,
        mut take: impl FnMut(Finding) -> Taken,
    ) -> Result<(), LedgerError> {
        self.check_usable()?;
        self.failed = true;
        self.line.ask(question).map_err(|what| self.broken(what))?;
        loop {
            let finding = self.line.finding(patience);
            match finding.map_err(|what| self.broken(what))? {
                Finding::Failed(fault) => return Err(self.fault(fault)),
                finding => match take(finding) {
                    Taken::More => {}
                    Taken::All => break,
                    Taken::Misplaced => return Err(self.misplaced()),
                },
            }
        }
        self.end()
    }

    /// Asks for what is told in one piece.
    fn one<T>(
        &mut self,
        question: &Question,
        read: impl Fn(Finding) -> Option<T>,
    ) -> Result<T, LedgerError> {
        let mut found = None;
        self.ask(question, PATIENCE, |finding| match read(finding) {
            Some(read) => {
                found = Some(read);
                Taken::All
            }
            None => Taken::Misplaced,
        })?;
        found.ok_or_else(|| self.misplaced())
    }

    /// Asks for a page of rows, which `Done` ends.
    fn page<T>(
        &mut self,
        question: &Question,
        row: impl Fn(Finding) -> Option<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut rows = Vec::new();
        self.ask(question, PATIENCE, |finding| match finding {
            Finding::Done => Taken::All,
            finding => match row(finding) {
                Some(row) if rows.len() < MAX_PAGE => {
                    rows.push(row);
                    Taken::More
                }
                _ => Taken::Misplaced,
            },
        })?;
        Ok(rows)
    }

    /// After a whole answer: nothing may stand behind it.
    fn end(&mut self) -> Result<(), LedgerError> {
        if !self.line.is_idle() {
            return Err(self.misplaced());
        }
        self.failed = false;
        Ok(())
    }

    fn check_usable(&self) -> Result<(), LedgerError> {
        let ledger = name(&self.socket);
        match self.failed {
            true => Err(LedgerError::Failed { ledger }),
            false => Ok(()),
        }
    }

    fn fault(&mut self, fault: Fault) -> LedgerError {
        match fault {
            // It was said before anything was done.
            Fault::RunIsLive(run) => {
                self.failed = false;
                let ledger = name(&self.socket);
                LedgerError::RunIsLive { ledger, run }
            }
            Fault::NotDone(text) => {
                self.failed = false;
                self.not_done(text)
            }
            Fault::Other(text) => self.broken(format!("answers: {text}")),
        }
    }

    fn not_done(&self, text: String) -> LedgerError {
        LedgerError::NotServed {
            ledger: name(&self.socket),
            what: format!("answers: {text}"),
        }
    }

    /// Some request was not done, and those behind it were not either: reads that said of each, so that
    /// all may be asked again.
    fn resume(&mut self) -> Result<(), String> {
        self.line.ask(&Question::LookUp(Vec::new()))?;
        loop {
            match self.line.finding(PATIENCE)? {
                Finding::Failed(Fault::NotDone(_)) => {}
                Finding::Done => return Ok(()),
                _ => return Err("sent an answer to something that was not asked".to_string()),
            }
        }
    }

    fn misplaced(&self) -> LedgerError {
        self.broken("sent an answer to something that was not asked".to_string())
    }

    /// Requests are on their way, and their answers do not come.
    fn unknown(&self, what: &str) -> LedgerError {
        self.broken(format!(
            "{what}: nobody knows whether what it was asked counts; look at it again, or repeat what has an id"
        ))
    }

    fn broken(&self, what: String) -> LedgerError {
        let ledger = name(&self.socket);
        LedgerError::Server { ledger, what }
    }
}

/// What became of a row.
enum Taken {
    More,
    All,
    Misplaced,
}

fn name(socket: &Path) -> String {
    format!("unix:{}", socket.display())
}

impl Ledger for Remote {
    fn transact(&mut self, batch: &[Asked]) -> Result<Vec<Option<Answer>>, LedgerError> {
        self.check_usable()?;
        self.failed = true;
        for asked in batch {
            self.line.request(asked).map_err(|what| self.broken(what))?;
        }
        let mut answers = Vec::with_capacity(batch.len());
        while answers.len() < batch.len() {
            let finding = self.line.finding(PATIENCE);
            match finding.map_err(|what| self.unknown(&what))? {
                Finding::Answer(answer) => answers.push(answer),
                Finding::Failed(Fault::NotDone(text)) => {
                    self.resume().map_err(|what| self.unknown(&what))?;
                    self.end()?;
                    // The caller asks again for what has no answer.
                    return match answers.is_empty() {
                        true => Err(self.not_done(text)),
                        false => Ok(answers),
                    };
                }
                Finding::Failed(fault) => return Err(self.fault(fault)),
                _ => return Err(self.misplaced()),
            }
        }
        self.end()?;
        Ok(answers)
    }

    /// As of one moment for each [`MAX_PAGE`] names.
    fn look_up(&mut self, names: &[Name]) -> Result<Vec<Option<Standing>>, LedgerError> {
        let mut standings = Vec::with_capacity(names.len());
        for names in names.chunks(MAX_PAGE) {
            let question = Question::LookUp(names.to_vec());
            let page = self.page(&question, |finding| match finding {
                Finding::Standing(standing) => Some(standing),
                _ => None,
            })?;
            if page.len() != names.len() {
                self.failed = true;
                return Err(self.misplaced());
            }
            standings.extend(page);
        }
        Ok(standings)
    }

    fn accounts(&mut self, after: Option<&Name>) -> Result<Vec<Standing>, LedgerError> {
        self.page(
            &Question::Accounts(after.cloned()),
            |finding| match finding {
                Finding::Standing(standing) => standing,
                _ => None,
            },
        )
    }

    fn holds(&mut self, after: u64) -> Result<Vec<OpenHold>, LedgerError> {
        self.page(&Question::Holds(after), |finding| match finding {
            Finding::Hold(hold) => Some(hold),
            _ => None,
        })
    }

    fn entries(&mut self, query: &Query) -> Result<Entries, LedgerError> {
        let mut page = Entries::default();
        self.ask(
            &Question::Entries(query.clone()),
            PATIENCE,
            |finding| match finding {
                Finding::Entry(entry) if page.entries.len() < MAX_PAGE => {
                    page.entries.push(entry);
                    Taken::More
                }
                Finding::Looked { at, is_last } => {
                    page.looked_at = at;
                    page.is_last = is_last;
                    Taken::All
                }
                _ => Taken::Misplaced,
            },
        )?;
        Ok(page)
    }

    fn open_run(&mut self, name: Option<&RunName>) -> Result<OpenedRun, LedgerError> {
        self.one(&Question::OpenRun(name.cloned()), |finding| match finding {
            Finding::Run(run) => Some(run),
            _ => None,
        })
    }

    fn run_file(&self, _: u32) -> Option<PathBuf> {
        None
    }

    fn done_lines(&mut self, run: u32, after: u64) -> Result<Vec<DoneLine>, LedgerError> {
        self.page(
            &Question::DoneLines { run, after },
            |finding| match finding {
                Finding::DoneLine(done) => Some(done),
                _ => None,
            },
        )
    }

    fn begun_lines(&mut self, run: u32, after: u64) -> Result<Vec<BegunLine>, LedgerError> {
        self.page(
            &Question::BegunLines { run, after },
            |finding| match finding {
                Finding::BegunLine(begun) => Some(begun),
                _ => None,
            },
        )
    }

    fn runs(&mut self, after: u32) -> Result<Vec<RunTotals>, LedgerError> {
        self.page(&Question::Runs(after), |finding| match finding {
            Finding::RunTotals(totals) => Some(totals),
            _ => None,
        })
    }

    fn skip(&mut self, run: &RunName, line: u64, reason: &str) -> Result<SkippedLine, LedgerError> {
        let question = Question::Skip {
            run: run.clone(),
            line,
            reason: reason[..reason.floor_char_boundary(MAX_REASON)].to_string(),
        };
        self.one(&question, |finding| match finding {
            Finding::Skipped(skipped) => Some(skipped),
            _ => None,
        })
    }

    fn close_run(&mut self, run: u32) -> Result<(), LedgerError> {
        self.ask(
            &Question::CloseRun(run),
            PATIENCE,
            |finding| match finding {
                Finding::Done => Taken::All,
                _ => Taken::Misplaced,
            },
        )
    }

    /// Waits for at most an hour.
    fn verify(&mut self, expect: Option<&ChainEnd>) -> Result<Verified, LedgerError> {
        let mut verified = None;
        self.ask(
            &Question::Verify(expect.copied()),
            VERIFY_PATIENCE,
            |finding| match finding {
                Finding::Verified(found) => {
                    verified = Some(found);
                    Taken::All
                }
                _ => Taken::Misplaced,
            },
        )?;
        verified.ok_or_else(|| self.misplaced())
    }
}
