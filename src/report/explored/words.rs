//! What steps are called.

use super::money;
use crate::explore::StepSeen;
use crate::explore::{Played, Scenario, StepResult, StepTaken};
use crate::sharing::{NextStep, Part, Sharing, SharingMethod};

/// How operations share, in one line.
pub(super) fn method(method: SharingMethod) -> &'static str {
    match method.sharing {
        Sharing::Unguarded => {
            "each reads the balance, then writes a new one, come what may between"
        }
        Sharing::CompareAndSet => {
            "each reads the balance, and writes if none wrote since, else again"
        }
        Sharing::Lock => "each takes the lock, reads, writes, and gives the lock back",
        Sharing::LockPerAccount if method.lock_order => {
            "each takes its two accounts' locks, in the order of the names"
        }
        Sharing::LockPerAccount => "each takes its two accounts' locks, the debit side's first",
        Sharing::Owner => "each asks the owner, which decides in one step",
        Sharing::OwnerWithWork => "each asks the owner to set money aside, works, and asks to post",
    }
}

/// The word for a step in JSON.
pub(super) fn step(step: NextStep) -> &'static str {
    match step {
        NextStep::Acquire(_) => "acquire",
        NextStep::Read => "read",
        NextStep::Write => "write",
        NextStep::CompareAndSet => "compare_and_set",
        NextStep::Release(_) => "release",
        NextStep::Ask(Part::Whole) => "ask",
        NextStep::Ask(Part::Begin) => "begin",
        NextStep::Ask(Part::Post) => "post",
    }
}

/// The word for what came of a step in JSON.
pub(super) fn step_result(result: StepResult) -> &'static str {
    match result {
        StepResult::Done => "done",
        StepResult::Refused => "refused",
        StepResult::Changed => "changed",
        StepResult::ChangedAndRefused => "changed_and_refused",
    }
}

/// The letter for a step, where there is room for no more.
pub(super) fn letter(taken: &StepSeen) -> char {
    match (taken.step, taken.result) {
        (_, StepResult::Refused) => '-',
        (_, StepResult::Changed | StepResult::ChangedAndRefused) => '!',
        (NextStep::Acquire(_), _) => '(',
        (NextStep::Release(_), _) => ')',
        (NextStep::Read, _) => 'r',
        (NextStep::Write | NextStep::CompareAndSet, _) => 'w',
        (NextStep::Ask(Part::Begin), _) => 'b',
        (NextStep::Ask(_), _) => 'p',
    }
}

/// A step in a few words, with what it read or wrote.
pub(super) fn phrase(scenario: &Scenario, taken: &StepSeen) -> String {
    let name = |lock: usize| {
        let locked = scenario.locked_places(taken.process, lock);
        locked
            .first()
            .map_or("", |place| scenario.places()[*place].name.as_str())
    };
    let whole = scenario.method().sharing == Sharing::Lock;
    let balances = balances(scenario, taken);
    let text = match (taken.step, taken.result) {
        (NextStep::Acquire(_), _) if whole => "lock".to_string(),
        (NextStep::Release(_), _) if whole => "unlock".to_string(),
        (NextStep::Acquire(lock), _) => format!("lock {}", name(lock)),
        (NextStep::Release(lock), _) => format!("unlock {}", name(lock)),
        (NextStep::Ask(_), StepResult::Refused) => format!("refused at {balances}"),
        (NextStep::Ask(Part::Begin), _) => format!("begin at {balances}"),
        (NextStep::Ask(Part::Whole | Part::Post), _) => format!("post {balances}"),
        (_, StepResult::Changed) => format!("now {balances}: again"),
        (_, StepResult::ChangedAndRefused) => format!("now {balances}: refused"),
        (_, StepResult::Refused) => format!("read {balances}: refused"),
        (NextStep::Read, StepResult::Done) => format!("read {balances}"),
        (NextStep::Write | NextStep::CompareAndSet, StepResult::Done) => {
            format!("write {balances}")
        }
    };
    text.trim_end().to_string()
}

/// The users' balances that a step saw or left; where there are several users, with their names.
fn balances(scenario: &Scenario, taken: &StepSeen) -> String {
    let places = scenario.places();
    let users = |place: &usize| !places[*place].name.is_the_banks();
    let several = (0..places.len()).filter(users).count() > 1;
    let sides = scenario.sides(taken.process).into_iter().zip(taken.sides);
    let shown = sides.filter(|(place, _)| users(place));
    let shown = shown.filter_map(|(place, minor)| match several {
        true => Some(format!("{} {}", places[place].name, money(minor?))),
        false => Some(money(minor?)),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Who waits for whom, for ever, a line for each operation that does.
pub(super) fn waiting(scenario: &Scenario, played: &Played) -> String {
    let name = |place: &usize| scenario.places()[*place].name.as_str();
    let line = |(process, places): &(usize, Vec<usize>)| {
        let holders = places.iter().filter_map(|place| {
            let holder = holder(scenario, played, *place)?;
            Some(format!("{}, which {} holds", name(place), holder + 1))
        });
        let holders: Vec<String> = holders.collect();
        format!(
            "{} waits for {}.\n",
            process + 1,
            holders.join(", and for ")
        )
    };
    let lines: String = played.waiting.iter().map(line).collect();
    format!("{lines}None of them can ever go on: a deadlock.\n")
}

/// The operation that holds the lock of an account at the end.
fn holder(scenario: &Scenario, played: &Played, place: usize) -> Option<usize> {
    let mut holder = None;
    for taken in &played.steps {
        let locks = |lock| scenario.locked_places(taken.process, lock).contains(&place);
        match taken.step {
            NextStep::Acquire(lock) if locks(lock) => holder = Some(taken.process),
            NextStep::Release(lock) if locks(lock) => holder = None,
            _ => {}
        }
    }
    holder
}

/// The writes that wrote over others which their operation had not seen: which step, and the operations
/// whose writes those were.
pub(super) fn blind_writes(scenario: &Scenario, played: &Played) -> Vec<(usize, Vec<usize>)> {
    let shares = |one: usize, other: usize| {
        let sides = scenario.sides(other);
        scenario
            .sides(one)
            .iter()
            .any(|place| sides.contains(place))
    };
    let mut found = Vec::new();
    for (at, write) in played.steps.iter().enumerate() {
        if write.step != NextStep::Write {
            continue;
        }
        let before = &played.steps[..at];
        let own = |taken: &StepTaken| taken.process == write.process;
        let Some(read) = before.iter().rposition(own) else {
            continue;
        };
        let lost = before[read..]
            .iter()
            .filter(|taken| taken.step == NextStep::Write && shares(taken.process, write.process));
        let lost: Vec<usize> = lost.map(|taken| taken.process).collect();
        if !lost.is_empty() {
            found.push((at, lost));
        }
    }
    found
}

/// Which writes of an account others wrote over without having seen them, a line for each operation
/// that did.
pub(super) fn overwritten(scenario: &Scenario, played: &Played) -> Vec<String> {
    let line = |(at, lost): (usize, Vec<usize>)| {
        let who = played.steps[at].process + 1;
        let numbers: Vec<String> = lost.iter().map(|one| (one + 1).to_string()).collect();
        match &numbers[..] {
            [one] => format!("{who} wrote over the write of {one}, which it had not seen."),
            many if many.len() <= 8 => format!(
                "{who} wrote over the writes of {}, which it had not seen.",
                many.join(", ")
            ),
            many => format!(
                "{who} wrote over the writes of {} others, which it had not seen.",
                many.len()
            ),
        }
    };
    let found = blind_writes(scenario, played);
    found.into_iter().map(line).collect()
}
