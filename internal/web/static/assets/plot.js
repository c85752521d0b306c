/**
 * What the plot of a player's bandwidth shows, as numbers: which samples, where each line
 * goes, what stands at the axes. Pure: no page, no clock.
 * @module plot
 */
import { shortSize } from './quality.js';
import { bitrate } from './figures.js';

/** How far back the plot goes, in milliseconds. */
export const span = 120_000;

/** Most samples kept. */
const maxSamples = 1_000;

/** Time between two samples, in milliseconds, from which the line between them would be a guess. */
const longestStep = 4_000;

/** How old statistics may be to be true still, in milliseconds: they come once a second. */
const fresh = 3_000;

/** Least height of the bitrate axis in bits per second, and of the frame rate's. */
const leastTop = 100_000;
const leastRate = 30;

/** How far a frame rate may be above the top of its axis, as a share of it: 30 frames are sometimes 31. */
const rateTolerance = 0.05;

/** How far an estimate may be above what is sent before its line is cut off, as a factor: what is below must stay readable. */
const headroom = 3;

/** Most rows of layers; further ones share the last. */
const maxRows = 6;

/**
 * @typedef {object} Sample
 * @property {number} at         milliseconds, of any clock that does not stop
 * @property {?number} estimate  bits per second, as the server says
 * @property {?number} bitrate   bits per second sent, as the server says
 * @property {?number} received  bits per second
 * @property {?number} fps       frames per second decoded
 * @property {number} frozen     milliseconds of the time since the sample before that the picture stood still
 * @property {?{width: ?number, height: ?number, rid: string, temporal: ?number}} layer  null: no picture
 * @property {boolean} paused    the server holds video back
 */

/**
 * What the server said last, unless that is too long ago to be true still.
 * @param {?{at: number, value: import('./events.js').Statistics}} statistics
 * @param {number} at  now
 * @returns {?import('./events.js').Statistics}
 */
export function stillTrue(statistics, at) {
  return statistics && at - statistics.at <= fresh ? statistics.value : null;
}

/**
 * Makes a sample of what browser and server say.
 * @param {number} at
 * @param {?object} stats     of subscriberStats
 * @param {?object} previous  the one before
 * @param {?{at: number, value: import('./events.js').Statistics}} statistics  the last ones
 * @returns {Sample}
 */
export function plotSample(at, stats, previous, statistics) {
  const told = stillTrue(statistics, at);
  const video = stats?.video ?? null;
  const before = previous?.video ?? null;
  return {
    at,
    estimate: told?.estimate ?? null,
    bitrate: told?.bitrate ?? null,
    received: stats?.bitrate ?? null,
    fps: video?.fps ?? null,
    frozen: video && before ? Math.max(video.frozen - before.frozen, 0) : 0,
    layer: layerOf(told, video),
    paused: told?.paused ?? false,
  };
}

function layerOf(told, video) {
  if (told) return told.paused ? null : { width: told.width, height: told.height, rid: told.rid, temporal: told.temporalLayerId };
  return video?.width && video.bitrate > 0 ? { width: video.width, height: video.height, rid: '', temporal: null } : null;
}

/** The samples of the last two minutes, oldest first. */
export class Trace {
  /** Look, do not change. @type {Sample[]} */
  samples = [];

  /** @param {Sample} sample  not older than the last */
  add(sample) {
    this.samples.push(sample);
    // One sample from before the span: the line comes in from the edge.
    const first = this.samples.findIndex(({ at }) => at >= sample.at - span);
    this.samples.splice(0, Math.max(first - 1, this.samples.length - maxSamples, 0));
  }
}

/**
 * @typedef {object} Plot
 * @property {string} unit  of the bitrate axis
 * @property {{y: number, text: string}[]} ticks  of the bitrate axis, lowest first
 * @property {{x: number, text: string}[]} times
 * @property {{estimate: Point[][], bitrate: Point[][], received: Point[][]}} lines  in pieces
 * @property {{label: string, y: number}[]} rows  layers seen, the best first; y of its middle, from 0 to 1
 * @property {{x: number, width: number, row: number, paused: boolean}[]} steps  which row when
 * @property {{x: number, width: number}[]} freezes
 * @property {{ticks: {y: number, text: string}[], line: Point[][]}} rate
 */

/** @typedef {{x: number, y: number}} Point  from the top left, in the plot's own units */

/**
 * @param {Sample[]} all  oldest first
 * @param {number} now
 * @param {{width: number, height: number, rateHeight: number}} area  of the bitrates, and the height of the frame rate's
 * @returns {Plot}
 */
export function plotModel(all, now, { width, height, rateHeight }) {
  // Where the server tells which layer it is, the size of what is decoded says nothing more.
  const told = all.some((s) => s.bitrate !== null);
  const samples = told ? all.map((s) => (s.bitrate === null ? { ...s, layer: null } : s)) : all;
  const x = (at) => width * (1 - (now - at) / span);
  const axis = bitrateAxis(samples);
  const line = (field, top, h) => linesOf(samples, field, x, (v) => h * (1 - Math.min(v / top, 1)), width);
  const rateTop = topRate(samples);
  const rows = rowsOf(samples);
  return {
    unit: axis.unit,
    ticks: axis.values.map((value) => ({ y: height * (1 - value / axis.top), text: axis.text(value) })),
    times: [120, 90, 60, 30, 0].map((s) => ({ x: x(now - s * 1000), text: s === 0 ? 'now' : `−${s} s` })),
    lines: { estimate: line('estimate', axis.top, height), bitrate: line('bitrate', axis.top, height), received: line('received', axis.top, height) },
    rows: rows.map(({ label }, i) => ({ label, y: (i + 0.5) / rows.length })),
    steps: stepsOf(samples, now, x, rows),
    freezes: samples.filter((s) => s.frozen > 0).map((s) => piece(x(s.at - s.frozen), x(s.at))).filter(Boolean),
    rate: { ticks: [0, rateTop].map((v) => ({ y: rateHeight * (1 - v / rateTop), text: String(v) })), line: line('fps', rateTop, rateHeight) },
  };
}

/** A frame rate that all samples but one stay below: the first of a stream is often a wild one. */
function topRate(samples) {
  const rates = samples.map((s) => s.fps ?? 0).sort((a, b) => b - a);
  return Math.max(leastRate, Math.ceil((rates[1] ?? 0) * (1 - rateTolerance) / leastRate) * leastRate);
}

/** A top that leaves every line readable, and round values up to it. */
function bitrateAxis(samples) {
  const highest = (field) => Math.max(0, ...samples.map((s) => s[field] ?? 0));
  const flows = Math.max(highest('bitrate'), highest('received'));
  const estimate = highest('estimate');
  const wanted = Math.max(leastTop, flows, flows > 0 ? Math.min(estimate, flows * headroom) : estimate);
  const step = roundStep(wanted / 4);
  const count = Math.ceil(wanted / step - 1e-9);
  const [unit, one] = count * step >= 1e6 ? ['Mbit/s', 1e6] : ['kbit/s', 1e3];
  const digits = step < one ? (step * 10) % one === 0 ? 1 : 2 : 0;
  return {
    unit,
    top: count * step,
    values: Array.from({ length: count + 1 }, (_, i) => i * step),
    text: (value) => (value === 0 ? '0' : (value / one).toFixed(digits)),
  };
}

/** The next of 1, 2, 2.5, 5 times a power of ten. */
function roundStep(least) {
  const ten = 10 ** Math.floor(Math.log10(least) + 1e-9);
  return [1, 2, 2.5, 5, 10].find((n) => n * ten >= least - 1e-9) * ten;
}

/** A line through the samples that have the field, in pieces where too much time is between them. */
function linesOf(samples, field, x, y, columns) {
  const pieces = [];
  let last = -Infinity;
  for (const sample of samples) {
    if (sample[field] === null) {
      last = -Infinity;
      continue;
    }
    if (sample.at - last > longestStep) pieces.push([]);
    pieces.at(-1).push({ x: x(sample.at), y: y(sample[field]) });
    last = sample.at;
  }
  return pieces.map((points) => decimate(inside(points), columns)).filter((points) => points.length > 0);
}

/** Cuts what comes before the left edge off, in the middle of its line. */
function inside(points) {
  const first = points.findIndex(({ x }) => x >= 0);
  if (first <= 0) return first < 0 ? [] : points;
  const [a, b] = [points[first - 1], points[first]];
  const y = a.y + ((b.y - a.y) * -a.x) / (b.x - a.x);
  return [{ x: 0, y }, ...points.slice(first)];
}

/**
 * Leaves at most four points of each column: its first and last, lowest and highest, so
 * that no peak is lost. Lines with fewer points than columns stay as they are.
 * @param {Point[]} points  from left to right
 * @param {number} columns  one unit wide each
 * @returns {Point[]}
 */
export function decimate(points, columns) {
  if (points.length <= columns) return points;
  const kept = [];
  for (let from = 0; from < points.length;) {
    const column = Math.floor(points[from].x);
    let [to, low, high] = [from, from, from];
    for (; to < points.length && Math.floor(points[to].x) === column; to++) {
      if (points[to].y < points[low].y) low = to;
      if (points[to].y > points[high].y) high = to;
    }
    kept.push(...[...new Set([from, low, high, to - 1])].sort((a, b) => a - b).map((i) => points[i]));
    from = to;
  }
  return kept;
}

/** One row for each layer seen, the best first; sound only is the last. */
function rowsOf(samples) {
  const found = new Map();
  for (const sample of samples) {
    const key = rowKey(sample);
    if (key !== null && !found.has(key)) found.set(key, { key, layer: sample.layer });
  }
  const rows = [...found.values()].sort((a, b) => pixels(b) - pixels(a) || (b.layer?.temporal ?? 0) - (a.layer?.temporal ?? 0));
  const shown = rows.slice(0, maxRows);
  return shown.map((row) => ({ ...row, label: rowLabel(row, rows) }));
}

function rowKey({ layer, paused }) {
  if (paused) return 'paused';
  return layer && `${layer.width}×${layer.height}/${layer.rid}/${layer.temporal}`;
}

function pixels({ layer }) {
  return layer ? layer.width * layer.height : -1;
}

function rowLabel({ layer }, rows) {
  if (!layer) return 'sound only';
  const name = shortSize(layer) || layer.rid || 'layer';
  const alike = rows.filter((row) => pixels(row) === pixels({ layer }));
  const rids = new Set(alike.map((row) => row.layer.rid));
  const temporals = new Set(alike.map((row) => row.layer.temporal));
  return name + (rids.size > 1 ? ` ${layer.rid}` : '') + (temporals.size > 1 && layer.temporal !== null ? ` T${layer.temporal}` : '');
}

/** From when to when each row was on. */
function stepsOf(samples, now, x, rows) {
  const steps = [];
  samples.forEach((sample, i) => {
    const key = rowKey(sample);
    if (key === null) return;
    const next = samples[i + 1]?.at ?? now;
    const place = piece(x(sample.at), x(next - sample.at > longestStep ? sample.at : next));
    if (!place) return;
    const known = rows.findIndex((r) => r.key === key);
    const row = known < 0 ? rows.length - 1 : known;
    const last = steps.at(-1);
    if (last && last.row === row && Math.abs(last.x + last.width - place.x) < 1e-6) last.width += place.width;
    else steps.push({ ...place, row, paused: sample.paused });
  });
  return steps;
}

/** What of it is right of the left edge; null if nothing is. */
function piece(from, to) {
  const left = Math.max(from, 0);
  return to > left ? { x: left, width: to - left } : null;
}

/**
 * The plot in a sentence, for those who do not see it.
 * @param {?Sample} sample  the last
 * @returns {string}
 */
export function describe(sample) {
  if (!sample) return 'Nothing measured yet.';
  const parts = [
    sample.estimate !== null && `estimate ${bitrate(sample.estimate)}`,
    sample.bitrate !== null && `sent ${bitrate(sample.bitrate)}`,
    sample.received !== null && `received ${bitrate(sample.received)}`,
    sample.fps !== null && `${Math.round(sample.fps)} frames per second`,
    sample.paused ? 'sound only' : sample.layer && `layer ${shortSize(sample.layer) || sample.layer.rid}`,
  ].filter(Boolean);
  return `Now: ${parts.join(', ')}.`;
}
