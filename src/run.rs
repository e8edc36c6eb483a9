//! A run: one execution of a workload. The parent's loop, which brings together where operations come
//! from, the processes that do them, the server that answers, and the reporter.

mod commands;
mod conversation;
mod crew;
mod ending;
mod handing_out;
pub mod named;
mod rehearsal;
mod signals;
mod tally;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::bank::{Balance, Caller, Name};
use crate::event::{Event, Fact, Summary};
use crate::link::{Key, Links, Ready, Transport, Watch};
use crate::report::{Broken, Reporter};
use crate::server::{RunLedger, Server};
use crate::status::Status;
use crate::store::{Cells, Memory};
use crate::supervisor::{Escalation, Signals, Supervisor};
use crate::wake::{Alarm, RunningClock, TICK, Waker};
use crate::work::Pace;
use crate::worker::Conduct;
use crate::workload::{Feed, Next};
pub use commands::Commands;
use commands::Office;
use crew::{Leaving, Member};
use named::Named;
pub use rehearsal::rehearse;
use tally::Tally;

/// How many operations without work a worker may have in its hands: while it does one half, the next
/// is on its way.
const WINDOW: usize = 1_024;
/// How many operations all workers together may have in their hands where a ledger lasts: while one
/// full batch is made durable, the next is on its way.
const IN_HANDS: usize = 16_384;
/// The most bytes that the operations handed to one worker at once may take on the wire.
const WINDOW_BYTES: usize = 32 * 1_024;
/// How many workers are started before the others are looked after again.
const SPAWNS_A_TURN: usize = 4;
/// How often those who wait for a lease are told that it went on.
const NEWS_INTERVAL: Duration = Duration::from_secs(10);

const ALARM: Key = Key::Own(0);
const SIGNALS: Key = Key::Own(1);

/// What is to be run, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The mode's name.
    pub mode: &'static str,
    /// How requests travel.
    pub transport: Transport,
    /// Who decides.
    pub conduct: Conduct,
    /// The most workers at a time.
    pub jobs: usize,
    /// How many operations a worker takes before it is replaced; nothing is no limit.
    pub ops_per_worker: Option<u64>,
    /// In memory, the account that is open from the start.
    pub account: Name,
    /// In memory, what it starts with.
    pub balance: Balance,
    /// In memory, the overdraft limit of every account.
    pub overdraft: Balance,
    /// Money coming in opens no account.
    pub strict: bool,
    /// When an operation's work is ended; nothing is its own duration and a minute, and never where it
    /// is a command.
    pub timeout: Option<Duration>,
    /// How long simulated work takes.
    pub pace: Pace,
    /// The command that is the operations' work, instead of simulated work.
    pub commands: Option<Commands>,
    /// The run can be continued.
    pub named: Option<Named>,
}

impl Plan {
    fn server(&self) -> Server {
        match self.conduct {
            Conduct::AskTheBank => {
                Server::bank(Memory::new(&self.account, self.balance, self.overdraft))
            }
            Conduct::ShareData(_) => {
                Server::cells(Cells::new(&self.account, self.balance, self.overdraft))
            }
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// Its status.
    pub status: Status,
    /// The signal that it must end by, if one asked for its end.
    pub signal: Option<i32>,
    /// The status of the command that it ran, which is passed on.
    pub passed_on: Option<u8>,
}

/// Runs a workload and reports it; in memory, or in a ledger that lasts.
pub fn run(
    plan: Plan,
    ledger: Option<RunLedger>,
    feed: Feed,
    reporter: Reporter,
    alarm: Alarm,
    waker: Waker,
) -> io::Result<Ending> {
    let mut run = Run::new(plan, ledger, feed, reporter, alarm, waker)?;
    while !run.is_over() {
        if let Err(error) = run.turn() {
            // What was decided is still reported; the workers end with the supervisor.
            run.tally.met(Status::Died);
            run.stop(&format!("the server cannot go on: {error}"));
            break;
        }
    }
    run.end()
}

struct Run {
    plan: Plan,
    feed: Feed,
    reporter: Reporter,
    alarm: Alarm,
    signals: Signals,
    links: Box<dyn Links>,
    supervisor: Supervisor,
    server: Server,
    /// The ledger, if it lasts.
    ledger: Option<String>,
    /// On which terms the run asks.
    caller: Caller,
    /// How commands are run, if they are the operations' work.
    office: Option<Office>,
    members: BTreeMap<u32, Member>,
    /// The workers that have ended and still wait for answers.
    put_off: Vec<u32>,
    /// The operations of workers that are gone, until what was set aside is given back.
    leaving: HashMap<u64, Leaving>,
    tally: Tally,
    escalation: Escalation,
    began: Instant,
    clock: RunningClock,
    now: Duration,
    events: Vec<Event>,
    /// The feed has nothing more.
    exhausted: bool,
    /// Why no more operations are handed out although there may be some.
    stopped: Option<String>,
    last_worker: u32,
    processes: u64,
    last_number: u32,
    /// The work that was done, summed.
    worked: Duration,
    news_at: Duration,
    reaped_at: Duration,
    /// There is more to do at once: do not wait for anything.
    eager: bool,
    /// The system gave no further process; it may when another has ended.
    crowded: bool,
    /// The ledger failed: nothing more is decided.
    forsaken: bool,
}

impl Run {
    fn new(
        plan: Plan,
        ledger: Option<RunLedger>,
        feed: Feed,
        reporter: Reporter,
        alarm: Alarm,
        waker: Waker,
    ) -> io::Result<Self> {
        let caller = Caller {
            run: ledger.as_ref().map_or(0, |ledger| ledger.run),
            strict: plan.strict,
            retry: plan.named.as_ref().is_some_and(|named| named.retry_refused),
            ..Caller::default()
        };
        let name = ledger.as_ref().map(|ledger| ledger.name.clone());
        let run_name = plan.named.as_ref().map(|named| named.name.as_str());
        let office = plan.commands.as_ref();
        let office = office.map(|commands| Office::open(commands, run_name, ledger.as_ref()));
        let office = office.transpose()?;
        let (server, tally) = match ledger {
            None => (plan.server(), Tally::new(&plan.account, plan.balance)),
            Some(ledger) => (Server::durable(ledger, waker.clone())?, Tally::default()),
        };
        Ok(Run {
            signals: Signals::listen()?,
            links: plan.transport.parent(waker)?,
            supervisor: Supervisor::new(office.is_some()),
            server,
            ledger: name,
            caller,
            office,
            members: BTreeMap::new(),
            put_off: Vec::new(),
            leaving: HashMap::new(),
            tally,
            escalation: Escalation::default(),
            began: Instant::now(),
            clock: RunningClock::start(),
            now: Duration::ZERO,
            events: Vec::new(),
            exhausted: false,
            stopped: None,
            last_worker: 0,
            processes: 0,
            last_number: 0,
            worked: Duration::ZERO,
            news_at: Duration::ZERO,
            reaped_at: Duration::ZERO,
            eager: false,
            crowded: false,
            forsaken: false,
            plan,
            feed,
            reporter,
            alarm,
        })
    }

    /// One turn of the loop: what arrived is decided and answered, who ended is judged, what is there
    /// to do is handed out.
    fn turn(&mut self) -> io::Result<()> {
        self.hand_out()?;
        self.retire();
        self.links.flush();
        self.tell();
        if self.is_over() {
            return Ok(());
        }
        let ready = self.wait()?;
        self.now = self.clock.now();
        self.heed_signals();
        self.receive(&ready);
        self.enforce_deadlines();
        self.bring_news();
        self.collect();
        Ok(())
    }

    fn is_over(&mut self) -> bool {
        self.members.is_empty()
            && self.leaving.is_empty()
            && self.server.is_idle()
            && self.no_more()
    }

    fn wait(&mut self) -> io::Result<Vec<Ready>> {
        let patience = if self.eager {
            Duration::ZERO
        } else {
            self.patience()
        };
        let mut watch = Watch::default();
        watch.read(ALARM, self.alarm.as_fd());
        watch.read(SIGNALS, self.signals.as_fd());
        self.links.watch(&mut watch);
        let ready = watch.wait(patience)?;
        if ready.iter().any(|ready| ready.key == ALARM) {
            self.alarm.reset();
        }
        Ok(ready)
    }

    /// Until the next deadline, and never longer than the clock's tick.
    fn patience(&mut self) -> Duration {
        let now = self.clock.now();
        let due = self.members.values().filter_map(|member| self.due(member));
        let next = due.map(|(due, _)| due.saturating_sub(now)).min();
        // One millisecond more, since `poll` rounds down and would come back too early.
        next.map_or(TICK, |next| TICK.min(next + Duration::from_millis(1)))
    }

    fn stop(&mut self, why: &str) {
        self.stopped.get_or_insert_with(|| why.to_string());
    }

    fn note(&mut self, fact: Fact) {
        let at = self.now;
        self.events.push(Event { at, fact });
    }

    fn tell(&mut self) {
        if !self.events.is_empty() {
            self.reporter.tell(std::mem::take(&mut self.events));
        }
    }

    /// Checks the balances, reports the summary, and waits until everything is written.
    fn end(mut self) -> io::Result<Ending> {
        self.now = self.clock.now();
        let ended_early = self.work_left();
        if ended_early.is_some() {
            self.tally.met(Status::EndedEarly);
        }
        self.close_server()?;
        let summary = self.summary(ended_early);
        let mut status = summary.status;
        let to_go_on = self.to_go_on(&summary);
        self.note(Fact::Ended(Box::new(summary)));
        self.tell();
        self.reporter.close();
        while !self.reporter.done() {
            self.wait()?;
            self.heed_signals();
        }
        if let Some(Broken::Failed(why)) = self.reporter.broken() {
            crate::report::talk(&why);
            status = status.worse(Status::EndedEarly);
        }
        if let Some(words) = to_go_on {
            crate::report::talk(words);
        }
        let signal = self.escalation.ends_by();
        Ok(Ending {
            status,
            signal,
            passed_on: None,
        })
    }

    /// Ends the run in its ledger, and learns how the accounts stand.
    fn close_server(&mut self) -> io::Result<()> {
        let tally = &self.tally;
        self.server.close(|| tally.touched());
        while !self.server.is_closed() {
            self.wait()?;
            self.now = self.clock.now();
            self.heed_signals();
            self.collect();
        }
        Ok(())
    }

    /// Why the run ended before its work did, if it did.
    fn work_left(&mut self) -> Option<String> {
        let stopped = self.stopped.take()?;
        let left =
            !self.members.is_empty() || !self.exhausted && !matches!(self.feed.next(), Next::End);
        (left || self.feed.ready() > 0).then_some(stopped)
    }

    fn summary(&mut self, ended_early: Option<String>) -> Summary {
        let (tally, mode) = (std::mem::take(&mut self.tally), self.plan.mode);
        let standings = self.server.standings();
        let summary = if self.ledger.is_some() {
            tally.list(mode, standings)
        } else {
            tally.check(mode, standings)
        };
        Summary {
            ledger: self.ledger.take(),
            elapsed: self.began.elapsed(),
            sequential: self.worked,
            processes: self.processes,
            ended_early,
            ..summary
        }
    }
}
