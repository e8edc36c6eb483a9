use std::time::Duration;

use super::table::{number, percent, time};
use super::*;
use crate::bank::Balance;
use crate::comparison::{Figure, FigureSetting, Sample, Section, Way};
use crate::race::SyncMethod;
use crate::sharing::Transport;

fn setting(way: Way, workers: u32) -> FigureSetting {
    FigureSetting {
        way,
        workers,
        in_flight: 1,
        bytes: None,
    }
}

fn figure(setting: FigureSetting, beside: Option<Way>, operations: u64, lost: u64) -> Figure {
    let sample = |operations| Sample {
        operations,
        elapsed: Duration::from_secs(1),
        cpu: Duration::from_millis(1_500),
        p50: Some(Duration::from_nanos(80)),
        p99: Some(Duration::from_nanos(12_345)),
        lost_updates: lost,
        off_by: Balance::new(lost.cast_signed()),
    };
    Figure {
        section: Section::Sharing,
        setting,
        beside: beside.map(|way| FigureSetting { way, ..setting }),
        // The median is the first one.
        samples: vec![
            sample(operations),
            sample(operations / 2),
            sample(2 * operations),
        ],
    }
}

fn comparison() -> Comparison {
    let none = setting(Way::Threads(SyncMethod::None), 2);
    let mutex = setting(Way::Threads(SyncMethod::Mutex), 2);
    let limit = Some(Way::AddThreads);
    Comparison {
        processors: 2,
        processor: Some("<script>Fast & \"new\"".to_string()),
        kernel: None,
        placement: Placement::OneCore,
        each: Duration::from_millis(100),
        rounds: 3,
        folder: "/tmp/<b>".to_string(),
        is_in_memory: true,
        figures: vec![
            figure(setting(Way::AddThreads, 2), None, 20_000_000, 0),
            figure(none, limit, 10_000_000, 410),
            figure(mutex, limit, 1_500, 0),
        ],
    }
}

#[test]
fn figures_are_aligned_beside_their_limit() {
    let text = text(&comparison(), 80);
    let expected = "\
2 processors, <script>Fast & \"new\"
all processes and threads on one processor
3 rounds of 100 ms for each figure
files in /tmp/<b>, which is in memory: a sync does nothing there, so the durable
  figures are those of no disk

Sharing one balance, 2 workers
way                      ops/s    p50      p99  CPU each   lost  of limit
threads add to one word  20.0M  80 ns  12.3 us     75 ns      -     limit
sync none                10.0M  80 ns  12.3 us    150 ns  1.23k       50%
sync mutex               1.50k  80 ns  12.3 us    1.0 ms      0     <0.1%

Not like for like:
";
    assert!(text.starts_with(expected), "{text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

#[test]
fn a_limit_that_was_measured_for_another_table_is_shown_again() {
    let raw = setting(Way::RawSocket, 2);
    let link = setting(Way::Link(Transport::Socket), 2);
    let links = |figure: Figure| Figure {
        section: Section::Links,
        ..figure
    };
    let comparison = Comparison {
        figures: vec![
            figure(raw, None, 2_000, 0),
            links(figure(link, Some(Way::RawSocket), 1_000, 0)),
            links(figure(
                FigureSetting {
                    in_flight: 64,
                    ..link
                },
                None,
                1_500,
                0,
            )),
        ],
        ..comparison()
    };
    let tables = tables(&comparison);
    let rows = |table: usize| -> Vec<&str> {
        let rows = tables[table].rows.iter();
        rows.map(|row| row[0].as_str()).collect()
    };
    assert_eq!(rows(0), ["raw socket"]);
    assert_eq!(
        rows(1),
        [
            "raw socket",
            "link of parallel",
            "link of parallel, 64 under way"
        ]
    );
    // Nothing is lost on a link, so no column tells it.
    assert!(!tables[1].head.contains(&"lost"), "{:?}", tables[1].head);
}

#[test]
fn markdown_has_the_same_rows() {
    let markdown = markdown(&comparison());
    for part in [
        "- 3 rounds of 100 ms for each figure\n",
        "\n### Sharing one balance, 2 workers\n\n| way | ops/s |",
        "\n|---|---:|---:|---:|---:|---:|---:|\n",
        "\n| sync none | 10.0M | 80 ns | 12.3 us | 150 ns | 1.23k | 50% |\n",
    ] {
        assert!(markdown.contains(part), "{markdown}");
    }
}

#[test]
fn every_sample_stands_in_the_json() {
    let mut out = Vec::new();
    json::write(&comparison(), &mut out);
    let text = String::from_utf8(out).expect("text");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 4);
    let (head, none) = (&lines[0], &lines[2]);
    assert_eq!(
        (&head["type"], &head["figures"]),
        (&"comparison".into(), &3.into())
    );
    assert_eq!(
        (&head["placement"], &head["each_ms"]),
        (&"one-core".into(), &100.into())
    );
    let expected = serde_json::json!({
        "v": 1, "type": "figure", "section": "sharing", "way": "sync", "sync": "none", "workers": 2,
        "in_flight": 1, "is_limit": false, "per_second": 10_000_000, "p50_ns": 80, "p99_ns": 12_345,
        "cpu_ns": 150, "lost_updates": 1_230, "balance_is_right": false,
        "limit": "threads add to one word", "limit_per_second": 20_000_000, "of_limit": 0.5,
        "samples": none["samples"],
    });
    assert_eq!(none, &expected);
    let sample = serde_json::json!({
        "operations": 10_000_000, "elapsed_ns": 1_000_000_000, "cpu_ns": 1_500_000_000, "p50_ns": 80,
        "p99_ns": 12_345, "lost_updates": 410, "off_by": "4.10",
    });
    assert_eq!(
        (
            &none["samples"][0],
            none["samples"][2]["operations"].as_u64()
        ),
        (&sample, Some(20_000_000))
    );
}

#[test]
fn a_page_runs_nothing_and_takes_no_text_for_markup() {
    let page = page::page(&comparison());
    for part in [
        "content=\"default-src 'none'; style-src 'sha256-",
        "&lt;script&gt;Fast &amp; &quot;new&quot;",
        "files in /tmp/&lt;b&gt;",
        "10.0M ops/s, 1.23k LOST",
        "1.50k ops/s, right",
        "20.0M ops/s, limit",
        "class=\"bar wrong\"",
        "<tr class=\"wrong\"><th scope=\"row\">sync none</th>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for part in ["<script", "<b>", "onclick", "style="] {
        assert!(!page.contains(part), "{part}");
    }
}

#[test]
fn a_loss_is_a_violation_where_it_was_not_to_be() {
    let status = |comparison: &Comparison| {
        compared(Output::for_test(false), ComparisonFormat::Text, comparison)
    };
    let mut comparison = comparison();
    assert_eq!(status(&comparison), Status::Posted);
    comparison.figures[2].samples[1].off_by = Balance::new(-1);
    assert_eq!(status(&comparison), Status::Violation);
}

#[test]
fn numbers_have_three_digits_that_count() {
    for (count, expected) in [
        (0, "0"),
        (999, "999"),
        (1_009, "1.00k"),
        (12_345, "12.3k"),
        (999_999, "999k"),
        (1_234_567, "1.23M"),
        (45_678_901, "45.6M"),
        (456_789_012, "456M"),
    ] {
        assert_eq!(number(count), expected);
    }
    for (nanos, expected) in [
        (7, "7 ns"),
        (1_950, "1.9 us"),
        (123_456, "123 us"),
        (99_950_000, "99.9 ms"),
        (2_500_000_000, "2.5 s"),
    ] {
        assert_eq!(time(Duration::from_nanos(nanos)), expected);
    }
    for (thousandths, expected) in [(0, "<0.1%"), (9, "0.9%"), (99, "9.9%"), (1_234, "123%")] {
        assert_eq!(percent(thousandths), expected);
    }
}
