//! bank-par runs bank operations from the shell, each in its own operating-system process, against
//! one balance that is never lost, duplicated or overdrawn.
//!
//! One idea carries the whole program: **one owner decides; everyone else sends messages.** The parent
//! process starts itself again as workers. A worker does one operation and asks the parent, over its
//! link, to begin, post or void it; the parent decides by the bank's rules and answers. Between them may
//! stand work: a duration, or a command that the worker keeps. The modes
//! differ only in how the messages travel. The one exception is the lesson: in `server-share` and
//! `shared-memory` the workers share the data and decide for themselves, and in `sync` threads do.
//!
//! # The map
//!
//! | where | what |
//! |---|---|
//! | [`cli`] | the command line: flags become a plan, the plan is run, the ending becomes a status |
//! | [`bank`] | amounts, names, operations and the rules: pure, without input, output, clock or threads |
//! | [`store`] | where balances live: the ledger state in memory; a ledger that lasts, as one engine over a backend that keeps its rows (a file, a PostgreSQL database); a server in front of one; or the cells of `server-share` |
//! | [`protocol`] | the messages between the parent and its workers, between a ledger's server and its clients, and their bytes |
//! | [`link`] | how the messages travel: a socket, a queue, pipes; both ends of each |
//! | [`serve`] | a ledger behind a socket, for many clients: its requests gathered into batches |
//! | [`server`] | takes what arrived as one batch, has it decided, says what goes back to whom |
//! | [`supervisor`] | the processes: spawned, signalled, reaped; how signals end a run |
//! | [`run`] | one execution of a workload as a state machine without input and output: what happened goes in, what is to be done comes out |
//! | [`driver`] | what makes a run real: the parent's loop, with processes, links, a ledger and the reporter; it decides nothing |
//! | [`child`] | starting this program again as a process of its own, and what that is told |
//! | [`poll`] | waiting until descriptors are ready |
//! | [`parent`] | what ties a child to the process that started it |
//! | [`ids`] | random ids |
//! | [`rng`] | numbers that a seed repeats |
//! | [`limits`] | the system's limits of open files and processes |
//! | [`worker`] | the child's side: one operation after another |
//! | [`command`] | a command as an operation's work: set aside, run, post or give back; ended with its supervisor, whichever process dies first |
//! | [`work`] | what an operation does while it is being processed; what is known of a command |
//! | [`workload`] | where operations come from |
//! | [`shared_memory`] | real memory that processes share: the mapping (the only unsafe code), and the primitives on it |
//! | [`sharing`] | the ways to share a balance as steps: pure |
//! | [`explore`] | every order of those steps, counted; the shortest that loses money: pure |
//! | [`check`] | whether recorded histories can be true: sums, the claimed order, balances without one; the smallest contradiction: pure |
//! | [`replay`] | one order of those steps, taken for real: by threads, by workers whose requests the run decides in that order, or by workers that share memory |
//! | [`rehearsal`] | what goes wrong in a rehearsal, as a seed draws it, and what was found in it: what became of each operation, held against what its command did: pure |
//! | [`rehearse`] | does it: a workload run again and again on copies of a ledger, while its processes and commands meet those faults |
//! | [`comparison`] | what is compared, in which settings and beside which limit; the figures and their medians: pure |
//! | [`compare`] | takes those figures: every way to share, measured beside the limit that the system sets |
//! | [`latencies`] | how long operations took, as a histogram, and how a worker hands that to its parent |
//! | [`race`] | the threads of `sync`, with each remedy |
//! | [`show`] | a recording as a picture: lanes, strokes, balances, lost updates: pure |
//! | [`event`], [`report`] | what happened, and the only place that prints it |
//! | [`web`] | a page of this machine on which runs are started by a click: who may ask, what was chosen, the runs as processes and their events |
//! | [`status`], [`exit`] | the exit statuses; how another process ended |
//! | `threads` | threads and what they hand work to each other with, so that tests can draw whose turn it is |
//! | [`wake`] | waking a thread that polls; a clock that stands still while the process is stopped |
//!
//! # One turn of the parent's loop
//!
//! Operations go out to workers that have room, in blocks. The parent then waits for whatever comes
//! first: bytes on a link, a signal, more input, a deadline. Every complete request that arrived, from
//! all links, is one batch; it is decided in its order and answered, in blocks again. There is no
//! timer: under load the batches grow by themselves. A ledger that lasts has a thread of its own, so
//! that the next batch is gathered while the last is made durable; no answer leaves before. A worker that
//! has exited is settled only after its link was read to its end and all it had asked was answered, so what
//! it had sent still counts.
//!
//! `driver` waits and acts, and `run` decides: each thing that happened is an `Input`, each thing to do an
//! `Effect`. So whole runs, with deaths and failures at any point, are tried in microseconds from a seed
//! (`BANK_PAR_SEEDS=100000 cargo test simulation` for many); which pending request is decided next is one
//! trait with three users: as they arrived, as a seed says, as an order says.
//!
//! # Who may know whom
//!
//! `bank` and `sharing` know no other module; `explore` knows those two, `check` and `show` know `bank` and
//! `event`. `protocol` knows what is asked of a bank and of a ledger of `store`; `link` knows `protocol`.
//! `command` knows how processes are kept, and asks a ledger for itself only where it is the work of one
//! operation; in a run its worker asks. `store` knows `bank`; the client of a served ledger in it also knows
//! how messages travel. `run` knows what is asked, answered, handed out and told, but no clock, file, process
//! or socket. `driver` makes a run real, `replay` uses it, and no module knows `cli`. Only `store` changes a
//! balance, only `report` prints, and only `protocol` knows the encoding of what travels. The tests in
//! `tests/it/invariants.rs` read the source: they list for each module which others it may mention.

pub mod bank;
pub mod check;
pub mod child;
pub mod cli;
pub mod command;
pub mod compare;
pub mod comparison;
pub mod driver;

pub mod event;
pub mod exit;
pub mod explore;
pub mod ids;
pub mod latencies;
pub mod limits;
pub mod link;
pub mod parent;
pub mod poll;
pub mod protocol;
pub mod race;
pub mod rehearsal;
pub mod rehearse;
pub mod replay;
pub mod report;
pub mod rng;
pub mod run;
pub mod serve;
pub mod server;
pub mod shared_memory;
pub mod sharing;
pub mod show;
#[cfg(test)]
mod simulation;
pub mod status;
pub mod store;
pub mod supervisor;
mod threads;
#[cfg(any(test, fuzzing))]
pub mod untrusted;
pub mod wake;
pub mod web;
pub mod work;
pub mod worker;
pub mod workload;
