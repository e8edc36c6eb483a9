//! What a ledger lists, page by page, over each backend.

use super::*;
use crate::store::{BegunLine, EntryQuery, MAX_PAGE, SkippedLine};

/// More than a page.
const MANY: usize = MAX_PAGE + 3;

fn numbers(ledger: &mut dyn Ledger, query: &EntryQuery) -> (Vec<u64>, u64, bool) {
    let found = ledger.entries(query).expect("entries");
    let numbers = found.entries.iter().map(|entry| entry.seq);
    (numbers.collect(), found.looked_at, found.is_last)
}

fn all() -> EntryQuery {
    EntryQuery {
        limit: MAX_PAGE,
        ..EntryQuery::default()
    }
}

pub(super) fn entries_are_found_by_page_account_id_and_time(place: &dyn LedgerPlace) {
    let mut ledger = place.open();
    let november = "november".parse().expect("a name");
    ledger.begin_run(Some(&november)).expect("a run");
    let request =
        |kind, account: &str, id| Request::Execute(operation(kind, Some(id), account, 10));
    for (number, id) in (1..).zip(["one", "two", "three", "four", "five", "six"]) {
        let account = if number % 2 == 0 { "b" } else { "a" };
        line(
            ledger.as_mut(),
            number,
            request(Kind::Deposit, account, id),
            false,
        );
    }
    let ledger = ledger.as_mut();
    let page = |after, limit| EntryQuery {
        after,
        limit,
        ..EntryQuery::default()
    };
    assert_eq!(numbers(ledger, &page(0, 2)), (vec![1, 2], 2, false));
    assert_eq!(numbers(ledger, &page(2, 4)), (vec![3, 4, 5, 6], 6, true));
    assert_eq!(numbers(ledger, &page(6, 4)), (vec![], 6, true));
    let account = |name: &str, limit| EntryQuery {
        account: Name::user(name).ok(),
        limit,
        ..all()
    };
    assert_eq!(numbers(ledger, &account("b", 2)), (vec![2, 4], 4, false));
    assert_eq!(numbers(ledger, &account("a", 9)), (vec![1, 3, 5], 6, true));
    let id = |after| EntryQuery {
        after,
        id: Id::new("four").ok(),
        ..all()
    };
    assert_eq!(numbers(ledger, &id(0)).0, [4]);
    assert_eq!(numbers(ledger, &id(3)).0, [4]);
    assert_eq!(numbers(ledger, &id(4)), (vec![], 6, true));
    let entries = ledger.entries(&all()).expect("entries").entries;
    let runs = entries.iter().map(|entry| entry.run.as_ref());
    assert!(runs.clone().all(|run| run == Some(&november)));
    for of in &entries {
        let (since, until) = (Some(of.at), Some(of.at));
        let later = entries.iter().filter(|entry| entry.at >= of.at);
        let later: Vec<u64> = later.map(|entry| entry.seq).collect();
        assert_eq!(numbers(ledger, &EntryQuery { since, ..all() }).0, later);
        let earlier = entries.iter().filter(|entry| entry.at < of.at);
        let earlier: Vec<u64> = earlier.map(|entry| entry.seq).collect();
        let looked_at = earlier.len() as u64;
        assert_eq!(
            numbers(ledger, &EntryQuery { until, ..all() }),
            (earlier, looked_at, true)
        );
    }
}

pub(super) fn accounts_and_holds_are_listed_whatever_their_number(place: &dyn LedgerPlace) {
    let mut ledger = place.open();
    let open = |number| Request::Open {
        account: Name::user(&format!("account-{number:04}")).expect("a name"),
        overdraft: Some(Balance::new(1)),
        allowance: None,
    };
    let held = |number| Request::Hold {
        operation: operation(
            Kind::Withdraw,
            Some(&format!("hold-{number}")),
            &format!("account-{number:04}"),
            1,
        ),
        lasts: None,
    };
    let requests = (0..MANY).map(open).chain((0..MANY).map(held));
    let requests: Vec<_> = requests.map(|request| asked(0, request)).collect();
    ledger.transact(&requests).expect("decided");
    let (mut names, mut last) = (Vec::new(), None);
    loop {
        let page = ledger.accounts(last.as_ref()).expect("accounts");
        assert!(page.len() <= MAX_PAGE);
        let Some(of) = page.last() else { break };
        last = Some(of.name.clone());
        let held = page.iter().filter(|of| of.view.available.minor() == -1);
        names.extend(held.map(|of| of.name.clone()));
    }
    assert_eq!(names.len(), MANY);
    assert!(names.is_sorted_by(|one, other| one < other));
    let (mut holds, mut last) = (Vec::new(), 0);
    loop {
        let page = ledger.holds(last).expect("holds");
        let Some(of) = page.last() else { break };
        last = of.number;
        holds.extend(page.iter().map(|of| of.number));
    }
    assert_eq!(holds.len(), MANY);
    assert!(holds.is_sorted_by(|one, other| one < other));
}

pub(super) fn what_a_dead_run_left_in_doubt_is_listed_so_at_once(place: &dyn LedgerPlace) {
    let mut ledger = place.open();
    execute(ledger.as_mut(), Kind::Deposit, None, 30);
    let november = "november".parse().expect("a name");
    let mut other = place.open();
    let run = other.begin_run(Some(&november)).expect("a run").number;
    let begin = |number| {
        let caller = RequestContext {
            run,
            number,
            line: Some(Line {
                number,
                digest: 70 + number,
            }),
            has_side_effects: true,
            ..RequestContext::default()
        };
        let request = Request::Begin(operation(
            Kind::Withdraw,
            Some(&format!("i{number}")),
            "a",
            10,
        ));
        Asked { caller, request }
    };
    other.transact(&[begin(1), begin(2)]).expect("begun");
    let under_way: Vec<bool> = ledger
        .holds(0)
        .expect("holds")
        .iter()
        .map(|hold| hold.in_doubt)
        .collect();
    assert_eq!(under_way, [false, false]);
    drop(other);
    let mut reader = place.open();
    // Nothing was written since, and yet no process works on them.
    for ledger in [ledger.as_mut(), reader.as_mut()] {
        let holds = ledger.holds(0).expect("holds");
        let told: Vec<_> = holds
            .iter()
            .map(|hold| (hold.run, hold.line, hold.in_doubt))
            .collect();
        assert_eq!(
            told,
            [(Some(run), Some(1), true), (Some(run), Some(2), true)]
        );
    }
    let begun = ledger.begun_lines(run, 0).expect("lines");
    let told = |of: &BegunLine| (of.line, of.digest, of.is_open);
    let told: Vec<_> = begun.iter().map(told).collect();
    assert_eq!(told, [(1, 71, true), (2, 72, true)]);
    let id = Id::new("i1").expect("an id");
    let caller = RequestContext::default();
    let request = Request::VoidHold { id };
    let voided = place.open().transact(&[Asked { caller, request }]);
    assert!(
        matches!(&voided.as_deref(), Ok([Some(answer)]) if matches!(answer.outcome, Outcome::Voided { .. })),
        "{voided:?}"
    );
    let begun = ledger.begun_lines(run, 0).expect("lines");
    let open: Vec<bool> = begun.iter().map(|of| of.is_open).collect();
    assert_eq!(open, [false, true]);
    let skipped = |ledger: &mut dyn Ledger, line| ledger.skip(&november, line, "paid by hand");
    let in_doubt = true;
    assert_eq!(
        skipped(ledger.as_mut(), 2).expect("told"),
        SkippedLine::Begun { in_doubt }
    );
    assert_eq!(
        skipped(ledger.as_mut(), 1).expect("told"),
        SkippedLine::Skipped
    );
    let done = ledger.done_lines(run, 0).expect("lines");
    let told: Vec<_> = done.iter().map(|of| (of.line, of.digest)).collect();
    assert_eq!(told, [(1, 71)]);
    assert_eq!(ledger.verify(None).expect("checked").violation, None);
}
