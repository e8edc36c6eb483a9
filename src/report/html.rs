//! A picture as a page: one file that a browser shows without loading anything from elsewhere.
//!
//! The page holds its data as columns, compressed, and draws them with a script of its own. What may run
//! in it is named by its hash, and text from a recording is never taken for markup.

mod columns;
mod selection;

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha2::{Digest, Sha256};

use crate::show::Picture;
use columns::PageColumns;

/// What every page begins with that this program writes.
pub(super) const START: &str = "<!doctype html>\n<!-- bank-par report -->\n";

const PAGE: &str = include_str!("html/page.html");
/// What both pages look like.
pub const STYLES: [&str; 2] = [
    include_str!("html/uplot.css"),
    include_str!("html/page.css"),
];
/// Draws lanes, here and on the page that shows runs as they happen.
pub const LANES_SCRIPT: &str = include_str!("html/lanes.js");
const SCRIPT: &str = include_str!("html/page.js");
/// uPlot 1.6.32, as its authors publish it; its licence lies beside it.
pub const UPLOT: &str = include_str!("html/uplot.js");

/// Writes the page of a picture.
pub(super) fn write(picture: &Picture, out: &mut impl Write) -> io::Result<()> {
    let style = STYLES.concat();
    let policy = format!(
        "default-src 'none'; script-src {} {} {}; style-src {}; base-uri 'none'; form-action 'none'",
        hash(UPLOT),
        hash(LANES_SCRIPT),
        hash(SCRIPT),
        hash(&style),
    );
    let data = packed(picture)?;
    let mut rest = PAGE;
    for (place, text) in [
        ("{{POLICY}}", policy.as_str()),
        ("{{STYLE}}", &style),
        ("{{DATA}}", &data),
        ("{{UPLOT}}", UPLOT),
        ("{{LANES}}", LANES_SCRIPT),
        ("{{SCRIPT}}", SCRIPT),
    ] {
        let (before, after) = rest.split_once(place).unwrap_or((rest, ""));
        out.write_all(before.as_bytes())?;
        out.write_all(text.as_bytes())?;
        rest = after;
    }
    out.write_all(rest.as_bytes())?;
    out.flush()
}

/// How a policy names a script or a style.
pub fn hash(text: &str) -> String {
    format!(
        "'sha256-{}'",
        STANDARD.encode(Sha256::digest(text.as_bytes()))
    )
}

/// The columns, compressed, in letters that no markup has.
fn packed(picture: &Picture) -> io::Result<String> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    serde_json::to_writer(&mut encoder, &PageColumns::of(picture))?;
    Ok(STANDARD.encode(encoder.finish()?))
}

#[cfg(test)]
mod tests;
