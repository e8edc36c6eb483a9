//! What was typed: read by clap, with its errors in the program's own form and no advice that could pay or
//! destroy something.

use std::env;
use std::ffi::OsString;
use std::process;

use anstream::ColorChoice;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches};

use super::help::command;
use super::{Cli, GENERAL};
use crate::report;
use crate::workload::Excerpt;

/// The commands that change nothing that lasts, and so may be offered for one that was mistyped.
const HARMLESS: [&str; 15] = [
    "balance",
    "check",
    "compare",
    "completions",
    "explore",
    "help",
    "history",
    "man",
    "replay",
    "runs",
    "server-share",
    "shared-memory",
    "show",
    "sync",
    "verify",
];

/// The flags that have something paid or run again, which no mistyped one is taken for.
const GRAVE: [&str; 5] = [
    "--in-doubt",
    "--only-test-accounts",
    "--retries",
    "--retry-refused",
    "--run-command",
];

/// The command line that this program has, without what only helps show, so that a command begins at once.
pub(super) fn bare() -> Command {
    let general = |name: &'static str| Arg::new(name).long(name).help_heading(GENERAL);
    let ledger = general("ledger")
        // Where it stands before the command it is moved behind it before clap sees it.
        .value_name("LEDGER")
        .help("The ledger of the command that follows; it may stand behind that as well");
    let color = general("color")
        .value_name("WHEN")
        .value_parser(["auto", "always", "never"])
        .default_value("auto")
        .hide_possible_values(true)
        .global(true)
        .help("Colour what is printed: always, never or, with auto, on a terminal");
    let help = general("help")
        .short('h')
        .action(ArgAction::Help)
        .global(true)
        .help("Print help");
    Cli::command().args([ledger, color, help])
}

/// What the command line says, or the end of the program with an error, a help or the version.
pub(super) fn read() -> Cli {
    let arguments: Vec<OsString> = env::args_os().collect();
    let choice = color(&arguments);
    choice.write_global();
    let coloured = |command: Command| {
        command.color(match choice {
            ColorChoice::Always | ColorChoice::AlwaysAnsi => clap::ColorChoice::Always,
            ColorChoice::Never => clap::ColorChoice::Never,
            ColorChoice::Auto => clap::ColorChoice::Auto,
        })
    };
    let arguments = behind_its_command(arguments);
    let matches = coloured(bare()).try_get_matches_from(&arguments);
    let error = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => return cli,
        Err(error) => error,
    };
    let code = error.exit_code();
    match error.kind() {
        ErrorKind::DisplayVersion => error.exit(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            coloured(command()).get_matches_from(arguments);
        }
        _ => {
            let error = with_harmless_words(without_dangerous_advice(error));
            let lines = match report::stderr_has_colour() {
                true => error.render().ansi().to_string(),
                false => error.render().to_string(),
            };
            // Who reads only the first line learns there what is missing.
            report::usage_error(&lines.replacen("provided:\n  ", "provided: ", 1));
        }
    }
    process::exit(code)
}

/// When to colour. It is looked for before clap reads the rest, whose errors and helps are coloured too.
fn color(arguments: &[OsString]) -> ColorChoice {
    let own = arguments.iter().take_while(|argument| *argument != "--");
    let words: Vec<&str> = own.filter_map(|argument| argument.to_str()).collect();
    let apart = words.windows(2).filter(|pair| pair[0] == "--color");
    let apart = apart.map(|pair| pair[1]).next_back();
    let mut joined = words
        .iter()
        .filter_map(|word| word.strip_prefix("--color="));
    match apart.or(joined.next_back()) {
        Some("always") => ColorChoice::Always,
        Some("never") => ColorChoice::Never,
        _ => ColorChoice::Auto,
    }
}

/// The arguments with `--ledger`, where that stands before the command, behind it.
pub(super) fn behind_its_command(arguments: Vec<OsString>) -> Vec<OsString> {
    let (mut before, mut ledger) = (Vec::new(), Vec::new());
    let mut rest = arguments.clone().into_iter();
    before.extend(rest.next());
    while let Some(argument) = rest.next() {
        let text = argument.to_string_lossy();
        if text == "--ledger" {
            ledger.extend([argument].into_iter().chain(rest.next()));
        } else if text.starts_with("--ledger=") {
            ledger.push(argument);
        } else if text == "--color" {
            before.extend([argument].into_iter().chain(rest.next()));
        } else if text.starts_with('-') {
            before.push(argument);
        } else {
            before.push(argument);
            return before.into_iter().chain(ledger).chain(rest).collect();
        }
    }
    arguments
}

/// The error without advice that could have money paid or something destroyed if it were followed: no
/// command that changes anything, no flag that runs again what was ended, nothing behind `--`, where a
/// command would be run, and for an amount no other flag.
pub(super) fn without_dangerous_advice(mut error: clap::Error) -> clap::Error {
    error.remove(ContextKind::Suggested);
    if let Some(commands) = error.remove(ContextKind::SuggestedSubcommand) {
        let known = match commands {
            ContextValue::Strings(known) => known,
            ContextValue::String(known) => vec![known],
            _ => Vec::new(),
        };
        let known: Vec<String> = known
            .into_iter()
            .filter(|name| HARMLESS.contains(&name.as_str()))
            .collect();
        if !known.is_empty() {
            error.insert(
                ContextKind::SuggestedSubcommand,
                ContextValue::Strings(known),
            );
        }
    }
    let names = |kind, flags: &[&str]| match error.get(kind) {
        Some(ContextValue::String(flag)) => flags.iter().any(|one| flag.starts_with(one)),
        _ => false,
    };
    let is_grave = names(ContextKind::SuggestedArg, &GRAVE);
    let is_grave_value = names(ContextKind::InvalidArg, &GRAVE);
    let is_amount = names(ContextKind::InvalidArg, &["--amount"]);
    if is_grave || is_amount {
        error.remove(ContextKind::SuggestedArg);
    }
    if is_grave_value {
        error.remove(ContextKind::SuggestedValue);
    }
    if is_amount {
        let tip = "an amount stands alone, such as the 5 of `bank-par deposit 5`";
        let tip = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tip);
    }
    error
}

/// The error with what was typed cut, and escapes for whatever a terminal would not just print: a script may
/// pass on foreign words, which must not look like lines of this program.
fn with_harmless_words(mut error: clap::Error) -> clap::Error {
    for kind in [
        ContextKind::InvalidValue,
        ContextKind::InvalidArg,
        ContextKind::InvalidSubcommand,
    ] {
        if let Some(ContextValue::String(foreign)) = error.get(kind) {
            let shown = Excerpt(foreign).to_string();
            error.insert(kind, ContextValue::String(shown));
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(words: &str) -> String {
        let words = ["bank-par"].into_iter().chain(words.split(' '));
        let error = command().try_get_matches_from(words);
        let error = error.expect_err("no such word");
        without_dangerous_advice(error).to_string()
    }

    #[test]
    fn nothing_that_pays_is_offered_for_a_mistyped_word() {
        for (words, offered) in [
            ("balanse", "'balance'"),
            ("histroy", "'history'"),
            ("parallel f --jbos 4", "'--jobs'"),
            ("parallel f --dry-rum", "'--dry-run'"),
        ] {
            let error = error(words);
            assert!(error.contains(offered), "{words}: {error}");
        }
        for words in [
            "withdrw 5",
            "wtihdraw 5",
            "depost 5",
            "paralell f",
            "pots id",
            "viod id",
            "holt 5",
            "skp run 1",
            "lona 5",
            "open-x",
            "--jobs 4 parallel f",
            "parallel f --retry-refuse",
            "parallel f --in-doub post",
            "parallel f --in-doubt pots",
            "parallel f --in-doubt rety",
            "rehearse f --run-comand -- pay",
            "rehearse f --only-test-account -- pay",
            "withdraw 5 --retris 3",
            "parallel --jbo -- pay",
        ] {
            let error = error(words);
            let advice = error.split("Usage:").next().unwrap_or_default();
            let tips: Vec<&str> = advice
                .lines()
                .filter(|line| line.contains("tip:"))
                .collect();
            let harmless = |tip: &&str| tip.contains("'--jobs'");
            assert!(tips.iter().all(harmless), "{words}: {error}");
        }
    }

    #[test]
    fn the_ledger_may_stand_before_its_command() {
        for (typed, read) in [
            ("--ledger f deposit 5", "deposit --ledger f 5"),
            ("--ledger=f deposit 5", "deposit --ledger=f 5"),
            (
                "-q --color never --ledger f history a",
                "-q --color never history --ledger f a",
            ),
            ("deposit 5 --ledger f", "deposit 5 --ledger f"),
            ("--ledger f", "--ledger f"),
            ("--ledger", "--ledger"),
            (
                "withdraw 5 -- --ledger deposit",
                "withdraw 5 -- --ledger deposit",
            ),
        ] {
            let words = |text: &str| -> Vec<OsString> {
                let words = ["bank-par"].into_iter().chain(text.split(' '));
                words.map(OsString::from).collect()
            };
            assert_eq!(behind_its_command(words(typed)), words(read), "{typed}");
        }
    }

    #[test]
    fn colour_is_asked_for_before_the_command_of_an_operation() {
        for (typed, choice) in [
            ("balance --color always", ColorChoice::Always),
            ("--color=never balance", ColorChoice::Never),
            ("balance", ColorChoice::Auto),
            ("withdraw 5 -- ls --color=always", ColorChoice::Auto),
        ] {
            let words: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
            assert_eq!(color(&words), choice, "{typed}");
        }
    }
}
