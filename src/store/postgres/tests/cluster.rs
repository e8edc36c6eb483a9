//! A PostgreSQL server of the tests' own, which listens on a socket in a temporary folder. It ends with the
//! tests, however they end, and takes its folder along.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes a cluster, serves it, and removes it once standard input ends. `$1` is the folder of the programs;
/// further words are settings.
const SCRIPT: &str = r#"
set -eu
programs=$1; shift
folder=$(mktemp -d -t bank-par-postgres-XXXXXX)
trap 'kill -QUIT $server 2>/dev/null; wait; rm -rf "$folder"' EXIT
"$programs/initdb" -D "$folder/data" -U bank -A trust -N -E UTF8 --locale=C --no-instructions >/dev/null
settings="-c listen_addresses= -c unix_socket_directories=$folder -c shared_buffers=16MB -c max_connections=200 -c autovacuum_naptime=5s"
for setting; do settings="$settings -c $setting"; done
"$programs/postgres" -D "$folder/data" $settings >"$folder/log" 2>&1 </dev/null &
server=$!
until "$programs/pg_isready" -q -h "$folder"; do
    kill -0 $server || { cat "$folder/log" >&2; exit 1; }
    sleep 0.05
done
echo "$folder"
read -r end || true
"#;

/// A server.
pub(crate) struct Cluster {
    /// Ends the server when its standard input is closed, with this process at the latest.
    _script: Child,
    /// The folder of its socket.
    pub(crate) folder: PathBuf,
}

impl Cluster {
    /// Starts a server with these further settings. Where PostgreSQL is not installed, it is told what a test
    /// misses that checks nothing then, unless every test must be run (`BANK_PAR_ALL_TESTS`), as in `.ci/run`.
    pub(crate) fn start(settings: &[&str]) -> Result<Self, &'static str> {
        let Some(programs) = programs() else {
            let missing = "this test needs PostgreSQL: install the package `postgresql`";
            assert!(
                std::env::var_os("BANK_PAR_ALL_TESTS").is_none(),
                "{missing}"
            );
            return Err(missing);
        };
        // The server refuses to be root.
        let mut command = match rustix::process::geteuid().is_root() {
            true => Command::new("setpriv"),
            false => Command::new("sh"),
        };
        if rustix::process::geteuid().is_root() {
            let user = [
                "--reuid=postgres",
                "--regid=postgres",
                "--clear-groups",
                "sh",
            ];
            command.args(user);
        }
        command
            .args(["-c", SCRIPT, "cluster"])
            .arg(programs)
            .args(settings);
        let mut script = command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut folder = String::new();
        let stdout = script.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut folder).expect("read");
        assert!(!folder.is_empty(), "the server did not start");
        Ok(Cluster {
            _script: script,
            folder: PathBuf::from(folder.trim_end()),
        })
    }

    /// The server that all tests of this process share.
    pub(crate) fn shared() -> Result<&'static Cluster, &'static str> {
        static SHARED: OnceLock<Result<Cluster, &'static str>> = OnceLock::new();
        let start = || Cluster::start(&["fsync=off", "full_page_writes=off"]);
        SHARED
            .get_or_init(start)
            .as_ref()
            .map_err(|missing| *missing)
    }

    /// The address of a ledger in a schema that no other test uses.
    pub(crate) fn new_ledger(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.display();
        format!("postgres://bank@/postgres?host={folder}&schema=ledger{number}")
    }
}

/// The folder of the newest version that is installed.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders
        .filter(|folder| folder.join("initdb").exists())
        .max()
}
