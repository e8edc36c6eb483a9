//! The helps: commands and flags in groups, behind examples.

use std::fmt::Write as _;

use clap::builder::StyledStr;
use clap::{Arg, Command};

use super::arguments::bare;
use super::{GENERAL, examples};
use crate::report::fill;

/// The commands by what they are for, as the help lists them; others stand behind them.
const GROUPS: [(&str, &[&str]); 5] = [
    (
        "The same operations, six ways to share one balance",
        &[
            "parallel",
            "server-share",
            "queue",
            "pipe",
            "shared-memory",
            "sync",
        ],
    ),
    (
        "One operation at a time, for scripts",
        &[
            "deposit", "withdraw", "transfer", "loan", "balance", "hold", "post", "void", "reverse",
        ],
    ),
    (
        "A ledger that lasts",
        &[
            "init", "open", "history", "runs", "skip", "verify", "rehearse", "backup", "copy",
            "serve", "doctor",
        ],
    ),
    (
        "Study",
        &["explore", "replay", "check", "compare", "show", "web"],
    ),
    ("Shell", &["completions", "man"]),
];

/// The flags by what they are about, as the helps list them; others stand under `Options`.
const HEADINGS: [(&str, &[&str]); 5] = [
    (
        "Operations",
        &[
            "account",
            "allowance",
            "amount",
            "balance",
            "dry_run",
            "expires",
            "format",
            "id",
            "ops",
            "overdraft",
            "retry_refused",
            "rollover",
            "strict",
            "to",
            "warn_at",
            "zone",
        ],
    ),
    (
        "Processes and threads",
        &[
            "each",
            "jobs",
            "kill_holder",
            "lock",
            "lock_order",
            "ops_per_worker",
            "pin",
            "quick",
            "rounds",
            "sizes",
            "sync",
            "threads",
            "time_scale",
            "timeout",
            "workers",
        ],
    ),
    ("Ledger", &["decimals", "ledger", "repeats", "run", "unit"]),
    (
        "Command as work",
        &[
            "backoff",
            "declined_code",
            "in_doubt",
            "only_test_accounts",
            "refused_code",
            "retries",
            "run_command",
        ],
    ),
    (
        "Output",
        &[
            "ascii", "csv", "detail", "events", "output", "progress", "report", "timeline",
            "trace", "verbose", "width",
        ],
    ),
];

/// The widest line of a help.
const WIDTH: usize = 80;

/// The command line that this program has, with all that its helps show.
pub(super) fn command() -> Command {
    let command = bare();
    let overview = overview(&command);
    examples::add(command.help_template(overview))
}

/// A flag under the heading of what it is about.
pub(super) fn under_its_heading(argument: Arg) -> Arg {
    let id = argument.get_id().as_str();
    let of_it = HEADINGS.iter().find(|(_, ids)| ids.contains(&id));
    match of_it.filter(|_| !argument.is_positional()) {
        Some((heading, _)) => argument.help_heading(*heading),
        None => argument,
    }
}

/// The help of the program itself: clap has no groups of commands.
fn overview(command: &Command) -> StyledStr {
    let header = command.get_styles().get_header();
    let literal = command.get_styles().get_literal();
    let commands: Vec<&Command> = command.get_subcommands().collect();
    let is_grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let others: Vec<&str> = commands.iter().map(|command| command.get_name()).collect();
    let others: Vec<&str> = others
        .into_iter()
        .filter(|name| !is_grouped(name))
        .collect();
    let widest = commands.iter().map(|command| command.get_name().len());
    let indent = widest.max().unwrap_or_default() + 4;
    let mut text = String::new();
    let all = GROUPS.iter().map(|(title, names)| (*title, *names));
    for (title, names) in all.chain([("Further", others.as_slice())]) {
        let known = names.iter().filter_map(|name| {
            let found = commands.iter().find(|command| command.get_name() == *name);
            found.copied()
        });
        let mut rows = String::new();
        for command in known {
            let name = command.get_name();
            let about = command.get_about().map(StyledStr::to_string);
            let about = wrapped(&about.unwrap_or_default(), indent);
            let gap = " ".repeat(indent - 2 - name.len());
            let _ = writeln!(rows, "  {literal}{name}{literal:#}{gap}{about}");
        }
        if !rows.is_empty() {
            let _ = writeln!(text, "{header}{title}:{header:#}\n{rows}");
        }
    }
    let template = "{before-help}{about-with-newline}\n{usage-heading} {usage}\n\n";
    let general = format!("{header}{GENERAL}:{header:#}\n{{options}}{{after-help}}");
    StyledStr::from(format!("{template}{text}{general}"))
}

/// A text that begins in this column, broken where a line would be too wide.
fn wrapped(text: &str, indent: usize) -> String {
    let mut wrapped = String::new();
    fill(&mut wrapped, indent, text.split(' '), indent, WIDTH);
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum as _;

    /// All commands, and what they are called.
    fn all() -> Vec<Command> {
        let mut command = command().term_width(WIDTH);
        command.build();
        let visible = command.get_subcommands().filter(|one| !one.is_hide_set());
        visible.cloned().chain([command.clone()]).collect()
    }

    #[test]
    fn each_help_leads_with_examples_and_fits_80_columns() {
        for mut command in all() {
            let name = command.get_name().to_string();
            if name == "help" {
                continue;
            }
            for help in [command.render_help(), command.render_long_help()] {
                let help = help.to_string();
                assert!(help.starts_with("Examples:\n  "), "{name}:\n{help}");
                for line in help.lines() {
                    assert!(line.chars().count() <= WIDTH, "{name}: {line}");
                }
            }
        }
    }

    #[test]
    fn a_flag_has_one_short_form_in_all_commands() {
        for command in all() {
            for argument in command.get_arguments() {
                let name = argument.get_long().unwrap_or_default();
                let short = match name {
                    "output" => Some('o'),
                    "dry-run" => Some('n'),
                    "quiet" => Some('q'),
                    "verbose" => Some('v'),
                    "help" => Some('h'),
                    _ => continue,
                };
                assert_eq!(argument.get_short(), short, "{}", command.get_name());
            }
        }
    }

    #[test]
    fn every_shell_gets_its_completions() {
        for shell in clap_complete::Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut command(), "bank-par", &mut script);
            let script = String::from_utf8(script).expect("text");
            assert!(script.contains("shared-memory"), "{shell}");
        }
    }
}
