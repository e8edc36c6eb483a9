//! The ledger fails for good.

use super::*;

#[test]
fn a_failed_ledger_fails_what_is_being_decided() {
    let mut bench = given(2);
    bench.ask(Ask::Begin);
    let (why, certainty) = ("no space".to_string(), Certainty::Unknown);
    let ends = bench.handle(Input::LedgerFailed { why, certainty });
    assert_eq!(ends, [r#"Say("error: no space")"#, "kill 1", "GiveUp"]);
    assert_eq!(bench.told[1], "failed: Faulty(Ledger)");
    bench.dies();
    assert_eq!(bench.told.len(), 2, "it is told once");
}

#[test]
fn what_a_dead_worker_left_fails_by_the_ledger_where_that_takes_no_end_of_it() {
    let mut bench = given(1);
    bench.ask(Ask::Begin);
    bench.decided(Outcome::Held { view: view() });
    assert_eq!(bench.dies(), ["abandon: Void"]);
    let (why, certainty) = ("no space".to_string(), Certainty::Unknown);
    bench.handle(Input::LedgerFailed { why, certainty });
    assert_eq!(bench.told[2], "failed: Faulty(Ledger)");
}
