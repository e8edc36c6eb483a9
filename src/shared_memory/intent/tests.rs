use super::*;
use crate::bank::Name;
use crate::shared_memory::table::tests::table;

fn intent() -> Intent {
    let change = |place, before, delta| CellChange {
        place,
        before: Packed::new(before),
        after: Packed::new(before).after(delta),
    };
    Intent {
        seq: 7,
        debit: change(0, 1_000, -300),
        credit: change(1, -1_000, 300),
        is_credit: false,
    }
}

/// What is left where a worker dies at this point, before and after a repair.
fn check(point: WriteProgress, writes: usize, expected: &Trace, repaired: &Trace) {
    let table = table(1_000);
    let worker_slot = table.worker_slot(2).expect("a slot");
    worker_slot.take(7, 42);
    worker_slot.begin(9);
    let intent = intent();
    if point > WriteProgress::Before {
        table.intent().store(3, Ordering::Release);
        worker_slot.note(&intent);
    }
    for change in [intent.debit, intent.credit].iter().take(writes) {
        table
            .cell(change.place)
            .expect("a cell")
            .store(change.after);
    }
    worker_slot.reach(point);
    assert_eq!(table.trace(9, 3, true), *expected, "{point:?}");
    assert_eq!(table.trace(8, 3, true), Trace::Nothing);
    // A repair that is begun again ends the same.
    for _ in 0..2 {
        table.intent().store(3, Ordering::Release);
        table.repair(RepairedBy::Worker(5));
        assert_eq!(table.trace(9, 3, true), *repaired, "{point:?}");
    }
    let main = table.find(&Name::default()).expect("main").load();
    let must = match repaired {
        Trace::Nothing => 1_000,
        _ => 700,
    };
    assert_eq!(
        (
            main.balance(),
            table.worker_slot(2).map(|worker_slot| worker_slot.pid())
        ),
        (must, Some(42))
    );
}

#[test]
fn the_memory_tells_what_a_dead_worker_did_and_a_repair_completes_it() {
    let (nothing, all) = (Trace::Nothing, Trace::Everything(intent(), None));
    let by = RepairedBy::Worker(5);
    let repaired = Trace::Everything(intent(), Some(by));
    check(WriteProgress::Before, 0, &nothing, &nothing);
    check(WriteProgress::Intends, 0, &nothing, &repaired);
    check(WriteProgress::Intends, 1, &Trace::Half(intent()), &repaired);
    check(
        WriteProgress::HalfWritten,
        1,
        &Trace::Half(intent()),
        &repaired,
    );
    check(WriteProgress::HalfWritten, 2, &all, &repaired);
    check(WriteProgress::Written, 2, &all, &all);
    let view = |minor| View {
        posted: Balance::new(minor),
        available: Balance::new(minor),
    };
    let outcome = Outcome::Posted {
        seq: 7,
        amount: Amount::new(300).expect("positive"),
        view: view(700),
    };
    let answer = intent().answer();
    assert_eq!((answer.outcome, answer.decided), (outcome, 7));
    assert_eq!(answer.other_side, Some(view(-700)));
}

#[test]
fn where_others_wrote_since_it_is_unknown() {
    let table = table(1_000);
    let worker_slot = table.worker_slot(0).expect("a slot");
    worker_slot.begin(9);
    worker_slot.note(&intent());
    worker_slot.reach(WriteProgress::Intends);
    table.cell(0).expect("main").add(-5);
    assert_eq!(table.trace(9, 3, true), Trace::Unknown(intent()));
}

#[test]
fn what_another_wrote_alike_is_not_taken_for_its_own() {
    let table = table(1_000);
    let worker_slot = table.worker_slot(0).expect("a slot");
    worker_slot.begin(9);
    worker_slot.note(&intent());
    for (place, delta) in [(0, -300), (1, 300)] {
        worker_slot.reach(WriteProgress::Intends);
        table.cell(place).expect("a cell").add(delta);
        assert_eq!(table.trace(9, 3, false), Trace::Unknown(intent()));
    }
    worker_slot.reach(WriteProgress::HalfWritten);
    assert_eq!(table.trace(9, 3, false), Trace::Unknown(intent()));
    assert_eq!(table.trace(9, 3, true), Trace::Everything(intent(), None));
}

#[test]
fn a_wait_is_for_one_lock_or_for_all() {
    let table = table(0);
    let worker_slot = table.worker_slot(0).expect("a slot");
    for lock in [None, Some(None), Some(Some(0)), Some(Some(7))] {
        worker_slot.wait_for(lock);
        assert_eq!(worker_slot.waits_for(), lock);
    }
}
