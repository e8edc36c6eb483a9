//! What is done to a ledger's file, and what the system refuses: the same answers as before, or a clear
//! refusal with 8, or a `verify` that ends with 3; never half of an operation.

mod flips;
mod refusals;

use crate::ledger::Ledger;

/// A ledger with something of everything in it.
fn small_ledger() -> Ledger {
    let ledger = Ledger::new();
    for words in [
        "open ops --overdraft 5",
        "deposit 100 --id first",
        "deposit 20",
        "hold 3 --id posted",
        "post posted --amount 2",
        "hold 4 --id voided",
        "void voided",
        "hold 5 --id stays --to rent --expires never",
        "transfer 1 --id moved --to rent",
        "loan 7 --id lent --account ops",
    ] {
        ledger.say(words);
    }
    assert_eq!(ledger.run("withdraw 1000 --id refused").code(), 1);
    ledger
}
