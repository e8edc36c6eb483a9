//! What a browser asks: one request of a connection, read within limits of size and time.

use std::io;
use std::time::{Duration, Instant};

use super::client::BrowserLink;

/// The longest head, with the line of the request.
const MAX_HEAD: usize = 8 * 1024;
/// The most lines of a head.
const MAX_LINES: usize = 64;
/// The longest body.
const MAX_BODY: usize = 16 * 1024;
/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request.
#[derive(Debug, Default)]
pub(super) struct WebRequest {
    pub(super) method: String,
    /// The path, up to a `?`.
    pub(super) path: String,
    /// What follows that.
    pub(super) query: String,
    pub(super) host: String,
    pub(super) cookie: Option<String>,
    pub(super) origin: Option<String>,
    /// `Sec-Fetch-Site`: whose page asked.
    pub(super) fetch_site: Option<String>,
    pub(super) content_type: Option<String>,
    /// The last event that a page has seen whose connection broke.
    pub(super) last_event: Option<String>,
    pub(super) body: Vec<u8>,
    pub(super) length: usize,
}

/// Why there is no request, with the status of the answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("the request cannot be understood")]
    Malformed,
    #[error("the head of the request is longer than {MAX_HEAD} bytes or {MAX_LINES} lines")]
    HeadTooLong,
    #[error("the body of the request is longer than {MAX_BODY} bytes")]
    BodyTooLong,
    #[error("the request did not arrive within {PATIENCE:?}")]
    Late,
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error("the connection was closed")]
    Closed,
}

impl RequestError {
    /// The status of the answer, where there can be one.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            RequestError::Malformed => Some(400),
            RequestError::HeadTooLong => Some(431),
            RequestError::BodyTooLong => Some(413),
            RequestError::Late => Some(408),
            RequestError::Broken(_) | RequestError::Closed => None,
        }
    }
}

impl From<io::Error> for RequestError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => RequestError::Late,
            _ => RequestError::Broken(error),
        }
    }
}

impl WebRequest {
    /// Reads the one request of a connection.
    pub(super) fn read(link: &mut BrowserLink) -> Result<Self, RequestError> {
        let until = Instant::now() + PATIENCE;
        let mut arrived = Vec::new();
        let (mut request, head) = loop {
            if let Some(found) = parse(&arrived)? {
                break found;
            }
            if arrived.len() >= MAX_HEAD {
                return Err(RequestError::HeadTooLong);
            }
            more(link, &mut arrived, MAX_HEAD, until)?;
        };
        if request.length > MAX_BODY {
            return Err(RequestError::BodyTooLong);
        }
        while arrived.len() < head + request.length {
            more(link, &mut arrived, head + request.length, until)?;
        }
        request.body = arrived[head..head + request.length].to_vec();
        Ok(request)
    }

    /// The value of a word in the query, which needs no decoding.
    pub(super) fn queried(&self, name: &str) -> Option<&str> {
        let mut pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The value of a cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        let cookies = self.cookie.as_deref()?.split(';');
        let mut cookies = cookies.filter_map(|cookie| cookie.trim().split_once('='));
        cookies
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }
}

/// Reads on, up to so many bytes in all.
fn more(
    link: &mut BrowserLink,
    arrived: &mut Vec<u8>,
    most: usize,
    until: Instant,
) -> Result<(), RequestError> {
    let mut buffer = [0; 2_048];
    let room = buffer.len().min(most - arrived.len());
    match link.read(&mut buffer[..room], until)? {
        0 => Err(RequestError::Closed),
        read => {
            arrived.extend_from_slice(&buffer[..read]);
            Ok(())
        }
    }
}

/// The request without its body, and how long its head is, once that is complete.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(WebRequest, usize)>, RequestError> {
    let mut lines = [httparse::EMPTY_HEADER; MAX_LINES];
    let mut parsed = httparse::Request::new(&mut lines);
    let head = match parsed.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(RequestError::HeadTooLong),
        Err(_) => return Err(RequestError::Malformed),
    };
    let target = parsed.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = WebRequest {
        method: parsed.method.unwrap_or_default().to_string(),
        path: path.to_string(),
        query: query.to_string(),
        ..WebRequest::default()
    };
    let (mut hosts, mut lengths) = (0, 0);
    for line in parsed.headers.iter() {
        let value = std::str::from_utf8(line.value).map_err(|_| RequestError::Malformed)?;
        let value = value.trim().to_string();
        match line.name.to_ascii_lowercase().as_str() {
            "host" => {
                hosts += 1;
                request.host = value;
            }
            "content-length" => {
                lengths += 1;
                request.length = value.parse().map_err(|_| RequestError::Malformed)?;
            }
            // No browser sends a small body in chunks, and two ways to tell its end are one too many.
            "transfer-encoding" => return Err(RequestError::Malformed),
            "cookie" => request.cookie = Some(value),
            "origin" => request.origin = Some(value),
            "sec-fetch-site" => request.fetch_site = Some(value),
            "content-type" => request.content_type = Some(value),
            "last-event-id" => request.last_event = Some(value),
            _ => {}
        }
    }
    match hosts == 1 && lengths <= 1 {
        true => Ok(Some((request, head))),
        false => Err(RequestError::Malformed),
    }
}
