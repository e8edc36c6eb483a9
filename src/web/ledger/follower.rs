//! The history of a ledger as it goes on: one `history --follow` for all pages that look, and none where no
//! page does.

use std::io;
use std::sync::Arc;
use std::thread;

use rustix::process::Signal;

use super::LedgerScreen;
use crate::web::live_run::LiveRun;

/// How many of the last entries a page begins with.
const BEGINNING: u64 = 100;

/// The process that reads the history.
pub(super) struct Follower {
    run: Arc<LiveRun>,
    /// How many pages look.
    readers: usize,
}

/// A page that looks at the history.
pub(in crate::web) struct HistoryReader<'a> {
    screen: &'a LedgerScreen,
    pub(in crate::web) run: Arc<LiveRun>,
    /// After which of its events the page begins.
    pub(in crate::web) after: u64,
}

impl<'a> HistoryReader<'a> {
    pub(super) fn begin(screen: &'a LedgerScreen) -> io::Result<Self> {
        let mut follower = screen.follower();
        // One that has ended told its pages why: whoever asks again wants another.
        let known = follower.take().filter(|known| known.run.is_under_way());
        let known = match known {
            Some(known) => known,
            None => Follower {
                run: follow(screen)?,
                readers: 0,
            },
        };
        let run = Arc::clone(&known.run);
        *follower = Some(Follower {
            readers: known.readers + 1,
            ..known
        });
        let after = run.known().saturating_sub(BEGINNING);
        Ok(HistoryReader { screen, run, after })
    }
}

impl Drop for HistoryReader<'_> {
    fn drop(&mut self) {
        let mut follower = self.screen.follower();
        let own = follower.as_mut();
        let Some(own) = own.filter(|own| Arc::ptr_eq(&own.run, &self.run)) else {
            return;
        };
        own.readers -= 1;
        // A process that is only just starting is left to the next page.
        if own.readers == 0 && own.run.signal(Signal::TERM).is_ok() {
            *follower = None;
        }
    }
}

fn follow(screen: &LedgerScreen) -> io::Result<Arc<LiveRun>> {
    let words = ["history", "--follow", &format!("--tail={BEGINNING}")];
    let words = words.map(String::from).to_vec();
    let run = Arc::new(LiveRun::on_ledger(0, words, screen.ledger.address.clone()));
    let own = Arc::clone(&run);
    thread::Builder::new()
        .name("history".to_string())
        .spawn(move || own.execute())?;
    Ok(run)
}
