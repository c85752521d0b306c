// The events of one session, with a clock that is turned by hand: outages, ends, silence.
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { EventChannel, readEvent } from '../static/assets/events.js';
import { Problem } from '../static/assets/problem.js';
import { FakeEventSource, sources } from './fake/fake.mjs';

const options = { EventSource: FakeEventSource };
const link = () => ({ url: 'http://node.example/whep/cam/s1/events', params: {} });
const created = async () => new Response('', { headers: { Location: '/e' } });

beforeEach(() => { sources.length = 0; });

/** Lets what is ready run, then turns the clock. */
async function later(t, ms) {
  await new Promise((resolve) => { setImmediate(resolve); });
  t.mock.timers.tick(ms);
  await new Promise((resolve) => { setImmediate(resolve); });
}

test('events are given up where the session is gone or refused; else asked for ever more slowly, for as long as it takes', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  t.mock.method(Math, 'random', () => 1);
  for (const [status, goesOn] of [[404, false], [410, false], [401, false], [403, false], [400, false], [501, false], [503, true], [502, true], [429, true], [0, true]]) {
    let asked = 0;
    const session = {
      link,
      send: async () => {
        asked++;
        throw new Problem('no', '', { status });
      },
    };
    const channel = EventChannel.open(session, () => {}, options);
    for (let s = 0; s < 600; s++) await later(t, 1_000);
    channel.close();
    // Half a second, doubled until it is a quarter of a minute.
    if (goesOn) assert.ok(asked >= 40 && asked <= 46, `${status}: ${asked} in ten minutes`);
    else assert.equal(asked, 1, String(status));
  }
});

test('a session that was closed here is not asked for events again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let asked = 0;
  const session = {
    link,
    send: async () => {
      asked++;
      throw new Problem('stopped', 'The session is over.');
    },
  };
  const channel = EventChannel.open(session, () => {}, options);
  for (let s = 0; s < 60; s++) await later(t, 1_000);
  channel.close();
  assert.equal(asked, 1);
});

test('after a long outage events are heard again', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let down = true;
  const session = {
    link,
    send: async () => {
      if (down) throw new Problem('network', '');
      return created();
    },
  };
  const all = [];
  const channel = EventChannel.open(session, (name) => all.push(name), options);
  for (let s = 0; s < 3_600; s++) await later(t, 1_000);
  down = false;
  for (let s = 0; s < 15; s++) await later(t, 1_000);
  sources[0].say('reconnect', {});
  channel.close();
  assert.ok(all.includes('reconnect'));
});

test('streams of events that end at once are opened ever more slowly, those that last soon', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  t.mock.method(Math, 'random', () => 1);
  for (const [lasts, least, most] of [[0, 40, 46], [30, 18, 20]]) {
    sources.length = 0;
    const session = { link, send: created };
    const channel = EventChannel.open(session, () => {}, options);
    let [seen, age] = [0, 0];
    for (let s = 0; s < 600; s++) {
      await later(t, 1_000);
      age = sources.length > seen ? 0 : age + 1;
      seen = sources.length;
      if (age >= lasts) sources.at(-1)?.lose(true);
    }
    channel.close();
    assert.ok(sources.length >= least && sources.length <= most, `${lasts} s: ${sources.length} in ten minutes`);
  }
});

test('what a new stream of events does not say is no longer so; what it says soon never went away', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const session = { link, send: created };
  const all = [];
  const channel = EventChannel.open(session, (name, text, told) => all.push([name, readEvent(name, text, '0'), told]), options);
  await later(t, 0);
  sources[0].say('active', {});
  sources[0].say('layers', { 0: [{ rid: 'h' }] });
  sources[0].say('diagnosis', [{ code: 'a', text: 'b' }]);
  await later(t, 60_000);
  assert.equal(all.length, 3);
  sources[0].lose(true);
  await later(t, 1_000);
  await later(t, 0);
  assert.equal(sources.length, 2);
  sources[1].say('layers', { 0: [{ rid: 'h' }] });
  all.length = 0;
  await later(t, 2_900);
  assert.deepEqual(all, [], 'it has a moment to say it');
  await later(t, 200);
  assert.deepEqual(all, [['inactive', {}, false], ['diagnosis', [], false]]);
  channel.close();
  await later(t, 60_000);
  assert.equal(all.length, 2);
});
