/**
 * What the plots of a stream show, as numbers: bitrates, loss, round trips and the share
 * of subscribers at each layer, of the last minutes. Pure: no page, no clock.
 * @module trend
 */
import { bitrate, percent } from './figures.js';

/** How far back the plots go, in milliseconds. */
export const span = 300_000;

/** Most samples kept. */
const maxSamples = 400;

/** Time between two samples, in milliseconds, from which the line between them would be a guess. */
const longestStep = 12_000;

/** Most layers told apart; smaller shares are put together. */
export const maxLayers = 6;

/** What stands for all layers that have no place of their own. */
const others = 'others';

/**
 * @typedef {object} Sample
 * @property {number} at
 * @property {?number} published    bits per second from the publisher
 * @property {?number} sent         bits per second to a subscriber, the mean of those measured
 * @property {?number} lossIn       share of the publisher's packets that did not come by themselves, 0 to 1
 * @property {?number} lossOut      mean share that subscribers miss
 * @property {?number} lossWorst    the highest of them
 * @property {?number} rttIn        milliseconds
 * @property {?number} rttOut       the middle one of the subscribers'
 * @property {?number} rttWorst     the highest of them
 * @property {Object<string, number>} layers  how many subscribers are at each
 */

/**
 * Makes a sample of the statistics of sessions.
 * @param {number} at
 * @param {?object} publisher     SessionStatistics, or null
 * @param {?object} before        the publisher's of the last time
 * @param {object[]} subscribers  SessionStatistics
 * @returns {Sample}
 */
export function trendSample(at, publisher, before, subscribers) {
  const subs = subscribers.filter((s) => s.subscriber);
  const losses = subs.map((s) => s.subscriber.loss);
  const trips = subs.map((s) => s.subscriber.roundTripTime ?? s.transport.roundTripTime).filter((v) => v !== undefined).sort((a, b) => a - b);
  return {
    at,
    published: publisher?.publisher?.bitrate ?? null,
    sent: mean(subs.map((s) => s.subscriber.bitrate)),
    lossIn: upstreamLoss(publisher?.publisher, before?.publisher),
    lossOut: mean(losses),
    lossWorst: losses.length > 0 ? Math.max(...losses) : null,
    rttIn: publisher?.transport?.roundTripTime ?? null,
    rttOut: trips.length > 0 ? trips[trips.length >> 1] : null,
    rttWorst: trips.at(-1) ?? null,
    layers: count(subs.map((s) => layerName(s.subscriber.layer))),
  };
}

function mean(values) {
  return values.length > 0 ? values.reduce((a, b) => a + b, 0) / values.length : null;
}

function upstreamLoss(now, before) {
  if (!now || !before || now.packets < before.packets) return null;
  const [lost, came] = [now.lost - before.lost, now.packets - before.packets];
  const missed = Math.max(lost - (now.repaired - before.repaired), 0);
  return came + missed > 0 ? Math.min(Math.max(lost, 0) / (came + missed), 1) : null;
}

function count(names) {
  const counted = {};
  for (const name of names) counted[name] = (counted[name] ?? 0) + 1;
  return counted;
}

/** What a layer is called: 720p, its rid, or what is sent instead of one. @param {object} layer  of SubscriberStatistics */
export function layerName(layer) {
  if (layer?.paused) return 'sound only';
  if (layer?.height) return `${layer.height}p${layer.temporalLayerId > 0 ? ` T${layer.temporalLayerId}` : ''}`;
  if (layer?.rid) return layer.rid;
  return layer?.spatialLayerId !== undefined ? `S${layer.spatialLayerId} T${layer.temporalLayerId ?? 0}` : 'no video';
}

/** The samples of the last minutes, oldest first. */
export class Trend {
  /** Look, do not change. @type {Sample[]} */
  samples = [];

  /** @param {Sample} sample */
  add(sample) {
    this.samples.push(sample);
    const first = this.samples.findIndex(({ at }) => at >= sample.at - span);
    this.samples.splice(0, Math.max(first - 1, this.samples.length - maxSamples, 0));
  }
}

/** The plots with lines: which fields, what the axis counts, and its least top. */
export const lineCharts = {
  bitrate: { title: 'Bitrate', least: 500_000, text: bitrate, lines: { published: 'published', sent: 'to a subscriber, mean' } },
  loss: { title: 'Loss', least: 0.02, text: percent, lines: { lossIn: 'publisher', lossOut: 'subscribers, mean', lossWorst: 'worst subscriber' } },
  rtt: { title: 'Round trip', least: 50, text: (ms) => `${Math.round(ms)} ms`, lines: { rttIn: 'publisher', rttOut: 'subscribers, median', rttWorst: 'worst subscriber' } },
};

/** @typedef {{x: number, y: number}} Point */

/**
 * @param {Sample[]} samples
 * @param {number} now
 * @param {{width: number, height: number}} area
 * @param {{least: number, text: (value: number) => string, lines: Object<string, string>}} chart
 * @returns {{ticks: {y: number, text: string}[], lines: {field: string, name: string, now: string, pieces: Point[][]}[]}}
 */
export function lineModel(samples, now, { width, height }, { least, text, lines }) {
  const fields = Object.keys(lines);
  const highest = Math.max(least, ...samples.flatMap((s) => fields.map((f) => s[f] ?? 0)));
  const step = roundStep(highest / 3);
  const top = step * Math.ceil(highest / step - 1e-9);
  const x = place(now, width);
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => ({ y: height * (1 - (i * step) / top), text: i === 0 ? '0' : text(i * step) }));
  return {
    ticks,
    lines: fields.map((field) => {
      const last = samples.at(-1)?.[field] ?? null;
      return { field, name: lines[field], now: last === null ? '–' : text(last), pieces: pieces(samples, field, x, (v) => height * (1 - v / top)) };
    }),
  };
}

function place(now, width) {
  return (at) => (width * (span - (now - at))) / span;
}

/** The next of 1, 2, 2.5, 5 times a power of ten. */
function roundStep(least) {
  const ten = 10 ** Math.floor(Math.log10(least) + 1e-9);
  return [1, 2, 2.5, 5, 10].find((n) => n * ten >= least - 1e-12) * ten;
}

function pieces(samples, field, x, y) {
  const all = [];
  let last = -Infinity;
  for (const sample of samples) {
    if (sample[field] === null) {
      last = -Infinity;
      continue;
    }
    if (sample.at - last > longestStep) all.push([]);
    all.at(-1).push({ x: Math.max(x(sample.at), 0), y: y(sample[field]) });
    last = sample.at;
  }
  return all;
}

/**
 * The share of subscribers at each layer over time: bands, the lowest layer at the bottom.
 * @param {Sample[]} samples
 * @param {number} now
 * @param {{width: number, height: number}} area
 * @returns {{bands: {name: string, now: number, steps: {x: number, width: number, y: number, height: number}[]}[]}}
 */
export function shareModel(samples, now, { width, height }) {
  const names = layerNames(samples);
  const x = place(now, width);
  const bands = names.map((name) => ({ name, now: share(samples.at(-1), name, names), steps: [] }));
  samples.forEach((sample, i) => {
    const next = samples[i + 1]?.at ?? now;
    const left = Math.max(x(sample.at), 0);
    const right = x(next - sample.at > longestStep ? sample.at + longestStep / 4 : next);
    if (right <= left) return;
    let below = 0;
    for (const band of bands) {
      const part = share(sample, band.name, names);
      if (part > 0) band.steps.push({ x: left, width: right - left, y: height * (1 - below - part), height: height * part });
      below += part;
    }
  });
  return { bands };
}

/** The names of all layers seen, the lowest first; of many the least seen are put together. */
function layerNames(samples) {
  const seen = {};
  for (const { layers } of samples) for (const [name, n] of Object.entries(layers)) seen[name] = (seen[name] ?? 0) + n;
  const all = Object.keys(seen);
  const kept = all.length <= maxLayers ? all : all.sort((a, b) => seen[b] - seen[a]).slice(0, maxLayers - 1);
  const sorted = kept.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
  return all.length <= maxLayers ? sorted : [...sorted, others];
}

/** Sound only and no video come first, then by height. */
function rank(name) {
  if (name === 'no video') return -2;
  if (name === 'sound only') return -1;
  const [, height, temporal] = /^(\d+)p(?: T(\d+))?$/.exec(name) ?? [];
  return height === undefined ? 1e6 : Number(height) + Number(temporal ?? 0) / 100;
}

function share(sample, name, names) {
  if (!sample) return 0;
  const total = Object.values(sample.layers).reduce((a, b) => a + b, 0);
  if (total === 0) return 0;
  if (name !== others) return (sample.layers[name] ?? 0) / total;
  return Object.entries(sample.layers).filter(([n]) => !names.includes(n)).reduce((sum, [, n]) => sum + n, 0) / total;
}
