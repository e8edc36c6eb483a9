use std::os::unix::ffi::OsStringExt;

use super::*;

fn check(argument: &[u8], expected: &str) {
    let argument = OsString::from_vec(argument.to_vec());
    assert_eq!(quote(&argument), expected);
    let script = format!("printf %s {expected}");
    // Only words in plain or single quotes are for every shell.
    let shell = if expected.starts_with('$') {
        "bash"
    } else {
        "sh"
    };
    let Ok(output) = std::process::Command::new(shell)
        .args(["-c", &script])
        .output()
    else {
        return;
    };
    assert_eq!(output.stdout, argument.as_bytes(), "{expected}");
}

#[test]
fn a_shell_reads_a_quoted_word_as_it_was() {
    check(b"--ledger=bank.db", "--ledger=bank.db");
    check(b"", "''");
    check(b"a b", "'a b'");
    check(b"$HOME/*", "'$HOME/*'");
    check("it's ä".as_bytes(), r"'it'\''s ä'");
    check(b"~", "'~'");
    check(b"a\nb\\'", r"$'a\x0ab\\\''");
    check(b"\xff1", r"$'\xff1'");
}

#[test]
fn a_command_is_its_words() {
    let words = ["bank-par", "parallel", "my file.jsonl", "--run", "november"];
    assert_eq!(
        command(words.map(OsString::from)),
        "bank-par parallel 'my file.jsonl' --run november"
    );
}
