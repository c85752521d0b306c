// Header extensions that browsers leave out of an offer unless they are asked.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { offerExtensions } from '../static/assets/connection.js';

const captureTime = 'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time';
const descriptor = 'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension';
const mid = 'urn:ietf:params:rtp-hdrext:sdes:mid';

/** A transceiver as Chromium has it; uris are those it knows. */
function transceiver(direction, ...uris) {
  const made = {
    direction,
    negotiated: null,
    getHeaderExtensionsToNegotiate: () => uris.map((uri) => ({ uri, direction: uri === mid ? 'sendrecv' : 'stopped' })),
    setHeaderExtensionsToNegotiate(all) {
      if (all.length !== uris.length) throw new TypeError('all of them, in their order');
      made.negotiated = Object.fromEntries(all.map(({ uri, direction: to }) => [uri, to]));
    },
  };
  return made;
}

test('a player asks for the layers of AV1 and for the time of capture, a publisher for that alone', () => {
  const player = transceiver('recvonly', mid, descriptor, captureTime);
  offerExtensions(player);
  assert.deepEqual(player.negotiated, { [mid]: 'sendrecv', [descriptor]: 'recvonly', [captureTime]: 'sendrecv' });
  const publisher = transceiver('sendonly', mid, descriptor, captureTime);
  offerExtensions(publisher);
  assert.deepEqual(publisher.negotiated, { [mid]: 'sendrecv', [descriptor]: 'stopped', [captureTime]: 'sendrecv' });
});

test('one that knows neither, or cannot be asked, is left as it is', () => {
  const sound = transceiver('recvonly', mid);
  offerExtensions(sound);
  assert.equal(sound.negotiated, null);
  offerExtensions({ direction: 'recvonly' });
  const stubborn = transceiver('recvonly', descriptor);
  stubborn.setHeaderExtensionsToNegotiate = () => { throw new TypeError('no'); };
  offerExtensions(stubborn);
});
