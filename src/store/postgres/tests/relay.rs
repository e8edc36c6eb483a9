//! A relay between a ledger and its server, which ends the connection at a chosen message.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use tempfile::TempDir;

/// Where the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// The server does not get the message.
    Before,
    /// The server gets the message, and its answer does not arrive.
    After,
    /// The server does not get the message, and nothing says so.
    Silence,
    /// The server gets the message, and is killed. Only messages count that ask it to do what it was told so far.
    Kill,
}

/// A relay.
pub(super) struct Relay {
    folder: TempDir,
    /// How many more messages pass; below zero where all do.
    left: Arc<AtomicI64>,
}

impl Relay {
    /// A relay to the server whose socket is in this folder, and has this port in its name.
    pub(super) fn new(server: &Path, port: u16, cut: Cut) -> Self {
        Relay::killing(server, port, cut, || {})
    }

    /// The same, which does this where a server is to be killed.
    pub(super) fn killing(
        server: &Path,
        port: u16,
        cut: Cut,
        kill: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let kill = Arc::new(kill);
        let folder = tempfile::tempdir().expect("a folder");
        let socket = |folder: &Path| folder.join(format!(".s.PGSQL.{port}"));
        let listener = UnixListener::bind(socket(folder.path())).expect("a socket");
        let left = Arc::new(AtomicI64::new(-1));
        let (server, counted): (PathBuf, _) = (socket(server), Arc::clone(&left));
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                // One that is being started takes no connection, and so does its relay.
                if let Ok(server) = UnixStream::connect(&server) {
                    let (counted, kill) = (Arc::clone(&counted), Arc::clone(&kill));
                    thread::spawn(move || relay(client, server, cut, &counted, &*kill));
                }
            }
        });
        Relay { folder, left }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Ends the connection once so many further messages have passed.
    pub(super) fn cut_after(&self, messages: i64) {
        self.left.store(messages, Ordering::SeqCst);
    }

    /// Whether it has ended a connection since then.
    pub(super) fn has_cut(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

/// Passes on what both say, message by message from the client.
fn relay(
    mut client: UnixStream,
    mut server: UnixStream,
    cut: Cut,
    left: &AtomicI64,
    kill: &dyn Fn(),
) {
    let (mut answers, mut back) = (
        server.try_clone().expect("a socket"),
        client.try_clone().expect("a socket"),
    );
    let answering = thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        // A server that is gone says so.
        let _ = back.shutdown(std::net::Shutdown::Both);
    });
    let mut is_first = true;
    while let Some(message) = message(&mut client, is_first) {
        let counts = cut != Cut::Kill || !is_first && matches!(message[0], b'Q' | b'S');
        is_first = false;
        let is_last =
            counts && left.load(Ordering::SeqCst) >= 0 && left.fetch_sub(1, Ordering::SeqCst) == 0;
        if is_last && cut == Cut::Silence {
            // Until the client gives up.
            let _ = std::io::copy(&mut client, &mut std::io::sink());
            break;
        }
        if is_last && cut != Cut::Kill {
            let _ = client.shutdown(std::net::Shutdown::Both);
        }
        if is_last && cut == Cut::Before || server.write_all(&message).is_err() {
            break;
        }
        if is_last && cut == Cut::Kill {
            kill();
        }
        if is_last {
            // The server does what it was told, and notices then that the connection has ended.
            break;
        }
    }
    let _ = server.shutdown(std::net::Shutdown::Write);
    let _ = answering.join();
    let _ = client.shutdown(std::net::Shutdown::Both);
}

/// The next message; the first one has no kind.
fn message(from: &mut UnixStream, is_first: bool) -> Option<Vec<u8>> {
    let mut bytes = vec![0; if is_first { 4 } else { 5 }];
    from.read_exact(&mut bytes).ok()?;
    let length = bytes[bytes.len() - 4..].try_into().expect("four bytes");
    let begun = bytes.len();
    bytes.resize(begun + u32::from_be_bytes(length) as usize - 4, 0);
    from.read_exact(&mut bytes[begun..]).ok()?;
    Some(bytes)
}
