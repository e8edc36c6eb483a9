//! A server whose disk is full: it is said so, nothing is lost, and it goes on when there is room.

use super::*;
use crate::bank::Request;
use crate::store::{AtStake, Certainty, until_done};

/// How much a batch deposits, one by one.
const BATCH: i64 = 200;

fn deposit_batch(ledger: &mut SchemaLedger) -> Result<(), LedgerError> {
    let request = || Asked {
        caller: Default::default(),
        request: Request::Execute(operation(Kind::Deposit, None, "a", 1)),
    };
    let batch: Vec<Asked> = (0..BATCH).map(|_| request()).collect();
    let answers = ledger.transact(&batch)?;
    assert_eq!(answers.iter().flatten().count(), batch.len());
    Ok(())
}

#[test]
fn a_server_without_room_refuses_a_batch_whole_and_goes_on_when_there_is_some() {
    let cluster = match Cluster::start("small", &["fsync=off", "full_page_writes=off"]) {
        Ok(cluster) => cluster,
        Err(missing) => return stderr_line(format_args!("not checked: {missing}")),
    };
    let address = cluster.new_ledger();
    let mut ledger = open(&address);
    cluster.order("fill");
    // What was given room before is filled first.
    let mut counted = 0;
    let error = loop {
        match deposit_batch(&mut ledger) {
            Ok(()) => counted += BATCH,
            Err(error) => break error,
        }
    };
    let words = error.to_string();
    assert!(
        words.contains("No space left on device: nothing was done; see to its disk"),
        "{words}"
    );
    assert_eq!(error.certainty(), Certainty::NotDone);
    assert_eq!(balance(&mut open(&address)), counted);

    // A run asks again, and a person makes room meanwhile.
    let mut pauses = 0;
    let ask = || deposit_batch(&mut ledger);
    let done = until_done(AtStake::Work, ask, |_, _| {
        pauses += 1;
        cluster.order("clear_disk");
        true
    });
    done.expect("room");
    assert_eq!((pauses, balance(&mut ledger)), (1, counted + BATCH));
}
