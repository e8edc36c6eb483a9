"use strict";
// Everything that comes from a recording is put into the page as text, never as markup.
(() => {
  const $ = (id) => document.getElementById(id);
  const drawing = lanesOfProcesses;
  const { MARKS, ROW, brief, element, time } = drawing;
  const LANES = 200;
  const ROWS = 100;
  const money = (text) => {
    if (text === null || text === undefined) return "";
    const { name, is_sign } = data.unit;
    if (!is_sign) return `${text} ${name}`;
    return text.startsWith("-") ? `-${name}${text.slice(1)}` : `${name}${text}`;
  };
  const minor = (text) => (text === null ? null : BigInt(text.replace(".", "")));
  const count = (number, one, many) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  async function unpack() {
    const packed = atob($("data").textContent.trim());
    const bytes = Uint8Array.from(packed, (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(stream).text());
  }

  let data, operations, lanes;

  // Columns become rows.
  function rows(columns) {
    const names = Object.keys(columns);
    const length = names.length ? columns[names[0]].length : 0;
    return Array.from({ length }, (_, place) => {
      const row = { place };
      for (const name of names) row[name] = columns[name][place];
      return row;
    });
  }

  function cells(table, titles, lines, caption) {
    table.replaceChildren();
    if (caption) table.append(element("caption", {}, caption));
    const head = element("tr");
    for (const [title, kind] of titles) head.append(element("th", { scope: "col", class: kind }, title));
    table.append(element("thead", {}, head));
    const body = element("tbody");
    for (const line of lines) {
      const row = element("tr");
      line.forEach((cell, column) => row.append(element("td", { class: titles[column][1] }, cell)));
      body.append(row);
    }
    table.append(body);
  }

  function summary() {
    const runs = data.runs;
    const modes = [...new Set(runs.map((run) => run.mode + (run.sync ? ` --sync ${run.sync}` : "")))];
    $("title").textContent = `bank-par: ${modes.filter(Boolean).join(", ") || "a run"}`;
    document.title = $("title").textContent;
    const first = runs[0];
    $("subtitle").textContent = [
      first.started_at, first.ledger && `ledger ${first.ledger}`, first.name && `run ${first.name}`,
    ].filter(Boolean).join(" · ");
    const figures = $("figures");
    const figure = (name, value, bad) => {
      figures.append(element("div", bad ? { class: "bad" } : {}, element("dt", {}, name), element("dd", {}, value)));
    };
    figure("Operations", data.total.toLocaleString("en"));
    for (const [end, number] of Object.entries(data.ends)) {
      if (number > 0 || end === "completed") {
        figure(end[0].toUpperCase() + end.slice(1), number.toLocaleString("en"), end !== "completed");
      }
    }
    figure("Time", time(data.end));
    if (data.end > 0) figure("Per second", Math.round(data.total / (data.end / 1e6)).toLocaleString("en"));
    const totals = runs.map((run) => run.totals).filter(Boolean);
    const sum = (name) => totals.reduce((total, one) => total + (one[name] ?? 0), 0);
    if (totals.length) {
      figure("Processes", sum("processes").toLocaleString("en"));
      figure("One after another", time(sum("sequential")));
      const lost = sum("lost_updates");
      figure("Updates lost", lost.toLocaleString("en"), lost > 0);
    }
    if (runs.length > 1) {
      cells($("runs"), [["Run", "number"], ["Mode"], ["Recording", "long"], ["Process", "number"], ["Begun", "number"], ["Time", "number"], ["Status", "number"]],
        runs.map((run, place) => [place + 1, run.mode, run.source, run.pid || "", time(run.from), time(run.until - run.from), run.totals ? run.totals.status : "no end"]));
    } else {
      $("runs").parentElement.hidden = true;
    }
    const balances = runs.flatMap((run, place) => (run.totals ? run.totals.balances.map((one) => [place, one]) : []));
    cells($("accounts"), [["Run", "number"], ["Account", "nowrap"], ["Balance", "number"], ["Must be", "number"], ["Its updates lost", "number"]],
      balances.map(([run, one]) => [run + 1, one.account, money(one.balance), one.expected === null ? "" : money(one.expected), one.lost_updates]), "Accounts at the end");
    $("accounts").parentElement.hidden = balances.length === 0;
    for (const note of data.notes) $("notes").append(element("li", {}, note));
  }

  // ---- lanes ----

  const view = { from: 0, until: 1, page: 0, chosen: null };

  function describe(operation) {
    const lane = lanes[operation.lane];
    const parts = [
      `Operation ${operation.number}`,
      `${operation.op} ${money(operation.amount)} ${data.accounts[operation.account]}`.replace("  ", " "),
      lane.worker ? `worker ${lane.worker}, process ${lane.pid}` : "no process",
      `from ${time(operation.begun)}, took ${time(operation.ended - operation.begun)}`,
      operation.end + (operation.duplicate ? " (done before)" : "") + (operation.reason ? `: ${operation.reason}` : ""),
    ];
    if (operation.balance !== null) parts.push(`balance ${money(operation.balance)}`);
    if (operation.id !== null) parts.push(`id ${operation.id}`);
    if (operation.detail !== null) parts.push(operation.detail);
    return parts.join(" · ");
  }

  function laneName(lane) {
    const own = lane.operations;
    const run = data.runs.length > 1 ? `${lane.run + 1}/` : "";
    if (own.length === 1) {
      const operation = operations[own[0]];
      return `${run}${operation.number} ${operation.op} ${money(operation.amount)}`.trim();
    }
    return lane.worker ? `${run}worker ${lane.worker}` : `${run}no process`;
  }

  function drawLanes() {
    const begin = view.page * LANES;
    const shown = lanes.slice(begin, begin + LANES);
    drawing.drawLanes($("plot"), {
      lanes: shown, operations, from: view.from, until: view.until, chosen: view.chosen, label: $("lanes-text").textContent,
      nameOf: laneName, describe, point: (operation) => { $("chosen").textContent = describe(operation); },
      choose: (operation) => choose(operation.place, false),
    });
    $("window").textContent = `${time(view.from)} to ${time(view.until)}`;
    document.documentElement.dataset.lanes = shown.length;
  }

  function choose(place, reveal) {
    view.chosen = place;
    const operation = operations[place];
    $("chosen").textContent = describe(operation);
    view.page = Math.floor(operation.lane / LANES);
    if (reveal) {
      const length = Math.max((operation.ended - operation.begun) * 3, data.end / 1000, 10);
      const middle = (operation.begun + operation.ended) / 2;
      look(middle - length / 2, middle + length / 2);
      const row = (operation.lane % LANES) * ROW;
      $("plot").scrollTop = Math.max(0, row - 100);
    } else {
      drawLanes();
    }
  }

  function look(from, until) {
    const whole = Math.max(data.end * 1.02, 1);
    const length = Math.min(Math.max(until - from, Math.min(5, whole)), whole);
    const start = Math.min(Math.max(from, 0), whole - length);
    view.from = start;
    view.until = start + length;
    $("zoom-out").disabled = $("zoom-all").disabled = length >= whole;
    drawLanes();
  }
  function zoom(factor, middle = (view.from + view.until) / 2) {
    look(middle - (middle - view.from) * factor, middle + (view.until - middle) * factor);
  }
  const move = (share) => {
    const by = (view.until - view.from) * share;
    look(view.from + by, view.until + by);
  };

  function lanesSection() {
    const known = data.shown === data.total ? "" : ` Of ${data.total.toLocaleString("en")} operations, those of the table below are drawn.`;
    $("lanes-text").textContent = `${count(lanes.length, "lane", "lanes")}, one for each process, with ${count(data.shown, "operation", "operations")}.${known}`;
    drawing.drawLegend($("legend"), operations);
    const plot = $("plot");
    const pages = Math.ceil(lanes.length / LANES);
    $("lane-pages").hidden = pages < 2;
    const turn = (by) => { view.page = Math.min(Math.max(view.page + by, 0), pages - 1); drawLanes(); };
    $("lanes-before").addEventListener("click", () => turn(-1));
    $("lanes-after").addEventListener("click", () => turn(1));
    $("zoom-in").addEventListener("click", () => zoom(0.5));
    $("zoom-out").addEventListener("click", () => zoom(2));
    $("zoom-all").addEventListener("click", () => look(0, Infinity));
    plot.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.shiftKey && Math.abs(event.deltaY) > Math.abs(event.deltaX) && plot.scrollHeight > plot.clientHeight) return;
      event.preventDefault();
      const box = plot.getBoundingClientRect();
      const left = drawing.leftOf(box.width);
      const share = Math.min(Math.max((event.clientX - box.left - left) / (box.width - left - 12), 0), 1);
      zoom(event.deltaY > 0 ? 1.25 : 0.8, view.from + (view.until - view.from) * share);
    }, { passive: false });
    let held = null;
    plot.addEventListener("pointerdown", (event) => { held = { x: event.clientX, from: view.from, until: view.until }; });
    plot.addEventListener("pointermove", (event) => {
      if (!held || Math.abs(event.clientX - held.x) < 4) return;
      const by = ((held.x - event.clientX) / plot.clientWidth) * (held.until - held.from);
      look(held.from + by, held.until + by);
    });
    for (const name of ["pointerup", "pointerleave", "pointercancel"]) plot.addEventListener(name, () => { held = null; });
    plot.addEventListener("keydown", (event) => {
      const keys = {
        "+": () => zoom(0.5), "=": () => zoom(0.5), "-": () => zoom(2), Home: () => look(0, Infinity),
        ArrowLeft: () => move(-0.2), ArrowRight: () => move(0.2),
        ArrowDown: () => choose(Math.min((view.chosen ?? -1) + 1, operations.length - 1), false),
        ArrowUp: () => choose(Math.max((view.chosen ?? 1) - 1, 0), false),
        Enter: () => view.chosen !== null && choose(view.chosen, true),
      };
      if (!keys[event.key] || operations.length === 0) return;
      event.preventDefault();
      keys[event.key]();
    });
    look(0, Infinity);
  }

  function sharedSection() {
    const accesses = rows(data.accesses);
    const waits = rows(data.waits);
    $("shared").hidden = accesses.length + waits.length === 0;
    const lost = new Set(accesses.filter((access) => access.lost_to !== null).map((access) => access.operation)).size;
    $("shared-text").textContent = `${count(accesses.length, "read or write", "reads and writes")} of shared balances; ${count(lost, "operation's update was lost", "operations' updates were lost")}` +
      (waits.length ? `; ${count(waits.length, "wait", "waits")} for locks.` : ".") +
      (data.accesses_omitted ? ` ${data.accesses_omitted.toLocaleString("en")} later ones are left out.` : "");
    const words = { read: "reads", conflict: "does not write: it has changed; reads", write: "writes", add: "adds in one step, to" };
    const vain = { deadlock: ": a deadlock", holder_died: ", in vain: its process has died" };
    cells($("accesses"), [["Time", "number"], ["Operation", "nowrap"], ["Does", "nowrap"], ["Account", "nowrap"], ["Balance", "number"], ["Version", "number"], ["Lost", "nowrap"]],
      [...accesses, ...waits].sort((one, other) => one.at - other.at).map((access) => {
        const who = operations[access.operation];
        if (access.step === undefined) {
          const holder = access.holder === null ? "another operation" : `${operations[access.holder].number} ${operations[access.holder].op}`;
          return [time(access.at), `${who.number} ${who.op}`, `waits: ${holder} has the lock${vain[access.in_vain] ?? ""}`, access.accounts, "", "", ""];
        }
        const over = access.lost_to === null ? "" : element("span", { class: "lost" }, `LOST: ${operations[access.lost_to].number} ${operations[access.lost_to].op} writes over it unseen`);
        return [time(access.at), `${who.number} ${who.op}`, words[access.step], data.accounts[access.account], money(access.balance), access.version, over];
      }));
  }

  // ---- charts ----

  const charts = [];
  function chart(id, make) {
    const holder = $(id);
    const draw = () => {
      const { options, columns } = make();
      holder.replaceChildren();
      const axis = { stroke: color("text"), grid: { stroke: color("line"), width: 1 }, ticks: { stroke: color("line") } };
      new uPlot({
        width: Math.max(holder.clientWidth, 260), height: 240, legend: { show: false }, cursor: { show: false }, ...options,
        axes: options.axes.map((own) => ({ ...axis, ...own })),
      }, columns, holder);
    };
    charts.push(draw);
    draw();
    return draw;
  }
  const seconds = { space: 84, values: (_, marks) => marks.map(brief) };

  const stepped = () => uPlot.paths.stepped({ align: 1 });

  function keys(id, names) {
    const holder = $(id);
    for (const [name, how] of names) holder.append(" ", element("span", { class: "key" }, `${name}: ${how}.`));
  }

  function balanceSection() {
    const select = $("account");
    data.histories.forEach((history, place) => select.append(element("option", { value: place }, data.accounts[history.account])));
    $("balance").hidden = data.histories.length === 0;
    if (data.histories.length === 0) return;
    const history = () => data.histories[Number(select.value)];
    const tell = () => {
      const { at, posted, available, changed } = history();
      const values = posted.map(Number);
      const [least, most] = values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
      $("balance-text").textContent = `${data.accounts[history().account]} changed ${count(changed, "time", "times")}, lay between ${money(least.toFixed(data.unit.decimals))} and ${money(most.toFixed(data.unit.decimals))}, and ended with ${money(posted[posted.length - 1])}` +
        ` (${money(available[available.length - 1])} available) at ${time(at[at.length - 1])}.`;
      keys("balance-text", [["Posted", "solid line"], ["Available", "dashed line"]]);
    };
    tell();
    const draw = chart("balance-chart", () => {
      const { at, posted, available } = history();
      const until = Math.max(data.end, at[at.length - 1]);
      const last = (values) => [...values.map(Number), Number(values[values.length - 1])];
      return {
        options: {
          scales: { x: { time: false } },
          series: [{}, { stroke: color("posted"), width: 2, paths: stepped(), points: { show: false } }, { stroke: color("available"), width: 2, dash: [4, 4], paths: stepped(), points: { show: false } }],
          axes: [seconds, { size: 84, values: (_, marks) => marks.map((mark) => money(mark.toLocaleString("en"))) }],
        },
        columns: [[...at, until], last(posted), last(available)],
      };
    });
    select.addEventListener("change", () => { tell(); draw(); });
  }

  function rateSection() {
    const { width, ended, under_way } = data.bins;
    const at = under_way.map((_, place) => place * width);
    const all = at.map((_, place) => Object.values(ended).reduce((sum, column) => sum + column[place], 0));
    const most = Math.max(...all);
    const crowd = under_way.reduce((high, value) => Math.max(high, value), 0);
    $("rate-text").textContent = `At most ${count(most, "operation", "operations")} ended within ${time(width)}, and at most ${crowd.toLocaleString("en")} were under way.`;
    keys("rate-text", [["Ended", "solid line"], ["Under way", "dashed line, right axis"]]);
    chart("rate-chart", () => ({
      options: {
        scales: { x: { time: false } },
        series: [{}, { stroke: color("posted"), width: 2, paths: stepped(), points: { show: false } }, { stroke: color("available"), width: 2, dash: [4, 4], scale: "n", paths: stepped(), points: { show: false } }],
        axes: [seconds, { size: 80 }, { side: 1, scale: "n", size: 60, grid: { show: false } }],
      },
      columns: [at, all, under_way],
    }));
  }

  function latencySection() {
    $("latency").hidden = data.latencies.length === 0;
    if (data.latencies.length === 0) return;
    cells($("percentiles"), [["Operation"], ["Count", "number"], ["Median", "number"], ["90 %", "number"], ["99 %", "number"], ["Longest", "number"]],
      data.latencies.map((one) => [one.op, one.count.toLocaleString("en"), time(one.p50), time(one.p90), time(one.p99), time(one.most)]));
    const bounds = data.latency_bounds;
    const sums = bounds.map((_, place) => data.latencies.reduce((sum, one) => sum + one.buckets[place], 0));
    const mode = sums.indexOf(Math.max(...sums));
    $("latency-text").append(` Most often, ${sums[mode].toLocaleString("en")} times, ${mode ? `from ${brief(bounds[mode - 1])} ` : ""}up to ${brief(bounds[mode])}.`);
    chart("latency-chart", () => ({
      options: {
        scales: { x: { time: false, range: [-0.6, bounds.length - 0.4] } },
        series: [{}, { stroke: color("posted"), fill: color("posted"), width: 1, paths: uPlot.paths.bars({ size: [0.8, 60] }), points: { show: false } }],
        axes: [{ values: (_, marks) => marks.map((mark) => (Number.isInteger(mark) && bounds[mark] !== undefined ? `≤ ${brief(bounds[mark])}` : "")), space: 76 }, { size: 80 }],
      },
      columns: [bounds.map((_, place) => place), sums],
    }));
  }

  // ---- table ----

  const table = { by: "begun", down: false, page: 0, found: [] };
  const COLUMNS = [
    ["number", "#", "number"], ["op", "Operation", "nowrap"], ["account", "Account", "nowrap"], ["amount", "Amount", "number"],
    ["begun", "Begun", "number"], ["elapsed", "Took", "number"], ["end", "End", "nowrap"], ["balance", "Balance", "number"],
    ["worker", "Worker", "number"], ["pid", "Process", "number"], ["line", "Line", "number"], ["id", "Id", "long"], ["detail", "Detail", "long"],
  ];
  const KEYS = {
    account: (row) => data.accounts[row.account], amount: (row) => minor(row.amount), balance: (row) => minor(row.balance),
    elapsed: (row) => row.ended - row.begun, worker: (row) => lanes[row.lane].worker, pid: (row) => lanes[row.lane].pid,
    detail: (row) => row.reason ?? row.detail,
  };
  const keyOf = (row) => (KEYS[table.by] ? KEYS[table.by](row) : row[table.by]);

  function where(row) {
    const to = row.to === null ? "" : ` → ${data.accounts[row.to]}`;
    return data.accounts[row.account] + to;
  }

  function find() {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const end = $("end").value;
    table.found = operations.filter((row) => (end === "" || row.end === end) && words.every((word) => row.text.includes(word)));
    table.found.sort((one, other) => {
      const [a, b] = [keyOf(one), keyOf(other)];
      if (a === b) return one.place - other.place;
      if (a === null || a === undefined) return 1;
      if (b === null || b === undefined) return -1;
      return (a < b ? -1 : 1) * (table.down ? -1 : 1);
    });
    table.page = 0;
    drawTable();
  }

  function drawTable() {
    const head = element("tr");
    for (const [name, title, kind] of COLUMNS) {
      const sorted = name === table.by;
      const button = element("button", { type: "button", "data-sort": name }, title + (sorted ? (table.down ? " ↓" : " ↑") : ""));
      button.addEventListener("click", () => {
        table.down = sorted ? !table.down : false;
        table.by = name;
        find();
        $("table").querySelector(`[data-sort="${name}"]`).focus();
      });
      head.append(element("th", { scope: "col", class: kind, "aria-sort": sorted ? (table.down ? "descending" : "ascending") : undefined }, button));
    }
    const body = element("tbody");
    const begin = table.page * ROWS;
    for (const row of table.found.slice(begin, begin + ROWS)) {
      const lane = lanes[row.lane];
      const show = element("button", { type: "button", class: "row-button", "aria-label": `Show operation ${row.number} in the lanes` }, row.number);
      show.addEventListener("click", () => {
        choose(row.place, true);
        $("lanes").scrollIntoView();
      });
      const reason = [row.reason, row.detail].filter((text) => text !== null).join(": ");
      const line = [show, row.op, where(row), money(row.amount), time(row.begun), time(row.ended - row.begun), row.end + (row.duplicate ? ", done before" : ""),
        money(row.balance), lane.worker || "", lane.pid || "", row.line ?? "", row.id ?? "", reason];
      body.append(element("tr", {}, ...line.map((cell, column) => element("td", { class: COLUMNS[column][2] }, cell))));
    }
    $("table").replaceChildren(element("thead", {}, head), body);
    const last = Math.min(begin + ROWS, table.found.length);
    $("found").textContent = `${count(table.found.length, "operation", "operations")} found`;
    $("rows").textContent = table.found.length ? `${begin + 1} to ${last} of ${table.found.length}` : "";
    $("before").disabled = table.page === 0;
    $("after").disabled = last >= table.found.length;
  }

  function operationsSection() {
    $("operations-text").textContent = data.shown === data.total
      ? `All ${count(data.total, "operation", "operations")}.`
      : `Of ${data.total.toLocaleString("en")} operations these ${data.shown.toLocaleString("en")}: the slowest, and what was refused, failed, is in doubt or has no end.`;
    const select = $("end");
    select.append(element("option", { value: "" }, "any"));
    for (const end of Object.keys(MARKS)) select.append(element("option", { value: end }, end));
    select.addEventListener("change", find);
    $("search").addEventListener("input", find);
    $("before").addEventListener("click", () => { table.page -= 1; drawTable(); });
    $("after").addEventListener("click", () => { table.page += 1; drawTable(); });
    find();
  }

  async function main() {
    data = await unpack();
    operations = rows(data.operations);
    lanes = rows(data.lanes).map((lane) => ({ ...lane, operations: [] }));
    for (const row of operations) {
      lanes[row.lane].operations.push(row.place);
      row.op = data.kinds[row.op];
      row.end = data.end_words[row.end];
      row.accesses = [];
      row.text = [row.number, row.op, where(row), row.amount, row.end, row.reason, row.detail, row.id, row.line, lanes[row.lane].pid, lanes[row.lane].worker && `worker ${lanes[row.lane].worker}`]
        .filter((part) => part !== null).join(" ").toLowerCase();
    }
    for (const access of rows(data.accesses)) operations[access.operation].accesses.push(access);
    summary();
    lanesSection();
    sharedSection();
    balanceSection();
    rateSection();
    latencySection();
    operationsSection();
    let wait = null;
    const again = () => { clearTimeout(wait); wait = setTimeout(() => { drawLanes(); charts.forEach((draw) => draw()); }, 100); };
    window.addEventListener("resize", again);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    document.documentElement.dataset.ready = "true";
  }

  main().catch((error) => {
    $("trouble").hidden = false;
    $("trouble").textContent = `This page could not be drawn: ${error}. A browser of 2023 or later is needed.`;
    throw error;
  });
})();
