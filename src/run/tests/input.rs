//! What is read, how many workers are started for it, and what a run that ends early asks of the input.

use super::*;

#[test]
fn a_run_that_was_stopped_asks_whether_the_input_had_more() {
    for (items, status) in [(vec![], "Posted"), (vec![item(2)], "EndedEarly")] {
        let mut bench = Bench::begun(1, Box::new(AsArrived));
        let rest = InputState::More;
        let one = vec![item(1)];
        let words = bench.handle(Input::Took { items: one, rest });
        assert_eq!(words, ["spawn 1", "take"]);
        bench.handle(Input::Spawned { worker: 1, pid: 1 });
        bench.arrived(1, Arrived::Ready);
        assert_eq!(bench.turn(), ["assign 1: 1"], "it has asked already");
        let (none, rest) = (Vec::new(), InputState::More);
        assert_eq!(bench.handle(Input::Took { items: none, rest }), ["take"]);
        bench.ask(Ask::Execute);
        bench.handle(Input::Signal(2));
        bench.decided(POSTED());
        assert_eq!(bench.turn(), ["close 1"]);
        let exit = Exit::Status(0);
        bench.handle(Input::Exited { worker: 1, exit });
        assert_eq!(bench.arrived(1, Arrived::Closed), ["take"]);
        let rest = InputState::Ended;
        let closes = bench.handle(Input::Took { items, rest });
        assert_eq!(closes, [r#"CloseLedger([Name("main")])"#]);
        let (standings, elapsed) = (Vec::new(), MINUTE);
        bench.handle(Input::LedgerClosed { standings, elapsed });
        let last = bench.told.last().expect("an end");
        assert_eq!(*last, format!("ended with {status}"));
    }
}

#[test]
fn an_input_that_cannot_be_read_is_told_once() {
    let mut bench = Bench::begun(1, Box::new(AsArrived));
    let (items, rest) = (Vec::new(), InputState::Failed("broken".to_string()));
    let words = bench.handle(Input::Took { items, rest });
    assert_eq!(words, [r#"Say("error: broken")"#, "CloseLedger([])"]);
    let (standings, elapsed) = (Vec::new(), MINUTE);
    bench.handle(Input::LedgerClosed { standings, elapsed });
    assert_eq!(bench.told, ["ended with Usage"]);
}

/// Tells that the last worker exists, and those that are started then, until no more are: how many workers that makes.
fn started(bench: &mut Bench) -> usize {
    loop {
        let count = bench.run.workers.len();
        let worker = u32::try_from(count).expect("few");
        let pid = worker;
        let words = bench.handle(Input::Spawned { worker, pid });
        match words.as_slice() {
            [] => return count,
            words => assert_eq!(words, [format!("spawn {}", count + 1)]),
        }
    }
}

#[test]
fn few_workers_are_started_in_a_turn_and_no_more_than_there_is_to_do() {
    let mut bench = Bench::new(100, 100);
    let first = started(&mut bench);
    assert!((2..20).contains(&first), "{first}");
    assert_eq!(bench.run.wake_at(bench.now), bench.now, "more may follow");
    assert_eq!(bench.turn(), [format!("spawn {}", first + 1)]);
    assert!(started(&mut bench) < first + 20);

    let mut bench = Bench::new(2, 100);
    assert_eq!(started(&mut bench), 2);
    assert_eq!(bench.turn(), [""; 0]);
}

#[test]
fn where_operations_have_a_pace_few_workers_wait_for_the_next() {
    let mut bench = Bench::new(50, 50);
    bench.run.settings.pacing.spacing = MINUTE;
    for _ in 0..10 {
        bench.turn();
        started(&mut bench);
    }
    assert!((2..10).contains(&bench.run.workers.len()));
    bench.arrived(1, Arrived::Ready);
    bench.turn();
    assert_eq!(bench.run.next_handout(), Some(MINUTE));
}

#[test]
fn a_worker_takes_as_many_at_a_time_as_its_settings_say() {
    let mut settings = Bench::new(1, 4).run.settings;
    assert_eq!((settings.window(), settings.first_share()), (1, 1));
    settings.pace = Pace::NONE;
    let lasts = settings.window();
    settings.ledger = None;
    let in_memory = settings.window();
    assert!(lasts > in_memory && in_memory > 100, "{lasts}, {in_memory}");
    assert_eq!(settings.first_share(), in_memory);
    settings.ops_per_worker = Some(7);
    assert_eq!(settings.first_share(), 7);
    (settings.in_hand, settings.ops_per_worker) = (Some(3), Some(7));
    assert_eq!((settings.window(), settings.first_share()), (3, 3));
}

#[test]
fn work_counts_where_it_was_done_and_its_operation_not_refused() {
    let repeated = Answer::repeated(POSTED());
    let refused = Outcome::Refused {
        rejection: Rejection::InsufficientFunds,
        view: None,
    };
    for (answer, counts) in [
        (POSTED().into(), true),
        (repeated, false),
        (refused.into(), false),
    ] {
        let mut bench = given(1);
        bench.ask(Ask::Execute);
        let reply = ReplyBody::Decided(answer);
        bench.answered(Outgoing::Reply(1 << 32 | 1, reply));
        assert_eq!(!bench.run.tally.worked.is_zero(), counts);
    }
}

#[test]
fn a_run_with_a_name_says_how_to_go_on_unless_it_did_everything() {
    let mut bench = Bench::new(1, 1);
    bench.run.settings.named = Some(Named {
        name: "november".to_string(),
        begun: Default::default(),
        ids: LineIds::new("november", true),
        retry_refused: false,
        from_stdin: true,
        words: "bank-par pipe --run november".to_string(),
    });
    let mut summary = std::mem::take(&mut bench.run.tally).check(Mode::Pipe, Vec::new());
    assert_eq!(bench.run.advice(&summary), None);
    summary.failed = 1;
    let advice = bench.run.advice(&summary).expect("an advice");
    assert!(advice.ends_with("--run november"), "{advice}");
}
