"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const LEAST_WIDTH = 10; // pixels of the imagery across the map, at the nearest
  const STEPS = [2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001];
  const BARS = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000];
  const KINDS = { vessel: "ship", fixed: "fixed structure", doubt: "rejected by reviewers" };
  const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

  function draw(parent, name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    parent.appendChild(element);
    return element;
  }

  function put(parent, name, text, attributes) {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    for (const key in attributes || {}) element.setAttribute(key, attributes[key]);
    parent.appendChild(element);
    return element;
  }

  // value of a polynomial in two inputs, as jobs/publish/lonlat.py fits them
  function valueOf(fit, powers, a, b) {
    const u = (a - fit.middle[0]) / fit.half[0], v = (b - fit.middle[1]) / fit.half[1];
    const sum = powers.reduce((total, [i, j], k) => total + fit.terms[k] * u ** i * v ** j, 0);
    return fit.offset + fit.scale * sum;
  }

  const turned = (lon) => ((lon + 180) % 360 + 360) % 360 - 180;
  const northing = (lat, digits) => `${Math.abs(lat).toFixed(digits)}° ${lat < 0 ? "S" : "N"}`;
  const easting = (lon, digits) => `${Math.abs(turned(lon)).toFixed(digits)}° ${turned(lon) < 0 ? "W" : "E"}`;
  const words = ([lon, lat]) => `${northing(lat, 5)}, ${easting(lon, 5)}`;
  const numbers = ([lon, lat]) => `${lat.toFixed(5)}, ${turned(lon).toFixed(5)}`;

  // a box with its sides moved outwards; any other shape as it is
  function larger(points, off) {
    const corners = points.split(" ").map((point) => point.split(",").map(Number));
    if (corners.length !== 5) return points;
    const side = (a, b) => {
      const length = Math.hypot(b[0] - a[0], b[1] - a[1]) || 1;
      return [(b[0] - a[0]) / length * off, (b[1] - a[1]) / length * off];
    };
    const [along, across] = [side(corners[0], corners[1]), side(corners[1], corners[2])];
    const signs = [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]];
    return corners.map((corner, k) => [0, 1].map((n) =>
      (corner[n] + signs[k][0] * along[n] + signs[k][1] * across[n]).toFixed(2)).join(",")).join(" ");
  }

  class PortMap {
    constructor(figure) {
      const find = (name) => figure.querySelector(name);
      this.figure = figure;
      this.data = JSON.parse(find("script[type='application/json']").textContent);
      this.frame = find(".map-frame");
      this.svg = find(".map-svg");
      this.parts = {};
      for (const name of ["layers", "found", "grid", "mark"]) this.parts[name] = find(`.map-${name}`);
      this.says = find(".map-says");
      this.position = find(".map-position");
      this.bar = find(".map-bar");
      this.choice = find(".map-choice");
      this.copied = find(".map-copied");
      this.pointers = new Map();
      this.number = this.data.first;
      // the pictures shown at first are in the page, not in the data
      this.data.looks[this.number].layers = [...this.parts.layers.querySelectorAll("image")].map((image) => [
        image.getAttribute("href"), ...["x", "y", "width", "height"].map((name) => Number(image.getAttribute(name))),
      ]);
      figure.classList.add("live");
      this.listen(find);
      this.reset();
      this.list();
      new ResizeObserver(() => this.apply()).observe(this.frame);
    }

    listen(find) {
      const buttons = {
        in: () => this.zoom(1.6), out: () => this.zoom(1 / 1.6), home: () => this.reset(), all: () => this.whole(),
        before: () => this.show(this.number - 1), after: () => this.show(this.number + 1), copy: () => this.copy(),
      };
      for (const name in buttons) {
        this.figure.querySelector(`[data-does=${name}]`)?.addEventListener("click", buttons[name]);
      }
      this.choice.addEventListener("change", () => this.show(Number(this.choice.value)));
      for (const box of this.figure.querySelectorAll("[data-shows]")) {
        box.addEventListener("change", () => this.figure.classList.toggle(`hide-${box.dataset.shows}`, !box.checked));
      }
      const frame = this.frame;
      frame.addEventListener("keydown", (event) => this.key(event));
      frame.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
      frame.addEventListener("pointerdown", (event) => this.down(event));
      frame.addEventListener("pointermove", (event) => this.move(event));
      for (const name of ["pointerup", "pointercancel"]) frame.addEventListener(name, (event) => this.up(event));
      frame.addEventListener("pointerleave", () => { if (!this.pointers.size) this.position.textContent = ""; });
      frame.addEventListener("dblclick", (event) => event.target.closest("button") || this.zoom(2, this.at(event)));
      frame.addEventListener("focus", () => { this.position.textContent = `centre ${words(this.lonlat(this.centre()))}`; });
      frame.addEventListener("blur", () => { this.position.textContent = ""; });
    }

    // --- the view: x, y and width in pixels of the imagery; the height follows from the frame -----

    get shape() { return this.frame.clientHeight / Math.max(this.frame.clientWidth, 1); }
    get height() { return this.view.width * this.shape; }
    get unit() { return this.view.width / Math.max(this.frame.clientWidth, 1); }
    get widest() { return Math.max(this.data.width, this.data.height / this.shape) * 1.02; }

    fit(x, y, width, height) {
      const across = clamp(Math.max(width, height / this.shape), LEAST_WIDTH, this.widest);
      this.view = { x: x + width / 2 - across / 2, y: y + height / 2 - across * this.shape / 2, width: across };
      this.apply();
    }

    reset() { this.fit(...this.data.view); }
    whole() { this.fit(0, 0, this.data.width, this.data.height); }
    centre() { return [this.view.x + this.view.width / 2, this.view.y + this.height / 2]; }

    zoom(factor, [x, y] = this.centre()) {
      const width = clamp(this.view.width / factor, LEAST_WIDTH, this.widest);
      const ratio = width / this.view.width;
      this.view = { x: x - (x - this.view.x) * ratio, y: y - (y - this.view.y) * ratio, width };
      this.apply();
    }

    pan(columns, rows) {
      this.view.x += columns;
      this.view.y += rows;
      this.apply();
    }

    // keep some of the area in the frame, and centre what is smaller than it
    hold() {
      const keep = (start, length, limit) =>
        length >= limit ? (limit - length) / 2 : clamp(start, 0, limit - length);
      this.view.x = keep(this.view.x, this.view.width, this.data.width);
      this.view.y = keep(this.view.y, this.height, this.data.height);
    }

    apply() {
      if (!this.frame.clientWidth) return;
      this.hold();
      const { x, y, width } = this.view;
      this.svg.setAttribute("viewBox", `${x} ${y} ${width} ${this.height}`);
      this.svg.style.setProperty("--u", this.unit);
      this.svg.classList.toggle("smooth", this.unit > 0.4);
      this.frame.style.touchAction = width < this.widest * 0.9 ? "none" : "pan-y";
      this.figure.querySelector("[data-does=in]").disabled = width <= LEAST_WIDTH;
      this.figure.querySelector("[data-does=out]").disabled = width >= this.widest * 0.999;
      this.figure.dataset.width = width.toFixed(2);
      this.measure();
      this.degrees();
      this.enlarge();
    }

    // from afar a box lies a little off its ship, or it would cover it
    enlarge() {
      const off = this.unit > 0.5 ? Math.round(3 * this.unit * 20) / 20 : 0;
      if (off === this.off) return;
      this.off = off;
      for (const shape of this.parts.found.querySelectorAll("polygon")) {
        shape.dataset.points ||= shape.getAttribute("points");
        shape.setAttribute("points", off ? larger(shape.dataset.points, off) : shape.dataset.points);
      }
    }

    measure() {
      const metres = this.data.metres * this.unit;
      const length = BARS.filter((one) => one / metres <= this.frame.clientWidth / 4).pop() || BARS[0];
      this.bar.style.width = `${length / metres}px`;
      this.bar.firstElementChild.textContent = length >= 1000 ? `${length / 1000} km` : `${length} m`;
    }

    // --- degrees ------------------------------------------------------------------------------

    lonlat([x, y]) {
      const { powers, lon, lat } = this.data.lonlat;
      return [valueOf(lon, powers, x, y), valueOf(lat, powers, x, y)];
    }

    pixel(lon, lat) {
      const { powers, column, row } = this.data.lonlat;
      return [valueOf(column, powers, lon, lat), valueOf(row, powers, lon, lat)];
    }

    // lines of equal longitude and latitude, with their numbers at the left and lower edge
    degrees() {
      const grid = this.parts.grid;
      grid.textContent = "";
      const { x, y, width } = this.view, unit = this.unit, bottom = y + this.height;
      const corners = [[x, y], [x + width, y], [x, bottom], [x + width, bottom]].map((each) => this.lonlat(each));
      const span = [0, 1].map((n) => [Math.min(...corners.map((c) => c[n])), Math.max(...corners.map((c) => c[n]))]);
      const pixels = 1 / unit; // of the screen, to a pixel of the imagery
      const perDegree = [width / (span[0][1] - span[0][0]), this.height / (span[1][1] - span[1][0])];
      for (const n of [0, 1]) {
        const step = STEPS.filter((one) => one * perDegree[n] * pixels >= (n ? 80 : 120)).pop() || STEPS[0];
        const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
        for (let k = Math.ceil(span[n][0] / step); k * step <= span[n][1]; k += 1) {
          this.line(n, k * step, span[1 - n], digits, unit, bottom);
        }
      }
    }

    line(n, value, [low, high], digits, unit, bottom) {
      const points = [...Array(9).keys()].map((i) => {
        const along = low + (high - low) * i / 8;
        return n ? this.pixel(along, value) : this.pixel(value, along);
      });
      const d = "M" + points.map((point) => point.map((one) => one.toFixed(3)).join(",")).join("L");
      draw(this.parts.grid, "path", { d, class: "under" });
      draw(this.parts.grid, "path", { d, class: "over" });
      // where the line leaves through the left edge (latitude) or the lower edge (longitude)
      const edge = n ? this.view.x + 4 * unit : bottom - 5 * unit;
      const at = points.findIndex((point, i) => i && (point[1 - n] - edge) * (points[i - 1][1 - n] - edge) <= 0);
      if (at < 0) return;
      const [a, b] = [points[at - 1], points[at]];
      const t = (edge - a[1 - n]) / (b[1 - n] - a[1 - n] || 1);
      const place = a[n] + t * (b[n] - a[n]);
      const where = n ? { x: edge, y: place - 4 * unit } : { x: place + 4 * unit, y: edge };
      // not under the bar and the buttons
      if (n ? place > bottom - 60 * unit || place < this.view.y + 40 * unit : place < this.view.x + 4 * unit) return;
      draw(this.parts.grid, "text", where, n ? northing(value, digits) : easting(value, digits));
    }

    // --- pointer, wheel and keys ----------------------------------------------------------------

    at(event) {
      const box = this.svg.getBoundingClientRect();
      return [this.view.x + (event.clientX - box.left) * this.unit, this.view.y + (event.clientY - box.top) * this.unit];
    }

    down(event) {
      if (event.button || event.target.closest("button")) return;
      this.frame.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
      this.moved = this.pointers.size > 1 ? 99 : 0;
    }

    move(event) {
      const before = this.pointers.get(event.pointerId);
      if (!before) {
        this.position.textContent = words(this.lonlat(this.at(event)));
        return;
      }
      const now = [event.clientX, event.clientY];
      const others = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
      this.moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (others.length === 1) {
        const [other] = others;
        const apart = (point) => Math.max(Math.hypot(point[0] - other[0], point[1] - other[1]), 1);
        this.zoom(apart(now) / apart(before), this.at({ clientX: (now[0] + other[0]) / 2, clientY: (now[1] + other[1]) / 2 }));
        this.pan((before[0] - now[0]) / 2 * this.unit, (before[1] - now[1]) / 2 * this.unit);
      } else if (!others.length && this.moved > 4) {
        this.pan((before[0] - now[0]) * this.unit, (before[1] - now[1]) * this.unit);
      }
      this.pointers.set(event.pointerId, now);
    }

    up(event) {
      const held = this.pointers.delete(event.pointerId);
      if (held && event.type === "pointerup" && this.moved <= 4) this.mark(this.at(event));
    }

    wheel(event) {
      const wanted = event.ctrlKey || event.metaKey || document.activeElement === this.frame;
      if (!wanted) {
        this.position.textContent = "click the map, or hold Ctrl, to zoom with the wheel";
        return;
      }
      event.preventDefault();
      this.zoom(2 ** (-event.deltaY * (event.deltaMode ? 20 : 1) / 300), this.at(event));
    }

    key(event) {
      if (event.target !== this.frame || event.ctrlKey || event.metaKey || event.altKey) return;
      const step = this.view.width / 8;
      const does = {
        ArrowLeft: () => this.pan(-step, 0), ArrowRight: () => this.pan(step, 0),
        ArrowUp: () => this.pan(0, -step), ArrowDown: () => this.pan(0, step),
        "+": () => this.zoom(1.6), "=": () => this.zoom(1.6), "-": () => this.zoom(1 / 1.6), _: () => this.zoom(1 / 1.6),
        0: () => this.reset(), Home: () => this.reset(), End: () => this.whole(),
        ",": () => this.show(this.number - 1), ".": () => this.show(this.number + 1),
        Enter: () => this.mark(this.centre()),
      }[event.key];
      if (!does) return;
      event.preventDefault();
      does();
      this.position.textContent = `centre ${words(this.lonlat(this.centre()))}`;
    }

    // --- a marked place ---------------------------------------------------------------------------

    mark([x, y]) {
      const lonlat = this.lonlat([x, y]);
      const reach = 6 * this.unit;
      const hit = this.data.looks[this.number].found.find((one) => {
        const points = one[1].split(" ").map((point) => point.split(",").map(Number));
        return [x, y].every((value, n) => {
          const values = points.map((point) => point[n]);
          return value >= Math.min(...values) - reach && value <= Math.max(...values) + reach;
        });
      });
      const mark = this.parts.mark;
      mark.textContent = "";
      const d = `M${x - 1e4},${y}H${x + 1e4}M${x},${y - 1e4}V${y + 1e4}`;
      draw(mark, "path", { d, class: "under" });
      draw(mark, "path", { d, class: "over" });
      this.copied.value = numbers(lonlat);
      this.says.textContent = hit ? `${hit[2]} (${hit[3]})` : `Marked ${words(lonlat)}`;
    }

    copy() {
      if (!this.copied.value) this.mark(this.centre());
      this.copied.select();
      const done = () => { this.says.textContent = `Copied ${this.copied.value}`; };
      if (navigator.clipboard) navigator.clipboard.writeText(this.copied.value).then(done, () => document.execCommand("copy") && done());
      else if (document.execCommand("copy")) done();
    }

    // --- the look -----------------------------------------------------------------------------

    show(number) {
      this.number = clamp(number, 0, this.data.looks.length - 1);
      const look = this.data.looks[this.number];
      this.choice.value = String(this.number);
      this.figure.dataset.look = look.id;
      this.parts.layers.textContent = "";
      for (const [href, x, y, width, height] of look.layers) {
        const image = draw(this.parts.layers, "image", { href, x, y, width, height });
        image.addEventListener("error", () => {
          this.says.textContent = `The picture of ${look.time} UTC is not there: ${href.slice(0, 80)}`;
        });
      }
      this.parts.found.textContent = "";
      this.off = undefined;
      for (const [kind, points, title] of look.found) this.outline(kind, points, title);
      this.enlarge();
      const count = (kind) => look.found.filter((one) => one[0] === kind).length;
      this.says.textContent = `Shown: ${look.time} UTC, ${look.sensor}, ${count("vessel")} ships, ${count("fixed")} fixed${count("doubt") ? `, ${count("doubt")} rejected by reviewers` : ""}. ${look.id}`;
      this.list();
    }

    outline(kind, points, title) {
      const group = draw(this.parts.found, "g", { class: `ol ${kind}` });
      draw(group, "title", {}, title);
      const at = points.split(" ");
      const cross = `M${at[0]}L${at[2]}M${at[1]}L${at[3]}`;
      for (const name of ["under", "over"]) {
        draw(group, "polygon", { points, class: name });
        if (kind === "fixed") draw(group, "path", { d: cross, class: name });
      }
    }

    list() {
      const { found, time } = this.data.looks[this.number];
      this.figure.querySelector(".map-count").textContent = `${found.length} detections on ${time} UTC`;
      for (const does of ["before", "after"]) {
        const end = does === "before" ? 0 : this.data.looks.length - 1;
        this.figure.querySelector(`[data-does=${does}]`).disabled = this.number === end;
      }
      const body = this.figure.querySelector(".map-list tbody");
      body.textContent = "";
      for (const [kind, points, title, id, berth, length, score, lon, lat] of found) {
        const row = put(body, "tr");
        const button = put(put(row, "td"), "button", "Show", { type: "button", "aria-label": `Show on the map: ${title}` });
        button.addEventListener("click", () => this.go(points, title, id));
        for (const text of [KINDS[kind], berth || "—", length, score, lat.toFixed(5), lon.toFixed(5)]) put(row, "td", text);
        put(put(row, "td"), "code", id);
      }
    }

    go(points, title, id) {
      const pairs = points.split(" ").map((point) => point.split(",").map(Number));
      const [x, y] = [0, 1].map((n) => {
        const values = pairs.map((pair) => pair[n]);
        return (Math.min(...values) + Math.max(...values)) / 2;
      });
      this.fit(x - 30, y - 30, 60, 60);
      this.mark([x, y]);
      this.says.textContent = `${title} (${id})`;
      this.frame.focus({ preventScroll: true });
      this.frame.scrollIntoView({ block: "nearest" });
    }
  }

  for (const figure of document.querySelectorAll("figure.map")) new PortMap(figure);
})();
