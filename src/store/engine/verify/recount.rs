//! The ledger, added up anew from its entries and records: what each of them says must follow from
//! those before it by the bank's rules.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::RowCheck;
use super::budgets::{DuePosting, is_the_opposite};
use super::hold_ends::{
    Ender, has_expired, is_ended_by, is_of_run, may_tell_what_was_spent, same_content,
};
use super::shape::{has_its_columns, is_remembered};
use super::words::{must_be_refused, shown, told};
use crate::bank::{
    Account, Action, Amount, BUDGET, Balance, Budget, EndedHold, Expiry, Hold, Kind, LOANS, Moment,
    Movement, Name, Operation, Owner, Rejection, RunLine, Sides, View, WORLD,
};
use crate::store::engine::rows::{
    DOUBTED, EXPIRED, EntryRow, HELD, Head, KEPT, OPENED, OwnerColumns, REFUSED, RecordRow,
    SKIPPED, TAKEN_OVER, UNSPENT, VIEWED, WINDOW,
};

/// The ledger as the rows so far make it.
pub(super) struct Recount {
    pub(super) head: Head,
    pub(super) accounts: HashMap<Name, Account>,
    /// The open holds by number.
    pub(super) holds: BTreeMap<u64, Hold>,
    /// The allowances of accounts.
    pub(super) budgets: HashMap<Name, Budget>,
    /// What allowances move next.
    pub(super) due: VecDeque<DuePosting>,
    /// The parts of a group so far, until its last one.
    pub(super) parts: Vec<(EntryRow, Operation)>,
    /// What was given back last, and the number of that record.
    pub(super) given_back: Option<(u64, Operation)>,
}

impl Recount {
    pub(super) fn new() -> Self {
        let own = [&WORLD, &LOANS].map(|name| (name.clone(), Account::the_banks()));
        Recount {
            head: Head::default(),
            accounts: HashMap::from(own),
            holds: BTreeMap::new(),
            budgets: HashMap::new(),
            due: VecDeque::new(),
            parts: Vec::new(),
            given_back: None,
        }
    }

    /// Money moves. A reversal is held against the entry that it makes undone.
    pub(super) fn entry(&mut self, row: &EntryRow, reversed: Option<Operation>) -> RowCheck {
        let operation = row.operation().ok_or(NO_OPERATION)?;
        if self.part(row, &operation)? {
            return Ok(());
        }
        let movement = operation.movement().ok_or("moves nothing")?;
        moves_between(row, &operation, &movement)?;
        self.is_due(row, &operation)?;
        if operation.kind() == Kind::Reverse {
            is_the_opposite(&operation, reversed)?;
        }
        let mut ended = None;
        let moved = match row.hold {
            None if row.excess.is_some() => {
                return Err("is more than was set aside, and nothing was".into());
            }
            None => self
                .sides(&movement)
                .and_then(|sides| match operation.kind() {
                    Kind::Refill | Kind::Lapse => sides.book(movement.amount),
                    _ => sides.execute(movement.amount),
                }),
            Some(number) => {
                let held = self.ended(row, number, &operation, &movement)?;
                let (hold, posted) = (number, Some(movement.amount));
                ended = Some(EndedHold { hold, held, posted });
                let sides = self.sides(&movement).map_err(must_be_refused)?;
                sides.post(held, movement.amount)
            }
        };
        let Sides { debit, credit } = moved.map_err(must_be_refused)?;
        self.accounts.insert(movement.debit.clone(), debit);
        self.accounts.insert(movement.credit.clone(), credit);
        if Kind::ALL.contains(&operation.kind()) {
            self.note_moved(&movement);
        }
        self.shows(&operation.account, row.view())?;
        if let Some(ended) = ended {
            self.end_hold(movement.debit, ended);
        }
        Ok(())
    }

    /// Ends the hold that an entry posts, and tells how much was set aside.
    fn ended(
        &mut self,
        row: &EntryRow,
        number: u64,
        operation: &Operation,
        movement: &Movement<'_>,
    ) -> RowCheck<Amount> {
        let (run, line) = (row.run, row.line);
        let held = self.post(number, operation, movement.amount, &Ender { run, line })?;
        let amount = held.operation.amount();
        let amount =
            amount.ok_or_else(|| format!("posts the hold {number}, which moves nothing"))?;
        let more = movement.amount.minor().saturating_sub(amount.minor());
        if row.excess != Some(more).filter(|more| *more > 0) {
            return Err(format!(
                "says {:?} of how much more it is than was set aside",
                row.excess
            ));
        }
        if !matches!(held.owner, Owner::Run { .. }) {
            let sides = self.sides(movement).map_err(must_be_refused)?;
            let more = sides.check_excess(amount, movement.amount);
            more.map_err(must_be_refused)?;
        }
        Ok(amount)
    }

    /// What else was decided. The id may have been known before under which the window is refilled that a record
    /// tells of.
    pub(super) fn record(&mut self, row: &RecordRow, is_refilled: bool) -> RowCheck {
        has_its_columns(row)?;
        self.no_part_is_missing()?;
        self.nothing_is_due()?;
        match row.kind {
            OPENED => return self.opened(row),
            WINDOW => return self.window(row, is_refilled),
            SKIPPED => return skipped(row),
            _ => {}
        }
        let operation = row.operation().ok_or(NO_OPERATION)?;
        match row.kind {
            HELD => self.held(row, &operation)?,
            REFUSED => return self.refused(row, &operation),
            VIEWED => self.viewed(row, &operation)?,
            DOUBTED | TAKEN_OVER | KEPT => self.changes_hands(row, &operation)?,
            _ => self.released(row, &operation)?,
        }
        let view = row.view().ok_or("says no balance")?;
        self.shows(&operation.account, view)
    }

    fn held(&mut self, row: &RecordRow, operation: &Operation) -> RowCheck {
        self.begin(operation).map_err(must_be_refused)?;
        let run = row.number.map(|_| row.run.unwrap_or(0));
        let own = OwnerColumns {
            run,
            number: row.number,
            expires: row.expires,
            doubt: row.doubt,
            boot_time: row.boot_time,
        };
        let owner = own.owner().filter(|owner| *owner != Owner::Doubt);
        let owner = owner.ok_or("is held by a run, and so cannot expire")?;
        let hold = Hold {
            operation: operation.clone(),
            owner,
            line: row
                .run
                .zip(row.line)
                .map(|(run, line)| RunLine { run, line }),
            at: row.at,
        };
        self.holds.insert(row.record, hold);
        Ok(())
    }

    /// The end of a hold's work was not seen, or a run works on it again, or is done with it.
    fn changes_hands(&mut self, row: &RecordRow, operation: &Operation) -> RowCheck {
        let held = self.end(row.hold, operation)?;
        same_content(operation, &held.operation)?;
        let owner = match (row.kind, held.owner) {
            (
                DOUBTED,
                Owner::Run {
                    has_side_effects: true,
                    ..
                },
            ) => Owner::Doubt,
            (TAKEN_OVER, Owner::Doubt) => Owner::Run {
                run: row.run.unwrap_or(0),
                number: row.number.unwrap_or(0).cast_unsigned(),
                has_side_effects: true,
            },
            (KEPT, Owner::Run { .. }) => {
                let boot_time = row.boot_time;
                let expiry = |micros| Expiry {
                    at: Moment::new(micros),
                    boot_time,
                };
                let expires = row.expires.map(expiry);
                if boot_time.is_some() && expires.is_none() {
                    return Err("expires by one clock and not by the other".into());
                }
                Owner::AnyRequest { expires }
            }
            (KEPT, _) => return Err("keeps a hold that no run works on".into()),
            (DOUBTED, _) => return Err("doubts a hold whose work has no consequences".into()),
            _ => return Err("takes a hold over that is not in doubt".into()),
        };
        let hold = Hold { owner, ..held };
        self.holds.insert(row.hold.unwrap_or(0), hold);
        Ok(())
    }

    fn released(&mut self, row: &RecordRow, operation: &Operation) -> RowCheck {
        let held = self.end(row.hold, operation)?;
        same_content(operation, &held.operation)?;
        if let (Owner::Run { run, .. }, Some(by)) = (held.owner, row.run)
            && !is_of_run(&held, by)
        {
            return Err(format!("says run {by}, must be run {run}, which holds it"));
        }
        if row.kind == UNSPENT {
            may_tell_what_was_spent(&held)?;
        }
        if row.kind == EXPIRED {
            has_expired(&held, row)?;
        }
        let given_back = operation.set_aside();
        for (name, amount) in &given_back {
            if let Some(account) = self.accounts.get_mut(*name) {
                *account = account.giving_back(*amount);
            }
        }
        for (name, held) in given_back {
            let (hold, posted) = (row.hold.unwrap_or(0), None);
            let ended = EndedHold { hold, held, posted };
            self.end_hold(name, ended);
        }
        self.given_back = Some((row.record, operation.clone()));
        Ok(())
    }

    fn viewed(&mut self, row: &RecordRow, operation: &Operation) -> RowCheck {
        if operation.kind() != Kind::Balance {
            return Err("is a view of an operation that moves money".into());
        }
        if row.hold.is_none() {
            is_remembered(row)?;
            return Ok(());
        }
        let held = self.end(row.hold, operation)?;
        same_content(operation, &held.operation)?;
        let (run, line) = (row.run, row.line);
        is_ended_by(&held, &Ender { run, line })
    }

    fn opened(&mut self, row: &RecordRow) -> RowCheck {
        let name = Name::user(&row.account).map_err(|error| error.to_string())?;
        let overdraft = row.overdraft.filter(|overdraft| *overdraft >= 0);
        let overdraft = Balance::new(overdraft.ok_or("sets a limit that is none")?);
        let account = match self.accounts.get(&name) {
            Some(account) => account.with_overdraft(overdraft),
            None => Account::new(overdraft),
        };
        let account = account.opened();
        self.accounts.insert(name.clone(), account);
        let view = row.view().ok_or("says no balance")?;
        self.shows(&name, view)?;
        self.allowance(row, &name, account)
    }

    /// Ends a hold of which so much is posted, or more.
    fn post(
        &mut self,
        number: u64,
        operation: &Operation,
        amount: Amount,
        by: &Ender,
    ) -> RowCheck<Hold> {
        let held = self.end(Some(number), operation)?;
        if Some(amount) != held.operation.amount() {
            may_tell_what_was_spent(&held)?;
        }
        is_ended_by(&held, by)?;
        Ok(held)
    }

    /// Takes a hold away that is about this operation, whatever its amount.
    fn end(&mut self, number: Option<u64>, operation: &Operation) -> RowCheck<Hold> {
        let number = number.ok_or("ends no hold")?;
        let gone = || format!("ends the hold {number}, which is not open");
        let held = self.holds.remove(&number).ok_or_else(gone)?;
        let about = |operation: &Operation| {
            (
                operation.kind(),
                operation.account.clone(),
                operation.to().cloned(),
                operation.id.clone(),
                operation.detail.clone(),
            )
        };
        if about(&held.operation) != about(operation) {
            return Err(format!(
                "is {}, must be {}, as the hold {number} that it ends",
                told(operation),
                told(&held.operation)
            ));
        }
        Ok(held)
    }

    fn begin(&mut self, operation: &Operation) -> Result<(), Rejection> {
        if let Action::Group(group) = &operation.action {
            return self.begin_group(group);
        }
        if let (Some(movement), Some(sides)) = (operation.movement(), self.decide(operation)?) {
            self.accounts.insert(movement.debit.clone(), sides.debit);
            self.note_spent(movement.debit);
        }
        Ok(())
    }

    /// What the rules say to setting an operation's money aside.
    pub(super) fn decide(&self, operation: &Operation) -> Result<Option<Sides>, Rejection> {
        if let Action::Group(group) = &operation.action {
            let decided = self.decide_group(group, Sides::execute, &[]);
            decided.map_err(|refused| refused.rejection)?;
            return self.room_for(group).map(|_| None);
        }
        match operation.movement() {
            Some(movement) => Ok(Some(self.sides(&movement)?.begin(movement.amount)?)),
            None if self.accounts.contains_key(&operation.account) => Ok(None),
            None => Err(Rejection::UnknownAccount),
        }
    }

    pub(super) fn sides(&self, movement: &Movement<'_>) -> Result<Sides, Rejection> {
        movement.check()?;
        let account = |name: &Name| match self.accounts.get(name) {
            None if *name == BUDGET => Some(Account::the_banks()),
            account => account.copied(),
        };
        let new = || Account::new(Balance::default());
        Ok(Sides {
            debit: account(movement.debit).ok_or(Rejection::UnknownAccount)?,
            credit: account(movement.credit).unwrap_or_else(new),
        })
    }

    /// A row must show the account as it is after it.
    pub(super) fn shows(&self, name: &Name, said: View) -> RowCheck {
        let account = self.accounts.get(name).copied();
        let must = account
            .unwrap_or_else(|| Account::new(Balance::default()))
            .view();
        if said == must {
            return Ok(());
        }
        let (said, must) = (shown(Some(said)), shown(Some(must)));
        Err(format!("says of `{name}`: {said}, must be {must}"))
    }
}

/// The sides of an entry are those of its operation.
pub(super) fn moves_between(
    row: &EntryRow,
    operation: &Operation,
    movement: &Movement<'_>,
) -> RowCheck {
    let (debit, credit) = (movement.debit.as_str(), movement.credit.as_str());
    if (row.debit.as_str(), row.credit.as_str()) == (debit, credit) {
        return Ok(());
    }
    Err(format!(
        "moves money from `{}` to `{}`, as a {} it must be from `{debit}` to `{credit}`",
        row.debit,
        row.credit,
        operation.kind(),
    ))
}

fn skipped(row: &RecordRow) -> RowCheck {
    if row.account.is_empty() {
        return Ok(());
    }
    let account = &row.account;
    Err(format!("gives up a line, and says the account `{account}`"))
}

const NO_OPERATION: &str = "says what is no operation";
