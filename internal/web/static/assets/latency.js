/**
 * How old the picture is when it is shown.
 *
 * Three ways, best first:
 * - `time code`: read from the picture (timecode.js). Exact if sender and viewer are the
 *   same machine or their clocks agree.
 * - `capture time`: from the publisher's capture times: the browser's own estimate on
 *   this machine's clock where it makes one, else abs-capture-time of the last frame
 *   shown, which is right only if both clocks agree.
 * - `playout`: from statistics; again only if both clocks agree.
 * @module latency
 */
import { TimecodeReader } from './timecode.js';

/** Pause between two looks at the picture, in milliseconds. */
const interval = 250;

/** What a measurement is thrown away beyond, in milliseconds: the clocks differ. */
const leastBelievable = -100;
const mostBelievable = 60_000;

/** Milliseconds from the epoch of NTP (1900) to that of JavaScript (1970). */
const ntpEpoch = 2_208_988_800_000;

/** How long a time code stays the better answer after the last one read, in milliseconds. */
const fresh = 3_000;

/** Measures a playing video element until stop(). */
export class LatencyMeter {
  #reader = new TimecodeReader();
  #video;
  #stopped = false;
  #lookedAt = 0;
  #timecode = null;
  #capture = null;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    if (video.requestVideoFrameCallback) this.#next();
  }

  stop() {
    this.#stopped = true;
  }

  /**
   * @param {?object} stats  of subscriberStats, for the last resort
   * @param {?RTCPeerConnection} pc
   * @returns {?{ms: number, by: 'time code'|'capture time'|'playout', sent: ?number}}
   *   sent: the sender's clock in the picture, milliseconds since 1970
   */
  value(stats, pc) {
    const now = performance.now();
    for (const found of [this.#timecode, this.#capture]) {
      if (found && now - found.at < fresh) return { ms: found.ms, by: found.by, sent: found.sent ?? null };
    }
    const captured = age(pc);
    if (believable(captured)) return { ms: captured, by: 'capture time', sent: null };
    const playout = stats?.playoutDelay ?? null;
    return believable(playout) ? { ms: playout, by: 'playout', sent: null } : null;
  }

  #next() {
    this.#video.requestVideoFrameCallback((now, frame) => {
      if (this.#stopped) return;
      if (now - this.#lookedAt >= interval) {
        this.#lookedAt = now;
        this.#look(now, frame);
      }
      this.#next();
    });
  }

  #look(now, { captureTime }) {
    const clock = Date.now();
    const sent = this.#reader.read(this.#video, clock);
    if (sent !== null && believable(clock - sent)) this.#timecode = { at: now, ms: clock - sent, by: 'time code', sent };
    const old = captureTime === undefined ? null : performance.now() - captureTime;
    if (believable(old)) this.#capture = { at: now, ms: old, by: 'capture time' };
  }
}

/** Age of the last frame shown, by its abs-capture-time; null without one. */
function age(pc) {
  const video = pc?.getReceivers().find((r) => r.track.kind === 'video');
  const [{ captureTimestamp, senderCaptureTimeOffset } = {}] = video?.getSynchronizationSources?.() ?? [];
  if (!captureTimestamp) return null;
  return Date.now() - (captureTimestamp + (senderCaptureTimeOffset ?? 0) - ntpEpoch);
}

function believable(ms) {
  return ms !== null && ms > leastBelievable && ms < mostBelievable;
}
