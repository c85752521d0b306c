/**
 * The watch page: a WHEPClient, a video element and what stands over it.
 *
 * Query: `muted=0` (try to start with sound), `stats=1` (statistics and the plot), `controls=0`
 * (picture only, for embedding), `fit=cover`, `delay=200` (jitter buffer in milliseconds).
 * Fragment: `#token=…`. Keys: M, F, P, S, B, Q.
 * @module watch
 */
import { face } from './faces.js';
import { LatencyMeter } from './latency.js';
import { Screen } from './screen.js';
import { $, TokenStore, pageStream, root } from './ui.js';
import { ServerView } from './watchevents.js';
import { showSubscriberStats } from './watchstats.js';
import { WHEPClient } from './whep.js';
import { words } from './words.js';

/** How long controls stay after the last movement, in milliseconds. */
const quietAfter = 2_800;

const stream = pageStream();
const query = new URLSearchParams(location.search);
const token = new TokenStore('play', stream);
const player = $('player');
const bare = query.get('controls') === '0';
const client = new WHEPClient(options());
const screen = new Screen($('video'), $('spare'), changed);
const server = new ServerView(client);

let meter = new LatencyMeter(screen.video);
let played = false;
let quietTimer = 0;

/** What the query asks of the client. */
function options() {
  const delay = Number(query.get('delay'));
  const [page] = performance.getEntriesByType('navigation');
  return {
    ...(delay > 0 ? { jitterBufferTarget: Math.min(delay, 4000) } : {}),
    // Over HTTP/1.1 browsers open six connections to a host and each stream of events keeps
    // one: of many frames in a page the seventh would wait for ever. Of a page from the
    // browser's cache the protocol is not known, but without TLS it is no other.
    events: !(bare && (location.protocol === 'http:' || /^http\/1/.test(page?.nextHopProtocol))),
  };
}

/** Debugging and tests: `window.whippet`. */
globalThis.whippet = {
  client,
  get pc() { return client.pc; },
  get stats() { return client.stats; },
  get state() { return client.state; },
  get problem() { return client.problem; },
  get latency() { return latency(); },
};

/** How old the picture is; of a picture that stands still nobody can tell. */
function latency() {
  return client.state === 'playing' ? meter.value(client.stats, client.pc) : null;
}

function follow(detail) {
  const { state, problem } = detail;
  document.body.dataset.state = state;
  say(detail);
  played ||= state === 'playing';
  player.classList.toggle('playing', state === 'playing');
  player.classList.toggle('stale', played && (state === 'waiting' || state === 'reconnecting'));
  const ask = state === 'failed' && words(problem, 'play', stream).askToken === true;
  $('token-form').hidden = !ask;
  $('retry').hidden = ask || !(state === 'failed' || state === 'stopped');
  $('home').hidden = state !== 'failed';
  if (ask) $('token').focus();
  sound();
  stir();
}

/** Writes what a state says. It is read aloud: what has not changed is left alone. */
function say(detail) {
  const { pill, dot, title, text } = face(detail, { stream, played, active: client.active, paused: server.paused });
  $('pill').firstElementChild.className = `dot ${dot}`;
  $('message').hidden = title === '';
  for (const [id, wording] of [['pill-text', pill], ['message-title', title], ['message-text', text]]) {
    if ($(id).textContent !== wording) $(id).textContent = wording;
  }
}

/** While nothing plays, says what the server told since, and what has become too old. */
function sayWhy() {
  if (client.state === 'waiting') say({ state: 'waiting' });
}

function begin() {
  // What goes wrong arrives as a state; the promise says it a second time.
  client.view(new URL(`whep/${stream}`, root).href, token.value).catch(() => {});
}

/** What is left to do when another element shows the picture. */
function changed(video) {
  meter.stop();
  meter = new LatencyMeter(video);
  sound();
}

function sound() {
  const { video } = screen;
  $('mute').setAttribute('aria-pressed', String(video.muted));
  $('volume').value = String(video.muted ? 0 : video.volume);
  const hasSound = client.stats?.audio !== null && client.state === 'playing';
  $('unmute').hidden = !(video.muted && hasSound && !unmuteSeen);
}
let unmuteSeen = false;

function toggleMute(muted = !screen.video.muted) {
  const { video } = screen;
  unmuteSeen = true;
  video.muted = muted;
  if (!muted && video.volume === 0) video.volume = 1;
  sound();
}

/** Shows the controls, and hides them again while a picture plays. */
function stir() {
  clearTimeout(quietTimer);
  player.classList.remove('quiet');
  quietTimer = setTimeout(() => player.classList.toggle('quiet', client.state === 'playing' && !server.busy && !$('bottom').matches(':hover')), quietAfter);
}

function showStats(visible = $('stats').hidden) {
  $('stats').hidden = !visible;
  $('stats-button').setAttribute('aria-pressed', String(visible));
  if (visible) showSubscriberStats($('stats-list'), client.stats, latency());
}

function toggleFull() {
  if (document.fullscreenElement) document.exitFullscreen();
  else if (player.requestFullscreen) player.requestFullscreen().catch(() => {});
  else screen.video.webkitEnterFullscreen?.(); // iPhone
}

function togglePip() {
  if (document.pictureInPictureElement) document.exitPictureInPicture();
  else screen.video.requestPictureInPicture?.().catch(() => {});
}

client.addEventListener('state', ({ detail }) => follow(detail));
client.addEventListener('stream', (event) => event.waitUntil(screen.show(event.detail).then(sound)));
for (const name of ['active', 'inactive', 'statistics']) client.addEventListener(name, sayWhy);
client.addEventListener('stats', ({ detail }) => {
  const age = latency();
  sayWhy();
  $('latency').hidden = !age;
  if (age) $('latency-ms').textContent = `${Math.max(Math.round(age.ms), 0)} ms`;
  if (!$('stats').hidden) showSubscriberStats($('stats-list'), detail, age);
  sound();
});

const keys = { m: () => toggleMute(), f: toggleFull, p: togglePip, s: () => showStats(), b: () => server.showPlot(), q: () => server.toggleMenu() };
addEventListener('keydown', (event) => {
  stir();
  if (event.ctrlKey || event.metaKey || event.altKey || /^(input|textarea|select)$/i.test(event.target.tagName)) return;
  keys[event.key.toLowerCase()]?.();
});
for (const type of ['pointermove', 'pointerdown', 'focusin']) addEventListener(type, stir);
$('mute').addEventListener('click', () => toggleMute());
$('unmute').addEventListener('click', () => toggleMute(false));
$('volume').addEventListener('input', () => {
  screen.video.volume = Number($('volume').value);
  toggleMute(screen.video.volume === 0);
});
$('stats-button').addEventListener('click', () => showStats());
$('plot-button').addEventListener('click', () => server.showPlot());
addEventListener('resize', () => server.draw());
$('full').addEventListener('click', toggleFull);
$('pip').addEventListener('click', togglePip);
$('retry').addEventListener('click', begin);
$('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  token.value = $('token').value;
  $('token').value = '';
  begin();
});
for (const video of player.querySelectorAll('video')) video.addEventListener('dblclick', toggleFull);
addEventListener('hashchange', () => token.take() && begin());
addEventListener('pageshow', (event) => event.persisted && location.reload());

$('stream-name').textContent = stream;
document.title = `${stream} · Whippet`;
$('pip').hidden = !document.pictureInPictureEnabled;
$('full').hidden = !document.fullscreenEnabled && !screen.video.webkitEnterFullscreen;
screen.video.muted = query.get('muted') !== '0';
player.classList.toggle('cover', query.get('fit') === 'cover');
player.classList.toggle('bare', bare);
showStats(query.get('stats') === '1');
server.showPlot(query.get('stats') === '1');
begin();
