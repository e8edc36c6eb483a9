//! What a server and its clients say to each other.

use super::client::Client;
use super::query::ClientQuery;
use super::{HEARING_PATIENCE, Server};
use crate::bank::{Asked, Request};
use crate::poll::PollKey;
use crate::protocol::{Fault, ProtocolError, Query, Response, ToServer, VERSION};
use crate::store::{ClientAnswers, ClientRequests, MAX_PAGE};

/// The most runs that one client may have open.
const MAX_RUNS: usize = 64;

impl Server {
    pub(super) fn answer(&mut self, answered: ClientAnswers) {
        let key = answered.client;
        let Some(client) = self.clients.get_mut(&key) else {
            return;
        };
        client.undecided -= answered.count;
        let told = match answered.answers {
            Ok(answers) => answers
                .into_iter()
                .try_for_each(|answer| client.tell(&Response::Answer(answer))),
            Err(error) => {
                client.halted = true;
                client.tell(&Response::Failed(Fault::from(&*error)))
            }
        };
        let next = client.later.take_if(|_| client.undecided == 0);
        self.send(key, told);
        if let Some(query) = next {
            self.put(key, query);
        }
    }

    pub(super) fn tell(&mut self, key: u32, question: &Query, findings: &[Response]) {
        let not_done = matches!(findings, [Response::Failed(Fault::NotDone(_))]);
        let client = self.clients.get_mut(&key);
        let unclosed = match question {
            Query::CloseRun(run) if not_done => Some(*run),
            _ => None,
        };
        let Some(client) = client else {
            // The end of a run whose client has gone.
            match (unclosed, findings) {
                (Some(run), _) => self.unclosed.push(run),
                (None, [Response::Failed(Fault::Other(why))]) => self.log.say(self.now, why),
                _ => {}
            }
            return;
        };
        client.asking = false;
        // It may ask again, and if it goes, it is asked in its stead.
        client.runs.extend(unclosed);
        if let [Response::Run(run)] = findings {
            client.runs.push(run.number);
        }
        let told = findings.iter().try_for_each(|finding| client.tell(finding));
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
            ToServer::Asked(asked) => {
                if let Some(wrong) = asked.iter().find_map(|asked| impossible(client, asked)) {
                    return Err(wrong.to_string());
                }
                client.undecided += asked.len();
                self.requests.push(ClientRequests {
                    client: key,
                    requests: asked,
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
            Query::LookUp(_)
            | Query::Accounts(_)
            | Query::Holds(_)
            | Query::Entries(_)
            | Query::Runs(_) => self.reader.ask(ClientQuery { client, query }),
            // What a run of its own has done is told in the order of what it asks.
            Query::DoneLines { run, .. } if is_another(run) => {
                self.reader.ask(ClientQuery { client, query });
            }
            Query::OpenRun(Some(_)) => self.named_runs.push(ClientQuery { client, query }),
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

/// Why this client cannot ask this: it is another's, or nobody's.
fn impossible(client: &Client, Asked { caller, request }: &Asked) -> Option<&'static str> {
    if matches!(request, Request::Hold { operation, .. } if operation.id.is_none()) {
        return Some("it holds money under no id, which nobody could ever claim");
    }
    if let Request::Hold { lasts, .. } | Request::Keep { lasts } = request
        && lasts.is_some_and(|lasts| lasts.as_micros() == 0)
    {
        return Some("it holds money for no time");
    }
    if caller.run == 0 && caller.line.is_some() {
        return Some("it asks for a line of no run");
    }
    let needs_run = matches!(
        request,
        Request::Begin(_)
            | Request::Post { .. }
            | Request::Void
            | Request::Unspent
            | Request::Decline
            | Request::Doubt
            | Request::Keep { .. }
    );
    let needs_run = needs_run || caller.has_side_effects;
    if caller.run == 0 {
        return needs_run.then_some("it begins or ends work that belongs to no run");
    }
    (!client.runs.contains(&caller.run))
        .then_some("it asks in the name of a run that is not its own")
}

fn check(client: &mut Client, question: &Query) -> Result<(), String> {
    match question {
        Query::LookUp(names) if names.len() > MAX_PAGE => Err(format!(
            "it asks for {} accounts at once, where {MAX_PAGE} are possible",
            names.len()
        )),
        Query::OpenRun(_) if client.runs.len() >= MAX_RUNS => {
            Err(format!("it opens more than {MAX_RUNS} runs"))
        }
        Query::BegunLines { run, .. } if !client.runs.contains(run) => {
            Err("it asks for a run that is not its own".to_string())
        }
        Query::CloseRun(run) => {
            let place = client.runs.iter().position(|own| own == run);
            let place = place.ok_or("it ends a run that is not its own")?;
            client.runs.swap_remove(place);
            Ok(())
        }
        _ => Ok(()),
    }
}
