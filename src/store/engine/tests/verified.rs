//! What is rare, and right: a check of everything accuses none of it.

use sha2::{Digest, Sha256};

use super::tables::InMemory;
use super::*;
use crate::bank::{Rejection, Unit, WorkEnd};
use crate::store::engine::rows::{Content, KeptRow};

fn answer(ledger: &mut Engine<InMemory>, caller: RequestContext, request: Request) -> Answer {
    let answers = ledger.transact(&[Asked { caller, request }]);
    answers.expect("an answer").remove(0).expect("decided")
}

#[track_caller]
fn is_sound(ledger: &mut Engine<InMemory>) {
    let verified = ledger.verify(None).expect("verified");
    assert_eq!(verified.violation, None);
}

#[test]
fn a_refusal_on_strict_terms_is_right() {
    let mut ledger = Engine::new(Shared::new().open());
    let caller = RequestContext {
        strict: true,
        ..RequestContext::default()
    };
    let request = Request::Execute(operation(Kind::Deposit, Some("one"), "a", 5));
    let refused = answer(&mut ledger, caller, request);
    let Outcome::Refused { rejection, .. } = refused.outcome else {
        panic!("{refused:?}")
    };
    assert_eq!(rejection, Rejection::UnknownAccount);
    is_sound(&mut ledger);
}

#[test]
fn work_that_spent_more_than_there_was_is_right() {
    let mut ledger = Engine::new(Shared::new().open());
    execute(&mut ledger, Kind::Deposit, None, 20);
    let run = ledger.begin_run(None).expect("a run").number;
    let caller = RequestContext {
        run,
        number: 1,
        has_side_effects: true,
        ..RequestContext::default()
    };
    let begin = Request::Begin(operation(Kind::Withdraw, Some("one"), "a", 20));
    answer(&mut ledger, caller, begin);
    let amount = Amount::new(50);
    let post = Request::End(WorkEnd::Post { amount });
    let posted = answer(&mut ledger, caller, post);
    assert!(
        matches!(posted.outcome, Outcome::Posted { .. }),
        "{posted:?}"
    );
    is_sound(&mut ledger);
}

#[test]
fn the_checksum_of_what_a_ledger_counts_is_over_all_that_it_says() {
    let unit = Unit::new(0, "¥").expect("a unit");
    let name = "¥".as_bytes();
    let numbers = [0i64, 2].map(i64::to_le_bytes).concat();
    let hash = Sha256::digest([b"u", numbers.as_slice(), name].concat());
    let checksum = unit.checksum(&mut Content::default());
    assert_eq!(checksum.to_le_bytes(), hash[..8]);
}
