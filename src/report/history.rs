//! Entries, one each: as columns, JSON Lines or CSV. All three are a stable interface.

mod hledger;

use std::collections::BTreeMap;

use serde::Serialize;

use super::Output;
use super::columns::{Column, fixed, id, moments, numbers, or_nothing, words};
use super::csv::CsvRecords;
use crate::bank::{Annotations, Balance, Id, Name};
use crate::event::{add_line, rfc3339};
use crate::status::Status;
use crate::store::{Entry, RunName};

const COLUMNS: [Column; 8] = [
    numbers("seq"),
    moments("when"),
    fixed("op"),
    words("account"),
    words("to"),
    numbers("amount"),
    numbers("balance"),
    id("id"),
];

const CSV_FIELDS: [&str; 18] = [
    "seq",
    "at",
    "op",
    "account",
    "to",
    "amount",
    "balance",
    "available",
    "id",
    "run",
    "line",
    "date",
    "memo",
    "meta",
    "from",
    "reverses",
    "part",
    "of",
];

/// How entries look on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryFormat {
    /// For people, and for `cut`.
    Text,
    /// JSON Lines.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// A journal of hledger.
    Hledger,
}

/// The entries of a ledger, one after another.
pub struct History {
    output: Output,
    format: EntryFormat,
    csv: CsvRecords,
}

impl History {
    /// Begins a list of entries.
    pub fn begin(output: Output, format: EntryFormat) -> Self {
        let mut history = History {
            output,
            format,
            csv: CsvRecords::new(),
        };
        match format {
            EntryFormat::Text => history.output.begin_table_of_money(&COLUMNS),
            EntryFormat::Json => {}
            EntryFormat::Csv => history.csv.header(&CSV_FIELDS, &mut history.output.block),
            EntryFormat::Hledger => hledger::begin(&mut history.output.block),
        }
        history
    }

    /// Prints an entry.
    pub fn entry(&mut self, entry: &Entry) {
        match self.format {
            EntryFormat::Text => self.row(entry),
            EntryFormat::Csv => self.fields(entry),
            EntryFormat::Hledger => hledger::entry(entry, &mut self.output.block),
            // Memory takes every byte, so nothing fails.
            EntryFormat::Json => drop(add_line(
                &mut self.output.block,
                "entry",
                &EntryLine::new(entry),
            )),
        }
    }

    /// What was told goes to stdout through this.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Writes the rest, and says what was lost.
    pub fn finish(self) -> Status {
        self.output.finish()
    }

    fn row(&mut self, entry: &Entry) {
        let (amount, id) = (entry.amount(), entry.id());
        let amount = amount.map(|amount| amount.to_string());
        // Of a reversal alone its kind does not tell where the money comes from.
        let from = entry.operation.from().map(|from| format!("from {from}"));
        let other = entry.operation.to().map(Name::as_str).or(from.as_deref());
        let cells = [
            &*entry.seq.to_string(),
            &rfc3339(entry.at),
            entry.kind().word(),
            entry.operation.account.as_str(),
            or_nothing(other),
            or_nothing(amount.as_deref()),
            &entry.view.posted.to_string(),
            or_nothing(id.as_ref().map(Id::as_str)),
        ];
        let memo = entry.operation.annotations().memo;
        self.output.row(&cells);
        if let Some(memo) = memo {
            self.output.add_words(&memo);
        }
    }

    fn fields(&mut self, entry: &Entry) {
        let amount = entry.amount().map(|amount| amount.to_string());
        let id = entry.id();
        let Annotations { date, memo, meta } = entry.operation.annotations();
        let meta = match meta.is_empty() {
            true => String::new(),
            // Texts have always a JSON.
            false => serde_json::to_string(&meta).unwrap_or_default(),
        };
        let number = |number: Option<u64>| number.map_or_else(String::new, |it| it.to_string());
        let place = entry.operation.group_place();
        let place = place.map(|place| (place.part as u64, place.of as u64));
        let (part, of) = place.unzip();
        let fields = [
            &*entry.seq.to_string(),
            &rfc3339(entry.at),
            entry.kind().word(),
            entry.operation.account.as_str(),
            entry.operation.to().map_or("", Name::as_str),
            amount.as_deref().unwrap_or_default(),
            &entry.view.posted.to_string(),
            &entry.view.available.to_string(),
            id.as_ref().map_or("", Id::as_str),
            entry.run.as_ref().map_or("", RunName::as_str),
            &number(entry.line),
            date.as_deref().unwrap_or_default(),
            memo.as_deref().unwrap_or_default(),
            &meta,
            entry.operation.from().map_or("", Name::as_str),
            &number(entry.operation.reverses()),
            &number(part),
            &number(of),
        ];
        self.csv.record(&fields, &mut self.output.block);
    }
}

/// `entry`.
#[derive(Serialize)]
struct EntryLine<'a> {
    seq: u64,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Id>,
    /// Which part of a group it is, and of how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    part: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<usize>,
    op: &'static str,
    account: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<Balance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    excess: Option<Balance>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memo: Option<Box<str>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    meta: BTreeMap<String, String>,
    balance: Balance,
    available: Balance,
    #[serde(skip_serializing_if = "Option::is_none")]
    reverses: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reversed_by: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
}

impl<'a> EntryLine<'a> {
    fn new(entry: &'a Entry) -> Self {
        let Annotations { date, memo, meta } = entry.operation.annotations();
        let place = entry.operation.group_place();
        let (part, of) = place.map(|place| (place.part, place.of)).unzip();
        EntryLine {
            part,
            of,
            date,
            memo,
            meta,
            seq: entry.seq,
            at: rfc3339(entry.at),
            id: entry.id(),
            op: entry.kind().word(),
            account: entry.operation.account.as_str(),
            to: entry.operation.to().map(Name::as_str),
            from: entry.operation.from().map(Name::as_str),
            amount: entry.amount().map(Balance::from),
            excess: entry.excess.map(Balance::from),
            balance: entry.view.posted,
            available: entry.view.available,
            reverses: entry.operation.reverses(),
            reversed_by: entry.reversed_by,
            run: entry.run.as_ref().map(RunName::as_str),
            line: entry.line,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bank::{Amount, Kind, Moment, Operation, View};

    fn entry(id: Option<&str>) -> Entry {
        let id = id.map(|id| Id::new(id).expect("an id"));
        let to = Some(Name::user("rent").expect("a name"));
        let operation =
            Operation::new(Kind::Transfer, id, Name::default(), to, Amount::new(50_000));
        Entry {
            seq: 17,
            at: Moment::new(1_795_438_800_000_001),
            operation: operation.expect("an operation"),
            excess: None,
            reversed_by: None,
            view: View {
                posted: Balance::new(-1_250),
                available: Balance::new(-2_250),
            },
            run: None,
            line: None,
        }
    }

    fn of_a_run() -> Entry {
        let operation = Operation::new(Kind::Loan, None, Name::default(), None, Amount::new(1));
        Entry {
            operation: operation.expect("an operation"),
            run: Some("november".parse().expect("a name")),
            line: Some(3),
            excess: Amount::new(20),
            ..entry(None)
        }
    }

    #[track_caller]
    fn check(format: EntryFormat, on_terminal: bool, entries: &[Entry], expected: &str) {
        let mut history = History::begin(Output::for_test(on_terminal), format);
        entries.iter().for_each(|entry| history.entry(entry));
        history.output.lay_out();
        let seen = String::from_utf8(history.output.block).expect("text");
        assert_eq!(seen, expected);
    }

    #[test]
    fn columns_for_people_and_for_cut() {
        let seen = "17\t2026-11-23T13:00:00.000001Z\ttransfer\tmain\trent\t500.00\t-12.50\ta b\n\
                    17\t2026-11-23T13:00:00.000001Z\tloan\tmain\t-\t0.01\t-12.50\t-\n";
        check(
            EntryFormat::Text,
            false,
            &[entry(Some("a b")), of_a_run()],
            seen,
        );
        let operation = entry(None).operation.reversed(17).expect("a reversal");
        let reversal = Entry {
            operation,
            ..of_a_run()
        };
        let seen = "17\t2026-11-23T13:00:00.000001Z\treverse\tmain\tfrom rent\t500.00\t-12.50\treverse:17\n";
        check(EntryFormat::Text, false, &[reversal], seen);
        let seen = "seq  when        op        account  to    amount  balance  id\n 17  2001-09-09  transfer  main     rent  500.00   -12.50  a b\n";
        let of_old = Entry {
            at: Moment::new(1_000_000_000_000_000),
            ..entry(Some("a b"))
        };
        check(EntryFormat::Text, true, &[of_old], seen);
    }

    #[test]
    fn json_leaves_out_what_does_not_apply() {
        let seen = concat!(
            r#"{"v":1,"type":"entry","seq":17,"at":"2026-11-23T13:00:00.000001Z","id":"a\"b","op":"transfer","account":"main","to":"rent","amount":"500.00","balance":"-12.50","available":"-22.50"}"#,
            "\n",
            r#"{"v":1,"type":"entry","seq":17,"at":"2026-11-23T13:00:00.000001Z","op":"loan","account":"main","amount":"0.01","excess":"0.20","balance":"-12.50","available":"-22.50","run":"november","line":3}"#,
            "\n",
        );
        let entries = [entry(Some("a\"b")), of_a_run()];
        check(EntryFormat::Json, true, &entries, seen);
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let quotes = "\"".repeat(128);
        let seen = format!(
            "seq,at,op,account,to,amount,balance,available,id,run,line,date,memo,meta,from,reverses,part,of\n\
             17,2026-11-23T13:00:00.000001Z,transfer,main,rent,500.00,-12.50,-22.50,\"a,\"\"b\"\"\",,,,,,,,,\n\
             17,2026-11-23T13:00:00.000001Z,transfer,main,rent,500.00,-12.50,-22.50,\"{quotes}{quotes}\",,,,,,,,,\n\
             17,2026-11-23T13:00:00.000001Z,loan,main,,0.01,-12.50,-22.50,,november,3,,,,,,,\n\
             17,2026-11-23T13:00:00.000001Z,reverse,main,,500.00,-12.50,-22.50,reverse:17,november,3,,,,rent,17,,\n"
        );
        let reversal = Entry {
            operation: entry(None).operation.reversed(17).expect("a reversal"),
            ..of_a_run()
        };
        let quoted = [entry(Some("a,\"b\"")), entry(Some(&quotes))];
        let entries = [&quoted[..], &[of_a_run(), reversal]].concat();
        check(EntryFormat::Csv, true, &entries, &seen);
    }
}
