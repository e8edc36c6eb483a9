//! What a program promised by saying it, held against the ledger that is found later.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bank_par::bank::{
    Amount, Asked, Id, Kind, Name, Operation, Outcome, Request, RequestContext, Unit,
};
use bank_par::store::{Access, Entry, EntryQuery, Ledger, LedgerError, Place};
use serde_json::Value;

use crate::cli::events;

/// What was promised.
#[derive(Debug, Default)]
pub(crate) struct Promised {
    /// What was posted, by its number.
    posted: BTreeMap<u64, Value>,
    /// The last that was said of each id that is set aside or was given back.
    aside: BTreeMap<String, Value>,
    refused: Vec<Value>,
    /// The lines of a run that were done, whether posted or refused.
    lines: BTreeSet<u64>,
}

/// What is found in a ledger.
#[derive(Debug)]
pub(crate) struct Kept {
    /// The entries that are there.
    pub(crate) entries: u64,
    /// What was promised and is not there, or not as it was said.
    pub(crate) lost: Vec<String>,
    /// What is there more than once.
    pub(crate) doubled: Vec<String>,
}

impl Kept {
    /// This, in which nothing may be lost or doubled.
    fn whole(self) -> Result<Self, String> {
        if self.lost.is_empty() && self.doubled.is_empty() {
            return Ok(self);
        }
        Err(format!("{self:?}"))
    }
}

impl Promised {
    /// Adds the events on these lines. A line that is cut off promises nothing.
    pub(crate) fn hear(&mut self, lines: &str) {
        let whole = lines.rfind('\n').map_or("", |end| &lines[..=end]);
        events(whole).into_iter().for_each(|event| self.note(event));
    }

    fn note(&mut self, event: Value) {
        let id = event["id"].as_str().map(String::from);
        if event["type"] == "completed" || event["type"] == "refused" {
            self.lines.extend(event["line"].as_u64());
        }
        match (event["type"].as_str().unwrap(), id) {
            ("completed", _) if event["op"] == "balance" => {}
            ("completed", id) => {
                id.and_then(|id| self.aside.remove(&id));
                self.posted.insert(event["seq"].as_u64().unwrap(), event);
            }
            ("held" | "voided", Some(id)) => drop(self.aside.insert(id, event)),
            ("refused", Some(_)) => self.refused.push(event),
            _ => {}
        }
    }

    /// How many operations were promised to be posted.
    pub(crate) fn posted(&self) -> u64 {
        self.posted.len() as u64
    }

    /// How many lines of a run were done.
    pub(crate) fn lines(&self) -> u64 {
        self.lines.len() as u64
    }

    /// Forgets which lines were done, since another run begins.
    pub(crate) fn next_run(&mut self) {
        self.lines.clear();
    }

    /// Checks that the ledger in this file keeps every promise, has nothing twice, is sound, and goes
    /// on. It may be missing if nothing was promised. Held back is one thing: whether a hold is lost
    /// whose id begins with `void`, since its void may have come to pass unsaid.
    pub(crate) fn check(&self, path: &Path) -> Result<Kept, String> {
        self.find(path).and_then(Kept::whole)
    }

    /// The same, with what is lost or doubled counted.
    pub(crate) fn find(&self, path: &Path) -> Result<Kept, String> {
        let nothing = self.posted.is_empty() && self.aside.is_empty() && self.refused.is_empty();
        let access = if nothing {
            Access::Create(&Unit::default())
        } else {
            Access::Existing
        };
        let mut ledger = Place::File(path.to_owned()).open(access).map_err(text)?;
        let entries = entries_after(&mut *ledger, 0).map_err(text)?;
        let lost = self.posted.iter().filter_map(|(seq, event)| {
            let place = usize::try_from(seq - 1).unwrap();
            let entry = entries.get(place);
            let kept = entry.is_some_and(|entry| is_as_said(entry, event));
            (!kept).then(|| format!("{event}, but there is {entry:?}"))
        });
        let kept = Kept {
            entries: entries.len() as u64,
            lost: lost.collect(),
            doubled: doubled(&entries, 0)?,
        };
        self.check_holds(&mut *ledger, &entries)?;
        self.check_refusals(&mut *ledger)?;
        goes_on(&mut *ledger, entries.len() as u64)?;
        match ledger.verify(None).map_err(text)?.violation {
            Some(violation) => Err(violation),
            None => Ok(kept),
        }
    }

    /// Checks that the entries after this one are those that were promised, each once and as it was said, and no other.
    pub(crate) fn check_after(&self, path: &Path, after: u64) -> Result<(), String> {
        let mut ledger = Place::File(path.to_owned()).open(Access::Existing);
        let ledger = ledger.as_mut().map_err(|error| error.to_string())?;
        let entries = entries_after(&mut **ledger, after).map_err(text)?;
        let twice = doubled(&entries, after)?;
        let is_promised = |entry: &&Entry| {
            let event = self.posted.get(&entry.seq);
            event.is_some_and(|event| is_as_said(entry, event))
        };
        let (promised, kept) = (
            self.posted.len(),
            entries.iter().filter(is_promised).count(),
        );
        let there = entries.len();
        match twice.is_empty() && promised == kept && kept == there {
            true => Ok(()),
            false => Err(format!(
                "{promised} promised, {kept} of them kept, {there} there, twice: {twice:?}"
            )),
        }
    }

    fn check_holds(&self, ledger: &mut dyn Ledger, entries: &[Entry]) -> Result<(), String> {
        let holds = ledger.holds(0).map_err(text)?;
        let held: BTreeSet<&str> = holds
            .iter()
            .filter_map(|hold| hold.operation.id.as_ref())
            .map(Id::as_str)
            .collect();
        let posted: BTreeSet<&str> = entries
            .iter()
            .filter_map(|entry| entry.operation.id.as_ref())
            .map(Id::as_str)
            .collect();
        for (id, event) in &self.aside {
            let (held, posted) = (held.contains(id.as_str()), posted.contains(id.as_str()));
            let right = match event["type"].as_str() {
                Some("held") => held != posted || id.starts_with("void"),
                _ => !held && !posted,
            };
            if !right {
                return Err(format!("held: {held}, posted: {posted}, but said: {event}"));
            }
        }
        Ok(())
    }

    fn check_refusals(&self, ledger: &mut dyn Ledger) -> Result<(), String> {
        for event in &self.refused {
            let answer = ask(ledger, Request::Execute(operation(event)))?;
            if !(answer.duplicate && matches!(answer.outcome, Outcome::Refused { .. })) {
                return Err(format!("forgotten: {event}, asked again: {answer:?}"));
            }
        }
        Ok(())
    }
}

/// The entries after this one, page by page.
fn entries_after(ledger: &mut dyn Ledger, after: u64) -> Result<Vec<Entry>, LedgerError> {
    let mut query = EntryQuery {
        after,
        limit: 500,
        ..EntryQuery::default()
    };
    let mut entries = Vec::new();
    loop {
        let page = ledger.entries(&query)?;
        entries.extend(page.entries);
        query.after = page.looked_at;
        if page.is_last {
            return Ok(entries);
        }
    }
}

/// The entries whose id or line of a run stood there before. Their numbers leave none out after this one.
fn doubled(entries: &[Entry], after: u64) -> Result<Vec<String>, String> {
    let (mut ids, mut lines) = (BTreeSet::new(), BTreeSet::new());
    let mut doubled = Vec::new();
    for (seq, entry) in (after + 1..).zip(entries) {
        if entry.seq != seq {
            return Err(format!("out of order: {entry:?}"));
        }
        let id = entry.operation.id.as_ref();
        let id = id.is_none_or(|id| ids.insert(id.as_str()));
        let line = entry.run.as_ref().zip(entry.line);
        if !id || line.is_some_and(|line| !lines.insert(line)) {
            doubled.push(format!("{entry:?}"));
        }
    }
    Ok(doubled)
}

fn is_as_said(entry: &Entry, event: &Value) -> bool {
    let operation = &entry.operation;
    let same = |name: &str, there: Option<String>| event[name].as_str() == there.as_deref();
    same("id", entry.id().map(|id| id.as_str().to_string()))
        && same("op", Some(operation.kind().to_string()))
        && same("account", Some(operation.account.to_string()))
        && same(
            "amount",
            operation.amount().map(|amount| amount.to_string()),
        )
        && same("balance", Some(entry.view.posted.to_string()))
}

/// What the event is about.
fn operation(event: &Value) -> Operation {
    let text = |name: &str| event[name].as_str();
    let kinds = [Kind::Withdraw, Kind::Deposit, Kind::Transfer, Kind::Loan];
    let kind = kinds
        .into_iter()
        .find(|kind| text("op") == Some(kind.word()));
    Operation::new(
        kind.unwrap(),
        text("id").map(|id| Id::new(id).unwrap()),
        Name::user(text("account").unwrap()).unwrap(),
        text("to").map(|to| Name::other_side(to).unwrap()),
        text("amount").map(|amount| amount.parse::<Amount>().unwrap()),
    )
    .unwrap()
}

/// One more operation is posted, once.
fn goes_on(ledger: &mut dyn Ledger, entries: u64) -> Result<(), String> {
    let id = Some(Id::new(&format!("one-more-{entries}")).unwrap());
    let amount = Amount::new(1);
    let operation = Operation::new(Kind::Deposit, id, Name::default(), None, amount).unwrap();
    for duplicate in [false, true] {
        let answer = ask(ledger, Request::Execute(operation.clone()))?;
        let posted = matches!(answer.outcome, Outcome::Posted { seq, .. } if seq == entries + 1);
        if !posted || answer.duplicate != duplicate {
            return Err(format!(
                "does not go on after {entries} entries: {answer:?}"
            ));
        }
    }
    Ok(())
}

fn ask(ledger: &mut dyn Ledger, request: Request) -> Result<bank_par::bank::Answer, String> {
    let caller = RequestContext::default();
    let answers = ledger
        .transact(&[Asked { caller, request }])
        .map_err(text)?;
    let [answer] = answers.try_into().unwrap();
    answer.ok_or_else(|| "no answer".to_string())
}

fn text(error: LedgerError) -> String {
    error.to_string()
}
