// What a test page does: publish a picture and tones by WHIP, watch by WHEP, and measure. Written
// against the browser's own interfaces alone, as a stranger's player would be: nothing here is
// the product's. Every function takes one object and returns plain values, so that the tests can
// call it from outside; sessions are known by a name the caller gives.

import { CounterReader } from './marks.js';
import { meter } from './meter.js';
import { testPicture } from './picture.js';
import { Stalls } from './stalls.js';
import { Trace } from './trace.js';

const sessions = new Map(); // name → { pc, location, token, times, … }

const gatherTimeout = 2_000; // ms to wait for candidates before the POST

// codecs lists the codecs this browser can send, as "video/VP8".
export function codecs() {
  return [...new Set(RTCRtpSender.getCapabilities('video').codecs.map(c => c.mimeType))];
}

// publish sends the moving test picture with flashes and beeps, or the fake camera.
//   url, token; codec: "VP8"; width, height, fps; noise: 0 to 1, share of the picture that is
//   noise; camera: use the browser's camera; encodings: as for addTransceiver; keepSize: a busy
//   machine makes frames fewer, never smaller
export async function publish({ name, url, token, codec, encodings, camera, keepSize, ...picture }) {
  const source = camera
    ? await navigator.mediaDevices.getUserMedia({ video: picture, audio: true })
    : await testPicture(picture);
  const pc = new RTCPeerConnection();
  const [audio] = source.getAudioTracks();
  const [video] = source.getVideoTracks();
  pc.addTransceiver(audio, { direction: 'sendonly', streams: [source] });
  const sending = pc.addTransceiver(video, { direction: 'sendonly', streams: [source], sendEncodings: encodings });
  prefer(sending, codec);
  if (keepSize) await keepSizeOf(sending.sender);
  const session = await exchange({ name, url, token, pc });
  Object.assign(session, { source, stalls: new Stalls() });
  return summary(session);
}

// watch receives a stream into a video element. It makes one POST and no other request, however
// long the publisher is away.
//   count: read the clip's frame counter out of every frame, see counted
//   tcp: leave only the answer's TCP candidates to the browser
//   trace: note everything that is shown, received and told, see traced
//   descriptor: offer the Dependency Descriptor, which browsers do for sending alone
export async function watch({ name, url, token, count, tcp, trace, descriptor }) {
  const pc = new RTCPeerConnection();
  const notes = trace ? new Trace() : undefined;
  const player = makePlayer(pc, count ? new CounterReader() : undefined, notes);
  for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'recvonly' });
  if (descriptor) pc.getTransceivers().forEach(offerDescriptor);
  const session = await exchange({ name, url, token, pc, edit: tcp ? withoutUDP : undefined });
  Object.assign(session, player, { notes, stalls: notes && new Stalls() });
  notes?.follow(pc);
  await notes?.listen(session.links[serverSentEvents]);
  return summary(session);
}

function offerDescriptor(transceiver) {
  const all = transceiver.getHeaderExtensionsToNegotiate();
  for (const extension of all) {
    if (extension.uri.includes('dependency-descriptor')) extension.direction = 'recvonly';
  }
  transceiver.setHeaderExtensionsToNegotiate(all);
}

// The extensions of WHEP by the relation of their links in the 201.
const serverSentEvents = 'urn:ietf:params:whep:ext:core:server-sent-events';
const layerSelection = 'urn:ietf:params:whep:ext:core:layer';

// select chooses a layer by the layer extension, as it is POSTed; null: back to automatic, by
// DELETE. Returns when the request was sent, and what came back.
export async function select({ name, layer }) {
  const { links, token } = find(name);
  const url = links[layerSelection];
  if (!url) throw new Error(`the 201 had no link with rel="${layerSelection}"`);
  const at = performance.now();
  const response = await fetch(url, layer === null
    ? { method: 'DELETE', headers: headers(token, {}) }
    : { method: 'POST', headers: headers(token, { 'Content-Type': 'application/json' }), body: JSON.stringify(layer) });
  return { at, status: response.status, body: await response.text() };
}

// stalls returns when the page had to wait for the machine, since a moment in milliseconds since
// 1970, where it publishes or traces.
export function stalls({ name, since }) {
  return find(name).stalls.since(since);
}

// traced returns what a session that is traced noted from a moment on.
export function traced({ name, since }) {
  return find(name).notes.since(since);
}

// direct sends the test picture from one peer connection of this page to another, without any
// server. What it measures is the browser's own share, and the meter's.
export async function direct({ name, ...picture }) {
  const source = await testPicture(picture);
  const [sender, receiver] = [new RTCPeerConnection(), new RTCPeerConnection()];
  sender.onicecandidate = ({ candidate }) => candidate && receiver.addIceCandidate(candidate);
  receiver.onicecandidate = ({ candidate }) => candidate && sender.addIceCandidate(candidate);
  const player = makePlayer(receiver);
  source.getTracks().forEach(track => sender.addTrack(track, source));
  await sender.setLocalDescription();
  await receiver.setRemoteDescription(sender.localDescription);
  await receiver.setLocalDescription();
  await sender.setRemoteDescription(receiver.localDescription);
  sessions.set(name, { pc: receiver, sender, source, times: {}, ...player });
}

// makePlayer shows what a peer connection receives in a video element.
function makePlayer(pc, reader, notes) {
  const media = new MediaStream();
  const video = document.createElement('video');
  video.autoplay = video.playsInline = true;
  video.srcObject = media;
  document.body.append(video);
  pc.ontrack = ({ track }) => media.addTrack(track);
  return { media, video, frames: recordFrames(video, reader, notes) };
}

// exchange makes the offer, POSTs it and applies the answer.
async function exchange({ name, url, token, pc, edit = answer => answer }) {
  const times = { start: performance.now() };
  pc.onconnectionstatechange = () => { times[pc.connectionState] ??= performance.now(); };
  await pc.setLocalDescription();
  await gathered(pc);
  times.post = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    headers: headers(token, { 'Content-Type': 'application/sdp' }),
    body: pc.localDescription.sdp,
  });
  const answer = await response.text();
  times.answer = performance.now();
  if (response.status !== 201) throw new Error(`POST ${url}: status ${response.status}: ${answer}`);
  const location = response.headers.get('Location');
  if (!location) throw new Error('the 201 has no Location this page may read');
  await pc.setRemoteDescription({ type: 'answer', sdp: edit(answer) });
  const links = readLinks(response.headers.get('Link') ?? '', url);
  const session = { pc, token, times, answer, links, location: new URL(location, url).href };
  sessions.set(name, session);
  return session;
}

// readLinks returns the targets of a Link header (RFC 8288) by their relation.
function readLinks(text, base) {
  const links = {};
  for (const [, target, rel] of text.matchAll(/<([^>]*)>[^<]*?;\s*rel="?([^";,]+)/g)) {
    links[rel] = new URL(target, base).href;
  }
  return links;
}

function withoutUDP(answer) {
  return answer.replaceAll(/^a=candidate:\S+ \d+ udp .*\r\n/gim, '');
}

function headers(token, more) {
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

function gathered(pc) {
  if (pc.iceGatheringState === 'complete') return undefined;
  return new Promise(resolve => {
    setTimeout(resolve, gatherTimeout);
    pc.addEventListener('icegatheringstatechange', () => pc.iceGatheringState === 'complete' && resolve());
  });
}

// prefer leaves one codec (and its retransmission) in the offer.
function prefer(transceiver, codec) {
  if (!codec) return;
  const wanted = new Set([`video/${codec}`.toLowerCase(), 'video/rtx']);
  const all = RTCRtpSender.getCapabilities('video').codecs;
  const some = all.filter(c => wanted.has(c.mimeType.toLowerCase()));
  if (some.length < 2) throw new Error(`this browser cannot send ${codec}`);
  transceiver.setCodecPreferences(some);
}

async function keepSizeOf(sender) {
  await sender.setParameters({ ...sender.getParameters(), degradationPreference: 'maintain-resolution' });
}

function find(name) {
  const session = sessions.get(name);
  if (!session) throw new Error(`no session ${name}`);
  return session;
}

function summary({ location, times, answer }) {
  return { location, times, answer };
}

// times returns the moments of a session on performance.now()'s clock, in milliseconds: start,
// post, answer, connected, and firstFrame once one was shown. origin is that clock's zero in
// milliseconds since 1970.
export function times({ name }) {
  const { times: moments, frames } = find(name);
  return { ...moments, origin: performance.timeOrigin, now: performance.now(), firstFrame: frames?.first };
}

// stats returns every report of getStats of the given types.
export async function stats({ name, types }) {
  const all = [...(await find(name).pc.getStats()).values()];
  return types ? all.filter(report => types.includes(report.type)) : all;
}

const maxCounted = 20_000; // frames whose counter is remembered

// recordFrames notes when each frame is shown: longest is the longest time between two of them
// since the last call of resetGap. With a reader it notes each frame's counter, too.
function recordFrames(video, reader, notes) {
  const record = { count: 0, first: undefined, last: undefined, longest: 0, counted: [] };
  const onFrame = (now, metadata) => {
    const { expectedDisplayTime } = metadata;
    notes?.onFrame(metadata);
    record.first ??= now;
    if (record.last !== undefined) record.longest = Math.max(record.longest, now - record.last);
    record.last = now;
    record.count++;
    if (reader && record.counted.length < maxCounted) {
      record.counted.push([reader.read(video), performance.timeOrigin + (expectedDisplayTime ?? now)]);
    }
    video.requestVideoFrameCallback(onFrame);
  };
  video.requestVideoFrameCallback(onFrame);
  return record;
}

export function frames({ name }) {
  const { count, first, last, longest } = find(name).frames;
  const now = performance.now();
  return { count, first, last, longest: Math.max(longest, now - (last ?? now)), now };
}

export function resetGap({ name }) {
  find(name).frames.longest = 0;
}

// counted returns for each frame shown so far the clip's counter in it, null where none could be
// read, and when it was shown in milliseconds since 1970.
export function counted({ name }) {
  return find(name).frames.counted;
}

const grid = { width: 32, height: 18 }; // cells the picture is looked at in

// picture returns the size of the picture shown now and the brightness, 0 to 255, of its cells.
export function picture({ name }) {
  const { video } = find(name);
  const canvas = new OffscreenCanvas(grid.width, grid.height);
  const draw = canvas.getContext('2d', { willReadFrequently: true });
  draw.drawImage(video, 0, 0, grid.width, grid.height);
  const { data } = draw.getImageData(0, 0, grid.width, grid.height);
  const cells = [];
  for (let i = 0; i < data.length; i += 4) {
    cells.push(Math.round(0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2]));
  }
  return { width: video.videoWidth, height: video.videoHeight, cells };
}

// synchrony watches flashes and hears beeps for some milliseconds and returns for each beep how
// much later, in milliseconds, its flash was seen (negative: seen before it was heard), with the
// loudest sample heard.
export async function synchrony({ name, ms }) {
  const { video, media } = find(name);
  return meter({ video, media, ms });
}

// synchronies is synchrony of two sessions at the same time.
export async function synchronies({ name, other, ms }) {
  return Promise.all([synchrony({ name, ms }), synchrony({ name: other, ms })]);
}

// playoutOffset returns how far, in milliseconds, the picture being shown is ahead of the sound
// being played, on the publisher's clock as the sender reports gave it.
export async function playoutOffset({ name }) {
  const inbound = await stats({ name, types: ['inbound-rtp'] });
  const at = kind => inbound.find(report => report.kind === kind)?.estimatedPlayoutTimestamp;
  const [audio, video] = [at('audio'), at('video')];
  return audio && video ? video - audio : null;
}

// stop ends a session: the peer connection is closed and the session deleted.
export async function stop({ name, silent }) {
  const { pc, sender, location, token, source, video, notes, stalls: noted } = find(name);
  sessions.delete(name);
  pc.close();
  notes?.stop();
  noted?.stop();
  sender?.close();
  video?.remove();
  source?.getTracks().forEach(track => track.stop());
  if (silent || !location) return 0;
  const response = await fetch(location, { method: 'DELETE', headers: headers(token, {}) });
  return response.status;
}
