//! What a browser is answered, with what keeps the answer harmless.

use std::fmt::Write as _;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::report::{LANES_SCRIPT, PAGE_STYLES, UPLOT, content_hash};

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPTS: [&str; 5] = [
    UPLOT,
    LANES_SCRIPT,
    include_str!("page/recording.js"),
    include_str!("page/ledger.js"),
    include_str!("page/page.js"),
];

/// An answer.
pub(super) struct WebAnswer {
    status: u16,
    kind: &'static str,
    /// Further lines of its head.
    lines: String,
    body: Vec<u8>,
}

impl WebAnswer {
    /// Words for a person.
    pub(super) fn text(status: u16, text: &str) -> Self {
        WebAnswer {
            status,
            kind: "text/plain; charset=utf-8",
            lines: String::new(),
            body: format!("{text}\n").into_bytes(),
        }
    }

    /// A value for the page's script.
    pub(super) fn json(status: u16, value: &Value) -> Self {
        WebAnswer {
            status,
            kind: "application/json",
            lines: String::new(),
            body: value.to_string().into_bytes(),
        }
    }

    /// Why what the page asked for is not done.
    pub(super) fn refusal(status: u16, why: &str) -> Self {
        WebAnswer::json(status, &json!({ "error": why }))
    }

    /// The page.
    pub(super) fn page() -> Self {
        WebAnswer {
            status: 200,
            kind: "text/html; charset=utf-8",
            lines: String::new(),
            body: page().to_string().into_bytes(),
        }
    }

    /// What a link is answered: the cookie, and a step to the page without the token. A page of its own takes
    /// that step, since a browser sends a strict cookie along only if it was not another site's link.
    pub(super) fn welcome(set_cookie: &str) -> Self {
        WebAnswer {
            status: 200,
            kind: "text/html; charset=utf-8",
            lines: format!("Set-Cookie: {set_cookie}\r\nRefresh: 0; url=/\r\n"),
            body: b"<!doctype html><title>bank-par</title><a href=\"/\">The page</a>".to_vec(),
        }
    }

    /// The answer as it is sent.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut head = head(self.status, self.kind);
        let _ = write!(
            head,
            "{}Content-Length: {}\r\n\r\n",
            self.lines,
            self.body.len()
        );
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// The head of a stream of events, which ends with its connection.
pub(super) fn stream_head() -> Vec<u8> {
    let mut head = head(200, "text/event-stream");
    head.push_str("\r\n");
    head.into_bytes()
}

fn head(status: u16, kind: &str) -> String {
    let reason = match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    };
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Security-Policy: {}\r\n\
         X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n",
        policy()
    )
}

/// What may run in the page: what the page itself has, named by its hash.
fn policy() -> &'static str {
    static POLICY: OnceLock<String> = OnceLock::new();
    POLICY.get_or_init(|| {
        let scripts = SCRIPTS.map(content_hash).join(" ");
        format!(
            "default-src 'none'; script-src {scripts}; style-src {}; img-src data:; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            content_hash(&style())
        )
    })
}

fn style() -> String {
    PAGE_STYLES.concat() + STYLE
}

fn page() -> &'static str {
    static WHOLE: OnceLock<String> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let scripts = SCRIPTS.map(|script| format!("<script>{script}</script>\n"));
        let with_style = PAGE.split("{{STYLE}}").collect::<Vec<_>>().join(&style());
        let mut parts = with_style.splitn(2, "{{SCRIPTS}}");
        let (before, after) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        [before, &scripts.concat(), after].concat()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole_and_runs_only_its_own_scripts() {
        let page = page();
        assert!(!page.contains("{{") && page.ends_with("</html>\n"));
        let scripts = page.split("<script>").skip(1);
        let scripts: Vec<&str> = scripts
            .filter_map(|rest| rest.split("</script>").next())
            .collect();
        assert_eq!(scripts.len(), SCRIPTS.len());
        for script in scripts {
            assert!(policy().contains(&content_hash(script)));
            for markup in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "localStorage",
            ] {
                assert!(!script.contains(markup), "{markup}");
            }
        }
    }
}
