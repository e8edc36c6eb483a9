//! The contradiction that is shown is a smallest one: tried against every smaller part.

use serde_json::Value;

use super::generated::{Rng, Traits, made};
use super::*;

/// Whether these answers of a history contradict each other when nothing is known of the others.
fn contradicts(history: &ObservedHistory, all: &[u32], kept: &[u32]) -> bool {
    let mut order = ClaimedOrder::of(history, all).expect("an order");
    assert_eq!(order.count(history), None);
    let mut replay = RuleReplay::new(history, false);
    let mut gaps = order.gaps.iter().peekable();
    for (position, number) in (0..).zip(&order.answers) {
        while let Some(gap) = gaps.next_if(|gap| gap.before <= position) {
            replay.pass_gap(gap.entries);
        }
        match kept.contains(number) {
            true if replay.step(*number).is_err() => return true,
            true => {}
            false => replay.forget(*number),
        }
    }
    false
}

/// Writes another balance in one of the lines, if there is one with a balance.
fn change_a_balance(lines: &mut [Value], rng: &mut Rng) -> bool {
    let place = rng.below(lines.len() as u64) as usize;
    let line = &mut lines[place];
    if place == 0 || line["balance"].is_null() || line["duplicate"] == true {
        return false;
    }
    let field = ["balance", "available"][rng.below(2) as usize];
    let minor = line[field].as_str().expect("money").replace('.', "");
    let minor: i64 = minor.parse().expect("digits");
    let other = crate::bank::Balance::new(minor - 1);
    line[field] = other.to_string().into();
    if field == "balance" {
        line["available"] = line["balance"].clone();
    }
    true
}

#[test]
fn no_answer_of_a_contradiction_can_be_left_out() {
    let (mut tried, mut several) = (0, 0);
    for seed in 0..400 {
        let mut rng = Rng::new(seed);
        let traits = Traits {
            lasts: true,
            works: seed % 2 == 0,
            ids: seed % 3 == 0,
            overlaps: false,
        };
        let mut lines = made(seed, 25, traits);
        if !change_a_balance(&mut lines, &mut rng) {
            continue;
        }
        let history = history(&lines);
        let checked = check(&history);
        let Some(found) = &checked.tiers[1].contradiction else {
            continue;
        };
        let all: Vec<u32> = (0..history.observed.len() as u32).collect();
        assert!(found.is_smallest, "seed {seed}");
        if found.answers.len() > 12 || !contradicts(&history, &all, &found.answers) {
            continue;
        }
        tried += 1;
        several += usize::from(found.answers.len() > 1);
        for left_out in &found.answers {
            let rest: Vec<u32> = found
                .answers
                .iter()
                .copied()
                .filter(|one| one != left_out)
                .collect();
            assert!(
                !contradicts(&history, &all, &rest),
                "seed {seed}: {found:?} without {left_out}"
            );
        }
    }
    assert!(tried > 100 && several > 50, "{tried}, {several}");
}
