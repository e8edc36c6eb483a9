//! A process as a row.

use std::fmt::{self, Write as _};

use super::{Drawing, ending, money};
use crate::event::Mode;
use crate::show::{CellStep, Lane, LaneEnd, OperationEnd, PicturedOperation, Stroke};

/// What a stroke looks like, in ASCII and beyond.
const STROKES: [(Drawn, char, char, &str); 4] = [
    (Drawn::Alive, '.', '·', "process starts or rests"),
    (Drawn::Asking, '-', '─', "a request is under way"),
    (Drawn::Waiting, ':', '░', "waits for others"),
    (Drawn::Working, '=', '━', "works"),
];

/// The mark of a process's end.
const PROCESS_ENDS: char = '|';

/// What a mark means.
const MARKS: [(char, &str); 12] = [
    ('h', "money is set aside"),
    ('r', "reads the shared balance"),
    ('c', "it has changed, reads again"),
    ('w', "writes"),
    ('L', "writes an update that is lost"),
    ('p', "posted"),
    ('v', "viewed"),
    ('x', "refused"),
    ('!', "failed"),
    ('?', "in doubt"),
    ('~', "no end is known"),
    (PROCESS_ENDS, "process ends"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Drawn {
    Alive,
    Asking,
    Waiting,
    Working,
}

/// A row while it is drawn.
struct LaneCells {
    cells: Vec<char>,
    marked: Vec<bool>,
}

impl LaneCells {
    fn stroke(&mut self, (from, until): (usize, usize), stroke: char) {
        for column in from..=until {
            if !self.marked[column] {
                self.cells[column] = stroke;
            }
        }
    }

    /// Puts a mark where it belongs, or beside another one. The end of a process gives way to what it did.
    fn mark(&mut self, column: usize, mark: char) {
        let last = self.cells.len() - 1;
        let near = [column, column + 1, column + 2];
        let free = near
            .into_iter()
            .find(|near| *near <= last && !self.marked[*near]);
        if free.is_none() && mark == PROCESS_ENDS {
            return;
        }
        let column = free.unwrap_or(column);
        self.cells[column] = mark;
        self.marked[column] = true;
    }
}

impl Drawing<'_> {
    /// The rows of a run's processes.
    pub(super) fn lanes(&self, out: &mut String, run: usize) -> fmt::Result {
        for lane in &self.picture.lanes {
            let mut drawn = lane
                .operations
                .iter()
                .filter(|place| self.is_drawn(**place));
            let Some(first) = drawn.next().filter(|_| lane.run == run) else {
                continue;
            };
            let only = drawn.next().is_none().then_some(*first);
            let row = self.lane_row(lane);
            let cells: String = row.cells.into_iter().collect();
            self.row(
                out,
                &self.lane_label(lane, only),
                &cells,
                &self.lane_end(lane, only),
            )?;
        }
        Ok(())
    }

    fn lane_label(&self, lane: &Lane, only: Option<usize>) -> String {
        let Some(place) = only else {
            return match lane.worker {
                0 => "no process".to_string(),
                worker => format!("worker {worker} ({})", lane.operations.len()),
            };
        };
        let operation = &self.picture.operations[place];
        let number = operation.number;
        let short = format!("{number:>2} {}", operation.kind);
        let long = match operation.amount {
            Some(amount) => format!("{number:>2} {:<8} {}", operation.kind, money(amount)),
            None => short.clone(),
        };
        if long.len() <= self.label {
            long
        } else {
            short
        }
    }

    fn lane_end(&self, lane: &Lane, only: Option<usize>) -> String {
        let end = only.map_or(String::new(), |place| {
            let operation = &self.picture.operations[place];
            let whole = ending(operation);
            // The story has the reason that has no room here.
            match (operation.end, whole.len() > self.end) {
                (OperationEnd::Failed | OperationEnd::InDoubt | OperationEnd::Refused, true) => {
                    operation.end.word().to_string()
                }
                _ => whole,
            }
        });
        let crash = match lane.end {
            Some(LaneEnd::Status(status)) => format!("exit {status}"),
            Some(LaneEnd::Signal(signal)) => format!("signal {signal}"),
            None => return end,
        };
        // What ended the process says more than that its operation failed, and less than that it counts.
        let counts =
            only.is_some_and(|place| self.picture.operations[place].end == OperationEnd::Completed);
        if counts && end.len() + ", ".len() + crash.len() > self.end {
            return end;
        }
        match end.is_empty() || end.len() + ", ".len() + crash.len() > self.end {
            true => crash,
            false => format!("{end}, {crash}"),
        }
    }

    fn glyph(&self, drawn: Drawn) -> char {
        let found = STROKES.iter().find(|(stroke, ..)| *stroke == drawn);
        let glyph = found.map(|(_, ascii, more, _)| if self.style.ascii { *ascii } else { *more });
        glyph.unwrap_or(' ')
    }

    fn lane_row(&self, lane: &Lane) -> LaneCells {
        let columns = self.axis.columns();
        let mut row = LaneCells {
            cells: vec![' '; columns],
            marked: vec![false; columns],
        };
        let operations = || {
            let places = lane
                .operations
                .iter()
                .filter(|place| self.is_drawn(**place));
            places.map(|place| (*place, &self.picture.operations[*place]))
        };
        let span = |from: u64, until: u64| (self.axis.column(from), self.axis.column(until));
        let begun = operations().map(|(_, operation)| operation.begun).min();
        let ended = operations().map(|(_, operation)| operation.ended).max();
        if let (Some(begun), Some(ended)) = (begun, ended) {
            let alive = span(lane.spawned.unwrap_or(begun), lane.exited.unwrap_or(ended));
            row.stroke(alive, self.glyph(Drawn::Alive));
        }
        for (_, operation) in operations() {
            for (stroke, from, until) in operation.strokes() {
                let drawn = match stroke {
                    Stroke::Start => Drawn::Alive,
                    Stroke::Begin | Stroke::Settle | Stroke::Execute => Drawn::Asking,
                    Stroke::Wait => Drawn::Waiting,
                    Stroke::Work => Drawn::Working,
                };
                row.stroke(span(from, until), self.glyph(drawn));
            }
        }
        for (place, operation) in operations() {
            self.marks(&mut row, place, operation);
        }
        if let Some(exited) = lane.exited {
            row.mark(self.axis.column(exited), PROCESS_ENDS);
        }
        row
    }

    fn marks(&self, row: &mut LaneCells, place: usize, operation: &PicturedOperation) {
        let accesses = self
            .picture
            .accesses
            .iter()
            .filter(|access| access.operation == place);
        let mut last = None;
        let mut shares = false;
        for access in accesses {
            let mark = match access.step {
                CellStep::Read => 'r',
                CellStep::Conflict => 'c',
                CellStep::Write {
                    lost_to: Some(_), ..
                } => 'L',
                CellStep::Write { .. } => 'w',
            };
            shares |= matches!(access.step, CellStep::Write { .. });
            // Both sides of a movement are read at once, and written at once.
            let column = self.axis.column(access.at);
            match last {
                Some((known, at)) if at == column && known == mark => {}
                Some(('w', at)) if at == column && mark == 'L' => row.cells[column] = 'L',
                Some(('L', at)) if at == column && mark == 'w' => {}
                _ => row.mark(column, mark),
            }
            last = Some((mark, column));
        }
        let sets_aside = self.picture.runs[operation.run].mode != Mode::SharedMemory;
        let held = operation.worked.filter(|_| last.is_none() && sets_aside);
        if let Some((held, _)) = held {
            row.mark(self.axis.column(held), 'h');
        }
        let end = match operation.end {
            OperationEnd::Completed if shares => return,
            OperationEnd::Completed if operation.kind == crate::bank::Kind::Balance => 'v',
            OperationEnd::Completed => 'p',
            OperationEnd::Refused => 'x',
            OperationEnd::Failed => '!',
            OperationEnd::InDoubt => '?',
            OperationEnd::Unfinished => '~',
        };
        row.mark(self.axis.column(operation.ended), end);
    }

    /// What the letters and strokes mean that are used.
    pub(super) fn legend(&self) -> String {
        let used: Vec<char> = self
            .picture
            .lanes
            .iter()
            .flat_map(|lane| self.lane_row(lane).cells)
            .collect();
        let strokes = STROKES
            .iter()
            .map(|(drawn, _, _, meaning)| (self.glyph(*drawn), *meaning));
        let mut legend = String::new();
        for (glyph, meaning) in strokes.chain(MARKS) {
            if used.contains(&glyph) {
                let gap = if legend.is_empty() { "" } else { "; " };
                let _ = write!(legend, "{gap}{glyph} {meaning}");
            }
        }
        legend
    }
}
