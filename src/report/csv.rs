//! Records of comma-separated values.

use csv_core::Writer;

use crate::bank::Unit;

/// Adds records, and behind each what amounts count where that is not `$`.
pub(super) struct CsvRecords {
    writer: Writer,
}

impl CsvRecords {
    pub(super) fn new() -> Self {
        let writer = Writer::new();
        CsvRecords { writer }
    }

    /// Adds the names of the columns.
    pub(super) fn header(&mut self, names: &[&str], out: &mut Vec<u8>) {
        self.add(names, "unit", out);
    }

    /// Adds a record.
    pub(super) fn record(&mut self, fields: &[&str], out: &mut Vec<u8>) {
        self.add(fields, Unit::current().name(), out);
    }

    fn add(&mut self, fields: &[&str], unit: &str, out: &mut Vec<u8>) {
        let unit = match Unit::current().is_default() {
            true => &[][..],
            false => &[unit],
        };
        let fields = [fields, unit].concat();
        let mut at = out.len();
        // At most every byte of a field is doubled and two quotes and a delimiter stand around it.
        let most: usize = fields.iter().map(|field| 2 * field.len() + 3).sum();
        out.resize(at + most, 0);
        for (number, field) in fields.iter().enumerate() {
            if number > 0 {
                at += self.writer.delimiter(&mut out[at..]).1;
            }
            at += self.writer.field(field.as_bytes(), &mut out[at..]).2;
        }
        at += self.writer.terminator(&mut out[at..]).1;
        out.truncate(at);
    }
}
