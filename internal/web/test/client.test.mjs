import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { backoff } from '../static/assets/connection.js';
import { Problem, parseRetryAfter } from '../static/assets/problem.js';
import { WHEPClient } from '../static/assets/whep.js';
import { WHIPClient, sendEncodings } from '../static/assets/whip.js';
import { FakePeer, FakeStream, fakeServer, peers, until } from './fake/fake.mjs';

let server;
let client;
const options = { RTCPeerConnection: FakePeer, MediaStream: FakeStream, statsInterval: 20 };
const media = () => new FakeStream([{ kind: 'audio' }, { kind: 'video' }]);
const sent = (method) => server.requests.filter((r) => r.method === method);

beforeEach(async () => {
  peers.length = 0;
  server = await fakeServer();
});
afterEach(async () => {
  await client?.stop();
  server.close();
});

async function live() {
  client = new WHIPClient(options);
  await client.publish(media(), server.url, 'secret');
}

test('a session: POST, ice servers before gathering, trickle with the tag, DELETE', async () => {
  await live();
  assert.equal(client.state, 'live');
  const [post] = sent('POST');
  assert.equal(post.headers.authorization, 'Bearer secret');
  assert.equal(post.headers['content-type'], 'application/sdp');
  assert.doesNotMatch(post.body, /a=candidate/);
  assert.deepEqual(peers[0].steps, ['setConfiguration', 'setLocalDescription', 'setRemoteDescription']);
  assert.deepEqual(peers[0].configuration.iceServers, [{ urls: 'stun:stun.example' }, { urls: 'turn:turn.example', username: 'u,1', credential: 'c;2' }]);
  peers[0].candidate(null);
  await until(() => sent('PATCH').length > 0);
  const [patch] = sent('PATCH');
  assert.equal(patch.url, '/whip/cam/s1');
  assert.equal(patch.headers['if-match'], '"tag1"');
  assert.equal(patch.headers.authorization, 'Bearer secret');
  assert.match(patch.body, /a=mid:0\r\na=candidate:1 1 udp 1 192\.0\.2\.9 9 typ host\r\na=end-of-candidates\r\n$/);
  await client.stop();
  assert.equal(client.state, 'stopped');
  assert.equal(sent('DELETE')[0].headers.authorization, 'Bearer secret');
  assert.equal(server.sessions.size, 0);
  assert.equal(peers[0].connectionState, 'closed');
});

test('an open server gets no Authorization header', async () => {
  client = new WHIPClient(options);
  await client.publish(media(), server.url, '');
  assert.equal(sent('POST')[0].headers.authorization, undefined);
});

test('failed ICE is restarted in the same session, with new credentials both ways', async () => {
  await live();
  peers[0].become('failed');
  await until(() => server.sessions.get('s1').restarted && client.state === 'live');
  const restart = sent('PATCH').find((r) => r.headers['if-match'] === '*');
  assert.match(restart.body, /a=ice-ufrag:mine1\r\n/);
  assert.doesNotMatch(restart.body, /ufrag:mine0/);
  assert.match(peers[0].remoteDescription.sdp, /a=ice-ufrag:ufr101\r\n/);
  assert.match(peers[0].remoteDescription.sdp, /a=candidate:1 1 udp 1 192\.0\.2\.1 9/);
  assert.equal(sent('POST').length, 1);
  peers[0].candidate('candidate:5 1 udp 1 192.0.2.5 9 typ host');
  const trickle = await until(() => sent('PATCH').find((r) => r.body.includes('192.0.2.5')));
  assert.equal(trickle.headers['if-match'], '"tag1r"');
});

test('a restart whose answer was lost is sent again', async () => {
  await live();
  await until(() => sent('PATCH').length === 1);
  server.rules = ['cut'];
  peers[0].become('failed');
  await until(() => client.state === 'reconnecting');
  await until(() => client.state === 'live');
  assert.equal(sent('PATCH').filter((r) => r.headers['if-match'] === '*').length, 2);
  assert.equal(sent('POST').length, 1);
});

test('a session the server forgot is replaced, and the name is freed first', async () => {
  await live();
  const states = [];
  client.addEventListener('state', ({ detail }) => states.push(detail.state));
  server.sessions.clear();
  peers[0].become('failed');
  await until(() => sent('POST').length === 2 && client.state === 'live');
  assert.deepEqual(states.filter((s, i) => s !== states[i - 1]), ['reconnecting', 'live']);
  const order = server.requests.map((r) => r.method).filter((m) => m !== 'PATCH');
  assert.deepEqual(order, ['POST', 'DELETE', 'POST']);
});

test('a publisher that never was live does not try again', async () => {
  client = new WHIPClient(options);
  server.rules = [[409, 'stream-busy']];
  await assert.rejects(client.publish(media(), server.url, 'x'), (problem) => {
    assert.ok(problem instanceof Problem);
    assert.deepEqual([problem.code, problem.status, problem.detail], ['stream-busy', 409, 'detail of stream-busy']);
    return true;
  });
  assert.equal(client.state, 'failed');
  assert.equal(sent('POST').length, 1);
});

test('a token that is refused ends a player at once', async () => {
  client = new WHEPClient(options);
  server.rules = [[403, 'not-yours']];
  await assert.rejects(client.view(server.url, 'x'), { code: 'not-yours', status: 403 });
  assert.equal(client.state, 'failed');
});

test('a player waits for an absent publisher as long as told, then connects', async () => {
  client = new WHEPClient(options);
  const states = [];
  client.addEventListener('state', ({ detail }) => states.push([detail.state, detail.problem?.code, detail.retryIn]));
  server.rules = [[409, 'no-publisher', { 'Retry-After': '1' }], 'cut'];
  const started = Date.now();
  await client.view(server.url);
  assert.deepEqual(states.map(([s, code]) => [s, code]).slice(0, 3), [['connecting', undefined], ['waiting', 'no-publisher'], ['reconnecting', 'network']]);
  assert.ok(states[1][2] >= 1000, 'no sooner than the server asked');
  assert.ok(Date.now() - started >= 1000);
  assert.equal(client.state, 'waiting', 'connected, but no media yet');
});

test('a player keeps its session while the publisher is away', async () => {
  client = new WHEPClient(options);
  await client.view(server.url);
  const feed = { id: 'v', type: 'inbound-rtp', kind: 'video', timestamp: Date.now(), bytesReceived: 0, framesDecoded: 0 };
  peers[0].stats = new Map([['v', feed]]);
  const flow = setInterval(() => Object.assign(feed, { timestamp: Date.now(), bytesReceived: feed.bytesReceived + 1000, framesDecoded: feed.framesDecoded + 1 }), 10);
  await until(() => client.state === 'playing');
  clearInterval(flow);
  const pause = setInterval(() => Object.assign(feed, { timestamp: Date.now() }), 10);
  await until(() => client.state === 'waiting');
  clearInterval(pause);
  Object.assign(feed, { timestamp: Date.now(), bytesReceived: feed.bytesReceived + 1000, framesDecoded: feed.framesDecoded + 1 });
  await until(() => client.state === 'playing');
  assert.equal(sent('POST').length, 1);
});

test('stop during the POST leaves no session behind', async () => {
  client = new WHEPClient(options);
  let answer;
  server.rules = [() => new Promise((resolve) => { answer = resolve; })];
  const view = client.view(server.url);
  await until(() => answer);
  await client.stop();
  answer();
  await assert.rejects(view, { code: 'stopped' });
  await until(() => sent('DELETE').length === 1);
  assert.equal(server.sessions.size, 0);
  assert.equal(client.pc, null);
});

test('a page that is no WHIP server is told apart', async () => {
  client = new WHIPClient({ ...options, fetch: async () => new Response('<html>', { status: 200, headers: { 'Content-Type': 'text/html' } }) });
  await assert.rejects(client.publish(media(), server.url), { code: 'answer' });
});

test('three encodings share the bitrate; VP9 and AV1 need a mode for it', () => {
  const three = sendEncodings({ simulcast: true, bitrate: 2_500_000, maxFramerate: 30, codec: 'av1' });
  assert.deepEqual(three.map((e) => e.rid), ['l', 'm', 'h']);
  assert.equal(three.reduce((sum, e) => sum + e.maxBitrate, 0), 2_500_000);
  assert.ok(three.every((e) => e.scalabilityMode === 'L1T1' && e.maxFramerate === 30));
  assert.deepEqual(sendEncodings({ bitrate: 1000 }), [{ maxBitrate: 1000 }]);
});

test('pauses grow, are spread, end, and respect Retry-After', () => {
  assert.deepEqual([0, 1, 2, 9, 99].map((n) => backoff(n, null, () => 1)), [500, 1000, 2000, 15000, 15000]);
  assert.equal(backoff(0, null, () => 0), 250);
  assert.equal(backoff(0, 20, () => 0.5), 20500);
});

test('Retry-After as seconds and as a date', () => {
  assert.equal(parseRetryAfter('7'), 7);
  assert.equal(parseRetryAfter('Thu, 01 Jan 1970 00:00:10 GMT', 4000), 6);
  assert.equal(parseRetryAfter('999999'), 3600);
  assert.equal(parseRetryAfter('soon'), null);
  assert.equal(parseRetryAfter(null), null);
});
