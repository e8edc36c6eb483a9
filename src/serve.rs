//! A server process in front of a ledger, for many clients at a time.
//!
//! One loop listens and reads; the ledger has a thread of its own. Every request that arrived while
//! the last batch was made durable is in the next one, whichever client sent it, so no client waits for a
//! timer and many clients share one sync. A client that is slow, silent or hostile meets limits of its own,
//! and costs the others nothing.

mod address;
mod client;
mod conversation;
mod detached;
mod ending;
mod jobs;
mod log;
mod query;
#[cfg(test)]
mod simulation;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::poll::{PollKey, PollSet};
use crate::protocol::{LedgerFault, Response};
use crate::status::Ending;
use crate::store::{Access, ClientRequests, LedgerError, OwnedFor, OwnerEvent, OwnerThread, Place};
use crate::supervisor::{Signals, end_by, reap, stop_self};
use crate::wake::{Alarm, RunningClock, TICK, Waker};
pub use address::{AddressError, ListenAddress};
use client::Client;
pub use detached::{leave_session, let_go_of_stdout, log_beside, send_words_to};
use log::ServerLog;
use query::ClientQuery;

/// How long clients that never pause are listened to then.
const HEARING_PATIENCE: Duration = Duration::from_secs(5);

/// How long the ledger may work on a batch before others are listened to meanwhile.
const BUSY_PATIENCE: Duration = Duration::from_millis(5);

const ALARM: PollKey = PollKey::Own(0);
const SIGNALS: PollKey = PollKey::Own(1);

/// What to serve.
#[derive(Clone, Debug)]
pub struct ServePlan {
    /// The ledger.
    pub ledger: Place,
    /// Where to listen.
    pub socket: PathBuf,
    /// The most clients at a time.
    pub max_clients: usize,
}

/// Why a ledger is not served, or no longer.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The ledger does not answer.
    #[error("{0}")]
    Ledger(Arc<LedgerError>),
    /// No server can listen there.
    #[error("{0}")]
    Address(#[from] AddressError),
    /// The operating system said no.
    #[error("the server cannot go on: {0}")]
    Io(#[from] io::Error),
    /// The file that its log goes to cannot be used.
    #[error("the log cannot be kept in `{file}`: {why}")]
    Log {
        /// Which file.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// The thread that owns the ledger has ended by itself.
    #[error("the ledger's own thread has died")]
    Died,
    /// Something of the above, which was said in the log already.
    #[error("{0}")]
    Told(Box<ServeError>),
}

impl From<LedgerError> for ServeError {
    fn from(error: LedgerError) -> Self {
        ServeError::Ledger(Arc::new(error))
    }
}

/// Serves a ledger until a signal asks for the end. `ready` is called once clients can connect; where
/// that fails nothing is served.
///
/// # Errors
///
/// Those of the beginning are for the caller to tell; [`ServeError::Told`] is in the server's log.
pub fn serve(
    plan: ServePlan,
    ready: impl FnOnce() -> Result<(), ServeError>,
) -> Result<Ending, ServeError> {
    let (mut server, mut signals) = Server::new(plan)?;
    if let Err(error) = ready() {
        server.close_ledger();
        return Err(error);
    }
    loop {
        if server.is_over() {
            return server.end();
        }
        if let Err(error) = server.turn(&mut signals) {
            return Err(server.give_up(error));
        }
    }
}

struct Server {
    max_clients: usize,
    /// Nothing once the end was asked for.
    address: Option<ListenAddress>,
    alarm: Alarm,
    /// Owns the ledger: all that changes it goes this way.
    owner: OwnerThread<ClientQuery>,
    /// Answers what is quickly read, on an opening of its own: that waits neither for batches nor for a
    /// process that has the ledger locked.
    reader: OwnerThread<ClientQuery>,
    /// Holds everything against everything else, which takes long.
    verify_thread: OwnerThread<ClientQuery>,
    clients: BTreeMap<u32, Client>,
    last_client: u32,
    /// What arrived and is to be decided, in this order.
    requests: Vec<ClientRequests>,
    /// The same, where a run is to be begun.
    beginnings: Vec<ClientRequests>,
    /// When the end of runs whose clients have gone is tried again.
    end_runs_at: Duration,
    /// The clients that wait for a check of everything.
    checking: BTreeSet<u32>,
    /// The system gives no further descriptors for the moment.
    accept_suspended: bool,
    /// The signal that the server ends by, and when it came.
    ending: Option<(i32, Duration)>,
    /// Why the ledger can no longer be used.
    dead: Option<Arc<LedgerError>>,
    log: ServerLog,
    clock: RunningClock,
    now: Duration,
}

impl Server {
    fn new(plan: ServePlan) -> Result<(Self, Signals), ServeError> {
        let (alarm, waker) = Alarm::new()?;
        let thread = |name, ledger| {
            let owned_for = OwnedFor::Clients;
            OwnerThread::start(name, ledger, owned_for, Waker::clone(&waker))
        };
        let open = || plan.ledger.open(Access::Existing);
        let mut ledger = open()?;
        // What is said of amounts is by what it counts.
        let _ = ledger.unit()?.settle();
        let signals = Signals::listen()?;
        let address = ListenAddress::claim(&plan.socket)?;
        let threads = [
            thread("ledger", ledger)?,
            thread("reader", open()?)?,
            thread("verify", open()?)?,
        ];
        let mut server = Server::over(threads, alarm, plan.max_clients, ServerLog::start()?);
        server.address = Some(address);
        Ok((server, signals))
    }

    /// A server that decides and answers in these threads, which wake it by this alarm.
    fn over(
        [owner, reader, verify_thread]: [OwnerThread<ClientQuery>; 3],
        alarm: Alarm,
        max_clients: usize,
        log: ServerLog,
    ) -> Self {
        Server {
            max_clients,
            address: None,
            alarm,
            owner,
            reader,
            verify_thread,
            clients: BTreeMap::new(),
            last_client: 0,
            requests: Vec::new(),
            beginnings: Vec::new(),
            end_runs_at: Duration::ZERO,
            checking: BTreeSet::new(),
            accept_suspended: false,
            ending: None,
            dead: None,
            log,
            clock: RunningClock::start(),
            now: Duration::ZERO,
        }
    }

    /// One turn of the loop: what arrived is handed on, what was decided is answered. In this order,
    /// since answering takes time and the ledger need not wait for it.
    fn turn(&mut self, signals: &mut Signals) -> Result<(), ServeError> {
        let mut ready = self.wait(signals)?;
        self.now = self.clock.now();
        self.heed_signals(signals.pending());
        let events = self.take_events()?;
        if !events.is_empty() {
            ready = self.watch(signals, true, Duration::ZERO)?;
        }
        self.go_on(&ready, events)
    }

    /// Goes on with what is ready and with what was decided.
    fn go_on(
        &mut self,
        ready: &[PollKey],
        events: Vec<OwnerEvent<ClientQuery>>,
    ) -> Result<(), ServeError> {
        self.read(ready);
        self.enforce_deadlines();
        // Clients that leave make room for those that come.
        self.see_off();
        self.accept(ready);
        self.hand_on();
        events.into_iter().for_each(|event| self.tell_event(event));
        self.tell_read()?;
        self.hand_on();
        Ok(())
    }

    /// Waits for what comes first. While the ledger works on a batch, no client is listened to for a
    /// while: all that arrives is read at once when that is done, and not message by message.
    fn wait(&mut self, signals: &Signals) -> io::Result<Vec<PollKey>> {
        if !self.owner.is_idle() {
            let ready = self.watch(signals, false, BUSY_PATIENCE)?;
            if !ready.is_empty() {
                return Ok(ready);
            }
        }
        self.watch(signals, true, TICK)
    }

    fn watch(
        &mut self,
        signals: &Signals,
        clients: bool,
        patience: Duration,
    ) -> io::Result<Vec<PollKey>> {
        let mut set = PollSet::default();
        set.read(ALARM, self.alarm.as_fd());
        set.read(SIGNALS, signals.as_fd());
        if clients {
            if let Some(address) = self.address.as_ref().filter(|_| !self.accept_suspended) {
                set.read(PollKey::Listener, address.fd());
            }
            for (key, client) in &self.clients {
                client.poll(*key, &mut set);
            }
        }
        let ready = set.wait(patience)?;
        if ready.contains(&ALARM) {
            self.alarm.reset();
        }
        Ok(ready)
    }

    fn heed_signals(&mut self, signals: Vec<i32>) {
        use signal_hook::consts::{SIGCHLD, SIGTSTP};
        for signal in signals {
            match (signal, self.ending) {
                // The first process of a container inherits what others leave behind.
                (SIGCHLD, _) => drop(reap()),
                (SIGTSTP, _) => self.owner.between_batches(stop_self),
                (signal, None) => self.begin_to_end(signal),
                (_, Some((first, _))) => end_by(first),
            }
        }
    }

    /// What the ledger's thread has done.
    fn take_events(&mut self) -> Result<Vec<OwnerEvent<ClientQuery>>, ServeError> {
        take_all(&mut self.owner, &mut self.dead)
    }

    /// Answers what was read beside the ledger's thread.
    fn tell_read(&mut self) -> Result<(), ServeError> {
        for event in take_all(&mut self.reader, &mut self.dead)? {
            self.tell_event(event);
        }
        for event in take_all(&mut self.verify_thread, &mut self.dead)? {
            if let OwnerEvent::Answered(asked, _) = &event
                && self.checking.remove(&asked.client)
            {
                self.tell_event(event);
            }
        }
        Ok(())
    }

    fn tell_event(&mut self, event: OwnerEvent<ClientQuery>) {
        match event {
            OwnerEvent::Decided { answers, .. } => {
                answers.into_iter().for_each(|of| self.answer(of));
            }
            OwnerEvent::Answered(ClientQuery { client, .. }, found) => {
                let failed =
                    |error: Arc<LedgerError>| vec![Response::Failed(LedgerFault::from(&*error))];
                self.tell(client, &found.unwrap_or_else(failed));
            }
            OwnerEvent::Waits(_) | OwnerEvent::Ended(_) => {}
        }
    }

    fn accept(&mut self, ready: &[PollKey]) {
        self.accept_suspended = false;
        if ready.contains(&PollKey::Listener) {
            self.accept_all();
        }
    }

    fn accept_all(&mut self) {
        while let Some(address) = &self.address {
            let (socket, user) = match address.accept() {
                Ok(accepted) => accepted,
                Err(error) => {
                    let no_client = [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
                    self.accept_suspended = !no_client.contains(&error.kind());
                    return;
                }
            };
            if user != Some(rustix::process::geteuid().as_raw()) {
                let why = "a client of another user was sent away";
                self.log.say(self.now, why);
            } else if let Ok(client) = Client::new(socket, self.now) {
                self.welcome(client);
            }
        }
    }

    fn welcome(&mut self, mut client: Client) {
        let connected = self.clients.values().filter(|client| client.is_connected());
        if connected.count() >= self.max_clients {
            let why = format!(
                "it has its {} clients already: come back later, or start it with a larger `--max-clients`",
                self.max_clients
            );
            self.log
                .say(self.now, "a client was sent away: there are too many");
            if client
                .tell(&Response::Failed(LedgerFault::refusal(why)))
                .is_ok()
            {
                client.flush(self.now);
            }
            return;
        }
        client.flush(self.now);
        self.last_client = self.last_client.wrapping_add(1).max(1);
        self.clients.insert(self.last_client, client);
        self.read_from(self.last_client);
    }

    fn enforce_deadlines(&mut self) {
        let now = self.now;
        let overdue: Vec<(u32, &str)> = self
            .clients
            .iter_mut()
            .filter_map(|(key, client)| Some((*key, client.overdue(now)?)))
            .collect();
        for (key, why) in overdue {
            self.drop_client(key, &format!("it {why}"));
        }
        self.log.catch_up(now);
    }
}

/// What a thread has done by now; why the ledger can no longer be used, if it ended.
fn take_all(
    thread: &mut OwnerThread<ClientQuery>,
    dead: &mut Option<Arc<LedgerError>>,
) -> Result<Vec<OwnerEvent<ClientQuery>>, ServeError> {
    let mut events = Vec::new();
    while let Some(event) = thread.take() {
        match event {
            OwnerEvent::Ended(Some(error)) => {
                dead.get_or_insert(error);
                break;
            }
            // Its end was not asked for.
            OwnerEvent::Ended(None) if dead.is_none() => return Err(ServeError::Died),
            OwnerEvent::Ended(None) => break,
            event => events.push(event),
        }
    }
    Ok(events)
}
