//! The thread that writes: formats events into a block and writes the block.

use std::sync::{Arc, OnceLock};

use super::drawing::Drawer;
use super::live::Live;
use super::sink::Sink;
use super::text::{Text, TextStyle};
use super::{BACKLOG_LIMIT, Broken, Detail, stderr_line};
use crate::event::Event;
use crate::threads::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::threads::sync::mpsc::Receiver;
use crate::threads::thread;
use crate::wake::Waker;

/// A block is written when it is this large, in bytes, or when no further event is ready.
const BLOCK: usize = 64 * 1024;

/// How far the printing is, as both threads see it.
pub(super) struct Progress {
    backlog: AtomicUsize,
    closed: AtomicBool,
    failed: OnceLock<String>,
    done: AtomicBool,
    waker: Waker,
}

impl Progress {
    pub(super) fn new(waker: Waker) -> Self {
        Progress {
            backlog: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
            failed: OnceLock::new(),
            done: AtomicBool::new(false),
            waker,
        }
    }

    /// How much was told, by its weight.
    pub(super) fn told(&self, events: usize) {
        self.backlog.fetch_add(events, Ordering::Relaxed);
    }

    /// Wakes the thread that saw the limit reached. It saw more than half of it, so the crossing is yet to
    /// come and no wake-up is missed.
    fn written(&self, events: usize) {
        let before = self.backlog.fetch_sub(events, Ordering::Relaxed);
        let half = BACKLOG_LIMIT / 2;
        if before >= half && before - events < half {
            self.waker.wake();
        }
    }

    pub(super) fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }

    /// Keeps the first failure; a later one would say no more.
    fn broke(&self, broken: Broken) {
        match broken {
            Broken::Closed => self.closed.store(true, Ordering::Release),
            Broken::Failed(why) => drop(self.failed.set(why)),
        }
        self.waker.wake();
    }

    pub(super) fn broken(&self) -> Option<Broken> {
        let failed = self.failed.get().cloned().map(Broken::Failed);
        let closed = || self.closed.load(Ordering::Acquire);
        failed.or_else(|| closed().then_some(Broken::Closed))
    }

    pub(super) fn finish(&self) {
        self.done.store(true, Ordering::Release);
        self.waker.wake();
    }

    pub(super) fn done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }
}

/// How events become lines.
enum Formatter {
    Text(Text),
    Json,
}

/// One way to write events, and where the lines go.
pub(super) struct Rendering {
    formatter: Formatter,
    detail: Detail,
    block: Vec<u8>,
    sinks: Vec<Sink>,
}

impl Rendering {
    /// JSON Lines for these.
    pub(super) fn json(detail: Detail, sinks: Vec<Sink>) -> Self {
        Rendering::of(Formatter::Json, detail, sinks)
    }

    /// Lines for people.
    pub(super) fn text(style: TextStyle, detail: Detail, stdout: Sink) -> Self {
        let formatter = Formatter::Text(Text::new(style));
        Rendering::of(formatter, detail, vec![stdout])
    }

    fn of(formatter: Formatter, detail: Detail, sinks: Vec<Sink>) -> Self {
        Rendering {
            formatter,
            detail,
            block: Vec::new(),
            sinks,
        }
    }

    /// Makes only the lines that a sink still takes. Memory takes every byte, so nothing fails.
    fn take(&mut self, event: &Event) {
        let is_wanted = self.detail == Detail::Steps || !event.is_step();
        if !is_wanted || !self.sinks.iter().any(Sink::is_whole) {
            return;
        }
        match &mut self.formatter {
            Formatter::Text(text) => drop(text.write(event, self.detail, &mut self.block)),
            Formatter::Json => drop(event.write(&mut self.block)),
        }
    }

    /// Adds lines for people, if it is for them.
    fn add(&mut self, lines: &str) {
        if let Formatter::Text(_) = self.formatter {
            self.block.extend(lines.as_bytes());
        }
    }

    /// Writes what was made to every sink, and says what broke just now.
    fn write(&mut self) -> Vec<Broken> {
        let Rendering { block, sinks, .. } = self;
        let broken = sinks.iter_mut().filter_map(|sink| sink.write(block));
        let broken = broken.collect();
        self.block.clear();
        broken
    }
}

/// Formats and writes events until the last one.
pub(super) struct Printer {
    renderings: Vec<Rendering>,
    drawer: Drawer,
    live: Option<Live>,
    unwritten: usize,
    progress: Arc<Progress>,
}

impl Printer {
    pub(super) fn new(
        renderings: Vec<Rendering>,
        drawer: Drawer,
        live: Option<Live>,
        progress: Arc<Progress>,
    ) -> Self {
        Printer {
            renderings,
            drawer,
            live,
            unwritten: 0,
            progress,
        }
    }

    pub(super) fn run(mut self, blocks: &Receiver<Vec<Event>>) {
        while let Ok(events) = blocks.recv() {
            self.take(&events);
            while let Ok(events) = blocks.try_recv() {
                self.take(&events);
            }
            self.write();
        }
        self.draw();
    }

    /// Draws the run, of which all events were told.
    fn draw(&mut self) {
        // The lines are taken away.
        self.live = None;
        let (timeline, failed) = self.drawer.finish();
        for rendering in &mut self.renderings {
            rendering.add(&timeline);
        }
        self.write();
        for why in failed {
            self.progress.broke(Broken::Failed(why));
        }
    }

    fn take(&mut self, events: &[Event]) {
        if let Some(live) = &self.live {
            live.take(events);
        }
        for event in events {
            self.unwritten += event.weight();
            if let Event::Warned(text) = event {
                // On a terminal both streams are one, and what happened before stands above.
                self.write();
                stderr_line(format_args!("warning: {text}"));
            }
            if let Event::LowBudget(budget) = event {
                self.write();
                stderr_line(super::low_budget(budget));
            }
            for rendering in &mut self.renderings {
                rendering.take(event);
            }
            self.drawer.take(event);
            if self.renderings.iter().any(|one| one.block.len() >= BLOCK) {
                self.write();
            }
        }
    }

    fn write(&mut self) {
        for broken in self.renderings.iter_mut().flat_map(Rendering::write) {
            self.progress.broke(broken);
        }
        self.progress.written(std::mem::take(&mut self.unwritten));
    }
}

impl Drop for Printer {
    /// However the thread ends, the run does not wait for it in vain.
    fn drop(&mut self) {
        if thread::panicking() {
            let why = "the thread that prints ended unexpectedly";
            self.progress.broke(Broken::Failed(why.into()));
        }
        self.progress.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::sync::mpsc;
    use crate::threads::tests::{is_set_off, take_turns, wait_for};
    use crate::wake::Alarm;

    /// The thread of the run tells blocks of events, and waits where the outputs are full; another writes them.
    fn tell_and_write(written: fn(&Progress, usize)) {
        let (mut alarm, waker) = Alarm::new().expect("an alarm");
        let progress = Arc::new(Progress::new(waker));
        let (sender, blocks) = mpsc::channel();
        let writing = Arc::clone(&progress);
        let writer = thread::spawn(move || {
            while let Ok(events) = blocks.recv() {
                written(&writing, events);
            }
            writing.finish();
        });
        let half = BACKLOG_LIMIT / 2;
        for events in [half + 1, half + 1, BACKLOG_LIMIT, 1, BACKLOG_LIMIT] {
            while progress.backlog() >= BACKLOG_LIMIT {
                wait_for(&mut alarm);
            }
            progress.told(events);
            sender.send(events).expect("a writer");
        }
        drop(sender);
        while !progress.done() {
            wait_for(&mut alarm);
        }
        assert_eq!(progress.backlog(), 0);
        writer.join().expect("no panic");
    }

    #[test]
    fn a_full_backlog_wakes_the_run_however_threads_take_turns() {
        take_turns(|| tell_and_write(Progress::written));
    }

    #[cfg(feature = "shuttle")]
    #[test]
    fn a_wake_up_before_its_reason_is_found_where_threads_take_turns() {
        crate::threads::tests::is_broken_by_turns(|| {
            tell_and_write(|progress, events| {
                progress.waker.wake();
                progress.backlog.fetch_sub(events, Ordering::Relaxed);
            });
        });
    }

    #[test]
    fn the_backlog_wakes_once_when_it_falls_below_half() {
        let (mut alarm, waker) = Alarm::new().expect("an alarm");
        let progress = Progress::new(waker);
        progress.told(BACKLOG_LIMIT);
        progress.written(BACKLOG_LIMIT / 2);
        assert!(!is_set_off(&mut alarm, 0), "at half");
        progress.written(1);
        assert!(is_set_off(&mut alarm, 0), "below half");
        progress.written(BACKLOG_LIMIT / 2 - 1);
        assert!(!is_set_off(&mut alarm, 0), "all the way down");
        assert_eq!(progress.backlog(), 0);
    }

    #[test]
    fn a_failure_counts_for_more_than_a_closed_stdout() {
        let (mut alarm, waker) = Alarm::new().expect("an alarm");
        let progress = Progress::new(waker);
        assert_eq!(progress.broken(), None);
        progress.broke(Broken::Closed);
        assert!(is_set_off(&mut alarm, 0));
        assert_eq!(progress.broken(), Some(Broken::Closed));
        progress.broke(Broken::Failed("first".into()));
        progress.broke(Broken::Failed("second".into()));
        assert_eq!(progress.broken(), Some(Broken::Failed("first".into())));
    }
}
