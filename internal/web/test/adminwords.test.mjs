import assert from 'node:assert/strict';
import { test } from 'node:test';
import { adminWords, bytes, codecAndSize, fieldsOf, limitsOf, place, summary } from '../static/assets/adminwords.js';
import { Problem } from '../static/assets/problem.js';
import { reached, short, timelineSteps } from '../static/assets/timeline.js';

test('a token is asked for where one helps, and only there', () => {
  const words = (code, status, detail = 'd') => adminWords(new Problem(code, detail, { status, title: 'T' }));
  assert.deepEqual([words('token-required', 401), words('token-invalid', 401), words('not-allowed', 403)].map((w) => [w.title, w.ask]),
    [['Sign in', true], ['This token is not accepted', true], ['This token is for something else', true]]);
  for (const [code, status] of [['network', 0], ['answer', 0], ['no-such-stream', 404], ['too-many', 429], ['http-500', 500]]) {
    const w = words(code, status);
    assert.equal(w.ask, false);
    assert.ok(w.title && w.text);
  }
});

test('figures', () => {
  assert.deepEqual([0, 1023, 1024, 10_500, 5 * 1024 ** 3].map(bytes), ['0 B', '1023 B', '1.0 KiB', '10 KiB', '5.0 GiB']);
  assert.equal(codecAndSize([]), '–');
  assert.equal(codecAndSize([{ codec: 'VP8', width: 320, height: 180 }, { codec: 'VP8', width: 1280, height: 720 }]), 'VP8 1280 × 720 in 2 encodings');
  assert.equal(codecAndSize([{ codec: 'H264' }]), 'H264');
  assert.equal(place('candidate:1 1 udp 2130706431 192.0.2.1 8080 typ host'), '192.0.2.1:8080 UDP');
  assert.equal(place('candidate:1 1 tcp 1 2001:db8::1 8080 typ host tcptype passive'), '[2001:db8::1]:8080 TCP');
});

test('limits are kbit/s in fields and bits per second in the API', () => {
  assert.deepEqual(limitsOf({ maxSubscribers: ' 50 ', maxBitrate: '', maxSessionBitrate: '2500' }), { maxSubscribers: 50, maxBitrate: 0, maxSessionBitrate: 2_500_000 });
  assert.deepEqual(fieldsOf({ maxSubscribers: 0, maxSessionBitrate: 2_500_000 }), { maxSubscribers: '', maxBitrate: '', maxSessionBitrate: '2500' });
});

test('a session in a line', () => {
  const timeline = { answered: 1, ice: 30, dtls: 44.4 };
  const session = { id: 'i', subject: 'alice', address: '192.0.2.9', state: 'connected', timeline };
  const statistics = { transport: { roundTripTime: 9 }, subscriber: { bitrate: 1e6, loss: 0.05, roundTripTime: 12.3, layer: { height: 360 } } };
  assert.deepEqual(summary({ session, statistics }), ['alice, 192.0.2.9', 'DTLS 44 ms', '1.0 Mbit/s', '12 ms', '5.0 % loss', '360p']);
  assert.deepEqual(summary({ session: { id: 'i', state: 'disconnected', timeline: {} }, statistics: null }), ['i', 'disconnected', '', '', '', '']);
  assert.deepEqual(summary({ session, statistics: { transport: {}, publisher: { bitrate: 0 } } }).slice(2), ['0 kbit/s', '', '', '']);
});

test('the bars of a time line follow each other, and leave out what did not happen', () => {
  const steps = timelineSteps({ answered: 10, ice: 40, dtls: 100, firstKeyframe: 200 });
  assert.deepEqual(steps.map((s) => [s.key, s.at, s.took, s.from, s.width]), [
    ['answered', 10, 10, 0, 0.05], ['ice', 40, 30, 0.05, 0.15], ['dtls', 100, 60, 0.2, 0.3],
    ['firstPacket', null, null, 0, 0], ['firstKeyframe', 200, 100, 0.5, 0.5],
  ]);
  for (const timeline of [{}, undefined, { answered: 0 }, { dtls: 50, firstPacket: 40, firstKeyframe: 40 }, { ice: 0.01, dtls: 9e6 }]) {
    for (const { from, width, took } of timelineSteps(timeline)) {
      assert.ok(from >= 0 && from + width <= 1.000001 && width >= 0 && !(took < 0), JSON.stringify(timeline));
    }
  }
  assert.equal(reached({}), 'POST only');
  assert.equal(reached({ answered: 3, firstPacket: 1234 }), 'First packet 1.23 s');
  assert.deepEqual([null, 0.4, 15.6, 12_345].map(short), ['–', '0.4 ms', '16 ms', '12.3 s']);
});
