/**
 * A WHEP player (draft-ietf-wish-whep) for browsers, without dependencies.
 *
 * Works on pages of any origin. Copy this file with the modules it imports (client,
 * connection, problem, session, signal, stats), or import it from a node:
 *
 *     import { WHEPClient } from 'https://whippet.example/assets/whep.js';
 *     const client = new WHEPClient();
 *     client.addEventListener('stream', ({ detail }) => { video.srcObject = detail; });
 *     client.view('https://whippet.example/whep/studio', token);
 *     …
 *     await client.stop();
 *
 * @module whep
 */
import { Client, backoff } from './client.js';
import { offerCaptureTime } from './connection.js';
import { withStereo } from './signal.js';
import { subscriberStats } from './stats.js';

/** How long nothing may arrive until we say that the publisher is away, in milliseconds. */
const silence = 2_000;

/** How often we look for the first frame, in milliseconds. */
const eager = 250;

/** Pause between two questions for a stream that is not there, in milliseconds. */
const absentDelay = 3_000;

/**
 * States: `idle`, `connecting`, `waiting` (for a publisher, in an open session or
 * asking again), `playing`, `reconnecting`, `failed` (see `problem`; it has given up),
 * `stopped`.
 *
 * A publisher that leaves and comes back does not end the session: `playing` becomes
 * `waiting` and `playing` again. A lost session is restarted by ICE, else replaced,
 * with growing pauses and for as long as it takes.
 *
 * Besides the events of Client: `stream`, whose detail is the MediaStream of a session.
 */
export class WHEPClient extends Client {
  #heard = 0;
  #bytes = 0;

  /** What is played, or null before the first session. @type {?MediaStream} */
  stream = null;

  /**
   * @param {object} [options]  besides those of Client
   * @param {boolean} [options.audio]  false: do not ask for sound
   * @param {boolean} [options.video]  false: do not ask for a picture
   * @param {number} [options.jitterBufferTarget]  milliseconds the browser should hold media back; its own choice without it
   */
  constructor(options = {}) {
    super(options);
  }

  /**
   * Plays a stream.
   * @param {string} url  WHEP endpoint
   * @param {string} [token]  bearer token
   * @returns {Promise<void>}  when the first session is connected, however long that
   *   takes; a frame may come later
   * @throws {Problem}  only if trying again would not help, or stopped
   */
  view(url, token) {
    return this._start(url, token);
  }

  async _prepare(pc) {
    const { audio = true, video = true, jitterBufferTarget } = this.options;
    const stream = new (this.options.MediaStream ?? globalThis.MediaStream)();
    this.stream = stream;
    pc.addEventListener('track', ({ track }) => stream.addTrack(track));
    for (const kind of [video && 'video', audio && 'audio'].filter(Boolean)) {
      const transceiver = pc.addTransceiver(kind, { direction: 'recvonly' });
      offerCaptureTime(transceiver);
      if (jitterBufferTarget !== undefined) transceiver.receiver.jitterBufferTarget = jitterBufferTarget;
    }
    pc.addEventListener('connectionstatechange', () => {
      if (pc.connectionState === 'connected' && this.#shown !== stream) this.#show(stream);
    });
  }

  #shown = null;

  #show(stream) {
    this.#shown = stream;
    this.dispatchEvent(new CustomEvent('stream', { detail: stream }));
  }

  _sample(report, previous) {
    const sample = subscriberStats(report, previous);
    this.#listen(sample);
    return sample;
  }

  /** Tells a silent session from a playing one. */
  #listen({ at, bytes, video, audio }) {
    if (bytes > this.#bytes) this.#heard = at;
    this.#bytes = bytes;
    if (this.state !== 'waiting' && this.state !== 'playing') return;
    const decodes = video ? video.frames > 0 : audio !== null;
    if (at - this.#heard > silence) this._setState('waiting');
    else if (decodes && this.#heard > 0) this._setState('playing');
  }

  _dropped() { [this.#heard, this.#bytes] = [0, 0]; }
  _rewrite(sdp) { return withStereo(sdp); }
  _interval(ms) { return this.state === 'playing' ? ms : Math.min(ms, eager); }
  _connectedState() { return 'waiting'; }
  _retryState(problem) { return absent(problem) ? 'waiting' : 'reconnecting'; }

  _delay(problem, attempt) {
    if (!absent(problem)) return super._delay(problem, attempt);
    // A thousand players wait for one show: spread them, and ask no sooner than told.
    return Math.max(absentDelay * (0.75 + Math.random() / 2), backoff(0, problem.retryAfter));
  }
}

/** True if the server says that nobody publishes the stream now. */
function absent({ status }) {
  return status === 404 || status === 409;
}
