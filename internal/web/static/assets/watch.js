/**
 * The watch page: a WHEPClient, a video element and what stands over it.
 *
 * Query: `muted=0` (try to start with sound), `stats=1` (statistics and the plot), `controls=0`
 * (picture only, for embedding), `fit=cover`, `delay=200` (jitter buffer in milliseconds).
 * Fragment: `#token=…`. Keys: M, F, P, S, B, Q.
 * @module watch
 */
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
const delay = Number(query.get('delay'));
const client = new WHEPClient(delay > 0 ? { jitterBufferTarget: Math.min(delay, 4000) } : {});
const screen = new Screen($('video'), $('spare'), changed);
const server = new ServerView(client);

let meter = new LatencyMeter(screen.video);
let played = false;
let quietTimer = 0;

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

/** What each state says: pill, its dot, title and text of the message (none: no message). */
const faces = {
  idle: ['Connecting', 'busy', 'Connecting…', ''],
  connecting: ['Connecting', 'busy', 'Connecting…', ''],
  playing: ['Live', 'live'],
  stopped: ['Ended', '', 'You stopped watching', ''],
};

function face({ state, problem, retryIn }) {
  if (state === 'waiting') {
    // The server knows whether there is a publisher; what is missing then is only late.
    if (server.paused) return ['Paused', 'busy', 'The network is too slow for the picture', 'It comes back by itself when there is room for it.'];
    if (client.active) return ['Starting', 'busy', 'Just a moment', 'The picture is on its way.'];
    return played
      ? ['Paused', 'busy', 'The publisher is away', 'The picture comes back by itself when they do.']
      : ['Waiting', 'busy', 'Waiting for the publisher', `Nobody is live on “${stream}” yet. The picture comes by itself.`];
  }
  if (state === 'reconnecting') {
    const said = problem && problem.code !== 'lost' ? words(problem, 'play', stream) : null;
    const soon = retryIn > 1500 ? ` Next try in ${Math.round(retryIn / 1000)} s.` : '';
    return ['Reconnecting', 'busy', said ? said.title : 'Reconnecting…', `${said ? said.text : 'The network was lost for a moment.'}${soon}`];
  }
  if (state === 'failed') {
    const said = words(problem, 'play', stream);
    return ['Stopped', '', said.title, said.text];
  }
  return faces[state];
}

function follow(detail) {
  const { state, problem } = detail;
  const [pill, dot, title, text] = face(detail);
  document.body.dataset.state = state;
  played ||= state === 'playing';
  player.classList.toggle('playing', state === 'playing');
  player.classList.toggle('stale', played && (state === 'waiting' || state === 'reconnecting'));
  $('pill-text').textContent = pill;
  $('pill').firstElementChild.className = `dot ${dot}`;
  $('message').hidden = title === undefined;
  [$('message-title').textContent, $('message-text').textContent] = [title ?? '', text ?? ''];
  const ask = state === 'failed' && words(problem, 'play', stream).askToken === true;
  $('token-form').hidden = !ask;
  $('retry').hidden = ask || !(state === 'failed' || state === 'stopped');
  $('home').hidden = state !== 'failed';
  if (ask) $('token').focus();
  sound();
  stir();
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
for (const name of ['active', 'inactive']) client.addEventListener(name, () => client.state === 'waiting' && follow({ state: 'waiting' }));
client.addEventListener('stats', ({ detail }) => {
  const age = latency();
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
player.classList.toggle('bare', query.get('controls') === '0');
showStats(query.get('stats') === '1');
server.showPlot(query.get('stats') === '1');
begin();
