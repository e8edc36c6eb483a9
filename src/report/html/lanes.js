"use strict";
// Lanes of processes, as a picture. Text is put into it as text, never as markup.
const lanesOfProcesses = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const ROW = 24;
  const MEANINGS = {
    start: "its process starts", begin: "asks, is begun", wait: "waits for others", work: "works",
    settle: "asks, is posted or voided", execute: "done in one step",
  };
  const MARKS = {
    completed: "completed", refused: "refused", failed: "failed", "in doubt": "in doubt",
    unfinished: "no end is known",
  };
  const LETTERS = {
    r: "reads the shared balance", w: "writes", a: "adds in one step", L: "writes an update that is lost", c: "it has changed, reads again",
  };
  const LETTER_WIDTH = 14;

  function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== null) made.setAttribute(key, value);
    }
    made.append(...children.map(String_));
    return made;
  }
  const String_ = (child) => (child instanceof Node ? child : String(child));
  function shape(name, attributes = {}, ...children) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }
  function time(micros) {
    if (micros < 1000) return `${Math.round(micros)} µs`;
    if (micros < 1e6) return `${(micros / 1e3).toFixed(1)} ms`;
    return `${(micros / 1e6).toFixed(3)} s`;
  }
  const brief = (micros) => (micros === 0 ? "0" : time(micros).replace(/(\.\d*?)0+ /, "$1 ").replace(". ", " "));
  function strokesOf(operation) {
    const ended = Math.max(operation.ended, operation.begun);
    const clamp = (at, least, most) => Math.min(Math.max(at, least), most);
    const ready = operation.ready === null ? operation.begun : clamp(operation.ready, operation.begun, ended);
    const strokes = [["start", operation.begun, ready]];
    const waitFrom = operation.wait_from, worked = operation.work_from !== null;
    const workFrom = worked ? clamp(operation.work_from, ready, ended) : ended;
    if (!worked && waitFrom === null) {
      strokes.push(["execute", ready, ended]);
    } else {
      const from = waitFrom === null ? workFrom : clamp(waitFrom, ready, workFrom);
      const until = waitFrom === null ? workFrom : clamp(operation.wait_until, from, workFrom);
      strokes.push(["begin", ready, from], ["wait", from, until], ["begin", until, workFrom]);
      if (worked) {
        const workUntil = clamp(operation.work_until, workFrom, ended);
        strokes.push(["work", workFrom, workUntil], ["settle", workUntil, ended]);
      }
    }
    return strokes.filter(([, from, until]) => from < until);
  }

  function endMark(end, x, y) {
    const kind = `end ${end.replace(" ", "-")}`;
    switch (end) {
      case "completed": return shape("circle", { class: kind, cx: x, cy: y, r: 4 });
      case "refused": return shape("path", { class: kind, d: `M${x - 4} ${y - 4}L${x + 4} ${y + 4}M${x - 4} ${y + 4}L${x + 4} ${y - 4}` });
      case "failed": return shape("path", { class: kind, d: `M${x} ${y - 5}L${x + 5} ${y + 4}L${x - 5} ${y + 4}Z` });
      case "in doubt": return shape("rect", { class: kind, x: x - 4, y: y - 4, width: 8, height: 8 });
      default: return shape("path", { class: kind, d: `M${x - 5} ${y}q2.5 -5 5 0t5 0` });
    }
  }

  function bar(kind, x, y, width) {
    const thick = kind === "work" || kind === "wait" || kind === "start" ? 12 : 5;
    return shape("rect", { class: kind, x, y: y - thick / 2, width: Math.max(width, 1), height: thick });
  }

  function ticks(from, until, room) {
    const least = (until - from) / Math.max(1, Math.floor(room / 64));
    let step = 1;
    for (const digits of [1, 2, 5]) {
      const power = 10 ** Math.ceil(Math.log10(Math.max(least / digits, 1)));
      if (digits * power >= least && (step < least || digits * power < step)) step = digits * power;
    }
    const found = [];
    for (let at = Math.ceil(from / step) * step; at <= until; at += step) found.push(at);
    return found;
  }

  // How much stands before the lanes.
  const leftOf = (width) => (width < 600 ? 116 : 170);

  // Draws the lanes that are shown, as far as they lie in the window of time. `picture` says what they are:
  // `lanes` and `operations`, `from` and `until`, what a lane and an operation are called, and what happens
  // when an operation is pointed at or chosen.
  function drawLanes(plot, picture) {
    const { from, until } = picture;
    const width = Math.max(plot.clientWidth, 280);
    const left = leftOf(width);
    const room = width - left - 12;
    const shown = picture.lanes;
    const inside = `inside-${plot.id}`;
    const x = (at) => left + ((at - from) / (until - from)) * room;
    const height = 26 + shown.length * ROW;
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": picture.label });
    svg.append(shape("defs", {},
      shape("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, shape("path", { d: "M0 0V6" })),
      shape("clipPath", { id: inside }, shape("rect", { x: left - 6, y: 0, width: room + 12, height }))));
    for (const at of ticks(from, until, room)) {
      svg.append(shape("line", { class: "grid", x1: x(at), x2: x(at), y1: 20, y2: height }));
      const label = shape("text", { class: "tick", x: x(at), y: 14, "text-anchor": at === from ? "start" : "middle" });
      label.textContent = brief(at);
      svg.append(label);
    }
    shown.forEach((lane, place) => {
      const y = 26 + place * ROW + ROW / 2;
      const group = shape("g", { class: "lane" });
      const label = shape("text", { x: 6, y: y + 4 });
      const name = picture.nameOf(lane);
      label.textContent = name.length * 6.6 > left - 10 ? `${name.slice(0, Math.floor((left - 16) / 6.6))}…` : name;
      const strokes = shape("g", { "clip-path": `url(#${inside})` });
      if (lane.spawned !== null && lane.exited !== null) {
        strokes.append(shape("line", { class: "life", x1: x(lane.spawned), x2: x(lane.exited), y1: y, y2: y }));
      }
      for (const number of lane.operations) {
        const operation = picture.operations[number];
        if (operation.ended < from || operation.begun > until) continue;
        strokes.append(drawOperation(operation, picture, x, y));
      }
      group.append(label, strokes);
      svg.append(group);
    });
    plot.replaceChildren(svg);
  }

  function letterOf(access) {
    if (access.step === "read") return "r";
    if (access.step === "conflict") return "c";
    if (access.lost_to !== null) return "L";
    return access.step === "add" ? "a" : "w";
  }
  const isWrite = (letter) => "wLa".includes(letter);
  const endsWithoutMark = (operation) => operation.end === "completed" && operation.accesses.some((access) => isWrite(letterOf(access)));

  // Both sides of a movement have one letter, unless there is room for two: a letter beside its time says that
  // a lock does not hold.
  function lettersOf(operation, x) {
    const letters = [];
    for (const access of operation.accesses) {
      const letter = letterOf(access), at = x(access.at);
      const last = letters[letters.length - 1];
      const isSame = last && (last.letter === letter || (isWrite(last.letter) && isWrite(letter)));
      if (!isSame || at - last.at >= LETTER_WIDTH) letters.push({ at, letter });
      else if (letter === "L") last.letter = "L";
    }
    return letters;
  }

  // What the strokes, marks and letters of these operations mean, behind what the page says itself.
  function drawLegend(list, operations, words = []) {
    const kinds = new Set(), ends = new Set(), letters = new Set();
    for (const operation of operations) {
      for (const [kind] of strokesOf(operation)) kinds.add(kind);
      for (const access of operation.accesses) letters.add(letterOf(access));
      if (!endsWithoutMark(operation)) ends.add(operation.end);
    }
    const shown = [...kinds, ...ends, ...letters, ...words].join();
    if (list.dataset.shown === shown) return;
    list.dataset.shown = shown;
    const sample = (drawn) => shape("svg", { viewBox: "0 0 32 16", "aria-hidden": "true" }, drawn);
    const used = (meanings, found) => Object.entries(meanings).filter(([key]) => found.has(key));
    list.replaceChildren(...words.map((text) => element("li", {}, text)),
      ...used(MEANINGS, kinds).map(([kind, meaning]) => element("li", {}, sample(bar(kind, 2, 8, 28)), meaning)),
      ...used(MARKS, ends).map(([end, meaning]) => element("li", {}, sample(endMark(end, 16, 8)), meaning)),
      ...used(LETTERS, letters).map(([letter, meaning]) => element("li", {}, element("b", {}, letter), ` ${meaning}`)));
  }

  function drawOperation(operation, picture, x, y) {
    const group = shape("g", { class: `operation${operation.place === picture.chosen ? " chosen" : ""}` });
    const title = shape("title");
    title.textContent = picture.describe(operation);
    group.append(title);
    for (const [kind, from, until] of strokesOf(operation)) {
      group.append(bar(kind, x(from), y, x(until) - x(from)));
    }
    if (!endsWithoutMark(operation)) group.append(endMark(operation.end, x(operation.ended), y));
    let last = -Infinity;
    for (const { at, letter } of lettersOf(operation, x)) {
      const middle = Math.max(at, last + LETTER_WIDTH);
      last = middle;
      const mark = shape("g", { class: `access${letter === "L" ? " lost" : ""}` });
      const text = shape("text", { x: middle, y: y + 4 });
      text.textContent = letter;
      mark.append(shape("rect", { x: middle - 6, y: y - 8, width: 12, height: 16, rx: 3 }), text);
      group.append(mark);
    }
    group.addEventListener("pointerenter", () => picture.point(operation));
    group.addEventListener("click", () => picture.choose(operation));
    return group;
  }

  return { MARKS, ROW, brief, drawLanes, drawLegend, element, leftOf, shape, time };
})();
