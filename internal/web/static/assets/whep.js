/**
 * A WHEP player (draft-ietf-wish-whep) for browsers, without dependencies.
 *
 * Works on pages of any origin. Copy this file with the modules it imports (client,
 * connection, events, problem, session, signal, stats), or import it from a node:
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
import { Client } from './client.js';
import { backoff, offerExtensions, sleep } from './connection.js';
import { EventChannel, readEvent, unsaid } from './events.js';
import { Problem } from './problem.js';
import { sections, withStereo } from './signal.js';
import { subscriberStats } from './stats.js';

/** How long nothing may arrive until we say that the publisher is away, in milliseconds. */
const silence = 2_000;

/** How often we look for the first frame, in milliseconds. */
const eager = 250;

/** Pause between two questions for a stream that is not there, in milliseconds. */
const absentDelay = 3_000;

/** How long a session that shall take the place of another has for its first frame, in milliseconds. */
const firstFrameWait = 6_000;

/** How often we look for that frame, in milliseconds. */
const frameInterval = 50;

/** How long a session that was replaced is kept for those who still show it, in milliseconds. */
const longestShow = 5_000;

/**
 * How long a choice of before waits in a new session for its layer to come, in milliseconds, once
 * others are there: encodings begin one after the other. Then the server has the last word.
 */
const layerWait = 10_000;

/** Sessions that are told of one choice, each in the place of the one before. */
const maxTold = 4;

/** Relation of the link that says a server lets a player choose its layer. */
const layerRel = 'urn:ietf:params:whep:ext:core:layer';

/** What a selection may say; everything else of it is left out. */
const selectable = ['rid', 'spatialLayerId', 'temporalLayerId', 'maxWidth', 'maxHeight'];

/**
 * @typedef {object} Selection  which layer a player wants; all of it is optional
 * @property {string} [rid]              one encoding
 * @property {number} [spatialLayerId]   one layer of it
 * @property {number} [temporalLayerId]
 * @property {number} [maxWidth]         pixels: the best layer that is no larger
 * @property {number} [maxHeight]
 */

/**
 * A MediaStream to show. A second one is of a session that replaces the first: whoever
 * passes a promise to waitUntil() goes on getting the first until it is settled, so that
 * the picture can change without a gap.
 */
class StreamEvent extends CustomEvent {
  /** @type {Promise<unknown>[]} */
  waits = [];

  /** @param {Promise<unknown>} shown  settled once the first stream is no longer needed */
  waitUntil(shown) { this.waits.push(shown); }
}

/**
 * States: `idle`, `connecting`, `waiting` (for a publisher, in an open session or
 * asking again), `playing`, `reconnecting`, `failed` (see `problem`; it has given up),
 * `stopped`.
 *
 * A publisher that leaves and comes back does not end the session: `playing` becomes
 * `waiting` and `playing` again. A lost session is restarted by ICE, else replaced,
 * with growing pauses and for as long as it takes.
 *
 * Besides the events of Client: `stream`, a StreamEvent whose detail is the MediaStream of a
 * session; `selection`, when `selection` changed, whose detail is `{selection, problem}`; and from
 * servers that have them, with the detail that readEvent in events.js returns: `active`,
 * `inactive`, `layers`, `viewercount`, `reconnect` (the client itself moves to another
 * session), `statistics`, `diagnosis`. Where a new session or a new stream of events does not
 * repeat them, `inactive`, and `layers` and `diagnosis` that are empty, come after some seconds by
 * themselves. A server without the extensions plays as well.
 */
export class WHEPClient extends Client {
  #heard = 0;
  #bytes = 0;
  #quietUntil = 0;
  #streams = new WeakMap();
  #channel = null;
  #mediaId = '0';
  #layers = [];
  #owed = false;
  #owedUntil = Infinity;

  /** What is played, or null before the first session. @type {?MediaStream} */
  stream = null;
  /** What was asked for, or null: the server chooses by bandwidth. @type {?Selection} */
  selection = null;
  /** Whether somebody publishes; null: the server has not said. @type {?boolean} */
  active = null;

  /**
   * @param {object} [options]  besides those of Client
   * @param {boolean} [options.audio]  false: do not ask for sound
   * @param {boolean} [options.video]  false: do not ask for a picture
   * @param {boolean} [options.events]  false: do not listen to events, which take a connection each on HTTP/1.1
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

  /** True while layers can be selected. */
  get selects() {
    return Boolean(this.session?.link(layerRel));
  }

  /**
   * Asks for a layer, in this session and those that follow it.
   * @param {Selection} selection
   * @throws {Problem}  the server has no such layer, or no layers at all; nothing has changed
   */
  async selectLayer(selection) {
    const known = selectable.filter((name) => selection[name] !== undefined && selection[name] !== null);
    const wish = Object.fromEntries(known.map((name) => [name, selection[name]]));
    const { session } = this;
    const problem = await this.#ask(wish).then(() => null, Problem.of);
    // A session that was replaced meanwhile told its successor nothing.
    const replaced = this.session !== null && this.session !== session;
    if (problem && !replaced) throw problem;
    this.#choose(wish);
    if (replaced) this.#owe();
  }

  /**
   * Lets the server choose again.
   * @throws {Problem}
   */
  async automatic() {
    for (let tries = 1; ; tries++) {
      const { session } = this;
      const problem = await this.#release().then(() => null, Problem.of);
      const replaced = this.session !== null && this.session !== session;
      if (problem && !(replaced && tries < maxTold)) throw problem;
      this.#choose(null);
      // The next session may have been told the choice of before already.
      if (!replaced || tries === maxTold) return;
    }
  }

  async #release() {
    try {
      await this.#send('DELETE');
    } catch (error) {
      // Nothing but the section: the draft's own way to say it, where DELETE is unknown.
      if (error.status !== 405 && error.status !== 501) throw error;
      await this.#ask({});
    }
  }

  #ask(wish) {
    return this.#send('POST', { mediaId: this.#mediaId, ...wish });
  }

  async #send(method, value) {
    const link = this.session?.link(layerRel);
    if (!link) throw new Problem('unsupported', 'The server lets nobody choose.');
    await this.session.send(method, link.url, value);
  }

  #choose(selection, problem = null) {
    [this.selection, this.#owed] = [selection, false];
    this.dispatchEvent(new CustomEvent('selection', { detail: { selection, problem } }));
  }

  /** Lets the session that is in use now hear what an older one was told. */
  #owe() {
    [this.#owed, this.#owedUntil] = [this.selection !== null && this.selects, Infinity];
    if (!this.#owed) return;
    if (this.#channel) this.#settle();
    else this.#repeat();
  }

  /** Repeats a choice once its layer is there, which is no use before, or was waited for long enough. */
  #settle() {
    if (!this.#owed) return;
    const { length } = this.#layers;
    if (length > 0 && this.#owedUntil === Infinity) this.#owedUntil = Date.now() + layerWait;
    else if (length === 0) this.#owedUntil = Infinity;
    if (this.#layers.some((layer) => isOf(layer, this.selection)) || Date.now() >= this.#owedUntil) this.#repeat();
  }

  /** Tells a new session what an older one was told. */
  async #repeat() {
    this.#owed = false;
    const { selection } = this;
    try {
      await this.#ask(selection);
    } catch (error) {
      if (this.selection === selection) this.#choose(null, Problem.of(error));
    }
  }

  async _prepare(pc) {
    const { audio = true, video = true, jitterBufferTarget } = this.options;
    const stream = new (this.options.MediaStream ?? globalThis.MediaStream)();
    this.#streams.set(pc, stream);
    pc.addEventListener('track', ({ track }) => stream.addTrack(track));
    for (const kind of [video && 'video', audio && 'audio'].filter(Boolean)) {
      const transceiver = pc.addTransceiver(kind, { direction: 'recvonly' });
      offerExtensions(transceiver);
      if (jitterBufferTarget !== undefined) transceiver.receiver.jitterBufferTarget = jitterBufferTarget;
    }
  }

  async _connected(pc, session) {
    this.stream = this.#streams.get(pc);
    this.#mediaId = String(Math.max(sections(pc.localDescription.sdp).findIndex(({ media }) => media === 'video'), 0));
    const hear = (name, text, told) => this.#hear(name, text, told);
    this.#channel = this.options.events === false ? null : EventChannel.open(session, hear, this.options);
    if (!this.#channel) for (const [name, text] of unsaid) hear(name, text, false);
    this.#owe();
    const event = new StreamEvent('stream', { detail: this.stream });
    this.dispatchEvent(event);
    if (event.waits.length > 0) await Promise.race([Promise.allSettled(event.waits), sleep(longestShow)]);
  }

  async _ready(pc, signal) {
    // A picture that stands still cannot be interrupted.
    for (const end = Date.now() + firstFrameWait; this.state === 'playing' && !signal.aborted;) {
      const report = await pc.getStats().catch(() => null);
      if (report && decodes(subscriberStats(report, null), this.stats?.video?.bitrate > 0)) return true;
      if (Date.now() > end) return false;
      await sleep(frameInterval, signal);
    }
    return true;
  }

  #hear(name, text, told) {
    const detail = readEvent(name, text, this.#mediaId);
    if (detail === undefined) return;
    if (!told && name === 'inactive') this.active = null;
    else if (name === 'active' || name === 'inactive') this.#turn(name === 'active');
    if (name === 'layers') {
      this.#layers = detail;
      this.#settle();
    }
    this.dispatchEvent(new CustomEvent(name, { detail }));
    if (name === 'reconnect') this._move(detail.url && this.session?.resolve(detail.url));
  }

  #turn(active) {
    this.active = active;
    // What is still on its way says nothing about a publisher who has gone.
    this.#quietUntil = active ? 0 : Date.now() + silence;
    if (!active && this.state === 'playing') {
      this.#heard = 0;
      this._setState('waiting');
    }
  }

  _sample(report, previous) {
    const sample = subscriberStats(report, previous);
    this.#listen(sample);
    this.#settle();
    return sample;
  }

  /** Tells a silent session from a playing one. */
  #listen(sample) {
    const { at, bytes } = sample;
    if (bytes > this.#bytes && Date.now() >= this.#quietUntil) this.#heard = at;
    this.#bytes = bytes;
    if (this.state !== 'waiting' && this.state !== 'playing') return;
    if (at - this.#heard > silence) this._setState('waiting');
    else if (decodes(sample) && this.#heard > 0) this._setState('playing');
  }

  _dropped() {
    [this.#heard, this.#bytes, this.#quietUntil, this.active] = [0, 0, 0, null];
    [this.#layers, this.#owed] = [[], false];
    this.#channel?.close();
    this.#channel = null;
  }

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

/** True if a choice may mean the layer, which does not always tell all there is to it. */
function isOf(layer, selection) {
  return ['rid', 'spatialLayerId', 'temporalLayerId'].every((name) => layer[name] === null || (selection[name] ?? layer[name]) === layer[name]);
}

/** True once there is something to see, or to hear where there is no picture to wait for. */
function decodes({ video, audio }, picture = false) {
  return video ? video.frames > 0 : audio !== null && !picture;
}

/** True if the server says that nobody publishes the stream now. */
function absent({ status }) {
  return status === 404 || status === 409;
}
