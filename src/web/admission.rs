//! Who may ask what: the names of this place, the token of the link, the cookie, and whose page asked.
//!
//! Every user of the machine, and every page in the user's browser, can send requests to a port of this
//! machine. So the name by which it was asked for is looked at first (a foreign name that leads here is an
//! attack), then the cookie, and for whatever changes something also from which page it comes.

use std::io;
use std::sync::{Mutex, PoisonError};

use super::request::WebRequest;
use crate::ids::random;

/// By which names a page may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HostNames {
    /// Those of this machine, at this port.
    Port(u16),
    /// Those of this machine, at any port: what leads to a socket has one of its own.
    AnyPort,
}

impl HostNames {
    fn include(self, host: &str) -> bool {
        let Some((name, port)) = host.split_once(':') else {
            return false;
        };
        let is_port = !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
        let is_known = match self {
            HostNames::Port(own) => port == own.to_string(),
            HostNames::AnyPort => is_port,
        };
        is_known && (name == "127.0.0.1" || name == "localhost")
    }
}

/// What keeps others out.
pub(super) struct Door {
    names: HostNames,
    /// What the link has, until it was used.
    token: Mutex<Option<String>>,
    /// What the cookie is called, and what it holds.
    cookie: (String, String),
}

/// Whether a request is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// It has used the link, and gets the cookie.
    Redeemed,
    /// It has the cookie.
    Known,
    /// It is not let in, and told why.
    Refused(&'static str),
}

impl Door {
    /// A door with a new token and a new cookie.
    pub(super) fn new(names: HostNames) -> io::Result<Self> {
        let name = match names {
            HostNames::Port(port) => format!("bank-par-{port}"),
            HostNames::AnyPort => "bank-par".to_string(),
        };
        Ok(Door {
            names,
            token: Mutex::new(Some(random("link")?.as_str().to_string())),
            cookie: (name, random("page")?.as_str().to_string()),
        })
    }

    /// What the link ends with.
    pub(super) fn token(&self) -> Option<String> {
        let token = self.token.lock();
        token.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The line that hands the cookie out.
    pub(super) fn set_cookie(&self) -> String {
        let (name, value) = &self.cookie;
        format!("{name}={value}; HttpOnly; SameSite=Strict; Path=/")
    }

    /// Whether the request is let in.
    pub(super) fn admit(&self, request: &WebRequest) -> Admission {
        if !self.names.include(&request.host) {
            return Admission::Refused(
                "this page has another name: use the link as it was printed",
            );
        }
        if let (true, Some(token)) = (request.path == "/", request.queried("token")) {
            return match request.method == "GET" && self.redeem(token) {
                true => Admission::Redeemed,
                false => Admission::Refused(
                    "this link was used already, or is not that of this page: start `bank-par web` anew for another",
                ),
            };
        }
        let (name, value) = &self.cookie;
        let is_known = request
            .cookie(name)
            .is_some_and(|found| is_same(found, value));
        if !is_known {
            return Admission::Refused(
                "this page opens by the link that `bank-par web` printed, in the browser that used it first",
            );
        }
        match request.path == "/" || comes_from_the_page(request) {
            true => Admission::Known,
            false => Admission::Refused("another page asks for this: only the page itself may"),
        }
    }

    fn redeem(&self, token: &str) -> bool {
        let mut own = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = own.as_ref().is_some_and(|own| is_same(own, token));
        if is_own {
            *own = None;
        }
        is_own
    }
}

/// Whether the page itself asks. Pages at other ports of this machine are of the same site, and get the
/// cookie along; so it is the origin that counts. A browser names it with all that changes something.
fn comes_from_the_page(request: &WebRequest) -> bool {
    let from = request.fetch_site.as_deref();
    let is_own_origin = |origin: &str| origin.strip_prefix("http://") == Some(&request.host);
    match request.method.as_str() {
        "GET" => from.is_none_or(|from| from == "same-origin" || from == "none"),
        _ => {
            from.is_none_or(|from| from == "same-origin")
                && request.origin.as_deref().is_some_and(is_own_origin)
                && request.content_type.as_deref() == Some("application/json")
        }
    }
}

/// Whether two secrets are the same, in a time that does not tell how much of them is.
fn is_same(one: &str, other: &str) -> bool {
    let differences = one.bytes().zip(other.bytes());
    let differences = differences.fold(0, |found, (one, other)| found | (one ^ other));
    one.len() == other.len() && differences == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "127.0.0.1:7000";

    fn get(path: &str) -> WebRequest {
        WebRequest {
            method: "GET".to_string(),
            path: path.to_string(),
            host: HOST.to_string(),
            ..WebRequest::default()
        }
    }

    fn door() -> Door {
        Door::new(HostNames::Port(7000)).expect("randomness")
    }

    fn with_cookie(door: &Door, request: WebRequest) -> WebRequest {
        let cookie = door.set_cookie();
        let cookie = cookie
            .split(';')
            .next()
            .map(|own| format!("other=1; {own}"));
        WebRequest { cookie, ..request }
    }

    fn post(door: &Door) -> WebRequest {
        let request = WebRequest {
            method: "POST".to_string(),
            origin: Some(format!("http://{HOST}")),
            fetch_site: Some("same-origin".to_string()),
            content_type: Some("application/json".to_string()),
            ..get("/runs")
        };
        with_cookie(door, request)
    }

    #[test]
    fn a_link_works_once() {
        let door = door();
        let token = door.token().expect("a token");
        let request = |token: &str| WebRequest {
            query: format!("token={token}"),
            ..get("/")
        };
        assert!(matches!(
            door.admit(&request("link-00")),
            Admission::Refused(_)
        ));
        assert_eq!(door.admit(&request(&token)), Admission::Redeemed);
        assert!(matches!(
            door.admit(&request(&token)),
            Admission::Refused(_)
        ));
        assert!(matches!(door.admit(&request("")), Admission::Refused(_)));
    }

    #[test]
    fn a_foreign_name_is_refused_before_all_else() {
        let door = door();
        for host in [
            "evil.example:7000",
            "127.0.0.1",
            "127.0.0.1:7001",
            "[::1]:7000",
            "localhost:7000:",
            "",
        ] {
            let token = door.token().expect("it is not used up");
            let request = WebRequest {
                host: host.to_string(),
                query: format!("token={token}"),
                ..get("/")
            };
            assert!(
                matches!(door.admit(&request), Admission::Refused(_)),
                "{host}"
            );
        }
        let any = HostNames::AnyPort;
        assert!(any.include("localhost:1") && !any.include("localhost:") && !any.include("a:1"));
    }

    #[test]
    fn only_the_page_itself_changes_something() {
        let door = door();
        assert_eq!(door.admit(&post(&door)), Admission::Known);
        let text = |text: &str| Some(text.to_string());
        let attacks = [
            WebRequest {
                cookie: None,
                ..post(&door)
            },
            WebRequest {
                cookie: text("bank-par-7000=page-00"),
                ..post(&door)
            },
            WebRequest {
                origin: None,
                ..post(&door)
            },
            WebRequest {
                origin: text("http://127.0.0.1:7001"),
                ..post(&door)
            },
            WebRequest {
                origin: text("https://127.0.0.1:7000"),
                ..post(&door)
            },
            WebRequest {
                origin: text("null"),
                ..post(&door)
            },
            WebRequest {
                fetch_site: text("same-site"),
                ..post(&door)
            },
            WebRequest {
                fetch_site: text("cross-site"),
                ..post(&door)
            },
            WebRequest {
                content_type: text("text/plain"),
                ..post(&door)
            },
        ];
        for attack in attacks {
            assert!(
                matches!(door.admit(&attack), Admission::Refused(_)),
                "{attack:?}"
            );
        }
        let reads = with_cookie(&door, get("/runs/1/events"));
        assert_eq!(door.admit(&reads), Admission::Known);
        let foreign = WebRequest {
            fetch_site: text("same-site"),
            ..reads
        };
        assert!(matches!(door.admit(&foreign), Admission::Refused(_)));
    }
}
