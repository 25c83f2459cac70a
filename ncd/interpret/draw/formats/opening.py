"""The part of the page that opens a block in place: its column grows around it, nothing else changes.

A picture is a tree of frames, diagrams that were laid out; each has spans, the columns of its operations, in
which no wire changes its height. Where a block is opened, its span grows: what stands above and below it goes
up and down inside the span, wires curve there at its two edges, and what stands to the right moves right. So
a mark keeps its shape wherever it goes, a wire ends where its mark went, and closing is exact: all is always
computed from the markup as it came.
"""

from ncd.interpret.draw.scene.metrics import DEPTH, REACH

OPENING = r"""
// -- blocks in place ----------------------------------------------------------------------
const STUB = 26, GAP = 5, NEAR = 0.6, REACH = @REACH@, DEPTH = @DEPTH@;
const WIRES = /^(wire|double|scalar|dash|tail|fence|hit)$/;
const numbers = text => (text.match(/-?\d+(\.\d+)?/g) || []).map(Number);
const commands = d => [...d.matchAll(/([MLHCAZ])([^MLHCAZ]*)/g)].map(m => [m[1], numbers(m[2])]);
const shown2 = v => String(Math.round(v * 100) / 100);
const framed = ([[left, top, right, bottom, spare, stacked], spans, inner]) => {
  const frame = { left, top, right, bottom, spare, stacked: stacked === 1, spans: [], items: [] };
  for (let n = 0; n < spans.length; n += 2) frame.spans.push({ from: spans[n], to: spans[n + 1], inner: [], bodies: [] });
  frame.spans.sort((a, b) => a.from - b.from);
  frame.inner = inner.map(framed);
  for (const one of frame.inner) spanAt(frame, (one.left + one.right) / 2)?.inner.push(one);
  return frame;
};
const spanAt = (frame, x) => {                  // the span that has x inside, not on its edge
  let low = 0, high = frame.spans.length;
  while (low < high) { const middle = (low + high) >> 1; if (frame.spans[middle].from < x - 0.05) low = middle + 1; else high = middle; }
  const span = frame.spans[low - 1];
  return span && x < span.to - 0.05 ? span : null;
};
const holds = (frame, left, top, right, bottom) => left > frame.left - frame.spare - 1 && right < frame.right + frame.spare + 1 &&
  top > frame.top - 1 && bottom < frame.bottom + 1;
const placeOf = (root, x, y) => {               // the innermost frame that has a point, and its span there
  for (let frame = root; ;) {
    const span = spanAt(frame, x), inner = span && span.inner.find(one => x > one.left - 1 && x < one.right + 1 && y > one.top - 1 && y < one.bottom + 1);
    if (!inner) return { frame, span };
    frame = inner;
  }
};
const canvases = new Map();                     // of each picture and each opened body
const canvasOf = element => {
  const root = element.closest("g.opened") || element.closest("svg");
  if (!canvases.has(root)) canvases.set(root, canvas(root));
  return canvases.get(root);
};
const canvas = root => {
  const frame = framed(JSON.parse(root.dataset.frame)), items = [];
  for (const element of root.querySelectorAll("path, circle, text")) items.push(itemOf(element, frame));
  const box = root.tagName === "svg" ? root.viewBox.baseVal : null;
  return { root, frame, items, opened: new Map(), view: box && [box.x, box.y, box.width, box.height] };
};
const itemOf = (element, root) => {
  const item = { element, wire: WIRES.test(element.getAttribute("class") || ""), around: element.closest("g.around, g.title") !== null };
  if (element.tagName === "path") {
    item.text = element.getAttribute("d"); item.d = commands(item.text);
    let x = 0, y = 0;
    item.points = item.d.filter(([kind]) => kind !== "Z").map(([kind, n]) => {
      if (kind === "H") x = n[0]; else [x, y] = n.slice(-2);
      return [x, y];
    });
  } else {
    const [x, y] = element.tagName === "circle" ? ["cx", "cy"] : ["x", "y"];
    item.points = [[Number(element.getAttribute(x)), Number(element.getAttribute(y))]];
    if (element.tagName === "text") item.points[0][1] -= 0.34 * Number(element.getAttribute("font-size"));
  }
  const xs = item.points.map(p => p[0]), ys = item.points.map(p => p[1]);
  item.box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  let [x, y] = [(item.box[0] + item.box[2]) / 2, (item.box[1] + item.box[3]) / 2];
  if (item.wire) [x, y] = [0, 1].map(n => (item.points[0][n] + (item.points[1] || item.points[0])[n]) / 2);
  if (item.around) {
    for (let one = root; one; one = one.inner.find(inner => holds(inner, ...item.box))) item.frame = one;
    return item;
  }
  Object.assign(item, placeOf(root, x, y));
  if (element.tagName === "text" && item.span) {      // the sign at a dot stays at the dot
    const dot = element.closest("g[data-thing]")?.querySelector("circle");
    if (dot && Math.abs(Number(dot.getAttribute("cx")) - item.span.from) < 0.1) { item.span = null; x = Number(dot.getAttribute("cx")); }
  }
  item.centre = [x, y];
  item.frame.items.push(item);
  return item;
};

// Sizes, from the inside out.
const shiftAt = (span, y) => (span.shifts || []).reduce((sum, s) => sum + (y < s.top + 1 ? -s.up : y > s.bottom - 1 ? s.down : 0), 0);
const faceOf = (page, group) => {
  const box = page.items.find(item => item.d && group.contains(item.element)).box, thing = data.things[group.dataset.thing];
  const rows = text => text ? text.split(",").map(n => box[1] + REACH + Number(n)) : [];
  return { left: box[0], top: box[1] - DEPTH, right: box[2] + DEPTH / 2, bottom: box[3], ins: rows(thing.ins), outs: rows(thing.outs) };
};
const measure = frame => {
  let tops = [Infinity, Infinity], bottoms = [-Infinity, -Infinity], grown = 0;
  const reach = (top, bottom, newTop, newBottom) => {
    tops = [Math.min(tops[0], top), Math.min(tops[1], newTop)]; bottoms = [Math.max(bottoms[0], bottom), Math.max(bottoms[1], newBottom)];
  };
  const margin = frame.stacked ? 0 : STUB;
  for (const span of frame.spans) {
    span.width = span.to - span.from; span.shifts = [];
    for (const inner of span.inner) {
      measure(inner);
      if (inner.width === inner.right - inner.left && !inner.up && !inner.down) continue;
      span.shifts.push({ top: inner.top, bottom: inner.bottom, up: inner.up, down: inner.down });
      span.width = Math.max(span.width, inner.width + (frame.stacked ? inner.left - span.from : beside(span, inner).reduce((a, b) => a + b)));
    }
    for (const body of span.bodies) {
      const { face, frame: own } = body;
      arrange(body);
      const row = face.ins.length ? face.ins[0] - body.ins[0] : face.outs.length ? face.outs[0] - body.outs[0] : face.top - own.top;
      Object.assign(body, { row, top: row + own.top - own.up - GAP, bottom: row + own.bottom + own.down + GAP });
      span.shifts.push({ top: face.top, bottom: face.bottom, up: Math.max(0, face.top - body.top), down: Math.max(0, body.bottom - face.bottom) });
      span.width = Math.max(span.width, own.width + 2 * margin);
    }
    grown += span.width - (span.to - span.from);
    span.grown = grown;
  }
  frame.width = frame.right - frame.left + grown;
  const busy = frame.spans.filter(span => span.shifts.length);
  if (busy.length) {
    for (const { box, wire, span } of frame.items) {
      const move = y => wire ? busy.filter(s => box[0] < s.to && box[2] > s.from).map(s => y + shiftAt(s, y)) : [y + (span ? shiftAt(span, y) : 0)];
      reach(box[1], box[3], Math.min(box[1], ...move(box[1])), Math.max(box[3], ...move(box[3])));
    }
    for (const span of busy) {
      const at = one => shiftAt(span, (one.top + one.bottom) / 2);
      for (const one of span.inner) reach(one.top, one.bottom, one.top - one.up + at(one), one.bottom + one.down + at(one));
      for (const { face, top, bottom } of span.bodies) reach(face.top, face.bottom, top + at(face), bottom + at(face));
    }
  }
  frame.up = busy.length ? Math.max(0, tops[0] - tops[1]) : 0;
  frame.down = busy.length ? Math.max(0, bottoms[1] - bottoms[0]) : 0;
};

// A frame that a row cuts goes on to the edge of its span.
const beside = (span, inner) => [inner.left - span.from, span.to - inner.right].map(room => room < 1 ? 0 : STUB);

// Places, from the outside in.
const settle = (frame, x, y) => {
  frame.x = x; frame.y = y;
  let grown = 0;
  for (const span of frame.spans) {
    const width = span.to - span.from, same = span.width === width || frame.stacked;
    span.x = x + span.from - frame.left + grown;
    span.inside = same ? span.x : span.x + (span.width - width) / 2;
    grown = span.grown;
    for (const inner of span.inner) {
      const [before, after] = beside(span, inner), room = span.width - inner.width;
      settle(inner, same ? span.x + inner.left - span.from : span.x + (!before ? 0 : !after ? room : room / 2),
        y + shiftAt(span, (inner.top + inner.bottom) / 2));
    }
    for (const body of span.bodies) {
      body.x = span.x + (span.width - body.frame.width) / 2;
      body.y = body.row + y + shiftAt(span, (body.face.top + body.face.bottom) / 2);
      body.root.setAttribute("transform", `translate(${shown2(body.x)} ${shown2(body.y)})`);
    }
  }
};
const across = (frame, x) => {                  // where an x outside the spans went
  let low = 0, high = frame.spans.length;
  while (low < high) { const middle = (low + high) >> 1; if (frame.spans[middle].to < x + 0.05) low = middle + 1; else high = middle; }
  return frame.x + x - frame.left + (low ? frame.spans[low - 1].grown : 0);
};
const within = (frame, span, [x, y]) => {       // where the point of a wire inside a span went
  for (const { face, x: left, y: top, frame: own, ins, outs } of span.bodies) if (y > face.top && y < face.bottom)
    for (const [side, rows, to, at] of [[face.left, face.ins, ins, left], [face.right, face.outs, outs, left + own.width]])
      if (Math.abs(x - side) < NEAR && rows.length) {
        const n = rows.reduce((best, row, n) => Math.abs(row - y) < Math.abs(rows[best] - y) ? n : best, 0);
        return [at, top + to[n] + y - rows[n]];
      }
  for (const inner of span.inner) if (y > inner.top && y < inner.bottom) {
    if (Math.abs(x - inner.left) < NEAR) return [inner.x, y + inner.y];
    if (Math.abs(x - inner.right) < NEAR) return [inner.x + inner.width, y + inner.y];
  }
  return [span.inside + x - span.from, y + frame.y + shiftAt(span, y)];
};
const lead = (frame, points) => {               // one line of a wire
  const made = [], spans = points.map(([x]) => spanAt(frame, x));
  points.forEach((point, n) => {
    const to = spans[n] ? within(frame, spans[n], point) : [across(frame, point[0]), point[1] + frame.y];
    if (n) {
      const [before] = points[n - 1], [after, y] = point, level = y + frame.y;
      for (const span of frame.spans) {
        if (span.from >= after || span.to <= before || (!span.shifts.length && !span.bodies.length)) continue;
        const enters = before < span.from + 0.05, leaves = after > span.to - 0.05;
        const height = enters ? (leaves ? level + shiftAt(span, y) : to[1]) : made.at(-1)[1];
        if (enters && height !== level) made.push([span.x, level], [span.x + STUB, height]);
        if (leaves && height !== level) made.push([span.x + span.width - STUB, height], [span.x + span.width, level]);
      }
    }
    made.push(to);
  });
  return made;
};
const drawnLine = (points, straight) => points.map(([x, y], n) => {
  if (!n) return `M${shown2(x)} ${shown2(y)}`;
  const [before, level] = points[n - 1];
  if (level === y) return `H${shown2(x)}`;
  if (straight) return `L${shown2(x)} ${shown2(y)}`;
  const half = shown2((before + x) / 2);
  return `C${half} ${shown2(level)} ${half} ${shown2(y)} ${shown2(x)} ${shown2(y)}`;
}).join("");
const cut = (frame, points) => {                // a separator ends before the opened block that takes both sides
  const [x, y] = points.at(-1), span = spanAt(frame, x);
  return span && span.bodies.some(({ face }) => y > face.top && y < face.bottom) ? [...points.slice(0, -1), [Math.max(span.from, points.at(-2)[0]), y]] : points;
};
const move = item => {
  const { element, frame, points } = item;
  if (item.around) return moveAround(item);
  if (!item.wire) {
    const [x, y] = item.centre, span = item.span;
    const dx = (span ? span.inside + x - span.from : across(frame, x)) - x, dy = frame.y + (span ? shiftAt(span, y) : 0);
    element.setAttribute("transform", `translate(${shown2(dx)} ${shown2(dy)})`);
    return;
  }
  const lines = [];
  points.forEach((point, n) => { if (item.d[n][0] === "M") lines.push([]); lines.at(-1).push(point); });
  const kind = element.getAttribute("class"), dash = kind === "dash";
  element.setAttribute("d", lines.map(line => drawnLine(lead(frame, dash ? cut(frame, line) : line), dash || kind === "fence")).join(""));
};
const moveAround = ({ element, frame, points, d, box }) => {      // the shade, the title, the parentheses of a frame
  const third = (frame.right - frame.left) / 3, arc = d && d.some(([kind]) => kind === "A");
  const X = x => { const at = arc ? (box[0] + box[2]) / 2 : x;
    return at < frame.left + third ? frame.x + x - frame.left : at > frame.right - third ? frame.x + frame.width + x - frame.right :
      frame.x + (frame.width - frame.right - frame.left) / 2 + x; };
  const Y = y => y + frame.y + (y < (frame.top + frame.bottom) / 2 ? -frame.up : frame.down);
  if (!d) {
    const [[x, y]] = points;
    element.setAttribute("transform", `translate(${shown2(X(x) - x)} ${shown2(Y(y) - y)})`);
    return;
  }
  const [low, high] = [Y(box[1]), Y(box[3])];
  element.setAttribute("d", d.map(([kind, n], at) => kind === "Z" ? "Z" : kind === "A" ?
    `A${n[0]} ${shown2((high - low) / 2)} 0 0 ${n[4]} ${shown2(X(points[at][0]))} ${shown2(high)}` :
    (kind === "M" ? "M" : "L") + `${shown2(X(points[at][0]))} ${shown2(Y(points[at][1]))}`).join(""));
};
const arrange = page => {
  measure(page.frame);
  settle(page.frame, page.frame.left, 0);
  if (page.opened.size) page.items.forEach(move);
  else for (const { element, text } of page.items) { element.removeAttribute("transform"); if (text !== undefined) element.setAttribute("d", text); }
  if (!page.view) return;
  const { up, down, width, left, right } = page.frame, [x, y, w, h] = page.view;
  const wide = w + width - (right - left), tall = h + up + down;
  page.root.setAttribute("viewBox", [x, y - up, wide, tall].map(shown2).join(" "));
  page.root.setAttribute("width", shown2(wide)); page.root.setAttribute("height", shown2(tall));
};
const arrangeAll = svg => arrange(canvasOf(svg));
const keep = (change, before, after) => {       // what was pointed at stays where it is on the screen
  const from = before.getBoundingClientRect();
  change();
  const to = after().getBoundingClientRect();
  x += from.left - to.left; y += from.top - to.top; place();
};
const openBlock = group => {
  const template = byId("body-" + group.dataset.thing), page = canvasOf(group);
  if (!template || page.opened.has(group)) return;
  const root = template.content.querySelector("g.opened").cloneNode(true), face = faceOf(page, group);
  const { frame, span } = placeOf(page.frame, (face.left + face.right) / 2, (face.top + face.bottom) / 2);
  const list = name => root.dataset[name] ? root.dataset[name].split(",").map(Number) : [];
  keep(() => {
    group.after(root);
    const body = Object.assign(canvas(root), { group, face, span, ins: list("ins"), outs: list("outs") });
    canvases.set(root, body); page.opened.set(group, body); span.bodies.push(body);
    group.style.display = "none"; group.setAttribute("aria-expanded", "true");
    arrangeAll(root.closest("svg"));
  }, group, () => root);
  root.querySelector("g.title").focus({ preventScroll: true }); search();
};
const closeBlock = root => {
  const body = canvases.get(root), page = [...canvases.values()].find(one => one.opened.get(body.group) === body);
  for (const inner of [...body.opened.values()]) { canvases.delete(inner.root); dropInside(inner); }
  keep(() => {
    const svg = root.closest("svg");
    page.opened.delete(body.group); canvases.delete(root); body.span.bodies.splice(body.span.bodies.indexOf(body), 1); root.remove();
    body.group.style.display = ""; body.group.setAttribute("aria-expanded", "false");
    arrangeAll(svg);
  }, root, () => body.group);
  body.group.focus({ preventScroll: true }); search();
};
const dropInside = body => { for (const inner of body.opened.values()) { canvases.delete(inner.root); dropInside(inner); } };
const press = (target, key) => {
  const block = target.closest("g.block"), title = target.closest("g.title"), opened = target.closest("g.opened");
  if (key === "Escape" && opened) closeBlock(opened);
  else if (key !== "Escape" && block) openBlock(block);
  else if (key !== "Escape" && title) closeBlock(title.closest("g.opened"));
};
view.addEventListener("click", event => { if (!moved) press(event.target, "Enter"); moved = false; });
view.addEventListener("keydown", event => {
  if (["Enter", " ", "Escape"].includes(event.key)) { press(event.target, event.key); event.preventDefault(); }
});
""".replace("@REACH@", f"{REACH:g}").replace("@DEPTH@", f"{DEPTH:g}")
