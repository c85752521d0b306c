import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problem } from '../static/assets/problem.js';
import { words } from '../static/assets/words.js';

const of = (status, code = `http-${status}`, detail = '') => new Problem(code, detail, { status });

test('every code the modules make has words of its own', () => {
  for (const code of ['network', 'timeout', 'unreachable', 'lost', 'answer', 'media', 'insecure', 'denied', 'cancelled', 'busy', 'no-device', 'unsupported']) {
    const { title, text } = words(new Problem(code, 'Detail.'), 'publish', 'cam');
    assert.notEqual(title, 'That did not work', code);
    assert.ok(text.length > 5, code);
  }
});

test('tokens are asked for where one helps, and only there', () => {
  for (const [status, code, ask] of [[401, 'token-required', true], [401, 'token-invalid', true], [403, 'not-allowed', true], [409, 'stream-busy', false], [503, 'node-full', false]]) {
    assert.equal(words(of(status, code), 'play', 'cam').askToken ?? false, ask, code);
  }
});

test('the server says best what is wrong with an offer; we say best who needs which token', () => {
  assert.equal(words(of(422, 'unsupported-codec', 'the stream is H265'), 'play', 'cam').text, 'The stream is H265.');
  assert.equal(words(of(401, 'token-invalid', 'The token has expired.'), 'play', 'cam').text, 'The token has expired.');
  assert.match(words(of(401, 'token-required', 'Send a header.'), 'publish', 'cam').text, /may publish/);
  assert.match(words(of(403, 'not-allowed', 'No.'), 'play', 'cam').text, /may not play “cam”/);
});

test('a busy name means something else to a publisher than to a player', () => {
  assert.match(words(of(409), 'publish', 'cam').title, /Somebody/);
  assert.match(words(of(409), 'play', 'cam').title, /Nobody/);
});

test('unknown failures still have words', () => {
  assert.match(words(of(500), 'play').title, /server/);
  assert.equal(words(of(418), 'play').title, 'That did not work');
});
