//! Signals end a run.

use super::*;

#[test]
fn nothing_is_handed_out_after_a_signal() {
    let mut bench = Bench::new(2, 1);
    bench.handle(Input::Signal(2));
    bench.arrived(1, Arrived::Ready);
    assert_eq!(bench.turn(), ["close 1"]);
    assert_eq!(
        bench.handle(Input::Signal(2)),
        ["StopLedgerRetries", "KillAll"]
    );
    assert_eq!(
        bench.handle(Input::Signal(2)),
        ["StopLedgerRetries", "EndNow(2)"]
    );
    assert_eq!(bench.run.ends_by(), Some(2));
}

#[test]
fn what_a_hard_end_may_leave_in_doubt_is_named() {
    let steps: [fn(&mut Bench); 2] = [
        |_| {},
        |bench| {
            bench.decided(Outcome::Held { view: view() });
            bench.dies();
        },
    ];
    for step in steps {
        let mut bench = begun_with_command();
        bench.handle(Input::Signal(2));
        bench.handle(Input::Signal(2));
        step(&mut bench);
        let words = bench.handle(Input::Signal(2));
        let named = "their operations may be in doubt: `pay:1`; look at what";
        assert!(words[1].contains(named), "{words:?}");
        assert_eq!(words[2], "EndNow(2)");
    }
}
