//! What a person sees while a run lasts: lines at the end of the terminal that are drawn anew in their place
//! and leave nothing behind.
//!
//! They have a thread of their own, which looks at what has happened so far ten times a second. So a
//! terminal that is slow, or was stopped, costs pictures and never events, and holds up no run. Whatever
//! else is written to the terminal is written above them.

mod so_far;
mod total;

use std::env;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

use super::stderr::is_quiet;
use super::stderr_line;
use crate::event::Event;
use so_far::RunSoFar;
use total::expected_lines;

/// How often the lines are drawn.
const FRAME: Duration = Duration::from_millis(100);

/// A run that is over sooner shows none.
const FIRST_FRAME: Duration = Duration::from_millis(250);

/// How often what has happened is said where no line can be drawn anew.
const PLAIN_FRAME: Duration = Duration::from_secs(2);

/// How long a terminal that takes nothing is left until it is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// How often it is looked at where the run must go on: for a second, in which the time does not count that
/// the machine stands still.
const LOOKS: u32 = 200;

/// The widest line where the terminal does not tell its width.
const USUAL_WIDTH: usize = 80;

/// How the progress of a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LiveStyle {
    /// Lines at the end of the terminal.
    Screen,
    /// One line on stderr every two seconds.
    Plain,
}

/// How progress can be shown on this stderr; `None`: not without being asked for.
pub fn live_style(is_forced: bool) -> Option<LiveStyle> {
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    match (io::stderr().is_terminal() && !is_dumb, is_forced) {
        (_, false) if is_quiet() || is_set("NO_COLOR") => None,
        (true, _) => Some(LiveStyle::Screen),
        (false, true) => Some(LiveStyle::Plain),
        (false, false) => None,
    }
}

/// That progress is to be shown, and of what.
#[derive(Clone, Debug)]
pub struct LiveWish {
    /// How.
    pub style: LiveStyle,
    /// The file with the operations, from which their number is estimated.
    pub input: Option<PathBuf>,
}

/// The lines of the run of this process, while there are some.
static SCREEN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn screen() -> MutexGuard<'static, Option<ProgressBar>> {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lines, unless a terminal that takes nothing keeps them.
fn screen_soon() -> Option<MutexGuard<'static, Option<ProgressBar>>> {
    for _ in 0..LOOKS {
        match SCREEN.try_lock() {
            Ok(screen) => return Some(screen),
            Err(TryLockError::Poisoned(screen)) => return Some(screen.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK_AGAIN),
        }
    }
    None
}

/// Takes lines off the terminal, unless it takes nothing: what was stopped since it was last written to is
/// found out only by writing to it, which a thread of its own does.
fn clear_soon(lines: ProgressBar) {
    let (cleared, is_cleared) = channel::<()>();
    let thread = thread::Builder::new().name("clearing".into());
    let started = thread.spawn(move || {
        lines.finish_and_clear();
        drop(cleared);
    });
    if started.is_ok() {
        let takes_nothing =
            |_: &u32| is_cleared.recv_timeout(LOOK_AGAIN) == Err(RecvTimeoutError::Timeout);
        (0..LOOKS).take_while(takes_nothing).for_each(drop);
    }
}

/// Writes something to the terminal, above the lines.
pub(super) fn above_the_lines<T>(write: impl FnOnce() -> T) -> T {
    match &*screen() {
        Some(lines) => lines.suspend(write),
        None => write(),
    }
}

/// Does something while the lines are gone, such as to stop this process; they come back by themselves.
pub fn without_the_lines<T>(act: impl FnOnce() -> T) -> T {
    let screen = screen_soon();
    if let Some(lines) = screen.as_deref().and_then(Option::clone) {
        clear_soon(lines);
    }
    act()
}

/// Takes the lines away for good.
pub fn end_the_lines() {
    if let Some(lines) = screen_soon().and_then(|mut screen| screen.take()) {
        clear_soon(lines);
    }
}

/// A run's events on their way to the lines.
pub(super) struct Live {
    so_far: Arc<Mutex<RunSoFar>>,
}

impl Live {
    /// Begins to show them, if the system has a thread for that.
    pub(super) fn start(wish: LiveWish) -> Option<Self> {
        let so_far = Arc::new(Mutex::new(RunSoFar::new(Instant::now())));
        let shown = Arc::clone(&so_far);
        let thread = thread::Builder::new().name("progress".into());
        thread.spawn(move || show(&shown, &wish)).ok()?;
        Some(Live { so_far })
    }

    /// Takes note of what happened.
    pub(super) fn take(&self, events: &[Event]) {
        let now = Instant::now();
        let mut so_far = lock(&self.so_far);
        events.iter().for_each(|event| so_far.take(event, now));
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        lock(&self.so_far).end();
        end_the_lines();
    }
}

fn lock(so_far: &Mutex<RunSoFar>) -> MutexGuard<'_, RunSoFar> {
    so_far.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows what has happened until the run is over.
fn show(so_far: &Mutex<RunSoFar>, wish: &LiveWish) {
    let total = wish.input.as_deref().and_then(expected_lines);
    lock(so_far).expect(total);
    let (first, frame) = match wish.style {
        LiveStyle::Screen => (FIRST_FRAME, FRAME),
        LiveStyle::Plain => (PLAIN_FRAME, PLAIN_FRAME),
    };
    thread::sleep(first);
    if wish.style == LiveStyle::Screen {
        let lines = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{msg}");
        *screen() = style.ok().map(|style| lines.with_style(style));
    }
    loop {
        let mut now = lock(so_far);
        if now.is_over() {
            drop(now);
            return end_the_lines();
        }
        match wish.style {
            LiveStyle::Screen => {
                let lines = now.lines(Instant::now(), width());
                drop(now);
                draw(lines);
            }
            LiveStyle::Plain => {
                let line = now.progress(Instant::now(), usize::MAX);
                drop(now);
                stderr_line(format_args!("progress: {line}"));
            }
        }
        thread::sleep(frame);
    }
}

fn draw(lines: Vec<String>) {
    let screen = screen();
    let Some(bar) = &*screen else { return };
    // A job in the background leaves the terminal to others.
    if tcgetpgrp(io::stderr()).is_ok_and(|group| group != getpgrp()) {
        return bar.finish_and_clear();
    }
    bar.set_message(lines.join("\n"));
    if bar.is_finished() {
        bar.reset();
    }
}

/// How wide a line may be: the last column stays free, since some terminals go on to the next line there.
fn width() -> usize {
    let size = tcgetwinsize(io::stderr()).map(|size| usize::from(size.ws_col));
    size.ok().filter(|width| *width > 1).unwrap_or(USUAL_WIDTH) - 1
}
