/**
 * getStats() made small: one flat sample a second, the same in every browser.
 * Units: bitrates in bits per second, times in milliseconds, loss from 0 to 1;
 * null where the browser does not say.
 * @module stats
 */

/** Seconds from the epoch of NTP (1900) to that of JavaScript (1970). */
const ntpEpoch = 2_208_988_800;

/**
 * @typedef {object} Encoding  one encoding a publisher sends
 * @property {string} rid        '' without simulcast
 * @property {number} index      among the encodings of the track, as it was offered
 * @property {?string} codec     'H264', 'VP8', …
 * @property {?number} width     pixels
 * @property {?number} height
 * @property {number} fps
 * @property {number} bitrate
 * @property {number} bytes      since the session began
 * @property {number} frames     encoded since the session began
 * @property {number} keyframes
 * @property {number} requests   keyframe requests (PLI and FIR) received
 * @property {number} nacks      received
 * @property {?number} loss      as the server reports it
 * @property {?number} rtt       to the server
 * @property {string} limitation 'none', 'cpu', 'bandwidth' or 'other'
 * @property {?string} encoder   implementation
 * @property {boolean} active
 */

/**
 * @param {RTCStatsReport} report
 * @param {?object} previous  the sample before, for rates
 * @returns {{at: number, bitrate: number, rtt: ?number, loss: ?number, available: ?number,
 *   path: ?string, audio: ?object, video: Encoding[]}}  video is sorted largest first
 */
export function publisherStats(report, previous) {
  const all = [...report.values()];
  const out = all.filter((s) => s.type === 'outbound-rtp');
  const at = out[0]?.timestamp ?? Date.now();
  const rate = rates(at, previous?.at);
  const video = out.filter((s) => s.kind === 'video').map((s) => {
    const rid = s.rid ?? '';
    const before = previous?.video.find((v) => v.rid === rid);
    return { ...sent(report, s, before, rate), rid, ...encoded(s, before, rate) };
  });
  const voice = out.find((s) => s.kind === 'audio');
  const audio = voice ? sent(report, voice, previous?.audio, rate) : null;
  const streams = audio ? [...video, audio] : video;
  const path = selectedPath(report, all);
  return {
    at,
    bitrate: sum(streams, 'bitrate'),
    rtt: path.rtt ?? highest(streams, 'rtt'),
    loss: highest(streams, 'loss'),
    available: path.available,
    path: path.name,
    audio,
    video: video.sort((a, b) => heightOf(b) - heightOf(a) || b.index - a.index),
  };
}

/** For sorting: an encoding that has sent nothing yet is one the network has no room for. */
function heightOf(encoding) {
  return encoding.height ?? Number.MAX_SAFE_INTEGER;
}

function sent(report, s, before, rate) {
  const remote = report.get(s.remoteId);
  return {
    codec: codecName(report, s),
    bytes: s.bytesSent ?? 0,
    bitrate: rate(s.bytesSent ?? 0, before?.bytes) * 8,
    nacks: s.nackCount ?? 0,
    loss: remote?.fractionLost ?? null,
    rtt: toMs(remote?.roundTripTime),
  };
}

function encoded(s, before, rate) {
  return {
    index: s.encodingIndex ?? 0,
    width: s.frameWidth ?? null,
    height: s.frameHeight ?? null,
    fps: s.framesPerSecond ?? rate(s.framesEncoded ?? 0, before?.frames),
    frames: s.framesEncoded ?? 0,
    keyframes: s.keyFramesEncoded ?? 0,
    requests: (s.pliCount ?? 0) + (s.firCount ?? 0),
    limitation: s.qualityLimitationReason ?? 'none',
    encoder: s.encoderImplementation ?? null,
    active: s.active ?? true,
  };
}

/**
 * @param {RTCStatsReport} report
 * @param {?object} previous  the sample before, for rates
 * @returns {{at: number, bytes: number, bitrate: number, rtt: ?number, loss: ?number,
 *   path: ?string, audio: ?object, video: ?object, avOffset: ?number, playoutDelay: ?number}}
 *   avOffset: how far the picture is ahead of the sound; playoutDelay: how old what is
 *   shown is, right only if both clocks agree. loss is that of the last interval.
 */
export function subscriberStats(report, previous) {
  const all = [...report.values()];
  const inbound = all.filter((s) => s.type === 'inbound-rtp');
  const at = inbound[0]?.timestamp ?? Date.now();
  const rate = rates(at, previous?.at);
  const of = (kind) => inbound.filter((s) => s.kind === kind && s.bytesReceived > 0).at(-1);
  const [seen, heard] = [of('video'), of('audio')];
  const video = seen ? { ...received(report, seen, previous?.video, rate), ...decoded(seen, previous?.video, rate) } : null;
  const audio = heard ? { ...received(report, heard, previous?.audio, rate), ...listened(heard) } : null;
  const streams = [video, audio].filter(Boolean);
  const path = selectedPath(report, all);
  const played = video?.playedAt ?? audio?.playedAt ?? null;
  return {
    at,
    bytes: sum(streams, 'bytes'),
    bitrate: sum(streams, 'bitrate'),
    rtt: path.rtt,
    loss: highest(streams, 'loss'),
    path: path.name,
    audio,
    video,
    avOffset: video?.playedAt && audio?.playedAt ? video.playedAt - audio.playedAt : null,
    playoutDelay: played === null ? null : at - played,
  };
}

function received(report, s, before, rate) {
  const [packets, lost] = [s.packetsReceived ?? 0, s.packetsLost ?? 0];
  const gone = Math.max(lost - (before?.lost ?? 0), 0);
  const came = Math.max(packets - (before?.packets ?? 0), 0);
  return {
    ssrc: s.ssrc ?? null,
    codec: codecName(report, s),
    bytes: s.bytesReceived ?? 0,
    bitrate: rate(s.bytesReceived ?? 0, before?.bytes) * 8,
    packets,
    lost,
    loss: before && gone + came > 0 ? gone / (gone + came) : before?.loss ?? 0,
    jitter: toMs(s.jitter),
    buffered: s.jitterBufferDelay ?? 0,
    emitted: s.jitterBufferEmittedCount ?? 0,
    jitterBuffer: mean(s.jitterBufferDelay, s.jitterBufferEmittedCount, before?.buffered, before?.emitted) ?? before?.jitterBuffer ?? null,
    playedAt: playedAt(s),
    nacks: s.nackCount ?? 0,
  };
}

function decoded(s, before, rate) {
  return {
    width: s.frameWidth ?? null,
    height: s.frameHeight ?? null,
    fps: s.framesPerSecond ?? rate(s.framesDecoded ?? 0, before?.frames),
    frames: s.framesDecoded ?? 0,
    dropped: s.framesDropped ?? 0,
    keyframes: s.keyFramesDecoded ?? 0,
    freezes: s.freezeCount ?? 0,
    frozen: (s.totalFreezesDuration ?? 0) * 1000,
    requests: (s.pliCount ?? 0) + (s.firCount ?? 0),
    decoder: s.decoderImplementation ?? null,
  };
}

function listened(s) {
  return { samples: s.totalSamplesReceived ?? 0, concealed: s.concealedSamples ?? 0, energy: s.totalAudioEnergy ?? 0 };
}

/** Capture time of what is played now, in milliseconds since 1970 on the sender's clock. */
function playedAt({ estimatedPlayoutTimestamp: time }) {
  if (!time) return null;
  // Chromium counts from 1900, others from 1970.
  return time > ntpEpoch * 1000 ? time - ntpEpoch * 1000 : time;
}

/** Round trip, bandwidth and kind of the candidate pair in use. */
function selectedPath(report, all) {
  const chosen = all.find((s) => s.type === 'transport')?.selectedCandidatePairId;
  const pair = report.get(chosen) ?? all.find((s) => s.type === 'candidate-pair' && s.nominated && s.state === 'succeeded');
  if (!pair) return { rtt: null, available: null, name: null };
  const [local, remote] = [report.get(pair.localCandidateId), report.get(pair.remoteCandidateId)];
  const name = [local?.protocol?.toUpperCase(), local?.candidateType === 'relay' ? 'relay' : remote?.candidateType].filter(Boolean).join(' ');
  return { rtt: toMs(pair.currentRoundTripTime), available: pair.availableOutgoingBitrate ?? null, name: name || null };
}

function codecName(report, s) {
  return report.get(s.codecId)?.mimeType?.split('/')[1] ?? null;
}

/** A function that turns two readings of a counter into a rate per second. */
function rates(at, before) {
  const seconds = (at - before) / 1000;
  return (now, then) => (then !== undefined && seconds > 0 ? Math.max(now - then, 0) / seconds : 0);
}

function mean(total, count, totalBefore = 0, countBefore = 0) {
  return count > countBefore ? ((total - totalBefore) / (count - countBefore)) * 1000 : null;
}

function toMs(seconds) {
  return seconds === undefined ? null : seconds * 1000;
}

function sum(list, field) {
  return list.reduce((total, item) => total + item[field], 0);
}

function highest(list, field) {
  const known = list.map((item) => item[field]).filter((v) => v !== null);
  return known.length > 0 ? Math.max(...known) : null;
}
