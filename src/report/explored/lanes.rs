//! An order as a picture: time runs down, every operation has a lane.

use super::words;
use crate::explore::StepSeen;
use crate::explore::{Played, Scenario};

/// The width of a projector's terminal.
pub(super) const WIDTH: usize = 80;
/// The column of the steps' numbers, with the space after it.
const MARGIN: usize = 6;
/// What is between two lanes.
const GAP: usize = 2;

/// How an order is drawn, within 80 columns.
pub(super) struct Lanes<'a> {
    scenario: &'a Scenario,
    played: &'a Played,
    /// The process of each operation, where it has one of its own.
    pids: &'a [u32],
    /// How wide a lane with words in it is; `None`: no room for words.
    lane: Option<usize>,
    /// Without words in the lanes, there is room for a letter in each, and the words behind them.
    has_letters: bool,
}

impl<'a> Lanes<'a> {
    pub(super) fn new(scenario: &'a Scenario, played: &'a Played, pids: &'a [u32]) -> Self {
        let mut lanes = Lanes {
            scenario,
            played,
            pids,
            lane: None,
            has_letters: true,
        };
        let steps = played.steps.iter().map(StepSeen::from);
        let steps = steps.map(|step| words::phrase(scenario, &step));
        let waits = lanes.waits().map(|(_, text)| text);
        let heads = (0..lanes.count()).flat_map(|process| lanes.head_of(process));
        let widths = steps.chain(waits).chain(heads);
        let widest = widths.map(|text| text.chars().count()).max().unwrap_or(0);
        let room = (WIDTH - MARGIN) / lanes.count().max(1);
        lanes.lane = Some(widest + GAP).filter(|lane| *lane <= room);
        let letters = lanes.narrow(|_| '.').chars().count() + GAP;
        let behind = lanes.who(lanes.count().saturating_sub(1)).chars().count() + 1 + widest;
        lanes.has_letters = MARGIN + letters + behind <= WIDTH;
        lanes
    }

    fn count(&self) -> usize {
        self.scenario.operations().len()
    }

    /// The whole picture of these steps, which are those of the order.
    pub(super) fn picture(&self, steps: &[StepSeen]) -> String {
        let mut picture = self.head();
        for (number, step) in steps.iter().enumerate() {
            picture += &self.row(number, step);
        }
        picture + &self.waiting()
    }

    /// The rows of the operations that wait for ever.
    pub(super) fn waiting(&self) -> String {
        let row = |(process, text): (usize, String)| self.line("", process, '?', &text);
        self.waits().map(row).collect()
    }

    /// What stands above the lanes.
    pub(super) fn head(&self) -> String {
        if self.lane.is_none() {
            return self.narrow_head();
        }
        let rows = (0..self.count()).map(|process| self.head_of(process));
        let rows: Vec<Vec<String>> = rows.collect();
        let parts = rows.first().map_or(0, Vec::len);
        let part = |part: usize| {
            let first = if part == 0 { "step" } else { "" };
            self.wide(first, |process| rows[process][part].clone())
        };
        (0..parts).map(part).collect()
    }

    fn head_of(&self, process: usize) -> Vec<String> {
        let operation = &self.scenario.operations()[process];
        let amount = operation.amount().map_or(0, |amount| amount.minor());
        let mut head = vec![
            format!("{} {}", process + 1, operation.kind()),
            format!("  {}", super::money(amount)),
        ];
        let pid = self.pids.get(process);
        head.extend(pid.map(|pid| format!("  pid {pid}")));
        head
    }

    /// The row of a step, which has this number, from 0.
    pub(super) fn row(&self, number: usize, step: &StepSeen) -> String {
        let text = words::phrase(self.scenario, step);
        let number = (number + 1).to_string();
        self.line(&number, step.process, words::letter(step), &text)
    }

    /// The operations that wait for ever, and for what.
    fn waits(&self) -> impl Iterator<Item = (usize, String)> {
        let name = |place: &usize| self.scenario.places()[*place].name.as_str();
        self.played.waiting.iter().map(move |(process, places)| {
            let names: Vec<&str> = places.iter().map(name).collect();
            (*process, format!("waits for {}", names.join(", ")))
        })
    }

    fn line(&self, first: &str, process: usize, letter: char, text: &str) -> String {
        if self.lane.is_some() {
            return self.wide(first, |lane| match lane == process {
                true => text.to_string(),
                false => "|".to_string(),
            });
        }
        let who = self.who(process);
        if !self.has_letters {
            return cut(&format!("{first:>4}  {who} {text}"));
        }
        let lanes = self.narrow(|lane| if lane == process { letter } else { '.' });
        cut(&format!("{first:>4}  {lanes}  {who} {text}"))
    }

    /// An operation by its number, and its process.
    fn who(&self, process: usize) -> String {
        let pid = self.pids.get(process);
        let pid = pid.map_or(String::new(), |pid| format!(" (pid {pid})"));
        format!("{}{pid}", process + 1)
    }

    /// A row of lanes with words in them.
    fn wide(&self, first: &str, cell: impl Fn(usize) -> String) -> String {
        let lane = self.lane.unwrap_or(0);
        let cells = (0..self.count()).map(|process| format!("{:<lane$}", cell(process)));
        let cells: String = cells.collect();
        format!("{}\n", format!("{first:>4}  {cells}").trim_end())
    }

    /// A row of lanes of a letter each.
    fn narrow(&self, cell: impl Fn(usize) -> char) -> String {
        let lane = if self.count() <= 20 { 2 } else { 1 };
        let cells = (0..self.count()).map(|process| format!("{:<lane$}", cell(process)));
        cells.collect()
    }

    fn narrow_head(&self) -> String {
        if !self.has_letters {
            return cut("step  operation");
        }
        let tens = |process: usize| match (process + 1) / 10 {
            0 => ' ',
            tens => char::from_digit(tens as u32, 10).unwrap_or(' '),
        };
        let ones = |process: usize| char::from_digit((process as u32 + 1) % 10, 10).unwrap_or(' ');
        let mut head = String::new();
        if self.count() > 9 {
            head += &cut(&format!("{:MARGIN$}{}", "", self.narrow(tens)));
        }
        head + &cut(&format!("step  {}", self.narrow(ones)))
    }
}

fn cut(line: &str) -> String {
    let line: String = line.chars().take(WIDTH).collect();
    format!("{}\n", line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::{play, read_token};

    #[test]
    fn sixty_operations_fit_with_whole_values() {
        let operations = ["w1", "d1"].repeat(30).join(",");
        let letters = ('1'..='9').chain('a'..='z').chain('A'..='Y');
        let order: String = letters.flat_map(|letter| [letter, letter]).collect();
        let token = format!("x1/none/main=1000/{operations}/{order}");
        let (scenario, order) = read_token(&token).expect("a token");
        let played = play(&scenario, &order).expect("an order");
        let steps: Vec<StepSeen> = played.steps.iter().map(StepSeen::from).collect();
        for pids in [vec![], vec![4_194_303; 60]] {
            let picture = Lanes::new(&scenario, &played, &pids).picture(&steps);
            let rows: Vec<&str> = picture.lines().skip(1).collect();
            assert_eq!(rows.len(), 120);
            for row in rows {
                assert!(row.len() <= WIDTH && row.ends_with(".00"), "{row}");
            }
        }
    }
}
