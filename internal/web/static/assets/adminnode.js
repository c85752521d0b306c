/**
 * The operator's page of the node: its load, self-test, revocations, log levels and
 * settings.
 * @module adminnode
 */
import { Poll, api, attempt, confirmed, keepList, mayChange, tiles, write } from './adminpage.js';
import { bytes, place } from './adminwords.js';
import { path } from './api.js';
import { $, duration, element } from './ui.js';

/** Most revocations shown. */
const most = 500;

const levels = ['debug', 'info', 'warn', 'error'];
const [revocations, logs, rows] = [new Map(), new Map(), new Map()];
let settings = [];

async function ask(signal) {
  const [node, revoked, logged, inForce] = await Promise.all([
    api.get('nodes/self', signal), api.list('revocations', most, signal), api.get('log-levels', signal), api.get('settings', signal),
  ]);
  ({ settings } = inForce);
  showNode(node);
  showRevocations(revoked.items);
  keepList($('levels'), logs, Object.entries(logged).sort(), ([name]) => name, newLevel);
  showSettings();
  for (const control of document.querySelectorAll('#test, #revoke button, #revocations button, #levels select')) {
    control.disabled = !mayChange() || control.dataset.busy === 'yes';
  }
}

function showNode({ id, version, uptime, state, candidates, load }) {
  write($('state'), `${state} for ${duration(uptime * 1000)}`);
  $('state').classList.toggle('good', state === 'ready');
  tiles($('facts'), [
    ['Version', version],
    ['Id', id],
    ['Sessions', `${load.sessions}, ${load.unconnected} not connected`],
    ['Processor time', duration(load.cpuTime * 1000)],
    ['Memory', bytes(load.heapBytes)],
    ['Kept packets', bytes(load.historyBytes)],
    ['Goroutines', String(load.goroutines)],
    ['Media arrives at', candidates.map(place).join('\n') || '–', 'wide'],
  ]);
}

function showRevocations(items) {
  $('no-revocations').hidden = items.length > 0;
  keepList($('revocations'), revocations, items, (r) => r.id, newRevocation);
}

function newRevocation(r) {
  const what = [r.tokenId && `token ${r.tokenId}`, r.subject && `subject ${r.subject}`, r.issuer && `of ${r.issuer}`, r.stream && `on ${r.stream}`].filter(Boolean).join(', ');
  const until = element('span', { class: 'muted' });
  const button = element('button', { class: 'button small', type: 'button', 'aria-label': `Take the revocation of ${what} back` }, 'Take back');
  button.addEventListener('click', () => attempt(() => api.delete(path('revocations', r.id)), 'Taken back.').then(() => poll.now()));
  return {
    node: element('li', { 'data-revocation': r.id }, element('span', {}, what), until, button),
    update: ({ until: end }) => write(until, `until ${new Date(end).toLocaleString()}`),
  };
}

function newLevel([name]) {
  const select = element('select', { id: `level-${name}` }, ...levels.map((l) => element('option', { value: l }, l)));
  select.addEventListener('change', () => attempt(() => api.patch('log-levels', { [name]: select.value }), `${name} logs from ${select.value} on.`).then(() => poll.now()));
  return {
    node: element('p', {}, element('label', { for: `level-${name}` }, name), select),
    update([, level]) {
      if (document.activeElement !== select) select.value = level;
    },
  };
}

function showSettings() {
  const shown = settings.filter((s) => s.changed || !$('changed').checked);
  keepList($('settings'), rows, shown, (s) => s.name, ({ name }) => {
    const value = element('td');
    return {
      node: element('tr', {}, element('th', { scope: 'row' }, element('code', {}, name)), value),
      update: (s) => write(value, s.values.join(', ') || 'not set'),
    };
  });
  $('no-settings').hidden = shown.length > 0;
}

async function test() {
  const button = $('test');
  [button.dataset.busy, button.disabled] = ['yes', true];
  write($('test-result'), 'It runs…');
  $('checks').replaceChildren();
  const good = await attempt(async () => {
    const result = await api.post('self-test');
    write($('test-result'), result.good ? 'All is well.' : 'Something is wrong.');
    $('checks').replaceChildren(...result.checks.map((c) => element('li', { class: c.good ? 'good' : 'bad' },
      element('code', {}, c.name), element('span', {}, `${c.good ? 'good' : 'bad'}: ${c.text}`))));
  });
  if (!good) write($('test-result'), '');
  [button.dataset.busy, button.disabled] = ['no', !mayChange()];
}

/** What is filled in of the form. */
function wish() {
  return Object.fromEntries([...new FormData($('revoke'))].map(([k, v]) => [k, v.trim()]).filter(([, v]) => v !== ''));
}

$('revoke').addEventListener('submit', async (event) => {
  event.preventDefault();
  const what = wish();
  if (Object.keys(what).length === 0) return $('token-id').focus();
  const names = { tokenId: 'token', subject: 'subject', stream: 'stream' };
  const text = Object.entries(what).map(([k, v]) => `${names[k]} ${v}`).join(', ');
  const done = await confirmed({
    title: 'Revoke?', button: 'Revoke',
    text: what.stream && !what.tokenId && !what.subject
      ? `Nobody may publish or play “${what.stream}” any more with a token there is now, until this is taken back. Sessions there end.`
      : `Tokens that fit (${text}) are refused from now on, and the sessions they made end.`,
  }, () => api.post('revocations', what));
  if (done) $('revoke').reset();
  poll.now();
});
$('changed').addEventListener('input', showSettings);
$('test').addEventListener('click', test);
const poll = new Poll(ask);
poll.now();
