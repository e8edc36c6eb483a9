//! A ledger's file, of which any bytes may have changed.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::bank::{Amount, Asked, Id, Kind, Name, Operation, Request, RequestContext, Unit};
use crate::store::{Access, ChainEnd, EntryQuery, Ledger, LedgerError, Place};

/// The most changes to one file.
const MOST_CHANGES: usize = 64;

/// How a file of SQLite begins: such bytes are a whole file, and all others are changes to a ledger's.
const WHOLE_FILE: &[u8] = b"SQLite format 3\0";

/// A ledger as it should be.
struct SoundLedger {
    file: Vec<u8>,
    end: ChainEnd,
    entries: String,
}

/// Whatever became of a ledger's file, it is refused, or a check finds it out, or it still says the same. Three
/// bytes are a change: where, in two of them, and which bits.
pub(super) fn ledger_file(bytes: &[u8]) {
    static SOUND: OnceLock<SoundLedger> = OnceLock::new();
    let sound = SOUND.get_or_init(|| SoundLedger::create().expect("a ledger"));
    let file = match bytes.starts_with(WHOLE_FILE) {
        true => bytes.to_vec(),
        false => sound.changed(bytes),
    };
    let folder = folder();
    let path = folder.path().join("bank.db");
    fs::write(&path, file).expect("room for a ledger");
    let Ok(mut ledger) = Place::File(path).open(Access::Existing) else {
        return;
    };
    let said = entries(&mut *ledger);
    let _ = (ledger.accounts(None), ledger.holds(0), ledger.runs(0));
    let is_sound = ledger
        .verify(Some(&sound.end))
        .is_ok_and(|verified| verified.violation.is_none());
    if is_sound {
        assert_eq!(said.as_ref().ok(), Some(&sound.entries));
    }
    let _ = deposit(&mut *ledger, "later");
}

/// A place in memory, if there is one.
fn folder() -> tempfile::TempDir {
    let in_memory = tempfile::tempdir_in("/dev/shm");
    in_memory.unwrap_or_else(|_| tempfile::tempdir().expect("a folder"))
}

impl SoundLedger {
    fn create() -> Result<Self, LedgerError> {
        let folder = folder();
        let path = folder.path().join("bank.db");
        fill(&path)?;
        let file = fs::read(&path).expect("the ledger's file");
        let mut ledger = Place::File(path).open(Access::Existing)?;
        Ok(SoundLedger {
            file,
            end: ledger.verify(None)?.end,
            entries: entries(&mut *ledger)?,
        })
    }

    fn changed(&self, changes: &[u8]) -> Vec<u8> {
        let mut file = self.file.clone();
        for change in changes.chunks_exact(3).take(MOST_CHANGES) {
            let at = usize::from(u16::from_le_bytes([change[0], change[1]]));
            let length = file.len();
            file[at % length] ^= change[2];
        }
        file
    }
}

/// Creates a small ledger.
fn fill(path: &Path) -> Result<(), LedgerError> {
    let mut ledger = Place::File(path.to_owned()).open(Access::Create(&Unit::default()))?;
    for id in ["first", "second", "third"] {
        deposit(&mut *ledger, id)?;
    }
    let held = operation(Kind::Withdraw, "held");
    ask(
        &mut *ledger,
        Request::Hold {
            operation: held,
            lasts: None,
        },
    )
}

fn operation(kind: Kind, id: &str) -> Operation {
    let id = Some(Id::new(id).expect("an id"));
    Operation::new(kind, id, Name::default(), None, Amount::new(100)).expect("an operation")
}

fn deposit(ledger: &mut dyn Ledger, id: &str) -> Result<(), LedgerError> {
    ask(ledger, Request::Execute(operation(Kind::Deposit, id)))
}

fn ask(ledger: &mut dyn Ledger, request: Request) -> Result<(), LedgerError> {
    let caller = RequestContext::default();
    ledger.transact(&[Asked { caller, request }]).map(drop)
}

fn entries(ledger: &mut dyn Ledger) -> Result<String, LedgerError> {
    let query = EntryQuery {
        limit: 100,
        ..EntryQuery::default()
    };
    Ok(format!("{:?}", ledger.entries(&query)?.entries))
}
