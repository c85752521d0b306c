import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fullRate, qualityMenu } from '../static/assets/quality.js';

const layer = (rid, width, height, bitrate, more = {}) => ({ rid, spatialLayerId: null, temporalLayerId: null, bitrate, targetBitrate: 0, width, height, ...more });
const on = (rid, more = {}) => ({ rid, spatialLayerId: null, temporalLayerId: null, width: null, height: null, estimate: 2e6, bitrate: 1e6, paused: false, automatic: true, ...more });
/** An encoding with three temporal layers. */
const temporal = (rid, width, height, bitrates, more = {}) => bitrates.map((bitrate, t) => layer(rid, width, height, bitrate, { temporalLayerId: t, ...more }));
const brief = (entries) => entries.map(({ label, note, paused, current, chosen }) => [label, note, [paused && 'paused', current && 'current', chosen && 'chosen'].filter(Boolean).join(' ')]);

const three = [layer('a', 320, 180, 150_000), layer('0', 1280, 720, 1_500_000), layer('q', 640, 360, 500_000)];

test('encodings by their size, never by their name; automatic says what it is on', () => {
  const entries = qualityMenu({ layers: three, statistics: on('q') });
  assert.deepEqual(brief(entries), [
    ['Automatic', '640 × 360', 'chosen'],
    ['1280 × 720', '1.5 Mbit/s', ''],
    ['640 × 360', '500 kbit/s', 'current'],
    ['320 × 180', '150 kbit/s', ''],
  ]);
  assert.deepEqual(entries.map((e) => e.selection), [null, { rid: '0' }, { rid: 'q' }, { rid: 'a' }]);
  assert.deepEqual(entries.map((e) => e.short), ['Auto 360p', '720p', '360p', '180p']);
});

test('a choice is marked, and what is on the screen until it comes', () => {
  const entries = qualityMenu({ layers: three, statistics: on('a', { automatic: false }), selection: { rid: '0' } });
  assert.deepEqual(brief(entries).map(([, , marks]) => marks), ['', 'chosen', '', 'current']);
});

test('a choice that is no longer among the layers leaves automatic marked', () => {
  const entries = qualityMenu({ layers: three.slice(0, 1), statistics: on('a'), selection: { rid: '0' } });
  assert.deepEqual(brief(entries).map(([, , marks]) => marks), ['chosen', 'current']);
});

test('a layer that pauses stays in its place and says so', () => {
  const layers = [three[0], { ...three[1], bitrate: 0 }, three[2]];
  const entries = qualityMenu({ layers, statistics: on('q') });
  assert.deepEqual(brief(entries)[1], ['1280 × 720', 'paused', 'paused']);
  assert.equal(entries.filter((e) => e.paused).length, 1);
});

test('while the network carries only sound, nothing is on the screen', () => {
  const entries = qualityMenu({ layers: three, statistics: on('q', { paused: true }) });
  assert.deepEqual([entries[0].note, entries[0].short], ['sound only', 'Sound only']);
  assert.ok(entries.every((e) => !e.current));
});

test('a slower picture has an entry where it costs less than the full one and more than the next smaller', () => {
  const layers = [...temporal('h', 1280, 720, [620e3, 940e3, 1.5e6]), ...temporal('l', 320, 180, [140e3, 145e3, 150e3])];
  const at30 = qualityMenu({ layers, statistics: on('h', { temporalLayerId: 1 }), rate: 30 });
  assert.deepEqual(brief(at30), [
    ['Automatic', '1280 × 720, 15 fps', 'chosen'],
    ['1280 × 720, 30 fps', '1.5 Mbit/s', ''],
    ['1280 × 720, 15 fps', '940 kbit/s', 'current'], // 7.5 frames per second are for nobody
    ['320 × 180', '150 kbit/s', ''], // nothing to save
  ]);
  assert.deepEqual(at30.map((e) => e.selection), [null, { rid: 'h' }, { rid: 'h', temporalLayerId: 1 }, { rid: 'l' }]);
  assert.equal(at30[0].short, 'Auto 720p15');
  const at60 = qualityMenu({ layers, statistics: on('h', { temporalLayerId: 0 }), rate: 60 });
  assert.deepEqual(brief(at60).map(([label]) => label), ['Automatic', '1280 × 720, 60 fps', '1280 × 720, 30 fps', '1280 × 720, 15 fps', '320 × 180']);
  assert.equal(at60[3].current, true);
  const unknown = qualityMenu({ layers, statistics: on('h') });
  assert.deepEqual(brief(unknown).map(([label]) => label), ['Automatic', '1280 × 720', '1280 × 720, 1/2 frame rate', '320 × 180']);
});

test('a slower picture that costs no more than a smaller one has no entry', () => {
  const layers = [...temporal('h', 1280, 720, [400e3, 900e3, 1.5e6]), layer('m', 640, 360, 850e3)];
  assert.deepEqual(brief(qualityMenu({ layers, rate: 60 })).map(([label]) => label), ['Automatic', '1280 × 720', '640 × 360']);
});

test('what was chosen keeps its entry when it saves nothing any more, or pauses', () => {
  const selection = { rid: 'h', temporalLayerId: 1 };
  for (const [bitrate, note] of [[940e3, '940 kbit/s'], [1.45e6, '1.4 Mbit/s'], [0, 'paused']]) {
    const layers = temporal('h', 1280, 720, [620e3, bitrate, 1.5e6]);
    const entries = qualityMenu({ layers, statistics: on('h', { temporalLayerId: 1 }), selection, rate: 30 });
    assert.deepEqual(brief(entries)[2], ['1280 × 720, 15 fps', note, [bitrate === 0 && 'paused', 'current', 'chosen'].filter(Boolean).join(' ')]);
    assert.equal(entries[0].chosen, false);
  }
  const slow = qualityMenu({ layers: temporal('h', 1280, 720, [620e3, 940e3, 1.5e6]), selection: { rid: 'h', temporalLayerId: 0 }, rate: 30 });
  assert.deepEqual(slow.map((e) => [e.short, e.chosen]), [['Auto', false], ['720p', false], ['720p15', false], ['720p8', true]]);
});

test('on a temporal layer without an entry the next better one is marked', () => {
  const layers = temporal('h', 1280, 720, [620e3, 940e3, 1.5e6]);
  const entries = qualityMenu({ layers, statistics: on('h', { temporalLayerId: 0 }), rate: 30 });
  assert.deepEqual(brief(entries).map(([, , marks]) => marks), ['chosen', '', 'current']);
});

test('spatial layers of one encoding are told apart, with and without a name', () => {
  for (const rid of ['', 's']) {
    const layers = [0, 1, 2].map((s) => layer(rid, 320 << s, 180 << s, 100e3 << s, { spatialLayerId: s }));
    const entries = qualityMenu({ layers, statistics: on(rid, { spatialLayerId: 1 }) });
    assert.deepEqual(brief(entries).map(([, , marks]) => marks), ['chosen', '', 'current', '']);
    assert.deepEqual(entries[1].selection, { ...(rid && { rid }), spatialLayerId: 2 });
  }
});

test('layers of unknown size go by bitrate and are called by their encoding', () => {
  const layers = [layer('x', null, null, 100e3), layer('y', null, null, 900e3)];
  assert.deepEqual(brief(qualityMenu({ layers })).map(([label, note]) => [label, note]), [['Automatic', ''], ['Encoding y', '900 kbit/s'], ['Encoding x', '100 kbit/s']]);
});

test('a server that tells no statistics: what is decoded is what is on the screen', () => {
  const entries = qualityMenu({ layers: three, shown: { width: 640, height: 360 } });
  assert.deepEqual(brief(entries).map(([, , marks]) => marks), ['chosen', '', 'current', '']);
});

test('keys stay while bitrates change, so that a list that is open does not jump', () => {
  const keys = (layers) => qualityMenu({ layers }).map((e) => e.key);
  assert.deepEqual(keys(three), keys(three.map((l) => ({ ...l, bitrate: l.bitrate * 1.3 }))));
  assert.equal(new Set(keys([...temporal('h', 1920, 1080, [1.62e6, 1.94e6, 2.5e6]), ...three])).size, 6);
});

test('the full frame rate is told from the part that arrives; a rate that changes tells nothing', () => {
  const layers = temporal('h', 1280, 720, [620e3, 940e3, 1.5e6]);
  assert.equal(fullRate(layers, on('h', { temporalLayerId: 2 }), 29.6), 30);
  assert.equal(fullRate(layers, on('h', { temporalLayerId: 1 }), 15.2), 30);
  assert.equal(fullRate(layers, on('h', { temporalLayerId: 0 }), 7.4), 30);
  assert.equal(fullRate(layers, on('h', { temporalLayerId: 2 }), 35.5), null);
  assert.equal(fullRate(layers, on('h', { paused: true }), 30), null);
  assert.equal(fullRate(layers, null, 30), null);
  assert.equal(fullRate([], on('h'), 30), null);
});

test('no layers, no choice', () => {
  assert.deepEqual(brief(qualityMenu({ layers: [] })), [['Automatic', '', 'chosen']]);
});
