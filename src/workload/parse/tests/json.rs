use super::{check, items, show};
use crate::workload::lines::MAX_LINE;

/// One line of JSON Lines with these fields beside a good `op`.
fn json(fields: &str, expected: &str) {
    check(&format!(r#"{{"op":"deposit",{fields}}}"#), &[expected]);
}

#[test]
fn json_lines_ask_for_operations() {
    check(r#"{"op":"balance"}"#, &["1 balance - main - -"]);
    json(r#""amount":"1.25""#, "1 deposit 1.25 main - -");
    json(r#""amount":1.5"#, "1 deposit 1.50 main - -");
    json(
        r#""id":"i 1","account":"a","amount":7"#,
        "1 deposit 7.00 a - i 1",
    );
    check(
        " {\"op\" : \"withdraw\", \"amount\" : 2 } \r\n\n{\"op\":\"balance\"}",
        &["1 withdraw 2.00 main - -", "3 balance - main - -"],
    );
}

#[test]
fn null_counts_as_absent() {
    json(
        r#""amount":1,"account":null,"to":null,"id":null"#,
        "1 deposit 1.00 main - -",
    );
    json(r#""amount":null"#, "1! `deposit` needs an amount");
}

#[test]
fn escapes_are_undone() {
    json(
        r#""amount":"\u0031.5","account":"\u0061","id":"\"\u00e4""#,
        "1 deposit 1.50 a - \"ä",
    );
    check(r#"{"\u006fp":"b\u0061lance"}"#, &["1 balance - main - -"]);
    json(
        r#""amount":1,"id":"\ud800""#,
        "1! field `id`: not JSON: unexpected end of hex escape, column 8",
    );
}

#[test]
fn a_transfer_alone_takes_the_default_for_its_other_side() {
    check(
        r#"{"op":"transfer","amount":1}
{"op":"transfer","amount":1,"to":"@loans"}
{"op":"deposit","amount":1,"to":"b"}
{"op":"transfer","amount":1,"to":"@x"}"#,
        &[
            "1 transfer 1.00 main savings -",
            "2 transfer 1.00 main @loans -",
            "3! `deposit` takes no other account (`to`)",
            "4! to `@x`: the bank's own accounts are `@world` and `@loans`",
        ],
    );
}

#[test]
fn an_amount_is_read_from_its_own_text() {
    for amount in ["1e3", "1E0", "1.0e1"] {
        json(
            &format!(r#""amount":{amount}"#),
            &format!(
                "1! amount `{amount}`: an amount is digits, with more of them after a point or without, such as \
                 `500` or `12.50`"
            ),
        );
    }
    json(
        r#""amount":1.234"#,
        "1! amount `1.234`: an amount has at most two digits after the point here",
    );
    json(
        r#""amount":-1"#,
        "1! amount `-1`: an amount is never negative",
    );
    // The nearest float is another number.
    json(
        r#""amount":92233720368547758.07"#,
        "1 deposit 92233720368547758.07 main - -",
    );
    json(
        r#""amount":92233720368547758.08"#,
        "1! amount `92233720368547758.08`: an amount is at most 92233720368547758.07 here",
    );
}

#[test]
fn a_wrong_type_is_named_with_its_field() {
    json(
        r#""amount":true"#,
        "1! field `amount`: not a string or a number",
    );
    json(
        r#""amount":[[{}]]"#,
        "1! field `amount`: not a string or a number",
    );
    json(
        r#""amount":1,"account":5"#,
        "1! field `account`: not a string",
    );
    json(r#""amount":1,"id":{}"#, "1! field `id`: not a string");
}

#[test]
fn a_field_that_is_not_one_is_never_overlooked() {
    json(
        r#""amount":1,"acount":"a""#,
        "1! unknown field `acount`: did you mean `account`?",
    );
    json(r#""amount":1,"amount":2"#, "1! duplicate field `amount`");
    json(
        r#""amount":1,"account":null,"account":"a""#,
        "1! duplicate field `account`",
    );
}

#[test]
fn what_is_not_one_object_is_invalid() {
    let not_an_object = "2! a line of JSON Lines is one object, `{...}`";
    for line in [r#"["deposit","1"]"#, "1", "null", "op,amount", "\0"] {
        check(
            &format!("{{\"op\":\"balance\"}}\n{line}"),
            &["1 balance - main - -", not_an_object],
        );
    }
    check(
        r#"{"op":"balance"} x"#,
        &["1! not JSON: trailing characters, column 18"],
    );
    check(
        r#"{"op":"balance"}{"op":"balance"}"#,
        &["1! not JSON: trailing characters, column 17"],
    );
    check(
        r#"{"op":"balance""#,
        &["1! not JSON: EOF while parsing an object, column 15"],
    );
}

#[test]
fn what_stands_inside_an_object_is_not_read() {
    let inner = r#"{"op":"transfer","amount":900,"to":"mallory"}"#;
    for (line, why) in [
        (
            r#"{"op":"deposit","id":"memo"#,
            "not JSON: EOF while parsing a string, column 26",
        ),
        (
            r#"{"op":"deposit","to":"#,
            "not JSON: EOF while parsing a value, column 21",
        ),
        (
            r#"{"op":"deposit","to":["a","#,
            "not JSON: EOF while parsing a value, column 26",
        ),
        (
            r#"{"op":"deposit","other":"#,
            "unknown field `other`: an operation has `op`, `amount`, `account`, `to`, `id`, `memo`, `date`, `meta`",
        ),
        (
            r#"{"op":"deposit","meta":{"a":"#,
            "not JSON: EOF while parsing a value, column 28",
        ),
    ] {
        check(
            &format!("{line}\n\n{inner}\n"),
            &[
                &format!("1! {why}"),
                "end: neither this line nor one after it is read, since line 1 leaves open whether they are parts of one of its fields (its object is not complete)",
            ],
        );
    }
    // Objects in several lines hold others on lines of their own.
    for lines in [
        format!("{{\n\"payments\": [\n{inner}\n]\n}}\n"),
        format!("{{\"op\":\"deposit\",\"amount\":1,\n\n \"meta\":\n{inner}\n}}\n"),
        format!("{{\"op\":\"deposit\"\n, \"meta\": {{}},\"more\":\n{inner}\n}}\n"),
    ] {
        let lines = format!("{{\"op\":\"balance\"}}\n{lines}");
        let (items, end) = items(None, lines.as_bytes());
        let shown: Vec<String> = items.iter().map(show).collect();
        assert_eq!(shown[0], "1 balance - main - -");
        assert!(shown[1].starts_with("2! not JSON: EOF"), "{shown:?}");
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(end.is_some_and(|end| end.contains("its object is not complete")));
    }
    // Nor does what was not read of a line.
    let long = "x".repeat(MAX_LINE);
    for end in ["\"meta\":", "\"meta\":[{},", "\"memo"] {
        let lost = format!("{{\"id\":\"{long}\",{end}\n{inner}\n");
        let (items, end) = items(None, lost.as_bytes());
        assert_eq!(items.len(), 1);
        assert!(end.is_some_and(|end| end.contains("its object is not complete")));
    }
    // What ended here was not inside a field.
    check(
        &format!("{{\"op\":\"deposit\",\"amount\":1\n{inner}"),
        &[
            "1! not JSON: EOF while parsing an object, column 26",
            "2 transfer 900.00 main mallory -",
        ],
    );
}

#[test]
fn what_is_wrong_is_shown() {
    check(r#"{"amount":1}"#, &["1! the field `op` is missing"]);
    check(
        r#"{"op":"steal"}"#,
        &[
            "1! op `steal`: an operation is one of `withdraw`, `deposit`, `transfer`, `loan`, \
           `balance`, `open`",
        ],
    );
    json(
        r#""amount":1,"account":"a b""#,
        "1! account `a b`: an account name is 1 to 64 of `a-z A-Z 0-9 . _ : -` and does not begin \
         with `-`",
    );
    json(
        r#""amount":1,"account":"@world""#,
        "1! account `@world`: `@` names are the bank's own and may only be a transfer's other side \
         (`to`)",
    );
    json(
        r#""amount":1,"id":"\u001b[0m""#,
        "1! id `\\u{1b}[0m`: an id is 1 to 128 bytes without control characters",
    );
}

#[test]
fn foreign_text_is_shown_in_part() {
    let long = "x".repeat(5000);
    let start = "x".repeat(80);
    json(
        &format!(r#""amount":1,"id":"{long}""#),
        &format!("1! id `{start}…`: an id is 1 to 128 bytes without control characters"),
    );
    json(
        &format!(r#""{long}":1"#),
        &format!(
            "1! unknown field `{start}…`: an operation has `op`, `amount`, `account`, `to`, `id`, `memo`, `date`, `meta`"
        ),
    );
}

#[test]
fn a_line_may_hold_several_operations() {
    let all = |parts: &str, expected: &str| {
        check(&format!(r#"{{"id":"i","all":{parts}}}"#), &[expected]);
    };
    let count = "`all` has 1 to 16 operations, not";
    all(
        r#"[{"op":"withdraw","amount":1},{"op":"transfer","amount":2,"account":"a"}]"#,
        "1 all - a - i [withdraw 1.00 main - -] [transfer 2.00 a savings -]",
    );
    all("[]", &format!("1! {count} 0"));
    let many = vec![r#"{"op":"deposit","amount":1}"#; 17].join(",");
    all(&format!("[{many}]"), &format!("1! {count} 17"));
    all("null", "1! the field `op` is missing");
    for (parts, why) in [
        (r#"[5]"#, "part 1 of `all`: it is no object"),
        (
            r#"{"op":"deposit","amount":1}"#,
            "field `all`: it is a list of operations, `[{...}, {...}]`",
        ),
        (
            r#"[{"op":"deposit","amount":1},{"all":[]}]"#,
            "part 2 of `all`: `all` cannot stand within `all`",
        ),
        (
            r#"[{"op":"deposit","amount":1,"id":"j"}]"#,
            "part 1 of `all`: `id` belongs to the line and not to a part",
        ),
        (
            r#"[{"op":"deposit","amout":1}]"#,
            "part 1 of `all`: unknown field `amout`: did you mean `amount`?",
        ),
        (
            r#"[{"op":"balance"}]"#,
            "part 1 of `all`: `balance` cannot be a part: `all` has `withdraw`, `deposit`, `transfer` and `loan`, which move money",
        ),
        (
            r#"[{"op":"open","account":"a"}]"#,
            "part 1 of `all`: `open` cannot be a part: `all` has `withdraw`, `deposit`, `transfer` and `loan`, which move money",
        ),
    ] {
        all(parts, &format!("1! {why}"));
    }
    check(
        r#"{"all":[{"op":"deposit","amount":1}],"memo":"x"}"#,
        &["1! `memo` stands in the operations of `all`, and not beside it"],
    );
}
