/**
 * The operator's page of one stream.
 * @module adminstream
 */
import { Poll, api, attempt, confirmed, keepList, mayChange, tiles, write } from './adminpage.js';
import { SessionList } from './adminsessions.js';
import { path } from './api.js';
import { StreamLimits } from './streamlimits.js';
import { Trend, trendSample } from './trend.js';
import { TrendView } from './trendview.js';
import { $, amount, bitrate, duration, element, pageStream, size } from './ui.js';

/** Most sessions shown, and how many subscribers are measured in a round. */
const [mostSessions, mostMeasured] = [200, 24];

/** Questions about sessions that are under way at a time. */
const together = 6;

const name = pageStream();
const at = (...rest) => path('streams', name, ...rest);
const sessions = new SessionList($('sessions'), { kick, revoke });
const limits = new StreamLimits($('settings'), $('reset'), at('settings'));
const trend = new Trend();
const view = new TrendView($('trends'));
const [encodings, findings] = [new Map(), new Map()];
let lastPublisher = null;

/** Tests and debugging: `window.whippet`. */
const handle = { trend, stream: null };
globalThis.whippet = handle;

async function ask(signal) {
  await limits.load(signal);
  const stream = await api.get(at(), signal).catch(absent);
  const list = stream ? await api.list(at('sessions'), mostSessions, signal).catch((e) => absent(e) ?? { items: [] }) : { items: [] };
  const statistics = await measure(list.items, signal);
  handle.stream = stream;
  showStream(stream);
  showSessions(list, statistics, stream);
  draw(list.items, statistics);
}

/** What is not there any more is no mistake. */
function absent(error) {
  if (error.status === 404) return null;
  throw error;
}

/** Statistics of the publisher, of sessions that are looked at, and of some subscribers, by id. */
async function measure(items, signal) {
  const wanted = items.filter((s) => s.kind === 'publisher' || sessions.isOpen(s.id));
  const rest = items.filter((s) => !wanted.includes(s)).slice(0, mostMeasured);
  const [queue, all] = [[...wanted, ...rest], new Map()];
  const work = async () => {
    for (let s = queue.shift(); s; s = queue.shift()) {
      const found = await api.get(at('sessions', s.id, 'statistics'), signal).catch(absent);
      if (found) all.set(s.id, found);
    }
  };
  await Promise.all(Array.from({ length: together }, work));
  return all;
}

function showStream(stream) {
  document.title = `${name} · Whippet`;
  write($('state'), !stream ? 'not there: nobody publishes or waits' : stream.live ? `live for ${duration(Date.now() - Date.parse(stream.publishedSince))}` : 'nobody publishes, subscribers wait');
  $('state').classList.toggle('good', Boolean(stream?.live));
  tiles($('facts'), [
    ['Subscribers', String(stream?.subscribers ?? 0)],
    ['From the publisher', stream?.live ? bitrate(stream.bitrate ?? 0) : '–'],
    ['Sound', stream?.audio ? `${stream.audio.codec} ${bitrate(stream.audio.bitrate)}` : '–'],
    ['Encodings', String(stream?.encodings.length ?? 0)],
  ]);
  const ill = stream?.diagnosis ?? [];
  write($('health'), ill.length > 0 ? '' : stream?.live ? 'Good: nothing is wrong with what it sends.' : 'Nobody publishes.');
  keepList($('findings'), findings, ill, (f) => f.code, newFinding);
  const rows = stream?.encodings ?? [];
  keepList($('encodings'), encodings, rows.map((e, i) => ({ ...e, i })), (e) => String(e.i), newEncoding);
  $('encodings-table').hidden = rows.length === 0;
  for (const id of ['keyframe', 'end']) $(id).disabled = !stream || !mayChange() || (id === 'keyframe' && !stream.live);
}

function newFinding({ code }) {
  const text = element('span');
  return { node: element('li', { 'data-code': code }, element('code', {}, code), text), update: (f) => write(text, f.text) };
}

function newEncoding() {
  const names = ['Encoding', 'Codec', 'Size', 'Frame rate', 'Bitrate', 'Keyframe each', 'Keyframe requests', 'Layers'];
  const cells = names.map((label) => element('td', { 'data-label': label, class: /rate|each/.test(label) ? 'number' : '' }));
  return {
    node: element('tr', {}, ...cells),
    update(e) {
      [
        e.rid ?? 'the only one', e.codec, size(e), amount(e.frameRate, 'fps'), e.active ? bitrate(e.bitrate) : 'silent',
        amount(e.keyframeInterval, 's', 1), e.ignoresRequests ? 'ignored' : 'answered', layers(e.layers),
      ].forEach((text, i) => write(cells[i], text));
    },
  };
}

function layers(all) {
  const spatial = new Set(all.map((l) => l.spatial)).size;
  const temporal = new Set(all.map((l) => l.temporal)).size;
  return spatial > 1 || temporal > 1 ? `${spatial} spatial, ${temporal} temporal` : 'one';
}

function showSessions({ items, more }, statistics, stream) {
  sessions.show(items, statistics);
  write($('session-count'), `${items.length}${more ? ` of ${stream.subscribers + 1}` : ''}`);
}

function draw(items, statistics) {
  const publisher = items.find((s) => s.kind === 'publisher');
  const own = publisher ? { id: publisher.id, ...statistics.get(publisher.id) } : null;
  const subscribers = items.filter((s) => s.kind === 'subscriber');
  const measured = subscribers.map((s) => statistics.get(s.id)).filter((s) => s?.subscriber);
  const now = performance.now();
  trend.add(trendSample(now, own, own && lastPublisher?.id === own.id ? lastPublisher : null, measured));
  lastPublisher = own;
  view.draw(trend.samples, now);
  write($('measured'), measured.length < subscribers.length ? `${measured.length} of the subscribers are measured` : '');
}

function kick(session) {
  return confirmed({
    title: `End this ${session.kind}’s session?`,
    text: 'Its client may come back as long as its token allows. To keep it out, revoke the token.',
    button: 'End session',
  }, () => api.delete(at('sessions', session.id))).then((done) => done && poll.now());
}

/** @param {object} what  of a RevocationRequest @param {string} whose  in words */
function revoke(what, whose) {
  return confirmed({ title: `Revoke ${whose}?`, text: 'It is refused from now on, on every stream, and the sessions it made end.', button: 'Revoke' },
    () => api.post('revocations', what)).then((done) => done && poll.now());
}

$('name').textContent = name;
$('keyframe').addEventListener('click', () => attempt(() => api.post(at('keyframe')), 'The publisher is asked.'));
$('end').addEventListener('click', () => confirmed({
  title: `End “${name}”?`,
  text: 'The publisher and all subscribers are sent away. They may come back as long as their tokens allow.',
  button: 'End the stream',
}, () => api.delete(at())).then((done) => done && poll.now()));
addEventListener('resize', () => view.draw(trend.samples, performance.now()));
const poll = new Poll(ask);
poll.now();
