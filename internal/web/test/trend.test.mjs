import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Trend, layerName, lineCharts, lineModel, maxLayers, shareModel, span, trendSample } from '../static/assets/trend.js';

const now = 1_000_000;
const area = { width: 300, height: 100 }; // one unit is one second
const empty = { published: null, sent: null, lossIn: null, lossOut: null, lossWorst: null, rttIn: null, rttOut: null, rttWorst: null, layers: {} };
const sample = (ago, more = {}) => ({ ...empty, at: now - ago * 1000, ...more });

const publisher = (packets, lost, repaired, more = {}) => ({ transport: { roundTripTime: 20 }, publisher: { bitrate: 2e6, packets, lost, repaired }, ...more });
const subscriber = (bitrate, loss, trip, layer) => ({ transport: {}, subscriber: { bitrate, loss, roundTripTime: trip, layer } });

test('a sample joins what sessions measured', () => {
  const s = trendSample(5, publisher(1090, 30, 20), publisher(1000, 10, 10), [
    subscriber(1e6, 0, 10, { height: 720 }), subscriber(2e6, 0.3, 90, { height: 720 }), subscriber(3e6, 0, 30, { paused: true }),
  ]);
  assert.deepEqual({ ...s, lossOut: Math.round(s.lossOut * 1000) / 1000 }, {
    at: 5, published: 2e6, sent: 2e6, lossIn: 0.2, lossOut: 0.1, lossWorst: 0.3, rttIn: 20, rttOut: 30, rttWorst: 90, layers: { '720p': 2, 'sound only': 1 },
  });
});

test('what is not known is null, and a new publisher begins anew', () => {
  assert.deepEqual(trendSample(5, null, null, []), { ...empty, at: 5 });
  assert.equal(trendSample(5, publisher(10, 0, 0), null, []).lossIn, null);
  assert.equal(trendSample(5, publisher(10, 0, 0), publisher(900, 3, 0), []).lossIn, null);
  assert.equal(trendSample(5, publisher(10, 0, 0), publisher(10, 0, 0), []).lossIn, null);
  assert.equal(trendSample(5, null, null, [{ transport: { roundTripTime: 7 }, subscriber: { bitrate: 0, loss: 0, layer: {} } }]).rttWorst, 7);
});

test('layers have names', () => {
  assert.deepEqual([{ paused: true, height: 720 }, { height: 720, temporalLayerId: 0 }, { height: 720, temporalLayerId: 2 }, { rid: 'h' }, { spatialLayerId: 1 }, {}, undefined].map(layerName),
    ['sound only', '720p', '720p T2', 'h', 'S1 T0', 'no video', 'no video']);
});

test('five minutes are kept and one sample more, and no more than may be', () => {
  const trend = new Trend();
  for (let ago = 600; ago >= 0; ago -= 2) trend.add(sample(ago));
  assert.deepEqual([trend.samples[0].at, trend.samples.at(-1).at], [now - span - 2000, now]);
  for (let i = 0; i < 2000; i++) trend.add(sample(0));
  assert.ok(trend.samples.length <= 400);
});

test('lines run from left to right, in pieces where nothing is known', () => {
  const samples = [300, 298, 296, 200, 198, 4, 2, 0].map((ago) => sample(ago, { published: ago === 2 ? null : 1e6, sent: ago < 5 ? 3e6 : null }));
  const { ticks, lines } = lineModel(samples, now, area, lineCharts.bitrate);
  assert.deepEqual(ticks.map(({ y, text }) => [Math.round(y), text]), [[100, '0'], [67, '1.0 Mbit/s'], [33, '2.0 Mbit/s'], [0, '3.0 Mbit/s']]);
  const [published, sent] = lines;
  assert.deepEqual(published.pieces.map((p) => p.map(({ x }) => x)), [[0, 2, 4], [100, 102], [296], [300]]);
  assert.deepEqual(sent.pieces, [[{ x: 296, y: 0 }, { x: 298, y: 0 }, { x: 300, y: 0 }]]);
  assert.deepEqual(lines.map(({ name, now: text }) => [name, text]), [['published', '1.0 Mbit/s'], ['to a subscriber, mean', '3.0 Mbit/s']]);
});

test('an axis without values has its least top, and nothing leaves the area', () => {
  assert.deepEqual(lineModel([], now, area, lineCharts.loss).ticks.map(({ text }) => text), ['0', '1.0 %', '2.0 %']);
  for (const high of [1e3, 7e5, 9.99e6, 1e9]) {
    const { lines, ticks } = lineModel([sample(400, { sent: high }), sample(0, { published: high })], now, area, lineCharts.bitrate);
    assert.ok(lines.every((l) => l.pieces.flat().every(({ x, y }) => x >= 0 && x <= 300 && y >= 0 && y <= 100)), `${high}`);
    assert.ok(ticks.length >= 3 && ticks.length <= 6, `${high} has ${ticks.length} ticks`);
  }
});

test('shares fill the area from below, the lowest layer first', () => {
  const samples = [sample(300, { layers: { '720p': 1, '180p': 3 } }), sample(150, { layers: { '720p': 2, 'sound only': 2 } }), sample(149), sample(0)];
  const { bands } = shareModel(samples, now, area);
  assert.deepEqual(bands.map((b) => b.name), ['sound only', '180p', '720p']);
  assert.deepEqual(bands.map((b) => b.now), [0, 0, 0]);
  const [sound, low, high] = bands.map((b) => b.steps);
  assert.deepEqual(low, [{ x: 0, width: 3, y: 25, height: 75 }]); // a sample does not stand for what nobody saw
  assert.deepEqual(high, [{ x: 0, width: 3, y: 0, height: 25 }, { x: 150, width: 1, y: 0, height: 50 }]);
  assert.deepEqual(sound, [{ x: 150, width: 1, y: 50, height: 50 }]);
});

test('of many layers the least seen are one band', () => {
  const layers = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${(i + 1) * 100}p`, 9 - i]));
  const { bands } = shareModel([sample(0, { layers })], now, area);
  assert.equal(bands.length, maxLayers);
  assert.equal(bands.at(-1).name, 'others');
  assert.equal(Math.round(bands.reduce((sum, b) => sum + b.now, 0) * 1e6), 1e6);
  assert.deepEqual(bands.slice(0, 5).map((b) => b.name), ['100p', '200p', '300p', '400p', '500p']);
});
