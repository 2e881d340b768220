// A hull as the least rectangle around a ship, in pixels of the port's grid: its middle, half of
// its length and beam, and the direction of its length. Everything here is plain geometry.

export function fromCorners(corners) {
  const side = (a, b) => Math.hypot(b[0] - a[0], b[1] - a[1]);
  const first = side(corners[0], corners[1]);
  const second = side(corners[1], corners[2]);
  const [a, b] = first >= second ? [corners[0], corners[1]] : [corners[1], corners[2]];
  return {
    x: corners.reduce((sum, corner) => sum + corner[0], 0) / corners.length,
    y: corners.reduce((sum, corner) => sum + corner[1], 0) / corners.length,
    half: Math.max(first, second) / 2,
    beam: Math.min(first, second) / 2,
    angle: Math.atan2(b[1] - a[1], b[0] - a[0]),
  };
}

export function axes(hull) {
  const along = [Math.cos(hull.angle), Math.sin(hull.angle)];
  return { along, across: [-along[1], along[0]] };
}

function at(hull, length, beam) {
  const { along, across } = axes(hull);
  return [
    hull.x + along[0] * length + across[0] * beam,
    hull.y + along[1] * length + across[1] * beam,
  ];
}

export function toCorners(hull) {
  return [[1, 1], [1, -1], [-1, -1], [-1, 1]].map(([a, b]) => at(hull, a * hull.half, b * hull.beam));
}

export function handles(hull) {
  return { bow: at(hull, hull.half, 0), stern: at(hull, -hull.half, 0), side: at(hull, 0, hull.beam) };
}

// An end follows the pointer while the other end stays; the side sets the beam; the middle moves.
export function dragged(hull, which, point, from) {
  if (which === "middle") {
    return { ...hull, x: hull.x + point[0] - from[0], y: hull.y + point[1] - from[1] };
  }
  if (which === "side") {
    const { across } = axes(hull);
    const beam = Math.abs((point[0] - hull.x) * across[0] + (point[1] - hull.y) * across[1]);
    return { ...hull, beam: Math.max(beam, 0.4) };
  }
  const ends = handles(hull);
  const other = which === "bow" ? ends.stern : ends.bow;
  const [dx, dy] = which === "bow"
    ? [point[0] - other[0], point[1] - other[1]]
    : [other[0] - point[0], other[1] - point[1]];
  const half = Math.max(Math.hypot(dx, dy) / 2, 0.5);
  return { ...hull, x: (point[0] + other[0]) / 2, y: (point[1] + other[1]) / 2, half, angle: Math.atan2(dy, dx) };
}

export function halves(hull) {
  const { along } = axes(hull);
  const shift = hull.half / 2;
  return [1, -1].map((sign) => ({
    ...hull, half: hull.half / 2, x: hull.x + sign * along[0] * shift, y: hull.y + sign * along[1] * shift,
  }));
}

// The least hull in the direction of the longer of two that holds both.
export function around(one, other) {
  const long = one.half >= other.half ? one : other;
  const { along, across } = axes(long);
  const points = [...toCorners(one), ...toCorners(other)];
  const u = points.map((p) => p[0] * along[0] + p[1] * along[1]);
  const v = points.map((p) => p[0] * across[0] + p[1] * across[1]);
  const middle = [(Math.min(...u) + Math.max(...u)) / 2, (Math.min(...v) + Math.max(...v)) / 2];
  return {
    x: middle[0] * along[0] + middle[1] * across[0],
    y: middle[0] * along[1] + middle[1] * across[1],
    half: (Math.max(...u) - Math.min(...u)) / 2,
    beam: (Math.max(...v) - Math.min(...v)) / 2,
    angle: long.angle,
  };
}

export function headingOf(hull) {
  const degrees = (Math.atan2(Math.cos(hull.angle), -Math.sin(hull.angle)) * 180) / Math.PI;
  return ((degrees % 180) + 180) % 180;
}
