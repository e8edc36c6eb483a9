//! The page in a real browser.

use super::Page;
use crate::browser::{Browser, has_browser};
use crate::process::{Process, until};

const ENDED: &str = "document.querySelector('.run:first-child')?.dataset.ended === 'true'";

/// A browser that shows the page.
pub(super) fn opened(page: &Page, width: u32, height: u32) -> Browser {
    let mut browser = Browser::start(width, height);
    browser.open(&page.link());
    browser
        .wait_for("document.documentElement?.dataset.ready === 'true' && location.search === ''");
    browser
}

pub(super) fn text(browser: &mut Browser, selector: &str) -> String {
    let found = browser.eval(&format!(
        "document.querySelector({selector:?})?.textContent"
    ));
    found.as_str().unwrap_or_default().to_string()
}

#[test]
#[ignore = "slow: clicks for seconds"]
fn each_screen_is_clicked_through() {
    if !has_browser() {
        return;
    }
    let page = Page::start();
    let mut browser = opened(&page, 1280, 720);
    for mode in [
        "parallel",
        "server-share",
        "queue",
        "pipe",
        "shared-memory",
        "sync",
    ] {
        browser.click(&format!("[data-mode='{mode}']"));
        browser.eval("document.querySelector('#speed').value = '0'; document.querySelector('#rounds').value = 10");
        let before = browser.eval("document.querySelectorAll('.run').length");
        browser.click("[data-op='all']");
        browser.wait_for(&format!(
            "document.querySelector('.run h3')?.textContent.startsWith('bank-par {mode} ') && {ENDED}"
        ));
        let state = text(&mut browser, ".run .state");
        assert!(
            state.starts_with("ended with status 0"),
            "{mode}: {state} {before}"
        );
        // Each of the threads' races has a balance of its own.
        let balance = if mode == "sync" { "" } else { "1000.00" };
        assert_eq!(text(&mut browser, ".run .balance"), balance, "{mode}");
        if mode != "sync" {
            let lanes = browser.eval("document.querySelectorAll('.run:first-child .lane').length");
            assert_eq!(lanes, 5, "{mode}");
            let named = browser.eval("[...document.querySelectorAll('.run:first-child .lane')].filter((lane) => /^(withdraw|deposit|transfer|loan|balance) /.test(lane.textContent)).length");
            assert_eq!(named, 5, "{mode}");
        }
        // The others are drawn like the first of these.
        if mode == "server-share" || mode == "sync" {
            assert_eq!(browser.complaints(), Vec::<String>::new(), "{mode}");
        }
        browser.click(".run [data-do='close']");
    }
    // Of one race its balance is shown, and said.
    browser.eval("document.querySelector('#sync').value = 'mutex'");
    browser.click("[data-op='deposit']");
    browser.wait_for(ENDED);
    assert_eq!(text(&mut browser, ".run .balance"), "5000.00");
    let said = text(&mut browser, "#totals");
    assert!(said.contains("Balance 5000.00."), "{said}");
    browser.assert_content();
}

#[test]
#[ignore = "slow: clicks for seconds"]
fn real_processes_are_seen_killed_and_run_again() {
    if !has_browser() {
        return;
    }
    let page = Page::start();
    let mut browser = opened(&page, 390, 844);
    let wide = browser.eval("document.documentElement.scrollWidth");
    assert!(wide.as_u64().unwrap() <= 390, "{wide}");
    // Its work outlasts the test on the busiest machine.
    browser.eval("document.querySelector('#speed').append(new Option('slow', '99')); document.querySelector('#speed').value = '99'; document.querySelector('[data-op=withdraw]').focus()");
    browser.press("Enter");
    let pid = browser.wait_for("document.querySelector('.run [data-pid]')?.dataset.pid");
    let worker = Process(pid.as_str().unwrap().parse().unwrap());
    assert!(worker.state().is_some());
    browser.click(".run [data-pid]");
    until("the worker's end", || {
        worker.state().is_none().then_some(())
    });
    browser.wait_for(ENDED);
    let state = text(&mut browser, ".run .state");
    assert!(
        state.contains("1 failed") && state.contains("1 worker killed"),
        "{state}"
    );
    let said = text(&mut browser, "#totals");
    assert!(
        said.contains("1 worker killed"),
        "a screen reader is told: {said}"
    );
    browser.click(".run [data-do='again']");
    browser.wait_for("document.querySelectorAll('.run').length === 2 && document.querySelector('.run [data-pid]') !== null");
    browser.click(".run [data-do='stop']");
    // The first asks, the next ends what is under way.
    until("the end of the run", || {
        crate::process::ask_anew();
        browser.eval("document.querySelector('.run [data-do=stop]:not(:disabled)')?.click()");
        (browser.eval(ENDED) == true).then_some(())
    });
    browser.assert_content();
}

#[test]
#[ignore = "slow: clicks for seconds"]
fn the_same_work_is_seen_without_and_with_a_remedy() {
    if !has_browser() {
        return;
    }
    let page = Page::start();
    let mut browser = opened(&page, 1280, 720);
    // A page that cannot draw all of a large run has its totals all the same.
    browser.eval("document.querySelector('#speed').value = '0'; document.querySelector('#count').value = '3000'");
    browser.click("[data-op='deposit']");
    browser.wait_for(ENDED);
    let state = text(&mut browser, ".run .state");
    assert!(state.contains("3,000 completed"), "{state}");
    browser.click("[data-mode='server-share']");
    browser.eval("document.querySelector('#speed').value = '0.1'; document.querySelector('#count').value = '1'");
    browser.click(".run [data-do='close']");
    browser.click("[data-op='compare']");
    browser.wait_for("document.querySelectorAll('.run[data-ended=true]').length === 2");
    let of = |browser: &mut Browser, sync: &str, part: &str| {
        let script = format!(
            "[...[...document.querySelectorAll('.run')].find((run) => run.textContent.includes('--sync={sync}')).querySelectorAll('{part}')].map((one) => one.textContent).join('|')"
        );
        browser.eval(&script).as_str().unwrap().to_string()
    };
    assert_eq!(of(&mut browser, "cas", ".balance"), "1000.00");
    assert_eq!(of(&mut browser, "cas", ".wrong"), "");
    assert!(of(&mut browser, "none", ".wrong").contains("lost"));
    assert!(of(&mut browser, "none", ".access text").contains('L'));
    assert!(!of(&mut browser, "cas", ".access text").contains('L'));
    let legend = of(&mut browser, "none", ".legend li");
    assert!(
        legend.contains("L writes an update that is lost"),
        "{legend}"
    );
    let unseen =
        browser.eval("(({ width, height }) => [width, height])(document.querySelector('#totals').getBoundingClientRect())");
    assert_eq!(
        unseen,
        serde_json::json!([1, 1]),
        "what is only said covers nothing"
    );
    // Where the bank decides, the other run has none.
    browser.click("[data-mode='pipe']");
    browser.eval("document.querySelector('#speed').value = '0'");
    browser.click("[data-op='compare']");
    browser.wait_for(
        "[...document.querySelectorAll('.run[data-ended=true] h3')].map((title) => title.textContent.split(' ')[1]).join() === 'server-share,pipe,server-share,server-share'",
    );
    browser.assert_content();
}

#[test]
#[ignore = "slow: clicks for seconds"]
fn an_order_is_chosen_step_by_step_and_taken_by_real_processes() {
    if !has_browser() {
        return;
    }
    let page = Page::start();
    let mut browser = opened(&page, 1280, 720);
    browser.click("[data-mode='orders']");
    browser.click("[data-op='explore']");
    browser.wait_for(ENDED);
    assert_eq!(
        browser.eval("document.querySelectorAll('.run meter').length"),
        3
    );
    let counts = text(&mut browser, ".run caption");
    assert!(counts.starts_with("4 of 6 orders end wrong"), "{counts}");
    browser.click("[data-op='play']");
    let outlook = |browser: &mut Browser, begin: &str| {
        let script =
            format!("document.querySelector('.outlook')?.textContent.startsWith('{begin}')");
        browser.wait_for(&script);
    };
    outlook(&mut browser, "It can still end well");
    browser.click("[data-step='1']");
    browser.click("[data-step='2']");
    outlook(&mut browser, "It can no longer end well");
    browser.click("[data-do='back']");
    browser.wait_for("document.querySelectorAll('.player li').length === 1");
    for (step, taken) in [(1, 2), (2, 3), (2, 4)] {
        browser.click(&format!("[data-step='{step}']"));
        browser.wait_for(&format!(
            "document.querySelectorAll('.player li').length === {taken}"
        ));
    }
    outlook(&mut browser, "It has ended well");
    browser.click("[data-do='replay']");
    browser.wait_for("document.querySelector('.run:first-child caption')?.textContent.includes('10 times it ended')");
    // A link that holds an order opens it.
    browser.eval("location.hash = '#x1/none/main=1000/w500,d500/122'");
    browser.wait_for("document.querySelectorAll('.player').length === 2 && document.querySelectorAll('.player li').length === 7");
    assert_eq!(browser.complaints(), Vec::<String>::new());
    // Without a remedy most orders end wrong, with one none does.
    browser.click("[data-op='compare']");
    browser.wait_for("[...document.querySelectorAll('.run caption')].map((one) => one.textContent.split(' ')[0]).sort().join() === '0,4,4,Taken'");
    browser.assert_content();
}

/// What a page makes of steps: `r`, `c`, `w` or `a`, the operation's number and the version.
fn recorded(browser: &mut Browser, steps: &str) -> String {
    let script = format!(
        "(() => {{
            const types = {{ r: 'read', c: 'conflict', w: 'wrote', a: 'wrote' }};
            const run = recordingOfRun.recording();
            '{steps}'.split(' ').forEach(([step, operation, version], at_us) => {{
                const added = step === 'a' ? '1.00' : undefined;
                const of = {{ operation: Number(operation), worker: Number(operation), version: Number(version), at_us, added }};
                for (const account of ['main', '@world']) recordingOfRun.take(run, {{ type: types[step], account, balance: '1.00', ...of }});
            }});
            return [...run.lost].sort().join();
        }})()"
    );
    browser.eval(&script).as_str().unwrap().to_string()
}

#[test]
#[ignore = "slow: starts a browser"]
fn an_update_counts_as_lost_once_and_only_if_no_later_write_builds_on_it() {
    if !has_browser() {
        return;
    }
    let page = Page::start();
    let mut browser = opened(&page, 1280, 720);
    for (steps, lost) in [
        ("r10 r20 w11 w22", "1"),
        ("r10 r20 w11 c21 w22", ""),
        ("r10 r20 a11 a22", ""),
        // What 3 builds on is in the balance again.
        ("r10 r20 w11 r31 w22 w33", "2"),
        // In shared memory a version counts the updates that a balance includes.
        ("r30 r10 w11 r21 w22 w31 r41 w42", "1,2"),
        ("r10 a21 w11", "2"),
    ] {
        assert_eq!(recorded(&mut browser, steps), lost, "{steps}");
    }
    let deadlock = browser.eval(
        "(() => {
            const run = recordingOfRun.recording(), said = [];
            const take = (event) => { recordingOfRun.take(run, { at_us: 1, pid: 7, ...event }); said.push(recordingOfRun.deadlock(run)); };
            const waits = (worker, holder, accounts, in_vain) => take({ type: 'lease_wait', worker, operation: worker, holder, accounts, in_vain });
            waits(3, 1, ['main']);
            waits(2, 1, ['main']);
            waits(1, 2, ['@world']);
            waits(3, 1, ['main'], 'deadlock');
            take({ type: 'exited', worker: 3 });
            waits(1, 2, ['@world'], 'deadlock');
            take({ type: 'exited', worker: 1, signal: 9 });
            return said.map((words) => words.replace('Deadlock: ', '')).join('|');
        })()",
    );
    let circle = "worker 1 waits for @world, which worker 2 has; worker 2 waits for main, which worker 1 has.";
    let expected = format!("|||{circle}||{circle}|");
    assert_eq!(deadlock, expected);
}
