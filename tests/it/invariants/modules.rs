//! Which modules may mention which others.

use std::collections::BTreeSet;

use super::{Source, is_test, sources, without_comment};

/// The other modules that the code, which is the file from its beginning, mentions: where, and which.
fn mentioned<'a>(source: &Source, code: &'a str) -> Vec<(String, &'a str)> {
    let mut all = Vec::new();
    for (number, line) in (1..).zip(code.lines().map(without_comment)) {
        for (at, start) in line.match_indices("crate::") {
            let rest = &line[at + start.len()..];
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
            let module = &rest[..end.unwrap_or(rest.len())];
            if !source.is_in(&format!("src/{module}")) {
                all.push((format!("{}:{number}: {line}", source.path), module));
            }
        }
    }
    all
}

/// Checks that the code mentions no other modules than these.
#[track_caller]
fn knows_only(source: &Source, code: &str, known: &[&str]) {
    for (place, module) in mentioned(source, code) {
        assert!(known.contains(&module), "{place}");
    }
}

#[test]
fn pure_modules_know_only_each_other() {
    let modules = [
        ("src/bank", &[][..]),
        ("src/sharing", &[]),
        ("src/explore", &["bank", "rng", "sharing"]),
        ("src/check", &["bank", "event"]),
    ];
    for (module, known) in modules {
        for source in sources("src").iter().filter(|source| source.is_in(module)) {
            knows_only(source, &source.text, known);
        }
    }
}

/// What each module may mention in the program itself; its tests may mention others. `cli` may mention all.
const KNOWN: [(&str, &str); 38] = [
    ("bank", ""),
    ("sharing", ""),
    ("explore", "bank rng sharing"),
    ("check", "bank event"),
    ("child", ""),
    (
        "command",
        "bank child exit limits link parent poll report status store supervisor wake work",
    ),
    (
        "compare",
        "bank child comparison driver event latencies link parent poll protocol race report run serve server shared_memory sharing status store supervisor threads wake work worker workload",
    ),
    (
        "comparison",
        "bank event latencies race shared_memory sharing",
    ),
    (
        "driver",
        "bank child command event exit ids latencies limits link poll protocol report run server sharing status store supervisor wake work worker workload",
    ),
    ("event", "bank exit status work"),
    ("exit", ""),
    ("ids", "bank"),
    ("latencies", "wake"),
    ("limits", ""),
    ("link", "poll protocol sharing wake"),
    ("rng", ""),
    ("parent", ""),
    ("poll", ""),
    ("protocol", "bank store work"),
    ("race", "bank event sharing threads"),
    ("rehearsal", "exit rng"),
    (
        "rehearse",
        "child command exit rng poll rehearsal report status store supervisor wake",
    ),
    (
        "replay",
        "bank driver event explore protocol report run shared_memory sharing status supervisor threads wake work worker workload",
    ),
    (
        "report",
        "bank check comparison event exit explore rehearsal sharing show status store threads wake",
    ),
    (
        "run",
        "bank event exit link protocol server status store wake work workload",
    ),
    (
        "serve",
        "bank poll protocol report status store supervisor wake",
    ),
    ("server", "bank protocol shared_memory store wake"),
    ("shared_memory", "bank parent sharing"),
    ("show", "bank event"),
    ("status", ""),
    (
        "store",
        "bank parent poll protocol shared_memory threads wake",
    ),
    ("supervisor", "child exit parent"),
    ("threads", ""),
    ("wake", "bank poll threads"),
    (
        "web",
        "bank child command event explore ids poll report serve sharing status supervisor wake",
    ),
    ("work", "bank exit"),
    (
        "worker",
        "bank child command latencies link parent protocol shared_memory sharing status wake work",
    ),
    ("workload", "bank store threads wake"),
];

#[test]
fn a_module_knows_these_and_no_others() {
    let sources = sources("src");
    let mut used = BTreeSet::new();
    for source in sources.iter().filter(|source| !is_test(source)) {
        let code = source.text.split("\nmod tests {").next().unwrap();
        let is_listed = KNOWN
            .iter()
            .find(|(module, _)| source.is_in(&format!("src/{module}")));
        match is_listed {
            Some((module, known)) => {
                knows_only(source, code, &known.split(' ').collect::<Vec<_>>());
                used.extend(
                    mentioned(source, code)
                        .into_iter()
                        .map(|(_, other)| (*module, other.to_string())),
                );
            }
            None => assert!(
                source.is_in("src/cli") || source.path == "src/lib.rs" || source.is_in("src/bin"),
                "`{}` has no rule",
                source.path
            ),
        }
    }
    for (module, known) in KNOWN {
        for other in known.split_terminator(' ') {
            let pair = (module, other.to_string());
            assert!(
                used.contains(&pair),
                "`{module}` does not mention `{other}`: take it from the list"
            );
        }
    }
}
