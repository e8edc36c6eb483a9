"use strict";
// What a run's events say, as lanes and operations that can be drawn at any moment. It keeps the last lanes
// and lines alone, so that a page that is open for long stays small.
const recordingOfRun = (() => {
  const MOST_LANES = 200;
  const MOST_OPERATIONS = 500;
  const MOST_LINES = 200;
  const MOST_POINTS = 1000;
  const ENDS = { completed: "completed", refused: "refused", failed: "failed", in_doubt: "in doubt" };

  function recording() {
    return {
      lanes: [], operations: [], lines: [], points: [], byWorker: new Map(), byOperation: new Map(), alive: new Map(),
      writes: new Map(), counts: { completed: 0, refused: 0, failed: 0, "in doubt": 0 }, at: 0, account: "main",
      balance: null, available: null, races: [], summary: null, explored: null, replayed: null, mechanism: "", parent: null, lost: 0, missed: 0, killed: 0,
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
        ended: null, end: null, reason: null, balance: null, accesses: [], lane, reads: new Map(), place: run.operations.length,
      };
      lane.operations.push(operation.place);
      run.operations.push(operation);
      run.byOperation.set(event.operation, operation);
    }
    return operation;
  }

  // A write is lost to another that had read before it and writes behind it.
  function wrote(run, operation, event) {
    const writes = run.writes.get(event.account) ?? [];
    const read = operation.reads.get(event.account);
    const access = { step: "write", at: event.at_us, account: event.account, lost_to: null };
    if (read !== undefined) {
      for (const earlier of writes) {
        if (earlier.operation !== operation && earlier.access.at > read && earlier.access.lost_to === null) {
          earlier.access.lost_to = operation.number;
          run.lost += 1;
        }
      }
    }
    operation.accesses.push(access);
    writes.push({ operation, access });
    run.writes.set(event.account, writes.slice(-50));
    if (operation.work_from !== null && operation.work_until === null) operation.work_until = event.at_us;
  }

  function balanceIs(run, event, balance) {
    if (balance === undefined || event.account !== run.account) return;
    run.balance = balance;
    if (event.available !== undefined) run.available = event.available;
    run.points.push([event.at_us ?? run.at, Number(balance)]);
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
    read(run, event) {
      const operation = operationOf(run, event);
      operation.reads.set(event.account, event.at_us);
      operation.accesses.push({ step: event.conflict ? "conflict" : "read", at: event.at_us, account: event.account, lost_to: null });
      operation.work_from = event.at_us;
      operation.work_until = null;
    },
    wrote(run, event) {
      wrote(run, operationOf(run, event), event);
      balanceIs(run, event, event.balance);
    },
    lease_wait(run, event) { operationOf(run, event).wait_from ??= event.at_us; },
    lease_granted(run, event) { operationOf(run, event).wait_until = event.at_us; },
    request(run, event) {
      const operation = run.byOperation.get(event.operation);
      if (operation && (event.request === "post" || event.request === "void")) operation.work_until = event.sent_us;
    },
    exited(run, event) {
      const lane = laneOf(run, event);
      lane.exited = event.at_us;
      if (event.signal !== undefined) { lane.exit = event.signal; run.killed += 1; }
      run.alive.delete(event.worker);
    },
    explored(run, event) { run.explored = event; },
    replayed(run, event) { run.replayed = event; },
    raced(run, event) { run.races.push(event); },
    summary(run, event) {
      run.summary = event;
      const own = (event.balances ?? []).find((one) => one.account === run.account);
      if (own) {
        run.balance = own.balance;
        run.available = own.available;
      }
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
      balanceIs(run, event, event.balance);
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
  const WORDS = {
    run_started: (event) => `process ${event.pid} runs ${event.mode}${event.mechanism ? `, ${event.mechanism}` : ""}`,
    spawned: (event) => `${who(event)} is started`,
    connected: (event) => `${who(event)} is connected`,
    started: (event) => `${who(event)}: ${what(event)} is started`,
    held: (event) => `${who(event)}: ${what(event)} is begun, available ${event.available}`,
    read: (event) => `${who(event)} reads ${event.account} = ${event.balance}`,
    wrote: (event) => `${who(event)} writes ${event.account} = ${event.balance}`,
    lease_wait: (event) => `${who(event)} waits`,
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

  // The rows that are drawn: what has no end yet lasts until now.
  function drawn(run, now) {
    const operations = run.operations.map((operation) => operation && {
      ...operation, ready: operation.ready ?? (operation.lane.ready ?? now), ended: operation.ended ?? now,
      work_until: operation.work_until ?? now, wait_until: operation.wait_until ?? now, end: operation.end ?? "unfinished",
    });
    const lanes = run.lanes.map((lane) => ({ ...lane, exited: lane.exited ?? now }));
    return { operations, lanes };
  }

  return { drawn, recording, take };
})();
