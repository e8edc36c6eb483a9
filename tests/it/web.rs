//! The page from outside: what its server lets in and what not, and the runs that it starts.

mod clicks;
mod ledger;
mod runs;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::cli::{Running, program};

/// How long any answer may take.
const LIMIT: Duration = Duration::from_secs(60);

/// A page that is served, and the cookie that its link became.
pub(crate) struct Page {
    server: Running,
    folder: TempDir,
    pub(crate) port: u16,
    pub(crate) token: String,
    cookie: String,
}

impl Page {
    /// A page whose link was not used.
    pub(crate) fn start() -> Self {
        Page::start_with(&[])
    }

    /// One that is started with these words too.
    fn start_with(words: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = program(&[&["web", "--no-open"], words].concat());
        command.current_dir(folder.path());
        let mut server = Running::start(command);
        let link = server.hear();
        let rest = link.strip_prefix("http://127.0.0.1:").expect("a link");
        let (port, token) = rest.split_once("/?token=").unwrap();
        Page {
            port: port.parse().unwrap(),
            token: token.to_string(),
            cookie: String::new(),
            server,
            folder,
        }
    }

    /// A page whose link was used.
    fn open() -> Self {
        Page::open_with(&[])
    }

    fn open_with(words: &[&str]) -> Self {
        let mut page = Page::start_with(words);
        let answer = page.send(&page.head("GET", &format!("/?token={}", page.token), ""));
        let (_, rest) = answer.split_once("Set-Cookie: ").unwrap();
        page.cookie = rest.split(';').next().unwrap().to_string();
        page
    }

    fn link(&self) -> String {
        format!("http://127.0.0.1:{}/?token={}", self.port, self.token)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// Sends this, and returns all that is answered.
    fn send(&self, request: &str) -> String {
        let mut stream = self.connect();
        // What is refused is not read to its end.
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    /// A request of the page itself, with further lines and an empty one.
    fn head(&self, method: &str, path: &str, lines: &str) -> String {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nCookie: {}\r\n{lines}\r\n",
            self.port, self.cookie
        )
    }

    fn get(&self, path: &str) -> String {
        self.send(&self.head("GET", path, ""))
    }

    /// What the page's script sends.
    fn posted(&self, path: &str, body: &str) -> String {
        let lines = format!(
            "Origin: http://127.0.0.1:{}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            self.port,
            body.len()
        );
        self.head("POST", path, &lines) + body
    }

    fn post(&self, path: &str, body: &str) -> String {
        self.send(&self.posted(path, body))
    }

    /// Begins a run, and returns its number.
    fn begin(&self, mode: &str, operations: &str, more: &str) -> u64 {
        let answer = self.post("/runs", &choice(mode, operations, more));
        assert_eq!(status(&answer), 201, "{answer}");
        body(&answer)["run"].as_u64().unwrap()
    }

    /// The events of a run as they come.
    fn events(&self, run: u64) -> Events {
        self.stream(&format!("/runs/{run}/events"))
    }

    fn stream(&self, path: &str) -> Events {
        let mut stream = self.connect();
        let request = self.head("GET", path, "");
        stream.write_all(request.as_bytes()).unwrap();
        Events(BufReader::new(stream))
    }

    fn signal(&self, signal: Signal) {
        kill_process(
            Pid::from_raw(self.server.pid.cast_signed()).unwrap(),
            signal,
        )
        .unwrap();
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A choice as the page makes it. Work lasts a hundredth of its time unless `more` says otherwise.
fn choice(mode: &str, operations: &str, more: &str) -> String {
    let scale = if more.contains("time_scale") {
        ""
    } else {
        r#","time_scale":"0.01""#
    };
    format!(r#"{{"mode":"{mode}","balance":"1000","operations":[{operations}]{scale}{more}}}"#)
}

fn status(answer: &str) -> u16 {
    let line = answer
        .strip_prefix("HTTP/1.1 ")
        .unwrap_or_else(|| panic!("no answer: {answer:?}"));
    line[..3].parse().unwrap()
}

fn body(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

/// A stream of events.
struct Events(BufReader<TcpStream>);

impl Events {
    /// The next one: its kind, and what it tells. Nothing at the end.
    fn next(&mut self) -> Option<(String, Value)> {
        let mut kind = "message".to_string();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            if let Some(told) = line.strip_prefix("event: ") {
                kind = told.trim().to_string();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((kind, serde_json::from_str(data).unwrap()));
            }
        }
    }

    /// The next one that tells this.
    fn wait_for(&mut self, r#type: &str) -> Value {
        loop {
            let (_, event) = self.next().unwrap_or_else(|| panic!("no {type}"));
            if event["type"] == r#type {
                return event;
            }
        }
    }

    /// What is told to the end, and how the run ended.
    fn rest(mut self) -> (Vec<Value>, u64, Value) {
        let (mut told, mut missed) = (Vec::new(), 0);
        loop {
            match self.next().expect("an end") {
                (kind, event) if kind == "end" => return (told, missed, event),
                (kind, event) if kind == "missed" => missed += event.as_u64().unwrap(),
                (_, event) => told.push(event),
            }
        }
    }
}

#[test]
fn a_link_becomes_a_cookie_and_works_once() {
    let page = Page::start();
    assert_eq!(status(&page.get("/")), 403);
    let path = format!("/?token={}", page.token);
    let answer = page.get(&path);
    assert_eq!(status(&answer), 200);
    assert!(answer.contains("Refresh: 0; url=/\r\n"), "{answer}");
    let cookie = answer
        .lines()
        .find(|line| line.starts_with("Set-Cookie: "))
        .unwrap();
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/"),
        "{cookie}"
    );
    assert!(!answer.contains(&page.token));
    assert_eq!(status(&page.get(&path)), 403, "the token is used up");
}

#[test]
fn every_answer_says_what_may_be_done_with_it() {
    let page = Page::open();
    for answer in [
        page.get("/"),
        page.get("/none"),
        page.send("GET / HTTP/1.1\r\nHost: evil\r\n\r\n"),
    ] {
        for line in [
            "Content-Security-Policy: default-src 'none'; script-src 'sha256-",
            "frame-ancestors 'none'\r\n",
            "X-Content-Type-Options: nosniff\r\n",
            "X-Frame-Options: DENY\r\n",
            "Referrer-Policy: no-referrer\r\n",
            "Cache-Control: no-store\r\n",
        ] {
            assert!(answer.contains(line), "{line} in {answer}");
        }
    }
}

#[test]
fn others_start_no_run() {
    let page = Page::open();
    let wanted = choice("pipe", r#"{"op":"deposit","count":1}"#, "");
    let own = page.posted("/runs", &wanted);
    let host = format!("Host: 127.0.0.1:{}\r\n", page.port);
    let origin = format!("Origin: http://127.0.0.1:{}\r\n", page.port);
    let attacks = [
        // A foreign name that leads here, and none at all, and two.
        own.replace(&host, "Host: evil.example\r\n"),
        own.replace(&host, &format!("Host: evil.example:{}\r\n", page.port)),
        own.replace(&host, ""),
        own.replace(&host, &format!("{host}Host: evil.example\r\n")),
        // Another page, also of this machine.
        own.replace(&origin, "Origin: http://evil.example\r\n"),
        own.replace(&origin, "Origin: http://127.0.0.1:1\r\n"),
        own.replace(&origin, "Origin: null\r\n"),
        own.replace(&origin, ""),
        own.replace("Site: same-origin", "Site: same-site"),
        own.replace("Site: same-origin", "Site: cross-site"),
        // A form, which needs no leave of the server.
        own.replace("application/json", "text/plain"),
        // A user of this machine, without the cookie or with a guess.
        own.replace(&page.cookie, ""),
        own.replace(&page.cookie, "bank-par=page-0"),
        // Reading changes nothing.
        own.replace("POST", "GET"),
        own.replace("POST", "PUT"),
        // Two ways to tell where a request ends.
        own.replace("Content-Type", "Transfer-Encoding: chunked\r\nContent-Type"),
        own.replace("Content-Type", "Content-Length: 3\r\nContent-Type"),
    ];
    for attack in attacks {
        assert_ne!(attack, own);
        assert_ne!(status(&page.send(&attack)), 201, "{attack}");
    }
    // A run would have the number 1.
    assert_eq!(page.begin("pipe", r#"{"op":"deposit","count":1}"#, ""), 1);
}

#[test]
fn what_is_too_large_or_senseless_is_refused() {
    let page = Page::open();
    let long = "a".repeat(9_000);
    let many: String = (0..80).map(|number| format!("A-{number}: b\r\n")).collect();
    let cases = [
        (page.head("GET", &format!("/{long}"), ""), 431),
        (page.head("GET", "/", &format!("Long: {long}\r\n")), 431),
        (page.head("GET", "/", &many), 431),
        (page.posted("/runs", &long.repeat(3)), 413),
        ("\u{0}\u{1}\u{2}\r\n\r\n".to_string(), 400),
        (page.head("POST", "/", "Content-Length: -1\r\n"), 400),
        (page.posted("/runs", "{"), 400),
        (page.posted("/orders", r#"{"token":"x1/none"}"#), 400),
        (page.posted("/replays", r#"{"token":"--processes"}"#), 400),
        (
            page.posted("/runs", &choice("pipe", r#"{"op":"rm","count":1}"#, "")),
            400,
        ),
        (page.posted("/runs", &choice("pipe", "", "")), 400),
        (page.posted("/runs/7/stop", "{}"), 404),
        (page.head("GET", "/../../etc/passwd", ""), 404),
    ];
    for (request, expected) in cases {
        let answer = page.send(&request);
        assert_eq!(status(&answer), expected, "{request:.80} {answer}");
    }
}

#[test]
fn too_many_connections_are_sent_away_and_cost_the_others_nothing() {
    let page = Page::open();
    // They say nothing, and keep their places.
    let silent: Vec<TcpStream> = (0..64).map(|_| page.connect()).collect();
    let refused = page.send("");
    assert_eq!(status(&refused), 503, "{refused}");
    drop(silent);
    let answer = crate::process::until("room", || {
        let answer = page.get("/");
        (status(&answer) == 200).then_some(answer)
    });
    assert!(answer.contains("<h1>bank-par</h1>"));
}
