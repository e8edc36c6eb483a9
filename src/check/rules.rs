//! The bank's rules, applied in the order that a history claims, to what is known of the accounts.
//!
//! What is not known is learned from what an answer tells, and from then on every answer must fit. Where a
//! change stands in no line, nothing is known behind it until it is told again. So an answer is only accused
//! of what no state before it could explain.

mod allowances;
mod known;
mod money;
mod refusals;
mod repeats;

use std::collections::{HashMap, HashSet};

use super::contradiction::Disagreement;
use super::history::{Observed, ObservedEvent, ObservedHistory, ObservedRun};
use super::text_table::NO_TEXT;
use crate::bank::{Amount, Kind, Rejection};
use allowances::KnownAllowance;
use known::{Epochs, KnownAccount};
use repeats::Repeats;

/// What is set aside for an operation.
#[derive(Clone, Copy, Debug)]
struct SetAside {
    /// The account that it is about.
    account: u32,
    /// The account that gives.
    debit: u32,
    /// How much.
    held: i64,
}

/// What an answer does with the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MoneyMove {
    /// It is set aside.
    Begin(Amount),
    /// What was set aside is moved, or another amount.
    Post { held: Amount, moved: Amount },
    /// It is moved in one step.
    Execute(Amount),
    /// What was set aside is given back.
    Void(Amount),
    /// It is moved in one step, whatever is available.
    Book(Amount),
}

/// What is left open although an order is claimed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct OpenCounts {
    /// Refusals that depend on what no answer tells.
    pub(super) refusals: u64,
    /// Answers that took an account below zero, whose limit no answer tells.
    pub(super) limits: u64,
}

/// All that is known between two answers.
pub(super) struct RuleReplay<'a> {
    history: &'a ObservedHistory,
    accounts: Vec<KnownAccount>,
    epochs: Epochs,
    /// What is set aside for operations of runs, as far as that is known.
    begun: HashMap<(u16, u32, u32), Option<SetAside>>,
    /// And under ids.
    under_ids: HashMap<u32, Option<SetAside>>,
    repeats: Repeats<'a>,
    /// By account.
    allowances: HashMap<u32, KnownAllowance>,
    /// The accounts of which something may be known; `None`: all.
    pub(super) watched: Option<Vec<u32>>,
    /// Money was set aside somewhere in the history.
    has_holds: bool,
    /// The ledgers of runs that were killed, whose last answers stand in no line.
    of_killed: HashSet<u32>,
    pub(super) left_open: OpenCounts,
}

impl<'a> RuleReplay<'a> {
    /// Nothing is known; or nothing was there, if this is the start of the ledger.
    pub(super) fn new(history: &'a ObservedHistory, is_from_the_start: bool) -> Self {
        let was_killed = |run: &&ObservedRun| run.end.is_none() && run.unanswered > 0;
        let killed = history.runs.iter().skip(1).filter(was_killed);
        RuleReplay {
            history,
            accounts: Vec::new(),
            epochs: Epochs::new(is_from_the_start),
            begun: HashMap::new(),
            under_ids: HashMap::new(),
            repeats: Repeats::new(history, is_from_the_start),
            allowances: HashMap::new(),
            watched: None,
            has_holds: history.has_holds,
            of_killed: killed.map(|run| run.ledger).collect(),
            left_open: OpenCounts::default(),
        }
    }

    /// Changes that stand in no line, with entries among them or without.
    pub(super) fn pass_gap(&mut self, entries: bool) {
        self.epochs.pass(entries);
        self.repeats.pass_gap();
        // Any of them may have given back what was set aside under an id.
        self.under_ids.values_mut().for_each(|aside| *aside = None);
    }

    /// What is set aside may have changed.
    pub(super) fn forget_held(&mut self) {
        self.epochs.pass(false);
    }

    /// The history without this answer: it was there, and nothing of it is known.
    pub(super) fn forget(&mut self, number: u32) {
        let one = self.history.at(number);
        if one.may_be_of_any_account() {
            self.forget_held();
        }
        for account in [one.account, one.other] {
            if account != NO_TEXT {
                *self.account(account) = KnownAccount::unknown(self.is_the_banks(account));
                self.forget_allowance(account);
            }
        }
        if let Some(key) = one.key() {
            self.begun.insert(key, None);
        }
        if one.id != NO_TEXT {
            self.under_ids.insert(one.id, None);
            self.repeats.forget(one.id);
        }
    }

    /// Takes the next answer, and tells what it contradicts.
    pub(super) fn step(&mut self, number: u32) -> Result<(), Disagreement> {
        let one = *self.history.at(number);
        match one.event {
            ObservedEvent::Began => self.began(&one),
            ObservedEvent::Opened => self.opened(&one),
            ObservedEvent::Entered => self.entered(&one)?,
            ObservedEvent::Completed if matches!(one.kind, Kind::Refill | Kind::Lapse) => {
                if let Some(amount) = Amount::new(one.amount) {
                    self.apply(&one, MoneyMove::Book(amount))?;
                }
            }
            _ if one.kind == Kind::Group => self.group(&one),
            _ if one.duplicate => return self.repeats.repeated(number),
            ObservedEvent::Held => {
                let is_taken_over = self.is_taken_over(&one);
                self.repeats.begun(number)?;
                self.held(&one, is_taken_over)?;
            }
            ObservedEvent::Completed => {
                self.completed(number, &one)?;
                self.repeats.settled(number);
            }
            ObservedEvent::Refused => {
                self.refused(number, &one)?;
                self.repeats.refused(number);
            }
            ObservedEvent::Voided | ObservedEvent::Failed => {
                if one.event == ObservedEvent::Voided || one.decided != 0 {
                    self.void(&one)?;
                }
                match one.may_count {
                    true => self.repeats.forget(one.id),
                    false => self.repeats.released(one.id),
                }
            }
            ObservedEvent::InDoubt => self.repeats.doubted(one.id),
        }
        Ok(())
    }

    /// Something became of a group, and nothing was posted: what is set aside on any account may have changed.
    fn group(&mut self, one: &Observed) {
        self.forget_held();
        self.repeats.forget(one.id);
        let is_refused = one.event == ObservedEvent::Refused && !one.duplicate;
        self.left_open.refusals += u64::from(is_refused);
    }

    fn is_the_banks(&self, account: u32) -> bool {
        self.history.account(account).starts_with('@')
    }

    fn account(&mut self, number: u32) -> &mut KnownAccount {
        let place = number as usize;
        while self.accounts.len() <= place {
            let is_the_banks = self.is_the_banks(self.accounts.len() as u32);
            let account = KnownAccount::at_first(is_the_banks, &self.epochs);
            self.accounts.push(account);
        }
        if self
            .watched
            .as_ref()
            .is_some_and(|watched| !watched.contains(&number))
        {
            self.accounts[place] = KnownAccount::unknown(self.is_the_banks(number));
        }
        &mut self.accounts[place]
    }

    fn began(&mut self, one: &Observed) {
        let (balance, overdraft) = (one.balance().unwrap_or(0), one.overdraft().unwrap_or(0));
        self.epochs.overdraft = Some(overdraft);
        let epochs = self.epochs;
        let account = self.account(one.account);
        account.tell(balance, Some(balance), &epochs);
        account.open(Some(overdraft), &epochs);
        let world = self.account(super::history::WORLD_NUMBER);
        world.tell(-balance, Some(-balance), &epochs);
    }

    fn opened(&mut self, one: &Observed) {
        if one.account == NO_TEXT {
            return;
        }
        let epochs = self.epochs;
        self.opens_allowance(one.account);
        let account = self.account(one.account);
        if let Some(balance) = one.balance() {
            account.tell(balance, one.available(), &epochs);
        }
        account.open(one.overdraft(), &epochs);
    }

    fn held(&mut self, one: &Observed, is_taken_over: bool) -> Result<(), Disagreement> {
        let is_open = self.may_be_held_already(one);
        let aside_of = |debit: u32, held: i64| {
            let account = one.account;
            Some(SetAside {
                account,
                debit,
                held,
            })
        };
        let aside = match (one.sides(), Amount::new(one.amount)) {
            // A run takes over what is in doubt; or it was given back where no line tells, and is begun anew.
            (Some((debit, _)), Some(amount)) if is_open => {
                self.account(debit).forget_held();
                self.see(one)?;
                aside_of(debit, amount.minor())
            }
            (Some((debit, _)), Some(amount)) if is_taken_over => {
                self.see(one)?;
                aside_of(debit, amount.minor())
            }
            (Some((debit, _)), Some(amount)) => {
                self.apply(one, MoneyMove::Begin(amount))?;
                aside_of(debit, amount.minor())
            }
            _ => {
                self.see(one)?;
                aside_of(one.account, 0)
            }
        };
        match one.key() {
            Some(key) => self.begun.insert(key, aside),
            None => None,
        };
        if one.id != NO_TEXT {
            self.under_ids.insert(one.id, aside);
        }
        Ok(())
    }

    /// Whether money may be set aside already under the id of this hold: an answer told so, or a run on its
    /// ledger was killed, whose last answers stand in no line.
    fn may_be_held_already(&self, one: &Observed) -> bool {
        let was_killed = || self.of_killed.contains(&self.history.ledger_of(one));
        one.id != NO_TEXT && (self.under_ids.contains_key(&one.id) || was_killed())
    }

    /// Whether this hold leaves available what was available, as one does that takes over what a process that is
    /// not told of had set aside under an id of which nothing is known.
    fn is_taken_over(&mut self, one: &Observed) -> bool {
        let epochs = self.epochs;
        let is_of = one.sides().is_some_and(|(debit, _)| debit == one.account);
        let is_same = is_of && self.account(one.account).available(&epochs) == one.available();
        let is_known = one.id == NO_TEXT || self.repeats.is_certain(one.id);
        is_same && one.available().is_some() && !is_known
    }

    /// What was set aside for this operation, which now ends: nothing if it was never begun.
    fn take_aside(&mut self, one: &Observed) -> Option<Option<SetAside>> {
        let begun = match one.key() {
            Some(key) if !self.begun.is_empty() => self.begun.remove(&key),
            _ => None,
        };
        let under_id = match self.under_ids.is_empty() {
            false if one.id != NO_TEXT => self.under_ids.remove(&one.id),
            _ => None,
        };
        let aside = begun.or(under_id);
        let by_another = one.run == 0 && one.id != NO_TEXT && !self.epochs.is_all_known();
        let unseen = self.has_holds && self.epochs.has_passed();
        let may_have_begun = one.has_work || by_another || unseen;
        match aside {
            None if may_have_begun => Some(None),
            _ => aside,
        }
    }

    fn completed(&mut self, number: u32, one: &Observed) -> Result<(), Disagreement> {
        let aside = self.take_aside(one);
        let Some(moved) = Amount::new(one.amount).filter(|_| one.kind != Kind::Balance) else {
            // The work spent nothing.
            if one.kind != Kind::Balance {
                return self.give_back(one, aside.unwrap_or_default());
            }
            let epochs = self.epochs;
            if self.account(one.account).is_absent(&epochs) {
                return Err(unknown_account());
            }
            return self.see(one);
        };
        match aside {
            None => {
                self.repeats.begun(number)?;
                self.apply(one, MoneyMove::Execute(moved))
            }
            Some(Some(SetAside { held, .. })) => match Amount::new(held) {
                Some(held) => self.apply(one, MoneyMove::Post { held, moved }),
                None => self.apply(one, MoneyMove::Execute(moved)),
            },
            Some(None) => self.learn_after(one, moved),
        }
    }

    fn void(&mut self, one: &Observed) -> Result<(), Disagreement> {
        match self.take_aside(one) {
            None => Ok(()),
            Some(aside) => self.give_back(one, aside),
        }
    }

    fn give_back(&mut self, one: &Observed, aside: Option<SetAside>) -> Result<(), Disagreement> {
        let Some(SetAside {
            account,
            debit,
            held,
        }) = aside
        else {
            if one.account == NO_TEXT {
                self.forget_held();
            }
            for account in [one.account, one.other] {
                if account != NO_TEXT {
                    self.account(account).forget_held();
                }
            }
            return Ok(());
        };
        let Some(held) = Amount::new(held) else {
            return self.see(one);
        };
        // A void does not say which account it is about; the hold does.
        let one = Observed {
            kind: Kind::Withdraw,
            comes_in: false,
            account: match one.account {
                NO_TEXT => account,
                account => account,
            },
            other: debit,
            ..*one
        };
        self.move_money(&one, debit, debit, MoneyMove::Void(held))
    }

    /// What an answer tells that changes nothing.
    fn see(&mut self, one: &Observed) -> Result<(), Disagreement> {
        if one.account == NO_TEXT {
            return Ok(());
        }
        let epochs = self.epochs;
        self.told(one)?;
        if let Some(balance) = one.balance() {
            self.account(one.account)
                .tell(balance, one.available(), &epochs);
        }
        Ok(())
    }
}

fn unknown_account() -> Disagreement {
    Disagreement::Accepted {
        rejection: Rejection::UnknownAccount,
        available: None,
    }
}
