"use strict";
// The screen of a ledger that lasts. Names, memos and all else that it tells are put into the page as text,
// never as markup. It looks at the ledger only while it is seen.
const ledgerScreen = (() => {
  const $ = (id) => document.getElementById(id);
  const { element } = lanesOfProcesses;
  const LOOK_EVERY = 2000;
  const LOOK_SOON = 300;
  const REOPEN = 2000;
  const ANNOUNCE_EVERY = 5000;
  const DRAW_EVERY = 100;
  const MOST_ENTRIES = 100;
  // Longer than a double click, whose second half must not be the confirmation.
  const BEFORE_SECOND_CLICK = 500;
  const OWN = "@";

  let tools, ledger = null, seen = false;
  let standing = null, earlier = null, looking = false, lookAgain = false, timer = null;
  let source = null, fresh = [], missed = 0, drawing = false;
  // Which accounts are asked for: how their names begin, and after which ones this page and those before it come.
  let choice = { prefix: "", after: [] };
  let asked = null, announced = null, announcing = null;

  const cell = (text, kind) => element("td", kind ? { class: kind } : {}, text);
  const soft = (...parts) => element("span", { class: "soft" }, parts.filter(Boolean).join(" · "));
  const rowHead = (...children) => element("th", { scope: "row" }, ...children);
  // On a phone a row is a card and each cell says what it is; then it stays a table for those who hear it.
  function titled(table, rows) {
    const titles = [...table.tHead.rows[0].cells].map((head) => head.textContent);
    for (const row of rows) {
      row.setAttribute("role", "row");
      [...row.cells].forEach((one, place) => {
        one.setAttribute("role", place === 0 ? "rowheader" : "cell");
        one.dataset.title = titles[place];
      });
    }
    return rows;
  }
  // A row that says what it said stays, with what is marked or has the focus in it.
  function fill(table, rows) {
    const body = table.tBodies[0];
    titled(table, rows).forEach((row, place) => {
      const known = body.rows[place];
      if (!known) body.append(row);
      else if (!known.isEqualNode(row)) known.replaceWith(row);
    });
    while (body.rows.length > rows.length) body.lastChild.remove();
  }
  const counted = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

  function moment(text) {
    const at = new Date(text);
    if (Number.isNaN(at.getTime())) return text;
    const day = at.toDateString() === new Date().toDateString() ? "" : `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short" })} `;
    return element("time", { datetime: text, title: text }, day + at.toLocaleTimeString("en-GB"));
  }

  function until(text) {
    const seconds = Math.round((new Date(text) - Date.now()) / 1000);
    if (!(seconds > 0)) return "now";
    const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
    const [unit, length] = units.find(([, one]) => seconds >= one);
    return `in ${Math.floor(seconds / length)} ${unit}`;
  }

  // What a person has put to an operation, each named, so that none can be taken for the page's own words.
  function remarks(row) {
    const meta = Object.entries(row.meta ?? {}).map(([name, text]) => `${name}=${text}`);
    return [row.memo && `memo: ${row.memo}`, meta.length && `meta: ${meta.join(", ")}`, row.date && `dated ${row.date}`];
  }
  const way = (row) => (row.to ? `${row.account} → ${row.to}` : row.from ? `${row.account} ← ${row.from}` : row.account);
  const ofRun = (row) => row.run && `run ${row.run}, line ${row.line}`;

  // ---- what stands in the ledger ----

  function allowance(row) {
    if (row.limit === undefined) return cell("");
    const spent = element("meter", { min: 0, max: row.limit, value: row.spent, high: row.warn_at === undefined ? null : Number(row.limit) * row.warn_at / 100, "aria-hidden": "true" });
    const rest = [`refills ${until(row.refills)}`, row.zone, row.rollover && "what is left stays", row.warn_at !== undefined && `warns at ${row.warn_at}%`];
    const title = element("span", { title: row.refills }, soft(...rest));
    return element("td", { class: "words" }, `${row.spent} spent of ${row.limit} per ${row.period}, ${row.left} left`, spent, title);
  }

  function drawAccounts({ rows, found, has_more: hasMore }) {
    const own = (row) => row.account.startsWith(OWN);
    const ordered = [...rows.filter((row) => !own(row)), ...rows.filter(own)];
    fill($("ledger-accounts"), ordered.map((row) => element("tr", own(row) ? { class: "own" } : {},
      rowHead(row.account),
      cell(row.available, "number strong"), cell(row.balance, "number"), cell(row.held, "number"),
      cell(row.overdraft ?? "", "number"), allowance(row))));
    const focused = document.activeElement;
    $("ledger-next").hidden = !hasMore;
    $("ledger-before").hidden = standing.choice.after.length === 0;
    // A button that goes leaves the focus where one looks on.
    if (focused?.hidden) $("ledger-prefix").focus();
    saySeen();
  }

  // Which accounts are seen, where that is not all of them; told again only when it has changed.
  function saySeen() {
    const { rows, has_more: hasMore } = standing.accounts;
    const begin = standing.choice.prefix ? ` whose names begin with ${standing.choice.prefix}` : "";
    const after = standing.choice.after.length ? ` after ${standing.choice.after.at(-1)}` : "";
    const number = rows.length ? counted(rows.length, "account", "accounts") : "no account";
    let text = "";
    if ($("ledger-prefix").ariaInvalid === "true") text = "No name of an account begins like this: it has letters, digits and . _ : - in it.";
    else if (begin || after || hasMore) text = `Shown: ${begin || after ? "" : "the first "}${number}${begin}${after}${hasMore ? "; there are more" : ""}.`;
    if ($("ledger-accounts-more").textContent !== text) $("ledger-accounts-more").textContent = text;
  }

  // Asks for other accounts. Those that were asked for before are seen until these have come.
  function choose(prefix, after) {
    $("ledger-accounts").closest(".scroll").scrollTop = 0;
    choice = { prefix, after };
    lookSoon();
  }

  function choosePrefix() {
    const prefix = $("ledger-prefix").value.trim();
    const isOne = /^(?!-)[\w.:-]{0,64}$/.test(prefix);
    $("ledger-prefix").ariaInvalid = isOne ? null : "true";
    if (isOne && prefix !== choice.prefix) choose(prefix, []);
    if (standing) saySeen();
  }

  function more(place, rows, found, hasMore, what) {
    place.hidden = rows.length === found && !hasMore;
    place.textContent = `The first ${rows.length.toLocaleString("en")} of ${hasMore ? "more than " : ""}${found.toLocaleString("en")} ${what} are shown.`;
  }

  function holdKey(hold) {
    return JSON.stringify([hold.id, hold.op, hold.account, hold.to, hold.amount, hold.at, hold.in_doubt]);
  }

  // A hold that a process works for is that process's to end.
  function buttonsOf(hold, runs) {
    if (!ledger.allow_writes) return cell("");
    const isAtWork = !hold.in_doubt && runs.rows.some((run) => run.run === hold.run && run.live);
    if (hold.id === undefined || isAtWork) return element("td", {}, soft(isAtWork ? "its run is at work" : "it has no id: its process ends it"));
    const key = holdKey(hold);
    const act = (title, what) => {
      const made = element("button", { type: "button", "data-do": what, "data-key": key, "aria-label": `${title} ${hold.amount} of ${hold.account}, id ${hold.id}…` }, `${title}…`);
      made.addEventListener("click", () => confirm(hold, what));
      return made;
    };
    return element("td", {}, element("div", { class: "tools" }, act("Post", "post"), act("Void", "void")));
  }

  const buttonOf = (key, what) => [...$("ledger-holds").querySelectorAll("button")].find((one) => one.dataset.key === key && one.dataset.do === what);

  function drawHolds(holds, runs) {
    const { rows, found, has_more: hasMore } = holds;
    const doubtful = rows.filter((hold) => hold.in_doubt).length;
    $("ledger-holds-title").textContent = doubtful ? `Held, ${doubtful.toLocaleString("en")} in doubt` : "Held";
    $("ledger-doubt").hidden = doubtful === 0;
    $("ledger-no-holds").hidden = rows.length > 0;
    $("ledger-holds").parentElement.hidden = rows.length === 0;
    more($("ledger-holds-more"), rows, found, hasMore, "holds");
    // A button that has the focus keeps it, as long as its hold is there.
    const { key, do: what } = document.activeElement?.dataset ?? {};
    fill($("ledger-holds"), rows.map((hold) => element("tr", hold.in_doubt ? { class: "wrong" } : {},
      rowHead(`${hold.op} ${way(hold)}`, soft(hold.id === undefined ? "" : `id ${hold.id}`, ofRun(hold), ...remarks(hold))),
      cell(hold.amount ?? "", "number strong"), cell(moment(hold.at)),
      cell(hold.in_doubt ? "in doubt" : hold.expires === undefined ? "never" : until(hold.expires)), buttonsOf(hold, runs))));
    if (key && !document.activeElement?.dataset.key) buttonOf(key, what)?.focus();
  }

  const ENDS = [["done", "done"], ["refused", "refused"], ["failed", "failed"], ["in_doubt", "in doubt"], ["begun", "begun"], ["skipped", "given up"]];

  function shares(run) {
    const total = ENDS.reduce((sum, [key]) => sum + run[key], 0) || 1;
    const bar = element("span", { class: "shares", "aria-hidden": "true" });
    for (const [key] of ENDS) {
      if (!run[key]) continue;
      const part = element("span", { class: key });
      part.style.flexGrow = run[key] / total;
      bar.append(part);
    }
    return bar;
  }

  function speed(run) {
    const before = earlier?.runs.rows.find((one) => one.run === run.run);
    if (!run.live) return "";
    const seconds = earlier ? (standing.at - earlier.at) / 1000 : 0;
    const lines = (one) => one.done + one.refused + one.failed + one.skipped;
    const rate = before && seconds > 0 ? Math.max(0, Math.round((lines(run) - lines(before)) / seconds)) : 0;
    return rate ? `at work, ${rate.toLocaleString("en")} lines a second` : "at work";
  }

  function drawRuns({ rows, found, has_more: hasMore }) {
    $("ledger-no-runs").hidden = rows.length > 0;
    $("ledger-runs").parentElement.hidden = rows.length === 0;
    more($("ledger-runs-more"), rows, found, hasMore, "runs");
    fill($("ledger-runs"), rows.map((run) => {
      const ends = ENDS.filter(([key]) => run[key]).map(([key, word]) => `${run[key].toLocaleString("en")} ${word}`).join(", ");
      return element("tr", {}, rowHead(run.run), element("td", { class: "words" }, ends || "nothing yet", shares(run)), cell(speed(run)));
    }));
  }

  function drawStanding() {
    drawAccounts(standing.accounts);
    drawHolds(standing.holds, standing.runs);
    drawRuns(standing.runs);
    $("ledger-as-of").textContent = `As of ${new Date(standing.at).toLocaleTimeString("en-GB")}.`;
    recheck();
    announceSoon();
  }

  // A ledger that cannot be read is said to be so; what was read before stays, and is told to be old.
  function gone(why) {
    const text = why ? `The ledger cannot be read: ${why}.${standing ? " What stands below is what was read before." : ""}` : "";
    if ($("ledger-gone").textContent !== text) $("ledger-gone").textContent = text;
    $("ledger-gone").hidden = !why;
    const wasStale = $("ledger").classList.contains("stale");
    $("ledger").classList.toggle("stale", Boolean(why));
    if (source && wasStale !== Boolean(why)) drawSoon();
    recheck();
  }

  async function look() {
    if (looking) {
      lookAgain = true;
      return;
    }
    clearTimeout(timer);
    looking = true;
    lookAgain = false;
    try {
      const asked = choice;
      // Nothing in a name must be written otherwise behind a path.
      const query = [asked.prefix && `prefix=${asked.prefix}`, asked.after.length && `after=${asked.after.at(-1)}`].filter(Boolean).join("&");
      const found = await tools.ask(`/ledger/standing?${query}`);
      earlier = standing;
      standing = { ...found, at: Date.now(), choice: asked };
      gone(null);
      drawStanding();
    } catch (error) {
      gone(error.message);
    }
    looking = false;
    if (seen) timer = setTimeout(look, lookAgain ? LOOK_SOON : LOOK_EVERY);
  }

  function lookSoon() {
    if (looking) lookAgain = true;
    else if (!lookAgain) {
      lookAgain = true;
      clearTimeout(timer);
      timer = setTimeout(look, LOOK_SOON);
    }
  }

  // ---- history ----

  function entryRow(entry) {
    const facts = [entry.id && `id ${entry.id}`, ofRun(entry), entry.reverses && `reverses ${entry.reverses}`, entry.reversed_by && `reversed by ${entry.reversed_by}`,
      entry.excess && `${entry.excess} more than was held`, ...remarks(entry)];
    return element("tr", { "data-seq": entry.seq }, rowHead(entry.seq), cell(moment(entry.at)),
      element("td", { class: "words" }, `${entry.op} ${way(entry)}`, soft(...facts)), cell(entry.amount ?? "", "number strong"), cell(entry.balance, "number"));
  }

  function drawHistory() {
    drawing = false;
    const body = $("ledger-history").tBodies[0];
    const rows = fresh.slice(-MOST_ENTRIES).reverse().map(entryRow);
    missed += Math.max(0, fresh.length - MOST_ENTRIES);
    fresh = [];
    body.prepend(...titled($("ledger-history"), rows));
    while (body.rows.length > MOST_ENTRIES) body.lastChild.remove();
    const skipped = missed ? ` ${counted(missed, "entry", "entries")} came too fast to be shown.` : "";
    const isLive = $("ledger-gone").hidden;
    const none = body.rows.length || !isLive ? "" : " Nothing was posted so far.";
    $("ledger-history-state").textContent = `${isLive ? "Live" : "Waiting for the ledger"}: the last ${MOST_ENTRIES} entries, the newest first.${none}${skipped}`;
  }

  function drawSoon() {
    if (!drawing) {
      drawing = true;
      setTimeout(drawHistory, DRAW_EVERY);
    }
  }

  function stopped(why) {
    source?.close();
    source = null;
    $("ledger-history-state").textContent = `Not live: ${why}`;
    if (seen) setTimeout(() => { if (seen && !source) follow(); }, REOPEN);
  }

  function follow() {
    const own = new EventSource("/ledger/history");
    let isFirst = true;
    source = own;
    // What was told before is told again.
    const begin = () => {
      if (isFirst) $("ledger-history").tBodies[0].replaceChildren();
      if (isFirst) [fresh, missed] = [[], 0];
      isFirst = false;
    };
    own.addEventListener("open", () => { begin(); drawSoon(); });
    own.addEventListener("message", ({ data }) => {
      begin();
      const entry = JSON.parse(data);
      if (entry.type !== "entry") return;
      if (fresh.push(entry) > 2 * MOST_ENTRIES) {
        missed += fresh.length - MOST_ENTRIES;
        fresh = fresh.slice(-MOST_ENTRIES);
      }
      drawSoon();
      lookSoon();
    });
    own.addEventListener("missed", ({ data }) => { missed += Number(data); drawSoon(); });
    own.addEventListener("end", ({ data }) => stopped(tools.plain(JSON.parse(data).words) || "its process has ended"));
    // It would go on by the numbers of a process that may be another by now.
    own.addEventListener("error", () => { if (source === own) stopped("the page's server does not answer"); });
  }

  // ---- post, void and verify ----

  const WHAT = {
    post: {
      title: (hold) => `Post ${hold.amount} of ${hold.account}?`, path: "/ledger/posts", body: ({ id, amount }) => ({ id, amount }), does: (hold) => `Post ${hold.amount}`,
      says: (hold) => `${hold.amount} moves ${hold.to ? `from ${hold.account} to ${hold.to}` : `out of ${hold.account}`} and becomes an entry of the ledger, which stays; only another entry can move it back.`,
      doubt: "Its command was started and its end was not seen. Look at what it did first. Post it if the command did its work: it then counts as done.",
    },
    void: {
      title: (hold) => `Void the hold of ${hold.amount} on ${hold.account}?`, path: "/ledger/voids", body: ({ id }) => ({ id }), does: (hold) => `Give ${hold.amount} back`,
      says: (hold) => `${hold.amount} is given back: ${hold.account} can spend it again, and nothing is posted.${hold.run ? " Its line may be run again." : ""}`,
      doubt: "Its command was started and its end was not seen. Look at what it did first. Void it only if the command did nothing: what it did pay would be paid and not be booked, and could be paid again.",
    },
  };

  function confirm(hold, what) {
    const words = WHAT[what];
    const account = standing.accounts.rows.find((one) => one.account === hold.account);
    asked = { hold, what, key: holdKey(hold), at: Date.now() };
    $("confirm-title").textContent = words.title(hold);
    const texts = [["", words.says(hold)], hold.in_doubt && ["wrong", words.doubt],
      account && ["", `${hold.account} now: ${account.available} available, ${account.balance} posted, ${account.held} held.`],
      ["soft", [`${hold.op} ${way(hold)}`, `id ${hold.id}`, ofRun(hold), ...remarks(hold)].filter(Boolean).join(" · ")], ["soft", `Ledger ${ledger.name}`]];
    $("confirm-text").replaceChildren(...texts.filter(Boolean).map(([kind, text]) => element("p", { class: kind }, text)));
    $("confirm-changed").textContent = "";
    $("confirm-do").textContent = words.does(hold);
    $("confirm-do").disabled = true;
    $("confirm").showModal();
    $("confirm-leave").focus();
    setTimeout(recheck, BEFORE_SECOND_CLICK);
  }

  // What is confirmed must still be what was shown.
  function recheck() {
    if (!asked || asked.sent) return;
    const isThere = standing.holds.rows.some((hold) => holdKey(hold) === asked.key);
    const isStale = !$("ledger-gone").hidden;
    const why = isStale ? "The ledger cannot be read now." : isThere ? "" : "It has changed meanwhile: close this, and look at it again.";
    if ($("confirm-changed").textContent !== why) $("confirm-changed").textContent = why;
    $("confirm-do").disabled = Boolean(why) || Date.now() - asked.at < BEFORE_SECOND_CLICK;
  }

  function leave() {
    const from = asked && buttonOf(asked.key, asked.what);
    asked = null;
    $("confirm").close();
    (from ?? $("ledger-holds-title")).focus();
  }

  async function settle() {
    if (!asked || asked.sent) return;
    const { hold, what } = asked;
    const words = WHAT[what];
    asked.sent = true;
    $("confirm-do").disabled = true;
    said("working", "");
    const { told, end } = await tools.attempt(() => command(words.path, words.body(hold))) ?? {};
    leave();
    if (!end) return said("", "");
    // Its row is about to go, and the focus with it.
    if (end.status === 0) $("ledger-holds-title").focus();
    const answer = told.at(-1) ?? {};
    const about = `${what} ${hold.amount} of ${hold.account}, id ${hold.id}`;
    if (end.status === 0) said("", `Done: ${about}.${answer.seq ? ` It is entry ${answer.seq}, balance ${answer.balance}.` : ""}`);
    else said("wrong", `Not done: ${about}: ${tools.plain(end.words) || answer.reason || `its process ended with ${end.status ?? `signal ${end.signal}`}: look whether it is still held`}.`);
    look();
  }

  function said(kind, text) {
    $("ledger-said").className = kind;
    if ($("ledger-said").textContent !== text) $("ledger-said").textContent = text;
  }

  // Does something in a process, and returns what that told and how it ended.
  async function command(path, body, begun = () => {}) {
    const { run } = await tools.ask(path, body);
    begun(run);
    return new Promise((resolve) => {
      const told = [];
      const own = new EventSource(`/runs/${run}/events`);
      own.addEventListener("message", ({ data }) => { if (told.length < MOST_ENTRIES) told.push(JSON.parse(data)); });
      own.addEventListener("end", ({ data }) => {
        own.close();
        resolve({ told, end: JSON.parse(data) });
      });
      own.addEventListener("error", () => {
        if (own.readyState !== EventSource.CLOSED) return;
        resolve({ told, end: { status: null, words: "the page's server is gone" } });
      });
    });
  }

  async function verify() {
    const expect = $("ledger-expect").value.trim();
    $("ledger-verify").disabled = true;
    said("", "The whole ledger is being checked: every row, every sum, every id, and the chain over all of them.");
    const { told, end } = await tools.attempt(() => command("/ledger/verifications", expect ? { expect } : {}, (run) => {
      $("ledger-stop").hidden = false;
      $("ledger-stop").onclick = () => tools.attempt(() => tools.ask(`/runs/${run}/stop`, {}));
    })) ?? {};
    $("ledger-verify").disabled = false;
    $("ledger-stop").hidden = true;
    if (!end) return said("", "");
    const found = told.find((one) => one.type === "verified");
    if (found?.violation) said("wrong", `A check found a violation: ${found.violation}`);
    else if (found && end.status === 0) said("", `The ledger is sound: ${counted(found.entries, "entry", "entries")}, ${counted(found.records, "other record", "other records")}, ${counted(found.accounts, "account", "accounts")}, ${counted(found.holds, "open hold", "open holds")}. Its end: ${found.end}`);
    else said("wrong", `The check could not be made to its end: ${tools.plain(end.words) || `its process ended with ${end.status ?? `signal ${end.signal}`}`}`);
  }

  // ---- for those who hear it ----

  function totals() {
    const own = standing.accounts.rows.filter((row) => !row.account.startsWith(OWN));
    return { choice: standing.choice, of: new Map(own.map((row) => [row.account, row.available])), doubtful: standing.holds.rows.filter((hold) => hold.in_doubt).length };
  }

  // Politely, and not more often than one can listen: what has changed since it was said last.
  function announceSoon() {
    // That other accounts are seen is no change of theirs.
    if (announced?.choice !== standing.choice) {
      announced = totals();
      return;
    }
    announcing ??= setTimeout(() => {
      announcing = null;
      if (!seen) return;
      const now = totals();
      const changed = [...now.of].filter(([account, available]) => announced.of.get(account) !== available);
      const parts = changed.length > 3 ? [`${changed.length} accounts have changed`] : changed.map(([account, available]) => `${account}: ${available} available`);
      if (now.doubtful !== announced.doubtful) parts.push(`${now.doubtful} in doubt`);
      announced = now;
      if (parts.length) $("totals").textContent = `${parts.join(". ")}.`;
    }, ANNOUNCE_EVERY);
  }

  // ---- the screen ----

  function begin() {
    seen = true;
    look();
    if (!source) follow();
  }
  function end() {
    seen = false;
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  // What the page's server says of the ledger that it shows, if it shows one.
  function init(shown, given) {
    ledger = shown;
    tools = given;
    $("ledger-name").textContent = ledger.name;
    $("ledger-facts").textContent = `Amounts are in ${ledger.unit}. ${ledger.allow_writes ? "What is held can be posted and voided here." : "This page only reads it: `--allow-writes` lets it post and void."}`;
    $("ledger-verify").addEventListener("click", verify);
    $("ledger-prefix").addEventListener("input", choosePrefix);
    $("ledger-next").addEventListener("click", () => {
      const { choice: { prefix, after }, accounts } = standing;
      choose(prefix, [...after, accounts.rows.at(-1).account]);
    });
    $("ledger-before").addEventListener("click", () => choose(standing.choice.prefix, standing.choice.after.slice(0, -1)));
    $("confirm-do").addEventListener("click", settle);
    $("confirm-leave").addEventListener("click", leave);
    $("confirm").addEventListener("cancel", (event) => {
      event.preventDefault();
      // What was sent is waited for.
      if (!asked?.sent) leave();
    });
    document.addEventListener("visibilitychange", () => {
      if ($("ledger").hidden) return;
      if (document.hidden) end();
      else begin();
    });
  }

  function show(isShown) {
    $("ledger").hidden = !isShown;
    if (isShown && !seen) begin();
    if (!isShown && seen) end();
  }

  return { init, show };
})();
