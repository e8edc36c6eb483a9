//! What was found about every order as a page: where the orders end as bars, and one of them as lanes.

use num_bigint::BigUint;

use super::ends::{ReachedBalance, beginning, others, reached};
use super::words;
use super::{
    Exploration, REPLAY, ended, method, money, no_example, percent, replay_command, short,
    total_rows, uncounted, views_left_out, which_order,
};
use crate::explore::{Played, StepSeen, StepTaken};
use crate::report::plain_page::{Bar, LaneStep, PageTable, PlainPage, ROOM, StepLanes, StyledCell};
use crate::report::text::Description;

/// How many final balances have a bar each; JSON has them all.
const MAX_BARS: usize = 100;

/// The page of an exploration.
pub(in crate::report) fn page(exploration: &Exploration) -> String {
    let scenario = exploration.scenario;
    let mut facts = vec![
        format!("{}: {}", exploration.sync, words::method(scenario.method())),
        text(|out| method(exploration.found.method, out)),
    ];
    facts.extend(views_left_out(exploration));
    let mut page = PlainPage::new(
        "bank-par: every order of the steps",
        "Every order of the steps",
        &facts,
    );
    page.section("Operations");
    let operations = scenario.operations().iter();
    let operations = (1..).zip(operations);
    let operations = operations.map(|(number, one)| format!("{number}: {}", Description::of(one)));
    page.list(&operations.collect::<Vec<_>>());
    totals(exploration, &mut page);
    finals(exploration, &mut page);
    example(exploration, &mut page);
    page.end("bank-par explore")
}

/// What is written, without its line ends.
fn text(write: impl FnOnce(&mut String) -> std::fmt::Result) -> String {
    let mut out = String::new();
    // Memory takes everything.
    let _ = write(&mut out);
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn totals(exploration: &Exploration, page: &mut PlainPage) {
    page.section("How many are wrong");
    let orders = &exploration.found.tally.orders;
    let rows = total_rows(exploration);
    let row = |(indent, label, count): &(usize, &str, BigUint)| {
        let class = if *indent > 2 { "part" } else { "" };
        let share = percent(count, orders);
        let cells = [
            (label.to_string(), class),
            (short(count), "number"),
            (share, "number"),
        ];
        ("", cells.to_vec())
    };
    page.table(&PageTable {
        label: "How many orders are right, and how many wrong",
        class: "",
        head: head(["orders", "how many", "of all"]),
        rows: rows.iter().map(row).collect(),
    });
    if let Some(words) = uncounted(exploration) {
        page.paragraph(words);
    }
}

/// The titles of columns, of which the first is text and the others are figures.
fn head<const N: usize>(titles: [&str; N]) -> Vec<StyledCell> {
    let class = |column: usize| if column == 0 { "" } else { "number" };
    let titles = titles.iter().enumerate();
    titles
        .map(|(column, title)| (title.to_string(), class(column)))
        .collect()
}

/// A bar for each balance that the judged account can end with, as long as the orders that lead there are
/// many, with the wrong ones dashed.
fn finals(exploration: &Exploration, page: &mut PlainPage) {
    let Some(beginning) = beginning(exploration) else {
        return;
    };
    page.section("Where they end");
    page.paragraph(&format!("{beginning}:"));
    let (rows, omitted) = reached(exploration, MAX_BARS);
    let most = rows.iter().map(|row| &row.end.orders).max();
    let most = most.cloned().unwrap_or_default();
    let bars: Vec<Bar> = rows.iter().map(|row| bar(row, &most)).collect();
    page.bars(
        "Final balances as bars, as long as the orders that lead there are many; the table below has \
         the same figures",
        &bars,
        &[],
    );
    let row = |row: &ReachedBalance| {
        let wrong = &row.end.wrong;
        let class = if *wrong > BigUint::ZERO { "wrong" } else { "" };
        let cells = [
            (money(row.minor), "number"),
            (short(&row.end.orders), "number"),
            (short(wrong), "number"),
        ];
        (class, cells.to_vec())
    };
    page.table(&PageTable {
        label: "Final balances",
        class: "",
        head: ["balance", "orders", "of them wrong"]
            .map(|title| (title.to_string(), "number"))
            .to_vec(),
        rows: rows.iter().map(row).collect(),
    });
    if omitted > 0 {
        page.paragraph(&format!(
            "{omitted} balances in between are left out; `--output json` has all."
        ));
    }
    let others = {
        let mut out = String::new();
        let _ = others(exploration, &mut out);
        out.replace(",\n  ", ", ")
    };
    page.list(&others.lines().map(str::to_string).collect::<Vec<_>>());
}

fn bar(row: &ReachedBalance, most: &BigUint) -> Bar {
    let (orders, wrong) = (&row.end.orders, &row.end.wrong);
    let length = |count: &BigUint| match *most == BigUint::ZERO || *count == BigUint::ZERO {
        true => 0,
        false => u64::try_from(count * ROOM / most).unwrap_or(ROOM).max(2),
    };
    let right = length(&(orders - wrong));
    let parts = [
        ("bar", right),
        ("bar wrong", length(wrong).min(ROOM - right)),
    ];
    let verdict = match () {
        () if *wrong == BigUint::ZERO => "right".to_string(),
        () if wrong == orders => "WRONG".to_string(),
        () => format!("{} WRONG", short(wrong)),
    };
    Bar {
        name: money(row.minor),
        parts: parts
            .into_iter()
            .filter(|(_, length)| *length > 0)
            .collect(),
        told: format!("{}, {verdict}", short(orders)),
    }
}

fn example(exploration: &Exploration, page: &mut PlainPage) {
    let Some(played) = &exploration.found.example else {
        page.section("No order to show");
        page.paragraph(&no_example(exploration));
        return;
    };
    page.section(&which_order(exploration, played));
    page.paragraph("Time runs down, and each operation has a process of its own.");
    lanes(exploration, played, page);
    let ended = ended(exploration.scenario, played);
    page.list(&ended.lines().map(str::to_string).collect::<Vec<_>>());
    page.paragraph(&format!("{REPLAY}:"));
    page.command(&replay_command(exploration.scenario, played));
}

/// A lane for each operation, and a row for each step.
fn lanes(exploration: &Exploration, played: &Played, page: &mut PlainPage) {
    let scenario = exploration.scenario;
    let blind = words::blind_writes(scenario, played);
    let step = |(at, taken): (usize, &StepTaken)| {
        let taken = StepSeen::from(taken);
        let mut text = words::phrase(scenario, &taken);
        let lost = blind.iter().find(|(step, _)| *step == at);
        if let Some((_, lost)) = lost {
            let lost: Vec<String> = lost.iter().map(|one| (one + 1).to_string()).collect();
            text += &format!(", writes over what {} wrote", lost.join(", "));
        }
        LaneStep {
            first: (at + 1).to_string(),
            lane: taken.process,
            letter: words::letter(&taken),
            words: text,
            is_wrong: lost.is_some(),
        }
    };
    let waits = |(process, places): &(usize, Vec<usize>)| {
        let places = places.iter().map(|place| &scenario.places()[*place]);
        let names: Vec<&str> = places.map(|place| place.name.as_str()).collect();
        LaneStep {
            first: String::new(),
            lane: *process,
            letter: '?',
            words: format!("waits for {} FOR EVER", names.join(", ")),
            is_wrong: true,
        }
    };
    let operations = (1..).zip(scenario.operations());
    let names = operations.map(|(number, one)| {
        let amount = one.amount().map_or(0, |amount| amount.minor());
        format!("{number} {} {}", one.kind(), money(amount))
    });
    let steps = played.steps.iter().enumerate().map(step);
    page.lanes(StepLanes {
        label: "The order of the steps, in lanes",
        first: "step",
        names: names.collect(),
        steps: steps.chain(played.waiting.iter().map(waits)).collect(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::{Bounds, explore, read_token};

    /// The page of all orders of the operations of this token.
    fn page_of(token: &str, sync: &'static str, wanted: Option<i64>) -> String {
        let (scenario, _) = read_token(token).expect("a token");
        let bounds = Bounds {
            states: 1_000_000,
            seed: 1,
            samples: 100,
        };
        let found = explore(&scenario, bounds, wanted);
        page(&Exploration {
            scenario: &scenario,
            sync,
            views: 1,
            wanted,
            found: &found,
        })
    }

    #[track_caller]
    fn has(page: &str, parts: &[&str]) {
        for part in parts {
            assert!(page.contains(part), "no `{part}` in {page}");
        }
    }

    #[test]
    fn the_ends_are_bars_and_the_wrong_order_is_lanes() {
        let page = page_of("x1/none/main=1000/w500,d500/1221", "none", None);
        has(
            &page,
            &[
                "content=\"default-src 'none'; style-src 'sha256-",
                "<li>1 view is left out",
                "<td class=\"number\">66.67 %</td>",
                "<rect class=\"bar wrong\"",
                ">$1500.00</text>",
                ">2, WRONG</text>",
                ">2, right</text>",
                "<tr class=\"wrong\"><th scope=\"row\" class=\"number\">$1500.00</th><td class=\"number\">2</td>",
                "<th scope=\"col\">1 withdraw $500.00</th>",
                "<tr><th scope=\"row\" class=\"number\">2</th><td></td><td class=\"step\">read $1000.00</td></tr>",
                "<td class=\"step wrong\">write $500.00, writes over what 2 wrote</td>",
                "<code>bank-par replay x1/none/main=1000/w500,d500/1221</code>",
            ],
        );
        assert!(!page.contains("<script") && !page.contains("style="));
    }

    #[test]
    fn an_order_that_ends_partly_wrong_has_a_bar_of_two_parts() {
        let page = page_of("x1/none/main=1000/w600,w600/1212", "none", None);
        has(&page, &["more is paid out than there was", "WRONG"]);
        let right = page_of("x1/lock/main=1000/w500,d500/11112222", "lock", None);
        has(&right, &["No order to show", "There is no wrong order."]);
        assert!(!right.contains("bar wrong"));
    }

    #[test]
    fn many_lanes_have_letters_and_the_words_behind_them() {
        let token = "x1/none/main=1000/d1,d2,d3,d4,d5,d6,d7,d8/1122334455667788";
        let page = page_of(token, "none", Some(100_100));
        has(
            &page,
            &[
                "<table class=\"lanes narrow\">",
                "<td class=\"step\">r</td>",
                "<td class=\"behind wrong\">1 deposit $1.00: write $1001.00, writes over what 2, 3, 4, 5, 6, 7, 8 wrote</td>",
            ],
        );
    }
}
