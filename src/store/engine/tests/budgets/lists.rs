//! What is listed while time passes and others write.

use super::*;

/// What is available of the account in the list after this one, and the holds.
fn listed(shells: &mut Shells, after: Option<&Name>) -> (i64, usize) {
    let accounts = shells.open[0].accounts(after).expect("accounts");
    let of_a = accounts.iter().find(|of| of.name.as_str() == "a");
    let holds = shells.open[0].holds(0).expect("holds").len();
    (of_a.expect("an account").view.available.minor(), holds)
}

/// A hold whose time is over by now.
fn with_a_hold_that_is_over() -> Shells {
    let mut shells = Shells::new(2, allowance(Period::Day, false));
    shells.ask(0, hold("one", Some(Duration::from_secs(60))));
    assert_eq!(listed(&mut shells, None), (LIMIT - 30, 1));
    shells.pass(2 * MINUTE);
    shells
}

#[test]
fn a_list_begins_with_what_is_over_by_now() {
    let mut shells = with_a_hold_that_is_over();
    assert_eq!(listed(&mut shells, None), (LIMIT, 0));
}

#[test]
fn what_is_over_goes_back_to_the_account_as_others_left_it() {
    let mut shells = Shells::new(2, allowance(Period::Day, false));
    shells.ask(0, hold("one", Some(Duration::from_secs(60))));
    shells.ask(1, withdraw(100));
    shells.pass(2 * MINUTE);
    assert_eq!(listed(&mut shells, None), (LIMIT - 100, 0));
}

#[test]
fn a_page_shows_what_was_written_since_the_one_before_it() {
    for writer in 0..2 {
        let mut shells = with_a_hold_that_is_over();
        let first = shells.open[0].accounts(None).expect("accounts");
        shells.ask(writer, withdraw(100));
        let after = Some(&first[0].name);
        assert_eq!(listed(&mut shells, after), (LIMIT - 100, 0));
    }
}

#[test]
fn nothing_is_asked_of_a_ledger_once_it_is_not_known_what_was_done() {
    let mut shells = Shells::new(1, allowance(Period::Day, false));
    shells.rows.next_commit(CommitFate::Lost);
    let asked = Asked {
        caller: RequestContext::default(),
        request: withdraw(1),
    };
    let lost = shells.open[0].transact(std::slice::from_ref(&asked));
    assert!(matches!(lost, Err(LedgerError::Unknown { .. })), "{lost:?}");
    let ledger = &mut shells.open[0];
    let name = "november".parse().expect("a name");
    for answer in [
        ledger.transact(&[asked]).map(drop),
        ledger.accounts(None).map(drop),
        ledger.skip(&name, 1, "paid by hand").map(drop),
        ledger.verify(None).map(drop),
        ledger.backup(std::path::Path::new("none")).map(drop),
    ] {
        assert!(
            matches!(answer, Err(LedgerError::Failed { .. })),
            "{answer:?}"
        );
    }
}

#[test]
fn what_a_run_without_a_name_left_in_doubt_is_listed_as_it_is_once_that_is_written() {
    let mut shells = Shells::new(2, allowance(Period::Day, false));
    let run = shells.open[1].begin_run(None).expect("a run").number;
    let caller = RequestContext {
        run,
        number: 1,
        has_side_effects: true,
        ..RequestContext::default()
    };
    let request = Request::Begin(operation(Kind::Withdraw, Some("one"), "a", 20));
    let begun = shells.open[1].transact(&[Asked { caller, request }]);
    begun.expect("begun");
    shells.open.pop();
    let holds = shells.open[0].holds(0).expect("holds");
    let told = |hold: &crate::store::OpenHold| (hold.run, hold.line, hold.in_doubt);
    assert_eq!(
        holds.iter().map(told).collect::<Vec<_>>(),
        [(None, None, true)]
    );
    shells.withdraw(1);
    assert_eq!(shells.open[0].holds(0).expect("holds"), holds);
}
