/* The page: one port and one look at a time, steps, playing, and the address that names them. */

const CALM_MS = 200;
const byId = id => document.getElementById(id);
const page = {ports: new Map(), waiting: new Map(), port: null, look: 0, shown: 0, picked: null, playing: false, turn: 0};

/* Called by data/<port>.js. */
window.berthwatchPort = facts => {
  page.ports.set(facts.id, facts);
  const done = page.waiting.get(facts.id);
  if (done) done(facts);
};

function portFacts(id) {
  if (page.ports.has(id)) return Promise.resolve(page.ports.get(id));
  return new Promise((done, failed) => {
    page.waiting.set(id, done);
    const script = document.createElement("script");
    script.src = `data/${encodeURIComponent(id)}.js`;
    script.onerror = () => failed(new Error(`data/${id}.js cannot be read: the map is not whole. Copy its whole folder, or run the command again.`));
    document.head.append(script);
  });
}

async function showPort(id, lookId, vesselId) {
  stop();
  let port;
  try { port = await portFacts(id); } catch (error) { say(error.message); return; }
  say("");
  if (page.view) page.view.remove();
  page.port = port;
  page.view = new PortView(byId("map"), port, {picked, moved: place => { byId("pointer").textContent = degrees(place); }, missing: pictureMissing, late: pictureLate});
  page.view.told.moved(page.view.placeOf(page.view.map.getCenter()));
  page.timeline = new Timeline(byId("slider"), byId("names"), byId("scroll"), port, {go: move, goTo: time => move(port.looks.findIndex(look => look.time >= time))});
  byId("look").replaceChildren(...port.looks.map((look, n) => new Option(`${n + 1} · ${lookLine(look)}`, n)));
  byId("shorter").disabled = true;
  byId("approximate").hidden = !port.approximate || !port.berths.length;
  byId("see-berths").hidden = !port.berths.length;
  drawLegend(port);
  for (const kind of ["vessel", "berth", "area", "fixed"]) page.view.toggle(kind, byId(`show-${kind}`).checked);
  await go(lookNamed(port, lookId));
  if (vesselId) pickVessel(vesselId);
}

function lookNamed(port, id) {
  if (!id) return port.looks.length - 1;
  const found = port.looks.findIndex(look => look.id === id);
  if (found < 0) say(`The address names the look ${id}, which this map does not have; the last one is shown instead.`);
  return found < 0 ? port.looks.length - 1 : found;
}

/* Show a look; the picture and all that is drawn on it change together. */
async function go(index) {
  const port = page.port, look = port.looks[index];
  const turn = ++page.turn;
  page.look = index;
  page.timeline.show(index);
  byId("look").value = index;
  byId("first").disabled = byId("back").disabled = index === 0;
  byId("last").disabled = byId("next").disabled = index === port.looks.length - 1;
  await page.view.show(look);
  if (turn !== page.turn) return;
  page.shown = index; // until now all that is seen is of the look before
  page.picked = null;
  page.view.draw(look);
  tell(look, index);
  writeAddress();
  page.view.fetchAhead(port.looks[index + 1]);
  document.body.dataset.shown = look.id;
}

function tell(look, index) {
  const port = page.port;
  byId("moment").textContent = `${utc(look.time, true)} UTC`;
  byId("state").textContent = stateSentence(look);
  byId("state").className = look.state || "";
  byId("detail").textContent = `Look ${index + 1} of ${port.looks.length}. ${look.sensor}; ${look.platform}.`;
  tellOrigin(look);
  byId("nothing").hidden = look.picture && !["clouded", "outside"].includes(look.state);
  byId("nothing").textContent = look.picture ? stateSentence(look) : "No picture: the archive has no pixels of this look.";
  byId("berths").replaceChildren(...port.berths.map((berth, n) => berthLine(berth, n, look.berths[n])));
  const ships = look.vessels.filter(vessel => vessel.kind === "ship");
  byId("vessels-title").textContent = `${count(ships.length, "vessel")} in this look`;
  byId("vessels").replaceChildren(...[...ships].sort((a, b) => b.length - a.length).map(vesselLine));
  byId("fixed-count").textContent = look.vessels.length - ships.length;
  if (!page.playing) byId("spoken").textContent = `Look ${index + 1} of ${port.looks.length}, ${lookLine(look)}`;
}

function tellOrigin(look) {
  const facts = [["Overpass", look.id], ...look.items.map(item => ["Scene", item])];
  byId("origin").replaceChildren(...facts.flatMap(([name, text]) => [
    Object.assign(document.createElement("dt"), {textContent: name}), Object.assign(document.createElement("dd"), {textContent: text}),
  ]));
}

function berthLine(berth, n, moment) {
  const line = buttonLine(`${n + 1} ${berth.name}: ${berthSentence(moment)}`, () => pickBerth(berth.id));
  line.firstChild.prepend(Object.assign(document.createElement("span"), {className: `badge ${moment.state}`, textContent: moment.state}));
  line.firstChild.dataset.pick = `berth ${berth.id}`;
  return line;
}

function vesselLine(vessel) {
  const line = buttonLine(`${vesselTitle(vessel)}, ${berthName(page.port, vessel.berth)}`, () => pickVessel(vessel.id));
  line.firstChild.dataset.pick = `vessel ${vessel.id}`;
  return line;
}

function buttonLine(text, pressed) {
  const button = Object.assign(document.createElement("button"), {textContent: text, type: "button"});
  button.onclick = () => { stop(); pressed(); };
  const line = document.createElement("li");
  line.append(button);
  return line;
}

function pickVessel(id) {
  const vessel = page.port.looks[page.shown].vessels.find(each => each.id === id);
  if (!vessel) return say(`The address names the vessel ${id}, which this look does not have.`);
  return pick("vessel", id, vessel.kind === "ship" ? "vessel" : "fixed");
}

function pickBerth(id) { pick("berth", id, "berth"); }

/* What is hidden is shown first: a chosen thing can be seen. */
function pick(kind, id, layer) {
  const box = byId(`show-${layer}`);
  if (!box.checked) { box.checked = true; page.view.toggle(layer, true); }
  page.view.pick(kind, id);
}

function picked(kind, id) {
  page.picked = kind ? {kind, id} : null;
  page.view.mark(kind, id);
  for (const button of document.querySelectorAll("[data-pick]")) button.setAttribute("aria-current", String(button.dataset.pick === `${kind} ${id}`));
  writeAddress();
}

function pictureMissing(address) {
  say(`The picture ${address} cannot be read: the map is not whole, or its server was stopped.`);
}

/* A part that has not come looks like one that was not imaged. */
function pictureLate(look) {
  say(look ? `The picture of ${utc(look.time)} UTC is still on its way: hatched may mean no more than that.` : "");
}

function say(text) {
  byId("trouble").hidden = !text;
  byId("trouble").textContent = text;
}

/* Go where a person wants to; what was said before is over. */
function move(index) { stop(); say(""); go(index); }

function step(by) { move(Math.min(Math.max(page.look + by, 0), page.port.looks.length - 1)); }

/* --- playing --- */

function nextToPlay() {
  const looks = page.port.looks, blank = look => byId("skip").checked && ["clouded", "outside"].includes(look.state);
  let next = page.look + 1;
  while (next < looks.length && blank(looks[next])) next += 1;
  return next < looks.length ? next : null;
}

async function play() {
  if (page.playing) return stop();
  page.playing = true;
  showPlaying();
  if (nextToPlay() === null) await go(0);
  while (page.playing) {
    await new Promise(done => setTimeout(done, 1000 / Number(byId("speed").value)));
    const next = nextToPlay();
    if (!page.playing || next === null) break;
    await go(next);
  }
  return stop();
}

function stop() {
  if (!page.playing) return;
  page.playing = false;
  showPlaying();
  tell(page.port.looks[page.shown], page.shown);
}

function showPlaying() {
  byId("play").textContent = page.playing ? "⏸ Pause" : "▶ Play";
  byId("play").setAttribute("aria-pressed", String(page.playing));
}

/* --- the address --- */

function readAddress() { return new URLSearchParams(location.hash.slice(1)); }

/* Browsers refuse to change the address many times a second: it follows when things are calm. */
function writeAddress() {
  const named = new URLSearchParams({port: page.port.id, look: page.port.looks[page.shown].id});
  if (page.picked && page.picked.kind === "vessel") named.set("vessel", page.picked.id);
  page.address = `#${named}`;
  clearTimeout(page.writing);
  page.writing = setTimeout(() => {
    if (location.hash !== page.address) history.replaceState(null, "", page.address);
  }, CALM_MS);
}

function followAddress() {
  if (location.hash === page.address) return;
  clearTimeout(page.writing);
  const named = readAddress(), known = [...document.querySelectorAll("#port option")].map(option => option.value);
  const first = document.body.dataset.first;
  let port = named.get("port") || first;
  const unknown = known.length ? !known.includes(port) : port !== first;
  if (unknown) port = first;
  if (byId("port")) byId("port").value = port;
  showPort(port, unknown ? null : named.get("look"), unknown ? null : named.get("vessel")).then(() => {
    if (unknown) say(`The address names the port ${named.get("port")}, which this map does not have; ${port} is shown instead.`);
  });
}

/* --- controls --- */

function drawLegend(port) {
  const key = (inside, text) => {
    const item = document.createElement("li");
    const svg = element("svg", {viewBox: "0 0 18 14", "aria-hidden": "true"});
    svg.append(shades(), ...inside);
    item.append(svg, text);
    return item;
  };
  const number = state => port.looks.filter(look => look.state === state).length;
  const box = state => [element("path", {class: `mark ${state}`, d: {clear: "M5 1h8v13h-8z", partly: "M5 5h8v9h-8z", clouded: "M5 7h8v6h-8z", outside: "M5 7h8v6h-8z"}[state]})];
  const items = port.berths.length ? ["clear", "partly", "clouded", "outside"].map(state => key(box(state), `${SHORT_STATE[state]}: ${count(number(state), "look")}`)) : [];
  const unscreened = port.looks.filter(look => look.screened === false).length;
  if (unscreened) items.push(key([element("path", {class: "mark clear unscreened", d: "M5 1h8v13h-8z"})], `not screened for cloud: ${count(unscreened, "look")}`));
  if (port.berths.length) {
    items.push(
      key([element("circle", {class: "dot occupied", cx: 9, cy: 7, r: 4})], "berth occupied"),
      key([element("circle", {class: "dot empty", cx: 9, cy: 7, r: 4})], "empty"),
      key([element("path", {class: "dot unknown", d: "M5 7h8"})], "unknown"),
      key([fade("in", 0, 6, 4, 6), element("rect", {class: "bar here", x: 6, y: 4, width: 6, height: 6}), fade("out", 12, 18, 4, 6)], "seen visit, its bounds fading"),
      key([torn(0, 8, 4, 6), element("rect", {class: "bar here", x: 8, y: 4, width: 8, height: 6})], "not bounded by a look"),
    );
  }
  byId("legend").replaceChildren(...items);
}

const KEYS = {ArrowLeft: () => step(-1), ArrowRight: () => step(1), ArrowDown: () => step(-1), ArrowUp: () => step(1), PageUp: () => step(10), PageDown: () => step(-10), Home: () => step(-1e9), End: () => step(1e9), " ": () => play()};

function keyed(event) {
  if (!page.port || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const at = event.target, inMap = at.closest("#map");
  if (event.key === "Escape" && inMap) { byId("slider").focus(); return; }
  if (at.closest("select, input, textarea")) return;
  if (event.key === " " && at.closest("button, a, summary")) return;
  const onSlider = at.id === "slider";
  if (inMap && event.key !== " ") return;
  if (["ArrowUp", "ArrowDown", "PageUp", "PageDown"].includes(event.key) && !onSlider) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
}

function begin() {
  document.addEventListener("keydown", keyed);
  byId("first").onclick = () => step(-1e9);
  byId("back").onclick = () => step(-1);
  byId("next").onclick = () => step(1);
  byId("last").onclick = () => step(1e9);
  byId("play").onclick = play;
  byId("look").onchange = event => move(Number(event.target.value));
  byId("longer").onclick = () => { page.timeline.zoom(2); byId("shorter").disabled = false; };
  byId("shorter").onclick = () => { byId("shorter").disabled = page.timeline.zoom(0.5) === 1; };
  byId("see-all").onclick = () => page.view.seeAll();
  byId("see-berths").onclick = () => page.view.seeBerths();
  for (const kind of ["vessel", "berth", "area", "fixed"]) byId(`show-${kind}`).onchange = event => page.view.toggle(kind, event.target.checked);
  if (byId("port")) byId("port").onchange = event => showPort(event.target.value, null, null);
  if (REDUCED) byId("speed").value = "0.5";
  new ResizeObserver(() => { if (page.timeline) page.timeline.draw(); }).observe(byId("scroll"));
  window.addEventListener("hashchange", followAddress);
  followAddress();
}

begin();
