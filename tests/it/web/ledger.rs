//! The screen of a ledger: what it shows is what the ledger's commands say, and it changes nothing that it may not.

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::clicks::{opened, text};
use super::runs::nothing_left;
use super::{Page, body, status};
use crate::browser::{Browser, has_browser};
use crate::cli::{Run, Running, program};
use crate::ledger::Ledger;
use crate::process::until;

/// Markup that would show if anything took it for such.
const HOSTILE: &str = "<img src=x onerror=alert(1)></td></script><b>'\"&amp;";

#[test]
fn a_page_that_only_reads_ends_no_hold_whatever_is_sent() {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    ledger.say("hold 4 --id a");
    let page = Page::open_with(&["--ledger", &ledger.path()]);
    let [posts, voids] = [
        ("/ledger/posts", r#"{"id":"a","amount":"4.00"}"#),
        ("/ledger/voids", r#"{"id":"a"}"#),
    ];
    for (path, choice) in [posts, voids] {
        let refused = page.post(path, choice);
        assert_eq!(status(&refused), 403, "{refused}");
        assert!(
            body(&refused)["error"]
                .as_str()
                .unwrap()
                .contains("--allow-writes")
        );
        assert_eq!(
            status(&page.send(&page.posted(path, choice).replace("POST", "GET"))),
            404
        );
    }
    assert_eq!(ledger.money("main"), ["10.00", "4.00", "6.00"]);
    // A check changes nothing, so it may be asked for.
    let begun = body(&page.post("/ledger/verifications", "{}"));
    let (told, _, end) = page.events(begun["run"].as_u64().unwrap()).rest();
    assert_eq!((&told[0]["holds"], &end["status"]), (&json!(1), &json!(0)));

    let page = Page::open_with(&["--ledger", &ledger.path(), "--allow-writes"]);
    let own = page.posted(posts.0, posts.1);
    for attack in [
        own.replace("Origin: http://", "Origin: http://evil."),
        own.replace("Site: same-origin", "Site: same-site"),
        own.replace(&page.cookie, "bank-par=page-0"),
        own.replace("\"4.00\"}", "\"4.00\",\"to\":\"x\"}"),
        own.replace("POST", "GET"),
    ] {
        assert_ne!(attack, own);
        assert_ne!(status(&page.send(&attack)), 201, "{attack}");
    }
    assert_eq!(ledger.money("main"), ["10.00", "4.00", "6.00"]);
    let begun = body(&page.send(&own));
    let (told, _, end) = page.events(begun["run"].as_u64().unwrap()).rest();
    assert_eq!(
        (&told[0]["balance"], &end["status"]),
        (&json!("6.00"), &json!(0))
    );
    // It is no demonstration, and a page that is opened anew does not take it for one.
    assert_eq!(body(&page.get("/runs"))["runs"], json!([]));
    // Without a ledger there is none.
    let page = Page::open();
    assert_eq!(body(&page.get("/ledger"))["ledger"], Value::Null);
    assert_eq!(status(&page.get("/ledger/standing")), 404);
    assert_eq!(status(&page.post(posts.0, posts.1)), 404);
}

#[test]
fn a_page_that_is_opened_again_gets_the_history_and_one_process_reads_it_for_all() {
    let ledger = Ledger::new();
    ledger.say("deposit 10");
    let page = Page::open_with(&["--ledger", &ledger.path()]);
    let history = || {
        let mut stream = page.connect();
        std::io::Write::write_all(
            &mut stream,
            page.head("GET", "/ledger/history", "").as_bytes(),
        )
        .unwrap();
        super::Events(std::io::BufReader::new(stream))
    };
    let (mut one, mut other) = (history(), history());
    for events in [&mut one, &mut other] {
        assert_eq!(events.wait_for("entry")["seq"], 1);
    }
    ledger.say("deposit 5");
    for events in [&mut one, &mut other] {
        assert_eq!(events.wait_for("entry")["balance"], "15.00");
    }
    assert_eq!(history().wait_for("entry")["seq"], 1);
    let processes = crate::process::all_in(page.folder());
    assert_eq!(
        processes.len(),
        2,
        "the page and the history: {processes:?}"
    );
    page.signal(Signal::KILL);
    nothing_left(page.folder());
}

/// A ledger whose name, ids, memos and texts are all hostile.
struct HostileLedger(TempDir);

impl HostileLedger {
    fn path(&self) -> String {
        let name = format!("{}.db", HOSTILE.replace('/', ""));
        self.0.path().join(name).to_str().unwrap().to_string()
    }

    fn start(&self, words: &[&str]) -> Running {
        let mut command = program(words);
        command.env("BANK_PAR_LEDGER", self.path());
        Running::start(command)
    }

    fn run(&self, words: &[&str]) -> Run {
        self.start(words).finish().expect(0)
    }

    fn new() -> Self {
        let ledger = HostileLedger(tempfile::tempdir().unwrap());
        let long = "a".repeat(64);
        let meta = format!("x={HOSTILE}");
        ledger.run(&["deposit", "1000", "--memo", HOSTILE, "--meta", &meta]);
        ledger.run(&["deposit", "1", "--account", &long]);
        ledger.run(&["open", "api", "--allowance", "5/day", "--warn-at", "80%"]);
        ledger.run(&["withdraw", "2", "--account", "api"]);
        ledger.run(&[
            "hold", "30", "--id", HOSTILE, "--memo", HOSTILE, "--meta", &meta,
        ]);
        let mut working = ledger.start(&[
            "withdraw",
            "7",
            "--id=-d x",
            "--",
            "sh",
            "-c",
            "echo up; exec sleep 99",
        ]);
        assert_eq!(working.hear(), "up");
        working.kill();
        working.finish();
        ledger
    }

    /// What `balance` says of all accounts, those of users first: name, available, posted, held.
    fn balances(&self) -> Value {
        let mut accounts = self.run(&["balance", "-o", "json"]).events();
        accounts.sort_by_key(|account| account["account"].as_str().unwrap().starts_with('@'));
        let row = |account: &Value| {
            ["account", "available", "balance", "held"].map(|name| account[name].clone())
        };
        json!(accounts.iter().map(row).collect::<Vec<_>>())
    }
}

/// Waits until the page shows what the ledger's own command says.
fn shows_the_balances(browser: &mut Browser, ledger: &HostileLedger) {
    let expected = ledger.balances();
    until("the balances on the page", || {
        let shown = browser.eval(
            "[...document.querySelectorAll('#ledger-accounts tbody tr')].map((row) => [...row.cells].slice(0, 4).map((cell) => cell.textContent))",
        );
        (shown == expected).then_some(())
    });
}

#[test]
fn a_ledger_is_seen_and_its_holds_are_ended_by_a_second_click() {
    if !has_browser() {
        return;
    }
    let ledger = HostileLedger::new();
    let page = Page::start_with(&["--ledger", &ledger.path(), "--allow-writes"]);
    let mut browser = opened(&page, 390, 844);
    shows_the_balances(&mut browser, &ledger);
    browser.wait_for("document.querySelectorAll('#ledger-history tbody tr').length === 4");
    // All of it is text, and none of it makes the page wider than a phone.
    let seen = browser.ask(
        r##"
        seen.wide = document.documentElement.scrollWidth;
        seen.made = $$("main img, main script, main b").length;
        seen.name = text("#ledger-name");
        seen.first = text("#ledger-history tbody tr:last-child");
        seen.holds = $$("#ledger-holds tbody tr").map((row) => row.textContent);
        seen.allowance = text("#ledger-accounts tbody tr:nth-child(2) td:last-child");
        "##,
    );
    assert!(
        seen["wide"].as_u64().unwrap() <= 390 && seen["made"] == 0,
        "{seen}"
    );
    assert_eq!(seen["name"], ledger.path());
    let hostile = format!("memo: {HOSTILE} · meta: x={HOSTILE}");
    for part in [&seen["first"], &seen["holds"][1]] {
        assert!(part.as_str().unwrap().contains(&hostile), "{seen}");
    }
    assert!(
        seen["holds"][0].as_str().unwrap().contains("in doubt"),
        "{seen}"
    );
    assert!(
        seen["allowance"]
            .as_str()
            .unwrap()
            .starts_with("2.00 spent of 5.00 per day, 3.00 left"),
        "{seen}"
    );

    // By the keyboard alone: what is in doubt is asked about, left, asked about again, and given back.
    browser.eval("document.querySelector('#ledger-holds [data-do=void]').focus()");
    browser.press("Enter");
    browser.wait_for(
        "document.querySelector('#confirm').open && document.activeElement.id === 'confirm-leave'",
    );
    let asked = text(&mut browser, "#confirm");
    assert!(
        asked.contains("its end was not seen") && asked.contains("-d x"),
        "{asked}"
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
    browser.press("Enter");
    browser.wait_for(
        "!document.querySelector('#confirm').open && document.activeElement.dataset.do === 'void'",
    );
    browser.press("Enter");
    browser.wait_for("!document.querySelector('#confirm-do').disabled");
    browser.press("Tab");
    browser.press("Enter");
    browser.wait_for(
        "document.querySelector('#ledger-said').textContent.startsWith('Done: void 7.00')",
    );
    browser.wait_for("document.querySelectorAll('#ledger-holds tbody tr').length === 1");

    // By the mouse: no more is posted than was shown.
    browser.click("#ledger-holds [data-do=post]");
    browser.click("#confirm-do");
    browser.wait_for(
        "document.querySelector('#ledger-said').textContent.startsWith('Done: post 30.00')",
    );
    browser.wait_for("!document.querySelector('#ledger-no-holds').hidden");
    ledger.run(&["deposit", "5", "--account", "api"]);
    browser.wait_for("document.querySelector('#ledger-history tbody tr')?.dataset.seq === '6'");
    shows_the_balances(&mut browser, &ledger);
    browser.click("#ledger-verify");
    browser.wait_for("document.querySelector('#ledger-said').textContent.startsWith('The ledger is sound: 6 entries')");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    browser.assert_content();

    // A ledger that is gone is said to be.
    std::fs::rename(
        ledger.path(),
        Path::new(&ledger.path()).with_extension("old"),
    )
    .unwrap();
    browser.wait_for(
        "document.querySelector('#ledger-gone').textContent.includes('there is no ledger')",
    );
}
