import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trace, decimate, describe, plotModel, plotSample, span, stillTrue } from '../static/assets/plot.js';

const now = 1_000_000;
const area = { width: 120, height: 100, rateHeight: 30 }; // one unit is one second
const layer = (height, temporal = null, rid = 'x') => ({ width: (height * 16) / 9, height, rid, temporal });
const sample = (ago, more = {}) => ({ at: now - ago * 1000, estimate: null, bitrate: null, received: null, fps: null, frozen: 0, layer: null, paused: false, ...more });
/** One sample a second, from ago to now. */
const each = (ago, make) => Array.from({ length: ago + 1 }, (_, i) => sample(ago - i, make(ago - i)));

test('a sample joins what the server and the browser say; old statistics are left out', () => {
  const value = { estimate: 3e6, bitrate: 1e6, rid: 'h', spatialLayerId: 0, temporalLayerId: 1, width: 1280, height: 720, paused: false, automatic: true };
  const stats = { bitrate: 9e5, video: { fps: 30, frozen: 700, width: 640, height: 360, bitrate: 8e5 } };
  const before = { video: { frozen: 200 } };
  assert.deepEqual(plotSample(5000, stats, before, { at: 4500, value }), {
    at: 5000, estimate: 3e6, bitrate: 1e6, received: 9e5, fps: 30, frozen: 500, paused: false, layer: { width: 1280, height: 720, rid: 'h', temporal: 1 },
  });
  const old = plotSample(9000, stats, before, { at: 4500, value });
  assert.deepEqual([old.estimate, old.bitrate, old.layer.height], [null, null, 360]);
  assert.equal(plotSample(5000, stats, before, { at: 4500, value: { ...value, paused: true } }).layer, null);
  assert.deepEqual(plotSample(1, { bitrate: 1, video: null }, null, null).layer, null);
});

test('what the server said is true for three seconds, and then nothing is known', () => {
  const value = { paused: true };
  assert.deepEqual([stillTrue({ at: 1000, value }, 4000), stillTrue({ at: 1000, value }, 4001), stillTrue(null, 0)], [value, null, null]);
});

test('the trace keeps two minutes and one sample more, and no more than it may', () => {
  const trace = new Trace();
  for (let s = 0; s <= 300; s++) trace.add(sample(300 - s));
  assert.equal(trace.samples[0].at, now - span - 1000);
  assert.equal(trace.samples.at(-1).at, now);
  for (let i = 0; i < 5000; i++) trace.add(sample(0));
  assert.ok(trace.samples.length <= 1000);
});

test('time runs from left to right, bitrate from below to above', () => {
  const { lines, times, ticks, unit } = plotModel(each(120, (ago) => ({ bitrate: ago === 60 ? 4e6 : 2e6 })), now, area);
  assert.deepEqual(times.map(({ x, text }) => [x, text]), [[0, '−120 s'], [30, '−90 s'], [60, '−60 s'], [90, '−30 s'], [120, 'now']]);
  const [points] = lines.bitrate;
  assert.deepEqual([points[0], points.at(-1), points[60]], [{ x: 0, y: 50 }, { x: 120, y: 50 }, { x: 60, y: 0 }]);
  assert.deepEqual(ticks.map(({ y, text }) => [y, text]), [[100, '0'], [75, '1'], [50, '2'], [25, '3'], [0, '4']]);
  assert.equal(unit, 'Mbit/s');
});

test('the axis has round values with few digits, in the unit that fits', () => {
  const texts = (bitrate) => {
    const { ticks, unit } = plotModel([sample(0, { bitrate })], now, area);
    return [unit, ...ticks.map(({ text }) => text)];
  };
  assert.deepEqual(texts(1.52e6), ['Mbit/s', '0', '0.5', '1.0', '1.5', '2.0']);
  assert.deepEqual(texts(480e3), ['kbit/s', '0', '200', '400', '600']);
  assert.deepEqual(texts(10), ['kbit/s', '0', '25', '50', '75', '100']);
  assert.deepEqual(texts(23.4e6), ['Mbit/s', '0', '10', '20', '30']);
  assert.deepEqual(texts(9e5), ['Mbit/s', '0', '0.25', '0.50', '0.75', '1.00']);
});

test('an estimate far above what is sent does not press the other lines down', () => {
  const { lines, ticks } = plotModel(each(10, () => ({ estimate: 50e6, bitrate: 1e6 })), now, area);
  assert.equal(ticks.at(-1).text, '3');
  assert.ok(lines.estimate[0].every(({ y }) => y === 0));
  assert.equal(plotModel(each(10, () => ({ estimate: 50e6 })), now, area).ticks.at(-1).text, '60');
});

test('a line has a gap where nothing was measured', () => {
  const samples = [...each(20, () => ({ received: 1e6 }))].filter(({ at }) => at <= now - 15_000 || at >= now - 9_000);
  assert.equal(plotModel(samples, now, area).lines.received.length, 2);
  samples[1].received = null;
  assert.equal(plotModel(samples, now, area).lines.received.length, 3);
  assert.equal(plotModel(samples, now, area).lines.estimate.length, 0);
});

test('what is older than two minutes is cut at the edge, between two samples', () => {
  const { lines } = plotModel([sample(122, { bitrate: 0 }), sample(118, { bitrate: 4e6 })], now, area);
  assert.deepEqual(lines.bitrate.map((points) => points.map(({ x, y }) => [Math.round(x), Math.round(y)])), [[[0, 50], [2, 0]]]);
  assert.deepEqual(plotModel([sample(130, { bitrate: 1 })], now, area).lines.bitrate, []);
});

test('more points than columns: no peak is lost, and the order stays', () => {
  const points = Array.from({ length: 1200 }, (_, i) => ({ x: i / 10, y: i === 777 ? 0 : i === 333 ? 100 : 50 }));
  const kept = decimate(points, 120);
  assert.ok(kept.length <= 4 * 120, String(kept.length));
  assert.ok(kept.some(({ y }) => y === 0) && kept.some(({ y }) => y === 100));
  assert.ok(kept.every((p, i) => i === 0 || p.x > kept[i - 1].x));
  assert.deepEqual([kept[0], kept.at(-1)], [points[0], points.at(-1)]);
  assert.equal(decimate(points.slice(0, 100), 120).length, 100);
});

test('layers are rows, the best above, and a bar from each change to the next', () => {
  const samples = each(30, (ago) => ({ bitrate: 1e6, layer: ago > 20 ? layer(720) : ago > 10 ? layer(180) : layer(360) }));
  const { rows, steps } = plotModel(samples, now, area);
  assert.deepEqual(rows.map(({ label }) => label), ['720p', '360p', '180p']);
  assert.deepEqual(rows.map(({ y }) => y.toFixed(2)), ['0.17', '0.50', '0.83']);
  assert.deepEqual(steps.map(({ row, x, width }) => [row, Math.round(x), Math.round(width)]), [[0, 90, 10], [2, 100, 10], [1, 110, 10]]);
});

test('paused video is a row of its own, and marked', () => {
  const samples = each(4, (ago) => (ago > 2 ? { bitrate: 1e6, layer: layer(360) } : { bitrate: 5e4, paused: true }));
  const { rows, steps } = plotModel(samples, now, area);
  assert.deepEqual(rows.map(({ label }) => label), ['360p', 'sound only']);
  assert.deepEqual(steps.map(({ row, paused }) => [row, paused]), [[0, false], [1, true]]);
});

test('temporal layers and encodings are named only where the size does not tell', () => {
  const labels = (...layers) => plotModel(layers.map((l, i) => sample(layers.length - i, { bitrate: 1, layer: l })), now, area).rows.map((r) => r.label);
  assert.deepEqual(labels(layer(720, 2), layer(360, 2)), ['720p', '360p']);
  assert.deepEqual(labels(layer(720, 1), layer(720, 2), layer(360, 2)), ['720p T2', '720p T1', '360p']);
  assert.deepEqual(labels(layer(720, 0, 'a'), layer(720, 0, 'b')).sort(), ['720p a', '720p b']);
  assert.equal(labels(...Array.from({ length: 20 }, (_, i) => layer(90 * (i + 1)))).length, 6);
});

test('what the browser decodes is the layer only where the server tells none', () => {
  const decoded = sample(2, { received: 1, layer: layer(360, null, '') });
  assert.equal(plotModel([decoded], now, area).rows.length, 1);
  assert.deepEqual(plotModel([decoded, sample(1, { bitrate: 1, layer: layer(360, 2, 'm') })], now, area).rows.map((r) => r.label), ['360p']);
});

test('a freeze is as wide as it was long', () => {
  const { freezes } = plotModel([sample(10), sample(9, { frozen: 3000 }), sample(0)], now, area);
  assert.deepEqual(freezes.map(({ x, width }) => [Math.round(x), Math.round(width)]), [[108, 3]]);
});

test('one wild frame rate does not press the others down', () => {
  const top = (...rates) => plotModel(rates.map((fps, i) => sample(rates.length - i, { fps })), now, area).rate.ticks[1].text;
  assert.equal(top(300, 30, 31, 30), '30');
  assert.equal(top(60, 60, 30), '60');
  assert.equal(top(), '30');
});

test('nothing measured is an empty plot, not a broken one', () => {
  const plot = plotModel([], now, area);
  assert.deepEqual([plot.rows, plot.steps, plot.lines.bitrate, plot.freezes], [[], [], [], []]);
  assert.ok(plot.ticks.length > 1);
});

test('the plot in a sentence', () => {
  assert.equal(describe(null), 'Nothing measured yet.');
  assert.equal(describe(sample(0, { estimate: 3e6, bitrate: 1.5e6, received: 1.4e6, fps: 29.7, layer: layer(720) })),
    'Now: estimate 3.0 Mbit/s, sent 1.5 Mbit/s, received 1.4 Mbit/s, 30 frames per second, layer 720p.');
  assert.match(describe(sample(0, { paused: true })), /sound only/);
});
