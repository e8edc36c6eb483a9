//! Reading what `strace` writes.

/// The path in `3<\x2f\x74...>`.
pub(super) fn opened_path(descriptor: &str) -> Option<String> {
    let path = descriptor.split_once('<')?.1.split_once('>')?.0;
    let deleted = if descriptor.ends_with("(deleted)") {
        " (deleted)"
    } else {
        ""
    };
    Some(text(unescaped(path)) + deleted)
}

/// The bytes of every quoted string.
pub(super) fn strings(call: &str) -> Vec<Vec<u8>> {
    call.split('"').skip(1).step_by(2).map(unescaped).collect()
}

/// The bytes of `\x2f\x74`.
fn unescaped(text: &str) -> Vec<u8> {
    let digit = |digit: u8| (digit as char).to_digit(16).unwrap() as u8;
    let bytes = text.as_bytes().chunks_exact(4);
    assert!(bytes.remainder().is_empty(), "not escaped: {text}");
    bytes
        .map(|byte| digit(byte[2]) << 4 | digit(byte[3]))
        .collect()
}

pub(super) fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// The number at the beginning.
pub(super) fn number(text: &str) -> u64 {
    let digits = text.split(|c: char| !c.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap_or_else(|e| panic!("{e}: {text}"))
}
