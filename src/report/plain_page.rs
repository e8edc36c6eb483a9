//! A page for a browser that has no script and loads nothing: headings, lists, bars, tables, and steps in
//! lanes. No text of its data is taken for markup.

use std::fmt::{Display, Write as _};

use super::html::{START, hash};

const STYLE: &str = include_str!("plain_page/style.css");

/// How long the longest bar may be, and how wide the figures behind it.
pub(super) const ROOM: u64 = 500;
const FIGURES: u64 = 190;
/// How wide a letter of a name is.
const LETTER: u64 = 8;
/// The height of a bar with its distance to the next one.
const STEP: u64 = 22;
/// The most lanes that have room for words.
const WORDY_LANES: usize = 6;

/// A page that grows section by section.
pub(super) struct PlainPage {
    text: String,
    sections: usize,
}

/// A bar, with its name before it and its figures behind it.
pub(super) struct Bar {
    pub(super) name: String,
    /// Its parts: their classes and lengths, of which all together are at most [`ROOM`].
    pub(super) parts: Vec<(&'static str, u64)>,
    pub(super) told: String,
}

/// A cell of a table, and what it looks like.
pub(super) type StyledCell = (String, &'static str);

/// A table; the first cell of each row names it.
pub(super) struct PageTable<'a> {
    /// What it is, for those who do not see it.
    pub(super) label: &'a str,
    pub(super) class: &'static str,
    pub(super) head: Vec<StyledCell>,
    /// What each row looks like, and its cells.
    pub(super) rows: Vec<(&'static str, Vec<StyledCell>)>,
}

/// Steps of which each is one lane's, from first to last.
pub(super) struct StepLanes<'a> {
    /// What they are, for those who do not see it.
    pub(super) label: &'a str,
    /// What names a step.
    pub(super) first: &'static str,
    /// The names of the lanes.
    pub(super) names: Vec<String>,
    pub(super) steps: Vec<LaneStep>,
}

/// A step in its lane.
pub(super) struct LaneStep {
    pub(super) first: String,
    pub(super) lane: usize,
    /// What stands in the lane where there is no room for words.
    pub(super) letter: char,
    pub(super) words: String,
    pub(super) is_wrong: bool,
}

impl PlainPage {
    /// A page with this title, and what must be known before anything else.
    pub(super) fn new(title: &str, heading: &str, facts: &[String]) -> Self {
        let policy = format!(
            "default-src 'none'; style-src {}; base-uri 'none'; form-action 'none'",
            hash(STYLE)
        );
        let text = format!(
            "{START}<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<header><h1>{}</h1>\n",
            escaped(title),
            escaped(heading)
        );
        let mut page = PlainPage { text, sections: 0 };
        page.list(facts);
        page.add("</header>\n<main>\n");
        page
    }

    fn add(&mut self, text: impl Display) {
        // Memory takes everything.
        let _ = write!(self.text, "{text}");
    }

    /// Begins a section, and ends the one before.
    pub(super) fn section(&mut self, title: &str) {
        self.end_section();
        self.sections += 1;
        let place = self.sections;
        self.add(format_args!(
            "<section aria-labelledby=\"s{place}\"><h2 id=\"s{place}\">{}</h2>\n",
            escaped(title)
        ));
    }

    fn end_section(&mut self) {
        if self.sections > 0 {
            self.add("</section>\n");
        }
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        self.add(format_args!("<p>{}</p>\n", escaped(text)));
    }

    /// What a person is to type.
    pub(super) fn command(&mut self, command: &str) {
        self.add(format_args!(
            "<p class=\"command\"><code>{}</code></p>\n",
            escaped(command)
        ));
    }

    pub(super) fn list(&mut self, items: &[String]) {
        if items.is_empty() {
            return;
        }
        self.add("<ul>\n");
        for item in items {
            self.add(format_args!("<li>{}</li>\n", escaped(item)));
        }
        self.add("</ul>\n");
    }

    /// Something wide, which is moved by itself.
    fn begin_wide(&mut self, label: &str) {
        self.add(format_args!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">",
            escaped(label)
        ));
    }

    /// Bars below each other, over a scale with these ticks: how far from the beginning, and what stands
    /// there. What is told behind a bar must also stand in a table or a text.
    pub(super) fn bars(&mut self, label: &str, bars: &[Bar], ticks: &[(u64, String)]) {
        let scale = if ticks.is_empty() { 0 } else { STEP };
        let height = STEP * bars.len() as u64 + scale;
        let letters = bars.iter().map(|bar| bar.name.chars().count()).max();
        let names = LETTER * (letters.unwrap_or_default() as u64 + 1);
        let width = names + ROOM + FIGURES;
        self.begin_wide(&format!("{label}: chart"));
        self.add(format_args!(
            "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{}\">\n",
            escaped(label)
        ));
        for (at, told) in ticks {
            let x = names + at;
            self.add(format_args!(
                "<path class=\"grid\" d=\"M{x} 0V{}\"/><text class=\"tick\" x=\"{x}\" y=\"{}\">{}</text>\n",
                height - scale,
                height - 6,
                escaped(told)
            ));
        }
        for (row, bar) in (0..).zip(bars) {
            self.bar(bar, names, row * STEP);
        }
        self.add("</svg></div>\n");
    }

    fn bar(&mut self, bar: &Bar, names: u64, y: u64) {
        let (middle, top) = (y + 15, y + 3);
        self.add(format_args!(
            "<text class=\"name\" x=\"{}\" y=\"{middle}\">{}</text>",
            names - 6,
            escaped(&bar.name)
        ));
        let mut x = names;
        for (class, length) in &bar.parts {
            self.add(format_args!(
                "<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"{length}\" height=\"{}\"/>",
                STEP - 6
            ));
            x += length;
        }
        self.add(format_args!(
            "<text x=\"{}\" y=\"{middle}\">{}</text>\n",
            x + 6,
            escaped(&bar.told)
        ));
    }

    pub(super) fn table(&mut self, table: &PageTable) {
        self.begin_wide(&format!("{}: table", table.label));
        self.add(format_args!("<table{}>\n<thead><tr>", class(table.class)));
        for (text, kind) in &table.head {
            self.add(format_args!(
                "<th scope=\"col\"{}>{}</th>",
                class(kind),
                escaped(text)
            ));
        }
        self.add("</tr></thead>\n<tbody>\n");
        for (kind, cells) in &table.rows {
            self.add(format_args!("<tr{}>", class(kind)));
            for (column, (text, kind)) in cells.iter().enumerate() {
                let (class, text) = (class(kind), escaped(text));
                match column {
                    0 => self.add(format_args!("<th scope=\"row\"{class}>{text}</th>")),
                    _ => self.add(format_args!("<td{class}>{text}</td>")),
                }
            }
            self.add("</tr>\n");
        }
        self.add("</tbody></table></div>\n");
    }

    /// Lanes beside each other in which time runs down; of many lanes, the words stand behind them.
    pub(super) fn lanes(&mut self, lanes: StepLanes) {
        let count = lanes.names.len();
        let has_words = count <= WORDY_LANES;
        let row = |step: LaneStep| {
            let class = if step.is_wrong { "step wrong" } else { "step" };
            let mut cells = vec![(String::new(), ""); count + 1];
            cells[0] = (step.first, "number");
            if has_words {
                cells[step.lane + 1] = (step.words, class);
            } else {
                cells[step.lane + 1] = (step.letter.to_string(), class);
                let behind = format!("{}: {}", lanes.names[step.lane], step.words);
                cells.push((
                    behind,
                    if step.is_wrong {
                        "behind wrong"
                    } else {
                        "behind"
                    },
                ));
            }
            ("", cells)
        };
        let rows = lanes.steps.into_iter().map(row).collect();
        let mut head = vec![(lanes.first.to_string(), "number")];
        if has_words {
            head.extend(lanes.names.into_iter().map(|name| (name, "")));
        } else {
            head.extend((1..=count).map(|number| (number.to_string(), "")));
            head.push(("what".to_string(), "behind"));
        }
        self.table(&PageTable {
            label: lanes.label,
            class: if has_words { "lanes" } else { "lanes narrow" },
            head,
            rows,
        });
    }

    /// The whole page.
    pub(super) fn end(mut self, made_by: &str) -> String {
        self.end_section();
        self.add(format_args!(
            "</main>\n<footer><p>Made by {}. This page loads nothing from elsewhere and runs no \
             script.</p></footer>\n</body>\n</html>\n",
            escaped(made_by)
        ));
        self.text
    }
}

fn class(name: &str) -> String {
    match name {
        "" => String::new(),
        name => format!(" class=\"{name}\""),
    }
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
