//! An order that a person takes step by step: where it has led, and what can still become of it.

use serde_json::{Value, json};

use crate::bank::{Decimal, Operation};
use crate::explore::{
    OrderVerdict, Scenario, StepResult, StepTaken, TokenError, read_begun_token, token,
};
use crate::sharing::NextStep;

/// What the page shows of a token whose order has begun.
pub(super) fn begun(text: &str) -> Result<Value, TokenError> {
    let (scenario, order, walked) = read_begun_token(text)?;
    let operations: Vec<Value> = scenario.operations().iter().map(operation).collect();
    let steps: Vec<Value> = walked
        .steps
        .iter()
        .map(|step| told(&scenario, step))
        .collect();
    Ok(json!({
        "token": token(&scenario, &order),
        "operations": operations,
        "steps": steps,
        "able": walked.able,
        "can_end_well": walked.prospects.map(|found| found.well),
        "can_end_wrong": walked.prospects.map(|found| found.wrong),
        "end": walked.verdict.map(|verdict| ended(&scenario, &verdict)),
    }))
}

fn operation(operation: &Operation) -> Value {
    let amount = operation.amount();
    json!({
        "op": operation.kind().word(),
        "amount": amount.map(|amount| Decimal::new(amount.minor()).as_str().to_string()),
    })
}

fn told(scenario: &Scenario, taken: &StepTaken) -> Value {
    let step = match taken.step {
        NextStep::Acquire(_) => "takes the lock",
        NextStep::Read => "reads",
        NextStep::Write => "writes",
        NextStep::CompareAndSet => "compares and sets",
        NextStep::Release(_) => "gives the lock back",
        NextStep::Ask(_) => "asks the owner",
    };
    let result = match taken.result {
        StepResult::Done => None,
        StepResult::Refused => Some("is refused"),
        StepResult::Changed => Some("it has changed: reads anew"),
        StepResult::ChangedAndRefused => Some("it has changed, and is refused"),
    };
    let has_sides = !matches!(taken.step, NextStep::Acquire(_) | NextStep::Release(_));
    let sides = scenario.sides(taken.process).into_iter().zip(taken.sides);
    let sides = sides.filter(|_| has_sides);
    let balances: Vec<Value> = sides
        .map(|(place, held)| balance(scenario, place, held))
        .collect();
    json!({ "process": taken.process, "step": step, "met": result, "balances": balances })
}

fn balance(scenario: &Scenario, place: usize, held: i64) -> Value {
    let account = &scenario.places()[place];
    json!({ "account": account.name.as_str(), "balance": Decimal::new(held).as_str() })
}

fn ended(scenario: &Scenario, verdict: &OrderVerdict) -> Value {
    let ends = verdict.ends.iter().enumerate();
    let balances: Vec<Value> = ends
        .map(|(place, (held, must))| {
            let mut told = balance(scenario, place, *held);
            told["expected"] = json!(Decimal::new(*must).as_str());
            told
        })
        .collect();
    json!({ "wrong": verdict.wrong_anywhere(), "deadlock": verdict.deadlock, "balances": balances })
}
