//! Rows of columns: aligned and with titles for a person at a terminal, else with one tab between, so
//! that `cut -f` finds them.

use std::fmt::Write;

/// One column as a terminal shows it.
pub(super) struct Column {
    title: &'static str,
    width: usize,
    is_number: bool,
}

/// A column of words.
pub(super) const fn words(title: &'static str, width: usize) -> Column {
    Column {
        title,
        width,
        is_number: false,
    }
}

/// A column of numbers, which end below each other.
pub(super) const fn numbers(title: &'static str, width: usize) -> Column {
    Column {
        title,
        width,
        is_number: true,
    }
}

/// Adds the titles, which only an aligned table has.
pub(super) fn titles(out: &mut Vec<u8>, columns: &[Column], aligned: bool) {
    if aligned {
        let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
        row(out, columns, aligned, &titles);
    }
}

/// Adds one row; a cell for which there is nothing holds `-`.
pub(super) fn row(out: &mut Vec<u8>, columns: &[Column], aligned: bool, cells: &[&str]) {
    let mut line = String::new();
    for (column, cell) in columns.iter().zip(cells) {
        let width = if aligned { column.width } else { 0 };
        // Memory takes every byte, so nothing fails.
        let _ = match (line.is_empty(), aligned) {
            (true, _) => Ok(()),
            (false, true) => line.write_str("  "),
            (false, false) => line.write_str("\t"),
        };
        let _ = if column.is_number {
            write!(line, "{cell:>width$}")
        } else {
            write!(line, "{cell:<width$}")
        };
    }
    out.extend(line.trim_end().as_bytes());
    out.push(b'\n');
}

/// A cell's text, or the sign for nothing.
pub(super) fn or_nothing(text: Option<&str>) -> &str {
    text.unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(aligned: bool) -> String {
        let columns = [words("who", 6), numbers("what", 6), words("id", 8)];
        let mut out = Vec::new();
        titles(&mut out, &columns, aligned);
        row(&mut out, &columns, aligned, &["main", "1.50", "a b"]);
        row(&mut out, &columns, aligned, &["much-longer", "-", "-"]);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_person_gets_a_table_and_a_script_gets_tabs() {
        let aligned = "who       what  id\nmain      1.50  a b\nmuch-longer       -  -\n";
        assert_eq!(table(true), aligned);
        assert_eq!(table(false), "main\t1.50\ta b\nmuch-longer\t-\t-\n");
    }
}
