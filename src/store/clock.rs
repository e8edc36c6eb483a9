//! The clocks by which a ledger decides whether a hold's time is over.

use std::fs::File;
use std::io::{self, Read};
#[cfg(test)]
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::bank::{BootTime, Moment, Now};

/// What the clocks show at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClockTime {
    /// The wall clock, which may be set to anything.
    pub(super) wall: Moment,
    /// The boot-time clock, where the machine has one.
    pub(super) boot_time: Option<BootTime>,
}

impl ClockTime {
    /// How long ago an earlier reading was: by the boot-time clock, and where there is none by the wall clock,
    /// of which a jump counts as time that has passed.
    pub(super) fn since(self, earlier: ClockTime) -> Duration {
        let micros = match (self.boot_time, earlier.boot_time) {
            (Some(now), Some(then)) if now.boot == then.boot => now.micros.abs_diff(then.micros),
            _ => self.wall.micros().abs_diff(earlier.wall.micros()),
        };
        Duration::from_micros(micros)
    }
}

impl From<Now> for ClockTime {
    fn from(now: Now) -> Self {
        ClockTime {
            wall: now.wall,
            boot_time: now.boot_time,
        }
    }
}

/// Where a ledger reads the time.
#[derive(Clone)]
pub(super) enum Clock {
    /// The machine's own clocks.
    System(Option<Boot>),
    /// Clocks that a test sets.
    #[cfg(test)]
    Set(Arc<Mutex<ClockTime>>),
}

/// Which start of the machine this is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boot {
    id: i64,
    /// How far this process's time namespace has moved the boot-time clock, in microseconds.
    offset: i64,
}

impl Clock {
    /// The machine's clocks.
    pub(super) fn system() -> Self {
        Clock::System(Boot::current())
    }

    /// What the clocks show now.
    pub(super) fn read(&self) -> ClockTime {
        match self {
            Clock::System(boot) => ClockTime {
                wall: wall_clock(),
                boot_time: boot.as_ref().and_then(Boot::time),
            },
            #[cfg(test)]
            Clock::Set(time) => *time.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// What names the start of this machine.
pub(super) const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// What the wall clock shows.
pub(super) fn wall_clock() -> Moment {
    // A clock before 1970 counts as the first moment.
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Moment::default().after(since)
}

impl Boot {
    /// Nothing where the system does not tell its boot: then there is only the wall clock.
    fn current() -> Option<Self> {
        let text = read_short(BOOT).ok()?;
        let offset = match read_short("/proc/self/timens_offsets") {
            Ok(text) => namespace_offset(&text)?,
            Err(_) => 0,
        };
        Some(Boot {
            id: boot_number(text.trim())?,
            offset,
        })
    }

    #[cfg(target_os = "linux")]
    fn time(&self) -> Option<BootTime> {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::Boottime);
        let micros = time.tv_sec.checked_mul(1_000_000)?;
        let micros = micros.checked_add(time.tv_nsec / 1_000)?;
        Some(BootTime {
            boot: self.id,
            micros: micros.checked_sub(self.offset)?,
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn time(&self) -> Option<BootTime> {
        None
    }
}

/// Reads a file of the kernel's that is told at once.
pub(super) fn read_short(path: &str) -> io::Result<String> {
    let mut text = [0; 256];
    let length = File::open(path)?.read(&mut text)?;
    Ok(String::from_utf8_lossy(&text[..length]).into_owned())
}

/// The first half of a boot's id, which is a random UUID.
fn boot_number(text: &str) -> Option<i64> {
    let digits: String = text.chars().filter(|c| *c != '-').take(16).collect();
    let number = u64::from_str_radix(&digits, 16).ok()?;
    (digits.len() == 16).then_some(number.cast_signed())
}

/// The boot-time clock's offset in microseconds, from lines such as `boottime 86400 0`
/// (`time_namespaces(7)`).
fn namespace_offset(text: &str) -> Option<i64> {
    let Some(line) = text.lines().find(|line| line.starts_with("boottime")) else {
        return Some(0);
    };
    let mut numbers = line.split_ascii_whitespace().skip(1);
    let mut number = || numbers.next()?.parse::<i64>().ok();
    let (seconds, nanos) = (number()?, number()?);
    seconds.checked_mul(1_000_000)?.checked_add(nanos / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_has_a_number() {
        let number = boot_number("01234567-89ab-cdef-0123-456789abcdef");
        assert_eq!(number, Some(0x0123_4567_89ab_cdef));
        assert_eq!(boot_number("0123-45"), None);
        assert_eq!(boot_number("not-a-boot-id-at-all"), None);
    }

    #[test]
    fn a_time_namespace_moves_the_clock_by_what_it_says() {
        let text = "monotonic           0         0\nboottime       86400 500000000\n";
        assert_eq!(namespace_offset(text), Some(86_400_500_000));
        assert_eq!(namespace_offset(""), Some(0));
        assert_eq!(namespace_offset("boottime x 0"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_machines_clocks_go_on() {
        let clock = Clock::system();
        let (first, then) = (clock.read(), clock.read());
        let (Some(before), Some(after)) = (first.boot_time, then.boot_time) else {
            panic!("no boot-time clock");
        };
        assert_eq!(before.boot, after.boot);
        assert!(before.micros <= after.micros);
    }
}
