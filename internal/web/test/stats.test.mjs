import assert from 'node:assert/strict';
import { test } from 'node:test';
import { publisherStats, subscriberStats } from '../static/assets/stats.js';

const report = (...entries) => new Map(entries.map((e) => [e.id, e]));
const pair = { id: 'p', type: 'candidate-pair', nominated: true, state: 'succeeded', currentRoundTripTime: 0.02, availableOutgoingBitrate: 3e6, localCandidateId: 'l', remoteCandidateId: 'r' };
const path = [{ id: 't', type: 'transport', selectedCandidatePairId: 'p' }, pair, { id: 'l', type: 'local-candidate', protocol: 'udp', candidateType: 'host' }, { id: 'r', type: 'remote-candidate', candidateType: 'host' }];
const vp8 = { id: 'c', type: 'codec', mimeType: 'video/VP8' };

test('rates of a publisher come from the difference of two samples, per encoding', () => {
  const at = (timestamp, l, h) => report(...path, vp8,
    { id: 'a', type: 'outbound-rtp', kind: 'video', rid: 'l', timestamp, bytesSent: l, framesEncoded: 1, frameHeight: 180, frameWidth: 320, codecId: 'c' },
    { id: 'b', type: 'outbound-rtp', kind: 'video', rid: 'h', timestamp, bytesSent: h, framesEncoded: 1, frameHeight: 720, frameWidth: 1280, qualityLimitationReason: 'cpu', remoteId: 'ri' },
    { id: 'ri', type: 'remote-inbound-rtp', fractionLost: 0.25, roundTripTime: 0.03 });
  const first = publisherStats(at(1000, 0, 0), null);
  assert.equal(first.bitrate, 0);
  const second = publisherStats(at(3000, 25_000, 250_000), first);
  assert.deepEqual(second.video.map((v) => [v.rid, v.bitrate, v.codec]), [['h', 1_000_000, null], ['l', 100_000, 'VP8']]);
  assert.equal(second.bitrate, 1_100_000);
  assert.deepEqual([second.rtt, second.loss, second.available, second.path], [20, 0.25, 3e6, 'UDP host']);
  assert.equal(second.video[0].limitation, 'cpu');
});

test('loss, jitter buffer and playout of a subscriber are those of the last interval', () => {
  const at = (timestamp, n) => report(...path,
    { id: 'v', type: 'inbound-rtp', kind: 'video', timestamp, bytesReceived: 1000 * n, packetsReceived: 90 * n, packetsLost: 10 * (n - 1), framesDecoded: n, jitterBufferDelay: 0.5 * n * n, jitterBufferEmittedCount: 10 * n, estimatedPlayoutTimestamp: timestamp - 150 + 2_208_988_800_000 },
    { id: 'u', type: 'inbound-rtp', kind: 'audio', timestamp, bytesReceived: 10, packetsReceived: 5, packetsLost: -1, estimatedPlayoutTimestamp: timestamp - 170 + 2_208_988_800_000 });
  const first = subscriberStats(at(1.7e12, 1), null);
  const second = subscriberStats(at(1.7e12 + 1000, 2), first);
  assert.equal(second.video.loss, 0.1);
  assert.equal(second.audio.loss, 0);
  assert.equal(second.video.jitterBuffer, 150);
  assert.equal(second.playoutDelay, 150);
  assert.equal(second.avOffset, 20);
  assert.equal(second.video.bitrate, 8000);
  const third = subscriberStats(at(1.7e12 + 2000, 3), second);
  assert.equal(third.video.loss, 0.1);
  assert.deepEqual([third.video.lost, third.video.jitterBuffer], [20, 250]);
});

test('nothing received yet is no track, not a track of zeros', () => {
  const sample = subscriberStats(report({ id: 'v', type: 'inbound-rtp', kind: 'video', timestamp: 1, bytesReceived: 0 }), null);
  assert.deepEqual([sample.video, sample.audio, sample.bytes, sample.rtt, sample.playoutDelay], [null, null, 0, null, null]);
});
