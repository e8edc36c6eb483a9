//! Right histories, made by the bank's own rules from a seed: none is ever accused.

mod allowances;
mod judged;

use serde_json::{Map, Value, json};

use super::*;
use crate::bank::{
    Amount, Answer, Asked, Balance, Id, Kind, LedgerState, Name, NullJournal, Operation, Outcome,
    Request, RequestContext, WorkEnd,
};

/// Numbers by lot.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % most
    }
}

/// What a made history is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traits {
    /// Its ledger lasts, and was used before.
    pub(crate) lasts: bool,
    /// Some of its operations have work.
    pub(crate) works: bool,
    /// Callers give ids, and repeat them.
    pub(crate) ids: bool,
    /// Operations overlap in time.
    pub(crate) overlaps: bool,
}

/// A ledger whose answers are written down.
struct Made {
    rng: Rng,
    traits: Traits,
    state: LedgerState,
    now: u64,
    lines: Vec<(u64, Value)>,
    /// Begun, with their call and their operation.
    begun: Vec<(u64, u64, Operation)>,
    operations: u64,
}

const ACCOUNTS: [&str; 3] = ["main", "ops", "tax"];

/// The lines of a history of about so many operations.
pub(crate) fn made(seed: u64, count: u64, traits: Traits) -> Vec<Value> {
    let mut made = Made {
        rng: Rng::new(seed),
        traits,
        state: LedgerState::new(Balance::default()),
        now: 1_000,
        lines: Vec::new(),
        begun: Vec::new(),
        operations: 0,
    };
    made.start();
    if traits.lasts {
        for _ in 0..5 {
            made.operation();
        }
        made.lines.clear();
        made.begun.clear();
    }
    for _ in 0..count {
        match made.rng.below(3) {
            0 if !made.begun.is_empty() => made.end(),
            _ => made.operation(),
        }
    }
    while !made.begun.is_empty() {
        made.end();
    }
    made.lines()
}

impl Made {
    fn ask(&mut self, number: u64, request: Request) -> Option<Answer> {
        let context = RequestContext {
            run: 1,
            number,
            has_side_effects: true,
            ..RequestContext::default()
        };
        self.state.decide(
            &Asked {
                caller: context,
                request,
            },
            &mut NullJournal,
        )
    }

    fn start(&mut self) {
        let account = Name::default();
        self.ask(
            0,
            Request::Open {
                account: account.clone(),
                overdraft: None,
                allowance: None,
            },
        );
        let deposit = Operation::new(Kind::Deposit, None, account, None, Amount::new(100_000));
        self.ask(0, Request::Execute(deposit.expect("an operation")));
    }

    fn lines(mut self) -> Vec<Value> {
        self.lines.sort_by_key(|(at, _)| *at);
        let mut first = run_started("1000.00");
        if self.traits.lasts {
            let fields = first.as_object_mut().expect("an object");
            fields.insert("ledger".to_string(), json!("bank.db"));
            fields.remove("balance");
        }
        std::iter::once(first)
            .chain(self.lines.into_iter().map(|(_, line)| line))
            .collect()
    }

    fn random(&mut self) -> Operation {
        let kind = match self.rng.below(10) {
            0..3 => Kind::Withdraw,
            3..5 => Kind::Deposit,
            5..8 => Kind::Transfer,
            8 => Kind::Loan,
            _ => Kind::Balance,
        };
        let name = |rng: &mut Rng| Name::user(ACCOUNTS[rng.below(3) as usize]).expect("a name");
        let account = name(&mut self.rng);
        let to = (kind == Kind::Transfer).then(|| name(&mut self.rng));
        let amount = 1 + self.rng.below(60_000) as i64;
        let amount = Amount::new(amount).filter(|_| kind != Kind::Balance);
        let has_id = self.traits.ids && self.rng.below(2) == 0;
        let id = has_id.then(|| Id::new(&format!("id-{}", self.rng.below(20))).expect("an id"));
        Operation::new(kind, id, account, to, amount).expect("an operation")
    }

    fn operation(&mut self) {
        self.operations += 1;
        let number = self.operations;
        let operation = self.random();
        let call = self.call();
        if self.traits.works && self.rng.below(2) == 0 {
            self.write("started", call, None, number, &operation, None);
            let answer = self.ask(number, Request::Begin(operation.clone()));
            let answer = answer.expect("an answer");
            let is_held = matches!(answer.outcome, Outcome::Held { .. });
            self.answer(call, number, &operation, &answer);
            if is_held {
                self.begun.push((number, call, operation));
            }
            return;
        }
        let answer = self.ask(number, Request::Execute(operation.clone()));
        self.answer(call, number, &operation, &answer.expect("an answer"));
    }

    /// The end of an operation that was begun.
    fn end(&mut self) {
        let place = self.rng.below(self.begun.len() as u64) as usize;
        let (number, call, operation) = self.begun.swap_remove(place);
        self.now += 1;
        let may_tell = operation.id.is_some();
        let request = match self.rng.below(8) {
            0..3 => Request::End(WorkEnd::Post { amount: None }),
            3 if may_tell => Request::End(WorkEnd::Post {
                amount: operation
                    .amount()
                    .and_then(|all| Amount::new(1 + all.minor() / 2)),
            }),
            4 if may_tell => Request::End(WorkEnd::Unspent),
            5 => Request::End(WorkEnd::Decline),
            6 if may_tell => Request::End(WorkEnd::Doubt),
            _ => Request::End(WorkEnd::Void),
        };
        let (is_void, request) = (request == Request::End(WorkEnd::Void), request);
        if let Some(answer) = self.ask(number, request) {
            if is_void {
                let decided = Some(answer.decided);
                return self.write("failed", call, decided, number, &operation, None);
            }
            self.answer(call, number, &operation, &answer);
        }
    }

    fn call(&mut self) -> u64 {
        self.now += 1 + self.rng.below(20);
        match self.traits.overlaps {
            true => self.now.saturating_sub(self.rng.below(100)),
            false => self.now,
        }
    }

    fn answer(&mut self, call: u64, number: u64, operation: &Operation, answer: &Answer) {
        let r#type = match answer.outcome {
            Outcome::Held { .. } => "held",
            Outcome::Refused { .. } => "refused",
            Outcome::Doubted { .. } => "in_doubt",
            _ => "completed",
        };
        let decided = Some(answer.decided);
        self.write(r#type, call, decided, number, operation, Some(answer));
    }

    fn write(
        &mut self,
        r#type: &str,
        call: u64,
        decided: Option<u64>,
        number: u64,
        operation: &Operation,
        answer: Option<&Answer>,
    ) {
        self.now += 1;
        let late = if self.traits.overlaps {
            self.rng.below(100)
        } else {
            0
        };
        let at = if r#type == "started" {
            call
        } else {
            self.now + late
        };
        let mut line = Map::new();
        let mut put = |name: &str, value: Value| line.insert(name.to_string(), value);
        put("v", json!(1));
        put("type", json!(r#type));
        if let Some(id) = &operation.id {
            put("id", json!(id.as_str()));
        }
        put("op", json!(operation.kind().word()));
        put("account", json!(operation.account.as_str()));
        if let Some(to) = operation.to() {
            put("to", json!(to.as_str()));
        }
        if let Some(asked) = operation.amount() {
            let moved = match answer.map(|answer| answer.outcome) {
                Some(Outcome::Posted { amount, .. }) => amount.to_string(),
                Some(Outcome::Unspent { .. }) => "0.00".to_string(),
                _ => asked.to_string(),
            };
            if moved != asked.to_string() {
                put("set_aside", json!(asked.to_string()));
            }
            put("amount", json!(moved));
        }
        if let Some(decided) = decided {
            put("decided", json!(decided));
        }
        if let Some(answer) = answer {
            put("duplicate", json!(answer.duplicate));
            let view = match answer.outcome {
                Outcome::Posted { seq, view, .. } | Outcome::Viewed { seq, view } => {
                    put("seq", json!(seq));
                    Some(view)
                }
                Outcome::Refused { rejection, view } => {
                    put("reason", json!(rejection.word()));
                    view
                }
                Outcome::Held { view } | Outcome::Unspent { view } => Some(view),
                _ => None,
            };
            if let Some(view) = view {
                put("balance", json!(view.posted.to_string()));
                put("available", json!(view.available.to_string()));
            }
            if let Some(other) = answer.other_side.filter(|_| operation.to().is_some()) {
                put("to_balance", json!(other.posted.to_string()));
            }
        }
        put("operation", json!(number));
        put("at_us", json!(at));
        if !matches!(r#type, "started" | "held") {
            put("elapsed_us", json!(at - call));
        }
        self.lines.push((at, Value::Object(line)));
    }
}
