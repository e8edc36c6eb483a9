//! How an order ended that was taken for real.

use serde::Serialize;

use super::json::StepPart;
use super::lanes::Lanes;
use super::{ended, money, words};
use crate::event::add_line;
use crate::explore::{OrderEnd, Replayed, StepSeen, StepTakers};
use crate::explore::{Played, Scenario, token};
use crate::report::{Format, Output};
use crate::status::Status;

/// What was replayed.
#[derive(Clone, Copy, Debug)]
pub struct Replay<'a> {
    /// The operations and how they share.
    pub scenario: &'a Scenario,
    /// The order, and how it must end.
    pub played: &'a Played,
    /// How it ended.
    pub replayed: &'a Replayed,
    /// Each step was shown as it was taken.
    pub was_shown: bool,
}

/// Prints how the order ended; returns the status that follows from it.
pub fn replayed(mut output: Output, format: Format, replay: &Replay) -> Status {
    match format {
        Format::Text => output.text(&text(replay)),
        // Memory takes every byte, so nothing fails.
        Format::Json => drop(add_line(
            &mut output.block,
            "replayed",
            &ReplayedLine::new(replay),
        )),
    }
    let Replayed {
        times, reproduced, ..
    } = replay.replayed;
    let status = match times == reproduced {
        true => Status::Posted,
        false => Status::Violation,
    };
    status.worse(output.finish())
}

impl<'a> Replay<'a> {
    /// The last time that the order went as it must, or else the first time that it did not.
    fn shown(&self) -> Option<&'a OrderEnd> {
        let Replayed {
            last, differently, ..
        } = self.replayed;
        last.as_ref().or(differently.as_ref())
    }
}

fn text(replay: &Replay) -> String {
    let Replay {
        scenario,
        played,
        replayed,
        was_shown,
    } = *replay;
    let Replayed {
        times, reproduced, ..
    } = replayed;
    let mut text = String::new();
    match replay.shown() {
        _ if was_shown => text += &Lanes::new(scenario, played, &[]).waiting(),
        Some(end) => text += &Lanes::new(scenario, played, &end.pids).picture(&end.steps),
        None => {}
    }
    text += "\n";
    text += &ended(scenario, played);
    let by = match replayed.by {
        StepTakers::Threads => "by a thread for each operation",
        StepTakers::Processes => "by a process for each operation",
        StepTakers::SharedMemory => "by a process for each operation, in shared memory",
    };
    let end = match played.verdict.deadlock && replayed.by != StepTakers::Threads {
        true => ";\nthe processes were ended by their deadline",
        false => "",
    };
    text += &format!("reproduced {reproduced} of {times}, {by}{end}\n");
    if let Some(differently) = &replayed.differently {
        let places = scenario.places().iter().zip(&differently.balances);
        let balances = places.map(|(place, minor)| format!("{} {}", place.name, money(*minor)));
        let balances: Vec<String> = balances.collect();
        text += &format!("but it also ended with {}\n", balances.join(", "));
        text += &difference(scenario, played, differently);
    }
    text
}

/// The first step that went otherwise.
fn difference(scenario: &Scenario, played: &Played, end: &OrderEnd) -> String {
    let expected = played.steps.iter().map(StepSeen::from);
    let mut both = (1..).zip(expected.zip(&end.steps));
    let phrase = |step: &StepSeen| words::phrase(scenario, step);
    let other = both.find(|(_, (expected, seen))| phrase(expected) != phrase(seen));
    other.map_or(String::new(), |(number, (expected, seen))| {
        format!(
            "step {number} of {} was `{}` and not `{}`\n",
            seen.process + 1,
            phrase(seen),
            phrase(&expected)
        )
    })
}

/// Shows the steps of an order while a person has them taken, one by one.
pub struct StepScreen {
    scenario: Scenario,
    played: Played,
}

impl StepScreen {
    /// Shows what stands above the lanes, and who may begin.
    pub fn open(scenario: &Scenario, played: &Played) -> std::io::Result<Self> {
        let screen = StepScreen {
            scenario: scenario.clone(),
            played: played.clone(),
        };
        let head = screen.lanes().head();
        screen.show(&format!(
            "A key takes the next step; `q` leaves.\n\n{head}{}",
            screen.next(0)
        ))?;
        Ok(screen)
    }

    /// Shows a step of this number, from 0, and who may go next. A terminal that is gone is no matter:
    /// its keys end too.
    pub fn step(&self, number: usize, step: &StepSeen) {
        let row = self.lanes().row(number, step);
        let by = step
            .pid
            .map_or(String::new(), |pid| format!("      by pid {pid}\n"));
        let _ = self.show(&format!("{row}{by}{}", self.next(number + 1)));
    }

    fn lanes(&self) -> Lanes<'_> {
        Lanes::new(&self.scenario, &self.played, &[])
    }

    /// Whose step is next, and whose could be.
    fn next(&self, step: usize) -> String {
        let (Some(next), Some(able)) = (self.played.order.get(step), self.played.able.get(step))
        else {
            return String::new();
        };
        let others: Vec<String> = able
            .iter()
            .filter(|other| *other != next)
            .map(|other| (other + 1).to_string())
            .collect();
        let others = match &others[..] {
            [] => "no other can".to_string(),
            [one] => format!("{one} could too"),
            many => format!("{} could too", many.join(", ")),
        };
        format!("      next: {} ({others})\n", next + 1)
    }

    fn show(&self, text: &str) -> std::io::Result<()> {
        use std::io::Write as _;
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }
}

/// `replayed`.
#[derive(Serialize)]
struct ReplayedLine<'a> {
    token: String,
    by: &'static str,
    times: u32,
    reproduced: u32,
    deadlock: bool,
    steps: Vec<StepPart<'a>>,
    waiting: Vec<usize>,
    balances: Vec<BalanceOf<'a>>,
}

#[derive(Serialize)]
struct BalanceOf<'a> {
    account: &'a str,
    balance: String,
}

impl<'a> ReplayedLine<'a> {
    fn new(replay: &Replay<'a>) -> Self {
        let Replay {
            scenario,
            played,
            replayed,
            ..
        } = *replay;
        let end = replay.shown();
        let places = scenario.places().iter();
        let held = end.into_iter().flat_map(|end| &end.balances);
        let balances = places.zip(held).map(|(place, held)| BalanceOf {
            account: place.name.as_str(),
            balance: crate::bank::Balance::new(*held).to_string(),
        });
        let steps = end.into_iter().flat_map(|end| &end.steps);
        let waiting = end.into_iter().flat_map(|end| &end.waiting);
        ReplayedLine {
            token: token(scenario, &played.order),
            by: match replayed.by {
                StepTakers::Threads => "threads",
                StepTakers::Processes => "processes",
                StepTakers::SharedMemory => "shared_memory",
            },
            times: replayed.times,
            reproduced: replayed.reproduced,
            deadlock: played.verdict.deadlock,
            steps: steps.map(|step| StepPart::new(scenario, step)).collect(),
            waiting: waiting.map(|process| process + 1).collect(),
            balances: balances.collect(),
        }
    }
}
