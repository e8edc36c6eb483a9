//! How a check of everything ended: lines of words, or one JSON object. Both are a stable interface.

use std::fmt::Display;

use serde::Serialize;

use super::text::one_line;
use super::{Format, Output};
use crate::event::add_line;
use crate::status::Status;
use crate::store::Verified;

/// Prints how a check of everything ended; returns the status that follows from it.
///
/// A ledger with a violation has no end that anyone should keep, so none is told.
pub fn verified(mut output: Output, format: Format, verified: &Verified) -> Status {
    match format {
        Format::Text => text(verified, &mut output.block),
        Format::Json => json(verified, &mut output.block),
    }
    let status = match verified.violation {
        None => Status::Posted,
        Some(_) => Status::Violation,
    };
    status.worse(output.finish())
}

fn text(verified: &Verified, out: &mut Vec<u8>) {
    let text = match &verified.violation {
        Some(violation) => format!("violation: {}\n", one_line(violation)),
        None => format!(
            "ok: {}, {}, {}, {}\nend {}\n",
            count(verified.entries, "entry", "entries"),
            count(verified.records, "other record", "other records"),
            count(verified.accounts, "account", "accounts"),
            count(verified.holds, "open hold", "open holds"),
            verified.end
        ),
    };
    out.extend(text.into_bytes());
}

fn count(count: u64, one: &'static str, many: &'static str) -> impl Display {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn json(verified: &Verified, out: &mut Vec<u8>) {
    let violation = verified.violation.as_deref();
    let line = VerifiedLine {
        entries: verified.entries,
        records: verified.records,
        accounts: verified.accounts,
        holds: verified.holds,
        end: violation.is_none().then(|| verified.end.to_string()),
        violation,
    };
    // Memory takes every byte, so nothing fails.
    let _ = add_line(out, "verified", &line);
}

/// `verified`.
#[derive(Serialize)]
struct VerifiedLine<'a> {
    entries: u64,
    records: u64,
    accounts: u64,
    holds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    violation: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::ChainEnd;

    fn sample(violation: Option<&str>) -> Verified {
        Verified {
            entries: 1_000,
            records: 1,
            accounts: 3,
            holds: 0,
            end: ChainEnd {
                seq: 1_000,
                record: 1,
                hash: [0xab; 32],
            },
            violation: violation.map(String::from),
        }
    }

    fn check(violation: Option<&str>, write: impl Fn(&Verified, &mut Vec<u8>), expected: &str) {
        let mut out = Vec::new();
        write(&sample(violation), &mut out);
        assert_eq!(String::from_utf8(out).expect("text"), expected);
    }

    #[test]
    fn a_sound_ledger_has_an_end_to_keep() {
        let end = format!("1000.1.{}", "ab".repeat(32));
        let ok = "ok: 1000 entries, 1 other record, 3 accounts, 0 open holds";
        check(None, text, &format!("{ok}\nend {end}\n"));
        let line = format!(
            "{{\"v\":1,\"type\":\"verified\",\"entries\":1000,\"records\":1,\"accounts\":3,\"holds\":0,\"end\":\"{end}\"}}\n"
        );
        check(None, json, &line);
    }

    #[test]
    fn a_violation_is_told_on_one_line_and_leaves_no_end() {
        let why = Some("the entry 3 says\nthis");
        check(why, text, "violation: the entry 3 says\\nthis\n");
        let line = "{\"v\":1,\"type\":\"verified\",\"entries\":1000,\"records\":1,\"accounts\":3,\"holds\":0,\"violation\":\"the entry 3 says\\nthis\"}\n";
        check(why, json, line);
    }

    #[test]
    fn a_violation_is_a_status_of_its_own() {
        let status =
            |violation| verified(Output::for_test(false), Format::Text, &sample(violation));
        assert_eq!(status(None), Status::Posted);
        assert_eq!(status(Some("this")), Status::Violation);
    }
}
