mod csv;
mod json;

use super::*;
use crate::bank::{Kind, Name};
use crate::workload::lines::LineSplitter;
use proptest::prelude::*;

/// The items of an input, and why its header is none if it is none.
fn items(format: Option<WorkloadFormat>, input: &[u8]) -> (Vec<Item>, Option<String>) {
    let defaults = Defaults {
        to: Name::user("savings").ok(),
        bank_decides: true,
        ..Defaults::default()
    };
    let mut parser = Parser::new(format, defaults);
    let mut found = Vec::new();
    let mut each = |line: InputLine<'_>| {
        found.extend(parser.item(&line)?);
        Ok(())
    };
    let mut lines = LineSplitter::default();
    let end = lines
        .split(input, &mut each)
        .and_then(|()| lines.finish(&mut each));
    found.extend(parser.finish());
    (found, end.err())
}

/// An operation as `op amount account to id`, and `-` for what it does not have.
fn show(item: &Item) -> String {
    match item {
        Item::Invalid { line, reason } => format!("{line}! {reason}"),
        Item::Done { line, .. } | Item::Skipped { line, .. } => {
            panic!("{line:?} belongs to no run")
        }
        Item::Operation { line, operation } => {
            let mut shown = format!("{} {}", line.expect("a line").number, words(operation));
            if operation.kind() == Kind::Group {
                for part in operation.parts() {
                    shown += &format!(" [{}]", words(part));
                }
            }
            shown
        }
    }
}

fn words(operation: &Operation) -> String {
    let amount = operation.amount().map(|amount| amount.to_string());
    format!(
        "{} {} {} {} {}",
        operation.kind(),
        amount.as_deref().unwrap_or("-"),
        operation.account,
        operation.to().map_or("-", |to| to.as_str()),
        operation.id.as_ref().map_or("-", |id| id.as_str()),
    )
}

fn check_bytes(input: &[u8], expected: &[&str]) {
    let (items, end) = items(None, input);
    let mut shown: Vec<String> = items.iter().map(show).collect();
    shown.extend(end.map(|reason| format!("end: {reason}")));
    assert_eq!(shown, expected, "{}", String::from_utf8_lossy(input));
}

fn check(input: &str, expected: &[&str]) {
    check_bytes(input.as_bytes(), expected);
}

#[test]
fn bytes_that_are_no_text_are_invalid() {
    check_bytes(
        b"{\"op\":\"balance\"}\n{\"op\":\"\xff\"}\n{\"op\":\"balance\"}",
        &[
            "1 balance - main - -",
            "2! the line is not UTF-8, byte 8",
            "3 balance - main - -",
        ],
    );
    check_bytes(
        b"op,account,id\nbalance,\xff,\nbalance,a\xc3,\xa9\nbalance,,\xc3\xa9\n",
        &[
            "2! a field is not UTF-8",
            "3! a field is not UTF-8",
            "4 balance - main - é",
        ],
    );
}

#[test]
fn a_line_that_is_too_long_is_invalid() {
    let long = "x".repeat(MAX_LINE);
    check(
        &format!("{{{long}}}\n{{\"op\":\"balance\"}}"),
        &[
            "1! the line is longer than 65536 bytes",
            "2 balance - main - -",
        ],
    );
    check(
        &format!("op\n{long}x\n\"balance\""),
        &[
            "2! the line is longer than 65536 bytes",
            "3 balance - main - -",
        ],
    );
    check(
        &format!("op{long}"),
        &["end: the line is longer than 65536 bytes"],
    );
    // As long as may be, and as many bytes of fields as a line can have.
    check(
        &format!("op\n{long}"),
        &[&format!(
            "2! op `{}…`: an operation is one of `withdraw`, `deposit`, `transfer`, `loan`, \
             `balance`, `open`",
            &long[..80]
        )],
    );
}

#[test]
fn a_byte_order_mark_is_skipped_only_at_the_start() {
    let bad = "op `\u{feff}balance`: an operation is one of `withdraw`, `deposit`, `transfer`, \
               `loan`, `balance`, `open`"
        .replace('\u{feff}', "\\u{feff}");
    check(
        "\u{feff}op\n\u{feff}balance\n\"\n\u{feff}balance",
        &[
            &format!("2! {bad}"),
            "3! a quote is not closed, so that all lines after it belong to this record",
        ],
    );
    check(
        "\u{feff}{\"op\":\"balance\"}\n\u{feff}{\"op\":\"balance\"}",
        &[
            "1 balance - main - -",
            "2! a line of JSON Lines is one object, `{...}`",
        ],
    );
}

#[test]
fn a_format_that_is_given_counts() {
    let (found, end) = items(Some(WorkloadFormat::JsonLines), b"op\nbalance\n");
    assert_eq!((found.len(), end), (2, None));
    let (found, end) = items(Some(WorkloadFormat::Csv), b"{\"op\":\"balance\"}\n");
    assert!(found.is_empty() && end.is_some());
    assert_eq!(items(None, b" \n\n"), (vec![], None));
}

/// Bytes that are often nearly right, so that every path is reached.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => prop::sample::select(vec![
            "{\"op\":", "\"balance\"", "\"deposit\"", "}", ",", "\"", "\\u0", "\n", "\r\n", "op",
            "\"amount\":", "1", ".", "1.5", "\"account\":", "null", "balance", " ", "[", "{",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

/// The numbers of the lines that are not blank.
fn numbers(input: &[u8]) -> Vec<u64> {
    let lines = input.split(|b| *b == b'\n').zip(1..);
    let full = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    full.map(|(_, number)| number).collect()
}

fn number(item: &Item) -> u64 {
    match item {
        Item::Invalid { line, .. } => *line,
        Item::Operation { line, .. } => line.expect("a line").number,
        Item::Done { line, .. } | Item::Skipped { line, .. } => line.number,
    }
}

/// Checks that each line has an item, up to the one from which on nothing is read.
fn check_accounted(
    found: &[Item],
    end: Option<&str>,
    expected: &[u64],
) -> Result<(), TestCaseError> {
    let found: Vec<u64> = found.iter().map(number).collect();
    match end {
        None => prop_assert_eq!(found, expected),
        Some(_) => {
            prop_assert!(found.len() < expected.len());
            prop_assert_eq!(&found[..], &expected[..found.len()]);
        }
    }
    Ok(())
}

/// The fields of a record, which may have any byte in them.
fn records() -> impl Strategy<Value = Vec<Vec<String>>> {
    let field = prop_oneof![
        Just("balance".to_string()),
        Just("transfer,900.00,main,mallory".to_string()),
        "[a\", \r\n\0\u{feff}]{0,12}",
    ];
    prop::collection::vec(prop::collection::vec(field, 2), 0..6)
}

proptest! {
    #[test]
    fn every_line_is_accounted_for(input in nearly()) {
        prop_assume!(!input.trim_ascii_start().starts_with(b"["));
        let (found, end) = items(Some(WorkloadFormat::JsonLines), &input);
        check_accounted(&found, end.as_deref(), &numbers(&input))?;
    }

    #[test]
    fn every_line_without_quotes_is_a_record(input in nearly()) {
        let mut input = [b"op,amount\n".to_vec(), input].concat();
        input.retain(|byte| *byte != b'"');
        let (found, end) = items(Some(WorkloadFormat::Csv), &input);
        check_accounted(&found, end.as_deref(), &numbers(&input)[1..])?;
    }

    #[test]
    fn no_part_of_a_field_is_an_operation(records in records()) {
        let quoted = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
        let mut input = "op,account\n".to_string();
        let mut expected = Vec::new();
        let mut line = 2;
        for fields in &records {
            let record = fields.iter().map(quoted).collect::<Vec<_>>().join(",");
            let is_account = Name::user(&fields[1]).is_ok() || fields[1].is_empty();
            expected.push((line, fields[0] == "balance" && is_account));
            line += 1 + record.matches('\n').count() as u64;
            input += &record;
            input += "\n";
        }
        let (found, end) = items(Some(WorkloadFormat::Csv), input.as_bytes());
        prop_assert_eq!(end, None);
        let found: Vec<_> = found
            .iter()
            .map(|item| (number(item), matches!(item, Item::Operation { .. })))
            .collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn no_input_makes_a_long_or_harmful_reason(input in nearly()) {
        let (found, end) = items(None, &input);
        let reasons = found.iter().filter_map(|item| match item {
            Item::Invalid { reason, .. } => Some(reason),
            _ => None,
        });
        for reason in reasons.chain(&end) {
            prop_assert!(reason.len() < 500 && !reason.chars().any(char::is_control));
        }
    }

    #[test]
    fn both_formats_ask_for_the_same(minor in 1..=i64::MAX, account in "[a-z0-9.:]{1,64}") {
        let amount = crate::bank::Decimal::new(minor);
        let (op, amount) = ("withdraw", amount.as_str());
        let json = format!("\n{{\"op\":\"{op}\",\"amount\":{amount},\"account\":\"{account}\"}}");
        let csv = format!("account,op,amount\n{account},{op},{amount}");
        let (json, csv) = (items(None, json.as_bytes()), items(None, csv.as_bytes()));
        let is_operation = matches!(json.0[..], [Item::Operation { line: Some(bank::Line { number: 2, .. }), .. }]);
        prop_assert!(is_operation);
        prop_assert_eq!(json, csv);
    }
}
