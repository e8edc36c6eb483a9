//! What a recording shows.

use serde::Serialize;

use super::Output;
use super::timeline::{TimelineStyle, timeline};
use crate::show::Picture;
use crate::status::Status;

/// Draws the timeline of a picture on stdout, if it is asked for, and says what status follows.
pub fn drawn(mut output: Output, picture: &Picture, style: Option<TimelineStyle>) -> Status {
    if let Some(style) = style {
        output.block.extend(timeline(picture, style).into_bytes());
    }
    output.finish()
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
