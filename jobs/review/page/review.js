// The review page: one detection at a time, judged by keyboard, mouse or finger.
import { around, dragged, fromCorners, halves, handles, headingOf, toCorners } from "./hull.js";

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
const SIDES = [32, 48, 64, 96, 160, 256, 400];
const LARGEST = 1200; // pixels of a side, as the server allows
const VERDICTS = { ship: "a ship", not_ship: "no ship", structure: "structure", duplicate: "part of another" };

let data = null; // what the results hold, once
let state = null; // what was decided, after every decision
let items = [];
let index = 0;
let side = 2; // of SIDES
let whole = false; // the whole berth instead of the surroundings
let outlines = true;
let edit = null; // {kind, hulls, drag, choices}
let busy = false;

// --- asking the server --------------------------------------------------------------------------

async function ask(path, body) {
  const options = body === undefined
    ? {}
    : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(path, options);
  if (answer.ok) return answer.json();
  const text = await answer.text();
  let reason = text;
  try { reason = JSON.parse(text).error; } catch { /* plain text of a refusal */ }
  throw new Error(reason || `the server answered ${answer.status}`);
}

async function decide(decisions, after = "stay") {
  if (busy) return;
  busy = true;
  try {
    state = await ask("decide", decisions);
    say(`Kept: ${words(decisions)}.`, true);
    refresh(after);
  } catch (error) {
    say(`Not kept: ${error.message}`);
  } finally {
    busy = false;
  }
}

async function undo() {
  if (busy) return;
  busy = true;
  const last = state.mine.at(-1);
  try {
    state = await ask("undo", {});
    say("Taken back.", true);
    refresh("stay");
    const again = items.findIndex((item) => last && item.id === last.vessel);
    if (again >= 0) { index = again; show(); }
  } catch (error) {
    say(error.message);
  } finally {
    busy = false;
  }
}

function words(decisions) {
  const names = { hull: "the hull", berth: "the berth", cargo: "the cargo", drawn: "a ship drawn by hand", look: "the whole look", comment: "the comment" };
  const found = [...new Set(decisions.map((each) => names[each.what] || VERDICTS[each.what]))];
  return found.length > 1 ? `${found.slice(0, -1).join(", ")} and ${found.at(-1)}` : found[0];
}

function say(text, good = false) {
  $("message").textContent = text;
  $("message").classList.toggle("good", good);
}

// --- what there is to judge ---------------------------------------------------------------------

const port = (id) => data.ports.find((each) => each.id === id);
const berth = (item, id) => port(item.port).berths.find((each) => each.id === id);
const mine = (item) => state.mine.filter((each) => each.vessel === item.id);
const verdictOf = (item) => mine(item).filter((each) => each.aspect === "verdict").at(-1)
  || mine(item).find((each) => ["hull", "drawn"].includes(each.what));
const disputedOn = (item) => state.disputed.filter((each) => each.about === item.id);

function inPixels(item, corners) {
  const grid = port(item.port).grid;
  return corners.map(([x, y]) => [(x - grid.left) / grid.step, (grid.top - y) / grid.step]);
}

function inMetres(item, corners) {
  const grid = port(item.port).grid;
  return corners.map(([column, row]) => [grid.left + column * grid.step, grid.top - row * grid.step]);
}

function drawnItems() {
  return state.drawn.map((each) => ({
    id: each.vessel, port: each.port, overpass: each.overpass, berth: each.berth, drawn: true, who: each.who,
    corners: inPixels(each, each.value.corners), length: each.value.length_m, beam: each.value.beam_m,
    heading: each.value.heading_deg, score: null, doubt: 0, reasons: [`drawn by ${each.who}`],
  }));
}

// The hull as this reviewer corrected it, else as it was found.
function cornersOf(item) {
  const hull = mine(item).filter((each) => each.what === "hull").at(-1);
  return hull ? inPixels(item, hull.value.corners) : item.corners;
}

function chosen() {
  const all = [...data.vessels, ...drawnItems()];
  const [wantedPort, wantedBerth] = $("place").value.split("/");
  const reason = $("reason").value;
  const wanted = {
    todo: (item) => !verdictOf(item) && !item.drawn,
    all: () => true,
    mine: (item) => verdictOf(item),
    disputed: (item) => disputedOn(item).length > 0,
    drawn: (item) => item.drawn,
  }[$("show").value];
  const inPlace = (item) => (!wantedPort || item.port === wantedPort)
    && (wantedBerth === undefined || item.berth === wantedBerth);
  const within = all.filter((item) => inPlace(item) && (!reason || item.reasons.includes(reason)));
  return { within: within.filter((item) => !item.drawn), items: sorted(within.filter(wanted)) };
}

function sorted(found) {
  const time = (item) => data.overpasses[item.overpass].time;
  return found.sort($("order").value === "time"
    ? (a, b) => time(a).localeCompare(time(b)) || a.id.localeCompare(b.id)
    : (a, b) => b.doubt - a.doubt || a.id.localeCompare(b.id));
}

// Afterwards "next" goes on to the next one: of those not judged, it has moved to this place.
function refresh(after) {
  const before = items[index];
  const found = chosen();
  items = found.items;
  const judged = found.within.filter((item) => verdictOf(item)).length;
  const elsewhere = state.elsewhere
    ? ` (${state.elsewhere} more of yours are about what other results found, and not shown)` : "";
  $("progress").textContent = `${judged} of ${found.within.length} judged${elsewhere}`;
  $("bar").value = found.within.length ? judged / found.within.length : 1;
  const same = before ? items.findIndex((item) => item.id === before.id) : -1;
  if (same >= 0) index = after === "next" ? same + 1 : same;
  index = Math.max(0, Math.min(index, items.length - 1));
  show();
}

// --- showing one --------------------------------------------------------------------------------

function show() {
  endEdit();
  whole = false;
  const item = items[index];
  $("item").classList.toggle("empty", !item);
  for (const button of document.querySelectorAll("#actions button")) {
    button.disabled = !item && !["undo"].includes(button.dataset.do);
  }
  if (!item) return showNothing();
  const facts = data.overpasses[item.overpass];
  const place = berth(item, item.berth);
  $("title").textContent = `${place ? place.name : "at no berth"}, ${port(item.port).name}, ${clock(facts.time)}`;
  $("reasons").textContent = item.reasons.length ? `Shown because: ${item.reasons.join("; ")}` : "";
  $("measures").textContent = `${measures(item)} · ${facts.platform || facts.sensor} · ${item.id}`;
  $("mine").replaceChildren(...said(item));
  $("others").textContent = disputedOn(item).map(disputeText).join(" ");
  draw();
}

function showNothing() {
  const all = $("show").value === "todo";
  $("title").textContent = all ? "Nothing is left to judge here." : "Nothing matches.";
  $("reasons").textContent = all ? "Choose another place or reason above, or show those you judged." : "";
  for (const name of ["measures", "mine", "others"]) $(name).textContent = "";
  for (const name of ["picture", "before", "after"]) $(name).hidden = true;
  for (const name of ["overlay", "before-overlay", "after-overlay"]) $(name).replaceChildren();
  $("before-caption").textContent = $("after-caption").textContent = "";
}

const clock = (time) => `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;

function measures(item) {
  const score = item.score === null ? "drawn by hand" : `score ${item.score.toFixed(2)}`;
  const cut = item.truncated ? " (cut)" : "";
  const fixed = item.fixed ? `, taken for fixed structure${item.seen}` : "";
  return `${item.length.toFixed(0)} m long${cut}, ${item.beam === null ? "beam not measured" : `${item.beam.toFixed(0)} m broad`}, heading ${item.heading.toFixed(0)}°, ${score}${fixed}`;
}

function said(item) {
  const words = mine(item).map((each) => {
    const value = {
      hull: () => `hull of ${each.value.length_m.toFixed(0)} m`,
      berth: () => `at ${each.value.berth || "no berth"}`,
      cargo: () => `${each.value.cargo.replace("_", " ")} (${each.value.source})`,
      comment: () => `“${each.why}”`,
      drawn: () => `drawn, ${each.value.length_m.toFixed(0)} m`,
    }[each.what];
    return value ? value() : VERDICTS[each.what];
  });
  const whole = state.mine.some((each) => each.what === "look" && each.overpass === item.overpass && each.berth === item.berth);
  if (whole) words.push("whole look checked");
  if (!words.length) return [];
  const bold = document.createElement("b");
  bold.textContent = words.join(", ");
  return ["You said: ", bold];
}

function disputeText(dispute) {
  const opinions = dispute.decisions.map((each) => {
    const value = each.value.berth ?? each.value.cargo ?? (each.value.length_m ? `hull of ${each.value.length_m.toFixed(0)} m` : VERDICTS[each.what]);
    return `${each.who} says ${value || "no berth"}${each.why ? ` (${each.why})` : ""}`;
  });
  return `Disagreement: ${opinions.join("; ")}. Not used until one decision settles it.`;
}

// --- pictures and outlines ----------------------------------------------------------------------

function windowAround(item) {
  if (whole && berth(item, item.berth)) return windowOfBerth(berth(item, item.berth));
  const hull = fromCorners(cornersOf(item));
  const size = SIDES[side];
  return { column: Math.round(hull.x - size / 2), row: Math.round(hull.y - size / 2), size };
}

function windowOfBerth(place) {
  const [columns, rows] = [0, 1].map((axis) => place.outline.map((corner) => corner[axis]));
  const [left, right, top, bottom] = [Math.min(...columns), Math.max(...columns), Math.min(...rows), Math.max(...rows)];
  const size = Math.min(LARGEST, Math.ceil(Math.max(right - left, bottom - top) * 1.1) + 8);
  return { column: Math.round((left + right - size) / 2), row: Math.round((top + bottom - size) / 2), size };
}

let view = null;

function draw() {
  const item = items[index];
  view = windowAround(item);
  picture("picture", item, item.overpass);
  overlay("overlay", item, item.overpass, true);
  const [before, after] = neighbours(item);
  for (const [name, overpass] of [["before", before], ["after", after]]) {
    picture(name, item, overpass);
    overlay(`${name}-overlay`, item, overpass, false);
    const facts = overpass && data.overpasses[overpass];
    $(`${name}-caption`).textContent = facts
      ? `${name === "before" ? "Look before" : "Look after"}: ${clock(facts.time)}, ${apart(item, facts)}`
      : `No look ${name} this one`;
  }
}

function apart(item, facts) {
  const hours = Math.abs(new Date(facts.time) - new Date(data.overpasses[item.overpass].time)) / 3.6e6;
  return hours < 48 ? `${hours.toFixed(0)} h apart` : `${(hours / 24).toFixed(0)} days apart`;
}

function picture(name, item, overpass) {
  const image = $(name);
  image.hidden = !overpass;
  if (!overpass) {
    image.parentElement.classList.remove("loading");
    return image.removeAttribute("src");
  }
  const { row, column, size } = view;
  const query = new URLSearchParams({ port: item.port, overpass, row, column, side: size });
  const frame = image.parentElement;
  frame.classList.add("loading");
  image.onload = () => frame.classList.remove("loading");
  image.onerror = () => say("The picture cannot be read; the archive may have lost it.");
  image.src = `picture?${query}`;
  image.alt = `${data.overpasses[overpass].time}, ${size * 10} m wide`;
}

// The looks next in time that saw the place; of clouded ones none.
function neighbours(item) {
  const usable = new Set(data.looks
    .filter((look) => !item.berth || look.berth === item.berth)
    .filter((look) => look.state === "clear" || look.state === "partly")
    .map((look) => look.overpass));
  const ids = Object.keys(data.overpasses)
    .filter((id) => data.overpasses[id].port === item.port && (usable.has(id) || id === item.overpass));
  const here = ids.indexOf(item.overpass);
  return [ids[here - 1] || null, ids[here + 1] || null];
}

function overlay(name, item, overpass, isMain) {
  const svg = $(name);
  svg.setAttribute("viewBox", `${view.column} ${view.row} ${view.size} ${view.size}`);
  svg.replaceChildren();
  if (!overpass || (!outlines && !edit)) return;
  for (const each of port(item.port).berths) outline(svg, each.outline, "berth");
  const all = [...data.vessels, ...drawnItems()].filter((each) => each.overpass === overpass && inView(each));
  for (const each of all) {
    if (isMain && each.id === item.id) continue;
    const verdict = verdictOf(each);
    const gone = verdict && ["not_ship", "structure", "duplicate"].includes(verdict.what);
    const kind = each.drawn ? "drawn" : gone ? "gone" : each.fixed && !verdict ? "fixed" : "other";
    outline(svg, cornersOf(each), kind);
  }
  if (!isMain) return outline(svg, cornersOf(item), "current");
  if (!edit) return outline(svg, cornersOf(item), "current");
  if (edit.choices) return drawChoices(svg, item);
  if (edit.kind === "look") return outline(svg, cornersOf(item), "current");
  if (edit.kind === "drawn") outline(svg, cornersOf(item), "other");
  edit.hulls.forEach((hull, number) => drawEdited(svg, hull, number));
}

function inView(item) {
  const [x, y] = item.corners[0];
  return x > view.column - 60 && x < view.column + view.size + 60 && y > view.row - 60 && y < view.row + view.size + 60;
}

function shape(svg, kind, attributes) {
  const found = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) found.setAttribute(name, value);
  svg.append(found);
  return found;
}

function outline(svg, corners, kind) {
  const points = corners.map((corner) => corner.join(",")).join(" ");
  shape(svg, "polygon", { points, class: "halo" });
  return shape(svg, "polygon", { points, class: kind });
}

function drawEdited(svg, hull, number) {
  const body = outline(svg, toCorners(hull), "edited");
  body.addEventListener("pointerdown", (event) => grab(event, number, "middle"));
  for (const [which, [cx, cy]] of Object.entries(handles(hull))) {
    shape(svg, "circle", { cx, cy, r: view.size / 90 });
    const hold = shape(svg, "circle", { cx, cy, r: view.size / 36, class: "hold", "data-handle": `${which}-${number}` });
    hold.addEventListener("pointerdown", (event) => grab(event, number, which));
  }
}

function drawChoices(svg, item) {
  outline(svg, cornersOf(item), "current");
  edit.choices.forEach((each, number) => {
    const body = outline(svg, cornersOf(each), "choice");
    body.addEventListener("pointerdown", () => chooseOther(each));
    const hull = fromCorners(cornersOf(each));
    shape(svg, "text", { x: hull.x, y: hull.y, "font-size": view.size / 16 }).textContent = number + 1;
  });
}

// --- editing hulls ------------------------------------------------------------------------------

const EDITING = {
  hull: "Drag the ends, the side, or the whole hull. Arrows move it, with Shift they turn and lengthen it.",
  split: "Two ships: drag each hull to its ship.",
  merge: "One ship: correct the hull around both.",
  drawn: "A ship that was missed: drag the hull to it.",
};

// Close enough that the hulls fill a third of the picture; wider again when all is done.
function startEdit(kind, hulls, more = {}) {
  edit = { kind, hulls, active: 0, before: edit?.before ?? side, ...more };
  say("");
  const longest = Math.max(0, ...hulls.map((hull) => 2 * hull.half));
  if (longest && kind !== "drawn") {
    side = Math.min(side, SIDES.findIndex((size) => size >= 3 * longest) || 0);
    if (side < 0) side = SIDES.length - 1;
    view = windowAround(items[index]);
    picture("picture", items[index], items[index].overpass);
  }
  $("editing").hidden = false;
  $("chip").scrollIntoView({ block: "nearest" });
  tell();
  overlay("overlay", items[index], items[index].overpass, true);
}

function tell() {
  if (edit.kind === "look") {
    $("editing-text").textContent = edit.text;
    return;
  }
  if (edit.choices) {
    $("editing-text").textContent = `Which box is the same ship? Choose it in the picture, or by its number.`;
    return;
  }
  const sizes = edit.hulls.map((hull) => {
    const step = port(items[index].port).grid.step;
    return `${(2 * hull.half * step).toFixed(0)} x ${(2 * hull.beam * step).toFixed(0)} m, heading ${headingOf(hull).toFixed(0)}°`;
  });
  $("editing-text").textContent = `${EDITING[edit.kind]} Now ${sizes.join(" and ")}.`;
}

function redraw() {
  tell();
  overlay("overlay", items[index], items[index].overpass, true);
}

function point(event) {
  const box = $("overlay").getBoundingClientRect();
  return [
    view.column + ((event.clientX - box.left) / box.width) * view.size,
    view.row + ((event.clientY - box.top) / box.height) * view.size,
  ];
}

function grab(event, number, which) {
  event.preventDefault();
  event.stopPropagation();
  edit.active = number;
  edit.drag = { which, from: point(event), hull: edit.hulls[number] };
}

addEventListener("pointermove", (event) => {
  if (!edit?.drag) return;
  const { which, from, hull } = edit.drag;
  edit.hulls[edit.active] = dragged(hull, which, point(event), from);
  redraw();
});
addEventListener("pointerup", () => { if (edit) edit.drag = null; });
$("chip").addEventListener("pointerdown", (event) => {
  if (edit?.kind !== "drawn" || edit.drag) return;
  const [x, y] = point(event);
  edit.hulls[0] = { ...edit.hulls[0], x, y };
  redraw();
});

const NUDGES = {
  ArrowLeft: (hull) => ({ ...hull, x: hull.x - 0.5 }),
  ArrowRight: (hull) => ({ ...hull, x: hull.x + 0.5 }),
  ArrowUp: (hull) => ({ ...hull, y: hull.y - 0.5 }),
  ArrowDown: (hull) => ({ ...hull, y: hull.y + 0.5 }),
  "Shift+ArrowLeft": (hull) => ({ ...hull, angle: hull.angle - Math.PI / 36 }),
  "Shift+ArrowRight": (hull) => ({ ...hull, angle: hull.angle + Math.PI / 36 }),
  "Shift+ArrowUp": (hull) => ({ ...hull, half: hull.half + 0.25 }),
  "Shift+ArrowDown": (hull) => ({ ...hull, half: Math.max(hull.half - 0.25, 0.5) }),
  "]": (hull) => ({ ...hull, beam: hull.beam + 0.1 }),
  "[": (hull) => ({ ...hull, beam: Math.max(hull.beam - 0.1, 0.4) }),
};

function editKey(event) {
  if (edit.kind === "look" && !["Enter", "Escape"].includes(event.key)) return false;
  const name = (event.shiftKey && event.key.startsWith("Arrow") ? "Shift+" : "") + event.key;
  if (event.key === "Enter") return save();
  if (event.key === "Escape") return cancel();
  if (edit.choices) {
    const other = edit.choices[Number(event.key) - 1];
    return other ? chooseOther(other) : false;
  }
  if (event.key === "Tab" && edit.hulls.length > 1) edit.active = (edit.active + 1) % edit.hulls.length;
  else if (NUDGES[name]) edit.hulls[edit.active] = NUDGES[name](edit.hulls[edit.active]);
  else return false;
  redraw();
  return true;
}

function endEdit() {
  if (edit) side = edit.before;
  edit = null;
  $("editing").hidden = true;
}

function cancel() {
  endEdit();
  whole = false;
  draw();
}

function startMerge() {
  const item = items[index];
  const here = fromCorners(cornersOf(item));
  const near = (each) => Math.hypot(fromCorners(each.corners).x - here.x, fromCorners(each.corners).y - here.y);
  const choices = data.vessels
    .filter((each) => each.overpass === item.overpass && each.id !== item.id && near(each) < SIDES[side] / 2)
    .sort((a, b) => near(a) - near(b)).slice(0, 9);
  if (!choices.length) return say("No other box is in view; look wider with -.");
  startEdit("merge", [], { choices });
}

function chooseOther(other) {
  const item = items[index];
  startEdit("merge", [around(fromCorners(cornersOf(item)), fromCorners(cornersOf(other)))], { other });
}

function startDrawn() {
  const hull = fromCorners(cornersOf(items[index]));
  startEdit("drawn", [{ ...hull, half: 5, beam: 0.8, x: view.column + view.size / 2, y: view.row + view.size / 4 }]);
}

function save() {
  if (!edit || edit.choices) return;
  const item = items[index];
  if (edit.kind === "look") return decide([row(item, "look"), ...edit.left.map((each) => row(each, "ship"))], "next");
  const hulls = edit.hulls.map((hull) => ({ corners: inMetres(item, toCorners(hull)) }));
  const { kind, other } = edit;
  const made = {
    hull: () => [row(item, "ship"), row(item, "hull", hulls[0])],
    split: () => [row(item, "ship"), row(item, "hull", hulls[0]), row(item, "drawn", hulls[1])],
    merge: () => [row(item, "ship"), row(item, "hull", hulls[0]), row(other, "duplicate")],
    drawn: () => [row(item, "drawn", hulls[0])],
  }[kind]();
  decide(made, kind === "drawn" ? "stay" : "next");
}

// --- deciding -----------------------------------------------------------------------------------

function row(item, what, value = {}, why = "") {
  const vessel = ["drawn", "look"].includes(what) ? "" : item.id;
  const settles = $("show").value === "disputed" && disputedOn(item).length > 0;
  return { what, port: item.port, overpass: item.overpass, berth: item.berth, vessel, value, why, settles };
}

function dialog(name, prepare, finish) {
  const found = $(`${name}-dialog`);
  prepare();
  found.returnValue = "";
  found.onclose = () => { if (found.returnValue === "save") finish(); };
  found.showModal();
}

function askBerth() {
  const item = items[index];
  dialog("berth", () => {
    const options = [...port(item.port).berths.map((each) => [each.id, each.name]), ["", "at no berth"]];
    $("berth-choice").replaceChildren(...options.map(([id, name]) => new Option(name, id, false, id === item.berth)));
  }, () => decide([row(item, "ship"), row(item, "berth", { berth: $("berth-choice").value })], "next"));
}

function askCargo() {
  const item = items[index];
  dialog("cargo", () => {}, () => {
    const cargo = document.querySelector("input[name=cargo]:checked").value;
    decide([row(item, "ship"), row(item, "cargo", { cargo, source: $("cargo-source").value.trim() })], "next");
  });
}

function askComment() {
  const item = items[index];
  dialog("comment", () => { $("comment-text").value = ""; },
    () => decide([row(item, "comment", {}, $("comment-text").value.trim())]));
}

function askLook() {
  const item = items[index];
  if (!item.berth) return say("It lies at no berth: a look is at a berth.");
  const left = data.vessels.filter((each) => each.overpass === item.overpass && each.berth === item.berth && !each.fixed && !verdictOf(each));
  const many = left.length ? `${left.length} boxes that are not judged yet will count as ships. ` : "All boxes are judged. ";
  const text = `The whole of ${berth(item, item.berth).name} at ${clock(data.overpasses[item.overpass].time)}: is every ship outlined? ${many}Save if nothing was missed; else cancel, and add what was.`;
  whole = true;
  outlines = true;
  startEdit("look", [], { left, text });
  draw();
}

const zoom = (by) => () => {
  side = Math.max(0, Math.min(SIDES.length - 1, side + by));
  whole = false;
  if (edit && !edit.choices) { view = windowAround(items[index]); picture("picture", items[index], items[index].overpass); redraw(); } else draw();
};

const DO = {
  ship: () => decide([row(items[index], "ship")], "next"),
  not_ship: () => decide([row(items[index], "not_ship")], "next"),
  structure: () => decide([row(items[index], "structure")], "next"),
  hull: () => startEdit("hull", [fromCorners(cornersOf(items[index]))]),
  split: () => startEdit("split", halves(fromCorners(cornersOf(items[index])))),
  merge: startMerge,
  drawn: startDrawn,
  berth: askBerth,
  cargo: askCargo,
  look: askLook,
  comment: askComment,
  undo,
  next: () => { if (index < items.length - 1) { index += 1; say(""); show(); } },
  previous: () => { if (index > 0) { index -= 1; say(""); show(); } },
  closer: zoom(-1),
  wider: zoom(1),
  whole: () => { whole = !whole; draw(); },
  outlines: () => { outlines = !outlines; draw(); },
  save,
  cancel,
};
const KEYS = {
  s: "ship", n: "not_ship", f: "structure", e: "hull", 2: "split", 1: "merge", a: "drawn", b: "berth", l: "cargo",
  w: "look", c: "comment", u: "undo", j: "next", k: "previous", ArrowRight: "next", ArrowLeft: "previous",
  "+": "closer", "=": "closer", "-": "wider", o: "whole", h: "outlines",
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (edit) {
    if (event.key === "+" || event.key === "=") return zoom(-1)();
    if (event.key === "-") return zoom(1)();
    if (event.target.matches("button") && event.key === "Enter") return;
    if (editKey(event) !== false) event.preventDefault();
    return;
  }
  if (event.target.matches("select, input, textarea")) return;
  if (event.key === "?") { event.preventDefault(); return $("help-dialog").showModal(); }
  const action = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action || (!items[index] && action !== "undo")) return;
  event.preventDefault();
  DO[action]();
});

for (const button of document.querySelectorAll("[data-do]")) {
  button.addEventListener("click", () => { DO[button.dataset.do](); button.blur(); });
}
for (const button of document.querySelectorAll(".close")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
$("help-button").addEventListener("click", () => $("help-dialog").showModal());
$("filters").addEventListener("change", (event) => { index = 0; items = []; refresh("stay"); event.target.blur(); });
$("filters").addEventListener("submit", (event) => event.preventDefault());

// --- beginning ----------------------------------------------------------------------------------

async function begin() {
  [data, state] = await Promise.all([ask("overview"), ask("state")]);
  $("job").textContent = `${data.job} · ${data.reviewer}`;
  document.title = `Review ${data.job}`;
  const reasons = new Set(data.vessels.flatMap((each) => each.reasons));
  $("reason").append(...[...reasons].sort().map((each) => new Option(each, each)));
  for (const each of data.ports) {
    $("place").append(new Option(each.name, each.id));
    for (const at of each.berths) $("place").append(new Option(`${each.name}: ${at.name}`, `${each.id}/${at.id}`));
    $("place").append(new Option(`${each.name}: at no berth`, `${each.id}/`));
  }
  refresh("stay");
}

begin().catch((error) => say(error.message));
