//! A page of this machine on which runs are started by a click and seen as they happen.
//!
//! The server is small and its own: one thread and one request for each connection, a limit on each size,
//! number and wait. It binds to this machine alone; what keeps its other users out is the token of the link,
//! which becomes a cookie (`admission`). A run is this program, started again as a person would, whose events
//! go to the page as they are.

mod admission;
mod answer;
mod choice;
mod client;
mod ledger;
mod live_run;
mod order;
mod request;
mod runs;
mod site;
#[cfg(any(test, fuzzing))]
pub(crate) mod untrusted;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use signal_hook::consts::{SIGCHLD, SIGTSTP};

use crate::poll::{PollKey, PollSet};
use crate::serve::{AddressError, ListenAddress};
use crate::status::{Ending, Status};
use crate::supervisor::{Signals, stop_self};
use crate::wake::TICK;
use admission::{Door, HostNames};
use answer::WebAnswer;
use client::BrowserLink;
use ledger::LedgerScreen;
pub use ledger::PageLedger;
use runs::PageRuns;
use site::Site;

/// The most connections at a time.
const MAX_CONNECTIONS: usize = 64;

const SIGNALS: PollKey = PollKey::Own(1);

/// Where the page is served.
#[derive(Clone, Debug)]
pub enum PagePlace {
    /// At a port of this machine; zero is one that is free.
    Port(u16),
    /// At a socket in a folder that only its user can enter.
    Socket(PathBuf),
}

/// Why the page is not served.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// The port is another's.
    #[error(
        "cannot listen at port {port} of this machine: {cause}; name another with `--port`, or leave it out"
    )]
    Port {
        /// Which one.
        port: u16,
        /// What the system said.
        cause: io::Error,
    },
    /// The socket cannot be there.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The system has no more.
    #[error("the page cannot be served: {0}")]
    Io(#[from] io::Error),
}

enum Listener {
    Port(TcpListener, u16),
    Socket(ListenAddress),
}

impl Listener {
    fn open(place: &PagePlace) -> Result<Self, PageError> {
        match place {
            PagePlace::Socket(path) => Ok(Listener::Socket(ListenAddress::claim(path)?)),
            PagePlace::Port(port) => {
                let failed = |cause| PageError::Port { port: *port, cause };
                let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).map_err(failed)?;
                listener.set_nonblocking(true)?;
                let port = listener.local_addr()?.port();
                Ok(Listener::Port(listener, port))
            }
        }
    }

    fn names(&self) -> HostNames {
        match self {
            Listener::Port(_, port) => HostNames::Port(*port),
            Listener::Socket(_) => HostNames::AnyPort,
        }
    }

    fn accept(&self) -> io::Result<BrowserLink> {
        match self {
            Listener::Port(listener, _) => BrowserLink::over(listener.accept()?.0),
            Listener::Socket(address) => BrowserLink::over(address.accept()?.0),
        }
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Port(listener, _) => listener.as_fd(),
            Listener::Socket(address) => address.fd(),
        }
    }
}

/// Serves the page, which may show a ledger, until a signal asks for its end; then ends all runs that it started. `ready` is told what
/// the address of the page ends with, and its port, if it has one.
///
/// # Errors
///
/// It cannot be served there.
pub fn serve(
    place: &PagePlace,
    ledger: Option<PageLedger>,
    ready: impl FnOnce(Option<u16>, &str) -> io::Result<()>,
) -> Result<Ending, PageError> {
    let mut signals = Signals::listen()?;
    let listener = Listener::open(place)?;
    let port = match &listener {
        Listener::Port(_, port) => Some(*port),
        Listener::Socket(_) => None,
    };
    let site = Arc::new(Site {
        door: Door::new(listener.names())?,
        runs: PageRuns::default(),
        ledger: ledger.map(LedgerScreen::new),
    });
    ready(
        port,
        &format!("/?token={}", site.door.token().unwrap_or_default()),
    )?;
    let connections = Arc::new(AtomicUsize::new(0));
    loop {
        let mut set = PollSet::default();
        set.read(PollKey::Listener, listener.fd());
        set.read(SIGNALS, signals.as_fd());
        let ready = set.wait(TICK)?;
        for signal in signals.pending() {
            match signal {
                SIGCHLD => {}
                SIGTSTP => stop_self(),
                signal => {
                    site.runs.end_all();
                    return Ok(Ending {
                        status: Status::Posted,
                        signal: Some(signal),
                        ..Ending::default()
                    });
                }
            }
        }
        if ready.contains(&PollKey::Listener)
            && let Ok(link) = listener.accept()
        {
            welcome(&site, &connections, link);
        }
    }
}

/// Gives a connection a thread of its own, or sends it away where there are too many.
fn welcome(site: &Arc<Site>, connections: &Arc<AtomicUsize>, mut link: BrowserLink) {
    let place = ConnectionPlace::taken_from(connections);
    let Some(place) = place else {
        let answer = WebAnswer::text(503, "there are too many connections: try again soon");
        // What the system takes at once.
        let _ = link.write_all(&answer.bytes(), Instant::now());
        return;
    };
    let site = Arc::clone(site);
    let conversation = thread::Builder::new().name("page".to_string());
    // Where there is no thread, the connection is closed.
    let _ = conversation.spawn(move || {
        site.converse(link);
        drop(place);
    });
}

/// One of the connections that may be there; given back when it is dropped.
struct ConnectionPlace(Arc<AtomicUsize>);

impl ConnectionPlace {
    fn taken_from(connections: &Arc<AtomicUsize>) -> Option<Self> {
        let before = connections.fetch_add(1, Ordering::Relaxed);
        let place = ConnectionPlace(Arc::clone(connections));
        (before < MAX_CONNECTIONS).then_some(place)
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
