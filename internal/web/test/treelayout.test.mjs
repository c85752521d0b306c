import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boxHeight, boxWidth, clusterTrouble, fitted, hopWords, layout, mostDrawn, subscriberWords, treeWords } from '../static/assets/treelayout.js';

const origin = { id: 'o', depth: 0, answered: true, subscribers: 1 };
const under = (parent, id, depth, more = {}) => ({ id, parent, depth, answered: true, subscribers: 2, ...more });

/** No two boxes touch, and all lie inside the drawing. */
function sound({ boxes, width, height }) {
  for (const a of boxes) {
    assert.ok(a.x >= 0 && a.y >= 0 && a.x + boxWidth <= width && a.y + boxHeight <= height, `${a.node.id} lies outside`);
    for (const b of boxes) {
      if (a !== b) assert.ok(Math.abs(a.x - b.x) >= boxWidth || Math.abs(a.y - b.y) >= boxHeight, `${a.node.id} on ${b.node.id}`);
    }
  }
}

test('a parent stands left of its children, and in their middle', () => {
  const drawing = layout([origin, under('o', 'a', 1), under('o', 'b', 1), under('a', 'c', 2), under('a', 'd', 2), under('a', 'e', 2)]);
  sound(drawing);
  const at = Object.fromEntries(drawing.boxes.map((b) => [b.node.id, b]));
  assert.equal(at.a.y, at.d.y);
  assert.equal(at.o.y, (at.a.y + at.b.y) / 2);
  assert.ok(at.o.x < at.a.x && at.a.x === at.b.x && at.a.x < at.c.x);
  assert.deepEqual(drawing.lines.map((l) => l.node.id), ['a', 'b', 'c', 'd', 'e']);
  for (const l of drawing.lines) assert.ok(l.x < at[l.node.id].x && l.x > at[l.node.parent].x + boxWidth, 'a label lies between its boxes');
});

test('one node, none, a node whose parent is missing', () => {
  sound(layout([origin]));
  assert.deepEqual(layout([]).boxes, []);
  assert.ok(layout([]).height > 0);
  const odd = layout([origin, under('gone', 'x', 1)]);
  sound(odd);
  assert.deepEqual([odd.boxes.length, odd.lines.length], [2, 0]);
});

test('a large tree is drawn up to a bound', () => {
  const nodes = [origin, ...Array.from({ length: mostDrawn + 9 }, (_, i) => under('o', `n${i}`, 1))];
  const drawing = layout(nodes);
  sound(drawing);
  assert.deepEqual([drawing.boxes.length, drawing.left], [mostDrawn, 10]);
});

test('in words', () => {
  assert.deepEqual([undefined, 0.123, 2.34, 45.6].map(hopWords), ['–', '0.12 ms', '2.3 ms', '46 ms']);
  assert.deepEqual([undefined, 0, 1, 2].map(subscriberWords), ['does not answer', '0 subscribers', '1 subscriber', '2 subscribers']);
  assert.deepEqual([fitted('short', 5), fitted('longer', 5)], ['short', 'long…']);
  assert.equal(treeWords({ complete: true, nodes: [origin] }), '1 node · 1 subscriber');
  assert.equal(treeWords({ complete: true, nodes: [origin, under('o', 'a', 1), under('a', 'b', 2)] }), '3 nodes · 2 deep · 5 subscribers');
  assert.equal(treeWords({ complete: false, nodes: [origin, under('o', 'a', 1, { answered: false, subscribers: undefined })] }), '2 nodes · 1 deep · 1 subscriber · 1 without an answer');
  assert.equal(treeWords({ complete: false, nodes: [origin] }), '1 node · 1 subscriber · there are more');
});

test('what is wrong with the cluster', () => {
  const title = (cluster) => clusterTrouble({ cluster }).title;
  assert.equal(title(undefined), 'This node is alone');
  assert.equal(title({ directoryAvailable: false, nodes: 3 }), 'The directory is not available');
  assert.equal(title({ directoryAvailable: true, nodes: 1 }), 'No other node');
  assert.equal(title({ directoryAvailable: true, nodes: 2 }), '');
});
