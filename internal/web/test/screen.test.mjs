import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Screen } from '../static/assets/screen.js';
import { until } from './fake/fake.mjs';

/** A video element without video. */
class FakeVideo {
  #classes;
  srcObject = null;
  readyState = 0;
  paused = true;
  muted = false;
  volume = 1;
  attributes = {};
  plays = 0;
  refuse = false;
  constructor(...classes) {
    this.#classes = new Set(classes);
    this.classList = {
      add: (name) => this.#classes.add(name),
      remove: (name) => this.#classes.delete(name),
      replace: (a, b) => this.#classes.delete(a) && this.#classes.add(b),
    };
  }
  get classes() { return [...this.#classes].join(' '); }
  setAttribute(name, value) { this.attributes[name] = value; }
  removeAttribute(name) { delete this.attributes[name]; }
  requestVideoFrameCallback(seen) { this.seen = seen; }
  async play() {
    this.plays++;
    if (this.refuse && !this.muted) throw Object.assign(new Error('no'), { name: 'NotAllowedError' });
    this.paused = false;
  }
  frame() {
    this.readyState = 2;
    this.seen?.();
  }
}

/** Lets everything run that is ready. */
const settle = () => new Promise((resolve) => { setImmediate(resolve); });

function pair() {
  const [front, spare] = [new FakeVideo('front'), new FakeVideo()];
  const changes = [];
  return { front, spare, changes, screen: new Screen(front, spare, (video) => changes.push(video)) };
}

test('the first stream is shown where there is nothing yet', async () => {
  const { front, spare, screen } = pair();
  await screen.show('a');
  assert.deepEqual([screen.video, front.srcObject, spare.srcObject], [front, 'a', null]);
});

test('the next stream takes over with its first frame, and with sound and volume', async () => {
  const { front, spare, screen, changes } = pair();
  front.volume = 0.4;
  await screen.show('a');
  front.frame();
  const shown = screen.show('b');
  await settle();
  assert.deepEqual([screen.video, front.srcObject, spare.srcObject, spare.muted, spare.classes, changes.length], [front, 'a', 'b', true, 'next', 0]);
  spare.frame();
  await shown;
  assert.deepEqual([screen.video, front.srcObject, spare.srcObject], [spare, null, 'b']);
  assert.deepEqual([spare.muted, spare.volume, front.muted, spare.classes, front.classes], [false, 0.4, true, 'front', '']);
  assert.equal(front.attributes['aria-hidden'], 'true');
  assert.equal(spare.attributes['aria-hidden'], undefined);
  assert.equal(changes.at(-1), spare);
  // And back again.
  const back = screen.show('c');
  await until(() => front.srcObject === 'c');
  front.frame();
  await back;
  assert.deepEqual([screen.video, front.srcObject, spare.srcObject], [front, 'c', null]);
});

test('what was silent stays silent', async () => {
  const { front, spare, screen } = pair();
  front.muted = true;
  await screen.show('a');
  front.frame();
  const shown = screen.show('b');
  spare.frame();
  await shown;
  assert.deepEqual([screen.video, spare.muted], [spare, true]);
});

test('a stream that was overtaken by another is never shown', async () => {
  const { front, spare, screen } = pair();
  await screen.show('a');
  front.frame();
  const first = screen.show('b');
  await until(() => spare.seen);
  const seen = spare.seen;
  const second = screen.show('c');
  seen();
  await first;
  assert.deepEqual([screen.video, front.srcObject, spare.srcObject], [front, 'a', 'c']);
  spare.frame();
  await second;
  assert.deepEqual([screen.video, spare.srcObject], [spare, 'c']);
});

test('a browser that plays sound only after a click goes on without', async () => {
  const { front, screen } = pair();
  front.refuse = true;
  await screen.show('a');
  assert.deepEqual([front.muted, front.paused, front.plays], [true, false, 2]);
});

test('a picture in a window of its own is not exchanged for another element', async (t) => {
  const { front, spare, screen } = pair();
  await screen.show('a');
  front.frame();
  globalThis.document = { pictureInPictureElement: front };
  t.after(() => { delete globalThis.document; });
  await screen.show('b');
  assert.deepEqual([screen.video, front.srcObject, spare.srcObject], [front, 'b', null]);
});
