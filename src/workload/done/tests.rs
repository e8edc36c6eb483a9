mod corrected;

use proptest::prelude::*;

use super::*;
use crate::bank::{Name, Rejection};
use crate::workload::lines::{InputLine, LineSplitter, MAX_LINE};
use crate::workload::parse::Parser;
use crate::workload::{Defaults, WorkloadFormat};

/// What a run made of its input.
#[derive(Debug)]
struct Read {
    /// `7` for a line to run, `7 done` for one that was done, `7 invalid`.
    items: Vec<String>,
    /// The lines to run.
    lines: Vec<Line>,
    change: Option<Change>,
}

fn read_with(chunks: &[&[u8]], account: &str, done: RunProgress) -> Read {
    let defaults = Defaults {
        account: Name::user(account).expect("a name"),
        to: None,
        bank_decides: true,
    };
    let is_csv = chunks.concat().starts_with(b"op");
    let format = (!is_csv).then_some(WorkloadFormat::JsonLines);
    let mut parser = Parser::new(format, defaults);
    let mut continued = Continued::new(done);
    let mut lines = LineSplitter::default();
    let mut found = Vec::new();
    let mut each = |line: InputLine<'_>| {
        let item = parser.item(&line).expect("a header");
        continued.take(&line, item)?;
        found.extend(std::iter::from_fn(|| continued.next()));
        Ok(())
    };
    let change = chunks
        .iter()
        .try_for_each(|chunk| lines.split(chunk, &mut each))
        .and_then(|()| lines.finish(&mut each))
        .and_then(|()| {
            continued.finish()?;
            found.extend(std::iter::from_fn(|| continued.next()));
            Ok(())
        })
        .err();
    let show = |item: &Item| match item {
        Item::Operation { line, .. } => line.expect("a line").number.to_string(),
        Item::Done { line, .. } => format!("{} done", line.number),
        Item::Skipped { line, .. } => format!("{} skipped", line.number),
        Item::Invalid { line, .. } => format!("{line} invalid"),
    };
    Read {
        items: found.iter().map(show).collect(),
        lines: found
            .iter()
            .filter_map(|item| match item {
                Item::Operation { line, .. } => *line,
                _ => None,
            })
            .collect(),
        change,
    }
}

fn read(input: &str, done: RunProgress) -> Read {
    read_with(&[input.as_bytes()], "main", done)
}

/// A run of which each digest is over all lines up to its own.
fn up_to_line(lines: Vec<(Line, Outcome)>, retry_refused: bool) -> RunProgress {
    let lines = lines.into_iter();
    let lines = lines.map(|(line, outcome)| (line, Protection::Decided(outcome)));
    let rule = LineDigests::UpToLine;
    RunProgress::new("november".into(), rule, lines.collect(), retry_refused)
}

/// A run of which each digest is over its line alone.
fn of_line(lines: Vec<(Line, Protection)>) -> RunProgress {
    RunProgress::new("november".into(), LineDigests::OfLine, lines, false)
}

fn none() -> RunProgress {
    up_to_line(Vec::new(), false)
}

fn refused() -> Outcome {
    Outcome::Refused {
        rejection: Rejection::InsufficientFunds,
        view: None,
    }
}

fn posted(seq: u64) -> Outcome {
    let view = crate::bank::Account::new(crate::bank::Balance::new(0)).view();
    let amount = crate::bank::Amount::new(1).expect("positive");
    Outcome::Posted { seq, amount, view }
}

/// What a run that has done these lines of `before` makes of `now`.
fn repeat(before: &str, done: &[u64], now: &str) -> Read {
    let lines = read(before, none()).lines.into_iter();
    let done = lines.filter(|line| done.contains(&line.number));
    let done = done.map(|line| (line, posted(line.number))).collect();
    read(now, up_to_line(done, false))
}

fn deposits(amounts: impl IntoIterator<Item = u32>) -> String {
    let line = |amount| format!("{{\"op\":\"deposit\",\"amount\":{amount}}}\n");
    amounts.into_iter().map(line).collect()
}

fn changed(lines: RangeInclusive<u64>) -> Option<Change> {
    let run = "november".into();
    Some(Change::Lines { run, lines })
}

#[test]
fn what_is_done_is_told_and_the_rest_is_run() {
    let check = |done: &[u64], expected: &[&str]| {
        let input = deposits(1..=5);
        let again = repeat(&input, done, &input);
        assert_eq!(again.items, expected);
        assert_eq!(again.change, None);
    };
    check(&[], &["1", "2", "3", "4", "5"]);
    check(&[1, 2], &["1 done", "2 done", "3", "4", "5"]);
    // No line is run before it is known that the last one that is done is the same.
    check(&[2, 5], &["2 done", "1", "3", "4", "5 done"]);
    check(
        &[1, 2, 3, 4, 5],
        &["1 done", "2 done", "3 done", "4 done", "5 done"],
    );
}

#[test]
fn nothing_of_a_change_is_run() {
    let check = |done: &[u64], now: String, items: &[&str], change: Option<Change>| {
        let again = repeat(&deposits(1..=5), done, &now);
        assert_eq!(again.items, items);
        assert_eq!(again.change, change);
    };
    check(&[1, 2], deposits([9, 2, 3, 4, 5]), &[], changed(1..=1));
    check(
        &[1, 2],
        deposits([1, 9, 3, 4, 5]),
        &["1 done"],
        changed(2..=2),
    );
    // Line 2 was not done, but line 3 was, after another line 2.
    check(
        &[1, 3],
        deposits([1, 9, 3, 4, 5]),
        &["1 done"],
        changed(2..=3),
    );
    check(&[5], deposits([9, 2, 3, 4, 5]), &[], changed(1..=5));
    // What comes after the last line that is done may change.
    let rest = ["1 done", "2 done", "3", "4"];
    check(&[1, 2], deposits([1, 2, 9, 9]), &rest, None);
    check(&[1, 2], deposits([1, 2]), &rest[..2], None);
}

#[test]
fn lines_that_are_missing_or_no_operations_any_more_are_changes() {
    let input = deposits(1..=3);
    let check = |now: &str, change: Option<Change>| {
        assert_eq!(repeat(&input, &[1, 3], now).change, change, "{now}");
    };
    check("", removed(1));
    check(&deposits(1..=1), removed(3));
    check(&deposits(1..=2), removed(3));
    check(&format!("{}\n\n\n", deposits(1..=1)), removed(3));
    check(&format!("\n{input}"), changed(1..=1));
    check(&deposits(2..=3), changed(1..=1));
    check(&format!("{}{{}}\n", deposits(1..=2)), changed(2..=3));
    let blank = format!("{}\n\n{}", deposits(1..=1), deposits(3..=3));
    check(&blank, changed(2..=3));
}

#[test]
fn how_lines_end_is_no_change_and_lines_may_be_appended() {
    let input = deposits(1..=2);
    let check = |now: &str, items: &[&str]| {
        let again = repeat(&input, &[1, 2], now);
        assert_eq!(again.change, None, "{now:?}");
        assert_eq!(again.items, items, "{now:?}");
    };
    let both = ["1 done", "2 done"];
    check(input.trim_end(), &both);
    check(&input.replace('\n', "\r\n"), &both);
    check(&format!("\u{feff}{input}\n\n"), &both);
    check(&deposits(1..=3), &[both[0], both[1], "3"]);
}

#[test]
fn a_header_counts_and_so_does_what_a_flag_adds() {
    let input = "op,amount,account\ndeposit,1,\ndeposit,1,ops\n";
    let other = "op,amount,account \ndeposit,1,\ndeposit,1,ops\n";
    assert_eq!(repeat(input, &[2], other).change, changed(1..=2));
    let lines = read(input, none()).lines;
    let on_another_account = |place: usize| {
        let done = vec![(lines[place], posted(1))];
        let done = up_to_line(done, false);
        read_with(&[input.as_bytes()], "other", done).change
    };
    assert_eq!(on_another_account(0), changed(1..=2));
    // Line 2 is another one now, and line 3 comes after it.
    assert_eq!(on_another_account(1), changed(1..=3));
    let named = &input.replace("1,\n", "1,main\n");
    let done = |lines: Vec<Line>| lines.into_iter().map(|line| (line, posted(1))).collect();
    let done = up_to_line(done(read(named, none()).lines), false);
    let again = read_with(&[named.as_bytes()], "other", done);
    assert_eq!(again.items, ["2 done", "3 done"]);
}

#[test]
fn a_refused_line_is_run_again_if_that_is_wanted() {
    let input = deposits(1..=3);
    let lines = read(&input, none()).lines;
    let check = |done: &[(usize, Outcome)], retry, expected: &[&str]| {
        let done = done
            .iter()
            .map(|(place, outcome)| (lines[*place], *outcome));
        let done = up_to_line(done.collect(), retry);
        assert_eq!(read(&input, done).items, expected);
    };
    let all = [(1, refused()), (0, posted(1)), (2, posted(2))];
    check(&all, false, &["1 done", "2 done", "3 done"]);
    check(&all, true, &["1 done", "2", "3 done"]);
    // The last time counts.
    let twice = [
        (1, refused()),
        (0, posted(1)),
        (1, refused()),
        (1, posted(3)),
    ];
    check(&twice, true, &["1 done", "2 done", "3"]);
}

#[test]
fn no_more_lines_wait_than_there_is_room_for() {
    let last = Line {
        number: MAX_WAITING as u64 * 2,
        digest: 1,
    };
    let mut continued = Continued::new(of_line(vec![(last, Protection::Begun)]));
    let text = deposits([1]);
    let mut take = |number| {
        let line = InputLine {
            after_hidden_quote: false,
            after_long: None,
            unended: false,
            number,
            text: text.trim_end().as_bytes(),
            too_long: false,
        };
        let operation = crate::bank::Operation {
            id: None,
            account: Name::default(),
            action: crate::bank::Action::Balance,
            detail: None,
        };
        let line_of_item = None;
        let item = Item::Operation {
            line: line_of_item,
            operation,
        };
        continued.take(&line, Some(item))
    };
    for number in 1..=MAX_WAITING as u64 {
        assert_eq!(take(number), Ok(()));
    }
    let line = last.number;
    let refused = take(MAX_WAITING as u64 + 1);
    assert_eq!(refused, Err(Change::TooManyWait { line }));
    assert!(continued.next().is_none());
}

fn removed(line: u64) -> Option<Change> {
    let run = "november".into();
    Some(Change::Removed { run, line })
}

#[test]
fn a_change_names_its_lines_and_the_way_out() {
    let say = |change: Option<Change>| change.expect("a change").to_string();
    assert!(say(changed(3..=3)).starts_with(
        "line 3 has changed since the run `november` dealt with it, and nothing is run: "
    ));
    assert!(
        say(changed(2..=3)).starts_with("line 3, or one from line 2 on before it, has changed")
    );
}

#[test]
fn a_line_that_is_too_long_has_one_digest_however_it_comes() {
    for (start, end) in [("", ""), ("\u{feff}", "\r"), ("", "\r"), ("\u{feff}", "")] {
        // The place of the `\r` is where the reader sees that the line is too long.
        let long = format!("{start}{}", "x".repeat(MAX_LINE - start.len()));
        let input = format!("{{\"op\":1}}\n{long}{end}yyyy\n{}", deposits([1]));
        let digest = |size: usize| {
            let chunks: Vec<&[u8]> = input.as_bytes().chunks(size).collect();
            read_with(&chunks, "main", none()).lines
        };
        assert_eq!(digest(1).len(), 1);
        assert_eq!(digest(1), digest(1000));
        assert_eq!(digest(1), digest(input.len()));
    }
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    let line = prop_oneof![
        6 => (0u32..3).prop_map(|amount| deposits([amount]).trim_end().to_string()),
        1 => Just(String::new()),
        1 => Just("{}".to_string()),
    ];
    prop::collection::vec(line, 1..12)
}

proptest! {
    #[test]
    fn every_line_is_done_once_or_the_change_is_seen(
        before in lines(),
        done in any::<u16>(),
        place in any::<prop::sample::Index>(),
        with in "[a-n]{0,2}|\\{\"op\":\"deposit\",\"amount\":[1-3]\\}",
    ) {
        let operations = read(&before.join("\n"), none()).lines;
        let done: Vec<u64> = operations
            .iter()
            .map(|line| line.number)
            .filter(|number| done >> number & 1 == 1)
            .collect();
        let place = place.index(before.len());
        let mut now = before.clone();
        now[place] = with;
        let line = place as u64 + 1;
        let again = repeat(&before.join("\n"), &done, &now.join("\n"));
        let seen_at = done.iter().copied().find(|number| *number >= line);
        if now[place] == before[place] || seen_at.is_none() {
            prop_assert_eq!(&again.change, &None);
            for number in &done {
                let told = format!("{number} done");
                prop_assert!(again.items.contains(&told));
            }
            let run: Vec<u64> = again.lines.iter().map(|line| line.number).collect();
            prop_assert!(run.iter().all(|number| !done.contains(number)));
        } else {
            prop_assert!(again.change.is_some());
            prop_assert!(again.lines.is_empty());
        }
    }

    #[test]
    fn a_digest_is_that_of_all_lines_before(before in lines(), after in lines()) {
        let one = read(&before.join("\n"), none()).lines;
        let both = read(&[before, after].concat().join("\n"), none()).lines;
        prop_assert_eq!(&both[..one.len()], &one[..]);
        let mut digests: Vec<u64> = both.iter().map(|line| line.digest).collect();
        digests.sort_unstable();
        digests.dedup();
        prop_assert_eq!(digests.len(), both.len());
    }
}
