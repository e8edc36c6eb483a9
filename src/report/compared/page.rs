//! A comparison as a page: speed beside correctness as bars, and all tables.

use super::table::{FigureTable, Row, name, number, tables};
use super::{NOTES, surroundings};
use crate::comparison::{Comparison, Figure};
use crate::report::plain_page::{Bar, PageTable, PlainPage, ROOM, StyledCell};

/// Where the axis begins: so many a second.
const LEAST: u64 = 100;

/// The page of a comparison.
pub(in crate::report) fn page(comparison: &Comparison) -> String {
    let facts = surroundings(comparison);
    let mut page = PlainPage::new("bank-par comparison", "Ways to share a balance", &facts);
    for table in &tables(comparison) {
        section(table, &mut page);
    }
    page.section("Not like for like");
    page.list(&NOTES.map(str::to_string));
    page.end("bank-par compare")
}

fn section(table: &FigureTable, page: &mut PlainPage) {
    page.section(&table.title);
    chart(table, page);
    let cell = |(column, text): (usize, &str)| -> StyledCell {
        let class = if column == 0 { "" } else { "number" };
        (text.to_string(), class)
    };
    let row = |(row, figure): (&Row, &&Figure)| {
        let class = if figure.is_right() { "" } else { "wrong" };
        let cells = row.iter().map(String::as_str).enumerate();
        (class, cells.map(cell).collect())
    };
    page.table(&PageTable {
        label: &table.title,
        class: "",
        head: table.head.iter().copied().enumerate().map(cell).collect(),
        rows: table.rows.iter().zip(&table.figures).map(row).collect(),
    });
}

/// The rates as bars, each ten times as many a second as long again, with what is wrong marked by words and
/// a dashed outline.
fn chart(table: &FigureTable, page: &mut PlainPage) {
    let most = table.figures.iter().map(|figure| figure.rate()).max();
    let most = logarithm(most.unwrap_or_default().max(10 * LEAST));
    let place = |rate: u64| {
        let above = logarithm(rate).saturating_sub(logarithm(LEAST));
        above * ROOM / (most - logarithm(LEAST))
    };
    let powers = std::iter::successors(Some(LEAST), |tick| tick.checked_mul(10));
    let ticks = powers.take_while(|tick| logarithm(*tick) <= most);
    let ticks: Vec<_> = ticks.map(|tick| (place(tick), number(tick))).collect();
    let unit = &table.head[1];
    let bar = |figure: &&Figure| Bar {
        name: name(figure),
        parts: vec![(class(figure), place(figure.rate()).max(2))],
        told: told(figure, unit),
    };
    let bars: Vec<Bar> = table.figures.iter().map(bar).collect();
    let label = format!(
        "{}: {unit} as bars on a logarithmic scale; the table below has the same figures",
        table.title
    );
    page.bars(&label, &bars, &ticks);
}

fn class(figure: &Figure) -> &'static str {
    match (figure.is_right(), figure.setting.way.is_limit()) {
        (false, _) => "bar wrong",
        (true, true) => "bar limit",
        (true, false) => "bar",
    }
}

/// What stands behind a bar.
fn told(figure: &Figure, unit: &str) -> String {
    let rate = number(figure.rate());
    let has_balance = figure.setting.has_balance();
    match (figure.lost_updates(), figure.is_right()) {
        (_, true) if figure.setting.way.is_limit() => format!("{rate} {unit}, limit"),
        (_, true) if figure.setting.way.may_lose() => format!("{rate} {unit}, none seen lost"),
        (_, true) if has_balance => format!("{rate} {unit}, right"),
        (_, true) => format!("{rate} {unit}"),
        (0, false) => format!("{rate} {unit}, WRONG"),
        (lost, false) => format!("{rate} {unit}, {} LOST", number(lost)),
    }
}

/// The binary logarithm in thousandths, straight between powers of two.
fn logarithm(count: u64) -> u64 {
    let whole = u64::from(count.max(1).ilog2());
    let power = 1_u64 << whole;
    whole * 1_000 + (count.max(1) - power) * 1_000 / power
}
