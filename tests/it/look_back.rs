//! Looking back: which entries are told, from which end, and as a journal of hledger.

use std::io::Write as _;
use std::process::Command;

use crate::cli::Running;
use crate::ledger::Ledger;

fn ledger() -> Ledger {
    let ledger = Ledger::new();
    ledger.say("init --decimals 6 --unit USD");
    ledger.say("deposit 20 --memo Top-up;now");
    ledger.say("withdraw 0.000345 --id call,1 --memo Call");
    ledger.say("loan 4 --account ops");
    ledger.say("transfer 1.5 --to ops --meta k=v --date 2026-01-02");
    ledger.say("reverse 4");
    ledger
}

fn seqs(ledger: &Ledger, words: &str) -> String {
    let rows = ledger.say(&format!("history {words}"));
    let seqs = rows.lines().filter_map(|row| row.split('\t').next());
    seqs.collect::<Vec<_>>().join(" ")
}

#[test]
fn entries_are_chosen_and_told_from_either_end() {
    let ledger = ledger();
    for (words, expected) in [
        ("--reverse", "5 4 3 2 1"),
        ("--reverse --limit 2", "5 4"),
        ("--reverse --after 3", "5 4"),
        ("ops --reverse", "5 4 3"),
        ("--tail 2", "4 5"),
        ("main --tail 2 --op withdraw", "2"),
        ("--op reverse", "5"),
        ("--id call,1", "2"),
        ("--memo CALL", "2"),
        ("--min 1.5 --max 4", "3 4 5"),
        ("--min 1 --limit 2", "1 3"),
        ("--run november", ""),
    ] {
        assert_eq!(seqs(&ledger, words), expected, "{words}");
    }
    let finer = Running::start(ledger.command("history --min 0.0000001")).finish();
    assert_eq!(finer.code(), 2, "{finer:?}");
}

#[test]
fn hledger_takes_the_journal() {
    let ledger = ledger();
    let journal = ledger.say("history --output hledger");
    let file = format!("{}.journal", ledger.path());
    std::fs::write(&file, &journal).unwrap();
    let hledger = |words: &[&str]| {
        Command::new("hledger")
            .args(["-f", &file])
            .args(words)
            .output()
    };
    let Ok(checked) = hledger(&["check"]) else {
        let _ = writeln!(
            std::io::stderr(),
            "`hledger` is not installed: it did not check the journal"
        );
        return;
    };
    assert!(checked.status.success(), "{checked:?}\n{journal}");
    let sums = hledger(&["balance", "--no-total"]).unwrap();
    let sums = String::from_utf8(sums.stdout).unwrap();
    let sums: Vec<String> = sums
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        sums,
        [
            "19.999655 USD assets:main",
            "4.000000 USD assets:ops",
            "-19.999655 USD equity:world",
            "-4.000000 USD liabilities:loans"
        ]
    );
}

#[test]
fn accounts_and_holds_are_listed_as_csv() {
    let ledger = ledger();
    ledger.say("hold 1 --id h,1 --account ops --expires never");
    assert_eq!(
        ledger.say("balance main ops --output csv"),
        "account,posted,held,available,overdraft,allowance,spent,left,refills,unit\n\
         main,19.999655,0.000000,19.999655,0.000000,,,,,USD\n\
         ops,4.000000,1.000000,3.000000,0.000000,,,,,USD\n"
    );
    let holds = ledger.say("balance --holds --output csv");
    let rows: Vec<&str> = holds.lines().collect();
    assert_eq!(
        rows[0],
        "id,op,account,to,amount,since,expires,run,line,unit"
    );
    assert!(
        rows[1].starts_with("\"h,1\",withdraw,ops,,1.000000,2"),
        "{holds}"
    );
    assert!(rows[1].ends_with("Z,never,,,USD"), "{holds}");
}
