use super::*;
use crate::sharing::Transport;

/// A server that says nothing, and then, perhaps, goes away.
struct Silence {
    ends: bool,
}

impl WorkerEnd for Silence {
    fn send(&mut self, outbox: &mut Outbox) -> Result<(), LinkError> {
        outbox.send_each(|_| Ok(()))
    }

    fn receive(&mut self, _: Option<Duration>) -> Result<Received, LinkError> {
        Ok(if self.ends {
            Received::Closed
        } else {
            Received::Nothing
        })
    }
}

fn ask_silence(ends: bool) -> String {
    let args = WorkerArgs {
        tells_times: false,
        transport: Transport::Pipe,
        address: "-".to_string(),
        worker: 3,
        parent: 42,
        conduct: WorkerMode::AskTheBank,
        unit: crate::bank::Unit::default(),
        command_spec: None,
        memory: None,
        measure: None,
    };
    let mut worker = Worker {
        args,
        link: Box::new(Silence { ends }),
        executor: None,
        memory: None,
        outbox: Outbox::new(3),
        assignments: VecDeque::new(),
        leaving: false,
        due: 0,
        limit: Duration::from_millis(2),
        asked: "request",
        times: None,
        stopwatch: None,
    };
    let said = worker.ask(1, Ask::End(WorkEnd::Post { amount: None }));
    said.expect_err("no answer").to_string()
}

#[test]
fn a_worker_says_for_whom_it_waited_in_vain() {
    let waited = "worker 3 waited 2ms for the server (pid 42) to answer its post";
    assert_eq!(ask_silence(false), waited);
    let left = "worker 3: the server (pid 42) went away with an answer due";
    assert_eq!(ask_silence(true), left);
}
