//! Accounts that are refilled, while clocks jump: no history that the rules made is accused, and what is changed
//! in one is found.

use super::*;
use crate::bank::{Action, Allowance, AllowanceChange, EntryKey, Group, Moment, Now, Period, Zone};
use crate::event::OperationEvent;

const DAY: i64 = 86_400_000_000;

/// A ledger of accounts with allowances, whose answers to single commands are written down.
struct Refilled {
    rng: Rng,
    state: LedgerState,
    day: i64,
    lines: Vec<Value>,
    held: Vec<Operation>,
    posted: Vec<(u64, Operation)>,
    ids: u64,
}

fn name(rng: &mut Rng) -> Name {
    Name::user(["main", "ops", "tax"][rng.below(3) as usize]).expect("a name")
}

/// The lines of so many commands.
fn refilled(seed: u64, count: u64) -> Vec<Value> {
    let mut made = Refilled {
        rng: Rng::new(seed),
        state: LedgerState::new(Balance::default()),
        day: 400,
        lines: Vec::new(),
        held: Vec::new(),
        posted: Vec::new(),
        ids: 0,
    };
    made.open("main");
    made.open("ops");
    for _ in 0..count {
        made.step();
    }
    made.lines
}

impl Refilled {
    fn ask(&mut self, event: OperationEvent, request: Request) -> Answer {
        let wall = Moment::new(self.day * DAY + DAY / 2);
        let now = Now {
            label: wall,
            wall,
            boot_time: None,
        };
        let last = self.state.last();
        self.state.resume(last, now);
        let caller = RequestContext::default();
        let answer = self
            .state
            .decide(&Asked { caller, request }, &mut NullJournal);
        let answer = answer.expect("an answer");
        let mut line = Vec::new();
        let told = event.answered(&answer).write(&mut line);
        told.expect("written");
        self.lines
            .push(serde_json::from_slice(&line).expect("a line"));
        answer
    }

    fn open(&mut self, account: &str) {
        let account = Name::user(account).expect("a name");
        let allowance = Allowance {
            amount: Amount::new(300 + 100 * self.rng.below(4) as i64).expect("positive"),
            period: Period::Day,
            rollover: self.rng.below(2) == 0,
            warn: None,
            zone: Zone::default(),
        };
        let allowance = match self.rng.below(8) {
            0 => AllowanceChange::Removed,
            _ => AllowanceChange::Set(allowance),
        };
        let event = OperationEvent {
            account: Some(account.clone()),
            ..OperationEvent::default()
        };
        let request = Request::Open {
            account,
            overdraft: None,
            allowance: Some(allowance),
        };
        self.ask(event, request);
    }

    fn operation(&mut self) -> Operation {
        let kind = match self.rng.below(6) {
            0..3 => Kind::Withdraw,
            3 => Kind::Deposit,
            _ => Kind::Transfer,
        };
        let (account, other) = (name(&mut self.rng), name(&mut self.rng));
        let to = (kind == Kind::Transfer).then_some(other);
        let amount = Amount::new(1 + self.rng.below(400) as i64);
        Operation::new(kind, None, account, to, amount).expect("an operation")
    }

    fn id(&mut self) -> Option<Id> {
        self.ids += 1;
        Id::new(&format!("id-{}", self.ids)).ok()
    }

    fn step(&mut self) {
        match self.rng.below(16) {
            0..3 => self.day += 1 + self.rng.below(3) as i64,
            3 => self.day += self.rng.below(60) as i64 - 30,
            4 if self.rng.below(3) == 0 => {
                let account = ["main", "ops", "tax"][self.rng.below(3) as usize];
                self.open(account);
            }
            5 | 6 => {
                let id = self.id();
                let operation = Operation {
                    id,
                    ..self.operation()
                };
                let lasts = None;
                let request = Request::Hold {
                    operation: operation.clone(),
                    lasts,
                };
                let answer = self.ask(operation.clone().into(), request);
                if let Outcome::Held { .. } = answer.outcome {
                    self.held.push(operation);
                }
            }
            7 | 8 if !self.held.is_empty() => self.end(),
            9 if !self.posted.is_empty() => {
                let place = self.rng.below(self.posted.len() as u64) as usize;
                let (seq, operation) = self.posted[place].clone();
                self.state.bring_posted(seq, operation.clone());
                let reversal = operation.reversed(seq).expect("its opposite");
                self.ask(reversal.into(), Request::Reverse(EntryKey::Seq(seq)));
            }
            10 => {
                let id = self.id();
                let parts = (0..3).map(|_| self.operation()).collect();
                let group = Group::new(parts).expect("a group").operation(id);
                self.ask(group.clone().into(), Request::Execute(group));
            }
            _ => {
                let operation = self.operation();
                let request = Request::Execute(operation.clone());
                let answer = self.ask(operation.clone().into(), request);
                if let Outcome::Posted { seq, .. } = answer.outcome {
                    self.posted.push((seq, operation));
                }
            }
        }
    }

    fn end(&mut self) {
        let place = self.rng.below(self.held.len() as u64) as usize;
        let operation = self.held.swap_remove(place);
        let id = operation.id.clone().expect("an id");
        if self.rng.below(2) == 0 {
            let event = OperationEvent {
                id: Some(id.clone()),
                ..OperationEvent::default()
            };
            self.ask(event, Request::VoidHold { id });
            return;
        }
        let part = self.rng.below(2) == 0;
        let half = |all: Amount| Amount::new(1 + all.minor() / 2).filter(|_| part);
        let amount = operation.amount().and_then(half);
        assert!(!matches!(operation.action, Action::Group(_)));
        self.ask(operation.into(), Request::PostHold { id, amount });
    }
}

#[track_caller]
fn is_not_accused(seed: u64, lines: &[Value]) -> CheckedHistory {
    let checked = checked(lines);
    let text = || lines.iter().map(|line| format!("{line}\n"));
    assert!(
        contradiction(&checked).is_none(),
        "seed {seed}: {checked:#?}\n{}",
        text().collect::<String>()
    );
    checked
}

#[test]
fn right_histories_with_allowances_are_not_accused() {
    for seed in 0..60 {
        let lines = refilled(seed, 50);
        let checked = is_not_accused(seed, &lines);
        let is_missing = |open: &LeftOpen| matches!(open, LeftOpen::MissingChanges(_));
        let [_, ordered, _] = &checked.tiers;
        assert!(
            !ordered.left_open.iter().any(is_missing),
            "seed {seed}: {checked:#?}"
        );
        // A part of it is right too.
        let mut rng = Rng::new(seed);
        let mut some = lines;
        some.retain(|_| rng.below(4) > 0);
        is_not_accused(seed, &some);
    }
}

#[test]
fn another_amount_of_what_an_allowance_moved_is_found() {
    let mut planted = 0;
    for seed in 0..12 {
        let lines = refilled(seed, 40);
        for line in 0..lines.len() {
            for field in ["refill", "lapse"] {
                let mut lines = lines.clone();
                let place = format!("/allowances/0/{field}");
                let Some(moved) = lines[line].pointer_mut(&place) else {
                    continue;
                };
                let amount = moved.as_str().expect("an amount");
                *moved = json!(format!("1{amount}"));
                planted += 1;
                let found = checked(&lines);
                assert!(
                    contradiction(&found).is_some(),
                    "seed {seed}, line {line}, {field}: {found:#?}"
                );
            }
        }
    }
    assert!(planted > 50, "{planted}");
}
