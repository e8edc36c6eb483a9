//! Several hosts with one ledger: each a connection of its own.

use std::thread;

use super::*;
use crate::bank::Request;

#[test]
fn hosts_that_write_at_once_never_spend_the_same_money() {
    with_server(|cluster| {
        let address = cluster.new_ledger();
        execute(&mut open(&address), Kind::Deposit, None, 100);
        let withdraw = || {
            let mut ledger = open(&address);
            let posted = (0..60).filter(|_| {
                let request = Request::Execute(operation(Kind::Withdraw, None, "a", 1));
                let caller = Default::default();
                let answers = ledger.transact(&[Asked { caller, request }]);
                let outcome = answers
                    .expect("an answer")
                    .remove(0)
                    .expect("decided")
                    .outcome;
                matches!(outcome, Outcome::Posted { .. })
            });
            posted.count()
        };
        let posted: usize = thread::scope(|scope| {
            let hosts: Vec<_> = (0..4).map(|_| scope.spawn(withdraw)).collect();
            hosts
                .into_iter()
                .map(|host| host.join().expect("ended"))
                .sum()
        });
        assert_eq!(posted, 100);
        assert_eq!(balance(&mut open(&address)), 0);
    });
}

#[test]
fn a_host_whose_run_is_anothers_writes_nothing_any_more() {
    with_server(|cluster| {
        let address = cluster.new_ledger();
        let (mut paused, mut other) = (open(&address), open(&address));
        execute(&mut other, Kind::Deposit, None, 100);
        let name: RunName = "november".parse().expect("a name");
        let run = paused.begin_run(Some(&name)).expect("a run").number;
        let mut begin = Asked {
            caller: Default::default(),
            request: Request::Begin(operation(Kind::Withdraw, Some("i"), "a", 30)),
        };
        begin.caller.run = run;
        begin.caller.number = 7;
        begin.caller.has_side_effects = true;
        paused
            .transact(std::slice::from_ref(&begin))
            .expect("begun");
        let live = other.begin_run(Some(&name));
        assert!(
            matches!(live, Err(LedgerError::RunIsLive { .. })),
            "{live:?}"
        );

        change(
            &mut other,
            "UPDATE leases SET expires = clock_timestamp() - interval '1 second'",
        );
        // As long as no other has it, its own process goes on.
        execute(&mut paused, Kind::Deposit, None, 1);
        let taken = other.begin_run(Some(&name)).expect("a run");
        assert_eq!((taken.number, taken.is_new), (run, false));
        // What was begun with a command is in doubt, and its money stays set aside.
        let holds = other.holds(0).expect("holds");
        assert!(holds.len() == 1 && holds[0].in_doubt, "{holds:?}");

        for _ in 0..2 {
            let late = paused.transact(std::slice::from_ref(&begin));
            assert!(
                matches!(late, Err(LedgerError::LeaseLost { run: lost, .. }) if lost == run),
                "{late:?}"
            );
        }
        drop(paused);
        // It gives back no lease but its own.
        let again = open(&address).begin_run(Some(&name));
        assert!(
            matches!(again, Err(LedgerError::RunIsLive { .. })),
            "{again:?}"
        );
        other.end_run(run).expect("ended");
        assert_eq!(balance(&mut other), 101);
    });
}

/// Says in the lease that its holder is this process, with this changed.
fn change_holder(ledger: &mut SchemaLedger, key: &str, value: serde_json::Value) {
    let this = holder::LeaseProcess::this().and_then(|this| this.row());
    let mut holder: serde_json::Value =
        serde_json::from_str(&this.expect("a process")).expect("an object");
    holder[key] = value;
    change(ledger, &format!("UPDATE leases SET holder = '{holder}'"));
}

#[test]
fn a_run_whose_process_is_gone_from_this_host_is_not_waited_for() {
    with_server(|cluster| {
        let address = cluster.new_ledger();
        let (mut first, mut other) = (open(&address), open(&address));
        let name: RunName = "november".parse().expect("a name");
        let run = first.begin_run(Some(&name)).expect("a run").number;
        let held = other.holder_of_run(&name).expect("an answer");
        let held = held.expect("a holder");
        assert!(
            held.is_alive && held.lasts <= std::time::Duration::from_secs(30),
            "{held:?}"
        );

        // Nothing is known from here of a process of another host.
        change_holder(&mut first, "host", "db7".into());
        change(
            &mut first,
            "UPDATE leases SET holder = replace(holder, '\"boot\":\"', '\"boot\":\"x')",
        );
        let live = other.begin_run(Some(&name));
        assert!(
            matches!(live, Err(LedgerError::RunIsLive { .. })),
            "{live:?}"
        );
        let held = other.holder_of_run(&name).expect("an answer");
        let held = held.expect("a holder");
        assert!(
            !held.is_alive && held.name.ends_with("on `db7`"),
            "{held:?}"
        );

        let mut child = std::process::Command::new("true")
            .spawn()
            .expect("a process");
        change_holder(&mut other, "process", child.id().into());
        child.wait().expect("ended");
        let taken = other.begin_run(Some(&name)).expect("a run");
        assert_eq!((taken.number, taken.is_new), (run, false));
    });
}

#[test]
fn a_ledger_of_an_earlier_format_is_brought_to_this_one_and_a_later_one_is_left_alone() {
    with_server(|cluster| {
        let address = cluster.new_ledger();
        let mut earlier = open(&address);
        execute(&mut earlier, Kind::Deposit, None, 100);
        change(
            &mut earlier,
            "ALTER TABLE leases DROP COLUMN holder; UPDATE format SET bank_par = 1",
        );
        let mut upgraded: Vec<SchemaLedger> = thread::scope(|scope| {
            let opening: Vec<_> = (0..2).map(|_| scope.spawn(|| open(&address))).collect();
            let opened = opening
                .into_iter()
                .map(|opening| opening.join().expect("opened"));
            opened.collect()
        });
        let name: RunName = "november".parse().expect("a name");
        upgraded[0].begin_run(Some(&name)).expect("a run");
        // The program that had it open goes on.
        execute(&mut earlier, Kind::Deposit, None, 1);
        assert_eq!(balance(&mut upgraded[1]), 101);

        change(&mut earlier, "UPDATE format SET bank_par = 9");
        let address = PostgresAddress::of(&address).expect("an address");
        let later = Postgres::open(&address, Access::Existing)
            .err()
            .expect("refused");
        assert!(later.to_string().contains("the format 9"), "{later}");
    });
}
