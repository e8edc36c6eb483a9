//! Right histories are not accused.

use super::*;

/// All traits of a made history.
fn all_traits() -> impl Iterator<Item = Traits> {
    (0..16).map(|bits| Traits {
        lasts: bits & 1 != 0,
        works: bits & 2 != 0,
        ids: bits & 4 != 0,
        overlaps: bits & 8 != 0,
    })
}

#[test]
fn a_thousand_right_histories_are_not_accused() {
    for traits in all_traits() {
        for seed in 0..63 {
            let lines = made(seed, 40, traits);
            let checked = checked(&lines);
            let text = || {
                lines
                    .iter()
                    .map(|line| format!("{line}\n"))
                    .collect::<String>()
            };
            assert!(
                contradiction(&checked).is_none(),
                "seed {seed}, {traits:?}: {checked:#?}\n{}",
                text()
            );
            assert_eq!(
                checked.judgement(),
                Judgement::Right,
                "seed {seed}, {traits:?}: {checked:#?}\n{}",
                text()
            );
        }
    }
}

/// What is left of a line for those who keep no order.
fn without_order(mut line: Value) -> Value {
    let fields = line.as_object_mut().expect("an object");
    fields.remove("decided");
    fields.remove("seq");
    line
}

#[test]
fn right_histories_without_an_order_are_not_accused() {
    for traits in all_traits() {
        for seed in 0..20 {
            let lines: Vec<Value> = made(seed, 30, traits)
                .into_iter()
                .map(without_order)
                .collect();
            let checked = checked(&lines);
            assert!(
                contradiction(&checked).is_none(),
                "seed {seed}, {traits:?}: {checked:#?}"
            );
        }
    }
}

#[test]
fn a_part_of_a_right_history_is_not_accused() {
    for traits in all_traits() {
        for seed in 0..40 {
            let mut rng = Rng::new(seed + 77);
            let mut lines = made(seed, 40, traits);
            lines.retain(|line| line["type"] == "run_started" || rng.below(5) > 0);
            let checked = checked(&lines);
            // A run in memory claims to be whole only with its summary.
            assert!(
                contradiction(&checked).is_none(),
                "seed {seed}, {traits:?}: {checked:#?}\n{}",
                lines
                    .iter()
                    .map(|line| format!("{line}\n"))
                    .collect::<String>()
            );
        }
    }
}

#[test]
fn several_files_of_one_ledger_are_put_together() {
    for seed in 0..40 {
        let traits = Traits {
            lasts: true,
            works: true,
            ids: true,
            overlaps: true,
        };
        let lines = made(seed, 60, traits);
        let mut files = vec![vec![lines[0].clone()]; 3];
        let mut rng = Rng::new(seed);
        let mut owner = [0; 100];
        for line in &lines[1..] {
            let number = line["operation"].as_u64().expect("a number") as usize;
            if owner[number] == 0 {
                owner[number] = 1 + rng.below(3) as usize;
            }
            files[owner[number] - 1].push(line.clone());
        }
        let files: Vec<&[Value]> = files.iter().map(Vec::as_slice).collect();
        let checked = check(&histories(&files));
        assert_eq!(
            checked.judgement(),
            Judgement::Right,
            "seed {seed}: {checked:#?}"
        );
        let alone = check(&histories(&files[..1]));
        assert!(contradiction(&alone).is_none(), "seed {seed}: {alone:#?}");
    }
}
