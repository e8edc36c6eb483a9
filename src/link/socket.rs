//! `parallel` and `server-share`: a local socket in a folder that only its user can enter.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use interprocess::local_socket::traits::{Listener as _, Stream as _, StreamCommon as _};
use interprocess::local_socket::{
    GenericFilePath, ListenerNonblockingMode, ListenerOptions, ToFsName,
};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use interprocess::os::unix::uds_local_socket::{Listener, Stream};

use super::folder::Folder;
use super::stream::{StreamEnd, Streams, Wire, WorkerStream};
use super::{Arrival, Arrived, LinkError, Links, WorkerEnd};
use crate::poll::{PollKey, PollSet};
use crate::protocol::{Outbox, ToParent};

/// The parent's end of the socket.
pub(super) struct SocketLinks {
    listener: Listener,
    address: String,
    streams: Streams,
    /// The processes whose link is still to come.
    expected: HashMap<u32, u32>,
    /// Links that have not said whose they are, with the pid that the kernel gives for them.
    unnamed: HashMap<u32, (StreamEnd, Option<u32>)>,
    last_unnamed: u32,
    _folder: Folder,
}

impl SocketLinks {
    pub(super) fn open() -> io::Result<Self> {
        let folder = Folder::create()?;
        let path = folder.path().join("server");
        let address = path.to_str().map(str::to_string);
        let address = address.ok_or_else(|| io::Error::other("a private folder is UTF-8"))?;
        let listener = ListenerOptions::new()
            .name(path.as_path().to_fs_name::<GenericFilePath>()?)
            .mode(0o600)
            .nonblocking(ListenerNonblockingMode::Accept)
            .create_sync_as::<Listener>()?;
        Ok(SocketLinks {
            listener,
            address,
            streams: Streams::default(),
            expected: HashMap::new(),
            unnamed: HashMap::new(),
            last_unnamed: 0,
            _folder: folder,
        })
    }

    /// Takes every connection that waits, and drops those of other users and of processes that are no
    /// worker of ours, although the folder keeps other users out already.
    ///
    /// The first message of most is there already.
    fn accept(&mut self, arrivals: &mut Vec<Arrival>) {
        while let Ok(stream) = self.listener.accept() {
            let Ok(peer) = stream.peer_creds() else {
                continue;
            };
            let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok());
            let ours = peer.euid() == Some(rustix::process::geteuid().as_raw())
                && pid.is_none_or(|pid| self.expected.values().any(|expected| *expected == pid));
            if let (true, Ok(wire)) = (ours, Wire::socket(OwnedFd::from(stream))) {
                self.last_unnamed = self.last_unnamed.wrapping_add(1);
                self.unnamed
                    .insert(self.last_unnamed, (StreamEnd::new(wire), pid));
                self.name(self.last_unnamed, arrivals);
            }
        }
    }

    /// Reads the first message of a link. A connection of any other process is dropped and does no harm.
    fn name(&mut self, key: u32, arrivals: &mut Vec<Arrival>) {
        let Some((mut end, pid)) = self.unnamed.remove(&key) else {
            return;
        };
        let Ok(true) = end.fill() else {
            return;
        };
        match end.next() {
            Ok(None) => {
                self.unnamed.insert(key, (end, pid));
            }
            Ok(Some((worker, ToParent::Hello))) if self.is_expected(worker, pid) => {
                self.expected.remove(&worker);
                self.streams.adopt(worker, end, arrivals);
            }
            _ => {}
        }
    }

    /// Whether this process is the worker it says it is. Where the kernel names no pid, the folder
    /// alone keeps others out.
    fn is_expected(&self, worker: u32, pid: Option<u32>) -> bool {
        let expected = self.expected.get(&worker);
        expected.is_some_and(|expected| pid.is_none_or(|pid| pid == *expected))
    }
}

impl Links for SocketLinks {
    fn prepare(&mut self, _: u32, command: &mut Command) -> io::Result<String> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        Ok(self.address.clone())
    }

    fn spawned(&mut self, worker: u32, child: &mut Child) -> io::Result<()> {
        self.expected.insert(worker, child.id());
        Ok(())
    }

    fn poll<'a>(&'a self, set: &mut PollSet<'a>) {
        set.read(PollKey::Listener, self.listener.as_fd());
        for (key, (end, _)) in &self.unnamed {
            set.read(PollKey::Unnamed(*key), end.fd());
        }
        self.streams.poll(set);
    }

    fn receive(&mut self, ready: &[PollKey], arrivals: &mut Vec<Arrival>) {
        for key in ready {
            match key {
                PollKey::Listener => self.accept(arrivals),
                PollKey::Unnamed(unnamed) => self.name(*unnamed, arrivals),
                PollKey::Worker(_) | PollKey::Own(_) | PollKey::Client(_) => {}
            }
        }
        self.streams.receive(ready, arrivals);
    }

    fn outbox(&mut self, worker: u32) -> Option<&mut Outbox> {
        self.streams.outbox(worker)
    }

    fn flush(&mut self) {
        self.streams.flush();
    }

    fn close(&mut self, worker: u32) {
        self.streams.close(worker);
    }

    fn exited(&mut self, worker: u32, arrivals: &mut Vec<Arrival>) {
        // Its connection may still stand in the listener's queue.
        if self.expected.contains_key(&worker) {
            self.accept(arrivals);
            for key in self.unnamed.keys().copied().collect::<Vec<_>>() {
                self.name(key, arrivals);
            }
        }
        if self.expected.remove(&worker).is_some() {
            let what = Arrived::Closed;
            arrivals.push(Arrival { worker, what });
        }
        self.streams.exited(worker, arrivals);
    }
}

/// Connects a worker to its parent, and says who it is.
pub(super) fn connect(worker: u32, address: &str) -> Result<WorkerStream<Arc<OwnedFd>>, LinkError> {
    let stream = Stream::connect(Path::new(address).to_fs_name::<GenericFilePath>()?)?;
    let owner = stream.peer_creds()?.euid();
    if owner != Some(rustix::process::geteuid().as_raw()) {
        return Err(LinkError::Stranger(format!("a process of user {owner:?}")));
    }
    let socket = Arc::new(OwnedFd::from(stream));
    let mut end = WorkerStream::new(socket.clone(), socket);
    let mut hello = Outbox::new(worker);
    hello.hello();
    end.send(&mut hello)?;
    Ok(end)
}
