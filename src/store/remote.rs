//! A ledger behind a server process, `bank-par serve`, that listens on a local socket.

mod again;
mod line;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{
    BegunLine, ChainEnd, DoneLine, Entries, Ledger, LedgerError, MAX_PAGE, MAX_REASON, OpenHold,
    OpenedRun, Query, RunName, RunTotals, SkippedLine, Standing, Verified,
};
use crate::bank::{Answer, Asked, Name};
use crate::protocol::{Fault, Finding, Question};
use again::UnderWay;
use line::{Line, Trouble};

/// How long a client waits for the next piece of an answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it waits for the end of a check of everything.
const VERIFY_PATIENCE: Duration = Duration::from_secs(3_600);

/// A client of a served ledger.
///
/// Requests travel in frames, and each frame is a unit of its own. The server answers in order, so a
/// long batch is sent on while the first answers come. A connection that is lost is made anew at the
/// next request.
pub(super) struct Remote {
    socket: PathBuf,
    /// Nothing once the connection is lost.
    line: Option<Line>,
    under_way: UnderWay,
    /// Something failed, so nobody knows which requests count.
    failed: bool,
}

impl Remote {
    /// Connects to the server that listens on this socket.
    pub(super) fn connect(socket: &Path) -> Result<Self, LedgerError> {
        let mut remote = Remote {
            socket: socket.to_path_buf(),
            line: None,
            under_way: UnderWay::default(),
            failed: false,
        };
        remote.line()?;
        Ok(remote)
    }

    /// The connection, made anew where it was lost.
    fn line(&mut self) -> Result<&mut Line, LedgerError> {
        let ledger = name(&self.socket);
        if self.failed {
            return Err(LedgerError::Failed { ledger });
        }
        let line = match self.line.take() {
            Some(line) => line,
            None => {
                let line = Line::connect(&self.socket);
                let mut line = line.map_err(|what| LedgerError::NotServed { ledger, what })?;
                let mut under_way = std::mem::take(&mut self.under_way);
                let opened = under_way.reopen(|run| self.open_on(&mut line, run));
                self.under_way = under_way;
                if !opened? {
                    self.failed = true;
                    return Err(self.broken("has another ledger now".to_string()));
                }
                line
            }
        };
        Ok(self.line.insert(line))
    }

    /// Opens a run on this connection, and tells its number.
    fn open_on(&self, line: &mut Line, run: Option<&RunName>) -> Result<u32, LedgerError> {
        let lost = |trouble: Trouble| self.trouble(trouble, Known::NotDone);
        line.ask(&Question::OpenRun(run.cloned())).map_err(lost)?;
        match line.finding(PATIENCE).map_err(lost)? {
            Finding::Run(run) => Ok(run.number),
            // The server has not noticed yet that the connection before was lost.
            Finding::Failed(Fault::RunIsLive(run)) => Err(self.put_off(format!(
                "the run `{run}` is still going on on the connection that was lost"
            ))),
            Finding::Failed(Fault::NotDone(why)) => Err(self.put_off(why)),
            Finding::Failed(Fault::Other(why)) => Err(self.broken(format!("answers: {why}"))),
            _ => Err(self.misplaced()),
        }
    }

    /// Asks one question, and hands each row of the answer to `take` until that says it was the last. It
    /// changes no balance, so nothing is lost with an answer.
    fn ask(
        &mut self,
        question: &Question,
        patience: Duration,
        mut take: impl FnMut(Finding) -> Taken,
    ) -> Result<(), LedgerError> {
        let asked = self.line()?.ask(question);
        asked.map_err(|trouble| self.lose(trouble, Known::NotDone))?;
        loop {
            let finding = self.line()?.finding(patience);
            match finding.map_err(|trouble| self.lose(trouble, Known::NotDone))? {
                Finding::Failed(fault) => return Err(self.fault(fault)),
                finding => match take(finding) {
                    Taken::More => {}
                    Taken::All => break,
                    Taken::Misplaced => return Err(self.fail_misplaced()),
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
        match self.line()?.is_idle() {
            true => Ok(()),
            false => Err(self.fail_misplaced()),
        }
    }

    fn fault(&mut self, fault: Fault) -> LedgerError {
        match fault {
            // These were said before anything was done.
            Fault::RunIsLive(run) => {
                let ledger = name(&self.socket);
                LedgerError::RunIsLive { ledger, run }
            }
            Fault::NotDone(why) => self.put_off(why),
            Fault::Other(why) => {
                self.failed = true;
                self.broken(format!("answers: {why}"))
            }
        }
    }

    /// Sends requests and reads their answers, as far as they come.
    fn exchange(&mut self, batch: &[Asked], answers: &mut Vec<Option<Answer>>) -> Halt {
        for asked in batch {
            let asked = self.under_way.translated(asked);
            match self.line().map(|line| line.request(&asked)) {
                Ok(Ok(())) => {}
                Ok(Err(trouble)) => return Halt::Lost(trouble),
                Err(error) => return Halt::Failed(error),
            }
        }
        while answers.len() < batch.len() {
            let finding = match self.line().map(|line| line.finding(PATIENCE)) {
                Ok(Ok(finding)) => finding,
                Ok(Err(trouble)) => return Halt::Lost(trouble),
                Err(error) => return Halt::Failed(error),
            };
            match finding {
                Finding::Answer(answer) => {
                    let asked = &batch[answers.len()];
                    answers.push(self.under_way.told(asked, answer));
                }
                Finding::Failed(Fault::NotDone(why)) => {
                    return match self.resume() {
                        Ok(()) => Halt::PutOff(why),
                        Err(trouble) => Halt::Lost(trouble),
                    };
                }
                Finding::Failed(fault) => return Halt::Failed(self.fault(fault)),
                _ => return Halt::Failed(self.fail_misplaced()),
            }
        }
        match self.end() {
            Ok(()) => Halt::Done,
            Err(error) => Halt::Failed(error),
        }
    }

    /// Some request was not done, and those behind it were not either: reads that said of each, so that
    /// all may be asked again.
    fn resume(&mut self) -> Result<(), Trouble> {
        let gone = |_| Trouble::Lost("ended the connection".to_string());
        let line = self.line().map_err(gone)?;
        line.ask(&Question::LookUp(Vec::new()))?;
        loop {
            match line.finding(PATIENCE)? {
                Finding::Failed(Fault::NotDone(_)) => {}
                Finding::Done => return Ok(()),
                _ => return Err(Trouble::Senseless(MISPLACED.to_string())),
            }
        }
    }

    /// The connection is lost.
    fn lose(&mut self, trouble: Trouble, known: Known) -> LedgerError {
        self.line = None;
        self.failed |= matches!(trouble, Trouble::Senseless(_)) || known == Known::Nothing;
        self.trouble(trouble, known)
    }

    fn trouble(&self, trouble: Trouble, known: Known) -> LedgerError {
        let ledger = name(&self.socket);
        match (trouble, known) {
            (Trouble::Lost(what), Known::NotDone) => LedgerError::NotServed { ledger, what },
            (Trouble::Lost(what), Known::Repeatable) => LedgerError::Interrupted { ledger, what },
            (Trouble::Lost(what), Known::Nothing) => self.broken(format!(
                "{what}: nobody knows whether what it was asked counts; look at it again, or repeat what has an id"
            )),
            (Trouble::Senseless(what), _) => self.broken(what),
        }
    }

    fn put_off(&self, why: String) -> LedgerError {
        let ledger = name(&self.socket);
        LedgerError::PutOff { ledger, why }
    }

    fn fail_misplaced(&mut self) -> LedgerError {
        self.failed = true;
        self.misplaced()
    }

    fn misplaced(&self) -> LedgerError {
        self.broken(MISPLACED.to_string())
    }

    fn broken(&self, what: String) -> LedgerError {
        let ledger = name(&self.socket);
        LedgerError::Server { ledger, what }
    }
}

const MISPLACED: &str = "sent an answer to something that was not asked";

/// What is known of what was asked on a connection that is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    NotDone,
    /// Nothing, but it can be asked again.
    Repeatable,
    Nothing,
}

/// How far the requests of a batch were answered.
enum Halt {
    Done,
    /// Those without an answer were not done.
    PutOff(String),
    Lost(Trouble),
    Failed(LedgerError),
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
        self.line()?.forget_sent();
        let mut answers = Vec::with_capacity(batch.len());
        let halt = self.exchange(batch, &mut answers);
        let error = match halt {
            Halt::Done => return Ok(answers),
            Halt::PutOff(why) => self.put_off(why),
            Halt::Failed(error) => {
                self.failed |= error.is_final();
                return Err(error);
            }
            Halt::Lost(trouble) => {
                let left = &batch[answers.len()..];
                let known = match &self.line {
                    Some(line) if !line.has_sent() => Known::NotDone,
                    _ if left.iter().all(|asked| self.under_way.is_repeatable(asked)) => {
                        Known::Repeatable
                    }
                    _ => Known::Nothing,
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
            let question = Question::LookUp(names.to_vec());
            let page = self.page(&question, |finding| match finding {
                Finding::Standing(standing) => Some(standing),
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
        let question = Question::OpenRun(name.cloned());
        let opened = self.one(&question, |finding| match finding {
            Finding::Run(run) => Some(run),
            _ => None,
        })?;
        self.under_way.open(opened.number, name);
        Ok(opened)
    }

    fn run_file(&self, _: u32) -> Option<PathBuf> {
        None
    }

    fn done_lines(&mut self, run: u32, after: u64) -> Result<Vec<DoneLine>, LedgerError> {
        self.line()?;
        let run = self.under_way.there(run).unwrap_or(run);
        self.page(
            &Question::DoneLines { run, after },
            |finding| match finding {
                Finding::DoneLine(done) => Some(done),
                _ => None,
            },
        )
    }

    fn begun_lines(&mut self, run: u32, after: u64) -> Result<Vec<BegunLine>, LedgerError> {
        self.line()?;
        let run = self.under_way.there(run).unwrap_or(run);
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
        self.line()?;
        let there = self.under_way.there(run).unwrap_or(run);
        self.ask(
            &Question::CloseRun(there),
            PATIENCE,
            |finding| match finding {
                Finding::Done => Taken::All,
                _ => Taken::Misplaced,
            },
        )?;
        self.under_way.close(run);
        Ok(())
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
