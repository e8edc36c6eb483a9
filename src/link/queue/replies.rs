//! Sending to a worker without ever blocking the parent's loop.

use std::io;
use std::sync::mpsc;
use std::thread;

use ipc_channel::ipc::IpcSender;
use serde_bytes::ByteBuf;

/// Where a worker's messages go. The library's send blocks when the kernel's buffer is full, so only
/// what fits unread is sent by the parent's loop; a worker that lives longer gets a thread.
pub(super) enum Replies {
    /// The channel, and how much of the kernel's buffer its messages can have taken so far.
    Direct(IpcSender<ByteBuf>, usize),
    Threaded(mpsc::Sender<ByteBuf>),
}

/// Well below what the kernel buffers for one socket.
const DIRECT: usize = 64 * 1024;

impl Replies {
    pub(super) fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        if let Replies::Direct(channel, taken) = self {
            // A message takes up to twice its length and a header of its own.
            *taken += 2 * frame.len() + 1_024;
            if *taken <= DIRECT {
                return channel.send(ByteBuf::from(frame)).map_err(io::Error::other);
            }
            let channel = channel.clone();
            let (sender, frames) = mpsc::channel::<ByteBuf>();
            // Ends with its worker, which the deadline ends, or when the link is closed.
            thread::Builder::new()
                .name("replies".to_string())
                .spawn(move || {
                    while let Ok(frame) = frames.recv()
                        && channel.send(frame).is_ok()
                    {}
                })?;
            *self = Replies::Threaded(sender);
        }
        match self {
            Replies::Threaded(sender) => {
                sender.send(ByteBuf::from(frame)).map_err(io::Error::other)
            }
            Replies::Direct(..) => Ok(()),
        }
    }
}
