//! Orders that threads take. Those that processes take need the program, and are in `tests/it`.

use super::*;
use crate::explore::StepResult;
use crate::explore::{play, read_token};

fn take(scenario: &Scenario, played: &Played, times: u32) -> Replayed {
    let by = (times, StepTakers::Threads);
    replay(scenario, played, by, |_| Ok(StepPace::default())).expect("turns")
}

fn check(token: &str) {
    let (scenario, order) = read_token(token).expect("a token");
    let played = play(&scenario, &order).expect("an order");
    let replayed = take(&scenario, &played, 100);
    assert_eq!(
        (replayed.reproduced, replayed.differently),
        (100, None),
        "{token}"
    );
    let expected: Vec<StepSeen> = played.steps.iter().map(StepSeen::from).collect();
    let seen = replayed.last.expect("an end").steps;
    assert_eq!(seen, expected, "{token}");
    // Were it to go or to end otherwise, it would be seen.
    let mut other_end = played.clone();
    other_end.verdict.ends[0].0 += 1;
    let mut other_step = played.clone();
    other_step.steps[0].result = StepResult::Changed;
    for other in [other_end, other_step] {
        let replayed = take(&scenario, &other, 2);
        assert_eq!(replayed.reproduced, 0, "{token}");
        assert!(replayed.differently.is_some(), "{token}");
    }
}

#[test]
fn threads_end_where_the_order_ends() {
    for token in [
        "x1/none/main=1000/w500,d500/1221",
        "x1/none/main=1000/w500,d500,t500,l500/11223443",
        "x1/none/main=1000/w600,w600/112",
        "x1/none/main=1000,b=5/t600=main=b,t3=b=main,d1/122331",
        "x1/cas/main=1000/w500,d500/12122",
        "x1/cas/main=1000/w600,w600/1212",
        "x1/lock/main=1000/w600,w600/1111222",
        "x1/mutex-per-account/a=10,b=10/t5=a=b,t5=b=a/12",
        "x1/mutex-in-order/a=10,b=10/t5=a=b,t5=b=a/111111222222",
        "x1/owner/main=1000/w600,w600/21",
        "x1/owner-with-work/main=1000/w600,w500,d5/13231",
    ] {
        check(token);
    }
}

#[test]
fn a_key_takes_a_step_and_shows_it() {
    use std::cell::RefCell;
    use std::rc::Rc;
    use std::sync::mpsc::channel;
    let (scenario, order) = read_token("x1/none/main=10/w5,d5/1221").expect("a token");
    let played = play(&scenario, &order).expect("an order");
    for keys in 0..4 {
        let (sender, receiver) = channel();
        let typed = [StepKey::Next; 4].into_iter().take(keys);
        typed.for_each(|key| sender.send(key).expect("a receiver"));
        drop(sender);
        let shown = Rc::new(RefCell::new(Vec::new()));
        let show = Rc::clone(&shown);
        let spectator =
            move |number, step: &StepSeen| show.borrow_mut().push((number, step.clone()));
        let mut pace = Some(StepPace::by_key(receiver, Box::new(spectator)));
        let by = (1, StepTakers::Threads);
        let replayed = replay(&scenario, &played, by, |_| Ok(pace.take().expect("once")));
        assert!(matches!(replayed, Err(ReplayError::Left(left)) if left == keys));
        let expected = played.steps.iter().map(StepSeen::from).enumerate();
        let expected: Vec<_> = expected.take(keys).collect();
        assert_eq!(*shown.borrow(), expected);
    }
}
