import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RemarksWatch, remarksOf } from '../static/assets/remarks.js';
import { WHIPClient } from '../static/assets/whip.js';
import { FakePeer, FakeStream, fakeServer } from './fake/fake.mjs';

/** Lets what is ready run, then turns the clock. */
async function later(t, ms) {
  await new Promise((resolve) => { setImmediate(resolve); });
  t.mock.timers.tick(ms);
  await new Promise((resolve) => { setImmediate(resolve); });
}

function watch(t, ...answers) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const seen = { asked: 0, shown: [] };
  const ask = async () => {
    const answer = answers[Math.min(seen.asked++, answers.length - 1)];
    if (answer instanceof Error) throw answer;
    return answer;
  };
  seen.watch = new RemarksWatch(ask, (list) => seen.shown.push(list.map(({ code }) => code)));
  return seen;
}

const cam = (...codes) => codes.map((code) => ({ code, text: code }));

test('remarks again and again, until stop', async (t) => {
  const seen = watch(t, cam('a'), cam('a', 'b'), cam());
  seen.watch.start();
  seen.watch.start();
  for (let i = 0; i < 2; i++) await later(t, 5_000);
  await later(t, 0);
  assert.deepEqual(seen.shown, [['a'], ['a', 'b'], []]);
  seen.watch.stop();
  for (let i = 0; i < 5; i++) await later(t, 5_000);
  assert.equal(seen.asked, 3);
});

test('a token that is refused is not asked with again, a lost network is', async (t) => {
  for (const [status, asked] of [[401, 1], [403, 1], [0, 4], [503, 4]]) {
    const seen = watch(t, Object.assign(new Error('no'), { status }));
    seen.watch.start();
    for (let i = 0; i < 3; i++) await later(t, 5_000);
    seen.watch.stop();
    assert.equal(seen.asked, asked, String(status));
    t.mock.timers.reset();
  }
});

test('what comes after stop is not shown', async (t) => {
  const seen = watch(t, cam('a'));
  seen.watch.start();
  seen.watch.stop();
  await later(t, 10_000);
  assert.deepEqual(seen.shown, [[]]);
  assert.equal(seen.asked, 1);
});

test('remarks are read at the session, with the token that publishes', async () => {
  const server = await fakeServer();
  server.answers['GET diagnosis'] = (res) => res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify([...cam('b-frames'), null]));
  const client = new WHIPClient({ RTCPeerConnection: FakePeer, MediaStream: FakeStream });
  await client.publish(new FakeStream([{ kind: 'video' }]), server.url, 'secret');
  assert.deepEqual(await remarksOf(client.session), cam('b-frames'));
  const asked = server.requests.find(({ method }) => method === 'GET');
  assert.deepEqual([asked.url, asked.headers.authorization], ['/whip/cam/s1/diagnosis', 'Bearer secret']);
  await client.stop();
  await assert.rejects(remarksOf(client.session), { code: 'lost' });
  server.close();
});
