//! The first touch in a new window: the refill and what was asked for are one step, wherever that is cut.

use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;

use super::points::{CALLS, under_strace};
use crate::cli::Running;
use crate::ledger::{Ledger, at_once};
use crate::power::has_strace;

/// What a process wrote whose clock stood in January 2024: `open api --allowance 5/month` and
/// `withdraw 2 --account api --id paid`.
const OF_AN_EARLIER_MONTH: &str = include_str!("earlier-month.sql");

/// Which of the calls is the next to be cut: each, where that was asked for.
fn step() -> usize {
    match super::kills(0) {
        0 => 4,
        _ => 1,
    }
}

/// A ledger whose account entered its last window long ago.
pub(crate) fn earlier() -> Ledger {
    let ledger = Ledger::created();
    let file = Connection::open(ledger.path()).unwrap();
    file.execute_batch(OF_AN_EARLIER_MONTH).unwrap();
    ledger
}

/// What touches the account, and what that leaves.
struct Touch {
    words: &'static str,
    posted: &'static [&'static str],
    left: &'static str,
}

const TOUCHES: [Touch; 3] = [
    Touch {
        words: "withdraw 1 --account api --id call",
        posted: &["refill", "withdraw", "refill", "withdraw"],
        left: "4.00",
    },
    Touch {
        words: "reverse paid",
        posted: &["refill", "withdraw", "refill", "reverse"],
        left: "7.00",
    },
    Touch {
        words: "pipe",
        posted: &["refill", "withdraw", "refill", "withdraw", "deposit"],
        left: "3.00",
    },
];

/// A line whose parts are posted together.
const LINE: &str = r#"{"id":"call","all":[{"op":"withdraw","account":"api","amount":2},{"op":"deposit","account":"b","amount":1}]}
"#;

impl Touch {
    fn command(&self, ledger: &Ledger) -> Command {
        let input = match self.words {
            "pipe" => ledger.file("line.jsonl", LINE),
            _ => String::new(),
        };
        ledger.command(&format!("{} {input} --output json", self.words))
    }

    /// Kills it at this call, repeats it and looks at what is there. Whether it came to that call.
    fn is_cut_at(&self, call: &str, number: u64) -> bool {
        let ledger = earlier();
        let mut cut = under_strace(call, number, &self.command(&ledger));
        cut.env("BANK_PAR_LEDGER", ledger.path());
        let cut = Running::start(cut).finish();
        let again = Running::start(self.command(&ledger)).finish().expect(0);
        let was_cut = cut.status.code() != Some(0);
        let results = [again.of("completed"), again.of("reversed")].concat();
        let duplicate = results.iter().any(|event| event["duplicate"] == true);
        assert!(was_cut || duplicate, "{again:?}");
        let ops: Vec<Value> = ledger.run("history --output json").events();
        let ops: Vec<&str> = ops
            .iter()
            .filter_map(|entry| entry["op"].as_str())
            .collect();
        assert_eq!(ops, self.posted, "{call} {number}");
        assert_eq!(ledger.money("api"), [self.left, "0.00", self.left]);
        ledger.verify();
        was_cut
    }

    /// Cuts it at its first calls of this name and at later ones, until it does not come so far.
    fn cut_at_each(&self, call: &str) -> u64 {
        let numbers = (1..).step_by(step());
        let cut = numbers.take_while(|number| self.is_cut_at(call, *number));
        cut.count() as u64
    }
}

#[test]
fn the_first_touch_in_a_window_that_is_killed_at_any_call_refills_once() {
    if !has_strace() {
        return;
    }
    let cut: Vec<u64> = at_once(2, |place| {
        let calls = CALLS.iter().skip(place).step_by(2);
        let touches = calls.flat_map(|call| TOUCHES.iter().map(move |touch| (call, touch)));
        touches.map(|(call, touch)| touch.cut_at_each(call)).sum()
    });
    assert!(cut.iter().sum::<u64>() > 20, "{cut:?}");
}
