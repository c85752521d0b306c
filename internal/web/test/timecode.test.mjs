import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columns, decode, encode, read, rows } from '../static/assets/timecode.js';

const moments = [0, 1, 1234567890123, 1795171242123, 2 ** 32 - 1, 2 ** 32, 7 * 2 ** 32 + 5];

/** The band as an image, each block w × h pixels, levels as a codec leaves them. */
function paint(blocks, w, h, { black = 16, white = 235, noise = 0, blur = 0 } = {}) {
  const [width, height] = [columns * w, rows * h];
  let level = (x, y) => (blocks[Math.floor(y / h) * columns + Math.floor(x / w)] ? white : black);
  if (blur) {
    const sharp = level;
    level = (x, y) => {
      let [sum, n] = [0, 0];
      for (let d = -blur; d <= blur; d++) if (x + d >= 0 && x + d < width) [sum, n] = [sum + sharp(x + d, y), n + 1];
      return sum / n;
    };
  }
  const data = new Uint8ClampedArray(width * height * 4);
  let seed = 4711;
  for (let i = 0; i < width * height; i++) {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    data.fill(level(i % width, Math.floor(i / width)) + ((seed / 2 ** 31) * 2 - 1) * noise, i * 4, i * 4 + 3);
  }
  return { data, width, height };
}

test('every moment comes back, to the millisecond', () => {
  for (const ms of moments) assert.equal(decode(encode(ms), ms), ms);
});

test('the moment nearest to the clock is taken, also over the wrap', () => {
  const ms = 417 * 2 ** 32 - 10;
  for (const off of [-86_400_000, -20, 0, 20, 3_600_000]) assert.equal(decode(encode(ms), ms + off), ms, `clock off by ${off}`);
  assert.equal(decode(encode(ms), ms + 0.5), ms);
});

test('neighbouring moments differ in one block of time', () => {
  const time = (ms) => [...encode(ms)].filter((_, i) => i % columns >= 2).slice(0, 32);
  for (let ms = 5000; ms < 5100; ms++) {
    const [a, b] = [time(ms), time(ms + 1)];
    assert.equal(a.filter((bit, i) => bit !== b[i]).length, 1);
  }
});

test('any single damaged block is noticed', () => {
  const ms = 1795171242123;
  for (let i = 0; i < rows * columns; i++) {
    const blocks = encode(ms);
    blocks[i] ^= 1;
    assert.equal(decode(blocks, ms), null, `block ${i}`);
  }
  assert.equal(decode(encode(ms).slice(1), ms), null);
});

test('the picture is read at 720p, 360p and 180p, blurred and noisy', () => {
  for (const ms of moments) {
    assert.equal(read(paint(encode(ms), 58, 30), ms), ms);
    assert.equal(read(paint(encode(ms), 29, 15, { noise: 40, blur: 4 }), ms), ms);
    assert.equal(read(paint(encode(ms), 14, 7, { black: 30, white: 200, noise: 30, blur: 2 }), ms), ms);
    assert.equal(read(paint(encode(ms), 7, 3, { blur: 1 }), ms), ms);
  }
});

test('what is not a time code is not read', () => {
  const nothing = new Uint8Array(rows * columns);
  assert.equal(read(paint(nothing, 14, 7)), null);
  assert.equal(read(paint(nothing.map((_, i) => i % 2), 14, 7, { noise: 20 })), null);
  assert.equal(read(paint(encode(1795171242123), 14, 7, { black: 100, white: 130 })), null, 'too little contrast');
  assert.equal(read(paint(encode(1795171242123), 29, 15, { noise: 20, blur: 40 })), null, 'smeared');
});
