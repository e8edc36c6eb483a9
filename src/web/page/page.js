"use strict";
// Whatever a run tells is put into the page as text, never as markup.
(() => {
  const $ = (id) => document.getElementById(id);
  const { drawLanes, drawLegend, element, time } = lanesOfProcesses;
  const { deadlock, drawn, recording, take } = recordingOfRun;
  const MOST_PANES = 4;
  const MOST_WORKERS = 12;
  const FRAME = 80;
  const OPERATIONS = [["withdraw", "Withdraw"], ["deposit", "Deposit"], ["transfer", "Transfer"], ["loan", "Loan"], ["balance", "View balance"]];
  const SCREENS = [
    { mode: "parallel", title: "Parallel", text: "One process for each operation. Each asks the bank in the parent process over a local socket, so no update is lost. Without this remedy the processes read and write the balance themselves." },
    {
      mode: "server-share", title: "Server process", without: "none", sync: ["cas", "lock", "none"],
      text: "One process for each operation. The workers read and write the balance itself, which a server process keeps. With nothing that keeps them apart, updates are lost.",
    },
    { mode: "queue", title: "Queue", text: "One process for each operation. All put their requests on one queue, which the bank takes them from." },
    { mode: "pipe", title: "Pipe", text: "One process for each operation. Each has a pair of anonymous pipes to the bank." },
    {
      mode: "shared-memory", title: "Shared memory", without: "none", sync: ["mutex", "atomic", "cas", "spin", "mutex-per-account", "semaphore", "robust", "file-lock", "none"],
      text: "One process for each operation. All read and write the same memory, with the primitive that you choose between them.",
    },
    {
      mode: "sync", title: "Threads and races", without: "none", sync: ["", "none", "mutex", "rwlock", "atomic", "cas", "spin", "channel", "semaphore"],
      text: "Threads of one process race for one balance in memory: with nothing between them, and with each remedy.",
    },
    {
      mode: "orders", title: "Orders", without: "none", sync: ["none", "cas", "lock", "mutex-per-account"],
      text: "Whose step comes when decides what is left. See how every order ends, choose an order yourself, step by step, and let real processes take it.",
    },
  ];
  const LEDGER = { mode: "ledger", title: "Ledger", text: "A ledger that lasts, as it stands and as it goes on." };
  // Where the bank decides for all there is no other way: without it the workers read and write the balance themselves.
  const WITHOUT_BANK = { mode: "server-share", sync: "none" };
  const REMEDIES = { "server-share": "lock", "shared-memory": "mutex", sync: "mutex", orders: "lock" };
  let screen = SCREENS[0];
  const panes = [];

  function trouble(text) {
    $("trouble").hidden = !text;
    $("trouble").textContent = text ?? "";
  }

  async function ask(path, body) {
    const options = body === undefined ? {} : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    let answer;
    try {
      answer = await fetch(path, options);
    } catch {
      throw new Error("the page's server is gone: start `bank-par web` again");
    }
    const text = await answer.text();
    let value;
    try {
      value = JSON.parse(text);
    } catch {
      throw new Error(text.trim());
    }
    if (!answer.ok) throw new Error(value.error);
    return value;
  }

  // Says what went wrong, and does the rest only if nothing did.
  async function attempt(act) {
    trouble(null);
    try {
      return await act();
    } catch (error) {
      trouble(error.message);
      return undefined;
    }
  }

  // ---- choices ----

  function show(next) {
    screen = next;
    document.title = `bank-par: ${screen.title}`;
    for (const button of $("screens").children) {
      if (button.dataset.mode === screen.mode) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    }
    $("screen-title").textContent = screen.title;
    $("screen-text").textContent = screen.text;
    const isRace = screen.mode === "sync", isOrder = screen.mode === "orders", isLedger = screen === LEDGER;
    for (const part of ["choices", "operations", "runs"]) $(part).hidden = isLedger;
    ledgerScreen.show(isLedger);
    // What could not be seen was not drawn.
    panes.forEach((pane) => { pane.dirty = true; });
    $("which").hidden = $("token-field").hidden = !isOrder;
    $("sync-field").hidden = !screen.sync;
    $("threads-field").hidden = $("rounds-field").hidden = !isRace;
    $("speed-field").hidden = isRace || isOrder;
    if (isLedger) return;
    $("sync").replaceChildren(...(screen.sync ?? []).map((word) => element("option", { value: word }, word || "each, one after another")));
    if (isOrder) {
      $("operations").replaceChildren(
        button("How every order ends", () => begin(explored($("sync").value), "/explorations"), { "data-op": "explore" }),
        button("Without and with a remedy", () => compare((sync) => begin(explored(sync), "/explorations")), { "data-op": "compare" }),
        button("Choose an order yourself", () => playOrder(tokenOfChoice()), { "data-op": "play", class: "main" }),
        button("Open the token", () => playOrder($("token").value.trim()), { "data-op": "open" }));
      return;
    }
    const buttons = OPERATIONS.map(([op, title]) => button(title, () => run([op], $("sync").value), { "data-op": op }));
    const all = OPERATIONS.map(([op]) => op);
    buttons.push(button("All five", () => run(all, $("sync").value), { "data-op": "all", class: "main" }));
    const both = screen.without ? () => compare((sync) => run(all, sync)) : () => beside(all);
    buttons.push(button("All five, without and with a remedy", both, { "data-op": "compare" }));
    $("operations").replaceChildren(...buttons);
  }

  function button(title, act, attributes = {}) {
    const made = element("button", { type: "button", ...attributes }, title);
    made.addEventListener("click", () => attempt(act));
    return made;
  }

  function choice(ops, sync, mode = screen.mode) {
    const chosen = {
      mode, balance: $("balance").value.trim(), time_scale: $("speed").value,
      operations: ops.map((op) => ({ op, count: Number($("count").value), ...(op === "balance" ? {} : { amount: $("amount").value.trim() }) })),
    };
    if (sync) chosen.sync = sync;
    if (mode === "sync") {
      chosen.threads = Number($("threads").value);
      chosen.rounds = Number($("rounds").value);
    }
    return chosen;
  }

  const run = (ops, sync) => begin(choice(ops, sync));
  // The same work side by side, first without a remedy: what is begun last stands first.
  async function compare(start) {
    const chosen = $("sync").value;
    const remedy = chosen && chosen !== screen.without ? chosen : REMEDIES[screen.mode];
    await start(remedy);
    await start(screen.without);
  }
  async function beside(ops) {
    await run(ops, "");
    await begin(choice(ops, WITHOUT_BANK.sync, WITHOUT_BANK.mode));
  }

  async function begin(chosen, path = "/runs") {
    open(await ask(path, chosen), chosen, path);
  }

  // ---- orders ----

  const picked = () => [...$("which").querySelectorAll("input:checked")].map((box) => box.value);
  function explored(sync) {
    const amount = $("amount").value.trim(), count = Number($("count").value);
    return { sync, balance: $("balance").value.trim(), operations: picked().map((op) => ({ op, amount, count })) };
  }
  function tokenOfChoice() {
    const amount = $("amount").value.trim();
    const operations = picked().flatMap((op) => Array(Math.min(Number($("count").value), 12)).fill(op[0] + amount));
    return `x1/${$("sync").value}/main=${$("balance").value.trim()}/${operations.join(",")}/`;
  }

  const SIGNS = "123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY";

  // An order that a person takes, one step after the other.
  async function playOrder(token) {
    const player = {
      box: element("article", { class: "run player" }), title: element("h3"), outlook: element("p", { class: "outlook", "aria-live": "polite" }),
      able: element("div", { class: "tools", role: "group", "aria-label": "Whose step comes next" }), steps: element("ol", { class: "log" }), more: element("div", { class: "tools" }),
    };
    player.box.append(player.title, player.outlook, player.able, player.more, player.steps);
    await goOn(player, token);
    $("runs").prepend(player.box);
    player.able.querySelector("button")?.focus();
  }

  async function goOn(player, token) {
    // A second click waits for the first.
    const buttons = [...player.able.children, ...player.more.children];
    const enable = (enabled) => buttons.forEach((one) => { one.disabled = !enabled; });
    enable(false);
    const order = await ask("/orders", { token }).finally(() => enable(true));
    const name = (process) => [process + 1, order.operations[process].op, order.operations[process].amount].filter(Boolean).join(" ");
    const back = order.token.slice(0, -1);
    const link = element("a", { href: `#${order.token}` }, order.token);
    player.title.replaceChildren(link);
    player.able.replaceChildren(...order.able.map((process) => button(name(process), async () => {
      await goOn(player, order.token + SIGNS[process]);
      player.able.querySelector("button")?.focus();
    }, { "data-step": process + 1 })));
    player.more.replaceChildren();
    if (order.steps.length) player.more.append(button("Take the last step back", () => goOn(player, back), { "data-do": "back" }));
    if (order.end) player.more.append(button("Let real processes take it", () => begin({ token: order.token }, "/replays"), { "data-do": "replay", class: "main" }));
    player.more.append(button("Close", () => player.box.remove(), { "data-do": "close" }));
    const held = (balances) => balances.map((one) => `${one.account} = ${one.balance}${one.expected && one.expected !== one.balance ? ` (must be ${one.expected})` : ""}`).join(", ");
    player.steps.replaceChildren(...order.steps.map((step) => element("li", {}, [name(step.process), step.step, held(step.balances), step.met].filter(Boolean).join(" · "))));
    player.outlook.className = `outlook${order.end?.wrong || order.can_end_well === false ? " wrong" : ""}`;
    player.outlook.textContent = outlook(order, held);
  }

  function outlook(order, held) {
    if (order.end) {
      const how = order.end.deadlock ? "Deadlock: each waits for another." : order.end.wrong ? "It has ended wrong." : "It has ended well.";
      return `${how} ${held(order.end.balances)}`;
    }
    if (order.can_end_well === null) return "Whose step comes next? What can still become of it takes too long to find out.";
    if (!order.can_end_well) return "It can no longer end well, whatever comes next.";
    return order.can_end_wrong ? "It can still end well, and it can still go wrong. Whose step comes next?" : "From here on it ends well, whatever comes next.";
  }

  const ordersOf = ({ wrong, orders, accounts: [first] }) => `${wrong.toLocaleString("en")} of ${orders.toLocaleString("en")} orders end wrong; ${first.account} must be ${first.expected}.`;
  const timesOf = ({ times, reproduced }) => `Taken ${times} times by real processes; ${reproduced} times it ended as it must in this order.`;

  // How often each balance is left, as bars.
  function drawExplored(pane) {
    const { explored: found, replayed } = pane.run;
    if (found && !pane.exploredDrawn) {
      pane.exploredDrawn = true;
      const [account] = found.accounts;
      const most = Math.max(...account.finals.map((one) => one.orders));
      const rows = account.finals.map((one) => element("tr", {}, element("th", { scope: "row", class: one.balance === account.expected ? "number" : "number lost" }, one.balance),
        element("td", { class: "number" }, one.orders.toLocaleString("en")), element("td", { class: "wide" }, element("meter", { min: 0, max: most, value: one.orders, "aria-hidden": "true" }))));
      pane.races.replaceChildren(element("caption", {}, ordersOf(found)),
        element("thead", {}, element("tr", {}, ...["It ends with", "Orders"].map((title) => element("th", { scope: "col" }, title)), element("td"))), element("tbody", {}, ...rows));
      if (found.example) pane.again.after(button("Look at a wrong one", () => playOrder(found.example.token), { "data-do": "example" }));
    }
    if (replayed && !pane.replayedDrawn) {
      pane.replayedDrawn = true;
      const rows = replayed.steps.map((step) => element("tr", {}, element("th", { scope: "row" }, `${step.process} (process ${step.pid ?? "?"})`), element("td", {}, step.step),
        element("td", {}, (step.balances ?? []).map((one) => `${one.account} = ${one.balance}`).join(", "))));
      pane.races.replaceChildren(element("caption", {}, timesOf(replayed)), element("tbody", {}, ...rows));
    }
    if (found || replayed) pane.races.parentElement.hidden = false;
  }

  // ---- one run ----

  function open({ run: number, words }, chosen, path) {
    const id = `run-${number}`;
    const pane = {
      number, run: recording(), chosen: null, ended: null, dirty: true, began: performance.now(), last: 0, curve: null,
      state: element("p", { class: "state" }), balance: element("p", { class: "balance" }), note: element("p", { class: "wrong" }),
      plot: element("div", { class: "plot", id: `${id}-plot` }), about: element("p", { class: "about" }, "Point at an operation."),
      chart: element("div", { class: "curve", role: "img", "aria-label": "The balance over time" }), log: element("ol", { class: "log", tabindex: "0", "aria-label": "Messages and steps" }),
      workers: element("div", { class: "tools workers", role: "group", "aria-label": "Kill a worker" }),
      races: element("table", { class: "races" }), legend: element("ul", { class: "legend", "aria-label": "What the strokes, marks and letters mean" }),
    };
    pane.stop = button("Stop", () => ask(`/runs/${number}/stop`, {}), { "data-do": "stop" });
    pane.again = button("Run again", () => begin(chosen, path), { "data-do": "again" });
    pane.again.disabled = !chosen;
    const close = button("Close", () => remove(pane), { "data-do": "close" });
    const messages = element("details", {}, element("summary", {}, "Messages and steps"), pane.log);
    pane.box = element("article", { class: "run", id, "aria-labelledby": `${id}-title` },
      element("h3", { id: `${id}-title` }, `bank-par ${words.map(quoted).join(" ")}`),
      element("div", { class: "facts" }, pane.balance, pane.note, element("div", { class: "tools" }, pane.stop, pane.again, close)), pane.state, pane.workers,
      pane.plot, pane.legend, pane.about, element("div", { class: "scroll" }, pane.races), pane.chart, messages);
    pane.races.parentElement.hidden = true;
    panes.unshift(pane);
    $("runs").prepend(pane.box);
    while (panes.length > MOST_PANES) {
      const oldest = panes.findLast((one) => one.ended);
      if (!oldest) break;
      remove(oldest);
    }
    listen(pane);
    draw(pane);
  }

  const quoted = (word) => (/^[\w=.:-]+$/.test(word) ? word : `'${word}'`);

  function remove(pane) {
    pane.source?.close();
    panes.splice(panes.indexOf(pane), 1);
    pane.curve?.destroy();
    pane.box.remove();
  }

  function listen(pane) {
    const source = new EventSource(`/runs/${pane.number}/events`);
    pane.source = source;
    source.addEventListener("message", ({ data }) => {
      const before = deadlock(pane.run);
      take(pane.run, JSON.parse(data));
      pane.dirty = true;
      if (!before && deadlock(pane.run)) announce(pane);
    });
    source.addEventListener("missed", ({ data }) => { pane.run.missed += Number(data); pane.dirty = true; });
    source.addEventListener("end", ({ data }) => {
      source.close();
      pane.ended = JSON.parse(data);
      pane.dirty = true;
      announce(pane);
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED && !pane.ended) {
        pane.ended = { status: null, signal: null, words: "the page's server is gone" };
        pane.dirty = true;
      }
    });
  }

  function state(pane) {
    const { missed, killed, summary } = pane.run;
    // What the run itself says at its end counts, also for events that this page has missed.
    const counts = summary?.completed === undefined ? pane.run.counts
      : { completed: summary.completed, refused: summary.refused, failed: summary.failed, "in doubt": summary.in_doubt };
    const parts = Object.entries(counts).filter(([, number]) => number > 0).map(([end, number]) => `${number.toLocaleString("en")} ${end}`);
    if (killed) parts.push(`${killed} ${killed === 1 ? "worker" : "workers"} killed`);
    if (missed) parts.push(`${missed.toLocaleString("en")} events were not shown: too many for this page`);
    if (!pane.ended) parts.unshift("running");
    else if (pane.ended.signal) parts.unshift(`ended by signal ${pane.ended.signal}`);
    else parts.unshift(pane.ended.status === null ? "not run" : `ended with status ${pane.ended.status}`);
    if (pane.run.summary?.elapsed_us) parts.push(time(pane.run.summary.elapsed_us));
    return parts.join(" · ");
  }

  function note(pane) {
    const { summary, races, account, lost } = pane.run;
    const parts = [];
    const mustBe = (balance, expected) => expected !== undefined && expected !== balance && parts.push(`It must be ${expected}.`);
    const areLost = (number, remedy = "") => number > 0 && parts.push(`${remedy}${number.toLocaleString("en")} ${number === 1 ? "update is" : "updates are"} lost.`);
    const own = summary?.balances?.find((one) => one.account === account);
    if (own) mustBe(own.balance, own.expected);
    areLost(summary?.lost_updates ?? lost.size);
    if (races.length === 1) mustBe(races[0].actual, races[0].expected);
    for (const race of races) areLost(race.lost_updates, races.length > 1 ? `${race.remedy}: ` : "");
    parts.push(pane.ended ? pane.ended.words : deadlock(pane.run));
    return parts.filter(Boolean).join(" ");
  }

  // Screen readers are told the end and a deadlock, not each step.
  function announce(pane) {
    const { balance, explored, replayed } = pane.run;
    const parts = [`Run ${pane.number}: ${state(pane)}.`, balance !== null && `Balance ${balance}.`, explored && ordersOf(explored), replayed && timesOf(replayed), note(pane)];
    $("totals").textContent = parts.filter(Boolean).join(" ");
  }

  const nameOf = (pane) => (lane) => {
    const own = lane.operations.map((place) => pane.run.operations[place]).filter(Boolean);
    return [own.length === 1 && own[0].op, lane.pid, lane.exit !== null && "killed"].filter(Boolean).join(" ");
  };
  function describe(operation) {
    const { lane } = operation;
    return [
      `Operation ${operation.number}`, [operation.op, operation.amount, operation.account].filter(Boolean).join(" "), `worker ${lane.worker}, process ${lane.pid}`,
      operation.end + (operation.reason ? `: ${operation.reason}` : ""), operation.balance === null ? "" : `balance ${operation.balance}`,
    ].filter(Boolean).join(" · ");
  }

  function drawPlot(pane, now) {
    const { operations, lanes } = drawn(pane.run, now);
    pane.plot.hidden = pane.legend.hidden = pane.about.hidden = lanes.length === 0;
    if (lanes.length === 0) return;
    drawLanes(pane.plot, {
      lanes, operations, from: 0, until: Math.max(now * 1.04, 1000), chosen: pane.chosen, label: `${lanes.length} lanes, one for each process`,
      nameOf: nameOf(pane), describe, point: (operation) => { pane.about.textContent = describe(operation); },
      choose: (operation) => { pane.chosen = operation.place; pane.about.textContent = describe(operation); pane.dirty = true; },
    });
    drawLegend(pane.legend, operations.filter(Boolean), ["before each lane: its operation and the number of its process"]);
  }

  function drawWorkers(pane) {
    const alive = pane.ended ? [] : [...pane.run.alive].slice(0, MOST_WORKERS);
    const key = alive.map(([worker]) => worker).join();
    if (pane.workersKey === key) return;
    pane.workersKey = key;
    // A button that has the focus keeps it, as long as its worker lives.
    const focused = document.activeElement?.dataset?.pid;
    pane.workers.replaceChildren(...alive.map(([worker, pid]) => button(`Kill worker ${worker} (${pid})`, () => ask(`/runs/${pane.number}/kill`, { pid }), { "data-pid": pid })));
    if (focused) pane.workers.querySelector(`[data-pid="${focused}"]`)?.focus();
  }

  function drawCurve(pane, now) {
    const { points } = pane.run;
    pane.chart.hidden = points.length < 2;
    if (points.length < 2) return;
    const columns = [[...points.map(([at]) => at), now], [...points.map(([, value]) => value), points[points.length - 1][1]]];
    const width = Math.max(pane.chart.clientWidth, 240);
    if (!pane.curve) {
      const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
      const axis = { stroke: color("text"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line") } };
      pane.curve = new uPlot({
        width, height: 120, legend: { show: false }, cursor: { show: false }, scales: { x: { time: false } },
        series: [{}, { stroke: color("posted"), width: 2, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } }],
        axes: [{ ...axis, space: 84, values: (_, marks) => marks.map(time) }, { ...axis, size: 70 }],
      }, columns, pane.chart);
    } else {
      if (pane.curve.width !== width) pane.curve.setSize({ width, height: 120 });
      pane.curve.setData(columns);
    }
  }

  function drawRaces(pane) {
    const { races } = pane.run;
    if (races.length === (pane.racesDrawn ?? 0)) return;
    pane.races.parentElement.hidden = false;
    pane.racesDrawn = races.length;
    const head = ["Remedy", "Lost updates", "Balance", "Must be", "Each"].map((title) => element("th", { scope: "col" }, title));
    const rows = races.map((race) => element("tr", {}, element("th", { scope: "row" }, race.remedy),
      element("td", { class: race.lost_updates ? "number lost" : "number" }, race.lost_updates.toLocaleString("en")),
      element("td", { class: "number" }, race.actual), element("td", { class: "number" }, race.expected), element("td", { class: "number" }, `${race.ns_per_operation} ns`)));
    pane.races.replaceChildren(element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
  }

  function draw(pane) {
    const { run } = pane;
    const now = pane.ended ? run.at : Math.max(run.at, (performance.now() - pane.began) * 1000);
    pane.state.textContent = state(pane);
    const available = run.available !== null && run.available !== run.balance ? ` (${run.available} available)` : "";
    pane.balance.textContent = run.balance === null ? "" : `${run.balance}${available}`;
    pane.note.textContent = note(pane);
    pane.stop.disabled = Boolean(pane.ended);
    drawWorkers(pane);
    drawPlot(pane, now);
    drawRaces(pane);
    drawExplored(pane);
    drawCurve(pane, now);
    if (pane.log.parentElement.open) pane.log.replaceChildren(...run.lines.map((line) => element("li", {}, line)));
    pane.box.dataset.ended = pane.ended ? "true" : "false";
  }

  function frame(at) {
    for (const pane of $("runs").hidden ? [] : panes) {
      if ((pane.dirty || !pane.ended) && at - pane.last >= FRAME) {
        pane.last = at;
        pane.dirty = false;
        draw(pane);
      }
    }
    requestAnimationFrame(frame);
  }

  // What a command says of itself on stderr, without its name.
  const plain = (words) => (words ?? "").replace(/^bank-par: (error: )?/gm, "").replace("For more information, try '--help'.", "").trim();

  async function main() {
    const { ledger } = await attempt(() => ask("/ledger")) ?? {};
    if (ledger) {
      ledgerScreen.init(ledger, { ask, attempt, plain });
      SCREENS.unshift(LEDGER);
    }
    for (const one of SCREENS) {
      const made = element("button", { type: "button", "data-mode": one.mode }, one.title);
      made.addEventListener("click", () => show(one));
      $("screens").append(made);
    }
    show(SCREENS[0]);
    const again = () => panes.forEach((pane) => {
      pane.curve?.destroy();
      pane.curve = null;
      pane.dirty = true;
    });
    window.addEventListener("resize", () => panes.forEach((pane) => { pane.dirty = true; }));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    // Runs that another page of this browser has left.
    attempt(async () => (await ask("/runs")).runs.forEach((one) => open(one, null)));
    const linked = () => location.hash.startsWith("#x1/") && attempt(() => {
      show(SCREENS.find((one) => one.mode === "orders"));
      $("token").value = decodeURIComponent(location.hash.slice(1));
      return playOrder($("token").value);
    });
    window.addEventListener("hashchange", linked);
    linked();
    requestAnimationFrame(frame);
    document.documentElement.dataset.ready = "true";
  }

  main();
})();
