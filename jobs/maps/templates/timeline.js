/* The timeline: a mark for every look, and below it a row for every berth with its visits. */

const TRACK = 40, AXIS = 18, EDGE = 12, LANE = 7, LEAST_ROW = 32, MOST_LANES = 24;

class Timeline {
  constructor(slider, names, scroll, port, told) {
    Object.assign(this, {slider, names, scroll, port, told, stretch: 1, at: 0});
    this.rows = port.berths.map((berth, n) => rowOf(port.visits.filter(visit => visit.berth === n)));
    slider.setAttribute("aria-valuemax", port.looks.length);
    this.listen();
    this.draw();
  }

  listen() {
    const pick = event => this.told.go(this.nearest(event.clientX - this.slider.getBoundingClientRect().left));
    this.slider.onpointerdown = event => {
      if (event.button || event.target.closest(".visit")) return;
      this.dragging = true;
      if (event.pointerType === "mouse") this.slider.setPointerCapture(event.pointerId);
      pick(event);
    };
    this.slider.onpointermove = event => { if (this.dragging) pick(event); else this.hint(event); };
    this.slider.onpointerup = this.slider.onpointercancel = () => { this.dragging = false; };
    this.slider.onclick = event => {
      const bar = event.target.closest(".visit");
      if (bar) this.told.goTo(Number(bar.dataset.time));
    };
  }

  /* What lies under the pointer, in words. */
  hint(event) {
    const box = this.slider.getBoundingClientRect();
    const look = this.port.looks[this.nearest(event.clientX - box.left)];
    let top = box.top + AXIS + TRACK;
    const n = this.rows.findIndex(row => { top += row.height; return event.clientY < top; });
    const isTrack = event.clientY < box.top + AXIS + TRACK || n < 0;
    const text = isTrack ? lookLine(look) : `${utc(look.time)} UTC: ${look.berths[n].state}, ${berthSentence(look.berths[n])}`;
    if (this.slider.title !== text) this.slider.title = text;
  }

  x(time) {
    const {from, to} = this.port;
    return EDGE + (time - from) / (to - from) * (this.width - 2 * EDGE);
  }

  nearest(x) {
    let best = 0;
    this.port.looks.forEach((look, n) => {
      if (Math.abs(this.x(look.time) - x) < Math.abs(this.x(this.port.looks[best].time) - x)) best = n;
    });
    return best;
  }

  /* Everything; called again when the room for it changes. */
  draw() {
    this.width = Math.max(Math.floor(this.scroll.clientWidth * this.stretch), 160);
    const tall = this.rows.reduce((sum, row) => sum + row.height, 0);
    this.height = AXIS + TRACK + tall + 4;
    this.bars = [];
    const svg = element("svg", {width: this.width, height: this.height, "aria-hidden": "true"});
    svg.append(shades(), ...this.axis(), ...this.track());
    let y = AXIS + TRACK;
    this.rows.forEach((row, n) => { svg.append(...this.row(row, n, y)); y += row.height; });
    this.hand = handOf(this.height);
    this.slider.style.width = `${this.width}px`;
    // a finger moves the hand; where the timeline is longer than its room, it scrolls
    this.slider.style.touchAction = this.stretch === 1 ? "pan-y" : "pan-x pan-y";
    this.slider.replaceChildren(svg, this.hand);
    this.drawNames();
    this.show(this.at);
  }

  drawNames() {
    const heads = [lineOf("Looks", `${this.port.looks.length.toLocaleString("en")} in all`, AXIS + TRACK)];
    this.states = this.port.berths.map((berth, n) => lineOf(`${n + 1} ${berth.name}`, "", this.rows[n].height));
    this.names.replaceChildren(...heads, ...this.states);
  }

  axis() {
    const parts = [];
    for (const [time, label] of ticks(this.port.from, this.port.to, this.width)) {
      const x = this.x(time);
      parts.push(element("path", {class: "grid", d: `M${x} ${AXIS - 4}V${this.height}`}), words(label, {x: x + 3, y: 10}));
    }
    return parts;
  }

  track() {
    const places = this.port.looks.map(look => this.x(look.time));
    const gaps = places.slice(1).map((x, n) => x - places[n]).filter(gap => gap > 0.5);
    const half = Math.max(1.5, Math.min(5, ...gaps.map(gap => gap / 2 - 0.75)));
    return this.port.looks.map(look => {
      const mark = element("path", {class: `mark ${look.state || "unjudged"}${look.screened === false ? " unscreened" : ""}`, d: markOf(look.state, this.x(look.time), half)});
      mark.append(element("title", {}, lookLine(look)));
      return mark;
    });
  }

  row(row, n, y) {
    const parts = [element("path", {class: "rule", d: `M0 ${y}H${this.width}`})];
    for (const {visit, lane} of row.bars) parts.push(this.bar(visit, y + 5 + lane * row.lane, row.lane - Math.min(2, row.lane / 3)));
    return parts.concat(this.dots(n, y + row.height - 7));
  }

  /* What every look tells of a berth: one path a state, as there may be thousands of looks. */
  dots(n, y) {
    const paths = {occupied: "", empty: "", unknown: ""};
    for (const look of this.port.looks) {
      const {state} = look.berths[n], x = this.x(look.time).toFixed(1);
      paths[state] += state === "unknown" ? `M${x - 4} ${y}h8` : `M${x - 3} ${y}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0`;
    }
    return Object.entries(paths).map(([state, d]) => element("path", {class: `dot ${state}`, d}));
  }

  /* Solid between the sightings, fading to the looks that bound it, torn where none does. */
  bar(visit, y, thick) {
    const group = element("g", {class: "visit", "data-time": visit.arrival_before});
    const first = this.x(visit.arrival_before), last = this.x(visit.departure_after);
    const before = visit.arrival_after === null ? null : this.x(visit.arrival_after);
    const after = visit.departure_before === null ? null : this.x(visit.departure_before);
    if (before !== null) group.append(fade("in", before, first, y, thick));
    else group.append(torn(Math.max(first - 16, 0), first, y, thick));
    if (after !== null) group.append(fade("out", last, after, y, thick));
    else group.append(torn(last, Math.min(last + 16, this.width), y, thick));
    group.append(element("rect", {class: "bar", x: first - 1.5, y, width: last - first + 3, height: thick, rx: 1}));
    group.append(element("title", {}, `${visit.id}: ${visitSentence(visit)}`));
    this.bars.push({group, first: visit.arrival_before, last: visit.departure_after});
    return group;
  }

  /* Move the hand and say what the look tells of each berth. */
  show(index) {
    this.at = index;
    const look = this.port.looks[index], x = this.x(look.time);
    this.hand.style.transform = `translateX(${x}px)`;
    this.slider.setAttribute("aria-valuenow", index + 1);
    this.slider.setAttribute("aria-valuetext", `${index + 1} of ${this.port.looks.length}: ${lookLine(look)}`);
    this.states.forEach((line, n) => { line.lastChild.textContent = shortBerth(look.berths[n]); });
    for (const bar of this.bars) {
      const here = look.time >= bar.first && look.time <= bar.last;
      if (here !== bar.here) bar.group.classList.toggle("here", here);
      bar.here = here;
    }
    this.follow(x);
  }

  follow(x) {
    const {scrollLeft, clientWidth} = this.scroll;
    if (x < scrollLeft + 30 || x > scrollLeft + clientWidth - 30) this.scroll.scrollLeft = x - clientWidth / 2;
  }

  zoom(factor) {
    this.stretch = Math.min(Math.max(this.stretch * factor, 1), 64);
    this.draw();
    this.scroll.scrollLeft = this.x(this.port.looks[this.at].time) - this.scroll.clientWidth / 2;
    return this.stretch;
  }
}

/* Bars of a berth in lanes, so that none hides another where the room allows. */
function rowOf(visits) {
  const ends = [];
  const bars = visits.map(visit => {
    const start = visit.arrival_after === null ? visit.arrival_before : visit.arrival_after;
    const end = visit.departure_before === null ? visit.departure_after : visit.departure_before;
    let lane = ends.findIndex(busy => busy <= start);
    if (lane < 0) lane = ends.length;
    ends[lane] = end;
    return {visit, lane};
  });
  const lanes = Math.max(ends.length, 1);
  const lane = lanes > MOST_LANES ? LANE * MOST_LANES / lanes : LANE;
  return {bars, lane, height: Math.max(LEAST_ROW, Math.ceil(lanes * lane) + 18)};
}

/* Its own element above the rest: to move it, nothing else is drawn again. */
function handOf(height) {
  const hand = element("svg", {class: "hand", width: 18, height, viewBox: `-9 0 18 ${height}`, "aria-hidden": "true"});
  hand.append(
    element("path", {class: "now", d: `M0 ${AXIS}V${height}`}),
    element("path", {class: "thumb", d: `M-7 ${AXIS - 9}H7V${AXIS - 1}L0 ${AXIS + 7}L-7 ${AXIS - 1}Z`}),
  );
  return hand;
}

function shortBerth(moment) {
  return moment.state === "occupied" ? `occupied: ${moment.ships}` : moment.state;
}

function markOf(state, x, half) {
  const heights = {clear: 26, partly: 17, clouded: 12, outside: 12};
  const tall = heights[state] || 20, top = AXIS + TRACK - 6 - tall;
  return `M${x - half} ${top}h${2 * half}v${tall}h${-2 * half}z`;
}

function fade(way, left, right, y, thick) {
  return element("rect", {class: "fade", x: left, y, width: Math.max(right - left, 0.5), height: thick, fill: `url(#fade-${way})`});
}

function torn(left, right, y, thick) {
  return element("path", {class: "torn", d: `M${left} ${y + thick / 2}H${right}`});
}

function shades() {
  const defs = element("defs", {});
  for (const [way, start, end] of [["in", 0, 0.85], ["out", 0.85, 0]]) {
    const gradient = element("linearGradient", {id: `fade-${way}`});
    gradient.append(element("stop", {class: "stop", offset: 0, "stop-opacity": start}), element("stop", {class: "stop", offset: 1, "stop-opacity": end}));
    defs.append(gradient);
  }
  return defs;
}

/* Midnights, firsts of months or of years, as the width allows. */
function ticks(from, to, width) {
  const days = (to - from) / 86400, room = width / 64;
  const stepDays = [1, 2, 7, 14].find(step => days / step <= room);
  const found = [];
  if (stepDays) {
    for (let time = from; time < to; time += stepDays * 86400) found.push([time, utc(time).slice(5, 10)]);
    if (found.length) found[0][1] = utc(from).slice(0, 10);
    return found;
  }
  const months = [1, 3, 6, 12, 24, 60].find(step => days / 30.4 / step <= room) || 120;
  const start = new Date(from * 1000);
  for (let n = 0; ; n += 1) {
    const time = Date.UTC(start.getUTCFullYear(), n * months, 1) / 1000;
    if (time >= to) return found;
    if (time >= from) found.push([time, months >= 12 ? utc(time).slice(0, 4) : utc(time).slice(0, 7)]);
  }
}

function lineOf(name, state, height) {
  const line = document.createElement("div");
  line.style.height = `${height}px`;
  line.title = name;
  line.append(Object.assign(document.createElement("span"), {textContent: name}), Object.assign(document.createElement("small"), {textContent: state}));
  line.firstChild.style.cssText = "overflow:hidden;text-overflow:ellipsis";
  return line;
}

function element(name, attributes, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function words(text, attributes) { return element("text", attributes, text); }
