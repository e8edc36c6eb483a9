//! Named runs whose input is corrected: what failed or was invalid is the user's, all else is protected.

use serde_json::{Value, json};

use crate::cli::{Run, Running, program};
use crate::faults::ASKING;
use crate::ledger::Ledger;

/// Pays everyone but `late`, as long as nobody has made `late` exist, and notes under which id.
const PAY: &str = "[ \"$BANK_PAR_TO\" = late ] && [ ! -e exists ] && exit 1; echo \"$BANK_PAR_TO $BANK_PAR_ID\" >> paid";

/// A ledger with money, beside the input of a run and what its commands leave behind.
struct Payroll {
    ledger: Ledger,
    mode: &'static str,
}

impl Payroll {
    fn new(mode: &'static str) -> Self {
        let ledger = Ledger::new();
        ledger.say("deposit 100");
        Payroll { ledger, mode }
    }

    fn beside(&self, name: &str) -> std::path::PathBuf {
        std::path::Path::new(&self.ledger.path()).with_file_name(name)
    }

    /// Goes on with the run on these lines below a header.
    fn run(&self, lines: &str, more: &[&str]) -> Run {
        std::fs::write(self.beside("in.csv"), format!("op,amount,to\n{lines}")).unwrap();
        let path = self.ledger.path();
        let words = [self.mode, "in.csv", "--run", "n", "--ledger", &path];
        let mut command = program(&words);
        command
            .args(["--jobs", "1", "--output", "json"])
            .args(more)
            .current_dir(self.beside(""));
        Running::start(command).finish()
    }

    /// The same with the command.
    fn pay(&self, lines: &str) -> Run {
        self.run(lines, &["--", "sh", "-c", PAY])
    }

    /// Who was paid, and under which id.
    fn paid(&self) -> String {
        std::fs::read_to_string(self.beside("paid")).unwrap_or_default()
    }

    fn balance(&self) -> String {
        self.ledger.money("main")[0].clone()
    }
}

/// The type of each event by line, without the summary.
fn told(run: &Run) -> Value {
    let mut events = run.events();
    events
        .retain(|event| !["summary", "started", "held"].contains(&event["type"].as_str().unwrap()));
    events.sort_by_key(|event| event["line"].as_u64());
    let told = |event: &Value| json!([event["line"], event["type"]]);
    events.iter().map(told).collect()
}

#[test]
fn a_file_that_lacks_its_last_newline_goes_on_with_that_line_alone_once_it_is_there() {
    let payroll = Payroll::new("pipe");
    let lines = "deposit,1,\ndeposit,2,";
    let cut = payroll.run(lines, &[]);
    let expected = json!([[2, "completed"], [3, "invalid"]]);
    assert_eq!((cut.code(), told(&cut)), (2, expected), "{cut:?}");
    let whole = payroll.run(&format!("{lines}\n"), &[]).expect(0);
    assert_eq!(whole.summary()["duplicates"], 1, "{whole:?}");
    assert_eq!(payroll.balance(), "103.00");
}

/// Nothing was run, since this is said about the input.
#[track_caller]
fn refused(run: &Run, telling: &str) {
    assert_eq!(run.code(), 2, "{run:?}");
    assert!(run.stderr.contains(telling), "{run:?}");
    let new = |event: &Value| event["type"] == "completed" && event["duplicate"] != true;
    assert!(!run.events().iter().any(new), "{run:?}");
}

#[test]
fn an_invalid_line_is_corrected_in_place() {
    for mode in ASKING {
        let payroll = Payroll::new(mode);
        let first = payroll.run("transfer,1,a\ntransfer,$2,b\ntransfer,3,c\n", &[]);
        assert_eq!(first.code(), 2, "{first:?}");
        let second = payroll
            .run("transfer,1,a\ntransfer,2,b\ntransfer,3,c\n", &[])
            .expect(0);
        assert_eq!(second.summary()["duplicates"], 2);
        assert_eq!(payroll.balance(), "94.00");
        // It is protected now.
        refused(
            &payroll.run("transfer,1,a\ntransfer,5,b\ntransfer,3,c\n", &[]),
            "line 3 has changed",
        );
        refused(
            &payroll.run("transfer,1,a\ntransfer,2,b\n", &[]),
            "the input ends before line 4",
        );
        assert_eq!(payroll.balance(), "94.00");
    }
}

#[test]
fn a_failed_line_is_corrected_or_emptied_in_place() {
    for mode in ASKING {
        let payroll = Payroll::new(mode);
        let first = payroll.pay("transfer,1,a\ntransfer,2,late\ntransfer,3,c\n");
        assert_eq!(first.code(), 4, "{first:?}");
        let emptied = payroll.pay("transfer,1,a\n\ntransfer,3,c\n").expect(0);
        assert_eq!(told(&emptied), json!([[2, "completed"], [4, "completed"]]));
        payroll
            .pay("transfer,1,a\ntransfer,2,b\ntransfer,3,c\n")
            .expect(0);
        // The provider never sees the id of the payment that failed with another one.
        assert_eq!(payroll.paid(), "a n:2\nc n:4\nb n:3.2\n");
        let again = payroll
            .pay("transfer,1,a\ntransfer,2,b\ntransfer,3,c\n")
            .expect(0);
        let ids: Vec<_> = again
            .of("completed")
            .iter()
            .map(|event| event["id"].clone())
            .collect();
        assert_eq!(ids, ["n:2", "n:3.2", "n:4"]);
        payroll.ledger.verify();
    }
}

#[test]
fn each_content_of_a_line_has_an_id_of_its_own() {
    let payroll = Payroll::new("parallel");
    let late = |amount: u32| payroll.pay(&format!("transfer,{amount},late\n"));
    let id = |run: Run| {
        assert_eq!(run.code(), 4, "{run:?}");
        run.of("failed")[0]["id"].clone()
    };
    assert_eq!(id(late(1)), "n:2");
    assert_eq!(id(late(1)), "n:2");
    assert_eq!(id(late(2)), "n:2.2");
    assert_eq!(id(late(3)), "n:2.3");
    // What was tried before is the same payment.
    assert_eq!(id(late(2)), "n:2.2");
    assert_eq!(id(late(1)), "n:2");
    std::fs::write(payroll.beside("exists"), "").unwrap();
    late(3).expect(0);
    assert_eq!(payroll.paid(), "late n:2.3\n");
    refused(&late(1), "line 2 has changed");
}

#[test]
fn nothing_is_run_of_an_input_from_which_a_line_was_deleted() {
    // The failed line is gone, and the one after it would be paid in its place.
    for lines in [
        "transfer,1,a\ntransfer,3,c\n",
        "transfer,1,a\ntransfer,3,c\ntransfer,4,d\n",
    ] {
        let payroll = Payroll::new("parallel");
        assert_eq!(
            payroll
                .pay("transfer,1,a\ntransfer,2,late\ntransfer,3,c\n")
                .code(),
            4
        );
        refused(&payroll.pay(lines), "line 4");
        let path = payroll.ledger.path();
        let words = [
            "parallel", "-", "--run", "n", "--ledger", &path, "--output", "json",
        ];
        refused(
            &crate::cli::feed(&words, format!("op,amount,to\n{lines}")),
            "line 4",
        );
        assert_eq!(payroll.paid(), "a n:2\nc n:4\n");
        assert_eq!(payroll.balance(), "96.00");
    }
}

#[test]
fn a_line_that_was_given_up_is_never_run() {
    for mode in ASKING {
        let payroll = Payroll::new(mode);
        let lines = "transfer,1,a\ntransfer,2,late\ntransfer,300,c\nrubbish\n";
        assert_eq!(payroll.pay(lines).code(), 2);
        let skip = |line: u32| payroll.ledger.run(&format!("skip n {line}"));
        assert_eq!(skip(3).expect(0).stdout, "skipped n line 3\n");
        assert_eq!(skip(3).expect(0).stdout, "skipped n line 3 duplicate\n");
        // One that was refused and one that the ledger never saw.
        assert_eq!(skip(4).code(), 0);
        assert_eq!(skip(5).code(), 0);
        std::fs::write(payroll.beside("exists"), "").unwrap();
        for more in [&[][..], &["--retry-refused"]] {
            let run = payroll
                .run(&format!("{lines}transfer,4,d\n"), more)
                .expect(0);
            let expected = json!([
                [2, "completed"],
                [3, "skipped"],
                [4, "skipped"],
                [5, "skipped"],
                [6, "completed"],
            ]);
            assert_eq!(told(&run), expected);
            assert_eq!(run.summary()["skipped"], 3);
        }
        assert_eq!(payroll.balance(), "95.00");
        refused(
            &payroll.pay("transfer,1,a\ntransfer,2,b\n"),
            "line 3 has changed",
        );
        payroll.ledger.verify();
    }
}

#[test]
fn what_is_done_or_in_doubt_cannot_be_given_up() {
    let payroll = Payroll::new("parallel");
    payroll.pay("transfer,1,a\n").expect(0);
    let skip = |words: &str| {
        let run = payroll.ledger.run(&format!("skip {words}"));
        assert_eq!(run.stdout, "");
        (run.code(), run.stderr)
    };
    let (code, telling) = skip("n 2");
    assert!(
        code == 1 && telling.contains("it was posted as seq 2"),
        "{telling}"
    );
    let (code, telling) = skip("m 2");
    assert!(code == 2 && telling.contains("has no run `m`"), "{telling}");
    assert_eq!(skip("n 0").0, 2);
    let killed = payroll.run(
        "transfer,1,a\ntransfer,2,b\n",
        &["--", "sh", "-c", "kill -9 $PPID; sleep 9"],
    );
    assert_eq!(killed.of("in_doubt").len(), 1, "{killed:?}");
    let (code, telling) = skip("n 3");
    assert!(
        code == 8 && telling.contains("`bank-par void ID`"),
        "{telling}"
    );
    payroll.ledger.say("void n:3");
    payroll.ledger.say("skip n 3");
}

#[test]
fn a_line_behind_all_that_a_run_has_come_to_is_given_up_with_a_warning() {
    let payroll = Payroll::new("parallel");
    payroll.pay("transfer,1,a\ntransfer,2,b\n").expect(0);
    let skip = |line: u32| payroll.ledger.run(&format!("skip n {line}"));
    let far = skip(33);
    assert_eq!(far.stdout, "skipped n line 33\n");
    assert!(
        far.stderr
            .contains("lies behind all that the run `n` has come to so far (line 3)"),
        "{far:?}"
    );
    for known in [20, 33] {
        assert_eq!(skip(known).stderr, "", "line {known}");
    }
}

#[test]
fn a_line_in_doubt_is_protected_and_keeps_its_id() {
    let payroll = Payroll::new("parallel");
    let killed = payroll.run(
        "transfer,1,a\ntransfer,2,b\n",
        &[
            "--",
            "sh",
            "-c",
            "[ $BANK_PAR_TO = a ] || { kill -9 $PPID; sleep 9; }",
        ],
    );
    assert_eq!(killed.of("in_doubt").len(), 1, "{killed:?}");
    let retry = |lines: &str| payroll.run(lines, &["--in-doubt", "retry", "--", "sh", "-c", PAY]);
    refused(&retry("transfer,1,a\ntransfer,5,b\n"), "line 3 has changed");
    retry("transfer,1,a\ntransfer,2,b\n").expect(0);
    assert_eq!(payroll.paid(), "b n:3\n");
    assert_eq!(payroll.balance(), "97.00");
}

#[test]
fn a_refusal_is_over_once_its_line_was_begun_again() {
    let payroll = Payroll::new("queue");
    let line = "transfer,150,late\n";
    let pay = |more: &[&str]| payroll.run(line, &[more, &["--", "sh", "-c", PAY]].concat());
    pay(&[]).expect(1);
    payroll.ledger.say("deposit 100");
    // The money is there now, and the command fails: that is what became of the line.
    assert_eq!(pay(&["--retry-refused"]).code(), 4);
    assert_eq!(payroll.ledger.say("runs"), "n\t0\t0\t1\t0\t0\t0\t-\n");
    assert_eq!(pay(&[]).code(), 4);
    let corrected = payroll.pay("transfer,20,c\n");
    corrected.expect(0);
    assert_eq!(payroll.paid(), "c n:2.2\n");
    assert_eq!(payroll.balance(), "180.00");
}

#[test]
fn a_new_run_is_told_with_names_that_may_have_been_meant() {
    let payroll = Payroll::new("parallel");
    let path = payroll.ledger.path();
    let begin = |name: &str| {
        let words = ["parallel", "-", "--run", name, "--ledger", &path];
        crate::cli::feed(&words, "{\"op\":\"deposit\",\"amount\":1}\n").stderr
    };
    assert_eq!(
        begin("november"),
        "bank-par: a new run begins: `november`\n"
    );
    assert_eq!(begin("november"), "");
    assert_eq!(begin("wages"), "bank-par: a new run begins: `wages`\n");
    let typo = begin("novmeber");
    assert!(
        typo.contains("there is `november`: if that was meant"),
        "{typo}"
    );
}

#[test]
fn runs_are_listed_with_what_came_of_their_lines() {
    let payroll = Payroll::new("parallel");
    payroll.pay("transfer,1,a\ntransfer,2,late\ntransfer,300,c\ntransfer,1,late\n");
    let reason = "r".repeat(200);
    payroll.ledger.say(&format!("skip n 5 --reason {reason}"));
    let skipped = json!({"v": 1, "type": "skipped", "run": "n", "line": 5, "reason": reason});
    assert_eq!(payroll.ledger.json("runs n"), skipped);
    assert_eq!(payroll.ledger.say("runs n"), format!("5\t{reason}\n"));
    let long = payroll.ledger.run(&format!("skip n 6 --reason {reason}r"));
    assert_eq!(long.code(), 2, "{long:?}");
    assert_eq!(payroll.ledger.run("runs no-such-run").code(), 2);
    let table = payroll.ledger.say("runs");
    assert_eq!(table, "n\t1\t1\t1\t0\t0\t1\t-\n");
    let expected = json!({
        "v": 1, "type": "run", "run": "n", "done": 1, "refused": 1, "failed": 1, "in_doubt": 0,
        "begun": 0, "skipped": 1, "live": false,
    });
    assert_eq!(payroll.ledger.json("runs"), expected);
    let path = payroll.ledger.path();
    let words = [
        "parallel", "-", "--run", "live", "--ledger", &path, "--output", "json",
    ];
    let mut running = Running::start(program(&words));
    running.say("{\"op\":\"deposit\",\"amount\":1}");
    assert_eq!(running.hear_event()["type"], "completed");
    let table = payroll.ledger.say("runs");
    assert!(table.ends_with("live\t1\t0\t0\t0\t0\t0\t*\n"), "{table}");
    let going_on = payroll.ledger.run("skip live 5");
    assert_eq!(going_on.code(), 8, "{going_on:?}");
    running.finish();
}
