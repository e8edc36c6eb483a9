//! A turn of the parent.

use super::*;

impl World {
    /// One turn of the parent, in the order of the driver.
    pub(super) fn parent(&mut self) -> Result<(), Broken> {
        let outputs_are_full = self.chance.happens(self.scenario.evil.full);
        self.tell(Input::Turn { outputs_are_full });
        self.act()?;
        if self.conclusion.is_some() || self.killed {
            return Ok(());
        }
        self.signals()?;
        self.exits();
        if self.chance.happens(self.scenario.evil.output) {
            self.promises.stopped = true;
            self.tell(Input::OutputBroken("stdout was closed".to_string()));
        }
        self.arrivals();
        if self.chance.happens(self.scenario.evil.abort) {
            self.promises.stopped = true;
            self.promises.aborted = true;
            self.tell(Input::Aborted("no more memory".to_string()));
        }
        self.act()?;
        self.wakes_at = self.run.wake_at(self.now);
        self.deadlines()
    }

    pub(super) fn tell(&mut self, input: Input) {
        let words = self.trace.is_some().then(|| format!("  -> {input:?}"));
        self.note(|| words.unwrap_or_default());
        let effects = self.run.handle(input, self.now);
        self.effects.extend(effects);
    }

    fn signals(&mut self) -> Result<(), Broken> {
        if self.signals.len() == 3 || !self.chance.happens(self.scenario.evil.signal) {
            return Ok(());
        }
        let signal = [INTERRUPT, HANGUP][self.chance.below(2)];
        self.signals.push(signal);
        self.promises.stopped = true;
        let before = self.effects.len();
        self.tell(Input::Signal(signal));
        let effects = self.effects.range(before..);
        let has_command = self.scenario.settings.command.is_some();
        obeys_signals(&self.signals, has_command, effects)
    }

    /// Workers that have ended are reaped, some of them; the link of some is read to the end at once.
    fn exits(&mut self) {
        let workers: Vec<u32> = self.processes.keys().copied().collect();
        for worker in workers {
            let Some(process) = self.processes.get_mut(&worker) else {
                continue;
            };
            let exit = process
                .worker
                .exit
                .filter(|_| process.ended && !process.exit_told);
            if let Some(exit) = exit.filter(|_| self.chance.happens(800)) {
                process.exit_told = true;
                process.contact = self.now;
                self.tell(Input::Exited { worker, exit });
                if self.chance.happens(500) {
                    let arrivals = self.receive(worker, usize::MAX);
                    self.tell(Input::Arrived(arrivals));
                }
            }
        }
    }

    fn arrivals(&mut self) {
        let workers: Vec<u32> = self.processes.keys().copied().collect();
        let mut arrivals = Vec::new();
        for worker in workers {
            let Some(process) = self.processes.get(&worker) else {
                continue;
            };
            let here = process.to_parent.iter().filter(|(at, _)| *at <= self.now);
            let most = self.chance.below(here.count() + 1);
            arrivals.extend(self.receive(worker, most));
        }
        if !arrivals.is_empty() {
            self.tell(Input::Arrived(arrivals));
        }
    }

    fn receive(&mut self, worker: u32, most: usize) -> Vec<Arrival> {
        let may_halt = self.may_halt();
        let Some(process) = self.processes.get_mut(&worker) else {
            return Vec::new();
        };
        let count = most.min(process.to_parent.len());
        let mut arrivals = Vec::new();
        for (_, what) in process.to_parent.drain(..count) {
            match &what {
                Arrived::Ready => process.ready = true,
                Arrived::Requests(requests) => {
                    process.asked += requests.len() as i64;
                    let numbers = requests.iter().map(|request| request.number);
                    numbers.for_each(|number| self.promises.asked(number));
                    let late = requests.iter().filter(|_| process.killed && !may_halt);
                    self.late
                        .extend(late.map(|request| (request.number, kind(&request.ask))));
                }
                Arrived::Reports(reports) => {
                    reports
                        .iter()
                        .for_each(|report| self.promises.reported(report));
                }
                Arrived::Timings(_) | Arrived::Probes(_) => {}
                Arrived::Closed | Arrived::Broken(_) => process.link_end_told = true,
            }
            if !matches!(what, Arrived::Requests(_)) {
                process.contact = self.now;
            }
            arrivals.push(Arrival { worker, what });
        }
        arrivals
    }
}
