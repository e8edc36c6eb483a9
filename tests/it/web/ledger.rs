//! The screen of a ledger: what it shows is what the ledger's commands say, and it changes nothing that it may not.

use std::path::Path;

use bank_par::bank::{Amount, Kind, Name, Operation, Request};
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
    let history = || page.stream("/ledger/history");
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

/// The accounts that the page's server tells for this query, the first and the last of them, and whether there are
/// more.
fn accounts(page: &Page, query: &str) -> (usize, [Value; 2], bool) {
    let answer = page.get(&format!("/ledger/standing?{query}"));
    assert_eq!(status(&answer), 200, "{answer}");
    let accounts = body(&answer)["accounts"].clone();
    let rows = accounts["rows"].as_array().unwrap();
    let ends = [rows.first(), rows.last()];
    let ends = ends.map(|row| row.map_or(Value::Null, |row| row["account"].clone()));
    (rows.len(), ends, accounts["has_more"] == true)
}

#[test]
fn accounts_are_found_among_many() {
    let ledger = Ledger::new();
    let names = (0..1_100).map(|number| format!("a{}:{number:04}", number % 2));
    let deposits = names.map(|name| {
        let account = Name::user(&name).unwrap();
        let operation = Operation::new(Kind::Deposit, None, account, None, Amount::new(100));
        Request::Execute(operation.unwrap())
    });
    ledger.transact(deposits);
    let page = Page::open_with(&["--ledger", &ledger.path()]);
    let of = |first: &str, last: &str| [json!(first), json!(last)];
    assert_eq!(accounts(&page, ""), (500, of("@loans", "a0:0994"), true));
    assert_eq!(
        accounts(&page, "after=a0:0994"),
        (500, of("a0:0996", "a1:0895"), true)
    );
    assert_eq!(
        accounts(&page, "after=a1:0895"),
        (102, of("a1:0897", "a1:1099"), false)
    );
    assert_eq!(
        accounts(&page, "prefix=a1:01"),
        (50, of("a1:0101", "a1:0199"), false)
    );
    assert_eq!(
        accounts(&page, "prefix=a1&after=a1:0999"),
        (50, of("a1:1001", "a1:1099"), false)
    );
    assert_eq!(
        accounts(&page, "prefix=a1&after=a0:0996"),
        (500, of("a1:0001", "a1:0999"), true)
    );
    assert_eq!(
        accounts(&page, "prefix=a1:0101"),
        (1, of("a1:0101", "a1:0101"), false)
    );
    assert_eq!(
        accounts(&page, "prefix=b"),
        (0, [Value::Null, Value::Null], false)
    );
    for none in ["prefix=--holds", "prefix=@world", "after=%20"] {
        assert_eq!(
            status(&page.get(&format!("/ledger/standing?{none}"))),
            400,
            "{none}"
        );
    }
}

#[cfg(feature = "postgres")]
#[test]
fn a_ledger_in_a_database_is_seen_and_its_holds_are_ended() {
    let Some((folder, address)) = crate::postgres::ledger() else {
        return;
    };
    let on_it =
        |words: &str| crate::postgres::script(&folder, &address, &format!("bank-par {words}"));
    on_it("init >told").expect(0);
    on_it("deposit 10 --account ops").expect(0);
    on_it("hold 4 --account ops --id a").expect(0);
    let page = Page::open_with(&["--allow-writes", "--ledger", &address]);
    let name = body(&page.get("/ledger"))["ledger"]["name"].to_string();
    assert!(name.contains("bank@") && !name.contains("s3cret"), "{name}");
    let mut history = page.stream("/ledger/history");
    assert_eq!(history.wait_for("entry")["balance"], "10.00");
    assert_eq!(
        accounts(&page, "prefix=o"),
        (1, [json!("ops"), json!("ops")], false)
    );
    let begun = body(&page.post("/ledger/posts", r#"{"id":"a","amount":"4.00"}"#));
    let (told, _, end) = page.events(begun["run"].as_u64().unwrap()).rest();
    assert_eq!(
        (&told[0]["balance"], &end["status"]),
        (&json!("6.00"), &json!(0))
    );
    assert_eq!(history.wait_for("entry")["balance"], "6.00");
    let standing = page.get("/ledger/standing");
    assert_eq!(body(&standing)["holds"]["found"], 0);
    assert!(!standing.contains("s3cret"));
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
        ledger.run(&["open", "api", "--allowance", "5/month", "--warn-at", "80%"]);
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
#[ignore = "slow: clicks for seconds"]
fn a_ledger_is_seen_and_its_holds_are_ended_by_a_second_click() {
    if !has_browser() {
        return;
    }
    let ledger = HostileLedger::new();
    let page = Page::start_with(&["--ledger", &ledger.path(), "--allow-writes"]);
    let mut browser = opened(&page, 390, 844);
    shows_the_balances(&mut browser, &ledger);
    browser.wait_for("document.querySelectorAll('#ledger-history tbody tr').length === 4");
    let look_for = |browser: &mut Browser, prefix: &str| {
        browser.eval(&format!("(() => {{ const field = document.querySelector('#ledger-prefix'); field.value = '{prefix}'; field.dispatchEvent(new Event('input')); }})()"));
    };
    look_for(&mut browser, "a");
    browser.wait_for("document.querySelectorAll('#ledger-accounts tbody tr').length === 2 && document.querySelector('#ledger-accounts-more').textContent === 'Shown: 2 accounts whose names begin with a.'");
    look_for(&mut browser, "<b>");
    browser.wait_for("document.querySelector('#ledger-prefix').ariaInvalid === 'true' && document.querySelector('#ledger-accounts-more').textContent.startsWith('No name of an account begins like this')");
    look_for(&mut browser, "");
    shows_the_balances(&mut browser, &ledger);
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
            .starts_with("2.00 spent of 5.00 per month, 3.00 left"),
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
