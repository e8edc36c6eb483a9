"use strict";
// What a run's events say, as lanes and operations that can be drawn at any moment. It keeps the last lanes
// and lines alone, so that a page that is open for long stays small.
const recordingOfRun = (() => {
  const MOST_LANES = 200;
  const MOST_OPERATIONS = 500;
  const MOST_LINES = 200;
  const MOST_POINTS = 1000;
  const MOST_STEPS = 300;
  const ENDS = { completed: "completed", refused: "refused", failed: "failed", in_doubt: "in doubt" };

  function recording() {
    return {
      lanes: [], operations: [], lines: [], points: [], byWorker: new Map(), byOperation: new Map(), alive: new Map(),
      cells: new Map(), waits: new Map(), counts: { completed: 0, refused: 0, failed: 0, "in doubt": 0 }, at: 0, account: "main",
      balance: null, available: null, races: [], summary: null, explored: null, replayed: null, mechanism: "", parent: null, lost: new Set(), missed: 0, killed: 0,
    };
  }

  function laneOf(run, event) {
    let lane = run.byWorker.get(event.worker);
    if (!lane) {
      lane = { worker: event.worker, pid: event.pid, spawned: event.at_us ?? run.at, exited: null, ready: null, exit: null, operations: [] };
      run.byWorker.set(event.worker, lane);
      run.lanes.push(lane);
      if (run.lanes.length > MOST_LANES) forget(run, run.lanes.shift());
    }
    return lane;
  }

  function forget(run, lane) {
    run.byWorker.delete(lane.worker);
    for (const number of lane.operations) {
      run.byOperation.delete(run.operations[number].number);
      run.operations[number] = undefined;
    }
  }

  // The last operations are kept, and the places of all that were forgotten are given back.
  function compact(run) {
    const known = run.operations.filter(Boolean);
    for (const old of known.slice(0, -MOST_OPERATIONS)) run.byOperation.delete(old.number);
    run.operations = known.slice(-MOST_OPERATIONS);
    for (const lane of run.lanes) lane.operations = [];
    run.operations.forEach((operation, place) => {
      operation.place = place;
      operation.lane.operations.push(place);
    });
  }

  function operationOf(run, event) {
    let operation = run.byOperation.get(event.operation);
    // The first that is told of an operation without work is a step, which does not name it.
    if (operation?.op === "" && event.op) {
      const { op, account = operation.account, to = null, amount = null } = event;
      Object.assign(operation, { op, account, to, amount });
    }
    if (!operation) {
      if (run.operations.length >= 2 * MOST_OPERATIONS) compact(run);
      const lane = laneOf(run, event);
      const begun = Math.max(lane.spawned, event.elapsed_us === undefined ? event.at_us : event.at_us - event.elapsed_us);
      operation = {
        number: event.operation, op: event.op ?? "", account: event.account ?? "", to: event.to ?? null, amount: event.amount ?? null,
        begun, ready: lane.operations.length === 0 ? lane.ready : begun, wait_from: null, wait_until: null, work_from: null, work_until: null,
        ended: null, end: null, reason: null, balance: null, accesses: [], lane, place: run.operations.length,
      };
      lane.operations.push(operation.place);
      run.operations.push(operation);
      run.byOperation.set(event.operation, operation);
    }
    return operation;
  }

  // The last steps at a balance.
  function accessed(run, event, step) {
    const operation = operationOf(run, event), { account, version, at_us: at } = event;
    const access = { step, at, account, version, operation, lost_to: null };
    const cell = run.cells.get(account) ?? [];
    run.cells.set(account, cell);
    cell.push(access);
    if (cell.length > MOST_STEPS) cell.shift();
    operation.accesses.push(access);
    return operation;
  }

  function saw(run, event, step) {
    accessed(run, event, step).work_from ??= event.at_us;
  }

  function wrote(run, event) {
    const operation = accessed(run, event, event.added === undefined ? "write" : "add");
    if (operation.work_from !== null) operation.work_until = event.at_us;
    markLost(run, run.cells.get(event.account));
  }

  // What each write made, and what it builds on. In shared memory a balance has a count of the updates that it
  // includes instead of a version: two that read the same make the same one, and what is read is its last write's.
  function writesOf(cell) {
    // Processes tell their steps a little out of order.
    const ordered = [...cell].sort((one, other) => one.at - other.at);
    const isWrite = ({ step }) => step === "write" || step === "add";
    const told = ordered.filter(isWrite).map((access) => access.version);
    const areCounts = new Set(told).size < told.length;
    const latest = new Map(), seen = new Map(), writes = [];
    for (const access of ordered) {
      if (isWrite(access)) latest.set(access.version, writes.length + 1);
      const version = areCounts ? latest.get(access.version) ?? 0 : access.version;
      if (!isWrite(access)) seen.set(access.operation, version);
      else writes.push({ access, version, base: (access.step === "write" ? seen.get(access.operation) : undefined) ?? version - 1 });
    }
    return writes.sort((one, other) => one.version - other.version);
  }

  // The updates that count are those on which the last write builds, one before the other. What is lost can
  // count again: by a write that had read it.
  function markLost(run, cell) {
    const writes = writesOf(cell);
    const made = new Map(writes.map((write) => [write.version, write]));
    const counts = new Set();
    for (let write = writes[writes.length - 1]; write && !counts.has(write); write = made.get(write.base)) counts.add(write);
    writes.forEach((write, place) => {
      const over = counts.has(write) ? undefined : writes.slice(place + 1).find((later) => later.base < write.version);
      write.access.lost_to = over?.access.operation.number ?? null;
    });
    // An operation writes more than one account, and its update is lost once.
    for (const { access: { operation } } of writes) {
      if (operation.accesses.some((access) => access.lost_to !== null)) run.lost.add(operation.number);
      else run.lost.delete(operation.number);
    }
  }

  function balanceIs(run, event, balance) {
    if (balance === undefined || event.account !== run.account) return;
    run.balance = balance;
    if (event.available !== undefined) run.available = event.available;
    // Events of several processes can come a little out of order, and a line goes forward alone.
    const last = run.points[run.points.length - 1]?.[0] ?? 0;
    run.points.push([Math.max(event.at_us ?? run.at, last), Number(balance)]);
    // Every second point of what is long gone is enough for a picture.
    if (run.points.length > MOST_POINTS) run.points = run.points.filter((_, place) => place % 2 === 1);
  }

  const RULES = {
    run_started(run, event) {
      run.account = event.account ?? "main";
      run.mechanism = event.mechanism ?? "";
      run.parent = event.pid;
      balanceIs(run, { account: run.account, at_us: 0 }, event.balance);
    },
    spawned(run, event) {
      laneOf(run, event);
      run.alive.set(event.worker, event.pid);
    },
    connected(run, event) { laneOf(run, event).ready = event.at_us; },
    started(run, event) { operationOf(run, event); },
    held(run, event) {
      operationOf(run, event).work_from = event.at_us;
      balanceIs(run, event, event.balance);
    },
    read(run, event) { saw(run, event, "read"); },
    conflict(run, event) { saw(run, event, "conflict"); },
    wrote(run, event) {
      wrote(run, event);
      balanceIs(run, event, event.balance);
    },
    lease_wait(run, event) {
      operationOf(run, event).wait_from ??= event.at_us;
      run.waits.set(event.worker, event);
    },
    lease_granted(run, event) {
      operationOf(run, event).wait_until = event.at_us;
      run.waits.delete(event.worker);
    },
    request(run, event) {
      const operation = run.byOperation.get(event.operation);
      if (operation && (event.request === "post" || event.request === "void")) operation.work_until = event.sent_us;
    },
    exited(run, event) {
      const lane = laneOf(run, event);
      lane.exited = event.at_us;
      if (event.signal !== undefined) { lane.exit = event.signal; run.killed += 1; }
      run.alive.delete(event.worker);
      run.waits.delete(event.worker);
    },
    explored(run, event) { run.explored = event; },
    replayed(run, event) { run.replayed = event; },
    // Each of several races has a balance of its own.
    raced(run, event) {
      run.races.push(event);
      run.balance = run.races.length === 1 ? event.actual : null;
    },
    summary(run, event) {
      run.summary = event;
      const own = (event.balances ?? []).find((one) => one.account === run.account);
      if (own) balanceIs(run, { account: own.account, available: own.available }, own.balance);
    },
  };

  function take(run, event) {
    if (event.at_us !== undefined) run.at = Math.max(run.at, event.at_us);
    const end = ENDS[event.type];
    if (end) {
      run.counts[end] += 1;
      if (event.worker !== undefined) {
        const operation = operationOf(run, event);
        operation.end = end;
        operation.ended = event.at_us;
        operation.reason = event.reason ?? null;
        operation.balance = event.balance ?? null;
        if (operation.work_from !== null) operation.work_until ??= event.at_us;
      }
      run.waits.delete(event.worker);
      // Where writes are told, an answer can be older than the last of them.
      if (!run.cells.has(event.account)) balanceIs(run, event, event.balance);
    } else {
      RULES[event.type]?.(run, event);
    }
    const line = words(event);
    if (line) {
      run.lines.push(line);
      if (run.lines.length > MOST_LINES) run.lines.shift();
    }
  }

  const who = (event) => (event.worker ? `worker ${event.worker} (process ${event.pid})` : "the parent");
  const what = (event) => [event.op, event.amount, event.account, event.to && `to ${event.to}`].filter(Boolean).join(" ");
  const holder = (event) => (event.holder === undefined ? "another worker" : `worker ${event.holder}`);
  const waits = (event) => `waits for ${event.accounts.join(" and ")}, which ${holder(event)} has`;
  function waitWords(event) {
    if (event.in_vain === "holder_died") return `waits in vain for ${event.accounts.join(" and ")}: ${holder(event)} has died`;
    return waits(event) + (event.in_vain === "deadlock" ? ": a deadlock" : "");
  }
  const WORDS = {
    run_started: (event) => `process ${event.pid} runs ${event.mode}${event.mechanism ? `, ${event.mechanism}` : ""}`,
    spawned: (event) => `${who(event)} is started`,
    connected: (event) => `${who(event)} is connected`,
    started: (event) => `${who(event)}: ${what(event)} is started`,
    held: (event) => `${who(event)}: ${what(event)} is begun, available ${event.available}`,
    read: (event) => `${who(event)} reads ${event.account} = ${event.balance}`,
    wrote: (event) => `${who(event)} writes ${event.account} = ${event.balance}`,
    conflict: (event) => `${who(event)} does not write ${event.account}, for it has changed: reads ${event.balance}`,
    lease_wait: (event) => `${who(event)} ${waitWords(event)}`,
    lease_granted: (event) => `${who(event)} waits no longer`,
    completed: (event) => `${who(event)}: ${what(event)} is completed, balance ${event.balance ?? "?"}`,
    refused: (event) => `${who(event)}: ${what(event)} is refused: ${event.reason}`,
    failed: (event) => `${who(event)}: ${what(event)} has failed: ${event.reason}`,
    in_doubt: (event) => `${who(event)}: ${what(event)} is in doubt`,
    exited: (event) => `${who(event)} has ended${event.signal === undefined ? "" : ` by signal ${event.signal}`}`,
    raced: (event) => `${event.remedy}: ${event.lost_updates} updates lost, ${event.actual} of ${event.expected}, ${event.ns_per_operation} ns each`,
    repaired: (event) => `what ${who(event)} had half written was completed`,
  };
  const words = (event) => WORDS[event.type]?.(event);

  // Who waits for whom in a circle, as long as it lasts.
  function deadlock(run) {
    const found = [...run.waits.values()].find((wait) => wait.in_vain === "deadlock");
    if (!found) return "";
    const path = [];
    let next = found;
    while (next && !path.includes(next)) {
      path.push(next);
      next = run.waits.get(next.holder);
    }
    const circle = next ? path.slice(path.indexOf(next)) : path;
    return `Deadlock: ${circle.map((wait) => `worker ${wait.worker} ${waits(wait)}`).join("; ")}.`;
  }

  // The rows that are drawn: what has no end yet lasts until now.
  function drawn(run, now) {
    const operations = run.operations.map((operation) => operation && {
      ...operation, ready: operation.ready ?? (operation.lane.ready ?? now), ended: operation.ended ?? now,
      work_until: operation.work_until ?? now, wait_until: operation.wait_until ?? now, end: operation.end ?? "unfinished",
    });
    const lanes = run.lanes.map((lane) => ({ ...lane, exited: lane.exited ?? now }));
    return { operations, lanes };
  }

  return { deadlock, drawn, recording, take };
})();
