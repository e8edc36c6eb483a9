//! An order as a picture: time runs down, every operation has a lane.

use super::words;
use crate::explore::{Played, Scenario};

/// The width of a projector's terminal.
const WIDTH: usize = 80;
/// The column of the steps' numbers, with the space after it.
const MARGIN: usize = 6;
/// What is between two lanes.
const GAP: usize = 2;

/// The picture of an order, within 80 columns.
pub(super) fn picture(scenario: &Scenario, played: &Played) -> String {
    let operations = scenario.operations();
    let heads = (1..).zip(operations).map(|(number, operation)| {
        let amount = operation.amount().map_or(0, |amount| amount.minor());
        [
            format!("{number} {}", operation.kind()),
            format!("  {}", super::dollars(amount)),
        ]
    });
    let heads: Vec<[String; 2]> = heads.collect();
    let mut rows: Vec<(usize, String)> = played
        .steps
        .iter()
        .map(|taken| (taken.process, words::phrase(scenario, taken)))
        .collect();
    let waits = played.waiting.iter().map(|(process, places)| {
        let names = places
            .iter()
            .map(|place| scenario.places()[*place].name.as_str());
        (
            *process,
            format!("waits for {}", names.collect::<Vec<_>>().join(", ")),
        )
    });
    rows.extend(waits);
    let lane = (WIDTH - MARGIN) / operations.len().max(1);
    let texts = rows
        .iter()
        .map(|(_, text)| text)
        .chain(heads.iter().flatten());
    let widest = texts.map(|text| text.chars().count()).max().unwrap_or(0);
    if widest + GAP <= lane {
        return wide(&heads, &rows, played.steps.len(), widest + GAP);
    }
    narrow(played, operations.len(), &rows)
}

/// Lanes with words in them.
fn wide(heads: &[[String; 2]], rows: &[(usize, String)], steps: usize, lane: usize) -> String {
    let line = |first: String, cells: &mut dyn Iterator<Item = String>| {
        let cells: String = cells.map(|cell| format!("{cell:<lane$}")).collect();
        format!("{}\n", format!("{first:>4}  {cells}").trim_end())
    };
    let head = |first: &str, part: usize| {
        let mut cells = heads.iter().map(|head| head[part].clone());
        line(first.to_string(), &mut cells)
    };
    let mut picture = head("step", 0) + &head("", 1);
    for (number, (process, text)) in (1..).zip(rows) {
        let number = match number <= steps {
            true => number.to_string(),
            false => String::new(),
        };
        let own = |lane: usize| {
            if lane == *process {
                text.clone()
            } else {
                "|".to_string()
            }
        };
        picture += &line(number, &mut (0..heads.len()).map(own));
    }
    picture
}

/// Lanes of a letter each, and the words beside them.
fn narrow(played: &Played, operations: usize, rows: &[(usize, String)]) -> String {
    let lane = if operations <= 20 { 2 } else { 1 };
    let cells = |cell: &dyn Fn(usize) -> char| -> String {
        (0..operations)
            .map(|number| format!("{:<lane$}", cell(number)))
            .collect()
    };
    let tens = |number: usize| match (number + 1) / 10 {
        0 => ' ',
        tens => char::from_digit(tens as u32, 10).unwrap_or(' '),
    };
    let ones = |number: usize| char::from_digit((number as u32 + 1) % 10, 10).unwrap_or(' ');
    let mut picture = String::new();
    if operations > 9 {
        picture += &cut(&format!("{:MARGIN$}{}", "", cells(&tens)));
    }
    picture += &cut(&format!("step  {}", cells(&ones)));
    for (number, (process, text)) in rows.iter().enumerate() {
        let taken = played.steps.get(number);
        let letter = taken.map_or('?', words::letter);
        let first = taken.map_or(String::new(), |_| (number + 1).to_string());
        let lanes = cells(&|lane| if lane == *process { letter } else { '.' });
        picture += &cut(&format!("{first:>4}  {lanes}  {} {text}", process + 1));
    }
    picture
}

fn cut(line: &str) -> String {
    let line: String = line.chars().take(WIDTH).collect();
    format!("{}\n", line.trim_end())
}
