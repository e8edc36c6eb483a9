//! Rows that no bank wrote, with every checksum and the chain made right again.

use super::changes::check;
use super::full::Full;

#[test]
fn a_row_that_cannot_follow_is_named_however_well_it_is_forged() {
    check(
        &Full::new(),
        true,
        &[
            (
                "UPDATE entries SET amount = 999 WHERE seq = 1",
                "the entry 1 says of `a`: posted 10.00, available 10.00, must be posted 9.99, available 9.99",
            ),
            (
                "UPDATE entries SET posted = 51 WHERE seq = 2",
                "the entry 2 says of `b`: posted 0.51",
            ),
            (
                "UPDATE entries SET available = 51 WHERE seq = 2",
                "the entry 2 says of `b`: posted 0.50, available 0.51",
            ),
            (
                "UPDATE entries SET op = 1 WHERE seq = 2",
                "the entry 2 moves money from `@loans` to `b`, as a deposit it must be from `@world`",
            ),
            (
                "UPDATE entries SET op = 4 WHERE seq = 2",
                "the entry 2 says what is no operation",
            ),
            (
                "UPDATE entries SET op = 5 WHERE seq = 2",
                "the entry 2 moves money from `@loans` to `b`, as a refill it must be from `@budget`",
            ),
            (
                "UPDATE entries SET op = 7 WHERE seq = 2",
                "the entry 2 reverses no entry",
            ),
            (
                "UPDATE entries SET op = 8 WHERE seq = 2",
                "the entry 2 says what is no operation",
            ),
            (
                "UPDATE entries SET amount = -1 WHERE seq = 2",
                "the entry 2 says what is no operation",
            ),
            (
                "UPDATE entries SET credit = debit WHERE seq = 3",
                "the entry 3 must have been refused: both sides are the same account",
            ),
            (
                "UPDATE entries SET amount = 71 WHERE seq = 4",
                "the entry 4 must have been refused: insufficient funds",
            ),
            (
                "UPDATE entries SET debit = 5 WHERE seq = 1 OR seq = 4",
                "the entry 1 moves money from `c` to `a`",
            ),
            (
                "UPDATE entries SET at = 5 WHERE seq = 2",
                "the entry 2 is of the moment 5, must be of",
            ),
            (
                "UPDATE records SET at = 5 WHERE record = 9",
                "the record 9 is of the moment 5, must be of",
            ),
            (
                "UPDATE entries SET amount = 31 WHERE seq = 5",
                "the entry 5 says None of how much more it is",
            ),
            (
                "UPDATE entries SET amount = 6 WHERE seq = 7",
                "the entry 7 spends a part or more of what a run's own work holds",
            ),
            (
                "UPDATE entries SET hold = 7 WHERE seq = 5",
                "the entry 5 is transfer `a` 0.10 to `d` under the id `part`, must be transfer `a` 0.30 to `d` under the id `void`",
            ),
            (
                "UPDATE entries SET hold = 10 WHERE seq = 5",
                "the entry 5 ends the hold 10, which is not open",
            ),
            (
                "UPDATE entries SET hold = NULL WHERE seq = 5",
                "the entry 5 says of `a`: posted 8.90, available 8.00, must be posted 8.90, available 7.70",
            ),
            (
                "UPDATE entries SET line = 9 WHERE seq = 7",
                "the entry 7 says line 9 of run 1, must be line 1 of run 1",
            ),
            (
                "UPDATE entries SET run = NULL WHERE seq = 8",
                "the entry 8 is line 3 of no run",
            ),
            (
                "UPDATE entries SET line = 1 WHERE seq = 8",
                "the entry 8 posts the line 1 of the run 1 again",
            ),
            (
                "UPDATE entries SET id = 'first' WHERE seq = 2",
                "the entry 2 posts the id `first` again, after the entry 1",
            ),
            (
                "UPDATE entries SET id = 'look' WHERE seq = 6",
                "the entry 6 is about the id `look`, which the record 4 has settled",
            ),
            (
                "UPDATE entries SET id = 'open' WHERE seq = 6",
                "the entry 6 is about the id `open`, which the record 8 holds",
            ),
            (
                "UPDATE entries SET id = 'again', amount = 1 WHERE seq = 2",
                "the entry 2 says of `b`",
            ),
            (
                "UPDATE records SET id = 't' WHERE record = 4",
                "the record 4 is about the id `t`, which the entry 3 has posted",
            ),
            (
                "UPDATE records SET id = NULL WHERE record = 4",
                "the record 4 has neither an id nor a line",
            ),
            (
                "UPDATE records SET amount = 61 WHERE record = 1",
                "the entry 4 is about the id `again`, which the record 1 has settled",
            ),
            (
                "UPDATE records SET amount = 50 WHERE record = 1",
                "the record 1 is refused: insufficient funds, must not be refused",
            ),
            (
                "UPDATE records SET rejection = 3 WHERE record = 1",
                "the record 1 is refused at its end, and nothing of it was given back",
            ),
            (
                "UPDATE records SET rejection = 2 WHERE record = 1",
                "the record 1 is refused: both sides are the same account, must be: insufficient funds",
            ),
            (
                "UPDATE records SET rejection = 99 WHERE record = 1",
                "the record 1 is refused for an unknown reason",
            ),
            (
                "UPDATE records SET rejection = NULL WHERE record = 1",
                "the record 1 says no `rejection`",
            ),
            (
                "UPDATE records SET posted = 1, available = 1 WHERE record = 2",
                "the record 2 says posted 0.01, available 0.01, must be no balance",
            ),
            (
                "UPDATE records SET kind = 12 WHERE record = 4",
                "the record 4 is of the kind 12",
            ),
            (
                "UPDATE records SET overdraft = 1 WHERE record = 4",
                "the record 4 says `overdraft`",
            ),
            (
                "UPDATE records SET account = 'z' WHERE record = 4",
                "the record 4 says of `z`: posted 9.00, available 9.00, must be posted 0.00",
            ),
            (
                "UPDATE records SET overdraft = 9 WHERE record = 5",
                "the entry 4 must have been refused: insufficient funds",
            ),
            (
                "UPDATE records SET overdraft = -9 WHERE record = 5",
                "the record 5 sets a limit that is none",
            ),
            (
                "UPDATE records SET posted = 51 WHERE record = 5",
                "the record 5 says of `b`: posted 0.51",
            ),
            (
                "UPDATE records SET account = '@world' WHERE record = 5",
                "the record 5 `@` names are the bank's own",
            ),
            (
                "UPDATE records SET seq = 3 WHERE record = 6",
                "the entry 4 is of the moment",
            ),
            (
                "UPDATE records SET amount = 901 WHERE record = 6",
                "the record 6 must have been refused: insufficient funds",
            ),
            (
                "UPDATE records SET number = 1, expires = 1 WHERE record = 6",
                "the record 6 is held by a run, and so cannot expire",
            ),
            (
                "UPDATE records SET kind = 2 WHERE record = 12",
                "the record 12 gives back a hold that does not expire",
            ),
            (
                "UPDATE records SET ticks = ticks + 1000000 WHERE record = 10",
                "the record 11 gives back a hold at",
            ),
            (
                "UPDATE records SET boot = boot + 1, expires = expires + 1000000 WHERE record = 10",
                "the record 11 gives back a hold at",
            ),
            (
                "UPDATE records SET boot = NULL, ticks = NULL, expires = at + 1000000 WHERE record = 10; UPDATE records SET boot = NULL, ticks = NULL, expires = NULL WHERE record = 11",
                "the record 11 gives back a hold at",
            ),
            (
                "UPDATE records SET hold = 9 WHERE record = 12",
                "the record 12 is transfer `a` 0.30 to `d` under the id `void`, must be",
            ),
            (
                "UPDATE records SET amount = 29 WHERE record = 12",
                "the record 12 is transfer `a` 0.29",
            ),
            (
                "UPDATE records SET hold = NULL WHERE record = 12",
                "the record 12 says no `hold`",
            ),
            (
                "INSERT INTO runs VALUES (9, NULL, 0, 0, 0, NULL); UPDATE records SET run = 9 WHERE record = 13",
                "the entry 7 says line 1 of run 1, must be line 1 of run 9",
            ),
            (
                "UPDATE records SET run = 9 WHERE record = 15",
                "the record 15 says run 9, must be run 1",
            ),
            (
                "UPDATE records SET hold = NULL WHERE record = 18; UPDATE records SET available = 820 WHERE record = 18",
                "the record 18 says of `a`: posted 8.79, available 8.20",
            ),
            (
                "UPDATE accounts SET posted = posted + 1 WHERE name = 'a'",
                "the account number 3 (`a`) says posted 8.80",
            ),
            (
                "UPDATE accounts SET held = held - 1 WHERE name = 'a'",
                "the account number 3 (`a`) says posted 8.79, held 0.59",
            ),
            (
                "UPDATE accounts SET floor = -9 WHERE name = 'a'",
                "the account number 3 (`a`) says posted 8.79, held 0.60, at least -0.09",
            ),
            (
                "INSERT INTO accounts VALUES (7, 'e', 0, 0, 0, 0, NULL, NULL, NULL)",
                "the account number 7 is `e`, which no entry and no record opened",
            ),
            (
                "UPDATE accounts SET account = 9 WHERE name = 'd'; UPDATE entries SET credit = 9 WHERE credit = 6",
                "the account number 9 (`d`) must have the number 6",
            ),
            (
                "UPDATE holds SET amount = 29 WHERE hold = 8",
                "the row of the hold 8 says transfer `a` 0.29",
            ),
            (
                "UPDATE holds SET expires = 1 WHERE hold = 8",
                "the row of the hold 8 says transfer `a` 0.30 to `d` under the id `open`, held since",
            ),
            (
                "INSERT INTO holds SELECT 10, at, op, account, other, amount, id, run, number, expires, doubt, line_run, line, digest, 0, NULL, NULL, NULL FROM holds WHERE hold = 8",
                "the hold 10 must not be there",
            ),
        ],
    );
}

#[test]
fn a_doubt_that_cannot_be_is_named_however_well_it_is_forged() {
    check(
        &Full::with_doubts(),
        true,
        &[
            (
                "UPDATE entries SET line = 99 WHERE id = 'retried'",
                "the entry 9 says line 99 of run 1, must be line 21 of run 1, as it was begun",
            ),
            (
                "UPDATE entries SET run = NULL, line = NULL, digest = NULL WHERE id = 'by hand'",
                "the entry 10 says no line of run 0, must be line 22 of run 1, as it was begun",
            ),
            (
                "UPDATE records SET rejection = 12 WHERE id = 'stranger' AND kind = 3",
                "the record 2 is refused at its end, and nothing of it was given back just before",
            ),
            (
                "UPDATE records SET doubt = NULL WHERE id = 'retried' AND kind = 0",
                "the record 21 doubts a hold whose work has no consequences",
            ),
            (
                "UPDATE records SET kind = 6 WHERE id = 'unspent' AND kind = 8",
                "the record",
            ),
            (
                "UPDATE records SET id = 'other' WHERE id = 'declined' AND kind = 3",
                "the record 29 is refused at its end, and nothing of it was given back just before",
            ),
            (
                "UPDATE holds SET line = 99 WHERE id = 'has_side_effects'",
                "the row of the hold 30 says withdraw `a` 0.20 under the id `has_side_effects`, held since",
            ),
        ],
    );
}
