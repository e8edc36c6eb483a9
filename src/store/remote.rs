//! A ledger behind a server process, `bank-par serve`, that listens on a local socket.

mod again;
mod connection;
mod requests;
mod stream;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Certainty, LedgerAnswer, LedgerError, LedgerRequest, MAX_PAGE, RunName, Verified};
use crate::bank::Unit;
use crate::protocol::{LedgerFault, Query, Response};
use again::UnderWay;
use connection::{Connection, Trouble};
pub(crate) use stream::ByteStream;
use stream::SocketStream;

/// How long a client waits for the next piece of an answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long it waits for the end of a check of everything.
const VERIFY_PATIENCE: Duration = Duration::from_secs(3_600);

/// Reaches the server that listens on a socket.
type Dial = Box<dyn FnMut(&Path) -> Result<Box<dyn ByteStream>, String> + Send>;

/// A client of a served ledger.
///
/// Requests travel in frames, and each frame is a unit of its own. The server answers in order, so a
/// long batch is sent on while the first answers come. A connection that is lost is made anew at the
/// next request.
pub(crate) struct Remote {
    socket: PathBuf,
    /// Reaches the server that listens on a socket.
    dial: Dial,
    /// Nothing once the connection is lost.
    line: Option<Connection>,
    under_way: UnderWay,
    /// What its ledger counts, once it has said so.
    unit: Option<Unit>,
    /// Something failed, so it is not known which requests count.
    failed: bool,
}

impl Remote {
    /// Connects to the server that listens on this socket.
    pub(super) fn connect(socket: &Path) -> Result<Self, LedgerError> {
        Remote::connect_by(Box::new(SocketStream::connect), socket)
    }

    /// Connects to it in this way.
    pub(crate) fn connect_by(dial: Dial, socket: &Path) -> Result<Self, LedgerError> {
        let mut remote = Remote {
            socket: socket.to_path_buf(),
            dial,
            line: None,
            under_way: UnderWay::default(),
            unit: None,
            failed: false,
        };
        remote.line()?;
        Ok(remote)
    }

    /// The connection, made anew where it was lost.
    fn line(&mut self) -> Result<&mut Connection, LedgerError> {
        let ledger = name(&self.socket);
        if self.failed {
            return Err(LedgerError::Failed { ledger });
        }
        let line = match self.line.take() {
            Some(line) => line,
            None => {
                let line = (self.dial)(&self.socket).and_then(Connection::begin);
                let mut line = line.map_err(|what| LedgerError::NotServed { ledger, what })?;
                let unit = self.unit_on(&mut line)?;
                let is_same = *self.unit.get_or_insert_with(|| unit.clone()) == unit;
                let mut under_way = std::mem::take(&mut self.under_way);
                let opened = under_way.reopen(|run| self.open_on(&mut line, run));
                self.under_way = under_way;
                if !opened? || !is_same {
                    self.failed = true;
                    return Err(self.broken("has another ledger now".to_string()));
                }
                line
            }
        };
        Ok(self.line.insert(line))
    }

    /// What the ledger behind this connection counts.
    fn unit_on(&self, line: &mut Connection) -> Result<Unit, LedgerError> {
        let lost = |trouble: Trouble| self.trouble(trouble, RequestState::NotDone);
        line.ask(&Query::Unit).map_err(lost)?;
        match line.finding(PATIENCE).map_err(lost)? {
            Response::Unit(unit) => Ok(unit),
            Response::Failed(fault) => Err(self.answered(fault)),
            _ => Err(self.misplaced()),
        }
    }

    /// Opens a run on this connection, and tells its number.
    fn open_on(&self, line: &mut Connection, run: Option<&RunName>) -> Result<u32, LedgerError> {
        let lost = |trouble: Trouble| self.trouble(trouble, RequestState::NotDone);
        line.request(&LedgerRequest::BeginRun(run.cloned()))
            .map_err(lost)?;
        match line.finding(PATIENCE).map_err(lost)? {
            Response::Answer(LedgerAnswer::RunBegun(run)) => Ok(run.number),
            // The server has not noticed yet that the connection before was lost.
            Response::Answer(LedgerAnswer::RunIsLive(run)) => Err(self.answered(LedgerFault {
                may_pass: true,
                ..LedgerFault::refusal(format!(
                    "the run `{run}` is still going on on the connection that was lost"
                ))
            })),
            Response::Failed(fault) => Err(self.answered(fault)),
            _ => Err(self.misplaced()),
        }
    }

    /// Asks one question, and hands each row of the answer to `take` until that says it was the last. It
    /// changes no balance, so nothing is lost with an answer.
    fn ask(
        &mut self,
        question: &Query,
        patience: Duration,
        mut take: impl FnMut(Response) -> Taken,
    ) -> Result<(), LedgerError> {
        let asked = self.line()?.ask(question);
        asked.map_err(|trouble| self.lose(trouble, RequestState::NotDone))?;
        loop {
            let finding = self.line()?.finding(patience);
            match finding.map_err(|trouble| self.lose(trouble, RequestState::NotDone))? {
                Response::Failed(fault) => return Err(self.fault(fault)),
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
        question: &Query,
        read: impl Fn(Response) -> Option<T>,
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
        question: &Query,
        row: impl Fn(Response) -> Option<T>,
    ) -> Result<Vec<T>, LedgerError> {
        let mut rows = Vec::new();
        self.ask(question, PATIENCE, |finding| match finding {
            Response::Done => Taken::All,
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

    fn fault(&mut self, fault: LedgerFault) -> LedgerError {
        let error = self.answered(fault);
        self.failed |= error.is_final();
        error
    }

    /// Sends requests and reads their answers, as far as they come.
    fn exchange(&mut self, batch: &[LedgerRequest], answers: &mut Vec<LedgerAnswer>) -> Halt {
        for request in batch {
            let request = self.under_way.translated(request);
            match self.line().map(|line| line.request(&request)) {
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
                Response::Answer(answer) => {
                    match self.under_way.told(&batch[answers.len()], answer) {
                        Some(answer) => answers.push(answer),
                        None => return Halt::Failed(self.fail_misplaced()),
                    }
                }
                Response::Failed(fault) => {
                    let error = self.fault(fault);
                    if error.is_final() {
                        return Halt::Failed(error);
                    }
                    // What was said of them holds although the connection is lost.
                    if let Err(trouble) = self.resume() {
                        self.lose(trouble, RequestState::NotDone);
                    }
                    return Halt::NotDone(error);
                }
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
        line.ask(&Query::LookUp(Vec::new()))?;
        loop {
            match line.finding(PATIENCE)? {
                Response::Failed(fault) if fault.certainty != Certainty::Unknown => {}
                Response::Done => return Ok(()),
                _ => return Err(Trouble::ProtocolViolation(MISPLACED.to_string())),
            }
        }
    }

    /// The connection is lost.
    fn lose(&mut self, trouble: Trouble, known: RequestState) -> LedgerError {
        self.line = None;
        self.failed |=
            matches!(trouble, Trouble::ProtocolViolation(_)) || known == RequestState::Unknown;
        self.trouble(trouble, known)
    }

    fn trouble(&self, trouble: Trouble, known: RequestState) -> LedgerError {
        let ledger = name(&self.socket);
        match (trouble, known) {
            (Trouble::Lost(what), RequestState::NotDone) => LedgerError::NotServed { ledger, what },
            (Trouble::Lost(what), RequestState::Repeatable) => LedgerError::Interrupted { ledger, what },
            (Trouble::Lost(what), RequestState::Unknown) => self.broken(format!(
                "{what}: it is not known whether what it was asked counts; look at it again, or repeat what has an id"
            )),
            (Trouble::ProtocolViolation(what), _) => self.broken(what),
        }
    }

    fn answered(&self, fault: LedgerFault) -> LedgerError {
        let LedgerFault {
            certainty,
            may_pass,
            why,
        } = fault;
        LedgerError::Answered {
            ledger: name(&self.socket),
            certainty,
            may_pass,
            why,
        }
    }

    /// Asks for what ends with a check of everything, and waits for at most an hour.
    fn ask_to_verify(&mut self, question: &Query) -> Result<Verified, LedgerError> {
        let mut verified = None;
        self.ask(question, VERIFY_PATIENCE, |finding| {
            verified = match (finding, question) {
                (Response::Verified(found), _) => Some(Ok(found)),
                (Response::NoPlace(what), Query::Backup(path)) => {
                    let path = path.clone();
                    Some(Err(LedgerError::NoPlace { path, what }))
                }
                _ => return Taken::Misplaced,
            };
            Taken::All
        })?;
        verified.unwrap_or_else(|| Err(self.misplaced()))
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
enum RequestState {
    NotDone,
    /// Unknown, but it can be asked again.
    Repeatable,
    Unknown,
}

/// How far the requests of a batch were answered.
enum Halt {
    Done,
    /// Those without an answer were not done.
    NotDone(LedgerError),
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
