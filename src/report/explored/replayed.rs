//! How an order ended that real threads took.

use serde::Serialize;

use super::{dollars, ended, lanes};
use crate::event::add_line;
use crate::explore::{Played, Scenario, token};
use crate::replay::Replayed;
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
}

/// Tells how the order ended, and what status follows from it.
pub fn replayed(mut sheet: Output, format: Format, replay: &Replay) -> Status {
    match format {
        Format::Text => sheet.block.extend(text(replay).into_bytes()),
        // Memory takes every byte, so nothing fails.
        Format::Json => drop(add_line(
            &mut sheet.block,
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
    status.worse(sheet.finish())
}

fn text(replay: &Replay) -> String {
    let Replay {
        scenario,
        played,
        replayed,
    } = *replay;
    let Replayed {
        times, reproduced, ..
    } = replayed;
    let mut text = lanes::picture(scenario, played);
    text += "\n";
    text += &ended(scenario, played);
    text += &format!("reproduced {reproduced} of {times}, by a thread for each operation\n");
    if let Some(differently) = &replayed.differently {
        let places = scenario.places().iter().zip(&differently.balances);
        let balances = places.map(|(place, minor)| format!("{} {}", place.name, dollars(*minor)));
        let balances: Vec<String> = balances.collect();
        text += &format!("but it also ended with {}\n", balances.join(", "));
    }
    text
}

/// `replayed`.
#[derive(Serialize)]
struct ReplayedLine<'a> {
    token: String,
    by: &'static str,
    times: u32,
    reproduced: u32,
    deadlock: bool,
    balances: Vec<BalanceOf<'a>>,
}

#[derive(Serialize)]
struct BalanceOf<'a> {
    account: &'a str,
    balance: String,
}

impl<'a> ReplayedLine<'a> {
    fn new(replay: &Replay<'a>) -> Self {
        let verdict = &replay.played.verdict;
        let places = replay.scenario.places().iter().zip(&verdict.ends);
        let balances = places.map(|(place, (ended, _))| BalanceOf {
            account: place.name.as_str(),
            balance: crate::bank::Balance::new(*ended).to_string(),
        });
        ReplayedLine {
            token: token(replay.scenario, &replay.played.order),
            by: "threads",
            times: replay.replayed.times,
            reproduced: replay.replayed.reproduced,
            deadlock: verdict.deadlock,
            balances: balances.collect(),
        }
    }
}
