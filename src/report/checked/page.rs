//! What a check found as a page: a verdict for each tier, and what contradicts what, in lanes.

use super::{
    HistoryReport, NOT_SMALLEST, contradictions, extent, left_open, tiers, title, verdict, words,
};
use crate::check::{Contradiction, Judgement, Observed, ObservedEvent};
use crate::report::plain_page::{LaneStep, PageTable, PlainPage, StepLanes};
use crate::report::text::one_line;

/// The page of a check.
pub(in crate::report) fn page(report: &HistoryReport) -> String {
    let checked = report.checked;
    let files = report.files.iter().map(|file| one_line(file).into_owned());
    let mut facts = vec![extent(report)];
    facts.extend(files);
    let heading = match checked.judgement() {
        Judgement::Right => "This history can be true",
        Judgement::Wrong => "This history contradicts itself",
        Judgement::Undecided | Judgement::NotTold => {
            "Whether this history can be true is undecided"
        }
    };
    let title = "bank-par: check of a history";
    let mut page = PlainPage::new(title, heading, &facts);
    page.section("Verdicts");
    let row = |(name, not_told, tier): (&str, &str, &crate::check::TierReport)| {
        let class = if tier.judgement == Judgement::Wrong {
            "wrong"
        } else {
            ""
        };
        let (verdict, answers) = match tier.judgement {
            Judgement::NotTold => (not_told.to_string(), String::new()),
            judgement => (verdict(judgement).to_string(), tier.answers.to_string()),
        };
        let open: Vec<String> = tier.left_open.iter().map(|open| left_open(*open)).collect();
        let cells = [
            (name.to_string(), ""),
            (verdict, ""),
            (answers, "number"),
            (open.join(" "), "words"),
        ];
        (class, cells.to_vec())
    };
    page.table(&PageTable {
        label: "The verdict of each tier",
        class: "",
        head: [
            ("tier", ""),
            ("verdict", ""),
            ("answers", "number"),
            ("left open", ""),
        ]
        .map(|(title, class)| (title.to_string(), class))
        .to_vec(),
        rows: tiers(checked).into_iter().map(row).collect(),
    });
    for (finder, contradiction) in contradictions(checked) {
        show(report, finder, contradiction, &mut page);
    }
    page.end("bank-par check")
}

/// The answers that contradict each other, after those that fit, where that is known.
fn show(report: &HistoryReport, finder: &str, contradiction: &Contradiction, page: &mut PlainPage) {
    let history = report.history;
    let summary = contradiction.summary.and_then(|run| history.summary(run));
    let what = title(contradiction, summary.is_some());
    page.section(&format!("{finder}, {what}"));
    page.paragraph(&words::why(history, contradiction));
    if !contradiction.is_smallest {
        page.paragraph(NOT_SMALLEST);
    }
    if let Some(fitting) = &contradiction.fitting {
        page.paragraph(&match fitting.answers {
            0 => "No answer stands before it in the order.".to_string(),
            1 => "The answer before it in the order can be true.".to_string(),
            many => format!(
                "The {many} answers before the last one can all be true, one after another in this \
                 order; the latest of them are shown, and what contradicts the last one is marked."
            ),
        });
    }
    if let Some((file, line)) = summary {
        page.paragraph(&format!(
            "The summary of the run: {}",
            report.place(file, line)
        ));
    }
    lanes(report, contradiction, page);
    if contradiction.omitted > 0 {
        page.paragraph(&format!("and {} more", contradiction.omitted));
    }
}

/// A lane for each process, and a row for each answer: those that contradict each other, among the latest
/// that fit.
fn lanes(report: &HistoryReport, contradiction: &Contradiction, page: &mut PlainPage) {
    let fitting = contradiction.fitting.as_ref();
    let latest = fitting.map_or(&[][..], |fitting| &fitting.latest);
    let is_accused = |number: &u32| contradiction.answers.contains(number);
    let (mut shown, last) = match contradiction.answers.split_last() {
        // The accused answers that stand before the latest ones, the latest ones, and the one that does not fit.
        Some((last, accused)) if fitting.is_some() => {
            let earlier = accused.iter().filter(|number| !latest.contains(number));
            (earlier.chain(latest).copied().collect(), Some(*last))
        }
        _ => (contradiction.answers.clone(), None),
    };
    shown.extend(last);
    if shown.is_empty() {
        return;
    }
    let mut tellers: Vec<String> = Vec::new();
    let mut steps = Vec::new();
    for number in &shown {
        let one = report.history.at(*number);
        let teller = teller(report, one);
        let lane = tellers.iter().position(|known| *known == teller);
        let lane = lane.unwrap_or_else(|| {
            tellers.push(teller);
            tellers.len() - 1
        });
        let mut words = words::answer(report.history, one, contradiction.why);
        if Some(*number) == last {
            words += ": DOES NOT FIT";
        }
        steps.push(LaneStep {
            first: report.place(one.file, one.line),
            lane,
            letter: if is_accused(number) { '!' } else { '+' },
            words,
            is_wrong: is_accused(number),
        });
    }
    page.lanes(StepLanes {
        label: "The answers in lanes, in the order in which they are held against each other",
        first: "line",
        names: tellers,
        steps,
    });
}

/// Who was answered: a process where one is told.
fn teller(report: &HistoryReport, one: &Observed) -> String {
    match (one.event, one.pid) {
        (ObservedEvent::Began, _) => "the run".to_string(),
        (_, 0) if report.files.len() > 1 => {
            let file = report.files.get(usize::from(one.file));
            one_line(file.map_or("?", String::as_str)).into_owned()
        }
        (_, 0) => "no process".to_string(),
        (_, pid) => format!("process {pid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{ObservedHistory, check};

    fn page_of(lines: &[String], file: &str) -> String {
        let mut history = ObservedHistory::default();
        history.next_file();
        for (at, line) in (1..).zip(lines) {
            history.add(0, at, line).expect("an answer");
        }
        history.finish();
        let checked = check(&history);
        page(&HistoryReport {
            history: &history,
            files: &[file.to_string()],
            checked: &checked,
        })
    }

    fn deposit(number: u64, id: &str, balance: u64) -> String {
        format!(
            "{{\"v\":1,\"type\":\"completed\",\"id\":\"{id}{number}\",\"op\":\"deposit\",\"account\":\"main\",\"amount\":\"1.00\",\"balance\":\"{balance}.00\",\"available\":\"{balance}.00\",\"seq\":{number},\"decided\":{number},\"worker\":1,\"pid\":{}}}",
            40 + number % 2
        )
    }

    #[test]
    fn what_does_not_fit_stands_behind_what_does() {
        let mut lines: Vec<String> = (1..=30)
            .map(|number| deposit(number, "a", number))
            .collect();
        lines.push(deposit(31, "a", 30));
        let page = page_of(&lines, "run.jsonl");
        for part in [
            "<h1>This history contradicts itself</h1>",
            "<tr class=\"wrong\"><th scope=\"row\">rules in the order of `decided`</th><td>contradiction</td><td class=\"number\">31</td>",
            "The 30 answers before the last one can all be true",
            "<th scope=\"col\">process 41</th>",
            ">run.jsonl:27</th><td class=\"step\">",
            "main holds $30.00: DOES NOT FIT</td>",
            "After all of them main must hold $31.00, and not $30.00.",
        ] {
            assert!(page.contains(part), "no `{part}` in {page}");
        }
        assert_eq!(page.matches("\"step wrong\"").count(), 2);
        // The latest ones are enough.
        assert_eq!(page.matches("\"step").count(), 9);
    }

    #[test]
    fn no_text_of_a_history_is_markup() {
        let hostile = "<img src=x onerror=alert(1)>";
        let lines = [deposit(1, hostile, 1), deposit(2, hostile, 5)];
        let page = page_of(&lines, "<b>.jsonl");
        assert!(
            page.contains("&lt;img src=x") && page.contains("&lt;b&gt;.jsonl"),
            "{page}"
        );
        assert!(!page.contains("<img") && !page.contains("<b>"));
    }

    #[test]
    fn what_is_right_has_no_lanes() {
        let page = page_of(&[deposit(1, "a", 1)], "run.jsonl");
        assert!(!page.contains("class=\"lanes"), "{page}");
        assert!(!page.contains("contradict"), "{page}");
    }
}
