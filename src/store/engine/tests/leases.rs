//! What follows where a run is not its process's own any more.

use super::tables::{HostClock, LeaseKind};
use super::*;

const LASTS: Duration = Duration::from_secs(30);

#[test]
fn a_run_that_was_lost_is_gone_on_with_by_the_same_process() {
    let rows = Shared::new();
    rows.lease_by(LeaseKind::Time(LASTS));
    let clock = HostClock::new();
    let (mut server, mut other) = (rows.open_on(1, &clock), rows.open_on(2, &clock));
    execute(server.as_mut(), Kind::Deposit, None, 30);
    let name = "november".parse().expect("a name");
    let run = server.begin_run(Some(&name)).expect("a run").number;
    let begin = || Request::Begin(operation(Kind::Withdraw, None, "a", 30));
    let held = line(server.as_mut(), 1, begin(), false);
    assert!(matches!(held, Outcome::Held { .. }), "{held:?}");

    // The server stood still for too long, and another process gave back what the run had begun.
    rows.passed(LASTS);
    execute(other.as_mut(), Kind::Balance, None, 0);
    let late = server.end_run(run);
    assert!(
        matches!(late, Err(LedgerError::LeaseLost { .. })),
        "{late:?}"
    );
    let again = server.begin_run(Some(&name)).expect("the same run");
    assert_eq!((again.number, again.is_new), (run, false));
    // A run numbers its requests anew each time.
    let held = line(server.as_mut(), 1, begin(), false);
    assert!(matches!(held, Outcome::Held { .. }), "{held:?}");
    server.end_run(run).expect("ended");
    assert_eq!(server.verify(None).expect("checked").violation, None);
}
