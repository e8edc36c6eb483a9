//! PostgreSQL servers of the tests' own, in a temporary folder. They end with the tests, however those end,
//! and take their folder along.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

/// Makes a server `a`, then does what it is told by standard input, line by line, until that ends. `$1` is the
/// folder of PostgreSQL's programs, `$2` what else there is: `tls`, by which it is reached by the network too,
/// a synchronous `standby` named `b`, or a `small` disk, which is at `/mnt`; further words are settings.
const SCRIPT: &str = r#"
set -eu
programs=$1; what=$2; shift 2
folder=$(mktemp -d -t bank-par-postgres-XXXXXX)
settings="-c listen_addresses= -c shared_buffers=16MB -c max_connections=200 -c autovacuum_naptime=5s"
for setting; do settings="$settings -c $setting"; done
port=5432; a=; b=
trap 'set +e; for server in $a $b; do kill -QUIT $server; kill -CONT $server; done 2>/dev/null; wait; rm -rf "$folder"' EXIT

# Starts the server `$1`, whose process the variable of that name has from then on.
start() {
    mkdir -p "$folder/$1.socket"
    "$programs/postgres" -D "$folder/$1" -p $port -c unix_socket_directories="$folder/$1.socket" $settings >>"$folder/log" 2>&1 </dev/null &
    eval "$1=$!"
    until "$programs/pg_isready" -q -h "$folder/$1.socket" -p $port; do
        kill -0 $! 2>/dev/null || return 1
        sleep 0.05
    done
}
# Ends the server `$1` by the signal `$2`, and starts it anew. What a killed one leaves may be in its way at first.
restart() { { eval "kill -$2 \$$1; wait \$$1 || true; $1="; } 2>/dev/null; tries=0; until start "$1"; do tries=$((tries + 1)); [ $tries -lt 200 ]; sleep 0.05; done; }
# Ends the server `$1` as if its machine had lost its power.
crash() { eval "kill -QUIT \$$1; kill -CONT \$$1; wait \$$1 || true; $1="; }
# Makes the server `$1` a standby of the other server `$2`, and starts it.
follow() {
    rm -rf "$folder/$1"
    "$programs/pg_basebackup" -h "$folder/$2.socket" -p $port -U bank -D "$folder/$1" -R -c fast
    start "$1"
}
# Makes the standby `$1` a server of its own, that waits for no other.
promote() {
    echo "synchronous_standby_names = ''" >>"$folder/$1/postgresql.auto.conf"
    "$programs/pg_ctl" -D "$folder/$1" promote >/dev/null
    "$programs/pg_ctl" -D "$folder/$1" reload >/dev/null
}
# Has the server `$1` wait for a standby with each commit, from its next start on.
wait_for_standby() { echo "synchronous_standby_names = '*'" >>"$folder/$1/postgresql.auto.conf"; }
# Asks the server `$1` to do this.
ask() { "$programs/psql" -h "$folder/$1.socket" -p $port -U bank -d postgres -q -c "$2"; }
# Fills the disk of a `small` server, and makes room on it again.
fill() { ! dd if=/dev/zero of=/mnt/filler bs=4k 2>/dev/null; }
clear_disk() { rm /mnt/filler; }
# Makes a key and the certificate of an authority `$1`.
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=$1" -keyout "$folder/$1.key" -out "$folder/$1.crt" 2>/dev/null
}

log=
if [ $what = small ]; then
    mkdir /mnt/a
    ln -s /mnt/a "$folder/a"
    # Its log has room, or a server would not so much refuse to write as crash.
    log="-X $folder/a.log"
fi
"$programs/initdb" -D "$folder/a" $log -U bank -A trust -N -E UTF8 --locale=C --no-instructions >/dev/null
if [ $what = tls ]; then
    authority authority; authority other
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server -keyout "$folder/a/server.key" -out "$folder/server.csr" 2>/dev/null
    printf 'subjectAltName=DNS:db.example\nbasicConstraints=CA:FALSE\n' >"$folder/server.ext"
    openssl x509 -req -in "$folder/server.csr" -CA "$folder/authority.crt" -CAkey "$folder/authority.key" -CAcreateserial -days 30 -extfile "$folder/server.ext" -out "$folder/a/server.crt" 2>/dev/null
    printf 'local all all trust\nhostssl all bank 127.0.0.1/32 trust\nhostssl all guarded 127.0.0.1/32 scram-sha-256\n' >"$folder/a/pg_hba.conf"
    settings="$settings -c listen_addresses=127.0.0.1 -c ssl=on"
    # Below the ports that the system gives away by itself; another program may listen at one all the same.
    port=$((20000 + $$ % 10000))
    until start a; do
        port=$((port + 1))
        [ $port -lt 30100 ] || { cat "$folder/log" >&2; exit 1; }
    done
else
    [ $what != standby ] || wait_for_standby a
    start a || { cat "$folder/log" >&2; exit 1; }
    [ $what != standby ] || follow b a
fi
echo "$folder $port"
while read -r order; do eval "$order"; echo done; done
"#;

/// What runs the words after it where only they see a small disk at `/mnt`.
const SMALL_DISK: [&str; 6] = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    "mount -t tmpfs -o size=64m,mode=1777 small /mnt && exec \"$@\"",
    "small",
];
/// What runs the words after it as a user that the server takes.
const AS_POSTGRES: [&str; 4] = [
    "setpriv",
    "--reuid=postgres",
    "--regid=postgres",
    "--clear-groups",
];

/// Servers.
pub(crate) struct Cluster {
    /// Ends the servers when its standard input is closed, with this process at the latest.
    _script: Child,
    orders: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
    /// The folder of all that they have.
    pub(crate) folder: PathBuf,
    /// The port of each, which is also in the name of its socket.
    pub(crate) port: u16,
}

impl Cluster {
    /// Starts a server `a` and its synchronous standby `b`.
    pub(crate) fn with_standby() -> Result<Self, &'static str> {
        Cluster::start("standby", &["fsync=off", "full_page_writes=off"])
    }

    /// Starts a server `a` with these further settings, and what else the script knows. Where PostgreSQL is not
    /// installed, it is told what a test misses that checks nothing then, unless every test must be run
    /// (`BANK_PAR_ALL_TESTS`), as in `.ci/run`.
    pub(crate) fn start(what: &str, settings: &[&str]) -> Result<Self, &'static str> {
        let Some(programs) = programs() else {
            let missing = "this test needs PostgreSQL: install the package `postgresql`";
            assert!(
                std::env::var_os("BANK_PAR_ALL_TESTS").is_none(),
                "{missing}"
            );
            return Err(missing);
        };
        let is_root = rustix::process::geteuid().is_root();
        let mut command = Command::new("env");
        if what == "small" {
            let mut mounting = Command::new(SMALL_DISK[0]);
            let mounts = mounting.args(&SMALL_DISK[1..]).arg("true").status();
            if !is_root || !mounts.is_ok_and(|mounts| mounts.success()) {
                return Err("this test mounts a small disk, which is not allowed here");
            }
            command.args(SMALL_DISK);
        }
        // The server refuses to be root.
        if is_root {
            command.args(AS_POSTGRES);
        }
        command
            .args(["sh", "-c", SCRIPT, "cluster"])
            .arg(programs)
            .arg(what)
            .args(settings);
        let mut script = command
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let stdout = script.stdout.take().expect("piped");
        let mut told = BufReader::new(stdout).lines();
        let first = told.next().expect("the server did not start");
        let first = first.expect("read");
        let (folder, port) = first.split_once(' ').expect("a folder and a port");
        Ok(Cluster {
            orders: Mutex::new((script.stdin.take().expect("piped"), told)),
            _script: script,
            folder: PathBuf::from(folder),
            port: port.parse().expect("a port"),
        })
    }

    /// Has the script do this, and waits until it is done.
    pub(crate) fn order(&self, order: &str) {
        let mut orders = self.orders.lock().expect("orders");
        writeln!(orders.0, "{order}").expect("told");
        let done = orders.1.next().expect("the script failed").expect("read");
        assert_eq!(done, "done", "{order}");
    }

    /// The server that all tests of this process share. It is reached by the network too, with TLS.
    pub(crate) fn shared() -> Result<&'static Cluster, &'static str> {
        static SHARED: OnceLock<Result<Cluster, &'static str>> = OnceLock::new();
        let start = || Cluster::start("tls", &["fsync=off", "full_page_writes=off"]);
        SHARED
            .get_or_init(start)
            .as_ref()
            .map_err(|missing| *missing)
    }

    /// The folder of a server's socket.
    pub(crate) fn socket(&self, server: &str) -> PathBuf {
        self.folder.join(format!("{server}.socket"))
    }

    /// The address of a ledger in a schema that no other test uses.
    pub(crate) fn new_ledger(&self) -> String {
        self.new_ledger_at(&self.socket("a"))
    }

    /// The address of such a ledger behind the socket in this folder, or in one of these.
    pub(crate) fn new_ledger_at(&self, sockets: &Path) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (sockets, port) = (sockets.display(), self.port);
        format!("postgres://bank@/postgres?host={sockets}&port={port}&schema=ledger{number}")
    }
}

/// The folder of the newest version that is installed.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    folders
        .filter(|folder| folder.join("initdb").exists())
        .max()
}
