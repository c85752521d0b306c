// What the watch page says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { face } from '../static/assets/faces.js';
import { Problem } from '../static/assets/problem.js';

const known = { stream: 'cam', played: false, active: null, paused: false };
const said = (detail, more = {}) => face(detail, { ...known, ...more });

test('why nothing plays yet: held back, late, away, or never there', () => {
  const waiting = { state: 'waiting' };
  assert.equal(said(waiting).title, 'Waiting for the publisher');
  assert.equal(said(waiting, { active: true }).title, 'Just a moment');
  assert.equal(said(waiting, { active: true, paused: true }).title, 'The network is too slow for the picture');
  assert.equal(said(waiting, { played: true, active: false }).title, 'The publisher is away');
});

test('a picture has no message, each other state has one', () => {
  assert.deepEqual(said({ state: 'playing' }), { pill: 'Live', dot: 'live', title: '', text: '' });
  const problem = new Problem('http-503', '', { status: 503 });
  for (const state of ['idle', 'connecting', 'waiting', 'reconnecting', 'failed', 'stopped']) assert.notEqual(said({ state, problem }).title, '', state);
});

test('when the next try is', () => {
  const problem = new Problem('network', 'No.');
  assert.match(said({ state: 'reconnecting', problem, retryIn: 7_600 }).text, / Next try in 8 s\.$/);
  assert.equal(said({ state: 'reconnecting', problem: null, retryIn: null }).text, 'The network was lost for a moment.');
});
