//! The examples with which each help begins, but of those commands that keep theirs beside their flags.

use clap::Command;

const PROGRAM: &str = "\
Examples:
  bank-par parallel --amount 500          five operations, each in a process
  bank-par deposit 20 --ledger bank.db    one operation, in a ledger that lasts
  bank-par withdraw 5 --ledger bank.db -- ./call.sh
                                          set aside, run, then post or give back
  bank-par parallel payouts.jsonl --ledger bank.db --run november -- ./pay.sh
                                          each line once, however often it ends
  bank-par server-share --sync none       lose money, and see how";

const PARALLEL: &str = "\
Examples:
  bank-par parallel --amount 500
  bank-par parallel --op withdraw=300 --op 'deposit*10'
  bank-par parallel ops.jsonl --jobs 8 --ops-per-worker 0
  bank-par parallel payouts.jsonl --ledger bank.db --run november -- ./pay.sh
  bank-par parallel payouts.jsonl --ledger bank.db --run november -n -- ./pay.sh";

const SERVER_SHARE: &str = "\
Examples:
  bank-par server-share --sync none      updates are lost, and counted
  bank-par server-share --sync lock      and with a lock they are not
  bank-par server-share --sync cas --op 'deposit*10' --time-scale 0";

const QUEUE: &str = "\
Examples:
  bank-par queue --amount 500
  bank-par queue ops.csv --jobs 8 --ops-per-worker 0
  bank-par queue payouts.jsonl --ledger bank.db --run november -- ./pay.sh";

const PIPE: &str = "\
Examples:
  bank-par pipe --amount 500
  cat ops.csv | bank-par pipe - --ops-per-worker 0
  bank-par pipe payouts.jsonl --ledger bank.db --run november -- ./pay.sh";

const SYNC: &str = "\
Examples:
  bank-par sync                          all remedies, one after another
  bank-par sync --threads 8 --lock mutex
  bank-par sync --op deposit=1 --rounds 100000";

const INIT: &str = "\
Examples:
  bank-par init --ledger bank.db
  bank-par init --decimals 6 --unit USD --ledger calls.db
  bank-par init --decimals 0 --unit licences --ledger seats.db";

const OPEN: &str = "\
Examples:
  bank-par open ops --ledger bank.db
  bank-par open ops --overdraft 100 --ledger bank.db
  bank-par open openai --allowance 5/day --warn-at 80% --ledger bank.db";

const DEPOSIT: &str = "\
Examples:
  bank-par deposit 20 --ledger bank.db
  bank-par deposit 12.50 --account ops --id invoice-17 --ledger bank.db";

const WITHDRAW: &str = "\
Examples:
  bank-par withdraw 5 --ledger bank.db
  bank-par withdraw 5 --account openai --ledger bank.db -- ./call.sh
  bank-par withdraw 5 --id job-17 --ledger bank.db -n -- ./call.sh";

const TRANSFER: &str = "\
Examples:
  bank-par transfer 5 --to rent --ledger bank.db
  bank-par transfer 5 --account ops --to rent --id rent-11 --ledger bank.db";

const LOAN: &str = "\
Examples:
  bank-par loan 500 --ledger bank.db
  bank-par loan 500 --account ops --id loan-3 --ledger bank.db";

const BALANCE: &str = "\
Examples:
  bank-par balance --ledger bank.db
  bank-par balance main ops --ledger bank.db -o json
  bank-par balance --prefix team: --ledger bank.db
  bank-par balance --holds --ledger bank.db
  bank-par balance main --ledger bank.db | cut -f4    what is available
  bank-par balance main --at yesterday --ledger bank.db";

const HOLD: &str = "\
Examples:
  id=$(bank-par hold 5 --ledger bank.db)      then `bank-par post \"$id\"`
  bank-par hold 5 --expires 10m --id job-17 --ledger bank.db
  bank-par hold 5 --to rent --ledger bank.db -- ./reserve.sh";

const POST: &str = "\
Examples:
  bank-par post job-17 --ledger bank.db
  bank-par post job-17 --amount 3.20 --ledger bank.db    the rest is given back";

const VOID: &str = "\
Examples:
  bank-par void job-17 --ledger bank.db";

const REVERSE: &str = "\
Examples:
  bank-par reverse invoice-17 --ledger bank.db     under this id
  bank-par reverse 42 --ledger bank.db             the entry number 42";

const HISTORY: &str = "\
Examples:
  bank-par history --ledger bank.db
  bank-par history ops --since today --ledger bank.db
  bank-par history --tail 10 --follow --ledger bank.db
  bank-par history --ledger bank.db -o csv > entries.csv";

const RUNS: &str = "\
Examples:
  bank-par runs --ledger bank.db
  bank-par runs november --ledger bank.db     the lines that were given up";

const SKIP: &str = "\
Examples:
  bank-par skip november 17 --reason 'paid by hand' --ledger bank.db";

const VERIFY: &str = "\
Examples:
  bank-par verify --ledger bank.db
  bank-par verify --expect \"$(cat end.txt)\" --ledger bank.db";

const BACKUP: &str = "\
Examples:
  bank-par backup copy.db --ledger bank.db";

const COPY: &str = "\
Examples:
  bank-par copy bank.db 'postgres://bank@db.example/money'
  bank-par copy 'postgres:///money?schema=ops' ops.db";

const DOCTOR: &str = "\
Examples:
  bank-par doctor --ledger 'postgres:///money'";

const SERVE: &str = "\
Examples:
  bank-par serve --ledger bank.db --socket ~/.bank/socket
  bank-par serve --ledger bank.db --socket ~/.bank/socket --background
  bank-par deposit 5 --ledger unix:$HOME/.bank/socket";

const COMPLETIONS: &str = "\
Examples:
  bank-par completions bash > ~/.local/share/bash-completion/completions/bank-par
  bank-par completions zsh > ~/.zfunc/_bank-par
  bank-par completions fish > ~/.config/fish/completions/bank-par.fish";

const MAN: &str = "\
Examples:
  bank-par man | man -l -
  bank-par man parallel | man -l -
  bank-par man --dir ~/.local/share/man/man1";

const WEB: &str = "\
Examples:
  bank-par web
  bank-par web --no-open --port 7070
  bank-par web --socket ~/.bank/page
  bank-par web --ledger bank.db                    look at a ledger, live
  bank-par web --ledger bank.db --allow-writes     and post or void what is held";

const EXAMPLES: [(&str, &str); 27] = [
    ("parallel", PARALLEL),
    ("server-share", SERVER_SHARE),
    ("queue", QUEUE),
    ("pipe", PIPE),
    ("sync", SYNC),
    ("init", INIT),
    ("open", OPEN),
    ("deposit", DEPOSIT),
    ("withdraw", WITHDRAW),
    ("transfer", TRANSFER),
    ("loan", LOAN),
    ("balance", BALANCE),
    ("hold", HOLD),
    ("post", POST),
    ("void", VOID),
    ("reverse", REVERSE),
    ("history", HISTORY),
    ("runs", RUNS),
    ("skip", SKIP),
    ("verify", VERIFY),
    ("backup", BACKUP),
    ("copy", COPY),
    ("doctor", DOCTOR),
    ("serve", SERVE),
    ("web", WEB),
    ("completions", COMPLETIONS),
    ("man", MAN),
];

/// The program with its examples and those of its commands.
pub(super) fn add(command: Command) -> Command {
    let command = command.before_help(PROGRAM);
    EXAMPLES.iter().fold(command, |command, (name, examples)| {
        command.mut_subcommand(name, |one| one.before_help(*examples))
    })
}
