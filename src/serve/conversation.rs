//! What a server and its clients say to each other.

use super::client::Client;
use super::query::ClientQuery;
use super::{HEARING_PATIENCE, Server};
use crate::bank::{Asked, Request, WorkEnd};
use crate::poll::PollKey;
use crate::protocol::{LedgerFault, ProtocolError, Query, Response, ToServer, VERSION};
use crate::store::{ClientAnswers, ClientRequests, LedgerRequest, MAX_PAGE, NEW_RUN};

/// The most runs that one client may have open.
const MAX_RUNS: usize = 64;

impl Server {
    pub(super) fn answer(&mut self, answered: ClientAnswers) {
        let key = answered.client;
        let Some(client) = self.clients.get_mut(&key) else {
            return;
        };
        client.undecided -= answered.count;
        client.begins_run = false;
        let told = match answered.answers {
            Ok(answers) => answers.into_iter().try_for_each(|answer| {
                client.note(&answer);
                client.tell(&Response::Answer(answer))
            }),
            Err(error) => {
                client.halted = true;
                if !client.is_connected() && !error.may_pass() {
                    // What its runs had begun is given back by the next process that finds them ended.
                    client.runs.clear();
                    self.log.say(self.now, &error.to_string());
                }
                client.tell(&Response::Failed(LedgerFault::from(&*error)))
            }
        };
        let next = client.later.take_if(|_| client.undecided == 0);
        self.send(key, told);
        if let Some(query) = next {
            self.put(key, query);
        }
    }

    pub(super) fn tell(&mut self, key: u32, responses: &[Response]) {
        let Some(client) = self.clients.get_mut(&key) else {
            return;
        };
        client.asking = false;
        let told = responses
            .iter()
            .try_for_each(|response| client.tell(response));
        self.send(key, told);
    }

    /// Sends what was told to a client, and takes what it had to hold back meanwhile.
    fn send(&mut self, key: u32, told: Result<(), ProtocolError>) {
        if let Err(error) = told {
            self.drop_client(key, &error.to_string());
        }
        if let Some(client) = self.clients.get_mut(&key) {
            client.flush(self.now);
            if client.is_held_up() {
                self.heed(key);
            }
        }
    }

    pub(super) fn read(&mut self, ready: &[PollKey]) {
        let clients = ready.iter().filter_map(|ready| match *ready {
            PollKey::Client(key) => Some(key),
            _ => None,
        });
        for key in clients {
            self.read_from(key);
        }
        let Some((_, since)) = self.ending else {
            return;
        };
        if self.now.saturating_sub(since) >= HEARING_PATIENCE {
            self.clients.values_mut().for_each(Client::hear_nothing);
        }
        for key in self.clients.keys().copied().collect::<Vec<_>>() {
            self.read_from(key);
        }
    }

    pub(super) fn read_from(&mut self, key: u32) {
        let Some(client) = self.clients.get_mut(&key) else {
            return;
        };
        client.flush(self.now);
        match client.read() {
            Ok(()) => self.heed(key),
            Err(why) => self.drop_client(key, &why),
        }
    }

    /// Takes a client's whole messages, as far as its limits allow.
    fn heed(&mut self, key: u32) {
        while let Some(client) = self.clients.get_mut(&key) {
            let heard = match client.next(self.now) {
                Ok(None) => return,
                Ok(Some(message)) => self.receive(key, message),
                Err(error) => Err(error.to_string()),
            };
            if let Err(why) = heard {
                self.drop_client(key, &why);
                return;
            }
        }
    }

    /// Takes one message, or says what is wrong with it.
    fn receive(&mut self, key: u32, message: ToServer) -> Result<(), String> {
        let Some(client) = self.clients.get_mut(&key) else {
            return Ok(());
        };
        match message {
            ToServer::Greeting(VERSION) if !client.greeted => client.greeted = true,
            ToServer::Greeting(theirs) => {
                return Err(ProtocolError::Version { theirs }.to_string());
            }
            _ if !client.greeted => return Err("it did not greet".to_string()),
            ToServer::Requests(requests) => {
                if let Some(wrong) = impossible(client, &requests) {
                    return Err(wrong);
                }
                client.undecided += requests.len();
                let begins =
                    |request: &LedgerRequest| matches!(request, LedgerRequest::BeginRun(_));
                client.begins_run = requests.iter().any(begins);
                let queue = match client.begins_run {
                    true => &mut self.beginnings,
                    false => &mut self.requests,
                };
                queue.push(ClientRequests {
                    client: key,
                    requests,
                });
            }
            ToServer::Query(question) => {
                check(client, &question)?;
                client.asking = true;
                match client.undecided {
                    0 => self.put(key, question),
                    // What it asked before comes before.
                    _ => client.later = Some(question),
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, client: u32, query: Query) {
        let mut own_runs = &Vec::new();
        if let Some(state) = self.clients.get_mut(&client) {
            if std::mem::take(&mut state.halted) {
                self.owner.resume(client);
            }
            own_runs = &state.runs;
        }
        let is_another = |run| !own_runs.contains(run);
        match &query {
            Query::Verify(_) | Query::Backup(_) => {
                self.checking.insert(client);
                match self.ending {
                    None => self.verify_thread.ask(ClientQuery { client, query }),
                    Some(_) => self.tell_unchecked(),
                }
            }
            Query::Unit
            | Query::LookUp(_)
            | Query::Accounts(_)
            | Query::Holds(_)
            | Query::Entries(_)
            | Query::Runs(_) => self.reader.ask(ClientQuery { client, query }),
            // What a run of its own has done is told in the order of what it asks.
            Query::DoneLines { run, .. } if is_another(run) => {
                self.reader.ask(ClientQuery { client, query });
            }
            _ => self.owner.ask(ClientQuery { client, query }),
        }
    }

    pub(super) fn drop_client(&mut self, key: u32, why: &str) {
        if let Some(client) = self.clients.get_mut(&key) {
            client.give_up();
            self.log
                .say(self.now, &format!("a client was sent away: {why}"));
        }
    }
}

/// Why this client cannot ask this.
fn impossible(client: &Client, requests: &[LedgerRequest]) -> Option<String> {
    // A frame knows a run that it begins itself.
    let mut begun = 0;
    let is_own = |run: u32, begun: usize| match run {
        NEW_RUN => begun > 0,
        run => client.runs.contains(&run),
    };
    for request in requests {
        let wrong = match request {
            LedgerRequest::BeginRun(_) if client.undecided > 0 => {
                Some("it begins a run before its requests are decided")
            }
            LedgerRequest::BeginRun(_) => {
                begun += 1;
                let most = client.runs.len() + begun > MAX_RUNS;
                most.then_some("it has more runs than a client may have")
            }
            LedgerRequest::EndRun { run, .. } if is_own(*run, begun) => None,
            LedgerRequest::EndRun { .. } => Some("it ends a run that is not its own"),
            LedgerRequest::Decide(asked)
                if asked.caller.run == 0 || is_own(asked.caller.run, begun) =>
            {
                impossible_for_any(asked)
            }
            LedgerRequest::Decide(_) => Some("it asks in the name of a run that is not its own"),
        };
        if let Some(wrong) = wrong {
            return Some(wrong.to_string());
        }
    }
    None
}

/// Why no client can ask this.
fn impossible_for_any(Asked { caller, request }: &Asked) -> Option<&'static str> {
    if matches!(request, Request::Hold { operation, .. } if operation.id.is_none()) {
        return Some("it holds money under no id, which no client could ever claim");
    }
    if let Request::Hold { lasts, .. } | Request::End(WorkEnd::Keep { lasts }) = request
        && lasts.is_some_and(|lasts| lasts.as_micros() == 0)
    {
        return Some("it holds money for no time");
    }
    if caller.run != 0 {
        return None;
    }
    if caller.line.is_some() {
        return Some("it asks for a line of no run");
    }
    let needs_run = matches!(request, Request::Begin(_) | Request::End(_));
    (needs_run || caller.has_side_effects)
        .then_some("it begins or ends work that belongs to no run")
}

fn check(client: &Client, query: &Query) -> Result<(), String> {
    match query {
        Query::LookUp(names) if names.len() > MAX_PAGE => Err(format!(
            "it asks for {} accounts at once, where {MAX_PAGE} are possible",
            names.len()
        )),
        Query::BegunLines { run, .. } if !client.runs.contains(run) => {
            Err("it asks for a run that is not its own".to_string())
        }
        _ => Ok(()),
    }
}
