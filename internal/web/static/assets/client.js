/**
 * What WHIPClient and WHEPClient share: one session at a time, its statistics, its
 * end, and a new one when it is lost.
 * @module client
 */
import { connected, sleep, untilLost } from './connection.js';
import { Problem } from './problem.js';
import { Session } from './session.js';

/** First and longest pause between two attempts, in milliseconds; doubled in between. */
const firstDelay = 500;
const longestDelay = 15_000;

/** Longest wait for a DELETE before a lost session is replaced, in milliseconds. */
const closeWait = 1_000;

/**
 * How long to wait before the next attempt: twice as long each time, half of it
 * random so that a thousand players do not come back in the same second, and never
 * less than the server asked for.
 * @param {number} attempt  failures so far, from 0
 * @param {?number} retryAfter  seconds
 * @param {() => number} [random]  0 to 1
 * @returns {number}  milliseconds
 */
export function backoff(attempt, retryAfter, random = Math.random) {
  const delay = Math.min(firstDelay * 2 ** Math.min(attempt, 16), longestDelay);
  return Math.max(delay * (0.5 + random() / 2), retryAfter === null ? 0 : retryAfter * 1000 + random() * 1000);
}

/**
 * Base of WHIPClient and WHEPClient. Not for use on its own.
 *
 * Events:
 * - `state`: detail `{state, previous, problem, retryIn}`; retryIn in milliseconds
 * - `stats`: detail is the sample, see stats.js
 */
export class Client extends EventTarget {
  #run = null;
  #timer = 0;
  #previous = null;
  #leave = () => this.stop();

  /** Current RTCPeerConnection, or null. Look, do not touch. @type {?RTCPeerConnection} */
  pc = null;
  /** Current session, or null. @type {?Session} */
  session = null;
  /** See the subclass for the states. */
  state = 'idle';
  /** Why the last attempt failed, or null. @type {?Problem} */
  problem = null;
  /** Last statistics, or null. */
  stats = null;

  /**
   * @param {object} options
   * @param {RTCIceServer[]} [options.iceServers]  besides those the server names
   * @param {RTCIceTransportPolicy} [options.iceTransportPolicy]
   * @param {number} [options.statsInterval]  milliseconds, default 1000
   * @param {typeof RTCPeerConnection} [options.RTCPeerConnection]  for tests
   * @param {typeof fetch} [options.fetch]  for tests
   */
  constructor(options = {}) {
    super();
    this.options = options;
  }

  /**
   * Starts over with an endpoint; what was running is stopped.
   * @protected
   * @returns {Promise<void>}  connected for the first time; rejects with a Problem
   */
  async _start(url, token) {
    await this.#end();
    const run = new AbortController();
    this.#run = run;
    globalThis.addEventListener?.('pagehide', this.#leave);
    return new Promise((resolve, reject) => this.#keep({ url, token, signal: run.signal, resolve, reject }));
  }

  /**
   * Ends the session and everything that belongs to it. Safe in any state.
   * @returns {Promise<void>}
   */
  async stop() {
    const wasIdle = this.state === 'idle';
    await this.#end();
    if (!wasIdle) this._setState('stopped');
  }

  async #end() {
    globalThis.removeEventListener?.('pagehide', this.#leave);
    this.#run?.abort(new Problem('stopped', 'Stopped.'));
    this.#run = null;
    await this.#drop();
  }

  async #keep({ url, token, signal, resolve, reject }) {
    let wasLive = false;
    this._setState('connecting');
    for (let attempt = 0; !signal.aborted; attempt++) {
      let problem = new Problem('lost', 'The connection to the server was lost.');
      try {
        await this.#connect(url, token, signal, () => {
          [wasLive, attempt] = [true, -1];
          resolve();
        });
      } catch (error) {
        problem = Problem.of(error);
      }
      if (signal.aborted) break;
      this.problem = problem;
      await this.#drop();
      if (problem.permanent || !(wasLive || this._retriesFirst())) {
        globalThis.removeEventListener?.('pagehide', this.#leave);
        this._setState('failed', { problem });
        return reject(problem);
      }
      const retryIn = this._delay(problem, Math.max(attempt, 0));
      this._setState(this._retryState(problem), { problem, retryIn });
      await this.#pause(retryIn, signal);
    }
    reject(new Problem('stopped', 'Stopped.'));
  }

  /** One session from POST to its loss. */
  async #connect(url, token, signal, live) {
    const { RTCPeerConnection = globalThis.RTCPeerConnection, iceServers = [], iceTransportPolicy = 'all' } = this.options;
    if (!RTCPeerConnection) throw new Problem('media', 'This browser has no WebRTC.');
    const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy, bundlePolicy: 'max-bundle' });
    this.pc = pc;
    await this._prepare(pc);
    const offer = this._rewrite((await pc.createOffer()).sdp);
    const gone = new AbortController();
    // Not aborted by stop(): a session whose Location nobody read could not be deleted.
    const session = await Session.open({ url, token, offer, fetch: this.options.fetch, onGone: () => gone.abort() });
    if (signal.aborted) return void session.close();
    this.session = session;
    // Candidates are gathered from here on, with the server's own STUN and TURN servers.
    if (session.iceServers.length > 0) pc.setConfiguration({ ...pc.getConfiguration(), iceServers: [...iceServers, ...session.iceServers] });
    pc.addEventListener('icecandidate', ({ candidate }) => session.trickle(candidate?.toJSON?.() ?? candidate));
    await pc.setLocalDescription({ type: 'offer', sdp: offer });
    await pc.setRemoteDescription({ type: 'answer', sdp: session.answer });
    await connected(pc, signal);
    if (signal.aborted) return;
    this.problem = null;
    this.#sample(pc);
    live();
    this._setState(this._connectedState());
    signal.addEventListener('abort', () => gone.abort(), { once: true });
    await untilLost(pc, session, {
      signal: gone.signal,
      rewrite: (sdp) => this._rewrite(sdp),
      onRestart: (restarting) => this._setState(restarting ? 'reconnecting' : this._connectedState()),
    });
  }

  /** Closes what is open, and gives the server a moment to hear of it. */
  async #drop() {
    clearTimeout(this.#timer);
    const { pc, session } = this;
    this.pc = this.session = this.#previous = null;
    if (!pc) return;
    this._dropped();
    const closed = session?.close();
    pc.close();
    if (closed) await Promise.race([closed, sleep(closeWait)]);
  }

  /** Waits, but not past the moment the network comes back. */
  async #pause(ms, signal) {
    const early = new AbortController();
    const wake = () => early.abort();
    signal.addEventListener('abort', wake, { once: true });
    globalThis.addEventListener?.('online', wake, { once: true });
    await sleep(ms, early.signal);
    signal.removeEventListener('abort', wake);
    globalThis.removeEventListener?.('online', wake);
  }

  #sample(pc) {
    const tick = async () => {
      const report = await pc.getStats().catch(() => null);
      if (this.pc !== pc || !report) return;
      const sample = this._sample(report, this.#previous);
      this.#previous = sample;
      this.stats = sample;
      this.dispatchEvent(new CustomEvent('stats', { detail: sample }));
      this.#timer = setTimeout(tick, this._interval(this.options.statsInterval ?? 1000));
    };
    tick();
  }

  /** @protected */
  _setState(state, { problem = null, retryIn = null } = {}) {
    const previous = this.state;
    if (previous === state && !problem) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent('state', { detail: { state, previous, problem, retryIn } }));
  }

  // What a subclass decides. All @protected.
  async _prepare() {}
  _rewrite(sdp) { return sdp; }
  _dropped() {}
  _sample() { return null; }
  _interval(ms) { return ms; }
  _connectedState() { return 'connected'; }
  _retryState() { return 'reconnecting'; }
  _retriesFirst() { return true; }
  _delay(problem, attempt) { return backoff(attempt, problem.retryAfter); }
}

