/**
 * The publish page: a source, its settings, and a WHIPClient.
 *
 * Query: `source=camera|screen|test`, `autostart=1`, `size=1280x720`, `fps=30`,
 * `bitrate=2500000` (bits per second), `codec=vp8|vp9|h264|h265|av1`, `simulcast=1`,
 * `audio=0`. Fragment: `#token=…`.
 * @module publish
 */
import { Level } from './level.js';
import { Problem } from './problem.js';
import { showPublisherStats } from './publishstats.js';
import { RemarksWatch, remarksOf, showRemarks } from './remarks.js';
import { Source, available, devices } from './sources.js';
import { $, TokenStore, clock, element, pageStream, root, wireCopying } from './ui.js';
import { WHIPClient, videoCodecs } from './whip.js';
import { words } from './words.js';

const stream = pageStream();
const query = new URLSearchParams(location.search);
const form = $('settings');
const token = new TokenStore('publish', stream);
const remarks = new RemarksWatch(() => remarksOf(client?.session ?? null), (list) => showRemarks($('diagnosis'), $('diagnosis-list'), list));

let client = null;
let source = null;
let level = null;
let liveSince = 0;
let attempt = 0;

/** Debugging and tests: `window.whippet`. */
globalThis.whippet = {
  get client() { return client; },
  get pc() { return client?.pc ?? null; },
  get stats() { return client?.stats ?? null; },
  get state() { return document.body.dataset.state; },
  get problem() { return problem; },
  get source() { return source; },
  start, stop,
};
let problem = null;

const pills = {
  idle: ['Not live', ''], opening: ['Opening', 'busy'], connecting: ['Connecting', 'busy'], live: ['Live', 'live'],
  reconnecting: ['Reconnecting', 'busy'], failed: ['Not live', ''], stopped: ['Not live', ''],
};

function setState(state) {
  document.body.dataset.state = state;
  const [text, dot] = pills[state];
  $('pill-text').textContent = text;
  $('pill').firstElementChild.className = `dot ${dot}`;
  const running = state === 'opening' || state === 'connecting' || state === 'live' || state === 'reconnecting';
  $('start').hidden = running;
  $('stop').hidden = !running;
  $('timer').hidden = !liveSince;
  for (const control of form.querySelectorAll('input:not([readonly]), select')) control.disabled = running;
  document.title = `${state === 'live' ? '● ' : ''}${stream} · Publish · Whippet`;
}

/** What the form says, as options of Source and WHIPClient. */
function settings() {
  const data = Object.fromEntries(new FormData(form));
  const [width, height] = data.size.split('x').map(Number);
  return {
    source: data.source, width, height, fps: Number(data.fps), bitrate: Number(data.bitrate),
    camera: data.camera, microphone: data.microphone, codec: data.codec || undefined,
    audio: $('audio').checked, simulcast: $('simulcast').checked, name: stream,
  };
}

async function start() {
  const wish = settings();
  const mine = await reset();
  setState('opening');
  try {
    const opened = await Source.open(wish);
    if (mine !== attempt) return opened.close();
    source = opened;
    preview(wish);
    client = newClient(wish);
    await client.publish(source.stream, new URL(`whip/${stream}`, root).href, token.value);
  } catch (error) {
    if (mine !== attempt) return;
    await reset();
    complain(Problem.of(error));
    setState('failed');
  }
}

async function stop() {
  await reset();
  setState('stopped');
}

/** Ends what runs; returns the number of the attempt that may come now. */
async function reset() {
  const [oldClient, oldSource, oldLevel] = [client, source, level];
  [client, source, level, liveSince, problem] = [null, null, null, 0, null];
  const mine = ++attempt;
  $('problem').hidden = $('stats').hidden = $('meter').hidden = true;
  $('preview').srcObject = null;
  $('placeholder').hidden = false;
  remarks.stop();
  oldLevel?.stop();
  await oldClient?.stop();
  oldSource?.close();
  return mine;
}

function newClient({ codec, bitrate, fps, simulcast, source: kind }) {
  const made = new WHIPClient({ codec, bitrate, simulcast, maxFramerate: fps, degradationPreference: kind === 'screen' ? 'maintain-resolution' : 'balanced' });
  made.addEventListener('state', ({ detail }) => made === client && follow(detail));
  made.addEventListener('stats', ({ detail }) => {
    if (made !== client) return;
    $('stats').hidden = false;
    showPublisherStats(detail);
  });
  return made;
}

function follow({ state, problem: reason }) {
  if (state === 'failed') return; // start() tells why, unless it happened later
  if (state === 'live') {
    liveSince ||= Date.now();
    $('problem').hidden = true;
    remarks.start();
    $('link-token').hidden = !token.value;
  }
  if (state === 'reconnecting' && reason) complain(reason);
  setState(state);
}

function preview(wish) {
  $('preview').srcObject = source.stream;
  $('placeholder').hidden = true;
  level = Level.of(source.stream, (value) => { $('meter').firstElementChild.style.transform = `scaleY(${value})`; });
  $('meter').hidden = !level;
  for (const track of source.stream.getTracks()) track.addEventListener('ended', () => source?.stream.getTracks().includes(track) && stop());
  if (wish.source === 'camera') listDevices();
}

function complain(reason) {
  problem = reason;
  const { title, text, askToken = false } = words(reason, 'publish', stream);
  $('problem').hidden = false;
  $('problem-title').textContent = title;
  $('problem-text').textContent = text;
  $('token-form').hidden = !askToken;
  if (askToken) $('token').focus();
  $('placeholder-text').textContent = 'Choose a source and press Start.';
}

async function listDevices() {
  const { cameras, microphones } = await devices();
  fill($('camera'), cameras, 'Camera');
  fill($('microphone'), microphones, 'Microphone');
}

function fill(select, found, kind) {
  const chosen = select.value;
  select.replaceChildren(element('option', { value: '' }, `Default ${kind.toLowerCase()}`),
    ...found.map((d, i) => element('option', { value: d.deviceId }, d.label || `${kind} ${i + 1}`)));
  select.value = found.some((d) => d.deviceId === chosen) ? chosen : '';
}

const hints = {
  camera: () => '',
  screen: () => 'The browser asks which screen, window or tab.',
  test: () => 'A moving picture with a clock and a beep each second. Needs no camera.',
};

function sourceChanged() {
  const kind = form.elements.source.value;
  $('devices').hidden = kind !== 'camera';
  $('source-hint').textContent = !available()[kind] && !globalThis.isSecureContext
    ? 'Not on this page: browsers open it only over https, or on the server itself as http://localhost.' : hints[kind]();
}

/** Puts what the query asks for into the form; what it may not have stays as it is. */
function applyQuery() {
  const videoOptions = videoCodecs();
  $('codec').append(...videoOptions.map((name) => element('option', { value: name }, name.toUpperCase().replace(/^H26/, 'H.26'))));
  for (const name of ['size', 'fps', 'codec', 'bitrate']) {
    const value = query.get(name);
    if (!value || !/^[0-9a-z]+$/i.test(value)) continue;
    if (![...$(name).options].some((o) => o.value === value)) $(name).append(element('option', { value }, value));
    $(name).value = value;
  }
  if (!/^\d+x\d+$/.test($('size').value)) $('size').value = '1280x720';
  const wanted = query.get('source');
  if (Object.hasOwn(hints, wanted ?? '')) form.elements.source.value = wanted;
  $('simulcast').checked = query.get('simulcast') === '1';
  $('audio').checked = query.get('audio') !== '0';
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  start();
});
form.elements.source.forEach((radio) => radio.addEventListener('change', sourceChanged));
$('stop').addEventListener('click', stop);
$('token-form').addEventListener('submit', (event) => {
  event.preventDefault();
  token.value = $('token').value;
  $('token').value = '';
  start();
});
addEventListener('hashchange', () => token.take() && $('problem').hidden === false && start());
addEventListener('pageshow', (event) => event.persisted && location.reload());
addEventListener('pointerdown', () => { source?.picture?.resume(); level?.resume(); });
navigator.mediaDevices?.addEventListener?.('devicechange', listDevices);
setInterval(() => { if (liveSince) $('timer').textContent = clock(Date.now() - liveSince); }, 500);

$('stream-name').textContent = stream;
$('link').value = $('link-open').href = new URL(`watch/${stream}`, root).href;
wireCopying();
applyQuery();
sourceChanged();
listDevices();
setState('idle');
if (query.get('autostart') === '1') start();
