//! A real browser: Chromium without a window, spoken to by its own protocol over a pair of pipes.

use std::fs;
use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::Running;
use crate::process::until;

/// Chromium itself where Debian keeps it: what stands in the path there is a script, which complains of the
/// surroundings of tests.
fn program() -> &'static str {
    const DEBIAN: &str = "/usr/lib/chromium/chromium";
    match Path::new(DEBIAN).exists() {
        true => DEBIAN,
        false => "chromium",
    }
}

/// Says what a test needs and has not, unless every test must be run (`BANK_PAR_ALL_TESTS`), as in `.ci/run`.
#[expect(clippy::print_stderr, reason = "whoever runs the tests must know")]
fn not_checked(missing: &str) {
    assert!(
        std::env::var_os("BANK_PAR_ALL_TESTS").is_none(),
        "{missing}"
    );
    eprintln!("not checked: {missing}");
}

/// Whether Chromium is there; without it a test says so and checks nothing.
pub(crate) fn has_browser() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let version = Command::new(program())
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        version.is_ok_and(|status| status.success())
    });
    if !found {
        not_checked("this test needs Chromium: install the package `chromium`");
    }
    *found
}

/// Opens the page of a file in a window of this width, and returns what a script has seen in it.
pub(crate) fn ask(page: &Path, width: u32, script: &str) -> Value {
    let mut browser = Browser::start(width, 900);
    browser.open_file(page);
    let seen = browser.ask(script);
    browser.assert_content();
    seen
}

/// What axe finds that is serious for people who see little or use no mouse in the page of a file; nothing
/// where the browser or axe is missing.
pub(crate) fn complaints(page: &Path) -> Vec<String> {
    if !has_browser() {
        return Vec::new();
    }
    let mut browser = Browser::start(1000, 900);
    browser.open_file(page);
    let complaints = browser.complaints();
    browser.assert_content();
    complaints
}

/// A browser with one page.
pub(crate) struct Browser {
    running: Running,
    session: Option<String>,
    last: u64,
    /// What the page complained about.
    complaints: Vec<Value>,
    _profile: TempDir,
}

impl Browser {
    /// Starts one, whose window has this size.
    pub(crate) fn start(width: u32, height: u32) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        // The protocol is spoken on the descriptors 3 and 4.
        command
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null"])
            .arg(program())
            .args(["--headless", "--no-sandbox", "--disable-gpu"])
            .arg("--remote-debugging-pipe")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("HOME", profile.path());
        let mut browser = Browser {
            running: Running::start(command),
            session: None,
            last: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        // It answers before it has opened its first page.
        let page = until("a page", || {
            let targets = browser.call("Target.getTargets", json!({}));
            let mut targets = targets["targetInfos"].as_array()?.iter();
            targets.find(|target| target["type"] == "page").cloned()
        });
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().map(String::from);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        browser.call("Emulation.setDeviceMetricsOverride", size);
        browser
    }

    /// Asks the browser for something, and returns what it answers.
    fn call(&mut self, method: &str, params: Value) -> Value {
        self.answer(method, params)
            .unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Asks the browser for something, and returns what it answers, or the error that it reports.
    fn answer(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.last += 1;
        let mut message = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let stdin = self.running.stdin.as_mut().unwrap();
        write!(stdin, "{message}\0").unwrap();
        stdin.flush().unwrap();
        loop {
            let mut answer = Vec::new();
            let stdout = self.running.stdout.as_mut().unwrap();
            stdout.read_until(0, &mut answer).unwrap();
            assert_eq!(
                answer.pop(),
                Some(0),
                "the browser has ended while it was asked for {message}"
            );
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            if answer["id"] == self.last {
                return if answer["error"].is_null() {
                    Ok(answer["result"].clone())
                } else {
                    Err(answer["error"].clone())
                };
            }
            let complaints = [
                "Log.entryAdded",
                "Runtime.consoleAPICalled",
                "Runtime.exceptionThrown",
            ];
            if complaints.contains(&answer["method"].as_str().unwrap_or_default()) {
                self.complaints.push(answer);
            }
        }
    }

    /// Opens an address.
    pub(crate) fn open(&mut self, address: &str) {
        self.call("Page.navigate", json!({ "url": address }));
    }

    /// Opens the page of a file, and waits until its script has drawn it, if it has one.
    pub(crate) fn open_file(&mut self, page: &Path) {
        self.open(&format!("file://{}", page.display()));
        self.wait_for(
            "location.protocol === 'file:' && document.readyState === 'complete' && \
             (document.documentElement.dataset.ready === 'true' || !document.querySelector('#data'))",
        );
    }

    /// Shows the page as a person sees it who prefers `light` or `dark`.
    pub(crate) fn be_in(&mut self, light: &str) {
        let preferred = json!([{ "name": "prefers-color-scheme", "value": light }]);
        self.call(
            "Emulation.setEmulatedMedia",
            json!({ "features": preferred }),
        );
    }

    /// What axe finds that is serious in the page as it is, in the light and in the dark; nothing where axe is
    /// missing.
    pub(crate) fn complaints(&mut self) -> Vec<String> {
        let axe = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("target/tools/axe/axe_playwright_python/axe.min.js");
        let Ok(axe) = fs::read_to_string(&axe) else {
            not_checked(
                "this test needs axe: `pip install --no-deps --target target/tools/axe axe-playwright-python==0.1.8`",
            );
            return Vec::new();
        };
        self.eval(&format!("(() => {{ {axe} }})(); true"));
        let mut complaints = Vec::new();
        for light in ["light", "dark"] {
            self.be_in(light);
            let seen = self.ask(
                r##"
                const found = await axe.run(document, { resultTypes: ["violations"] });
                seen.passed = found.passes.map((one) => one.id);
                seen.complaints = found.violations
                  .filter((one) => ["serious", "critical"].includes(one.impact))
                  .map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(" ")}`);
                "##,
            );
            let has_looked = |rule: &str| seen["passed"].as_array().unwrap().contains(&rule.into());
            assert!(has_looked("color-contrast"), "{light}: {seen}");
            let found = seen["complaints"].as_array().unwrap().iter();
            complaints.extend(found.map(|one| format!("{light}: {}", one.as_str().unwrap())));
        }
        complaints
    }

    /// What a script has seen in the page: it puts that into `seen`.
    pub(crate) fn ask(&mut self, script: &str) -> Value {
        let seen = self.eval(&format!(
            r##"
            (async () => {{
              const $$ = (selector) => [...document.querySelectorAll(selector)];
              const text = (selector) => document.querySelector(selector).textContent;
              const press = (key) => document.querySelector("#plot").dispatchEvent(new KeyboardEvent("keydown", {{ key, cancelable: true }}));
              const seen = {{}};
              {script}
              return seen;
            }})().catch((error) => ({{ error: String(error) }}))
            "##
        ));
        assert!(seen["error"].is_null(), "{seen}");
        seen
    }

    /// What a script in the page comes to; nothing where it throws.
    pub(crate) fn eval(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        self.call("Runtime.evaluate", params)["result"]["value"].clone()
    }

    /// Waits until a script comes to something. A page that is left or loaded meanwhile takes the
    /// script with it, which the browser reports as an error: it is asked again in the next page.
    pub(crate) fn wait_for(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true });
        until(script, || {
            let answer = self.answer("Runtime.evaluate", params.clone()).ok()?;
            let value = answer["result"]["value"].clone();
            let is_something = !value.is_null() && value != false && value != "";
            is_something.then_some(value)
        })
    }

    /// Clicks, with the mouse, on the middle of what a selector names. A page that is drawn meanwhile may move
    /// it away from under the mouse: then the click is kept from whatever lies there, and it is clicked again.
    pub(crate) fn click(&mut self, selector: &str) {
        let script = format!(
            "(() => {{ const found = document.querySelector({selector:?}); if (!found || found.disabled) return null; \
             window.removeEventListener('click', window.aimed, true); window.isClicked = false; \
             window.aimed = (event) => {{ window.isClicked = found.contains(event.target); \
             if (!window.isClicked) {{ event.stopImmediatePropagation(); event.preventDefault(); }} }}; \
             window.addEventListener('click', window.aimed, {{ capture: true, once: true }}); \
             found.scrollIntoView({{ block: 'center' }}); const box = found.getBoundingClientRect(); \
             return [box.x + box.width / 2, box.y + box.height / 2]; }})()"
        );
        until(selector, || {
            let place = self.wait_for(&script);
            for kind in ["mousePressed", "mouseReleased"] {
                let params = json!({ "type": kind, "x": place[0], "y": place[1], "button": "left", "clickCount": 1 });
                self.call("Input.dispatchMouseEvent", params);
            }
            let params = json!({ "expression": "window.isClicked", "returnByValue": true });
            // A page that the click has left does not know of it.
            let answer = self.answer("Runtime.evaluate", params);
            let is_missed = answer.is_ok_and(|answer| answer["result"]["value"] == false);
            (!is_missed).then_some(())
        });
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str) {
        let text = if key == "Enter" { "\r" } else { "" };
        let code = if key == "Enter" { 13 } else { 9 };
        for kind in ["keyDown", "keyUp"] {
            let params =
                json!({ "type": kind, "key": key, "text": text, "windowsVirtualKeyCode": code });
            self.call("Input.dispatchKeyEvent", params);
        }
    }

    /// Checks that the page has complained about nothing so far.
    pub(crate) fn assert_content(&self) {
        assert!(self.complaints.is_empty(), "{:?}", self.complaints);
    }
}
