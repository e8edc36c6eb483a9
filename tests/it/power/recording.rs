//! What the program did to the files of one folder, and what it said meanwhile, in one order: read from
//! what `strace` wrote down.
//!
//! A write counts from its return, a sync covers what had returned when it began, and what is said
//! counts from the call. So whatever the order between threads really was, the program gets no more
//! credit than it earned.

mod strace;

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use strace::{number, opened_path, strings, text};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Its place in the recording.
    pub(crate) order: usize,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A file has a name in the folder: it was opened so that it is created when missing.
    Named(String),
    /// A file was created that has no name; until it gets one it is called by this.
    Nameless(String),
    /// A nameless file got a name.
    Linked {
        from: String,
        to: String,
    },
    /// A file was opened so that nothing is left in it.
    Emptied(String),
    Wrote {
        name: String,
        at: u64,
        bytes: Vec<u8>,
    },
    Resized {
        name: String,
        length: u64,
    },
    Grew {
        name: String,
        length: u64,
    },
    Removed(String),
    Renamed {
        from: String,
        to: String,
    },
    /// What had happened to the file before this place in the recording is durable.
    SyncedFile {
        name: String,
        before: usize,
    },
    /// What was not durable yet never will be: the system forgets that it must be written.
    FailedSync(String),
    /// The same for the names in the folder.
    SyncedFolder {
        before: usize,
    },
    /// Something was written to the recorded program's stdout.
    Said(Vec<u8>),
}

/// The calls that change a file, make it durable, or say something.
const CALLS: &str = "trace=open,openat,creat,lseek,write,pwrite64,writev,pwritev,pwritev2,ftruncate,\
    truncate,fallocate,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,link,linkat,unlink,\
    unlinkat,copy_file_range,sendfile";

/// Whether `strace` is there; without it a test says so and checks nothing, unless every test must be
/// run (`BANK_PAR_ALL_TESTS`), as in `.ci/run`.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must know")]
pub(crate) fn has_strace() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let version = Command::new("strace")
            .arg("-V")
            .stdout(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    });
    if !found {
        let missing = "this test needs strace: install the package `strace`";
        assert!(
            std::env::var_os("BANK_PAR_ALL_TESTS").is_none(),
            "{missing}"
        );
        eprintln!("not checked: {missing}");
    }
    *found
}

/// The steps of one or more programs that ran one after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recording {
    pub(crate) steps: Vec<Step>,
}

impl Recording {
    /// Runs a command to its end and adds what it does to the files of `folder`.
    pub(crate) fn add(&mut self, folder: &Path, command: &Command) -> ExitStatus {
        self.add_with(folder, command, &[])
    }

    /// The same with more flags for `strace`, such as one that has a sync fail.
    pub(crate) fn add_with(
        &mut self,
        folder: &Path,
        command: &Command,
        more: &[&str],
    ) -> ExitStatus {
        let aside = tempfile::tempdir().unwrap();
        let aside_path = aside.path().canonicalize().unwrap();
        let (written, said) = (aside_path.join("calls"), aside_path.join("said"));
        // A file, so that what is written to it is known from what goes to the wire.
        let stdout = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&said)
            .unwrap();
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-xx", "-a", "1", "-s", "2000000", "-e", CALLS]);
        if more.is_empty() {
            // Faster, and at odds with calls that are made to fail.
            strace.arg("--seccomp-bpf");
        }
        strace
            .args(more)
            .arg("-e")
            .arg("signal=none")
            .arg("-o")
            .arg(&written);
        strace.arg(command.get_program()).args(command.get_args());
        let status = strace.stdin(Stdio::null()).stdout(stdout).status().unwrap();
        let calls = fs::read_to_string(&written).unwrap();
        let mut reading = Reading {
            folder: folder.canonicalize().unwrap().to_str().unwrap().to_string(),
            stdout: said.to_str().unwrap().to_string(),
            steps: &mut self.steps,
            begun: HashMap::new(),
            places: HashMap::new(),
            nameless: HashMap::new(),
        };
        calls.lines().for_each(|line| reading.line(line));
        status
    }

    /// Whether a sync failed.
    pub(crate) fn fails(&self) -> bool {
        let failed = |step: &Step| matches!(step.what, What::FailedSync(_));
        self.steps.iter().any(failed)
    }

    /// This recording without the syncs that `missing` names.
    pub(crate) fn without_syncs(&self, missing: impl Fn(&What) -> bool) -> Self {
        let is_sync =
            |what: &What| matches!(what, What::SyncedFile { .. } | What::SyncedFolder { .. });
        let mut steps = self.steps.clone();
        steps.retain(|step| !(is_sync(&step.what) && missing(&step.what)));
        Recording { steps }
    }

    /// This recording with everything said before the sync that came before it.
    pub(crate) fn said_early(&self) -> Self {
        let mut steps: Vec<Step> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let early = matches!(step.what, What::Said(_));
            let sync = |step: &Step| matches!(step.what, What::SyncedFile { .. });
            match steps.iter().rposition(sync).filter(|_| early) {
                Some(sync) => steps.insert(sync, step.clone()),
                None => steps.push(step.clone()),
            }
        }
        Recording { steps }
    }
}

/// Reads lines of `strace`.
struct Reading<'a> {
    folder: String,
    stdout: String,
    steps: &'a mut Vec<Step>,
    /// Calls that have not returned, by thread: their text, and their place in the recording.
    begun: HashMap<String, (String, usize)>,
    /// Where a thread's next write to a file goes, by thread and file.
    places: HashMap<(String, String), u64>,
    /// The files that were created without a name, by thread and descriptor.
    nameless: HashMap<(String, String), String>,
}

impl Reading<'_> {
    fn line(&mut self, line: &str) {
        let (thread, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
            self.begins(begun);
            self.begun
                .insert(thread.to_string(), (begun.to_string(), self.steps.len()));
        } else if let Some(resumed) = call.strip_prefix("<... ") {
            let rest = resumed.split_once(" resumed>").unwrap().1;
            let (begun, since) = self.begun.remove(thread).unwrap();
            self.returned(thread, &format!("{begun}{rest}"), since);
        } else if call.starts_with("???(") {
            // A thread that was let go of before it was seen in any call.
        } else if !call.starts_with(['+', '-']) {
            self.begins(call);
            self.returned(thread, call, self.steps.len());
        }
    }

    fn push(&mut self, what: What) {
        let order = self.steps.len();
        self.steps.push(Step { order, what });
    }

    /// What counts from its beginning.
    fn begins(&mut self, call: &str) {
        if call.starts_with("write(") || call.starts_with("writev(") {
            let (descriptor, rest) = call.split_once(", ").unwrap_or((call, ""));
            if opened_path(descriptor) == Some(self.stdout.clone()) {
                self.push(What::Said(strings(rest).concat()));
            }
        }
    }

    /// What counts from its return. `since` is the place in the recording at which it began.
    fn returned(&mut self, thread: &str, call: &str, since: usize) {
        let Some((call, returned)) = call.rsplit_once(") = ") else {
            panic!("not a call: {call}");
        };
        let (name, arguments) = call.split_once('(').unwrap();
        let arguments: Vec<&str> = arguments.split(", ").collect();
        if matches!(name, "fsync" | "fdatasync") && returned.starts_with('-') {
            let file = opened_path(arguments[0]).and_then(|path| self.within(&path));
            if let Some(file) = file {
                self.push(What::FailedSync(file));
            }
        }
        if returned.starts_with(['-', '?']) {
            return;
        }
        match name {
            "open" | "openat" | "creat" => self.opened(thread, name, &arguments, returned),
            "rename" | "renameat" | "renameat2" | "unlink" | "unlinkat" | "link" | "linkat"
            | "truncate" => {
                self.named(thread, name, &arguments);
            }
            _ => self.used(thread, name, &arguments, number(returned), since),
        }
    }

    fn opened(&mut self, thread: &str, call: &str, arguments: &[&str], returned: &str) {
        let Some(name) = opened_path(returned).and_then(|path| self.within(&path)) else {
            return;
        };
        let descriptor = returned.split_once('<').unwrap().0;
        let key = (thread.to_string(), descriptor.to_string());
        self.places.insert(key.clone(), 0);
        let has = |flag| {
            arguments
                .iter()
                .any(|argument| argument.split('|').any(|one| one == flag))
        };
        assert!(
            !has("O_APPEND"),
            "`{name}` is appended to, which is not modelled"
        );
        if call == "creat" || has("O_CREAT") {
            self.push(What::Named(name.clone()));
        }
        if has("O_TMPFILE") {
            self.nameless.insert(key, name.clone());
            self.push(What::Nameless(name.clone()));
        }
        if call == "creat" || has("O_TRUNC") {
            self.push(What::Emptied(name));
        }
    }

    /// A call that names files by their paths.
    fn named(&mut self, thread: &str, call: &str, arguments: &[&str]) {
        let quoted: Vec<String> = arguments
            .iter()
            .flat_map(|argument| strings(argument))
            .map(text)
            .collect();
        let names: Vec<Option<String>> = quoted.iter().map(|path| self.within(path)).collect();
        let nameless = quoted.first().and_then(|path| {
            let descriptor = path.strip_prefix("/proc/self/fd/")?;
            self.nameless
                .get(&(thread.to_string(), descriptor.to_string()))
        });
        match (call, &names[..]) {
            ("linkat", [None, Some(to)]) if let Some(from) = nameless => {
                let (from, to) = (from.clone(), to.clone());
                self.push(What::Linked { from, to });
            }
            ("unlink" | "unlinkat", [Some(name)]) => self.push(What::Removed(name.clone())),
            ("rename" | "renameat" | "renameat2", [Some(from), Some(to)]) => {
                let (from, to) = (from.clone(), to.clone());
                self.push(What::Renamed { from, to });
            }
            (_, names) if names.iter().all(Option::is_none) => {}
            _ => panic!("`{call}` of {quoted:?} is not modelled"),
        }
    }

    /// A call that uses an open file.
    fn used(&mut self, thread: &str, call: &str, arguments: &[&str], returned: u64, since: usize) {
        let Some(path) = opened_path(arguments[0]) else {
            return;
        };
        if path == self.folder {
            assert!(
                call == "fsync" || call == "fdatasync",
                "`{call}` of the folder"
            );
            return self.push(What::SyncedFolder { before: since });
        }
        let Some(name) = self.within(&path) else {
            return;
        };
        let descriptor = arguments[0].split_once('<').unwrap().0;
        let key = (thread.to_string(), descriptor.to_string());
        match call {
            "fsync" | "fdatasync" => self.push(What::SyncedFile {
                name,
                before: since,
            }),
            "ftruncate" => self.push(What::Resized {
                name,
                length: number(arguments[1]),
            }),
            "fallocate" if arguments[1] == "0" => {
                let length = number(arguments[2]) + number(arguments[3]);
                self.push(What::Grew { name, length });
            }
            "lseek" => drop(self.places.insert(key, returned)),
            "pwrite64" => self.wrote(name, number(arguments[3]), arguments[1], returned),
            "write" => {
                let place = self.places.get_mut(&key);
                let place = place.unwrap_or_else(|| panic!("where is `{name}` written?"));
                let at = std::mem::replace(place, *place + returned);
                self.wrote(name, at, arguments[1], returned);
            }
            _ => panic!("`{call}` of `{name}` is not modelled"),
        }
    }

    fn wrote(&mut self, name: String, at: u64, quoted: &str, returned: u64) {
        let mut bytes = strings(quoted).concat();
        assert!(
            bytes.len() as u64 >= returned,
            "a write was recorded in part"
        );
        bytes.truncate(returned as usize);
        self.push(What::Wrote { name, at, bytes });
    }

    /// The name in the folder that this path is; a file without a name is called by its number.
    fn within(&self, path: &str) -> Option<String> {
        let name = path.strip_prefix(&self.folder)?.strip_prefix('/')?;
        if let Some(nameless) = name
            .strip_suffix(" (deleted)")
            .filter(|name| name.starts_with('#'))
        {
            return Some(nameless.to_string());
        }
        (!name.contains('/') && !name.ends_with(" (deleted)")).then(|| name.to_string())
    }
}
