//! Keeping a command: from its start until it and all that it started are gone.
//!
//! Whoever keeps a command is its parent and inherits what that leaves behind. The command dies with
//! its keeper, and the keeper ends it when its own parent dies.

use std::collections::HashSet;
use std::io;
use std::os::fd::AsFd;
use std::process::Child;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use signal_hook::consts::{SIGTERM, SIGTSTP};

use super::GRACE;
use super::capture::{Capture, Captured};
use super::shim::Session;
use crate::exit::Exit;
use crate::link::{Key, Watch};
use crate::parent::is_living_parent;
use crate::supervisor::{
    ENOUGH, Signals, adopt_orphans, end_children, end_of, signal_descendants, stop_self,
};
use crate::wake::{RunningClock, TICK};
use crate::work::Cut;

const SIGNALS: Key = Key::Own(0);
const STDOUT: Key = Key::Own(1);
const STDERR: Key = Key::Own(2);

/// A process that keeps commands, one after another.
pub(crate) struct Keeper {
    parent: u32,
    /// Where its commands stand.
    session: Session,
    signals: Signals,
    /// The children that were there before.
    spared: HashSet<Pid>,
    /// No further command is to be started.
    no_more: bool,
    /// How often its parent asked for the end of what runs.
    asked: u32,
}

/// A command that is gone.
pub(super) struct Kept {
    pub(super) exit: Exit,
    pub(super) cut: Option<Cut>,
    pub(super) took: Duration,
    /// What it wrote to those streams that it did not share.
    pub(super) stdout: Captured,
    pub(super) stderr: Captured,
}

/// How a command is on its way to its end.
struct Course {
    command: Pid,
    /// It leads a process group of its own.
    has_group: bool,
    clock: RunningClock,
    cut: Option<Cut>,
    /// When it is killed.
    kill_at: Option<Duration>,
    stdout: Option<Capture>,
    stderr: Option<Capture>,
}

impl Keeper {
    /// A keeper for this parent. From here on this process hears signals and inherits orphans.
    pub(crate) fn new(parent: u32, session: Session) -> io::Result<Self> {
        Ok(Keeper {
            spared: adopt_orphans(),
            parent,
            session,
            signals: Signals::listen_for_enough()?,
            no_more: false,
            asked: 0,
        })
    }

    /// Whether a further command may be started.
    pub(super) fn may_start(&mut self) -> bool {
        self.heed(None);
        !self.no_more
    }

    /// Waits so long, or until nothing more is to be started.
    pub(super) fn pause(&mut self, pause: Duration) {
        let mut clock = RunningClock::start();
        while clock.now() < pause && self.may_start() {
            let mut watch = Watch::default();
            watch.read(SIGNALS, self.signals.as_fd());
            if watch
                .wait(TICK.min(pause.saturating_sub(clock.now())))
                .is_err()
            {
                return;
            }
        }
    }

    /// Waits until a command and all that it started are gone.
    pub(super) fn keep(&mut self, mut child: Child, timeout: Option<Duration>) -> Kept {
        let mut course = Course {
            command: Pid::from_child(&child),
            has_group: self.session == Session::Own,
            clock: RunningClock::start(),
            cut: None,
            kill_at: None,
            stdout: child.stdout.take().map(Capture::new),
            stderr: child.stderr.take().map(Capture::new),
        };
        self.heed(Some(&mut course));
        loop {
            // What has ended in time is not late.
            if let Some(exit) = end_of(course.command) {
                let took = course.clock.now();
                end_children(Some(course.command), &self.spared);
                return Kept {
                    exit,
                    cut: course.cut,
                    took,
                    stdout: Capture::finish(course.stdout),
                    stderr: Capture::finish(course.stderr),
                };
            }
            course.enforce(timeout);
            if self.wait(&mut course, timeout).is_err() {
                // Its end is still to be seen, since only that settles the operation.
                course.kill_at = Some(Duration::ZERO);
            }
            self.heed(Some(&mut course));
        }
    }

    fn wait(&self, course: &mut Course, timeout: Option<Duration>) -> io::Result<()> {
        let mut watch = Watch::default();
        watch.read(SIGNALS, self.signals.as_fd());
        for (key, capture) in [(STDOUT, &course.stdout), (STDERR, &course.stderr)] {
            if let Some(fd) = capture.as_ref().and_then(Capture::fd) {
                watch.read(key, fd);
            }
        }
        let due = [course.kill_at, timeout.filter(|_| course.cut.is_none())];
        let now = course.clock.now();
        let due = due.into_iter().flatten().map(|at| at.saturating_sub(now));
        let patience = due.min().map_or(TICK, |due| TICK.min(due));
        let ready = watch.wait(patience + Duration::from_millis(1))?;
        for ready in ready {
            let capture = match ready.key {
                STDOUT => &mut course.stdout,
                STDERR => &mut course.stderr,
                _ => continue,
            };
            if let Some(capture) = capture {
                capture.read();
            }
        }
        Ok(())
    }

    /// The terminal's signals reach a command that has the terminal, and are its own affair.
    fn heed(&mut self, mut course: Option<&mut Course>) {
        for signal in self.signals.pending() {
            match signal {
                SIGTSTP if course.is_some() => stop_self(),
                ENOUGH => self.no_more = true,
                SIGTERM => {
                    self.no_more = true;
                    self.asked += 1;
                    let at_once = self.asked > 1 || !is_living_parent(self.parent);
                    if let Some(course) = &mut course {
                        course.end(Cut::Asked, at_once);
                    }
                }
                _ => {}
            }
        }
    }
}

impl Course {
    /// Ends the command at its deadline, and kills it where it did not end.
    fn enforce(&mut self, timeout: Option<Duration>) {
        let now = self.clock.now();
        if self.cut.is_none() && timeout.is_some_and(|timeout| now >= timeout) {
            self.end(Cut::TimeOver, false);
        }
        if self.kill_at.is_some_and(|at| now >= at) {
            if self.has_group {
                let _ = rustix::process::kill_process_group(self.command, Signal::KILL);
            }
            // It may not have come to its own group yet.
            let _ = rustix::process::kill_process(self.command, Signal::KILL);
        }
    }

    /// Asks the command and all that it started to end. They are killed after a grace, or at once.
    fn end(&mut self, why: Cut, at_once: bool) {
        self.cut.get_or_insert(why);
        if at_once {
            self.kill_at = Some(Duration::ZERO);
            // Nobody waits for the next turn.
            return self.enforce(None);
        }
        if self.has_group {
            let _ = rustix::process::kill_process_group(self.command, Signal::TERM);
        } else {
            // The group is that of whoever started this program.
            signal_descendants(Signal::TERM);
        }
        let grace_ends = self.clock.now() + GRACE;
        self.kill_at.get_or_insert(grace_ends);
    }
}
