//! What a recording shows.

use serde::Serialize;

use super::Output;
use super::money::MoneyText;
use super::text::Grouped;
use super::timeline::{TimelineStyle, timeline};
use crate::show::{Picture, PicturedRun};
use crate::status::Status;

/// Draws the timeline of a picture on stdout, if it is asked for, and says what status follows.
pub fn drawn(mut output: Output, picture: &Picture, style: Option<TimelineStyle>) -> Status {
    if let Some(style) = style {
        output.block.extend(timeline(picture, style).into_bytes());
    }
    output.finish()
}

/// What became of each remedy that the threads of a run tried, in a line each.
pub(super) fn races(run: &PicturedRun) -> impl Iterator<Item = String> {
    run.races.iter().map(|race| {
        let operations = Grouped(race.operations.into());
        let (actual, expected) = (MoneyText::of(race.actual), MoneyText::of(race.expected));
        let ended = match race.actual == race.expected {
            true => format!("ended with {actual}, as it must"),
            false => format!("ended with {actual}, and must be {expected}"),
        };
        let lost = match race.lost_updates {
            0 => "no update".to_string(),
            1 => "1 update".to_string(),
            lost => format!("{} updates", Grouped(lost.into())),
        };
        format!(
            "{}: {lost} of {operations} lost; the balance {ended}",
            race.remedy
        )
    })
}

/// The word by which a value is written for programs.
pub(super) fn word(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    text.trim_matches('"').to_string()
}

/// Draws a picture in every way there is, and keeps nothing of it.
#[cfg(test)]
pub(crate) fn draw_all(picture: &Picture) {
    for width in [40, 80, 200] {
        let style = TimelineStyle {
            width,
            ascii: width == 40,
            is_for_terminal: false,
        };
        timeline(picture, style);
    }
    super::html::write(picture, &mut std::io::sink()).expect("a page");
    super::table::write(picture, &mut std::io::sink()).expect("a table");
    super::trace::trace(picture, usize::MAX, &mut std::io::sink()).expect("a trace");
}
