// A player that is sent to another session: the new one first, then the end of the old one.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { WHEPClient } from '../static/assets/whep.js';
import { FakeEventSource, FakePeer, FakeStream, extended, fakeServer, peers, sources, until } from './fake/fake.mjs';

let server;
let client;
let streams;
const options = { RTCPeerConnection: FakePeer, MediaStream: FakeStream, EventSource: FakeEventSource, statsInterval: 20 };
// A rule for the next POST of a session, whatever else the last one still asks for.
const opens = (rule) => ({ path: 'cam$', rule });
const posts = (at = server) => at.requests.filter((r) => r.method === 'POST' && r.url === '/whip/cam').length;
const ends = (at = server) => at.requests.filter((r) => r.method === 'DELETE').map((r) => r.url);

beforeEach(async (t) => {
  peers.length = sources.length = 0;
  // The pauses are spread at random: no pause is longer than it must be.
  t.mock.method(Math, 'random', () => 0);
  server = await fakeServer();
  server.links = extended;
  client = new WHEPClient(options);
  streams = [];
  client.addEventListener('stream', ({ detail }) => streams.push(detail));
  await client.view(server.url, 'secret');
  peers[0].play();
  await until(() => client.state === 'playing' && client.stats.video.bitrate > 0 && sources.length === 1);
});
afterEach(async () => {
  await client.stop();
  server.close();
});

test('the old session stays until the new one has a frame, and somebody has shown it', async () => {
  const states = [];
  client.addEventListener('state', ({ detail }) => states.push(detail.state));
  let shown;
  client.addEventListener('stream', (event) => event.waitUntil(new Promise((resolve) => { shown = resolve; })));
  sources[0].say('reconnect', {});
  await until(() => peers[1]?.connectionState === 'connected');
  assert.deepEqual([client.pc, streams.length, ends().length, server.sessions.size], [peers[0], 1, 0, 2], 'connected is not enough');
  peers[1].play();
  await until(() => shown);
  assert.deepEqual([client.pc, client.session.url.slice(-2), streams.length], [peers[1], 's2', 2]);
  assert.equal(client.stream, streams[1]);
  assert.deepEqual([ends(), peers[0].connectionState], [[], 'connected'], 'the old one is still on show');
  shown();
  await until(() => peers[0].connectionState === 'closed');
  await until(() => server.sessions.size === 1);
  assert.deepEqual(ends(), ['/whip/cam/s1']);
  assert.deepEqual(states, [], 'it played on');
  assert.equal(sources[0].readyState, FakeEventSource.CLOSED);
  await until(() => sources.length === 2);
  const before = client.stats.at;
  await until(() => client.stats.at > before);
  assert.equal(client.state, 'playing');
});

test('to another server, with the token, and from there to it again', async () => {
  const other = await fakeServer();
  sources[0].say('reconnect', { url: other.url });
  await until(() => peers[1]);
  peers[1].play();
  await until(() => ends().length === 1);
  assert.equal(other.requests[0].headers.authorization, 'Bearer secret');
  assert.deepEqual([posts(), posts(other), client.state], [1, 1, 'playing']);
  other.sessions.clear();
  peers[1].become('failed');
  await until(() => posts(other) === 2 && client.state === 'waiting');
  assert.equal(posts(), 1);
  other.close();
  peers[2].become('closed');
  await until(() => posts() === 2, 'back to where it began');
});

test('several calls at once are one move', async () => {
  for (let i = 0; i < 20; i++) sources[0].say('reconnect', {});
  await until(() => peers[1]);
  for (let i = 0; i < 20; i++) sources[0].say('reconnect', {});
  peers[1].play();
  await until(() => ends().length === 1);
  assert.equal(posts(), 2);
});

test('a move soon after another one waits', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const move = async (n) => {
    await until(() => peers[n]);
    peers[n].play();
    await until(() => ends().length === n);
    await until(() => sources.length === n + 1);
  };
  sources[0].say('reconnect', {});
  await move(1);
  t.mock.timers.tick(5_000);
  sources[1].say('reconnect', {});
  await move(2);
  t.mock.timers.tick(3_000);
  sources[2].say('reconnect', {});
  await new Promise((resolve) => setTimeout(resolve, 1_000)); // longer than moves are spread
  assert.equal(posts(), 3);
  await move(3);
});

test('an address that HTTP does not go to is not gone to', async () => {
  sources[0].say('reconnect', { url: 'ftp://192.0.2.1/' });
  await until(() => peers[1]);
  peers[1].play();
  await until(() => ends().length === 1);
  assert.equal(posts(), 2);
});

test('tries are bounded, and the old session plays on', async () => {
  server.rules = Array.from({ length: 9 }, () => opens([503, 'draining']));
  assert.equal(await client._move(null), false);
  assert.equal(posts(), 1 + 4);
  assert.deepEqual([client.state, client.pc, ends()], ['playing', peers[0], []]);
  assert.ok(peers.slice(1).every((pc) => pc.connectionState === 'closed'));
});

test('a refusal for good ends the move at once', async () => {
  server.rules = [opens([403, 'not-yours'])];
  assert.equal(await client._move(null), false);
  assert.equal(posts(), 2);
  assert.deepEqual([client.state, client.pc], ['playing', peers[0]]);
});

test('a new session that shows nothing is ended, not shown', async (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const moved = client._move(null);
  await within(t, () => peers.length === 2 && peers[1].connectionState === 'connected');
  await within(t, () => peers[1].connectionState === 'closed');
  peers.at(-1).play();
  await within(t, () => peers.length === 3);
  peers[2].play();
  assert.equal(await moved, true);
  await within(t, () => ends().length === 2);
  assert.deepEqual(ends(), ['/whip/cam/s2', '/whip/cam/s1']);
  assert.equal(streams.length, 2);
});

/** until, but with a clock that runs fast. */
async function within(t, look) {
  await until(() => {
    t.mock.timers.tick(200);
    return look();
  }, String(look));
}

test('a session that is cut before its successor plays hands over at once', async () => {
  const states = [];
  client.addEventListener('state', ({ detail }) => states.push(detail.state));
  let answer;
  server.rules = [opens(() => new Promise((resolve) => { answer = resolve; }))];
  sources[0].say('reconnect', {});
  await until(() => answer);
  peers[0].become('closed');
  await until(() => client.state === 'reconnecting');
  answer();
  await until(() => client.pc === peers[1]);
  peers[1].play();
  await until(() => client.state === 'playing');
  assert.equal(posts(), 2);
  assert.deepEqual(states, ['reconnecting', 'waiting', 'playing']);
});

test('the successor fails, too: then all begins anew as after any loss', async () => {
  server.rules = [opens([503, 'draining']), opens([503, 'draining'])];
  sources[0].say('reconnect', {});
  await until(() => posts() === 2);
  peers[0].become('closed');
  await until(() => client.state === 'waiting' && client.pc?.connectionState === 'connected');
  assert.ok(posts() <= 4);
});

test('stop during a move leaves nothing behind', async () => {
  let answer;
  server.rules = [opens(() => new Promise((resolve) => { answer = resolve; }))];
  sources[0].say('reconnect', {});
  await until(() => answer);
  await client.stop();
  answer();
  await until(() => ends().length === 2);
  assert.equal(server.sessions.size, 0);
  assert.ok(peers.every((pc) => pc.connectionState === 'closed'));
  assert.deepEqual([client.pc, client.state, streams.length], [null, 'stopped', 1]);
});

test('a player that waits for a publisher has nothing to wait for', async () => {
  sources[0].say('inactive', {});
  await until(() => client.state === 'waiting');
  sources[0].say('reconnect', {});
  await until(() => ends().length === 1);
  assert.equal(client.pc, peers[1]);
});

for (const [how, taken, layersBefore] of [
  ['taken by the old session', true, true], ['taken by the old session before the new one has layers', true, false], ['lost with the old session', false, true],
]) {
  test(`a choice that a move overtakes is told to the new session: ${how}`, async () => {
    let [answer, shown] = [null, null];
    client.addEventListener('stream', (event) => event.waitUntil(new Promise((resolve) => { shown = resolve; })));
    server.rules = [{ path: '/layer', rule: () => new Promise((resolve) => { answer = resolve; }) }];
    const chosen = client.selectLayer({ rid: 'h' });
    await until(() => answer);
    sources[0].say('reconnect', {});
    await until(() => peers[1]);
    peers[1].play();
    await until(() => shown && sources.length === 2);
    const layers = () => sources[1].say('layers', { 0: [{ rid: 'h' }] });
    if (layersBefore) layers();
    if (!taken) server.sessions.delete('s1');
    answer();
    await chosen;
    if (!layersBefore) layers();
    await until(() => server.selections.length === (taken ? 2 : 1));
    assert.deepEqual([client.selection, server.selections.at(-1)], [{ rid: 'h' }, { mediaId: '0', rid: 'h' }]);
    assert.equal(server.requests.filter((r) => r.method === 'POST' && r.url === '/whip/cam/s2/layer').length, 1);
    shown();
  });
}

test('back to automatic while a move goes on: the new session is told, though it knew the choice of before', async () => {
  await client.selectLayer({ rid: 'h' });
  let [answer, shown] = [null, null];
  client.addEventListener('stream', (event) => event.waitUntil(new Promise((resolve) => { shown = resolve; })));
  server.rules = [{ path: '/layer', rule: () => new Promise((resolve) => { answer = resolve; }) }];
  const released = client.automatic();
  await until(() => answer);
  sources[0].say('reconnect', {});
  await until(() => peers[1]);
  peers[1].play();
  await until(() => shown && sources.length === 2);
  sources[1].say('layers', { 0: [{ rid: 'h' }] });
  await until(() => server.selections.length === 2);
  answer();
  await released;
  assert.deepEqual([client.selection, server.selections], [null, [{ mediaId: '0', rid: 'h' }, { mediaId: '0', rid: 'h' }, null, null]]);
  shown();
});
