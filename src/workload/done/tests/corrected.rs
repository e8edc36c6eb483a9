//! Runs of which each digest is over its line alone: what is not protected may be corrected.

use super::*;

/// What a run of single digests makes of `now`, after it dealt with lines of `before` like this.
fn correct(before: &str, known: &[(u64, Protection)], now: &str) -> Read {
    let lines = read(before, of_line(Vec::new())).lines;
    let known = known.iter().map(|(number, protection)| {
        let (number, protection) = (*number, *protection);
        let line = lines.iter().find(|line| line.number == number);
        let unseen = Line { number, digest: 0 };
        (line.copied().unwrap_or(unseen), protection)
    });
    read(now, of_line(known.collect()))
}

#[test]
fn what_is_not_protected_may_be_corrected() {
    let done = |number| (number, Protection::Decided(posted(number)));
    let known = [done(1), done(3)];
    let before = deposits(1..=4);
    let check = |now: &str, items: &[&str], change: Option<Change>| {
        let again = correct(&before, &known, now);
        assert_eq!(again.change, change, "{now}");
        assert_eq!(again.items, items, "{now}");
    };
    check(&before, &["1 done", "2", "3 done", "4"], None);
    check(
        &deposits([1, 9, 3, 9]),
        &["1 done", "2", "3 done", "4"],
        None,
    );
    let emptied = deposits([1, 2, 3]).replace("{\"op\":\"deposit\",\"amount\":2}", "");
    check(&emptied, &["1 done", "3 done"], None);
    let invalid = deposits([1, 2, 3]).replace(":2}", "}");
    check(&invalid, &["1 done", "2 invalid", "3 done"], None);
    // However it is written, it asks for the same.
    let spaced = before
        .replace(':', " : ")
        .replace("3}", "\"3.00\", \"to\":null }");
    check(&spaced, &["1 done", "2", "3 done", "4"], None);
    check(&deposits([1, 2, 9, 4]), &["1 done"], changed(3..=3));
    check(&deposits([1, 3]), &["1 done"], removed(3));
    check(&deposits([1]), &["1 done"], removed(3));
    check(&deposits([1, 3, 4]), &["1 done"], changed(3..=3));
    check(&format!("\n{before}"), &[], changed(1..=1));
}

#[test]
fn what_was_given_up_is_not_run() {
    let before = deposits(1..=3);
    let known = [(2, Protection::Skipped), (7, Protection::Skipped)];
    let check = |now: &str, items: &[&str], change: Option<Change>| {
        let again = correct(&before, &known, now);
        assert_eq!(again.change, change, "{now}");
        assert_eq!(again.items, items, "{now}");
    };
    // Line 7 was given up before it was there.
    let skipped = ["2 skipped", "1", "3"];
    check(&before, &skipped, None);
    check(
        &deposits(1..=8),
        &["2 skipped", "1", "3", "4", "5", "6", "7 skipped", "8"],
        None,
    );
    let invalid = format!("{before}\n\n\nrubbish\n");
    check(&invalid, &["2 skipped", "1", "3", "7 skipped"], None);
    check(&deposits([1, 9, 3]), &[], changed(2..=2));
    check(&deposits([1]), &[], removed(2));
}

#[test]
fn what_was_begun_is_run_again_on_the_same_terms() {
    let before = deposits(1..=3);
    let known = [(2, Protection::Begun)];
    let again = correct(&before, &known, &deposits([9, 2, 9]));
    assert_eq!(
        (again.change, again.items),
        (None, vec!["1".into(), "2".into(), "3".into()])
    );
    let again = correct(&before, &known, &deposits([1, 9, 3]));
    assert_eq!((again.change, again.items), (changed(2..=2), vec![]));
}

/// The digest of each of these lines that is an operation.
fn digests(input: &[String]) -> Vec<Option<u64>> {
    let found = read(&input.join("\n"), of_line(Vec::new())).lines;
    let digest = |number| {
        let line = found.iter().find(|line| line.number == number);
        line.map(|line| line.digest)
    };
    (1..=input.len() as u64).map(digest).collect()
}

proptest! {
    #[test]
    fn a_line_is_run_once_or_corrected_or_the_change_is_seen(
        before in lines(),
        now in lines(),
        kinds in prop::collection::vec(0u8..4, 12),
    ) {
        let was = digests(&before);
        let is = digests(&now);
        let mut known = Vec::new();
        for (number, (digest, kind)) in (1..).zip(was.iter().zip(&kinds)) {
            if digest.is_some() && *kind > 0 {
                let protection = [
                    Protection::Decided(posted(number)),
                    Protection::Skipped,
                    Protection::Begun,
                ][usize::from(*kind) - 1];
                known.push((number, protection));
            }
        }
        let again = correct(&before.join("\n"), &known, &now.join("\n"));
        let place = |number: u64| number as usize - 1;
        let same = |(number, _): &(u64, _)| {
            was[place(*number)] == is.get(place(*number)).copied().flatten()
        };
        let run: Vec<u64> = again.lines.iter().map(|line| line.number).collect();
        if known.iter().all(same) {
            prop_assert_eq!(again.change, None);
            let is_run = |number: &u64| {
                let protection = known.iter().find(|(known, _)| known == number);
                matches!(protection, None | Some((_, Protection::Begun)))
            };
            let operations = (1..=now.len() as u64).filter(|number| is[place(*number)].is_some());
            let expected: Vec<u64> = operations.filter(is_run).collect();
            prop_assert_eq!(run, expected);
        } else {
            prop_assert!(again.change.is_some());
            prop_assert_eq!(run, Vec::<u64>::new());
        }
    }
}
