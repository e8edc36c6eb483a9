//! A comparison as JSON Lines: first what was measured and how, then one line for each figure with all of
//! its samples. It is a stable interface.

use serde::Serialize;
use serde_json::value::RawValue;

use super::NOTES;
use crate::comparison::{Comparison, Figure, Sample, Section};
use crate::event::add_line;

/// `comparison`.
#[derive(Serialize)]
struct ComparisonLine<'a> {
    processors: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    processor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<&'a str>,
    placement: &'static str,
    rounds: u32,
    each_ms: u128,
    folder: &'a str,
    folder_is_in_memory: bool,
    figures: usize,
    notes: [&'static str; NOTES.len()],
}

/// `figure`.
#[derive(Serialize)]
struct FigureLine<'a> {
    section: Section,
    way: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sync: Option<&'static str>,
    workers: u32,
    in_flight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    is_limit: bool,
    per_second: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ns: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_ns: Option<u128>,
    cpu_ns: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_updates: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    balance_is_right: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of_limit: Option<Box<RawValue>>,
    samples: &'a [Sample],
}

/// Writes a comparison. Memory takes every byte, so nothing fails.
pub(super) fn write(comparison: &Comparison, out: &mut Vec<u8>) {
    let line = ComparisonLine {
        processors: comparison.processors,
        processor: comparison.processor.as_deref(),
        kernel: comparison.kernel.as_deref(),
        placement: comparison.placement.word(),
        rounds: comparison.rounds,
        each_ms: comparison.each.as_millis(),
        folder: &comparison.folder,
        folder_is_in_memory: comparison.is_in_memory,
        figures: comparison.figures.len(),
        notes: NOTES,
    };
    let _ = add_line(out, "comparison", &line);
    for figure in &comparison.figures {
        let _ = add_line(out, "figure", &line_of(comparison, figure));
    }
}

fn line_of<'a>(comparison: &Comparison, figure: &'a Figure) -> FigureLine<'a> {
    let setting = figure.setting;
    let limit = comparison.limit(figure);
    let decimal = |thousandths: u64| {
        let text = format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
        RawValue::from_string(text).ok()
    };
    let has_balance = setting.has_balance();
    FigureLine {
        section: figure.section,
        way: setting.way.name(),
        sync: setting.way.sync(),
        workers: setting.workers,
        in_flight: setting.in_flight,
        bytes: setting.bytes,
        is_limit: setting.way.is_limit(),
        per_second: figure.rate(),
        p50_ns: figure.p50().map(|time| time.as_nanos()),
        p99_ns: figure.p99().map(|time| time.as_nanos()),
        cpu_ns: figure.cpu_each().as_nanos(),
        lost_updates: has_balance.then(|| figure.lost_updates()),
        balance_is_right: has_balance.then(|| figure.is_right()),
        limit: limit.map(|limit| limit.setting.way.name()),
        limit_per_second: limit.map(Figure::rate),
        of_limit: comparison.ratio(figure).and_then(decimal),
        samples: &figure.samples,
    }
}
