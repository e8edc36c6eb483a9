//! What must hold when a run has ended.

use super::*;

impl Promises {
    /// The run has ended: all that was told fits together, and fits the ledger.
    pub(in crate::run::simulation) fn at_the_end(
        &self,
        scenario: &SeededRun,
        ledger: &SimLedger,
        conclusion: &Conclusion,
        started: u64,
    ) -> Result<(), Broken> {
        let Some(summary) = &self.summary else {
            return Err("there is no summary".to_string());
        };
        let all_ended = self.processes.values().all(|exits| *exits == 1);
        hold!(
            all_ended || self.aborted,
            "of the workers that were started not all ended: {:?}",
            self.processes
        );
        let is_told = scenario.settings.steps;
        hold!(
            !is_told || self.processes.len() as u64 == started,
            "{} of {started} workers were told",
            self.processes.len()
        );
        let count =
            |is: fn(&SimEnd) -> bool| self.ends.values().filter(|end| is(end)).count() as u64;
        let counts = summary;
        let told = [
            (
                counts.completed,
                count(|end| matches!(end, SimEnd::Completed { .. })),
            ),
            (counts.refused, count(|end| *end == SimEnd::Refused)),
            (counts.failed, count(|end| *end == SimEnd::Failed)),
            (counts.in_doubt, count(|end| *end == SimEnd::Doubted)),
            (counts.invalid, self.invalid.len() as u64),
            (summary.processes, started),
        ];
        hold!(
            told.iter().all(|(said, seen)| said == seen),
            "the summary counts {told:?}"
        );
        let mut worst = self.status;
        if summary.ended_early.is_some() {
            hold!(
                self.stopped,
                "it ended early and nothing stopped it: {summary:?}"
            );
            worst = worst.worse(Status::EndedEarly);
        }
        let status = conclusion.status;
        hold!(
            status.worse(worst) == status,
            "the status is {status:?} where {worst:?} was met"
        );
        hold!(
            status == worst || !self.all_is_well,
            "the status is {status:?} where only {worst:?} was met"
        );
        let (told, retries) = (self.told_retries, self.retries);
        let all_told = told == retries || !self.all_is_well && told <= retries;
        hold!(
            all_told,
            "{told} of {retries} attempts were told to be followed by another"
        );
        let all = self.ends.len() + self.invalid.len();
        let is_whole = summary.ended_early.is_none() && !scenario.input_fails;
        hold!(
            !is_whole || all == scenario.items.len(),
            "{all} of {} ended",
            scenario.items.len()
        );
        if ledger.failed || self.aborted {
            return Ok(());
        }
        self.ledger_at_the_end(ledger, summary)
    }

    fn ledger_at_the_end(&self, ledger: &SimLedger, summary: &Summary) -> Result<(), Broken> {
        if summary.sum.is_some() {
            let right = summary.sum == Some(Total(0))
                && summary.wrong_accounts == Some(0)
                && summary.lost_updates == Some(0);
            hold!(right, "the balances are wrong: {summary:?}");
        }
        for post in &ledger.posts {
            let line = self.assigned.get(&post.number).map(|(line, _)| *line);
            let end = line.and_then(|line| self.ends.get(&line));
            let completed = end == Some(&SimEnd::Completed { duplicate: false });
            hold!(
                completed,
                "{line:?} is posted, and what was told is {end:?}"
            );
        }
        let mut lines: Vec<u64> = ledger.posts.iter().map(|post| post.number).collect();
        lines.sort_unstable();
        let posts = lines.len();
        lines.dedup();
        hold!(lines.len() == posts, "an operation was posted twice");
        let mut posted: HashMap<&Id, u64> = HashMap::new();
        for post in &ledger.posts {
            let operation = self
                .assigned
                .get(&post.number)
                .map(|(_, operation)| operation);
            if let Some(id) = operation.and_then(|operation| operation.id.as_ref()) {
                *posted.entry(id).or_default() += 1;
            }
        }
        hold!(
            posted.values().all(|times| *times == 1),
            "an id was posted twice: {posted:?}"
        );
        if ledger.is_shared() {
            return Ok(());
        }
        let held = |one: &crate::store::Standing| {
            i128::from(one.view.posted.minor()) - i128::from(one.view.available.minor())
        };
        let held: i128 = ledger.standings().iter().map(held).sum();
        let in_doubt = self.in_doubt;
        hold!(
            held == in_doubt,
            "{held} stays set aside, and {in_doubt} is in doubt"
        );
        Ok(())
    }
}
