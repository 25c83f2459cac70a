"""The part of the page that opens a block in place: room is made in the picture, the body put into it.

A picture is mapped by two monotone maps, x ↦ x + D(x) and y ↦ y + E(y), sums of steps at the right and
lower edges of opened blocks, as small as they can be: blocks side by side share the height. Everything is
always computed from the markup as it came, so closing is exact.
"""

OPENING = r"""
// -- blocks in place ----------------------------------------------------------------------
const STUB = 26, LEAVE = 4;
const numbers = text => (text.match(/-?\d+(\.\d+)?/g) || []).map(Number);
const commands = d => [...d.matchAll(/([MHLCAZ])([^MHLCAZ]*)/g)].map(m => [m[1], numbers(m[2])]);
const canvases = new Map();                     // of each picture and each opened body
const canvasOf = element => {
  const root = element.closest("g.opened") || element.closest("svg");
  if (!canvases.has(root)) canvases.set(root, canvas(root));
  return canvases.get(root);
};
const canvas = root => {
  const items = [...root.querySelectorAll("path, circle, text")].map(element => ({ element,
    wire: /^(wire|double|scalar|dash|tail|fence|hit)$/.test(element.getAttribute("class") || ""),
    d: element.tagName === "path" ? commands(element.getAttribute("d")) : null,
    x: Number(element.getAttribute("cx") || element.getAttribute("x")),
    y: Number(element.getAttribute("cy") || element.getAttribute("y")) }));
  for (const item of items) if (item.d) {
    let x = 0, y = 0;
    item.points = [];
    for (const [kind, n] of item.d) {
      if (kind === "H") x = n[0]; else if (kind !== "Z") [x, y] = n.slice(-2);
      item.points.push([x, y]);
    }
    const xs = item.points.map(p => p[0]), ys = item.points.map(p => p[1]);
    item.box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  }
  const box = root.tagName === "svg" ? root.viewBox.baseVal : null;
  return { root, items, opened: new Map(), view: box && [box.x, box.y, box.width, box.height] };
};
const faceOf = (page, group) => {
  const front = page.items.find(item => item.d && group.contains(item.element)).box;
  const [left, top, right, bottom] = [front[0], front[1], front[2] + LEAVE, front[3]];
  const ends = last => page.items.filter(item => item.wire && !/^(hit|dash|fence)$/.test(
    item.element.getAttribute("class"))).map(item => item.points.at(last ? -1 : 0)).filter(([x, y]) =>
    Math.abs(x - (last ? left : right)) < 0.6 && y > top && y < bottom);
  const rows = points => [...new Set(points.map(p => Math.round(10 * p[1]) / 10))].sort((a, b) => a - b);
  const single = ys => ys.filter((y, n) => n === 0 || y - ys[n - 1] > 6);   // a double wire is one row
  return { left, top, right, bottom, ins: single(rows(ends(true))), outs: single(rows(ends(false))) };
};
const steps = (spans) => {
  const made = [];
  for (const { from, to, size } of spans.sort((a, b) => a.to - b.to)) {
    const have = made.filter(s => s.at > from && s.at <= to).reduce((sum, s) => sum + s.by, 0);
    if (size - (to - from) > have) made.push({ at: to, by: size - (to - from) - have });
  }
  return made;
};
const mapBy = made => v => v + made.reduce((sum, s) => sum + (s.at <= v + 0.01 ? s.by : 0), 0);
const shown2 = v => String(Math.round(v * 100) / 100);
const arrange = page => {
  const bodies = [...page.opened].map(([group, body]) => ({ group, body, face: faceOf(page, group), size: arrange(body) }));
  const wide = steps(bodies.map(b => ({ from: b.face.left, to: b.face.right, size: b.size.width + 2 * STUB })));
  const tall = steps(bodies.map(b => ({ from: b.face.top, to: b.face.bottom + 2, size: b.size.height + 6 })));
  const X = mapBy(wide), Y = mapBy(tall);
  for (const item of page.items) move(item, X, Y);
  for (const { group, body, face, size } of bodies) {
    const left = X(face.left) + STUB, top = Y(face.top), right = X(face.right);
    body.root.setAttribute("transform", `translate(${shown2(left)} ${shown2(top - size.top)})`);
    const curve = (x0, y0, x1, y1) => `M${shown2(x0)} ${shown2(y0)}C${shown2((x0 + x1) / 2)} ${shown2(y0)} ` +
      `${shown2((x0 + x1) / 2)} ${shown2(y1)} ${shown2(x1)} ${shown2(y1)}`;
    body.stubs.setAttribute("d", [
      ...face.ins.map((y, n) => curve(X(face.left), Y(y), left, top - size.top + (size.ins[n] ?? size.ins[0] ?? y))),
      ...face.outs.map((y, n) => curve(left + size.width, top - size.top + (size.outs[n] ?? size.outs[0] ?? y), right, Y(y)))].join(""));
  }
  const grow = [wide, tall].map(made => made.reduce((sum, s) => sum + s.by, 0));
  if (page.view) {
    const [x, y, w, h] = page.view, root = page.root;
    root.setAttribute("viewBox", [x, y, w + grow[0], h + grow[1]].join(" "));
    root.setAttribute("width", w + grow[0]); root.setAttribute("height", h + grow[1]);
    return null;
  }
  const base = page.base;
  return { width: base.width + grow[0], top: base.top, height: base.bottom - base.top + grow[1],
    ins: base.ins.map(Y), outs: base.outs.map(Y) };
};
const move = (item, X, Y) => {
  const { element } = item;
  if (element.tagName === "circle") { element.setAttribute("cx", shown2(X(item.x))); element.setAttribute("cy", shown2(Y(item.y))); return; }
  if (element.tagName === "text") {
    const size = Number(element.getAttribute("font-size"));
    const at = element.hasAttribute("text-anchor") ? item.y - 0.34 * size : item.y + 4.5;
    element.setAttribute("x", shown2(X(item.x))); element.setAttribute("y", shown2(item.y + Y(at) - at)); return;
  }
  const [left, top, right, bottom] = item.box, rigid = !item.wire && bottom - top <= 44;
  const cx = (left + right) / 2, cy = (top + bottom) / 2, dx = X(cx) - cx, dy = Y(cy) - cy;
  const [low, high] = [Y(top) - top, Y(bottom) - bottom];     // a tall mark is drawn longer, its ends rigid
  const to = rigid ? ([x, y]) => [x + dx, y + dy] : item.wire ? ([x, y]) => [X(x), Y(y)] :
    ([x, y]) => [X(x), y + (Math.abs(y - cy) < 1 ? (low + high) / 2 : y < cy ? low : high)];
  let before = null;
  element.setAttribute("d", item.d.map(([kind, n], at) => {
    if (kind === "Z") return "Z";
    const [x, y] = to(item.points[at]), start = before;
    before = [x, y];
    if (kind === "C") { const middle = (start[0] + x) / 2; return `C${shown2(middle)} ${shown2(start[1])} ${shown2(middle)} ${shown2(y)} ${shown2(x)} ${shown2(y)}`; }
    if (kind === "A") return `A${n[0]} ${shown2(Math.abs(y - start[1]) / 2)} 0 0 ${n[4]} ${shown2(x)} ${shown2(y)}`;
    return (kind === "M" ? "M" : "L") + `${shown2(x)} ${shown2(y)}`;
  }).join(""));
};
const settleAll = element => { for (const page of canvases.values()) if (page.view && page.root === element.closest("svg")) arrange(page); };
const openBlock = group => {
  const template = byId("body-" + group.dataset.thing);
  if (!template) return;
  const page = canvasOf(group), root = template.content.querySelector("g.opened").cloneNode(true);
  const stubs = document.createElementNS("http://www.w3.org/2000/svg", "path");
  stubs.setAttribute("class", "stub"); stubs.setAttribute("fill", "none"); stubs.setAttribute("stroke", "#111111");
  group.after(stubs, root);
  const body = canvas(root), list = name => root.dataset[name] ? root.dataset[name].split(",").map(Number) : [];
  body.stubs = stubs; body.group = group;
  body.base = { width: Number(root.dataset.width), top: Number(root.dataset.top), bottom: Number(root.dataset.bottom),
    ins: list("ins"), outs: list("outs") };
  canvases.set(root, body);
  page.opened.set(group, body);
  group.style.display = "none"; group.setAttribute("aria-expanded", "true");
  settleAll(root); root.focus(); search();
};
const closeBlock = root => {
  const body = canvases.get(root), page = [...canvases.values()].find(one => one.opened.get(body.group) === body);
  const svg = root.closest("svg");
  for (const inner of [...body.opened.values()]) closeBlock(inner.root);
  page.opened.delete(body.group); canvases.delete(root); body.stubs.remove(); root.remove();
  body.group.style.display = ""; body.group.setAttribute("aria-expanded", "false");
  settleAll(svg); body.group.focus();
};
view.addEventListener("click", event => {
  if (moved) return;
  const block = event.target.closest("g.block"), title = event.target.closest("g.title");
  if (block) openBlock(block); else if (title) closeBlock(title.closest("g.opened"));
});
view.addEventListener("keydown", event => {
  const block = event.target.closest("g.block"), opened = event.target.closest("g.opened");
  if (event.key === "Enter" && block) openBlock(block);
  else if ((event.key === "Escape" || event.key === "Enter") && opened) closeBlock(opened);
});
"""
