//! Colours for what went wrong, where a person looks on.

use anstyle::{AnsiColor, Style};

use crate::event::Event;

/// Colours what was added from there on, if the event is nothing that a person hopes for.
pub(super) fn paint(event: &Event, out: &mut Vec<u8>, from: usize) {
    let colour = match event {
        Event::Refused(_) => AnsiColor::Yellow,
        Event::Failed(_)
        | Event::InDoubt(_)
        | Event::Overspent(_)
        | Event::Invalid(_)
        | Event::Summary(_) => AnsiColor::Red,
        _ => return,
    };
    let style = Style::new().fg_color(Some(colour.into()));
    let is_summary = matches!(event, Event::Summary(_));
    let added = String::from_utf8_lossy(&out[from..]).into_owned();
    out.truncate(from);
    for line in added.lines() {
        let painted = match line.is_empty() || is_summary && !is_wrong(line) {
            true => line.to_string(),
            false => format!("{style}{line}{style:#}"),
        };
        out.extend(painted.bytes().chain([b'\n']));
    }
}

/// Whether a line of a summary tells that something is not as it must be.
fn is_wrong(line: &str) -> bool {
    let signs = [
        "(must be ",
        "lost)",
        "below its limit",
        "Wrong: ",
        "Ended early: ",
    ];
    signs.iter().any(|sign| line.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::OperationEvent;

    #[test]
    fn only_what_is_wrong_has_a_colour() {
        let painted = |event: &Event, lines: &str| {
            let mut out = format!("before\n{lines}").into_bytes();
            paint(event, &mut out, "before\n".len());
            String::from_utf8(out).expect("text")
        };
        let refused = Event::Refused(OperationEvent::default());
        assert_eq!(painted(&refused, "no\n"), "before\n\u{1b}[33mno\u{1b}[0m\n");
        let completed = Event::Completed(OperationEvent::default());
        assert_eq!(painted(&completed, "yes\n"), "before\nyes\n");
        let summary = Event::Summary(Box::default());
        let lines = "\nBalance of a: $1.00 (as it must be)\nBalance of b: $1.00 (must be $2.00: 1 update lost)\n";
        assert_eq!(
            painted(&summary, lines),
            "before\n\nBalance of a: $1.00 (as it must be)\n\u{1b}[31mBalance of b: $1.00 (must be $2.00: 1 update lost)\u{1b}[0m\n"
        );
    }
}
