"use strict";
/* The map: pictures of looks and outlines, in pixels of the port's grid; row 0 is in the north. */

const REDUCED = matchMedia("(prefers-reduced-motion: reduce)").matches;
const POPUP = {autoPanPaddingTopLeft: [6, 92], autoPanPaddingBottomRight: [6, 30], maxWidth: 290}; // clear of the buttons
const PATIENCE_MS = 4000; // then a picture is shown as far as it has come

class PortView {
  constructor(element, port, told) {
    this.port = port;
    this.told = told; // {picked(kind, id), moved(place), missing(address), late(look or null)}
    const grid = port.grid;
    const crs = L.extend({}, L.CRS.Simple, {
      transformation: new L.Transformation(1, 0, 1, 0),
      distance: (a, b) => Math.hypot(a.lat - b.lat, a.lng - b.lng) * grid.resolution,
    });
    this.bounds = L.latLngBounds([0, 0], [grid.height, grid.width]);
    this.map = L.map(element, {
      crs, attributionControl: false, zoomSnap: 0.25, zoomDelta: 0.5, minZoom: -7, maxZoom: 4,
      fadeAnimation: false, zoomAnimation: !REDUCED, inertia: !REDUCED, markerZoomAnimation: !REDUCED,
      maxBounds: this.bounds.pad(0.6),
    });
    L.control.scale({imperial: false, position: "bottomleft"}).addTo(this.map);
    this.layers = {};
    for (const kind of ["area", "fixed", "berth", "vessel"]) this.layers[kind] = L.layerGroup();
    this.shapes = new Map();
    this.pictures = new Set();
    this.seeBerths();
    this.map.on("zoomend", () => element.classList.toggle("near", this.map.getZoom() >= 1));
    this.map.on("mousemove", event => told.moved(this.placeOf(event.latlng)));
    this.map.on("moveend mouseout", () => told.moved(this.placeOf(this.map.getCenter())));
    this.map.on("popupclose", () => told.picked(null));
    this.drawArea();
  }

  remove() { this.map.remove(); }

  /* The picture of a look takes the place of all before when it is complete; a promise. */
  show(look) {
    const picture = look.picture ? this.pictureOf(look) : null;
    this.picture = picture;
    if (!picture) { this.keepOnly(null); return Promise.resolve(); }
    this.pictures.add(picture);
    return new Promise(done => {
      const finish = () => {
        clearTimeout(timer);
        picture.off("load", finish);
        if (picture === this.picture) { picture.setOpacity(1); this.keepOnly(picture); }
        done();
      };
      const timer = setTimeout(() => {
        picture.once("load", () => { if (picture === this.picture) this.told.late(null); });
        if (picture === this.picture) this.told.late(look);
        finish();
      }, PATIENCE_MS);
      picture.on("load", finish);
      picture.setOpacity(0);
      picture.addTo(this.map);
      if (!picture.isLoading()) finish();
    });
  }

  /* Of another look nothing may stay: it would shine through where this one was not imaged. */
  keepOnly(picture) {
    for (const other of this.pictures) if (other !== picture) { other.remove(); this.pictures.delete(other); }
  }

  pictureOf(look) {
    const {address, tile, levels} = this.port.pictures;
    const layer = L.tileLayer(address, {
      look: encodeURIComponent(look.id), tileSize: L.point(tile), bounds: this.bounds, noWrap: true,
      minZoom: -9, maxZoom: 9, minNativeZoom: 1 - levels, maxNativeZoom: 0, zoomOffset: levels - 1,
      keepBuffer: 1, updateWhenZooming: false,
    });
    layer.on("tileerror", event => this.told.missing(event.tile.getAttribute("src")));
    layer.on("tileload", event => { event.tile.alt = `Part of the picture of ${utc(look.time)} UTC`; });
    return layer;
  }

  /* Bring the next picture into the browser's memory while this one is looked at. */
  fetchAhead(look) {
    if (!look || !look.picture || !this.picture) return;
    const {address, levels} = this.port.pictures;
    for (const key of Object.keys(this.picture._tiles)) {
      const {x, y, z} = this.picture._tiles[key].coords;
      const image = new Image();
      image.src = L.Util.template(address, {look: encodeURIComponent(look.id), x, y, z: z + levels - 1});
    }
  }

  draw(look) {
    this.map.closePopup();
    this.shapes.clear();
    for (const kind of ["berth", "vessel", "fixed"]) this.layers[kind].clearLayers();
    this.port.berths.forEach((berth, n) => this.drawBerth(berth, n, look.berths[n]));
    for (const vessel of look.vessels) this.drawVessel(vessel, look);
  }

  drawArea() { for (const line of this.outline(this.port.area, "area", false)) this.layers.area.addLayer(line); }

  drawBerth(berth, n, moment) {
    const lines = this.outline(berth.ring, moment.state, true);
    const label = L.marker(this.topOf(berth.ring), {
      interactive: false, keyboard: false,
      icon: L.divIcon({className: `berth-name ${moment.state}`, iconSize: [0, 0], html: `<span>${n + 1} ${moment.state}</span>`}),
    });
    lines[1].bindPopup(() => berthWords(this.port, n, moment), POPUP);
    for (const layer of [...lines, label]) this.layers.berth.addLayer(layer);
    this.shapes.set(`berth ${berth.id}`, lines[1]);
    lines[1].on("popupopen", () => this.told.picked("berth", berth.id));
  }

  drawVessel(vessel, look) {
    const kind = vessel.kind === "ship" ? "vessel" : "fixed";
    const lines = this.outline(vessel.ring, kind, true);
    lines[1].bindPopup(() => vesselWords(this.port, vessel, look), POPUP);
    lines[1].bindTooltip(metres(vessel.length, vessel.sd), {sticky: true});
    lines[1].on("popupopen", () => this.told.picked("vessel", vessel.id));
    if (kind === "fixed") lines.push(...this.cross(vessel.ring));
    for (const line of lines) this.layers[kind].addLayer(line);
    this.shapes.set(`vessel ${vessel.id}`, lines[1]);
  }

  /* A bright line on a dark halo. */
  outline(ring, name, clickable) {
    const points = pairs(ring);
    const under = L.polygon(points, {className: "under", fill: false, interactive: false, weight: 4.4, color: "#06090c", opacity: 0.72});
    const over = L.polygon(points, {className: name, fill: clickable, fillOpacity: 0, weight: 2, interactive: clickable});
    return [under, over];
  }

  cross(ring) {
    const [a, b, c, d] = pairs(ring);
    return d ? [L.polyline([[a, c], [b, d]], {className: "fixed", interactive: false, weight: 1.3})] : [];
  }

  topOf(ring) {
    const box = L.latLngBounds(pairs(ring));
    return [box.getSouth(), box.getCenter().lng]; // rows count southwards
  }

  toggle(kind, shown) {
    if (shown) this.layers[kind].addTo(this.map);
    else this.layers[kind].remove();
  }

  pick(kind, id) {
    const shape = this.shapes.get(`${kind} ${id}`);
    if (!shape || !this.map.hasLayer(shape)) return;
    this.map.getContainer().scrollIntoView({block: "nearest", behavior: REDUCED ? "auto" : "smooth"});
    shape.openPopup();
  }

  mark(kind, id) {
    for (const shape of this.shapes.values()) if (shape.getElement()) shape.getElement().classList.remove("chosen");
    const shape = this.shapes.get(`${kind} ${id}`);
    if (shape && shape.getElement()) shape.getElement().classList.add("chosen");
  }

  seeAll() { this.map.fitBounds(this.bounds, {animate: false}); }

  seeBerths() {
    if (!this.port.berths.length) return this.seeAll();
    const all = L.latLngBounds(this.port.berths.flatMap(berth => pairs(berth.ring)));
    return this.map.fitBounds(all.pad(0.08), {animate: false});
  }

  /* Longitude and latitude of a place in pixels, by the polynomials of jobs/publish/lonlat.py. */
  placeOf({lat: row, lng: column}) {
    const {powers, lon, lat} = this.port.lonlat, {width, height} = this.port.grid;
    const x = Math.min(Math.max(column, 0), width), y = Math.min(Math.max(row, 0), height);
    return {lon: ((valueOf(lon, powers, x, y) + 180) % 360 + 360) % 360 - 180, lat: valueOf(lat, powers, x, y)};
  }
}

function valueOf(fit, powers, a, b) {
  const u = (a - fit.middle[0]) / fit.half[0], v = (b - fit.middle[1]) / fit.half[1];
  return fit.offset + fit.scale * powers.reduce((total, [i, j], k) => total + fit.terms[k] * u ** i * v ** j, 0);
}

function pairs(ring) {
  const points = [];
  for (let n = 0; n < ring.length; n += 2) points.push([ring[n + 1], ring[n]]);
  return points;
}
