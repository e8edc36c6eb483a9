//! A batch asks its backend for sets, however many requests it has.

use super::tables::Calls;
use super::*;
use crate::bank::WorkEnd;

fn batch(count: u64, request: impl Fn(u64) -> Request) -> Vec<Asked> {
    (0..count)
        .map(|number| asked(number, request(number)))
        .collect()
}

/// What a batch asks of the backend.
fn calls(ledger: &mut Engine<tables::InMemory>, batch: &[Asked]) -> Calls {
    // Runs that are gone were looked for just now, however long the batches before took.
    ledger.runs.looked_at = Some(ledger.clock.read());
    ledger.backend.calls = Calls::default();
    ledger.transact(batch).expect("decided");
    ledger.backend.calls
}

fn deposit(id: Option<String>, account: u64) -> Request {
    let account = format!("a{account}");
    let deposit = operation(Kind::Deposit, id.as_deref(), &account, 5);
    Request::Execute(deposit)
}

#[test]
fn a_batch_is_loaded_and_written_as_a_whole() {
    let mut ledger = Engine::new(Shared::new().open());
    let run = ledger.begin_run(None).expect("a run").number;
    assert_eq!(run, 1);
    let known = Calls {
        begun: 1,
        loads: 1,
        applies: 1,
        others: 0,
    };
    // What is not remembered takes one look; what a batch has is remembered.
    let new = batch(1_000, |number| deposit(None, number % 100));
    assert_eq!(calls(&mut ledger, &new), known);
    assert_eq!(calls(&mut ledger, &new), known);
    let ids = batch(1_000, |number| deposit(Some(format!("i{number}")), number));
    assert_eq!(calls(&mut ledger, &ids), known);
    let begin = |number| {
        let id = format!("h{number}");
        Request::Begin(operation(Kind::Withdraw, Some(&id), "a7", 1))
    };
    assert_eq!(calls(&mut ledger, &batch(40, begin)), known);
    let post = |_| Request::End(WorkEnd::Post { amount: None });
    assert_eq!(calls(&mut ledger, &batch(40, post)), known);
    // Ids that lead to accounts which are not remembered either take a second one.
    let mut other = Engine::new(ledger.backend.shared().open());
    other.transact(&[]).expect("settled");
    let repeated = calls(&mut other, &ids);
    assert_eq!((repeated.loads, repeated.applies), (1, 0));
    let void = batch(1_000, |number| Request::VoidHold {
        id: Id::new(&format!("i{number}")).expect("an id"),
    });
    let mut third = Engine::new(ledger.backend.shared().open());
    third.transact(&[]).expect("settled");
    assert_eq!(calls(&mut third, &void).loads, 2);
}
