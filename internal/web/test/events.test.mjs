import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { readEvent } from '../static/assets/events.js';
import { findLink, parseLinks } from '../static/assets/signal.js';
import { WHEPClient } from '../static/assets/whep.js';
import { FakeEventSource, FakePeer, FakeStream, extended, fakeServer, peers, sources, until } from './fake/fake.mjs';

let server;
let client;
const options = { RTCPeerConnection: FakePeer, MediaStream: FakeStream, EventSource: FakeEventSource, statsInterval: 20 };
const sent = (method, path) => server.requests.filter((r) => r.method === method && r.url.includes(path));

beforeEach(async () => {
  peers.length = sources.length = 0;
  server = await fakeServer();
  server.links = extended;
});
afterEach(async () => {
  await client?.stop();
  server.close();
});

async function watch() {
  client = new WHEPClient(options);
  await client.view(server.url, 'secret');
}

/** What the client says from now on. */
function heard(...names) {
  const all = [];
  for (const name of names) client.addEventListener(name, ({ detail }) => all.push([name, detail]));
  return all;
}

const sse = 'urn:ietf:params:whep:ext:core:server-sent-events';

test('the links of the extensions are found in any order, with or without quotes, joined in one header', () => {
  for (const header of [
    `<a/events>; rel="${sse}"; events="active,layers", <stun:s>; rel="ice-server"`,
    `<stun:s>; rel=ice-server, <a/events>;events="active,layers";rel=${sse}`,
    `<https://x/y,z>; rel="next",<a/events> ; title="a;b,<c>" ; events = "active,layers" ; rel = "other ${sse.toUpperCase()}"`,
    `<a/events>; rel="${sse}" events="active,layers"`,
  ]) {
    const link = findLink(parseLinks(header), sse);
    assert.deepEqual([link?.url, link?.params.events], ['a/events', 'active,layers'], header);
  }
  assert.equal(findLink(parseLinks(`<a>; rel="${sse}x", <b>; rev="${sse}"`), sse), null);
});

test('events: asked for by name with the token, then heard at the address of the answer', async () => {
  await watch();
  const source = await until(() => sources[0]);
  const [post] = sent('POST', '/events');
  assert.equal(post.headers.authorization, 'Bearer secret');
  assert.equal(post.headers['content-type'], 'application/json');
  assert.deepEqual(JSON.parse(post.body), ['active', 'inactive', 'layers', 'viewercount', 'reconnect', 'statistics', 'diagnosis']);
  assert.equal(source.url, new URL('/whip/cam/s1/events/1', server.url).href);
  const all = heard('viewercount', 'layers', 'diagnosis', 'statistics');
  source.say('viewercount', { viewercount: 3 });
  source.say('layers', { 0: [{ rid: 'h', bitrate: 5 }] });
  source.say('diagnosis', [{ code: 'b-frames', text: 'No.' }]);
  source.say('statistics', { estimate: 7, bitrate: 6, rid: 'h', temporalLayerId: 1, paused: true, automatic: false });
  assert.deepEqual(all.map(([name]) => name), ['viewercount', 'layers', 'diagnosis', 'statistics']);
  assert.equal(all[0][1], 3);
  assert.deepEqual([all[1][1][0].rid, all[1][1][0].bitrate, all[1][1][0].temporalLayerId], ['h', 5, null]);
  assert.deepEqual(all[3][1], { rid: 'h', spatialLayerId: null, temporalLayerId: 1, width: null, height: null, estimate: 7, bitrate: 6, paused: true, automatic: false });
  await client.stop();
  assert.equal(source.readyState, FakeEventSource.CLOSED);
  assert.equal(sent('DELETE', '/events').length, 0, 'the events end with the session');
});

test('only what the server has is asked for; all of it if it does not say; nothing if it has nothing of use', async () => {
  for (const [params, body] of [['; events="scte35,layers"', '["layers"]'], ['', ''], ['; events="scte35"', null]]) {
    server.links = (url) => [`<${url}/events>; rel="${sse}"${params}`];
    await watch();
    if (body !== null) await until(() => sent('POST', '/events').length === 1);
    assert.deepEqual(sent('POST', '/events').map((r) => r.body), body === null ? [] : [body], params);
    await client.stop();
    server.requests.length = 0;
  }
});

test('a server without the links plays, tells nothing and lets nobody choose', async () => {
  server.links = () => [];
  await watch();
  peers[0].play();
  await until(() => client.state === 'playing');
  assert.equal(client.selects, false);
  assert.equal(client.active, null);
  await assert.rejects(client.selectLayer({ rid: 'h' }), { code: 'unsupported' });
  await assert.rejects(client.automatic(), { code: 'unsupported' });
  assert.deepEqual(server.requests.filter((r) => r.url !== '/whip/cam' && r.method === 'POST'), []);
  assert.equal(sources.length, 0);
});

test('a program without EventSource plays as well', async () => {
  client = new WHEPClient({ ...options, EventSource: undefined });
  await client.view(server.url);
  assert.equal(sent('POST', '/events').length, 0);
  await client.selectLayer({ rid: 'h' });
  assert.equal(server.selections.length, 1);
});

test('a lost stream of events is opened anew, a short loss is left to the browser', async () => {
  await watch();
  await until(() => sources.length === 1);
  sources[0].lose(false);
  assert.notEqual(sources[0].readyState, FakeEventSource.CLOSED);
  sources[0].say('viewercount', { viewercount: 1 });
  assert.equal(sent('POST', '/events').length, 1);
  sources[0].lose(true);
  await until(() => sources.length === 2);
  const all = heard('viewercount');
  sources[0].say('viewercount', { viewercount: 2 });
  sources[1].say('viewercount', { viewercount: 3 });
  assert.deepEqual(all.at(-1), ['viewercount', 3]);
});

test('a new session on a server that tells nothing forgets what the one before told', async () => {
  await watch();
  await until(() => sources[0]);
  const all = heard('layers', 'diagnosis');
  sources[0].say('active', {});
  sources[0].say('layers', { 0: [{ rid: 'h' }] });
  sources[0].say('diagnosis', [{ code: 'a', text: 'b' }]);
  server.links = () => [];
  server.sessions.clear();
  peers[0].become('failed');
  await until(() => all.length === 4);
  assert.deepEqual(all.slice(2), [['layers', []], ['diagnosis', []]]);
  assert.equal(client.active, null);
});

test('a player that wants no events opens no stream of them, and may choose all the same', async () => {
  client = new WHEPClient({ ...options, events: false });
  await client.view(server.url, 'secret');
  await client.selectLayer({ rid: 'h' });
  assert.deepEqual([sent('POST', '/events').length, sources.length, server.selections.length], [0, 0, 1]);
});

test('a server that creates no streams of events is heard at the link itself', async () => {
  server.rules = [{ path: '/events', rule: [405, 'method-not-allowed'] }];
  await watch();
  const source = await until(() => sources[0]);
  assert.equal(source.url, new URL('/whip/cam/s1/events', server.url).href);
});

test('data that is not what the event should have is not passed on', () => {
  for (const [name, text] of [
    ['layers', 'x'], ['layers', '7'], ['layers', '{"0":5}'], ['viewercount', '{}'], ['viewercount', '{"viewercount":-1}'],
    ['viewercount', 'null'], ['diagnosis', '{}'], ['scte35', '{}'], ['toString', '{}'],
  ]) assert.equal(readEvent(name, text, '0'), undefined, `${name} ${text}`);
  assert.deepEqual(readEvent('diagnosis', '[null,{"code":1,"text":"x"},{"code":"a","text":""},{"code":"a","text":"b","more":1}]', '0'), [{ code: 'a', text: 'b' }]);
  assert.deepEqual(readEvent('reconnect', '{"url":7}', '0'), { url: null });
  assert.equal(readEvent('layers', JSON.stringify({ 0: Array(500).fill({ rid: 'a' }) }), '0').length, 64);
  assert.equal(readEvent('statistics', '{"estimate":0}', '0').estimate, null);
});

test('layers are those of the video section; older ways to write them are understood', () => {
  const data = JSON.stringify({ 0: [{ rid: 'audio' }], 1: { layers: [{ encodingId: 'hd' }] } });
  assert.deepEqual(readEvent('layers', data, '1').map((l) => l.rid), ['hd']);
  assert.deepEqual(readEvent('layers', '{"4":[{"rid":"x"}]}', '0').map((l) => l.rid), ['x']);
  assert.deepEqual(readEvent('layers', '{}', '0'), []);
});

test('the publisher goes and comes: the state follows at once, late packets change nothing', async () => {
  await watch();
  await until(() => sources[0]);
  peers[0].play();
  await until(() => client.state === 'playing');
  sources[0].say('inactive', {});
  assert.deepEqual([client.state, client.active], ['waiting', false]);
  const before = client.stats.bytes;
  await until(() => client.stats.bytes > before + 2000);
  assert.equal(client.state, 'waiting');
  sources[0].say('active', {});
  assert.equal(client.active, true);
  await until(() => client.state === 'playing');
});

test('a choice: what is told of it and nothing else, the media by its section, then automatic', async () => {
  await watch();
  assert.equal(client.selects, true);
  const all = heard('selection');
  await client.selectLayer({ rid: 'h', spatialLayerId: 0, temporalLayerId: null, maxWidth: undefined, other: 1 });
  assert.deepEqual(server.selections, [{ mediaId: '0', rid: 'h', spatialLayerId: 0 }]);
  assert.equal(sent('POST', '/layer')[0].headers.authorization, 'Bearer secret');
  assert.deepEqual(client.selection, { rid: 'h', spatialLayerId: 0 });
  await client.selectLayer({ maxWidth: 640, maxHeight: 360 });
  assert.deepEqual(server.selections[1], { mediaId: '0', maxWidth: 640, maxHeight: 360 });
  await client.automatic();
  assert.equal(server.selections[2], null);
  assert.equal(client.selection, null);
  assert.deepEqual(all.map(([, { selection }]) => selection), [{ rid: 'h', spatialLayerId: 0 }, { maxWidth: 640, maxHeight: 360 }, null]);
});

test('a choice that is refused changes nothing', async () => {
  await watch();
  await client.selectLayer({ rid: 'h' });
  server.rules = [{ path: '/layer', rule: [422, 'no-such-layer'] }];
  await assert.rejects(client.selectLayer({ rid: 'x' }), { code: 'no-such-layer', status: 422 });
  assert.deepEqual(client.selection, { rid: 'h' });
});

test('where DELETE is unknown, automatic is said by naming nothing', async () => {
  await watch();
  server.rules = [{ path: '/layer', rule: [405, 'method-not-allowed'] }];
  await client.automatic();
  assert.deepEqual(server.selections, [{ mediaId: '0' }]);
});

test('the token stays with the server it was made for', async () => {
  const other = await fakeServer();
  server.links = () => [`<${other.url}/s9/layer>; rel="urn:ietf:params:whep:ext:core:layer"`];
  await watch();
  await client.selectLayer({ rid: 'h' }).catch(() => {});
  other.close();
  assert.equal(other.requests.length, 1);
  assert.equal(other.requests[0].headers.authorization, undefined);
});

/** A second session in the place of the first, which was told a choice. */
async function again(choice) {
  await watch();
  await client.selectLayer(choice);
  server.sessions.clear();
  peers[0].become('failed');
  await until(() => client.state === 'waiting' && sources.length === 2);
}

/** Waits for what was sent before. */
const flush = () => client.session.send('DELETE', `${client.session.url}/layer`);

test('a new session is told the choice of the one before, once that layer is there', async () => {
  await again({ rid: 'h', temporalLayerId: 1 });
  assert.equal(server.selections.length, 1, 'not before there is a layer');
  const at = (rid, temporalLayerId) => ({ rid, temporalLayerId });
  for (const layers of [[], [at('l', 0), at('l', 1)], [at('l', 1), at('h', 0)]]) {
    sources[1].say('layers', { 0: layers });
    await flush();
    assert.deepEqual(server.selections.splice(1), [null], JSON.stringify(layers));
  }
  sources[1].say('layers', { 0: [at('l', 1), at('h', 0), at('h', 1)] });
  sources[1].say('layers', { 0: [at('h', 1)] });
  await flush();
  assert.deepEqual(server.selections.slice(1), [{ mediaId: '0', rid: 'h', temporalLayerId: 1 }, null]);
  assert.deepEqual(client.selection, { rid: 'h', temporalLayerId: 1 });
});

test('a choice of a size is repeated as soon as there is anything to choose from', async () => {
  await again({ maxHeight: 360 });
  sources[1].say('layers', { 0: [{ rid: 'x' }] });
  await until(() => server.selections.length === 2);
  assert.deepEqual(server.selections[1], { mediaId: '0', maxHeight: 360 });
});

test('a choice the new session has not is given up after a while, and said', async (t) => {
  await again({ rid: 'h' });
  const all = heard('selection');
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  server.rules = [{ path: '/layer', rule: [422, 'no-such-layer'] }];
  const told = () => sent('POST', '/layer').length - 1;
  // An empty list says that nobody publishes: there is nothing to wait for yet.
  for (const [layers, ms] of [[[], 60_000], [[{ rid: 'x' }], 9_000], [[], 9_000], [[{ rid: 'x' }], 9_000]]) {
    sources[1].say('layers', { 0: layers });
    const before = client.stats;
    t.mock.timers.tick(ms);
    await until(() => client.stats !== before);
    assert.equal(told(), 0);
  }
  t.mock.timers.tick(2_000);
  await until(() => all.length === 1);
  assert.deepEqual([all[0][1].selection, all[0][1].problem.code, client.selection, told()], [null, 'no-such-layer', null, 1]);
});
