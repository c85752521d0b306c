/**
 * A WHIP publisher (RFC 9725) for browsers, without dependencies.
 *
 * Works on pages of any origin. Copy this file with the modules it imports (client,
 * connection, problem, session, signal, stats), or import it from a node:
 *
 *     import { WHIPClient } from 'https://whippet.example/assets/whip.js';
 *     const client = new WHIPClient({ codec: 'h264', bitrate: 2_500_000 });
 *     const media = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
 *     await client.publish(media, 'https://whippet.example/whip/studio', token);
 *     …
 *     await client.stop();
 *
 * @module whip
 */
import { Client } from './client.js';
import { offerExtensions } from './connection.js';
import { Problem } from './problem.js';
import { publisherStats } from './stats.js';

/**
 * Encodings of a simulcast track, smallest first. Shares of the bitrate: each is about
 * three times the one below, as its pixels are four times as many.
 */
const encodings = [
  { rid: 'l', scaleResolutionDownBy: 4, share: 0.08 },
  { rid: 'm', scaleResolutionDownBy: 2, share: 0.24 },
  { rid: 'h', scaleResolutionDownBy: 1, share: 0.68 },
];

/** RTP payload names that travel with a codec, never chosen themselves. */
const companions = /\/(rtx|red|ulpfec|flexfec-03)$/i;

/**
 * States: `idle`, `connecting`, `live`, `reconnecting`, `failed` (see `problem`; it has
 * given up), `stopped`. While `reconnecting` it first restarts ICE, then makes a new
 * session. What fails before it was live for the first time is not tried again.
 */
export class WHIPClient extends Client {
  #stream = null;

  /**
   * @param {object} [options]  besides those of Client
   * @param {boolean} [options.simulcast]  three encodings with rid l, m, h; default one
   * @param {'vp8'|'vp9'|'h264'|'h265'|'av1'} [options.codec]  put first; the browser's choice without it
   * @param {number} [options.bitrate]  bits per second of all video together
   * @param {number} [options.maxFramerate]  frames per second
   * @param {number} [options.audioBitrate]  bits per second, default 128000
   * @param {RTCDegradationPreference} [options.degradationPreference]
   */
  constructor(options = {}) {
    super(options);
  }

  /**
   * Publishes the tracks of a stream: at most one of audio and one of video. The tracks
   * stay the caller's; stop() does not stop them.
   * @param {MediaStream} stream
   * @param {string} url  WHIP endpoint
   * @param {string} [token]  bearer token
   * @returns {Promise<void>}  when media flows
   * @throws {Problem}
   */
  publish(stream, url, token) {
    this.#stream = stream;
    return this._start(url, token);
  }

  /**
   * Replaces the track of its kind without a new session.
   * @param {MediaStreamTrack} track
   */
  async replaceTrack(track) {
    const sender = this.pc?.getSenders().find((s) => s.track?.kind === track.kind);
    await sender?.replaceTrack(track);
    const old = this.#stream?.getTracks().find((t) => t.kind === track.kind);
    if (old) this.#stream.removeTrack(old);
    this.#stream?.addTrack(track);
  }

  async _prepare(pc) {
    const [audio] = this.#stream.getAudioTracks();
    const [video] = this.#stream.getVideoTracks();
    if (!audio && !video) throw new Problem('media', 'There is neither a picture nor sound to publish.');
    const common = { direction: 'sendonly', streams: [this.#stream] };
    if (audio) offerExtensions(pc.addTransceiver(audio, { ...common, sendEncodings: [{ maxBitrate: this.options.audioBitrate ?? 128_000 }] }));
    if (!video) return;
    const transceiver = pc.addTransceiver(video, { ...common, sendEncodings: sendEncodings(this.options) });
    offerExtensions(transceiver);
    prefer(transceiver, this.options.codec);
    await degrade(transceiver.sender, this.options.degradationPreference);
  }

  _sample(report, previous) { return publisherStats(report, previous); }
  _connectedState() { return 'live'; }
  _retriesFirst() { return false; }
}

/**
 * The encodings of the video track.
 * @param {object} options  of WHIPClient
 * @returns {RTCRtpEncodingParameters[]}
 */
export function sendEncodings({ simulcast = false, codec, bitrate, maxFramerate }) {
  const common = maxFramerate ? { maxFramerate } : {};
  if (!simulcast) return [{ ...common, ...(bitrate ? { maxBitrate: bitrate } : {}) }];
  // Without a mode, browsers make one SVC stream of VP9 and AV1 instead of three encodings.
  if (codec === 'vp9' || codec === 'av1') common.scalabilityMode = 'L1T1';
  return encodings.map(({ share, ...encoding }) => ({
    ...encoding,
    ...common,
    ...(bitrate ? { maxBitrate: Math.round(bitrate * share) } : {}),
  }));
}

/** Puts a codec first in the offer and keeps the others behind it. */
function prefer(transceiver, codec) {
  if (!codec) return;
  const all = globalThis.RTCRtpSender?.getCapabilities?.('video')?.codecs ?? [];
  const wanted = all.filter((c) => c.mimeType.toLowerCase() === `video/${codec}`);
  if (wanted.length === 0) throw new Problem('media', `This browser cannot encode ${codec.toUpperCase()}. Choose another codec.`);
  const rest = all.filter((c) => !wanted.includes(c) && !companions.test(c.mimeType));
  const extra = all.filter((c) => companions.test(c.mimeType));
  transceiver.setCodecPreferences?.([...wanted, ...rest, ...extra]);
}

async function degrade(sender, preference) {
  if (!preference) return;
  const parameters = sender.getParameters();
  parameters.degradationPreference = preference;
  // Not every browser knows it, and nothing depends on it.
  await sender.setParameters(parameters).catch(() => {});
}

/**
 * The video codecs this browser can send, in its own order.
 * @returns {string[]}  names as the codec option takes them
 */
export function videoCodecs() {
  const all = globalThis.RTCRtpSender?.getCapabilities?.('video')?.codecs ?? [];
  const names = all.filter((c) => !companions.test(c.mimeType)).map((c) => c.mimeType.slice('video/'.length).toLowerCase());
  return [...new Set(names)];
}
