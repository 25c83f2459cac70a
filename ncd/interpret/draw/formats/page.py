"""The page that an HTML picture is put into: style and behaviour, nothing from outside.

Its content policy names the one style and the one script by their hashes: nothing else runs, and no text
becomes a program.
"""

from ncd.interpret.draw.formats.opening import OPENING

PAGE = r"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; form-action 'none'; @POLICY@">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@TITLE@</title>
<style>@STYLE@</style></head>
<body>
<header><h1>@TITLE@</h1><span id="levels" role="group" aria-label="levels of blocks opened"></span>
<input id="search" type="search" placeholder="search" aria-label="search operations and axes">
<button id="fit">fit</button><button id="theme" aria-pressed="false">dark</button></header>
<main id="view" tabindex="0" aria-label="the diagram: drag to move, wheel or + and - to zoom">@VIEWS@</main>@BODIES@
<aside><h2>What it is</h2><div id="about" aria-live="polite">Point at a wire or an operation.</div>
<h2>Sizes</h2><div id="sizes"></div><h2>Cost</h2><table id="cost"></table></aside>
<script id="data" type="application/json">@DATA@</script>
<script>@SCRIPT@</script></body></html>
"""

STYLE = r"""
:root { --page: #ffffff; --ink: #111111; --panel: #f6f7f9; --line: #d5d9e0; --accent: #1346fe; }
body { margin: 0; font: 14px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--page);
  display: grid; grid-template-columns: 1fr 20rem; grid-template-rows: auto 1fr; height: 100vh; }
header { grid-column: 1 / 3; display: flex; flex-wrap: wrap; gap: .8rem; align-items: center; padding: .5rem .9rem;
  border-bottom: 1px solid var(--line); background: var(--panel); }
header h1 { font-size: 15px; margin: 0; font-weight: 600; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; max-width: 45vw; }
button, input { font: inherit; color: inherit; background: var(--page); border: 1px solid var(--line);
  border-radius: 5px; padding: .15rem .5rem; }
button[aria-pressed="true"] { border-color: var(--accent); color: var(--accent); }
main { overflow: hidden; position: relative; touch-action: none; cursor: grab; background: #ffffff; }
main section { position: absolute; left: 0; top: 0; transform-origin: 0 0; }
main svg { position: absolute; left: 0; top: 0; transform-origin: 0 0; overflow: visible; }
.dark main { filter: invert(1) hue-rotate(180deg); }
.dark { --page: #14161a; --ink: #eceff4; --panel: #1c1f25; --line: #3a404b; --accent: #8fb0ff; }
.far text, .far .hit { visibility: hidden; }
.hit { stroke: transparent; stroke-width: 11; pointer-events: stroke; }
g.wire, g.op { cursor: help; outline: none; }
g.wire:hover path.wire, g.wire:focus path.wire, g.wire.found path.wire { stroke: #1346fe; stroke-width: 2.4; }
g.op:hover, g.op:focus, g.op.found { filter: drop-shadow(0 0 2.5px #1346fe); }
aside { border-left: 1px solid var(--line); overflow: auto; padding: .8rem .9rem; background: var(--panel); }
aside h2 { font-size: 13px; margin: .9rem 0 .35rem; text-transform: uppercase; letter-spacing: .04em; }
aside h2:first-child { margin-top: 0; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .7rem; margin: 0; }
dt { color: #6a7280; } dd { margin: 0; overflow-wrap: anywhere; }
label.size { display: grid; grid-template-columns: 3rem 1fr 5.5rem; gap: .4rem; align-items: center; }
label.size input { min-width: 0; width: 100%; box-sizing: border-box; }
aside { overflow-x: hidden; }
g.block { cursor: zoom-in; } g.title { cursor: zoom-out; } g.title { outline: none; }
g.title:focus path { stroke: #1346fe; stroke-width: 1.4; }
table { border-collapse: collapse; width: 100%; } td { padding: .12rem 0; vertical-align: top; }
td:last-child { text-align: right; font-variant-numeric: tabular-nums; }
td small { display: block; color: #6a7280; overflow-wrap: anywhere; }
@media print { header, aside { display: none; } body { display: block; }
  main { overflow: visible; } main section, main svg { position: static; transform: none !important; }
  main svg { max-width: 100%; } .far text { visibility: visible; } }
@media (max-width: 700px) { body { grid-template-columns: 1fr; grid-template-rows: auto 1fr 40vh; }
  header { grid-column: 1; } aside { border-left: 0; border-top: 1px solid var(--line); } }
"""

SCRIPT = r"""
const data = JSON.parse(document.getElementById("data").textContent);
const view = document.getElementById("view"), byId = name => document.getElementById(name);
const s = Object.fromEntries(data.symbols.map(name => [name, 16]));
const value = code => code(s);
// Whole numbers without bounds, where a formula has them: [n, over], which is n/over.
const big = { floor: (p, q) => { const n = p / q; return p % q !== 0n && (p < 0n) !== (q < 0n) ? n - 1n : n; },
  max: (...all) => all.reduce((a, b) => a > b ? a : b), min: (...all) => all.reduce((a, b) => a < b ? a : b),
  power: (base, n) => { if (n > 4000n) throw new RangeError("too many digits"); return base ** n; } };
const exactly = ({ exact, over }) => {
  if (exact === undefined) return null;
  const sizes = Object.fromEntries(data.symbols.map(name => [name, BigInt(s[name])]));
  try { return [exact(sizes, big.floor, big.max, big.min, big.power), over]; } catch { return null; }
};
// Every digit of a whole number; ≈ before what was rounded.
const shown = formula => {
  const ratio = exactly(formula);
  if (ratio && ratio[0] % ratio[1] === 0n) return (ratio[0] / ratio[1]).toLocaleString("en");
  const x = value(formula.code), short = Number(x.toPrecision(8));
  if (Number.isSafeInteger(x)) return x.toLocaleString("en");
  const large = Math.abs(x) >= 2 ** 53, few = { maximumSignificantDigits: 8 };
  const text = large || Math.abs(x) < 1e-3 ? short.toExponential().replace("e+", "e") : short.toLocaleString("en", few);
  return short === x && !large && ratio ? text : "≈ " + text;
};
const measured = name => { const found = data.measures.find(m => m.name === name); return found ? value(formulas[found.formula].code) : 0; };
window.ncd = { sizes: s, value, measure: measured, show: shown };

// -- pan and zoom ---------------------------------------------------------------------
let scale = 1, x = 0, y = 0;
const sections = [...view.querySelectorAll("section")];
const svg = () => sections.find(part => !part.hidden).querySelector("svg");
for (const part of sections) {
  const one = part.querySelector("svg"), box = one.viewBox.baseVal;
  one.setAttribute("width", box.width); one.setAttribute("height", box.height);
}
// While it moves, the section is one layer, without a new painting; when it has come to rest or has gone far,
// the picture is painted anew at its scale and the layer is given up: one that is kept stays blurred.
const READABLE = 0.55;                          // labels of 8 px
const sharp = new Map(sections.map(part => [part, 1]));
let resting = 0, touched = false;
const sharpen = () => {
  const one = svg();
  view.classList.toggle("far", scale < 0.1);        // texts of 2 px
  sharp.set(one.parentNode, scale); one.style.transform = `scale(${scale})`; put();
};
const put = () => {
  const part = svg().parentNode;
  part.style.transform = `translate(${x}px,${y}px) scale(${scale / sharp.get(part)})`;
};
const rest = () => { sharpen(); for (const part of sections) part.style.willChange = ""; };
const place = () => {
  const part = svg().parentNode, factor = scale / sharp.get(part);
  touched = true; part.style.willChange = "transform";
  put(); clearTimeout(resting);
  if (factor > 3 || factor < 1 / 2) sharpen();
  resting = setTimeout(rest, 150);
};
const whole = () => {
  const box = svg().viewBox.baseVal, room = view.getBoundingClientRect();
  return Math.min(room.width / box.width, room.height / box.height, 1.6);
};
const fit = () => {
  const box = svg().viewBox.baseVal, room = view.getBoundingClientRect();
  scale = whole();
  x = (room.width - box.width * scale) / 2; y = (room.height - box.height * scale) / 2; rest(); touched = false;
};
// Where the whole would be too small to read, its beginning.
const home = () => {
  if (whole() >= READABLE) return fit();
  const one = svg(), box = one.viewBox.baseVal, room = view.getBoundingClientRect(), wire = one.querySelector("path.wire");
  scale = Math.max(READABLE, Math.min(1, room.height / box.height));
  const middle = wire ? Number(wire.getAttribute("d").match(/-?[\d.]+ (-?[\d.]+)/)[1]) - box.y : box.height / 2;
  const least = room.height - box.height * scale;
  x = 0; y = least > 0 ? least / 2 : Math.min(0, Math.max(least, room.height / 2 - middle * scale)); rest(); touched = false;
};
const zoom = (factor, cx, cy) => {
  const to = Math.min(12, Math.max(Math.min(0.02, whole()), scale * factor));
  x = cx - (cx - x) * to / scale; y = cy - (cy - y) * to / scale; scale = to; place();
};
view.addEventListener("wheel", event => {
  event.preventDefault();
  const room = view.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY / 400), event.clientX - room.left, event.clientY - room.top);
}, { passive: false });
let held = null, moved = false;
view.addEventListener("pointerdown", event => { held = [event.clientX - x, event.clientY - y]; moved = false; view.style.cursor = "grabbing"; });
window.addEventListener("pointermove", event => { if (held) { moved = moved || Math.hypot(event.movementX, event.movementY) > 2; x = event.clientX - held[0]; y = event.clientY - held[1]; place(); } });
window.addEventListener("pointerup", () => { held = null; view.style.cursor = ""; });
view.addEventListener("keydown", event => {
  const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
  const room = view.getBoundingClientRect();
  if (step) { x += step[0]; y += step[1]; place(); event.preventDefault(); }
  else if (event.key === "+" || event.key === "=") zoom(1.2, room.width / 2, room.height / 2);
  else if (event.key === "-") zoom(1 / 1.2, room.width / 2, room.height / 2);
  else if (event.key === "0") fit();
});
byId("fit").onclick = fit; window.addEventListener("resize", () => { if (!touched) home(); });
view.addEventListener("scroll", () => {         // the focus went to what was out of view
  const [left, top] = [view.scrollLeft, view.scrollTop];
  if (left || top) { x -= left; y -= top; view.scrollTo(0, 0); place(); }
});

// -- levels of blocks -----------------------------------------------------------------
const open = level => {
  sections.forEach((part, n) => { part.hidden = n !== level; });
  [...byId("levels").children].forEach((button, n) => button.setAttribute("aria-pressed", n === level));
  home(); search();
};
if (data.levels > 0) for (let n = 0; n <= data.levels; n++) {
  const button = document.createElement("button");
  button.textContent = n === 0 ? "closed" : n === data.levels ? "open" : String(n);
  button.onclick = () => open(n);
  byId("levels").append(button);
}

// -- what a thing is --------------------------------------------------------------------
let pointed = null;
const told = ({ text, formula }) => {
  const number = shown(formulas[formula]);
  return number.replaceAll(",", "") === text ? number : `${text} = ${number}`;
};
const rows = thing => {
  const made = [];
  if (thing.kind === "wire") {
    made.push(["axis", thing.name], ["array", thing.array], ["dtype", thing.dtype]);
    for (const name of ["size", "elements", "bytes"]) if (thing[name]) made.push([name, told(thing[name])]);
  } else {
    made.push(["operation", thing.name], ["type", thing.type]);
    if (thing.place) made.push(["place", thing.place]);
    if (thing.equation) made.push(["equation", thing.equation]);
    if (thing.source) made.push(["source", thing.source]);
    if (thing.times) made.push(["runs", told(thing.times) + " times"], ["FLOP of one run", told(thing.step)]);
    if (thing.flops) {
      const all = measured("flops"), n = value(formulas[thing.flops.formula].code);
      made.push([thing.times ? "FLOP of all" : "FLOP", told(thing.flops) + (all > 0 ? ` (${(100 * n / all).toFixed(1)} %)` : "")]);
    }
  }
  return made;
};
const about = () => {
  if (pointed === null) return;
  const list = document.createElement("dl");
  for (const [name, text] of rows(data.things[pointed])) {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = name; dd.textContent = text; list.append(dt, dd);
  }
  byId("about").replaceChildren(list);
};
for (const kind of ["pointerover", "focusin"]) view.addEventListener(kind, event => {
  const group = event.target.closest("[data-thing]");
  if (group) { pointed = Number(group.dataset.thing); about(); }
});

@OPENING@
// -- search ------------------------------------------------------------------------------
const search = () => {
  const wanted = byId("search").value.trim().toLowerCase();
  for (const group of svg().querySelectorAll("[data-thing]")) {      // a closed block is found by what is in it
    const inside = data.things[group.dataset.thing].inside || "";
    const text = group.getAttribute("aria-label") + (group.classList.contains("block") ? " " + inside : "");
    group.classList.toggle("found", wanted !== "" && text.toLowerCase().includes(wanted));
  }
};
byId("search").oninput = search;

// -- sizes and costs -----------------------------------------------------------------------
const update = () => {
  byId("cost").replaceChildren(...data.measures.map(m => {
    const row = document.createElement("tr"), left = document.createElement("td"), right = document.createElement("td");
    const formula = document.createElement("small");
    left.textContent = m.name.replaceAll("_", " "); formula.textContent = m.text; left.append(formula);
    right.textContent = `${shown(formulas[m.formula])} ${m.unit}`; right.dataset.measure = m.name;
    row.append(left, right);
    return row;
  }));
  about();
};
for (const name of data.symbols) {
  const label = document.createElement("label"), range = document.createElement("input"), box = document.createElement("input");
  label.className = "size"; range.type = "range"; range.min = 0; range.max = 16; range.step = 0.25; range.value = 4;
  box.type = "number"; box.min = 1; box.value = 16; box.setAttribute("aria-label", "size " + name); box.dataset.size = name;
  range.setAttribute("aria-label", "slider of " + name); range.dataset.slider = name;
  const set = n => { if (Number.isSafeInteger(n) && n > 0) { s[name] = n; update(); } };
  range.oninput = () => { box.value = Math.round(2 ** range.value); set(Number(box.value)); };
  box.oninput = () => { set(Number(box.value)); range.value = Math.log2(Number(box.value) || 1); };
  label.append(name, range, box); byId("sizes").append(label);
}
if (!data.symbols.length) byId("sizes").textContent = "Every size is a number.";
const theme = dark => { document.body.classList.toggle("dark", dark); byId("theme").setAttribute("aria-pressed", dark); };
byId("theme").onclick = () => theme(!document.body.classList.contains("dark"));
theme(data.theme === "dark");
open(data.level); update();
""".replace("@OPENING@", OPENING)
