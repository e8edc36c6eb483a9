//! What a seed makes of a run: its settings, its input, and how much goes wrong.

use std::collections::HashSet;
use std::time::Duration;

use super::chance::Chance;
use crate::bank::{
    Amount, Balance, Id, Kind, Line, Moment, Name, Operation, Outcome, RequestContext, View,
};
use crate::event::{Micros, Mode};
use crate::run::{
    CommandSettings, HaltCount, HaltLimit, HaltRule, LineIds, Named, Pacing, Settings, WorkLimits,
};
use crate::sharing::{Sharing, SharingMethod};
use crate::work::Pace;
use crate::workload::Item;

/// With what a command ends that says no.
pub(super) const DECLINED: u8 = 75;
/// What the host's clock shows when a run begins.
pub(super) const HOST_CLOCK: Micros = Micros(7_000_000);

/// How much of the bad that can happen does, in thousandths of the steps or cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Evil {
    /// A worker dies in a step.
    pub(super) death: usize,
    /// A dying worker exits with status 0.
    pub(super) leave: usize,
    /// A worker makes no progress any more from some point on.
    pub(super) hang: usize,
    /// A worker asks what it may not.
    pub(super) rogue: usize,
    /// The last message of a dying worker is cut off.
    pub(super) cut_off: usize,
    /// The system gives no process.
    pub(super) no_process: usize,
    /// The ledger fails with a batch.
    pub(super) ledger: usize,
    /// A signal comes in a step; up to three do.
    pub(super) signal: usize,
    /// An output breaks in a step.
    pub(super) output: usize,
    /// The outputs are full in a turn.
    pub(super) full: usize,
    /// The run cannot even wait in a turn.
    pub(super) abort: usize,
    /// The input cannot be read to its end.
    pub(super) input: usize,
}

impl Evil {
    pub(super) fn is_none(self) -> bool {
        self == Evil::default()
    }

    /// All of them, by their names.
    fn all(&mut self) -> [(&'static str, &mut usize); 12] {
        [
            ("death", &mut self.death),
            ("leave", &mut self.leave),
            ("hang", &mut self.hang),
            ("rogue", &mut self.rogue),
            ("cut_off", &mut self.cut_off),
            ("no_process", &mut self.no_process),
            ("ledger", &mut self.ledger),
            ("signal", &mut self.signal),
            ("output", &mut self.output),
            ("full", &mut self.full),
            ("abort", &mut self.abort),
            ("input", &mut self.input),
        ]
    }
}

/// What a seed makes of a run.
#[derive(Debug)]
pub(super) struct SeededRun {
    pub(super) settings: Settings,
    pub(super) items: Vec<Item>,
    pub(super) evil: Evil,
    /// The account's name and its balance at the start.
    pub(super) account: Name,
    pub(super) balance: Balance,
    /// The workers share the data: with compare-and-set, or with leases.
    pub(super) shares: Option<SharingMethod>,
    /// The longest that the ledger takes for a batch, in milliseconds.
    pub(super) ledger_takes: usize,
    /// The input's end is a failure.
    pub(super) input_fails: bool,
    /// Other processes use its ledger too.
    pub(super) shared: Option<SharedBy>,
}

/// Which of several processes a run is.
#[derive(Clone, Debug)]
pub(super) struct SharedBy {
    pub(super) process: u32,
    /// What the clock shows when it begins.
    pub(super) started_at: Moment,
}

fn amount(minor: usize) -> Amount {
    Amount::new(minor as i64).expect("not zero")
}

impl SeededRun {
    /// The parts of it that can be left out, by their names: what goes wrong, how operations are handed out,
    /// and each line of the input.
    pub(super) fn parts(&mut self) -> Vec<String> {
        let evil = self.evil.all().into_iter().filter(|(_, often)| **often > 0);
        let evil: Vec<String> = evil.map(|(name, _)| name.to_string()).collect();
        let settings = ["halt", "order", "spacing", "steps"].map(String::from);
        let lines = self.items.iter().map(|item| line_of(item).to_string());
        evil.into_iter().chain(settings).chain(lines).collect()
    }

    /// The same without these parts. All else happens as it did, as far as it can.
    pub(super) fn without(mut self, parts: &[String]) -> Self {
        let is_out = |part: &str| parts.iter().any(|out| out == part);
        for (name, often) in self.evil.all() {
            if is_out(name) {
                *often = 0;
            }
        }
        self.input_fails &= !is_out("input");
        let pacing = &mut self.settings.pacing;
        pacing.halt = pacing.halt.filter(|_| !is_out("halt"));
        pacing.keep_order &= !is_out("order");
        if is_out("spacing") {
            pacing.spacing = Duration::ZERO;
        }
        self.settings.steps &= !is_out("steps");
        self.items
            .retain(|item| !is_out(&line_of(item).to_string()));
        self
    }

    pub(super) fn of(chance: &mut Chance) -> Self {
        let account = Name::default();
        let balance = Balance::new(chance.below(200) as i64);
        let evil = evil(chance);
        let (command, simulated, shared) = [
            (true, false, false),
            (false, true, false),
            (false, false, true),
            (false, false, false),
        ][chance.below(4)];
        let shares = shared.then(|| match chance.below(3) {
            0 => SharingMethod::of(Sharing::CompareAndSet),
            1 => SharingMethod::of(Sharing::Lock),
            _ => SharingMethod::of(Sharing::LockPerAccount).in_lock_order(true),
        });
        let lasts = !shared && chance.happens(600);
        let simulated = simulated || shared && chance.happens(500);
        let is_named = lasts && chance.happens(300);
        let limit = |chance: &mut Chance| {
            let limit = Duration::from_secs(10 + chance.below(30) as u64);
            chance.happens(500).then_some(limit)
        };
        let settings = Settings {
            mode: Mode::Other("simulated".to_string()),
            jobs: chance.between(1, 4),
            ops_per_worker: chance.happens(600).then(|| chance.between(1, 4) as u64),
            in_hand: None,
            pace: match simulated {
                true => Pace::new([0.001, 1.0][chance.below(2)]).expect("in range"),
                false => Pace::NONE,
            },
            limits: WorkLimits {
                simulated: limit(chance),
                // Whatever hangs in a command is ended by this alone.
                command: Some(Duration::from_secs(200)),
                lease: None,
            },
            command: command.then(|| CommandSettings {
                timeout: None,
                declined: DECLINED,
                retry_in_doubt: chance.happens(500),
                id_prefix: "run".to_string(),
            }),
            named: is_named.then(|| Named {
                name: "run".to_string(),
                begun: HashSet::new(),
                ids: LineIds::new("run", true),
                retry_refused: false,
                from_stdin: false,
                words: "again".to_string(),
            }),
            caller: RequestContext {
                run: u32::from(lasts),
                ..RequestContext::default()
            },
            ledger: lasts.then(|| "simulated.db".to_string()),
            kill_before: None,
            steps: chance.happens(500),
            clock_us: HOST_CLOCK,
            pacing: Pacing {
                spacing: Duration::from_millis([0, 40][usize::from(chance.happens(200))]),
                halt: chance.happens(200).then(|| HaltRule {
                    at_once: chance.happens(500),
                    counts: HaltCount::Failures,
                    limit: HaltLimit::Count(chance.between(1, 3) as u64),
                }),
                keep_order: chance.happens(250),
            },
            starts: vec![(account.clone(), balance)],
        };
        let count = chance.below(14);
        // What is in doubt and run again under the same id in one run is told twice, and held once.
        let command = settings.command.as_ref();
        let may_share = command.is_none_or(|command| !command.retry_in_doubt);
        let items = (1..=count as u64).map(|line| item(chance, line, is_named, may_share));
        SeededRun {
            items: items.collect(),
            input_fails: chance.happens(evil.input),
            ledger_takes: [3, 30, 30, 50_000][chance.below(4)],
            settings,
            evil,
            account,
            balance,
            shares,
            shared: None,
        }
    }
}

/// The line of an item.
pub(super) fn line_of(item: &Item) -> u64 {
    match item {
        Item::Operation { line, .. } => line.as_ref().map_or(0, |line| line.number),
        Item::Done { line, .. } | Item::Skipped { line, .. } => line.number,
        Item::Invalid { line, .. } => *line,
    }
}

/// A third of all runs go well; of the others some have one fault, and some many.
fn evil(chance: &mut Chance) -> Evil {
    let mut one = |of_thousand: usize| match chance.below(4) {
        0 => of_thousand,
        _ => 0,
    };
    let evil = Evil {
        death: one(20),
        leave: one(300),
        hang: one(60),
        rogue: one(60),
        cut_off: one(300),
        no_process: one(150),
        ledger: one(60),
        signal: one(15),
        output: one(3),
        full: one(200),
        abort: one(3),
        input: one(500),
    };
    match chance.below(3) {
        0 => Evil::default(),
        _ => evil,
    }
}

fn item(chance: &mut Chance, line: u64, is_named: bool, may_share: bool) -> Item {
    if chance.happens(60) {
        let reason = "no operation".to_string();
        return Item::Invalid { line, reason };
    }
    let kind = Kind::ALL[chance.below(Kind::ALL.len())];
    let is_other = chance.happens(300);
    let name = |text: &str| Name::other_side(text).expect("a name");
    let account = if is_other {
        name("other")
    } else {
        Name::default()
    };
    let to = (kind == Kind::Transfer).then(|| {
        if is_other {
            Name::default()
        } else {
            name("other")
        }
    });
    let moved = (kind != Kind::Balance).then(|| amount(chance.between(1, 90)));
    // Some operations are asked for twice, under one id.
    let id = chance
        .happens(if may_share { 150 } else { 0 })
        .then(|| format!("id-{}", chance.below(2)));
    let id = id.map(|id| Id::new(&id).expect("an id"));
    let operation = Operation::new(kind, id, account, to, moved).expect("fits");
    if is_named && chance.happens(100) {
        let outcome = Outcome::Unspent {
            view: View {
                posted: Balance::new(0),
                available: Balance::new(0),
            },
        };
        let line = Line {
            number: line,
            digest: line,
        };
        return Item::Done {
            line,
            operation,
            outcome,
        };
    }
    let number = line;
    Item::Operation {
        line: Some(Line {
            number,
            digest: number,
        }),
        operation,
    }
}
