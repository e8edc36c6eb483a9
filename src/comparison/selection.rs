//! What is measured, in which settings, and beside which limit.

use std::fmt;

use super::{ComparePlan, Figure, Section, Way};
use crate::race::SyncMethod;
use crate::shared_memory::Primitive;
use crate::sharing::{Sharing, SharingMethod, Transport};

/// How many requests a worker has under way where it has more than one.
const MANY: u32 = 64;
/// The size of the messages of a limit that runs are held against, in bytes: about that of a request.
const SMALL: usize = 32;

/// A way, and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FigureSetting {
    /// Which way.
    pub way: Way,
    /// How many workers, threads or clients.
    pub workers: u32,
    /// How many requests each has under way at a time; for what is synced, how many records share a sync.
    pub in_flight: u32,
    /// The size of a message, where that is chosen.
    pub bytes: Option<usize>,
}

impl FigureSetting {
    /// How many operations a worker of a run has in its hands. One that shares the data does them one by
    /// one, and has the next ones at hand.
    pub fn in_hand(self) -> u32 {
        match self.way {
            Way::DataServer(_) | Way::SharedMemory(_) => MANY,
            _ => self.in_flight,
        }
    }

    /// Whether there is a balance that can be wrong.
    pub fn has_balance(self) -> bool {
        matches!(
            self.way,
            Way::Threads(_)
                | Way::Bank(_)
                | Way::DataServer(_)
                | Way::SharedMemory(_)
                | Way::Ledger
                | Way::Served
        )
    }
}

impl fmt::Display for FigureSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.way.name())?;
        match self.way.sync() {
            Some(sync) => write!(f, " with `{sync}`"),
            None => Ok(()),
        }
    }
}

/// Everything that is to be measured, in the order in which it is.
pub fn figures(plan: &ComparePlan) -> Vec<Figure> {
    let mut all = Selection {
        several: [1, plan.several.max(2)],
        has_threads: plan.fits_threads(),
        sizes: &plan.sizes,
        figures: Vec::new(),
    };
    for section in Section::ALL {
        if plan.sections.contains(&section) {
            match section {
                Section::Sharing => all.sharing(),
                Section::Links => all.links(),
                Section::Processes => all.processes(),
                Section::Durable => all.durable(),
            }
        }
    }
    all.figures
}

struct Selection<'a> {
    several: [u32; 2],
    /// Threads have one balance, so not all operations are possible there.
    has_threads: bool,
    sizes: &'a [usize],
    figures: Vec<Figure>,
}

impl Selection<'_> {
    /// Adds a figure, and before it the limit that it is held against, unless that is there.
    fn add(&mut self, section: Section, setting: FigureSetting, beside: Option<Way>) {
        let limit = beside.map(|way| FigureSetting { way, ..setting });
        let limit = limit.map(|limit| FigureSetting {
            bytes: match limit.way {
                Way::RawSocket | Way::RawPipe => limit.bytes.or(Some(SMALL)),
                _ => limit.bytes,
            },
            ..limit
        });
        if let Some(setting) = limit {
            self.push(section, setting, None);
        }
        self.push(section, setting, limit);
    }

    fn push(&mut self, section: Section, setting: FigureSetting, beside: Option<FigureSetting>) {
        if !self.figures.iter().any(|figure| figure.setting == setting) {
            self.figures.push(Figure {
                section,
                setting,
                beside,
                samples: Vec::new(),
            });
        }
    }

    fn sharing(&mut self) {
        let sharings = [Sharing::Unguarded, Sharing::Lock, Sharing::CompareAndSet];
        for workers in self.several {
            let setting = |way, in_flight| FigureSetting {
                way,
                workers,
                in_flight,
                bytes: None,
            };
            let methods: &[SyncMethod] = if self.has_threads {
                &SyncMethod::ALL
            } else {
                &[]
            };
            for &method in methods {
                let setting = setting(Way::Threads(method), 1);
                self.add(Section::Sharing, setting, Some(Way::AddThreads));
            }
            for primitive in Primitive::ALL {
                let setting = setting(Way::SharedMemory(primitive), 1);
                self.add(Section::Sharing, setting, Some(Way::AddProcesses));
            }
            for sharing in sharings {
                let setting = setting(Way::DataServer(SharingMethod::of(sharing)), 1);
                self.add(Section::Sharing, setting, Some(Way::RawSocket));
            }
            for (transport, raw) in LINKS {
                for in_flight in [1, MANY] {
                    let setting = setting(Way::Bank(transport), in_flight);
                    self.add(Section::Sharing, setting, Some(raw));
                }
            }
        }
    }

    fn links(&mut self) {
        for &bytes in self.sizes {
            for workers in self.several {
                for in_flight in [1, MANY] {
                    for (transport, raw) in LINKS {
                        let setting = FigureSetting {
                            way: Way::Link(transport),
                            workers,
                            in_flight,
                            bytes: Some(bytes),
                        };
                        self.add(Section::Links, setting, Some(raw));
                    }
                }
            }
            for sleeps in [false, true] {
                let setting = FigureSetting {
                    way: Way::RawMemory { sleeps },
                    workers: 1,
                    in_flight: 1,
                    bytes: Some(bytes),
                };
                self.add(Section::Links, setting, None);
            }
        }
    }

    fn processes(&mut self) {
        for workers in self.several {
            for (transport, _) in LINKS {
                let setting = FigureSetting {
                    way: Way::Starting(transport),
                    workers,
                    in_flight: 1,
                    bytes: None,
                };
                self.add(Section::Processes, setting, Some(Way::Empty));
            }
        }
    }

    fn durable(&mut self) {
        for workers in self.several {
            for in_flight in [1, MANY] {
                for way in [Way::Ledger, Way::Served] {
                    let setting = FigureSetting {
                        way,
                        workers,
                        in_flight,
                        bytes: None,
                    };
                    self.add(Section::Durable, setting, Some(Way::Append));
                }
            }
        }
    }
}

/// How requests travel, and the limit of each.
const LINKS: [(Transport, Way); 3] = [
    (Transport::Socket, Way::RawSocket),
    // Its library sends over sockets too.
    (Transport::Queue, Way::RawSocket),
    (Transport::Pipe, Way::RawPipe),
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bank::{Amount, Balance, Kind, Name, Operation};
    use crate::comparison::Placement;

    /// A plan with a deposit to this account.
    fn plan(account: Name) -> ComparePlan {
        let amount = Some(Amount::SMALLEST);
        let operation = Operation::new(Kind::Deposit, None, account, None, amount);
        ComparePlan {
            operations: vec![operation.expect("an operation")],
            account: Name::default(),
            balance: Balance::new(1_000),
            overdraft: Balance::default(),
            several: 4,
            each: Duration::from_millis(1),
            rounds: 1,
            sizes: vec![32, 512],
            placement: Placement::Free,
            folder: "/tmp".into(),
            sections: Section::ALL.to_vec(),
        }
    }

    #[test]
    fn each_way_stands_behind_a_limit_in_the_same_setting() {
        let figures = figures(&plan(Name::default()));
        for (place, figure) in figures.iter().enumerate() {
            let twice = figures[..place]
                .iter()
                .any(|other| other.setting == figure.setting);
            assert!(!twice, "{:?}", figure.setting);
            let Some(limit) = figure.beside else {
                assert!(figure.setting.way.is_limit(), "{:?}", figure.setting);
                continue;
            };
            assert!(limit.way.is_limit() && !figure.setting.way.is_limit());
            assert_eq!(limit.workers, figure.setting.workers);
            assert_eq!(limit.in_flight, figure.setting.in_flight);
            assert!(
                figures[..place].iter().any(|other| other.setting == limit),
                "{limit:?}"
            );
        }
        assert!(figures.len() > 100);
        assert_eq!(plan(Name::default()).count(), figures.len());
    }

    #[test]
    fn only_what_was_asked_for_is_measured_and_threads_where_they_can() {
        let mut plan = plan(Name::user("ops").expect("a name"));
        plan.sections = vec![Section::Sharing];
        let figures = figures(&plan);
        assert!(
            figures
                .iter()
                .all(|figure| figure.section == Section::Sharing)
        );
        let has_threads = figures
            .iter()
            .any(|figure| matches!(figure.setting.way, Way::Threads(_)));
        assert!(!has_threads);
    }
}
