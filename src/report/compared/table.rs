//! Figures as the cells of tables: one table for each part and number of workers.

use std::time::Duration;

use crate::comparison::{Comparison, Figure, FigureSetting, Section};

/// A way, and its figures.
pub(super) type Row = Vec<String>;

/// The figures that are looked at together.
pub(super) struct FigureTable<'a> {
    pub(super) title: String,
    pub(super) head: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
    /// The figures of the rows.
    pub(super) figures: Vec<&'a Figure>,
}

impl FigureTable<'_> {
    /// Leaves out what was measured of no row.
    fn without_empty_columns(mut self) -> Self {
        let is_empty = |column: &usize| self.rows.iter().all(|row| row[*column] == NOTHING);
        let empty: Vec<usize> = (0..self.head.len()).filter(is_empty).collect();
        for column in empty.into_iter().rev() {
            self.head.remove(column);
            for row in &mut self.rows {
                row.remove(column);
            }
        }
        self
    }
}

/// Stands where there is no figure.
const NOTHING: &str = "-";

/// All tables of a comparison. Each has the limits of its figures, also where those were measured for
/// another one.
pub(super) fn tables(comparison: &Comparison) -> Vec<FigureTable<'_>> {
    let mut tables: Vec<(String, Vec<&Figure>)> = Vec::new();
    for figure in &comparison.figures {
        let title = title(figure);
        match tables.iter_mut().find(|(known, _)| *known == title) {
            Some((_, figures)) => figures.push(figure),
            None => tables.push((title, vec![figure])),
        }
    }
    let tables = tables.into_iter();
    let tables = tables.map(|(title, figures)| {
        let head = head(figures[0].section);
        let figures = with_limits(comparison, figures);
        let table = FigureTable {
            title,
            head,
            rows: figures.iter().map(|one| row(comparison, one)).collect(),
            figures,
        };
        table.without_empty_columns()
    });
    tables.collect()
}

/// The figures, and before the first of each limit that is not among them, that limit.
fn with_limits<'a>(comparison: &'a Comparison, figures: Vec<&'a Figure>) -> Vec<&'a Figure> {
    let mut all: Vec<&Figure> = Vec::new();
    for figure in &figures {
        if let Some(limit) = comparison.limit(figure) {
            let is_it = |other: &&Figure| other.setting == limit.setting;
            if !all.iter().any(is_it) && !figures.iter().any(is_it) {
                all.push(limit);
            }
        }
        all.push(figure);
    }
    all
}

fn title(figure: &Figure) -> String {
    let FigureSetting { workers, bytes, .. } = figure.setting;
    let several = |one: &str| match workers {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    match figure.section {
        Section::Sharing => format!("Sharing one balance, {}", several("worker")),
        Section::Links => {
            let bytes = bytes.unwrap_or_default();
            format!(
                "Messages of {bytes} bytes there and back, {}",
                several("worker")
            )
        }
        Section::Processes if workers == 1 => "Starting processes, 1 at a time".to_string(),
        Section::Processes => format!("Starting processes, {workers} at a time"),
        Section::Durable => format!("What lasts, {}", several("worker")),
    }
}

fn head(section: Section) -> Vec<&'static str> {
    let rate = match section {
        Section::Sharing => "ops/s",
        Section::Links => "msgs/s",
        Section::Processes => "starts/s",
        Section::Durable => "commits/s",
    };
    vec!["way", rate, "p50", "p99", "CPU each", "lost", "of limit"]
}

fn row(comparison: &Comparison, figure: &Figure) -> Row {
    let (lost, is_right) = (figure.lost_updates(), figure.is_right());
    vec![
        name(figure),
        number(figure.rate()),
        figure.p50().map_or(NOTHING.to_string(), time),
        figure.p99().map_or(NOTHING.to_string(), time),
        time(figure.cpu_each()),
        match (figure.setting.has_balance(), lost, is_right) {
            (false, ..) => NOTHING.to_string(),
            (true, 0, false) => "wrong".to_string(),
            (true, lost, _) => number(lost),
        },
        match (figure.setting.way.is_limit(), comparison.ratio(figure)) {
            (true, _) => "limit".to_string(),
            (false, Some(ratio)) => percent(ratio),
            (false, None) => NOTHING.to_string(),
        },
    ]
}

/// What a figure is of, in a few words.
pub(super) fn name(figure: &Figure) -> String {
    let FigureSetting { way, in_flight, .. } = figure.setting;
    let mut name = way.name().to_string();
    if let Some(sync) = way.sync() {
        name = format!("{name} {sync}");
    }
    if in_flight > 1 {
        name = format!("{name}, {in_flight} under way");
    }
    name
}

/// A count with three digits that count.
pub(super) fn number(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..10_000 => format!("{}.{:02}k", count / 1_000, count % 1_000 / 10),
        10_000..100_000 => format!("{}.{}k", count / 1_000, count % 1_000 / 100),
        100_000..1_000_000 => format!("{}k", count / 1_000),
        1_000_000..10_000_000 => {
            format!("{}.{:02}M", count / 1_000_000, count % 1_000_000 / 10_000)
        }
        10_000_000..100_000_000 => {
            format!("{}.{}M", count / 1_000_000, count % 1_000_000 / 100_000)
        }
        _ => format!("{}M", count / 1_000_000),
    }
}

/// A time in its unit, with one digit behind the point where there are few before it.
pub(super) fn time(time: Duration) -> String {
    let nanos = time.as_nanos();
    let (unit, each) = match nanos {
        0..1_000 => return format!("{nanos} ns"),
        1_000..1_000_000 => ("us", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    match nanos / each {
        whole @ 0..100 => format!("{whole}.{} {unit}", nanos % each * 10 / each),
        whole => format!("{whole} {unit}"),
    }
}

/// Thousandths as a percentage.
pub(super) fn percent(thousandths: u64) -> String {
    match thousandths {
        0 => "<0.1%".to_string(),
        1..100 => format!("{}.{}%", thousandths / 10, thousandths % 10),
        _ => format!("{}%", thousandths / 10),
    }
}
