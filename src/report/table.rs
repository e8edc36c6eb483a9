//! The operations of a picture as comma-separated values, for a spreadsheet. Times are microseconds since
//! the picture begins, money is decimal.

use std::io::{self, Write};

use super::shown::word;
use crate::bank::Decimal;
use crate::show::Picture;

/// The first line.
pub(super) const TITLES: &str = "run,mode,operation,worker,pid,op,account,to,amount,id,line,begun_us,\
held_us,worked_us,ended_us,elapsed_us,end,duplicate,reason,detail,balance,seq,decided\n";

/// Writes a line for each operation.
pub(super) fn write(picture: &Picture, out: &mut impl Write) -> io::Result<()> {
    out.write_all(TITLES.as_bytes())?;
    for operation in &picture.operations {
        let lane = &picture.lanes[operation.lane];
        let number =
            |number: Option<u64>| number.map_or(String::new(), |number| number.to_string());
        let some = |number: u32| number_or_nothing(number.into());
        let money = |minor: Option<i64>| {
            minor.map_or(String::new(), |minor| {
                Decimal::new(minor).as_str().to_string()
            })
        };
        let text = |text: Option<&str>| cell(text.unwrap_or_default());
        let account = |place: usize| quoted(&picture.accounts[place].name);
        let cells = [
            (operation.run + 1).to_string(),
            cell(picture.runs[operation.run].mode.word()),
            operation.number.to_string(),
            some(lane.worker),
            some(lane.pid),
            operation.kind.to_string(),
            account(operation.account),
            operation.to.map_or(String::new(), account),
            money(operation.amount),
            text(operation.id.as_deref()),
            number(operation.line),
            operation.begun.to_string(),
            number(operation.worked.map(|(from, _)| from)),
            number(operation.worked.map(|(from, until)| until - from)),
            operation.ended.to_string(),
            operation.elapsed().to_string(),
            operation.end.word().replace(' ', "_"),
            operation.duplicate.to_string(),
            operation.reason.as_ref().map_or(String::new(), word),
            text(operation.detail.as_deref()),
            money(operation.balance),
            number(operation.seq),
            number(operation.decided),
        ];
        writeln!(out, "{}", cells.join(","))?;
    }
    out.flush()
}

fn number_or_nothing(number: u64) -> String {
    match number {
        0 => String::new(),
        number => number.to_string(),
    }
}

/// A text as a cell: in quotes where it must be. One that a spreadsheet would take for a formula is told to
/// be text by an apostrophe.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    match formula {
        true => quoted(&format!("'{text}")),
        false => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_cell_and_no_formula() {
        for (text, expected) in [
            ("main", "main"),
            ("a,b", "\"a,b\""),
            ("say \"no\"\n", "\"say \"\"no\"\"\n\""),
            ("=1+1", "'=1+1"),
            ("@world", "'@world"),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
