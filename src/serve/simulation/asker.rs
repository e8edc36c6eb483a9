//! A process that asks the server, as a run does: what was not done it asks again, and what it was told counts.

use std::collections::BTreeSet;

use super::link::Link;
use super::operation;
use crate::bank::{Asked, Kind, Line, Outcome, Rejection, Request, RequestContext, WorkEnd};
use crate::simulation::chance::Chance;
use crate::store::{Entry, Ledger, LedgerAnswer, LedgerRequest, Remote, RunName};

/// How an operation is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TaskKind {
    /// At once, under an id: it can be asked for again by any process.
    ById,
    /// At once, as a line of the run: the same.
    ByLine,
    /// At once, and it is known by nothing.
    Once,
    /// It is begun and ended; under an id or not, as a command's work or not.
    Begun {
        has_id: bool,
        is_command: bool,
        posts: bool,
    },
}

/// What its process knows of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TaskState {
    Unasked,
    /// It was begun.
    Begun,
    /// This entry was told.
    Posted(u64),
    /// It is posted; when, was not told.
    Done,
    /// It is not posted.
    NotPosted,
    /// No process can find out.
    Unknown,
}

/// An operation. Its amount is no other's.
#[derive(Clone, Debug)]
struct Task {
    kind: TaskKind,
    minor: i64,
    /// It was on its way to the server before.
    was_sent: bool,
    state: TaskState,
}

/// A process with operations to do. Where its connection fails for good another one goes on.
pub(super) struct Asker {
    name: RunName,
    /// What it decides, whatever the others do.
    chance: Chance,
    ledger: Option<Remote>,
    run: Option<u32>,
    tasks: Vec<Task>,
    /// What is asked, by the places of the tasks, until all of it is answered.
    batch: Vec<usize>,
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let open = self.tasks.iter().filter(|task| !task.is_over());
        f.debug_list().entries(open).finish()
    }
}

impl Task {
    fn draw(minor: i64, chance: &mut Chance) -> Self {
        let kind = match chance.below(6) {
            0 => TaskKind::ById,
            1 => TaskKind::ByLine,
            2 => TaskKind::Once,
            _ => {
                let is_command = chance.happens(500);
                TaskKind::Begun {
                    // A run gives the operation of a command an id.
                    has_id: is_command || chance.happens(500),
                    is_command,
                    posts: chance.happens(800),
                }
            }
        };
        Task {
            kind,
            minor,
            was_sent: false,
            state: TaskState::Unasked,
        }
    }

    fn is_over(&self) -> bool {
        !matches!(self.state, TaskState::Unasked | TaskState::Begun)
    }

    fn request(&self, run: u32) -> LedgerRequest {
        let number = self.minor.unsigned_abs();
        let id = format!("id-{}", self.minor);
        let (id, is_command, line) = match self.kind {
            TaskKind::ById => (Some(id), false, None),
            TaskKind::ByLine => (
                None,
                false,
                Some(Line {
                    number,
                    digest: number,
                }),
            ),
            TaskKind::Once => (None, false, None),
            TaskKind::Begun {
                has_id, is_command, ..
            } => (has_id.then_some(id), is_command, None),
        };
        let operation = operation(Kind::Withdraw, id, self.minor);
        let request = match (self.kind, self.state) {
            (TaskKind::Begun { .. }, TaskState::Unasked) => Request::Begin(operation),
            (TaskKind::Begun { posts: true, .. }, _) => {
                Request::End(WorkEnd::Post { amount: None })
            }
            (TaskKind::Begun { posts: false, .. }, _) => Request::End(WorkEnd::Void),
            _ => Request::Execute(operation),
        };
        let caller = RequestContext {
            run,
            number,
            line,
            has_side_effects: is_command,
            ..RequestContext::default()
        };
        LedgerRequest::Decide(Asked { caller, request })
    }

    /// Takes what it was answered, or says what is wrong with that.
    fn told(&mut self, answer: LedgerAnswer) -> Result<(), String> {
        let wrong = |task: &Task| Err(format!("{task:?} was answered by {answer:?}"));
        let LedgerAnswer::Decided(answered) = &answer else {
            return wrong(self);
        };
        let is_repeated = self.was_sent;
        let outcome = answered.as_ref().map(|answer| answer.outcome);
        let is_begin =
            matches!(self.kind, TaskKind::Begun { .. }) && self.state == TaskState::Unasked;
        let posts = !matches!(self.kind, TaskKind::Begun { posts: false, .. });
        self.state = match outcome {
            Some(Outcome::Held { .. }) if is_begin => TaskState::Begun,
            Some(Outcome::Posted { seq, amount, .. })
                if posts && !is_begin && amount.minor() == self.minor =>
            {
                TaskState::Posted(seq)
            }
            Some(Outcome::Voided { .. }) if !posts && !is_begin => TaskState::NotPosted,
            Some(Outcome::Refused {
                rejection: Rejection::LineDone,
                ..
            }) if is_repeated && self.kind == TaskKind::ByLine => TaskState::Done,
            // It was begun on a connection that was lost, and its end not seen.
            Some(Outcome::Refused {
                rejection: Rejection::InDoubt,
                ..
            }) if is_begin && is_repeated => TaskState::NotPosted,
            // What it had begun was given back with its run.
            None if !posts && !is_begin => TaskState::NotPosted,
            _ => return wrong(self),
        };
        self.was_sent = self.state == TaskState::Begun && is_repeated;
        Ok(())
    }

    /// Its process is gone.
    fn left(&mut self, was_asked: bool) {
        let is_begun = matches!(self.kind, TaskKind::Begun { .. });
        self.state = match self.state {
            TaskState::Unasked if self.kind == TaskKind::Once && was_asked => TaskState::Unknown,
            // It was given back with its run, or is in doubt.
            TaskState::Unasked if is_begun && was_asked => TaskState::NotPosted,
            TaskState::Begun if was_asked => TaskState::Unknown,
            TaskState::Begun => TaskState::NotPosted,
            state => state,
        };
        self.was_sent |= was_asked;
    }

    /// Whether what was told of it is true.
    fn judge(&self, entries: &[Entry]) -> Result<(), String> {
        let own = entries.iter().filter(|entry| {
            let amount = entry.operation.amount();
            amount.is_some_and(|amount| amount.minor() == self.minor)
        });
        let posted: Vec<u64> = own.map(|entry| entry.seq).collect();
        let is_right = match self.state {
            TaskState::Posted(seq) => posted == [seq],
            TaskState::Done => posted.len() == 1,
            TaskState::NotPosted => posted.is_empty(),
            TaskState::Unknown => posted.len() <= 1,
            TaskState::Unasked | TaskState::Begun => false,
        };
        match is_right {
            true => Ok(()),
            false => Err(format!("{self:?} is posted as {posted:?}")),
        }
    }
}

impl Asker {
    pub(super) fn draw(place: usize, chance: &mut Chance) -> Self {
        let first = 1 + 1_000 * place as i64;
        let count = chance.between(1, 8) as i64;
        Asker {
            name: format!("asker-{place}").parse().expect("a name"),
            ledger: None,
            run: None,
            tasks: (0..count)
                .map(|task| Task::draw(first + task, chance))
                .collect(),
            batch: Vec::new(),
            chance: chance.fork(),
        }
    }

    /// What leaves this operation out.
    fn part(&self, task: &Task) -> String {
        format!("{}.{}", self.name, task.minor)
    }

    /// Its operations, which can be left out.
    pub(super) fn parts(&self) -> Vec<String> {
        self.tasks.iter().map(|task| self.part(task)).collect()
    }

    pub(super) fn leave_out(&mut self, parts: &[String]) {
        let mut tasks = std::mem::take(&mut self.tasks);
        tasks.retain(|task| !parts.contains(&self.part(task)));
        self.tasks = tasks;
    }

    pub(super) fn is_done(&self) -> bool {
        self.tasks.iter().all(Task::is_over)
    }

    /// It asks once.
    pub(super) fn step(&mut self, link: &Link) -> Result<(), String> {
        if self.is_done() {
            self.leave();
            return Ok(());
        }
        let Some(ledger) = &mut self.ledger else {
            self.ledger = link.client(self.chance.fork()).ok();
            return Ok(());
        };
        let Some(run) = self.run else {
            match ledger.begin_run(Some(&self.name)) {
                Ok(run) => self.run = Some(run.number),
                Err(error) if error.is_final() => self.leave(),
                Err(_) => {}
            }
            return Ok(());
        };
        if self.batch.is_empty() {
            let open = |place: &usize| !self.tasks[*place].is_over();
            let open = (0..self.tasks.len()).filter(open);
            let chance = &mut self.chance;
            self.batch = open.filter(|_| chance.happens(500)).collect();
        }
        let requests = self
            .batch
            .iter()
            .map(|place| self.tasks[*place].request(run));
        let requests: Vec<LedgerRequest> = requests.collect();
        if requests.is_empty() {
            return Ok(());
        }
        let name = &self.name;
        let note = |words: String| link.network().note(|| format!("{name} {words}"));
        note(format!("asks {requests:?}"));
        let answered = ledger.submit(&requests);
        note(format!("is answered {answered:?}"));
        match answered {
            Ok(answers) => {
                let count = answers.len();
                if count == 0 || count > self.batch.len() {
                    return Err(format!("{} requests had {count} answers", self.batch.len()));
                }
                let answered: Vec<usize> = self.batch.drain(..count).collect();
                // What has no answer may have been done.
                self.batch
                    .iter()
                    .for_each(|place| self.tasks[*place].was_sent = true);
                let mut told = answered.into_iter().zip(answers);
                told.try_for_each(|(place, answer)| self.tasks[place].told(answer))
            }
            Err(error) if error.is_final() => {
                self.leave();
                Ok(())
            }
            Err(_) => {
                self.batch
                    .iter()
                    .for_each(|place| self.tasks[*place].was_sent = true);
                Ok(())
            }
        }
    }

    /// The process ends.
    pub(super) fn leave(&mut self) {
        let asked: BTreeSet<usize> = self.batch.drain(..).collect();
        for (place, task) in self.tasks.iter_mut().enumerate() {
            task.left(asked.contains(&place));
        }
        (self.ledger, self.run) = (None, None);
    }

    /// Whether what it was told is true.
    pub(super) fn judge(&self, entries: &[Entry]) -> Result<(), String> {
        self.tasks.iter().try_for_each(|task| task.judge(entries))
    }
}
