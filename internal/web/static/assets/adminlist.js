/**
 * The operator's list of streams, with their publishers' health.
 * @module adminlist
 */
import { Poll, api, keepList, tiles, write } from './adminpage.js';
import { bytes, codecAndSize } from './adminwords.js';
import { $, bitrate, duration, element, root } from './ui.js';

/** Most streams shown. */
const most = 500;

const rows = new Map();
let streams = [];
let more = false;
let before = null;

async function ask(signal) {
  const [list, node] = await Promise.all([api.list('streams', most, signal), api.get('nodes/self', signal)]);
  ({ items: streams, more } = list);
  show();
  showLoad(node);
}

function show() {
  const wanted = $('filter').value.trim().toLowerCase();
  const shown = streams.filter((s) => s.name.toLowerCase().includes(wanted) && (!$('ill').checked || s.diagnosis.length > 0));
  keepList($('streams'), rows, shown, (s) => s.name, newRow);
  const live = streams.filter((s) => s.live).length;
  const ill = streams.filter((s) => s.diagnosis.length > 0).length;
  write($('summary'), [`${live} live`, `${streams.length - live} waiting`, `${ill} with findings`, more && `more than ${most} streams: filter by name in the API`].filter(Boolean).join(' · '));
  $('empty').hidden = shown.length > 0;
  write($('empty'), streams.length === 0 ? 'No streams. They appear here by themselves.' : 'No stream fits.');
}

function newRow({ name }) {
  const cells = {
    state: cell('State'), health: cell('Health'), subscribers: cell('Subscribers', 'number'), bitrate: cell('Bitrate', 'number'),
    video: cell('Video'), audio: cell('Sound'),
  };
  const link = element('a', { href: new URL(`streams/${encodeURIComponent(name)}`, root).href }, name);
  const node = element('tr', { 'data-stream': name }, element('th', { scope: 'row' }, link), ...Object.values(cells));
  let told = '';
  return {
    node,
    update(s) {
      write(cells.state, s.live ? `live for ${duration(Date.now() - Date.parse(s.publishedSince))}` : 'waiting');
      cells.state.className = s.live ? 'good' : 'muted';
      const text = s.diagnosis.map((f) => f.code).join(' ');
      if (told !== `${s.live} ${text}`) cells.health.replaceChildren(health(s));
      told = `${s.live} ${text}`;
      write(cells.subscribers, String(s.subscribers));
      write(cells.bitrate, s.live ? bitrate(s.bitrate ?? 0) : '–');
      write(cells.video, codecAndSize(s.encodings));
      write(cells.audio, s.audio?.codec ?? '–');
    },
  };
}

function cell(name, kind = '') {
  return element('td', { 'data-label': name, class: kind });
}

/** The gravest finding, and how many there are. */
function health({ live, diagnosis }) {
  if (diagnosis.length === 0) return element('span', { class: live ? 'mark good' : 'mark' }, live ? 'good' : '–');
  const rest = diagnosis.length - 1;
  return element('span', { class: 'mark bad', title: diagnosis.map((f) => f.text).join('\n') }, diagnosis[0].code + (rest > 0 ? ` and ${rest} more` : ''));
}

/** The node's load, with rates since the last time. */
function showLoad({ load }) {
  const now = { at: performance.now(), load };
  const seconds = before ? (now.at - before.at) / 1000 : 0;
  const rate = (field) => (seconds > 0 ? Math.max(load[field] - before.load[field], 0) / seconds : null);
  const cpu = rate('cpuTime');
  tiles($('load'), [
    ['Publishers', String(load.publishers)],
    ['Subscribers', String(load.subscribers)],
    ['In', seconds > 0 ? bitrate(rate('bytesReceived') * 8) : '–'],
    ['Out', seconds > 0 ? bitrate(rate('bytesSent') * 8) : '–'],
    ['Processor', cpu === null ? '–' : `${cpu.toFixed(2)} of ${load.cpuCount}`],
    ['Memory', bytes(load.heapBytes)],
  ]);
  before = now;
}

for (const id of ['filter', 'ill']) $(id).addEventListener('input', show);
const poll = new Poll(ask);
poll.now();
