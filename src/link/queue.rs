//! `queue`: all workers put their requests on one multi-producer queue, whose only receiving end the
//! parent holds; each gets its replies on a channel of its own.
//!
//! A worker finds its parent through a one-shot server, whose name it is given, and gets a sending
//! end of the queue and the receiving end of its replies. The queue alone does not show that one of
//! its many senders died, so the parent puts a marker of its own on it when a worker has exited:
//! what the worker sent stands before the marker.

mod replies;

use std::collections::HashMap;
use std::io;
use std::panic::AssertUnwindSafe;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak, mpsc};
use std::thread;
use std::time::Duration;

use ipc_channel::ipc::{self, IpcOneShotServer, IpcReceiver, IpcSender};
use ipc_channel::{IpcError, TryRecvError};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use self::replies::Replies;
use super::folder::Folder;
use super::{Arrival, Arrived, LinkError, Links, Received, WorkerEnd};
use crate::poll::{PollKey, PollSet};
use crate::protocol::{Frame, Outbox, ProtocolError, ToParent};
use crate::wake::Waker;

/// The first message on a one-shot server.
#[derive(Serialize, Deserialize)]
enum Hello {
    /// The worker is there and waits for its channels.
    Up {
        worker: u32,
        pid: u32,
        reply_to: IpcSender<WorkerChannels>,
    },
    /// The worker exited before it connected; the parent ends its own wait.
    Abort,
}

/// A worker's ends of its channels.
#[derive(Serialize, Deserialize)]
pub(super) struct WorkerChannels {
    requests: IpcSender<ByteBuf>,
    replies: IpcReceiver<ByteBuf>,
}

/// What the threads of the queue tell the parent's loop.
enum Inbound {
    Up {
        worker: u32,
        pid: u32,
        reply_to: IpcSender<WorkerChannels>,
    },
    /// The one-shot server of a worker has ended without it.
    NotUp(u32),
    Frame(ByteBuf),
    /// The queue itself failed, and why.
    Lost(String),
}

/// The parent's end of the queue, and its ends of the reply channels.
pub(super) struct QueueLinks {
    requests: IpcSender<ByteBuf>,
    inbound: mpsc::Receiver<Inbound>,
    tell: mpsc::Sender<Inbound>,
    waker: Waker,
    ends: HashMap<u32, QueueEnd>,
    _folder: Arc<Folder>,
}

/// The folder of all queues of this process, which goes with the last that holds it.
///
/// One-shot servers make their sockets in tempfile's folder; no other user can enter this one. The library
/// accepts no second setting, so a process that runs one queue after another keeps the first one's.
pub(super) fn shared_folder() -> io::Result<Arc<Folder>> {
    static SHARED: Mutex<Weak<Folder>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(folder) = shared.upgrade() {
        return Ok(folder);
    }
    let folder = Arc::new(Folder::create()?);
    if let Err(first) = tempfile::env::override_temp_dir(folder.path()) {
        let first = first.display();
        return Err(io::Error::other(format!(
            "the queue's folder `{first}` was given up while it was needed"
        )));
    }
    *shared = Arc::downgrade(&folder);
    Ok(folder)
}

/// The parent's end of one worker's link.
struct QueueEnd {
    outbox: Outbox,
    /// The name of the one-shot server, until the worker has connected to it.
    rendezvous: Option<String>,
    pid: u32,
    replies: Option<Replies>,
    closing: bool,
}

impl QueueLinks {
    pub(super) fn open(waker: Waker) -> io::Result<Self> {
        let folder = shared_folder()?;
        let (requests, queue) = ipc::channel::<ByteBuf>()?;
        let (tell, inbound) = mpsc::channel();
        let (teller, wake) = (tell.clone(), waker.clone());
        thread::Builder::new()
            .name("queue".to_string())
            .spawn(move || drain(&queue, &teller, &wake))?;
        Ok(QueueLinks {
            requests,
            inbound,
            tell,
            waker,
            ends: HashMap::new(),
            _folder: folder,
        })
    }

    fn take(&mut self, inbound: Inbound, arrivals: &mut Vec<Arrival>) {
        match inbound {
            Inbound::Up {
                worker,
                pid,
                reply_to,
            } => self.up(worker, pid, &reply_to, arrivals),
            Inbound::NotUp(worker) => {
                if let Some(end) = self.ends.get_mut(&worker) {
                    end.rendezvous = None;
                }
            }
            Inbound::Frame(bytes) => self.frame(&bytes, arrivals),
            Inbound::Lost(reason) => {
                // Without the queue no worker can be heard.
                for (worker, _) in self.ends.drain() {
                    let what = Arrived::Broken(reason.clone());
                    arrivals.push(Arrival { worker, what });
                }
            }
        }
    }

    fn up(
        &mut self,
        worker: u32,
        pid: u32,
        reply_to: &IpcSender<WorkerChannels>,
        arrivals: &mut Vec<Arrival>,
    ) {
        let Some(end) = self.ends.get_mut(&worker).filter(|end| end.pid == pid) else {
            return;
        };
        end.rendezvous = None;
        let received =
            ipc::channel::<ByteBuf>()
                .map_err(LinkError::from)
                .and_then(|(sender, replies)| {
                    let requests = self.requests.clone();
                    reply_to
                        .send(WorkerChannels { requests, replies })
                        .map_err(ipc_error)?;
                    Ok(sender)
                });
        match received {
            Ok(sender) => {
                end.replies = Some(Replies::Direct(sender, 0));
                let what = Arrived::Ready;
                arrivals.push(Arrival { worker, what });
            }
            // It is gone again; its exit will be seen.
            Err(_) => end.closing = true,
        }
    }

    /// Decodes one message from the queue. What is no message cannot be held against any worker.
    fn frame(&mut self, bytes: &[u8], arrivals: &mut Vec<Arrival>) {
        let Ok(frame) = Frame::new(bytes) else {
            return;
        };
        let worker = frame.worker;
        let what = match frame.to_parent() {
            Ok(ToParent::Requests(requests)) => Arrived::Requests(requests),
            Ok(ToParent::Reports(reports)) => Arrived::Reports(reports),
            Ok(ToParent::Timings(timings)) => Arrived::Timings(timings),
            Ok(ToParent::Probes(probes)) => Arrived::Probes(probes),
            Ok(ToParent::Gone) => Arrived::Closed,
            Ok(ToParent::Hello) => Arrived::Broken(ProtocolError::Kind(1).to_string()),
            Err(error) => Arrived::Broken(error.to_string()),
        };
        let ended = matches!(what, Arrived::Closed | Arrived::Broken(_));
        let known = if ended {
            self.ends.remove(&worker).is_some()
        } else {
            self.ends.contains_key(&worker)
        };
        if known {
            arrivals.push(Arrival { worker, what });
        }
    }
}

/// Moves what comes on the queue to the parent's loop, until every sender is gone.
fn drain(queue: &IpcReceiver<ByteBuf>, tell: &mpsc::Sender<Inbound>, waker: &Waker) {
    loop {
        // The library panics on a packet that it did not make itself.
        let received = std::panic::catch_unwind(AssertUnwindSafe(|| queue.recv()));
        let inbound = match received {
            Ok(Ok(bytes)) => Inbound::Frame(bytes),
            Ok(Err(IpcError::Disconnected)) => return,
            // A whole message of no known worker: its sender gets no answer, and meets its deadline.
            Ok(Err(IpcError::SerializationError(_))) => continue,
            Ok(Err(error)) => Inbound::Lost(format!("the queue failed: {error}")),
            Err(_) => Inbound::Lost("the queue got what no worker sends".to_string()),
        };
        let lost = matches!(inbound, Inbound::Lost(_));
        if tell.send(inbound).is_err() {
            return;
        }
        waker.wake();
        if lost {
            return;
        }
    }
}

/// Waits for one worker to connect. There is no deadline in the library's own wait: the parent ends it
/// with `Hello::Abort` when the worker has exited.
fn await_worker(server: IpcOneShotServer<Hello>, worker: u32) -> Inbound {
    match server.accept() {
        Ok((
            _,
            Hello::Up {
                worker: up,
                pid,
                reply_to,
            },
        )) if up == worker => Inbound::Up {
            worker,
            pid,
            reply_to,
        },
        _ => Inbound::NotUp(worker),
    }
}

impl Links for QueueLinks {
    fn prepare(&mut self, worker: u32, command: &mut Command) -> io::Result<String> {
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let (server, name) = IpcOneShotServer::<Hello>::new()?;
        let (tell, waker) = (self.tell.clone(), self.waker.clone());
        thread::Builder::new()
            .name(format!("await {worker}"))
            .spawn(move || {
                if tell.send(await_worker(server, worker)).is_ok() {
                    waker.wake();
                }
            })?;
        let end = QueueEnd {
            outbox: Outbox::new(worker),
            rendezvous: Some(name.clone()),
            pid: 0,
            replies: None,
            closing: false,
        };
        self.ends.insert(worker, end);
        Ok(name)
    }

    fn spawned(&mut self, worker: u32, child: &mut Child) -> io::Result<()> {
        if let Some(end) = self.ends.get_mut(&worker) {
            end.pid = child.id();
        }
        Ok(())
    }

    fn poll<'a>(&'a self, _: &mut PollSet<'a>) {
        // Everything comes through threads, which wake the parent.
    }

    fn receive(&mut self, _: &[PollKey], arrivals: &mut Vec<Arrival>) {
        while let Ok(inbound) = self.inbound.try_recv() {
            self.take(inbound, arrivals);
        }
    }

    fn outbox(&mut self, worker: u32) -> Option<&mut Outbox> {
        let end = self.ends.get_mut(&worker).filter(|end| !end.closing)?;
        Some(&mut end.outbox)
    }

    fn flush(&mut self) {
        for end in self.ends.values_mut() {
            end.flush();
        }
    }

    fn close(&mut self, worker: u32) {
        if let Some(end) = self.ends.get_mut(&worker) {
            end.closing = true;
            end.flush();
        }
    }

    fn exited(&mut self, worker: u32, arrivals: &mut Vec<Arrival>) {
        let Some(end) = self.ends.get_mut(&worker) else {
            return;
        };
        if let Some(name) = end.rendezvous.take() {
            // It may have connected at the last moment; then this second connection finds no server, or
            // waits unread, and does no harm.
            if let Ok(abort) = IpcSender::connect(name) {
                let _ = abort.send(Hello::Abort);
            }
        }
        let mut marker = Outbox::new(worker);
        marker.gone();
        let marked = marker.send_each(|frame| self.requests.send(ByteBuf::from(frame)));
        if let Err(error) = marked {
            self.ends.remove(&worker);
            let what = Arrived::Broken(error.to_string());
            arrivals.push(Arrival { worker, what });
        }
    }
}

impl QueueEnd {
    /// Sends every waiting message, without blocking.
    fn flush(&mut self) {
        if let Some(replies) = &mut self.replies {
            let sent = self.outbox.send_each(|frame| replies.send(frame));
            if sent.is_err() || self.closing {
                self.replies = None;
            }
        }
    }
}

/// How long a worker waits for its channels.
const CHANNELS_LIMIT: Duration = Duration::from_secs(60);

/// Connects a worker to its parent's one-shot server and gets its channels.
pub(super) fn connect(worker: u32, address: &str) -> Result<WorkerChannels, LinkError> {
    let hello = IpcSender::connect(address.to_string())?;
    let (reply_to, received) = ipc::channel::<WorkerChannels>()?;
    let pid = std::process::id();
    hello
        .send(Hello::Up {
            worker,
            pid,
            reply_to,
        })
        .map_err(ipc_error)?;
    received
        .try_recv_timeout(CHANNELS_LIMIT)
        .map_err(|error| match error {
            TryRecvError::Empty => io::Error::from(io::ErrorKind::TimedOut).into(),
            TryRecvError::IpcError(error) => ipc_error(error),
        })
}

impl WorkerEnd for WorkerChannels {
    fn send(&mut self, outbox: &mut Outbox) -> Result<(), LinkError> {
        outbox
            .send_each(|frame| self.requests.send(ByteBuf::from(frame)))
            .map_err(ipc_error)
    }

    fn receive(&mut self, timeout: Option<Duration>) -> Result<Received, LinkError> {
        let received = match timeout {
            Some(timeout) => self.replies.try_recv_timeout(timeout),
            None => self.replies.recv().map_err(TryRecvError::IpcError),
        };
        match received {
            Ok(bytes) => Ok(Received::Message(Frame::new(&bytes)?.to_worker()?)),
            Err(TryRecvError::Empty) => Ok(Received::Nothing),
            Err(TryRecvError::IpcError(IpcError::Disconnected)) => Ok(Received::Closed),
            Err(TryRecvError::IpcError(error)) => Err(ipc_error(error)),
        }
    }
}

fn ipc_error(error: IpcError) -> LinkError {
    match error {
        IpcError::Io(error) => LinkError::Io(error),
        other => LinkError::Io(io::Error::other(other.to_string())),
    }
}
