/**
 * The list page: live streams as cards, asked for again and again.
 * @module list
 */
import { Problem } from './problem.js';
import { showRemarks } from './remarks.js';
import { listStreams } from './streams.js';
import { $, TokenStore, bitrate, duration, element, root, size, streamName, wireCopying } from './ui.js';
import { words } from './words.js';

/** Pause between two questions, in milliseconds. */
const pollInterval = 3_000;

/** Most cards shown; the summary counts all. */
const maxCards = 500;

const token = new TokenStore('list');
const cards = new Map();
let timer = 0;
let asking = null;

/** Debugging and tests: `window.whippet`. */
const handle = { streams: [], problem: null, refresh };
globalThis.whippet = handle;

async function refresh() {
  clearTimeout(timer);
  asking?.abort();
  const mine = (asking = new AbortController());
  try {
    handle.streams = await listStreams(token.value, mine.signal);
    handle.problem = null;
    show(handle.streams);
  } catch (error) {
    if (asking !== mine) return;
    handle.problem = Problem.of(error);
    complain(handle.problem);
  }
  if (asking === mine && !document.hidden) timer = setTimeout(refresh, handle.problem?.retryAfter * 1000 || pollInterval);
}

function show(streams) {
  $('problem').hidden = true;
  $('empty').hidden = streams.length > 0;
  $('streams').hidden = streams.length === 0;
  const watching = streams.reduce((n, s) => n + (s.subscribers ?? 0), 0);
  say(streams.length === 0 ? '' : `${streams.length} live · ${watching} watching`);
  document.title = streams.length > 0 ? `${streams.length} live · Whippet` : 'Live streams · Whippet';
  const shown = streams.slice(0, maxCards);
  const names = new Set(shown.map((s) => s.name));
  for (const [name, card] of cards) {
    if (!names.has(name)) {
      card.item.remove();
      cards.delete(name);
    }
  }
  shown.forEach((stream, i) => {
    if (!cards.has(stream.name)) cards.set(stream.name, newCard(stream.name));
    const { item, update } = cards.get(stream.name);
    update(stream);
    // Moving an element takes its focus away: only if it is out of place.
    if ($('streams').children[i] !== item) $('streams').insertBefore(item, $('streams').children[i] ?? null);
  });
}

function newCard(name) {
  const watching = element('span');
  const facts = element('p', { class: 'facts' });
  const summary = element('summary');
  const list = element('ul');
  const remarks = element('details', { class: 'remarks', hidden: '' }, summary, list);
  const live = element('span', { class: 'pill' }, element('span', { class: 'dot live' }), watching);
  const item = element('li', { 'data-stream': name },
    element('article', { class: 'card', 'data-hue': String(hue(name)) },
      element('div', { class: 'art' }, live, element('div', { class: 'hound', 'aria-hidden': 'true' })),
      element('div', { class: 'text' }, element('h2', {}, element('a', { href: new URL(`watch/${name}`, root).href }, name)), facts, remarks)));
  return {
    item,
    update(stream) {
      watching.textContent = stream.subscribers > 0 ? `Live · ${stream.subscribers} watching` : 'Live';
      const text = stream.diagnosis.length === 1 ? '1 hint for the publisher' : `${stream.diagnosis.length} hints for the publisher`;
      if (summary.textContent !== text) summary.textContent = text;
      showRemarks(remarks, list, stream.diagnosis);
      facts.replaceChildren(...describe(stream).map((text) => element('span', {}, text)));
    },
  };
}

/** What is known of a stream, shortest first line. */
function describe({ video, audio, publishedSince }) {
  const since = Date.parse(publishedSince) || Number(publishedSince) || 0;
  const [known, rate] = [video ? size(video) : '–', video?.bitrate];
  return [
    video ? [video.codec, known !== '–' && known].filter(Boolean).join(' ') : 'sound only',
    rate > 0 ? bitrate(rate) : '',
    audio?.codec ?? '',
    since > 0 ? `for ${duration(Date.now() - since)}` : '',
  ].filter(Boolean);
}

/** A colour of the name's own, the same on every visit. */
function hue(name) {
  let hash = 0x811c9dc5; // FNV-1a
  for (const char of name) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  return (hash >>> 9) & 3;
}

function complain(problem) {
  const { title, text, askToken = false } = words(problem, 'list');
  $('problem').hidden = false;
  $('problem-title').textContent = title;
  $('problem-text').textContent = text;
  $('token-form').hidden = !askToken;
  if (askToken || cards.size === 0) {
    show([]);
    $('problem').hidden = false;
    $('empty').hidden = true;
  }
  say(askToken ? '' : 'Trying again…');
}

/** The summary is read aloud: only when it changes. */
function say(text) {
  if ($('summary').textContent !== text) $('summary').textContent = text;
}

/** Fills the guide with this node's addresses and the name in the field. */
function guide() {
  const typed = $('name').value.trim();
  const name = streamName.test(typed) ? typed : 'studio';
  const whip = new URL(`whip/${name}`, root).href;
  // A token that may not publish would only mislead.
  const bearer = token.actions.includes('publish') ? token.value : 'TOKEN';
  $('obs-token').value = bearer;
  $('obs-server').value = whip;
  $('ffmpeg').textContent = [
    'ffmpeg -re -i video.mp4 \\',
    '  -c:v libx264 -profile:v baseline \\',
    '  -tune zerolatency -g 60 -b:v 2500k \\',
    '  -c:a libopus -ar 48000 -ac 2 \\',
    `  -f whip -authorization ${bearer} \\`,
    `  ${whip}`,
  ].join('\n');
  $('curl').textContent = [
    'curl -i --data-binary @offer.sdp \\',
    "  -H 'Content-Type: application/sdp' \\",
    `  -H 'Authorization: Bearer ${bearer}' \\`,
    `  ${whip}`,
  ].join('\n');
  $('publish-camera').href = new URL(`publish/${name}`, root).href;
  $('publish-test').href = new URL(`publish/${name}?source=test`, root).href;
}

$('open').addEventListener('submit', (event) => {
  event.preventDefault();
  location.assign(new URL(`${event.submitter?.value ?? 'watch'}/${$('name').value.trim()}`, root));
});
$('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  token.value = $('token').value;
  $('token').value = '';
  guide();
  refresh();
});
$('name').addEventListener('input', guide);
document.addEventListener('visibilitychange', () => document.hidden || refresh());
addEventListener('hashchange', () => {
  if (!token.take()) return;
  guide();
  refresh();
});
guide();
wireCopying();
refresh();
