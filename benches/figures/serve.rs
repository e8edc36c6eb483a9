//! A served ledger: closed-loop clients, each with one deposit under way at a time, beside what a
//! plain append and sync reaches on the same disk.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bank_par::bank::{Action, Amount, Asked, Name, Operation, Request, RequestContext, Unit};
use bank_par::store::{Access, Place};

use super::{PROGRAM, create, median};

/// How long each rate is measured.
const PERIOD: Duration = Duration::from_secs(2);

pub(super) fn operations_per_second(folder: &Path) {
    println!(
        "durable deposits per second through `serve`, each client waits for each answer, beside appends of 100 bytes with fdatasync"
    );
    for clients in [1, 8, 128] {
        let (mut ours, mut ratios, mut peers) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..3 {
            let folder = folder.join(format!("served-{clients}-{round}"));
            std::fs::create_dir(&folder).expect("a folder");
            let own = served(&folder, clients);
            let peer = appends(&folder);
            ours.push(own);
            peers.push(peer);
            ratios.push(Duration::from_secs_f64(
                peer.as_secs_f64() / own.as_secs_f64(),
            ));
        }
        let rate = |time: Duration| 1.0 / time.as_secs_f64();
        println!(
            "  {clients:<3} clients  {:>9.0}/s   syncs {:>6.0}/s   ratio {:.2}",
            rate(median(ours)),
            rate(median(peers)),
            median(ratios).as_secs_f64()
        );
    }
}

/// The time of one deposit, summed over all clients.
fn served(folder: &Path, clients: u32) -> Duration {
    let socket = folder.join("sockets/bank");
    create(&folder.join("bank.db"));
    let mut server = Command::new(PROGRAM)
        .arg("serve")
        .arg("--ledger")
        .arg(folder.join("bank.db"))
        .arg("--socket")
        .arg(&socket)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a server");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("a pipe"))
        .read_line(&mut line)
        .expect("a line");
    assert!(line.starts_with("listening on "), "{line}");
    let place = Place::Server(socket);
    let (count, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let began = Instant::now();
    thread::scope(|scope| {
        for client in 0..clients {
            let (place, count, over) = (&place, &count, &over);
            scope.spawn(move || {
                let mut ledger = place
                    .open(Access::Create(&Unit::default()))
                    .expect("the server");
                while !over.load(Ordering::Relaxed) {
                    let answers = ledger.transact(&[deposit(client)]);
                    assert_eq!(answers.expect("an answer").len(), 1);
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(PERIOD);
        over.store(true, Ordering::Relaxed);
    });
    let elapsed = began.elapsed();
    server.kill().expect("our own child");
    server.wait().expect("our own child");
    elapsed.div_f64(count.into_inner() as f64)
}

fn deposit(client: u32) -> Asked {
    let operation = Operation {
        id: None,
        account: Name::user(&format!("client-{client}")).expect("a name"),
        action: Action::Deposit(Amount::new(125).expect("positive")),
        detail: None,
    };
    Asked {
        caller: RequestContext::default(),
        request: Request::Execute(operation),
    }
}

/// The time of one append and its sync.
fn appends(folder: &Path) -> Duration {
    const COUNT: u32 = 2_000;
    let mut file = File::create(folder.join("appended")).expect("a file");
    let began = Instant::now();
    for _ in 0..COUNT {
        file.write_all(&[0x2e; 100]).expect("room");
        rustix::fs::fdatasync(file.as_fd()).expect("a disk");
    }
    began.elapsed() / COUNT
}
