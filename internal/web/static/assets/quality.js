/**
 * Which layers a person can choose from: the server's layers, made a short list. Pure:
 * values in, values out.
 * @module quality
 */
import { bitrate, size } from './figures.js';

/** How much less a slower picture must cost, and how much more than the next smaller one, to be worth an entry. */
const worth = 1.15;

/** Frames per second below which nobody chooses to watch; the server may still go there. */
const leastRate = 10;

/** What cameras and encoders run at, in frames per second; a measured rate is one of these or unknown. */
const usualRates = [10, 12, 15, 20, 24, 25, 30, 48, 50, 60];

/** How far a measured rate may be from a usual one, as a share of it. */
const rateTolerance = 0.08;

/**
 * @typedef {object} Entry  one line of the menu
 * @property {string} key       stays the same while the layer is the same
 * @property {string} label     '1280 × 720', '1280 × 720, 15 fps', 'Automatic'
 * @property {string} note      '1.5 Mbit/s', 'paused'; of Automatic: what it is on
 * @property {string} short     '720p', '720p15', for where there is no room
 * @property {?import('./whep.js').Selection} selection  null: automatic
 * @property {boolean} paused   nothing of it arrives from the publisher
 * @property {boolean} current  what is on the screen now
 * @property {boolean} chosen   what was asked for
 */

/**
 * @param {object} state
 * @param {import('./events.js').Layer[]} state.layers
 * @param {?import('./events.js').Statistics} [state.statistics]  null: the server tells none
 * @param {?import('./whep.js').Selection} [state.selection]      null: automatic
 * @param {?{width: ?number, height: ?number}} [state.shown]      what is decoded, for want of statistics
 * @param {?number} [state.rate]  frames per second of all temporal layers together, see fullRate
 * @returns {Entry[]}  Automatic first, then the best first; a paused layer keeps its place
 */
export function qualityMenu({ layers, statistics = null, selection = null, shown = null, rate = null }) {
  const all = pictures(layers);
  const now = onScreen(all, statistics, shown);
  const entries = all.flatMap((picture, i) => entriesOf(picture, all.slice(i + 1), { now, selection, rate }));
  const chosen = entries.some((entry) => entry.chosen);
  const current = entries.find((entry) => entry.current);
  return [{
    key: 'automatic', label: 'Automatic', selection: null, paused: false, current: false, chosen: !chosen,
    note: statistics?.paused ? 'sound only' : current?.label ?? '',
    short: statistics?.paused ? 'Sound only' : ['Auto', current?.short].filter(Boolean).join(' '),
  }, ...entries];
}

/**
 * The frame rate of all temporal layers together, from what arrives of some of them.
 * @param {import('./events.js').Layer[]} layers
 * @param {?import('./events.js').Statistics} statistics
 * @param {?number} fps  frames per second decoded now
 * @returns {?number}  null: not known, as while it changes
 */
export function fullRate(layers, statistics, fps) {
  const picture = onScreen(pictures(layers), statistics, null)?.picture;
  if (!picture || !fps || statistics?.paused) return null;
  const missing = picture.steps.at(-1).temporal - (statistics.temporalLayerId ?? picture.steps.at(-1).temporal);
  // Each temporal layer doubles the rate of those below it.
  const full = fps * 2 ** Math.max(missing, 0);
  return usualRates.find((usual) => Math.abs(usual - full) <= usual * rateTolerance) ?? null;
}

/** What a height is called: 720p, of upright pictures too. @returns {string} '' if unknown */
export function shortSize({ width, height }) {
  return width && height ? `${Math.min(width, height)}p` : '';
}

/** Layers of one size of one encoding together, the best first. */
function pictures(layers) {
  const found = new Map();
  for (const layer of layers) {
    const key = `${layer.rid}/${layer.spatialLayerId ?? ''}`;
    if (!found.has(key)) found.set(key, { key, rid: layer.rid, spatial: layer.spatialLayerId, width: null, height: null, steps: [] });
    const picture = found.get(key);
    picture.width = Math.max(picture.width, layer.width) || null;
    picture.height = Math.max(picture.height, layer.height) || null;
    picture.steps.push({ temporal: layer.temporalLayerId ?? 0, bitrate: layer.bitrate });
  }
  const all = [...found.values()];
  for (const picture of all) {
    picture.steps.sort((a, b) => a.temporal - b.temporal);
    picture.bitrate = Math.max(...picture.steps.map((step) => step.bitrate));
    picture.alone = all.filter(({ rid }) => rid === picture.rid).length === 1;
  }
  return all.sort((a, b) => b.width * b.height - a.width * a.height || b.bitrate - a.bitrate);
}

/** The picture on the screen, and the temporal layer it is on (null: not told). */
function onScreen(all, statistics, shown) {
  if (statistics?.paused) return null;
  const picture = statistics
    ? all.find(({ rid, spatial }) => rid === statistics.rid && (spatial ?? 0) === (statistics.spatialLayerId ?? 0))
    : all.find(({ width, height }) => width && shown && width === shown.width && height === shown.height);
  return picture ? { picture, temporal: statistics?.temporalLayerId ?? null } : null;
}

/** The picture at its full frame rate, and slower where that saves something. */
function entriesOf(picture, smaller, { now, selection, rate }) {
  const top = picture.steps.at(-1);
  const below = smaller.find(({ bitrate: bits }) => bits > 0)?.bitrate ?? 0;
  // What was chosen keeps its entry, whatever it saves now.
  const isChosen = (step) => selection !== null && same(selectionOf(picture, step), selection);
  const slower = slowerSteps(picture, below, rate, isChosen);
  const steps = [top, ...slower];
  const temporal = now?.picture === picture ? now.temporal ?? top.temporal : -1;
  // A layer without an entry counts as the next better one.
  const current = temporal < 0 ? null : steps.findLast((step) => step.temporal >= temporal) ?? top;
  return steps.map((step) => {
    const wish = selectionOf(picture, step === top ? null : step);
    const suffix = slower.length > 0 ? rateText(step, top, rate) : '';
    return {
      key: `${picture.key}/${step === top ? '' : step.temporal}`,
      label: nameOf(picture) + suffix,
      note: step.bitrate > 0 ? bitrate(step.bitrate) : 'paused',
      short: (shortSize(picture) || picture.rid || 'layer') + (step === top ? '' : shortRate(step, top, rate)),
      selection: wish,
      paused: step.bitrate === 0,
      current: step === current,
      chosen: selection !== null && same(wish, selection),
    };
  });
}

/** The temporal layers below the top one that are worth an entry, or were chosen, the best first. */
function slowerSteps({ steps }, below, rate, isChosen) {
  const top = steps.at(-1);
  const found = [];
  let above = top.bitrate;
  for (const step of steps.slice(0, -1).reverse()) {
    const left = 2 ** (top.temporal - step.temporal);
    const watchable = rate ? rate / left >= leastRate : left === 2;
    const saves = watchable && step.bitrate > 0 && step.bitrate * worth <= above && step.bitrate >= below * worth;
    if (!saves && !isChosen(step)) continue;
    found.push(step);
    above = step.bitrate || above;
  }
  return found;
}

function rateText(step, top, rate) {
  const left = 2 ** (top.temporal - step.temporal);
  if (rate) return `, ${Math.round(rate / left)} fps`;
  return left === 1 ? '' : `, 1/${left} frame rate`;
}

/** 720p15: what a slower picture is called where there is no room. */
function shortRate(step, top, rate) {
  const left = 2 ** (top.temporal - step.temporal);
  return rate ? String(Math.round(rate / left)) : ` 1/${left}`;
}

function nameOf(picture) {
  if (picture.width && picture.height) return size(picture);
  const layer = picture.alone || picture.spatial === null ? '' : ` layer ${picture.spatial}`;
  return `Encoding${picture.rid ? ` ${picture.rid}` : ''}${layer}`;
}

/** Only what is needed to tell the layer from others: the rest stays the server's choice. */
function selectionOf({ rid, spatial, alone, steps }, step) {
  const wish = {};
  if (rid !== '') wish.rid = rid;
  if (spatial !== null && (!alone || rid === '')) wish.spatialLayerId = spatial;
  if (step) wish.temporalLayerId = step.temporal;
  // What has no other name is named by its highest temporal layer.
  if (Object.keys(wish).length === 0) wish.temporalLayerId = steps.at(-1).temporal;
  return wish;
}

function same(a, b) {
  return ['rid', 'spatialLayerId', 'temporalLayerId'].every((name) => a[name] === b[name]);
}
