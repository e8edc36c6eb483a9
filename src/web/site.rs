//! What there is under which path.

use std::ffi::OsString;
use std::fmt::{Display, Write as _};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::admission::{Admission, Door};
use super::answer::{WebAnswer, stream_head};
use super::choice::{ExploreChoice, OrderChoice, PostChoice, RunChoice, VerifyChoice, VoidChoice};
use super::client::BrowserLink;
use super::ledger::{AccountChoice, HistoryReader, LedgerScreen};
use super::live_run::{KillError, LiveRun};
use super::order::begun;
use super::request::WebRequest;
use super::runs::{BeginError, PageRuns};

/// How long a browser may take for what it is sent.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How long it is waited for until it has closed its end.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);
/// How often a stream of events says that it is there, which also shows that the page has gone.
const PULSE: Duration = Duration::from_secs(5);

/// The page and its runs.
pub(super) struct Site {
    pub(super) door: Door,
    pub(super) runs: PageRuns,
    /// The ledger that it shows, if it shows one.
    pub(super) ledger: Option<LedgerScreen>,
}

/// What a path leads to.
enum PathTarget<'a> {
    Answer(WebAnswer),
    /// The events of a run, after that of this number.
    Events(Arc<LiveRun>, u64),
    /// The history of the ledger, as it goes on.
    History(HistoryReader<'a>),
}

/// Which worker to kill.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Victim {
    pid: u32,
}

impl Site {
    /// Reads the one request of a connection, and answers it.
    pub(super) fn converse(&self, mut link: BrowserLink) {
        let found = match WebRequest::read(&mut link) {
            Ok(request) => self.answer(&request),
            Err(error) => match error.status() {
                Some(status) => PathTarget::Answer(WebAnswer::text(status, &error.to_string())),
                None => return,
            },
        };
        // A page that has gone needs no answer.
        let _ = match found {
            PathTarget::Answer(answer) => link
                .write_all(&answer.bytes(), Instant::now() + WRITE_PATIENCE)
                .map(|()| link.close(Instant::now() + CLOSE_PATIENCE)),
            PathTarget::Events(run, after) => tell_events(&mut link, &run, after),
            PathTarget::History(reader) => tell_events(&mut link, &reader.run, reader.after),
        };
    }

    fn answer(&self, request: &WebRequest) -> PathTarget<'_> {
        let answer = match self.door.admit(request) {
            Admission::Refused(why) => WebAnswer::text(403, why),
            Admission::Redeemed => WebAnswer::welcome(&self.door.set_cookie()),
            Admission::Known => return self.known(request),
        };
        PathTarget::Answer(answer)
    }

    fn known(&self, request: &WebRequest) -> PathTarget<'_> {
        let path: Vec<&str> = request.path.split('/').skip(1).collect();
        let answer = match (request.method.as_str(), path.as_slice()) {
            ("GET", [""]) => WebAnswer::page(),
            ("GET", ["runs"]) => self.under_way(),
            ("POST", ["runs"]) => self.begin(&request.body, None, RunChoice::words),
            ("POST", ["explorations"]) => self.begin(&request.body, None, ExploreChoice::words),
            ("POST", ["replays"]) => self.begin(&request.body, None, OrderChoice::words),
            ("POST", ["orders"]) => walk(&request.body),
            ("GET", ["ledger"]) => {
                let ledger = self.ledger.as_ref().map(LedgerScreen::described);
                WebAnswer::json(200, &json!({ "ledger": ledger }))
            }
            (_, ["ledger", part]) => match &self.ledger {
                Some(screen) => return self.of_ledger(screen, part, request),
                None => WebAnswer::refusal(
                    404,
                    "this page shows no ledger: start it with `bank-par web --ledger FILE`",
                ),
            },
            (method, ["runs", number, action]) => {
                let number = number.parse().ok();
                let Some(run) = number.and_then(|number| self.runs.of(number)) else {
                    let why = "this run is no longer remembered";
                    return PathTarget::Answer(WebAnswer::refusal(404, why));
                };
                match (method, *action) {
                    ("GET", "events") => {
                        let after = request
                            .last_event
                            .as_deref()
                            .and_then(|text| text.parse().ok());
                        return PathTarget::Events(run, after.unwrap_or(0));
                    }
                    ("POST", "stop") => {
                        // One that has ended is what was asked for.
                        let _ = run.signal(Signal::TERM);
                        WebAnswer::json(200, &json!({}))
                    }
                    ("POST", "kill") => kill(&run, &request.body),
                    _ => WebAnswer::text(405, "there is nothing to do this with"),
                }
            }
            ("GET", _) => WebAnswer::text(404, "there is nothing here"),
            _ => WebAnswer::text(405, "there is nothing to do this with"),
        };
        PathTarget::Answer(answer)
    }

    /// What there is of the ledger. A page that only reads it is no reason to trust its script with more: it
    /// is here that writes are refused.
    fn of_ledger<'a>(
        &self,
        screen: &'a LedgerScreen,
        part: &str,
        request: &WebRequest,
    ) -> PathTarget<'a> {
        let (method, body) = (request.method.as_str(), &request.body);
        let address = || Some(screen.ledger.address.clone());
        let answer = match (method, part) {
            ("GET", "standing") => match AccountChoice::of(request) {
                Ok(accounts) => match screen.standing(accounts) {
                    Ok(standing) => WebAnswer::json(200, &standing),
                    Err(why) => WebAnswer::refusal(503, &why),
                },
                Err(error) => WebAnswer::refusal(400, &error.to_string()),
            },
            ("GET", "history") => match screen.history() {
                Ok(reader) => return PathTarget::History(reader),
                Err(error) => WebAnswer::refusal(503, &format!("it cannot be read: {error}")),
            },
            ("POST", "verifications") => self.begin(body, address(), VerifyChoice::words),
            ("POST", "posts" | "voids") if !screen.ledger.allow_writes => WebAnswer::refusal(
                403,
                "this page only reads the ledger: start it with `bank-par web --ledger ... --allow-writes` to post and void",
            ),
            ("POST", "posts") => self.begin(body, address(), PostChoice::words),
            ("POST", "voids") => self.begin(body, address(), VoidChoice::words),
            ("GET", _) => WebAnswer::text(404, "there is nothing here"),
            _ => WebAnswer::text(405, "there is nothing to do this with"),
        };
        PathTarget::Answer(answer)
    }

    /// The runs that a page finds when it is opened anew.
    fn under_way(&self) -> WebAnswer {
        let runs = self.runs.under_way();
        let runs = runs.iter().filter(|run| run.is_in_memory());
        let runs: Vec<Value> = runs.map(|run| described(run)).collect();
        WebAnswer::json(200, &json!({ "runs": runs }))
    }

    /// Begins what was chosen, in memory or on the ledger at this address.
    fn begin<C: DeserializeOwned, E: Display>(
        &self,
        body: &[u8],
        ledger: Option<OsString>,
        words: impl FnOnce(&C) -> Result<Vec<String>, E>,
    ) -> WebAnswer {
        let words = match chosen(body).and_then(|choice| words(&choice).map_err(|e| e.to_string()))
        {
            Ok(words) => words,
            Err(why) => return WebAnswer::refusal(400, &why),
        };
        match self.runs.begin(words, ledger) {
            Ok(run) => WebAnswer::json(201, &described(&run)),
            Err(error @ BeginError::TooMany) => WebAnswer::refusal(429, &error.to_string()),
            Err(error) => WebAnswer::refusal(503, &error.to_string()),
        }
    }
}

fn chosen<C: DeserializeOwned>(body: &[u8]) -> Result<C, String> {
    serde_json::from_slice(body).map_err(|error| format!("this is no choice: {error}"))
}

/// Where an order has led so far.
fn walk(body: &[u8]) -> WebAnswer {
    let choice = chosen::<OrderChoice>(body);
    let begun = choice.and_then(|choice| begun(&choice.token).map_err(|error| error.to_string()));
    match begun {
        Ok(begun) => WebAnswer::json(200, &begun),
        Err(why) => WebAnswer::refusal(400, &why),
    }
}

fn described(run: &LiveRun) -> Value {
    json!({ "run": run.number, "words": run.words })
}

fn kill(run: &LiveRun, body: &[u8]) -> WebAnswer {
    match serde_json::from_slice::<Victim>(body) {
        Ok(victim) => ended(run.kill_worker(victim.pid)),
        Err(error) => WebAnswer::refusal(400, &format!("this is no process: {error}")),
    }
}

fn ended(result: Result<(), KillError>) -> WebAnswer {
    match result {
        Ok(()) => WebAnswer::json(200, &json!({})),
        Err(error) => WebAnswer::refusal(409, &error.to_string()),
    }
}

/// Tells a page the events of a run as they happen, until the run has ended or the page is gone. What it is
/// told is kept for it by the run; so a page that is slow misses events, and says so, and the run never waits.
fn tell_events(link: &mut BrowserLink, run: &LiveRun, mut after: u64) -> io::Result<()> {
    let soon = || Instant::now() + WRITE_PATIENCE;
    link.write_all(&stream_head(), soon())?;
    loop {
        let news = run.news(after, PULSE);
        let mut text = String::new();
        if news.missed > 0 {
            let _ = write!(text, "event: missed\ndata: {}\n\n", news.missed);
        }
        for (number, event) in (news.first..).zip(&news.events) {
            let _ = write!(text, "id: {number}\ndata: {event}\n\n");
            after = number;
        }
        if let Some(end) = &news.end {
            let _ = write!(
                text,
                "event: end\ndata: {}\n\n",
                serde_json::to_string(end)?
            );
        }
        if text.is_empty() {
            text.push_str(": still there\n\n");
        }
        link.write_all(text.as_bytes(), soon())?;
        if news.end.is_some() {
            return Ok(());
        }
    }
}
