//! A comparison as a page: speed beside correctness as bars, and all tables. It has no script, and loads
//! nothing.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::table::{FigureTable, name, number, tables};
use super::{NOTES, surroundings};
use crate::compare::{Comparison, Figure};
use crate::report::html::{START, hash};

const STYLE: &str = include_str!("page.css");

/// The width of a bar chart, and of the names and figures beside the bars.
const WIDTH: u64 = 960;
const NAMES: u64 = 270;
const FIGURES: u64 = 190;
/// The height of a bar with its distance to the next one.
const STEP: u64 = 22;
/// Where the axis begins: so many a second.
const LEAST: u64 = 100;

/// Writes the page of a comparison.
pub(in crate::report) fn write(comparison: &Comparison, out: &mut impl Write) -> io::Result<()> {
    out.write_all(page(comparison).as_bytes())?;
    out.flush()
}

fn page(comparison: &Comparison) -> String {
    let policy = format!(
        "default-src 'none'; style-src {}; base-uri 'none'; form-action 'none'",
        hash(STYLE)
    );
    let mut page = format!(
        "{START}<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>bank-par comparison</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><h1>Ways to share a balance</h1>\n<ul>\n"
    );
    for fact in surroundings(comparison) {
        let _ = writeln!(page, "<li>{}</li>", escaped(&fact));
    }
    page += "</ul></header>\n<main>\n";
    for (place, table) in tables(comparison).iter().enumerate() {
        section(place, table, &mut page);
    }
    page += "<section aria-labelledby=\"notes\"><h2 id=\"notes\">Not like for like</h2>\n<ul>\n";
    for note in NOTES {
        let _ = writeln!(page, "<li>{}</li>", escaped(note));
    }
    page += "</ul></section>\n</main>\n\
             <footer><p>Made by bank-par compare. This page loads nothing from elsewhere and runs no \
             script.</p></footer>\n</body>\n</html>\n";
    page
}

fn section(place: usize, table: &FigureTable, page: &mut String) {
    let title = escaped(&table.title);
    let _ = writeln!(
        page,
        "<section aria-labelledby=\"s{place}\"><h2 id=\"s{place}\">{title}</h2>"
    );
    chart(table, page);
    let _ = writeln!(
        page,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{title}: table\"><table>\n<thead><tr>"
    );
    for (column, cell) in table.head.iter().enumerate() {
        let class = if column == 0 { "" } else { " class=\"number\"" };
        let _ = write!(page, "<th scope=\"col\"{class}>{}</th>", escaped(cell));
    }
    *page += "</tr></thead>\n<tbody>\n";
    for (row, figure) in table.rows.iter().zip(&table.figures) {
        let [way, figures @ ..] = row;
        let class = if figure.is_right() {
            ""
        } else {
            " class=\"wrong\""
        };
        let _ = write!(page, "<tr{class}><th scope=\"row\">{}</th>", escaped(way));
        for cell in figures {
            let _ = write!(page, "<td class=\"number\">{}</td>", escaped(cell));
        }
        *page += "</tr>\n";
    }
    *page += "</tbody></table></div></section>\n";
}

/// The rates as bars, each ten times as many a second as long again, with what is wrong marked by words and
/// a dashed outline.
fn chart(table: &FigureTable, page: &mut String) {
    let most = table.figures.iter().map(|figure| figure.rate()).max();
    let most = logarithm(most.unwrap_or_default().max(10 * LEAST));
    let room = WIDTH - NAMES - FIGURES;
    let place = |rate: u64| {
        let above = logarithm(rate).saturating_sub(logarithm(LEAST));
        above * room / (most - logarithm(LEAST))
    };
    let height = STEP * (table.figures.len() as u64 + 1);
    let unit = &table.head[1];
    let _ = writeln!(
        page,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}: chart\"><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{0}: {unit} as bars on a logarithmic scale; the table below has the same figures\">",
        escaped(&table.title)
    );
    let mut tick = LEAST;
    while logarithm(tick) <= most {
        let x = NAMES + place(tick);
        let _ = writeln!(
            page,
            "<path class=\"grid\" d=\"M{x} 0V{}\"/><text class=\"tick\" x=\"{x}\" y=\"{}\">{}</text>",
            height - STEP,
            height - 6,
            number(tick)
        );
        tick *= 10;
    }
    for (row, figure) in (0..).zip(&table.figures) {
        let (y, length) = (row * STEP, place(figure.rate()).max(2));
        let _ = writeln!(
            page,
            "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text><rect class=\"{}\" x=\"{NAMES}\" y=\"{}\" width=\"{length}\" height=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            NAMES - 6,
            y + 15,
            escaped(&name(figure)),
            class(figure),
            y + 3,
            STEP - 6,
            NAMES + length + 6,
            y + 15,
            escaped(&told(figure, unit)),
        );
    }
    *page += "</svg></div>\n";
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

/// Text that is no markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}
