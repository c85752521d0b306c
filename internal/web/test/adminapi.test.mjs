import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { Api, path } from '../static/assets/api.js';

let server, base, requests, answer;

before(async () => {
  server = createServer(async (req, res) => {
    let body = '';
    for await (const part of req) body += part;
    requests.push({ method: req.method, url: req.url, headers: req.headers, body });
    answer(req, res);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  base = new URL(`http://127.0.0.1:${server.address().port}/prefix/`);
});
after(() => server.close());
beforeEach(() => { requests = []; });

const json = (value, status = 200, headers = {}) => (_, res) => res.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(value));

test('requests carry the token of now, below the prefix of the page', async () => {
  let token = '';
  const api = new Api(base, () => token);
  answer = json({ a: 1 }, 200, { ETag: '"7"' });
  assert.deepEqual(await api.getTagged(path('streams', 'a b/c')), { body: { a: 1 }, tag: '"7"' });
  token = 'x.y.z';
  await api.get('nodes/self');
  assert.deepEqual(requests.map(({ method, url, headers }) => [method, url, headers.authorization]), [
    ['GET', '/prefix/api/v1/streams/a%20b%2Fc', undefined], ['GET', '/prefix/api/v1/nodes/self', 'Bearer x.y.z'],
  ]);
});

test('changes are JSON and name what they change', async () => {
  const api = new Api(base, () => '');
  answer = json({}, 200);
  await api.patch('streams/a/settings', { maxSubscribers: 3 }, '"1"');
  await api.post('self-test');
  assert.deepEqual([requests[0].method, requests[0].headers['if-match'], requests[0].headers['content-type'], requests[0].body],
    ['PATCH', '"1"', 'application/json', '{"maxSubscribers":3}']);
  assert.deepEqual([requests[1].method, requests[1].headers['content-type'], requests[1].body], ['POST', undefined, '']);
  answer = (_, res) => res.writeHead(204).end();
  assert.equal(await api.delete('revocations/r'), null);
});

test('lists are read page after page, up to what is wanted', async () => {
  const api = new Api(base, () => '');
  answer = (req, res) => {
    const query = new URL(req.url, base).searchParams;
    const from = Number(query.get('after') ?? 0);
    const items = Array.from({ length: Math.min(Number(query.get('limit')), 3, 7 - from) }, (_, i) => ({ n: from + i }));
    json({ items, next: from + items.length < 7 ? String(from + items.length) : undefined })(req, res);
  };
  assert.deepEqual(await api.list('streams', 100), { items: [0, 1, 2, 3, 4, 5, 6].map((n) => ({ n })), more: false });
  const some = await api.list('streams?kind=x', 5);
  assert.deepEqual([some.items.length, some.more, requests.at(-1).url], [5, true, '/prefix/api/v1/streams?kind=x&limit=2&after=3']);
  answer = json({ items: [], next: 'again' });
  assert.deepEqual(await api.list('streams', 5), { items: [], more: false }); // and ends
});

test('what goes wrong is a problem', async () => {
  const api = new Api(base, () => '');
  const fails = (wanted) => assert.rejects(api.list('streams', 1), (e) => {
    assert.deepEqual({ name: e.name, code: e.code, status: e.status, retryAfter: e.retryAfter }, { name: 'Problem', retryAfter: null, ...wanted });
    return true;
  });
  answer = (_, res) => res.writeHead(429, { 'Content-Type': 'application/problem+json', 'Retry-After': '3' }).end('{"type":"urn:whippet:problem:too-many"}');
  await fails({ code: 'too-many', status: 429, retryAfter: 3 });
  answer = (_, res) => res.writeHead(200).end('<html>');
  await fails({ code: 'answer', status: 0 });
  answer = json({ streams: [] });
  await fails({ code: 'answer', status: 0 });
  answer = (_, res) => res.destroy();
  await fails({ code: 'network', status: 0 });
});

test('an abandoned question is no problem', async () => {
  const api = new Api(base, () => '');
  const abort = new AbortController();
  answer = () => abort.abort();
  await assert.rejects(api.get('streams', abort.signal), { name: 'AbortError' });
});
