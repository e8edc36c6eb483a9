//! Bytes that changed, and tails that were cut off.
//!
//! Some bytes are changed by default, others in every round (`BANK_PAR_ROUND=N`). `BANK_PAR_DAMAGE=bytes` changes
//! every byte in turn, `BANK_PAR_DAMAGE=bits` every bit.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Mutex;

use bank_par::bank::{Asked, Id, Kind, Name, Operation, Request, RequestContext};
use bank_par::store::{Access, ChainEnd, EntryQuery, LedgerError, Place};
use rusqlite::Connection;

use super::small_ledger;
use crate::ledger::{Ledger, at_once};
use crate::power::round;

/// The bytes of a file's header that tell a copy of a ledger in use.
const MARK: Range<usize> = 72..92;

/// What came of the changes.
#[derive(Debug, Default)]
struct Found {
    same: usize,
    refused: usize,
    /// Other answers, or the same, and `verify` names a violation.
    noticed: usize,
    /// Other answers, and `verify` is content.
    unnoticed: Vec<String>,
}

impl Found {
    fn add(&mut self, other: Found) {
        self.same += other.same;
        self.refused += other.refused;
        self.noticed += other.noticed;
        self.unnoticed.extend(other.unnoticed);
    }
}

/// The changes to make to a file of this length: which byte, and which of its bits.
fn changes(length: usize) -> Vec<(usize, u8)> {
    match std::env::var("BANK_PAR_DAMAGE").as_deref() {
        Ok("bits") => (0..length)
            .flat_map(|at| (0..8).map(move |bit| (at, 1 << bit)))
            .collect(),
        Ok("bytes") => (0..length).map(|at| (at, 0xff)).collect(),
        Ok(other) => panic!("`BANK_PAR_DAMAGE` is `bytes` or `bits`, not `{other}`"),
        // The database's header, and some of the rest. Where one byte of the mark of a copy has changed,
        // a log is looked for as long as another process may need to make one: once is enough.
        Err(_) => {
            let header = (0..100).filter(|at| !MARK.contains(at) || *at == MARK.start);
            let round = round() as usize;
            let rest = (100 + round % 83..length).step_by(83);
            let changes = header.chain(rest);
            changes.map(|at| (at, 1 << ((at + round) % 8))).collect()
        }
    }
}

/// Everything that a ledger answers.
fn answers(path: &Path) -> Result<Vec<String>, LedgerError> {
    let mut ledger = Place::File(path.to_owned()).open(Access::Existing)?;
    let mut said = Vec::new();
    for standing in ledger.accounts(None)? {
        said.push(format!("{standing:?}"));
    }
    let names = ["main", "ops", "rent", "nobody"].map(|name| Name::user(name).unwrap());
    said.push(format!("{:?}", ledger.look_up(&names)?));
    said.push(format!("{:?}", ledger.holds(0)?));
    let query = EntryQuery {
        limit: 500,
        with_reversals: true,
        ..EntryQuery::default()
    };
    said.push(format!("{:?}", ledger.entries(&query)?));
    // Whatever was decided under an id is the answer to its repeat.
    for (id, kind, minor, to, account) in [
        ("first", Kind::Deposit, 10_000, None, "main"),
        ("moved", Kind::Transfer, 100, Some("rent"), "main"),
        ("lent", Kind::Loan, 700, None, "ops"),
        ("refused", Kind::Withdraw, 100_000, None, "main"),
        ("stays", Kind::Transfer, 500, Some("rent"), "main"),
    ] {
        let [account, to] =
            [Some(account), to].map(|name| name.map(|name| Name::user(name).unwrap()));
        let (id, amount) = (Id::new(id).unwrap(), bank_par::bank::Amount::new(minor));
        let operation = Operation::new(kind, Some(id), account.unwrap(), to, amount).unwrap();
        let caller = RequestContext::default();
        let request = Request::Execute(operation);
        said.push(format!(
            "{:?}",
            ledger.transact(&[Asked { caller, request }])?
        ));
    }
    Ok(said)
}

/// What `verify` says: the violation, if there is one. A file that is refused is noticed, too.
fn violation(path: &Path, expect: Option<&ChainEnd>) -> Option<String> {
    let verified = Place::File(path.to_owned())
        .open(Access::Existing)
        .and_then(|mut ledger| ledger.verify(expect));
    match verified {
        Ok(verified) => verified.violation,
        Err(error) => Some(error.to_string()),
    }
}

fn end(ledger: &Ledger) -> ChainEnd {
    let verified = Place::File(ledger.path().into())
        .open(Access::Existing)
        .unwrap()
        .verify(None)
        .unwrap();
    assert_eq!(verified.violation, None);
    verified.end
}

/// Makes every change in turn to one of the files, and looks what comes of it.
fn change_each(files: &[(String, Vec<u8>)], which: usize, expect: Option<&ChainEnd>) -> Found {
    let lay_out = |folder: &Path, changed: Option<(usize, u8)>| {
        for name in fs::read_dir(folder).unwrap() {
            fs::remove_file(name.unwrap().path()).unwrap();
        }
        for (place, (name, bytes)) in files.iter().enumerate() {
            let mut bytes = bytes.clone();
            if let Some((at, bits)) = changed.filter(|_| place == which) {
                bytes[at] ^= bits;
            }
            fs::write(folder.join(name), bytes).unwrap();
        }
        folder.join(&files[0].0)
    };
    let folder = || {
        tempfile::tempdir_in("/dev/shm")
            .or_else(|_| tempfile::tempdir())
            .unwrap()
    };
    let whole = folder();
    let right = answers(&lay_out(whole.path(), None)).unwrap();
    let waiting = Mutex::new(changes(files[which].1.len()).into_iter());
    let found = Mutex::new(Found::default());
    at_once(2, |_| {
        let folder = folder();
        while let Some(change) = { waiting.lock().unwrap().next() } {
            let said = answers(&lay_out(folder.path(), Some(change)));
            let mut came_of_it = Found::default();
            match said {
                // What the answers refuse, `verify` names.
                Err(_) if violation(&lay_out(folder.path(), Some(change)), expect).is_some() => {
                    came_of_it.refused = 1;
                }
                Err(error) => came_of_it.unnoticed.push(format!("{change:?}: {error}")),
                Ok(said) if said == right && expect.is_none() => came_of_it.same = 1,
                Ok(said) => match violation(&lay_out(folder.path(), Some(change)), expect) {
                    Some(_) => came_of_it.noticed = 1,
                    None if said == right => came_of_it.same = 1,
                    None => {
                        let differs = said.iter().zip(&right).find(|(said, right)| said != right);
                        came_of_it
                            .unnoticed
                            .push(format!("{change:?}: {differs:?}"));
                    }
                },
            }
            found.lock().unwrap().add(came_of_it);
        }
    });
    found.into_inner().unwrap()
}

fn file(name: &str, path: &str) -> (String, Vec<u8>) {
    (name.to_string(), fs::read(path).unwrap())
}

#[allow(clippy::print_stdout, reason = "figures for whoever asks for them")]
fn tell(what: &str, found: &Found) {
    let Found {
        same,
        refused,
        noticed,
        unnoticed,
    } = found;
    let changes = same + refused + noticed + unnoticed.len();
    println!(
        "{changes} changes of {what}: {same} without effect, {refused} refused, {noticed} noticed, {} unnoticed",
        unnoticed.len()
    );
}

#[test]
#[ignore = "slow: changes many bytes"]
fn a_changed_byte_is_noticed() {
    let ledger = small_ledger();
    let found = change_each(&[file("bank.db", &ledger.path())], 0, None);
    tell("the file", &found);
    assert!(found.unnoticed.is_empty(), "{:#?}", found.unnoticed);
    assert!(found.refused > 50, "{found:?}");
}

#[test]
#[ignore = "slow: changes many bytes"]
fn a_changed_byte_of_the_log_is_noticed_with_the_end() {
    let ledger = small_ledger();
    // Kept open, so that the log stays.
    let reader = Connection::open(ledger.path()).unwrap();
    reader
        .query_row("SELECT count(*) FROM entries", [], |_| Ok(()))
        .unwrap();
    for number in 0..3 {
        ledger.say(&format!("deposit 1 --id late-{number}"));
    }
    let files = [
        file("bank.db", &ledger.path()),
        file("bank.db-wal", &format!("{}-wal", ledger.path())),
    ];
    drop(reader);
    let end = end(&ledger);
    let found = change_each(&files, 1, Some(&end));
    tell("the log", &found);
    assert!(found.unnoticed.is_empty(), "{:#?}", found.unnoticed);
}

#[test]
fn a_tail_that_was_cut_off_is_noticed_with_the_end() {
    let ledger = small_ledger();
    let older = fs::read(ledger.path()).unwrap();
    ledger.say("deposit 1 --id late");
    let end = end(&ledger);
    ledger.say(&format!("verify --expect {end}"));
    ledger.say("deposit 1 --id later");
    // A longer history still contains it.
    ledger.say(&format!("verify --expect {end}"));
    fs::write(ledger.path(), older).unwrap();
    ledger.say("verify");
    let cut = ledger.run(&format!("verify --expect {end}"));
    assert_eq!(cut.code(), 3, "{cut:?}");
    // Another history of the same length is another history.
    ledger.say("deposit 1 --id other");
    let other = ledger.run(&format!("verify --expect {end}"));
    assert_eq!(other.code(), 3, "{other:?}");
}
