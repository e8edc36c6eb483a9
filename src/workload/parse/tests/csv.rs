use super::{check, check_bytes};
use crate::workload::Defaults;
use crate::workload::lines::{InputLine, LineSplitter, MAX_LINE};
use crate::workload::parse::Parser;

/// One record below a header of three columns.
fn csv(record: &str, expected: &str) {
    check(&format!("op,amount,account\n{record}\n"), &[expected]);
}

#[test]
fn csv_asks_for_operations() {
    csv("deposit,1.25,a", "2 deposit 1.25 a - -");
    csv("deposit,1.25,", "2 deposit 1.25 main - -");
    csv("\"deposit\",\"1.25\",\"\"", "2 deposit 1.25 main - -");
    csv("balance,,b\r", "2 balance - b - -");
    check(
        "\u{feff}\n\n id , to,op,account,amount\r\n\n\"a \"\"b\"\", c\",ops,transfer,x,1\r\n",
        &["5 transfer 1.00 x ops a \"b\", c"],
    );
    check("op\nbalance", &["2 balance - main - -"]);
}

#[test]
fn a_csv_field_is_taken_as_it_is() {
    csv(
        "balance,,\" a\"",
        "2! account ` a`: an account name is 1 to 64 of `a-z A-Z 0-9 . _ : -` and does not begin \
         with `-`",
    );
    csv(
        "deposit, 1,",
        "2! amount ` 1`: an amount is digits, with more of them after a point or without, such as `500` or \
         `12.50`",
    );
    csv(",1,a", "2! the field `op` is missing");
}

#[test]
fn a_record_has_the_headers_fields_on_one_line() {
    csv("balance,", "2! there are 2 fields and not the header's 3");
    csv("balance,,,", "2! there are more fields than the header's 3");
    for length in [5, 6, 7, 500] {
        csv(
            &",".repeat(length),
            "2! there are more fields than the header's 3",
        );
    }
    check(
        "op,amount,account,to,id\nbalance,,,,\nbalance,,,,,\nbalance,,,,,,\nbalance,,,,\n",
        &[
            "2 balance - main - -",
            "3! there are more fields than the header's 5",
            "4! there are more fields than the header's 5",
            "5 balance - main - -",
        ],
    );
}

#[test]
fn a_record_of_more_lines_is_invalid_as_a_whole() {
    check(
        "op,account,id\nbalance,a,\"memo\nbalance,b,x\n\n\"\nbalance,\"c\",\n",
        &[
            "2! the record goes on to line 5, and no field of an operation is longer than its line",
            "6 balance - c - -",
        ],
    );
    check(
        "op,account\r\nbalance,\"a\r\nbalance,b\"\r\nbalance,c\r\n",
        &[
            "2! the record goes on to line 3, and no field of an operation is longer than its line",
            "4 balance - c - -",
        ],
    );
}

#[test]
fn a_quote_that_is_never_closed_takes_all_that_follows() {
    let unclosed = "2! a quote is not closed, so that all lines after it belong to this record";
    check("op,account\nbalance,\"a\nbalance,b\n", &[unclosed]);
    check("op,account\nbalance,\"\n\0\n\nbalance,b", &[unclosed]);
}

/// From line 3 on nothing is read, because of line 2.
fn lost(records: &str, why: &str) {
    check(
        &format!("op,account\n{records}"),
        &[
            &format!("2! {why}"),
            &format!(
                "end: neither this line nor one after it is read, since line 2 leaves open whether they are parts of one of its fields ({why})"
            ),
        ],
    );
}

#[test]
fn what_may_be_a_part_of_a_field_is_not_read() {
    let stray = "a quote stands inside a field (quote the whole field and double that quote)";
    lost("balance,5\" pipe\nbalance,b\n", stray);
    lost(
        "balance,x\"memo\nbalance,b\nbalance,end\"\nbalance,c\n",
        stray,
    );
    // The quote that was forgotten in line 2 is closed by the one that opens another field.
    lost("balance,\"a\nbalance,\"memo\nbalance,b\nend\"\n", stray);
    let long = "x".repeat(MAX_LINE / 2);
    lost(
        &format!("balance,\"a\n{long}\n{long}\nbalance,b\n"),
        "a quote is not closed",
    );
    lost(
        &format!("{long}\"{long}\nbalance,b\n"),
        "the line is longer than 65536 bytes",
    );
}

#[test]
fn what_is_skipped_of_a_line_may_open_a_field() {
    let mut parser = Parser::new(None, Defaults::default());
    let mut end = Ok(None);
    let mut each = |line: InputLine<'_>| {
        end = parser.item(&line);
        end.clone().map(drop)
    };
    let mut lines = LineSplitter::default();
    let long = "x".repeat(MAX_LINE + 1);
    for chunk in ["op\n", &long, "\",", "\n"] {
        lines.split(chunk.as_bytes(), &mut each).expect("no end");
    }
    let lost = lines.split(b"balance\n", &mut each);
    assert!(lost.is_err_and(|why| why.contains("is longer than 65536 bytes and has quotes")));
}

#[test]
fn a_stray_quote_changes_no_amount() {
    let stray = "2! a quote stands inside a field (quote the whole field and double that quote)";
    for amount in ["\"1\"2", "1\"2\"", "1\"\"2", "\"1\" ", " \"1\""] {
        csv(&format!("deposit,{amount},"), stray);
    }
}

#[test]
fn a_header_that_is_none_ends_it() {
    let none = |name: &str| {
        format!(
            "`{name}` is not a column; CSV begins with the names of its columns, some of `op`, \
             `amount`, `account`, `to`, `id`, `memo`, `date`, and `meta.NAME`"
        )
    };
    check(
        "op,ammount\nbalance,",
        &["end: column 2: `ammount` is not a column: did you mean `amount`?"],
    );
    check(
        "\nOp\n",
        &["end: column 1: `Op` is not a column: did you mean `op`?"],
    );
    check("op,", &[&format!("end: column 2: {}", none(""))]);
    check("amount,op,op", &["end: column 3: `op` is named twice"]);
    check(
        "op,amount,account,to,id,to,x,y",
        &["end: column 6: `to` is named twice"],
    );
    check("amount,account", &["end: the column `op` is missing"]);
    check(
        "op,\"amount\nbalance,\"",
        &["end: a quote is not closed on the header's line"],
    );
    check_bytes(b"\xff\xfeo\0p\0", &["end: a field is not UTF-8"]);
}

#[test]
fn other_separators_and_arrays_are_told_the_way_out() {
    for (input, way) in [
        (
            "op;amount\ndeposit;1\n",
            "separated by `;` and not by commas: save the file",
        ),
        (
            "op\tamount\ndeposit\t1\n",
            "separated by tabs and not by commas",
        ),
        ("[{\"op\":\"deposit\",\"amount\":1}]\n", "`jq -c '.[]'`"),
        (
            "\n [\n{\"op\":\"deposit\",\"amount\":1}\n]\n",
            "`jq -c '.[]'`",
        ),
    ] {
        let (found, end) = super::items(None, input.as_bytes());
        assert_eq!(found, []);
        assert!(end.is_some_and(|end| end.contains(way)), "{input}");
    }
}
