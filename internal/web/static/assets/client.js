/**
 * What WHIPClient and WHEPClient share: one session at a time, its statistics, its
 * end, and a new one when it is lost.
 * @module client
 */
import { backoff, connected, sleep, untilLost } from './connection.js';
import { Problem } from './problem.js';
import { Session } from './session.js';

/** Longest wait for a DELETE before a lost session is replaced, in milliseconds. */
const closeWait = 1_000;

/** Times a move to another session is tried before the old one is kept. */
const maxMoves = 4;

/** A move begins at random within this, in milliseconds: a node that closes sends all its players away at once. */
const moveSpread = 600;

/**
 * Least time between two moves, in milliseconds: nobody is sent in circles. Less than the ten seconds
 * that a node which ends usually waits: the one somebody has just come to may be the next.
 */
const moveInterval = 5_000;

/**
 * @typedef {object} Held  one session and its connection
 * @property {RTCPeerConnection} pc
 * @property {?Session} session    null until the server has made it
 * @property {AbortController} gone  aborted when nobody cares for it any more
 */

/**
 * Base of WHIPClient and WHEPClient. Not for use on its own.
 *
 * Events:
 * - `state`: detail `{state, previous, problem, retryIn}`; retryIn in milliseconds
 * - `stats`: detail is the sample, see stats.js
 */
export class Client extends EventTarget {
  #run = null;
  #held = null;
  #moving = null;
  #movedTo = null;
  #movedAt = -Infinity;
  #timer = 0;
  #previous = null;
  #leave = () => this.stop();

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

  /** Current RTCPeerConnection, or null. Look, do not touch. @type {?RTCPeerConnection} */
  get pc() { return this.#held?.pc ?? null; }
  /** Current session, or null. @type {?Session} */
  get session() { return this.#held?.session ?? null; }

  /**
   * Starts over with an endpoint; what was running is stopped.
   * @protected
   * @returns {Promise<void>}  connected for the first time; rejects with a Problem
   */
  async _start(url, token) {
    await this.#end();
    const stopping = new AbortController();
    const run = { url, token, stopping, signal: stopping.signal };
    [this.#run, this.#movedTo] = [run, null];
    globalThis.addEventListener?.('pagehide', this.#leave);
    return new Promise((resolve, reject) => this.#keep({ ...run, resolve, reject }));
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
    this.#run?.stopping.abort(new Problem('stopped', 'Stopped.'));
    this.#run = null;
    await this.#drop();
  }

  async #keep({ url, token, signal, resolve, reject }) {
    let wasLive = false;
    this._setState('connecting');
    for (let attempt = 0; !signal.aborted; attempt++) {
      let problem = new Problem('lost', 'The connection to the server was lost.');
      // Where the last session was, and where all began: either may be gone for good.
      const at = (attempt % 2 === 0 && this.#movedTo) || url;
      try {
        await this.#connect(at, token, signal, () => {
          [wasLive, attempt] = [true, -1];
          resolve();
        });
      } catch (error) {
        problem = Problem.of(error);
      }
      if (signal.aborted) break;
      this.problem = problem;
      await this.#drop();
      if (problem.permanent && at !== url) this.#movedTo = null;
      else if (problem.permanent || !(wasLive || this._retriesFirst())) {
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

  /** One session from POST to its loss, or several if it moves. */
  async #connect(url, token, signal, live) {
    const held = this.#newConnection();
    this.#held = held;
    await this.#open(held, url, token, signal);
    if (signal.aborted) return;
    this.problem = null;
    this.#sample(held.pc);
    this._connected(held.pc, held.session);
    live();
    this._setState(this._connectedState());
    await this.#watch(signal);
  }

  /** @returns {Held} */
  #newConnection() {
    const { RTCPeerConnection = globalThis.RTCPeerConnection, iceServers = [], iceTransportPolicy = 'all' } = this.options;
    if (!RTCPeerConnection) throw new Problem('media', 'This browser has no WebRTC.');
    return { pc: new RTCPeerConnection({ iceServers, iceTransportPolicy, bundlePolicy: 'max-bundle' }), session: null, gone: new AbortController() };
  }

  /** From the offer to a connection that is up, unless the signal aborts. */
  async #open(held, url, token, signal) {
    const { pc, gone } = held;
    await this._prepare(pc);
    const offer = this._rewrite((await pc.createOffer()).sdp);
    // Not aborted by stop(): a session whose Location nobody read could not be deleted.
    const session = await Session.open({ url, token, offer, fetch: this.options.fetch, onGone: () => gone.abort() });
    if (signal.aborted) return void session.close();
    held.session = session;
    // Candidates are gathered from here on, with the server's own STUN and TURN servers.
    const { iceServers = [] } = this.options;
    if (session.iceServers.length > 0) pc.setConfiguration({ ...pc.getConfiguration(), iceServers: [...iceServers, ...session.iceServers] });
    pc.addEventListener('icecandidate', ({ candidate }) => session.trickle(candidate?.toJSON?.() ?? candidate));
    await pc.setLocalDescription({ type: 'offer', sdp: offer });
    await pc.setRemoteDescription({ type: 'answer', sdp: session.answer });
    await connected(pc, signal);
    signal.addEventListener('abort', () => gone.abort(), { once: true, signal: gone.signal });
  }

  /** Until what is held is lost and nothing takes its place. */
  async #watch(signal) {
    let watched = null;
    while (!signal.aborted && watched !== this.#held) {
      watched = this.#held;
      const own = () => watched === this.#held;
      await untilLost(watched.pc, watched.session, {
        signal: watched.gone.signal,
        rewrite: (sdp) => this._rewrite(sdp),
        onRestart: (restarting) => own() && this._setState(restarting ? 'reconnecting' : this._connectedState()),
      });
      if (signal.aborted || !this.#moving) continue;
      // The old session ended before its successor was there, which must now hurry.
      if (own()) this._setState('reconnecting');
      watched.gone.abort();
      await this.#moving;
    }
  }

  /**
   * Moves to another session without a gap: the old one ends when the new one is ready.
   * Does nothing without a session, or while a move goes on.
   * @protected
   * @param {?string} url  endpoint; null: the one in use
   * @returns {Promise<boolean>}  false: the old session stays
   */
  _move(url) {
    if (!this.#held?.session || !this.#run) return Promise.resolve(false);
    this.#moving ??= this.#tryMoves(url, this.#run).finally(() => { this.#moving = null; });
    return this.#moving;
  }

  async #tryMoves(url, { url: begun, token, signal }) {
    const old = this.#held;
    const target = (this.#movedTo = url ?? this.#movedTo ?? begun);
    let pause = Math.max(Math.random() * moveSpread, this.#movedAt + moveInterval - Date.now());
    for (let tries = 0; tries < maxMoves && !signal.aborted; tries++) {
      await sleep(pause, old.gone.signal);
      // Without an old session there is one try: what comes then is the business of #keep.
      if (signal.aborted || (tries > 0 && old.gone.signal.aborted)) break;
      const problem = await this.#tryMove(target, token, signal);
      if (!problem) return true;
      if (problem.permanent) {
        this.#movedTo = null;
        break;
      }
      pause = backoff(tries, problem.retryAfter);
    }
    return false;
  }

  /** @returns {Promise<?Problem>}  null: moved */
  async #tryMove(target, token, signal) {
    let next = null;
    try {
      next = this.#newConnection();
      await this.#open(next, target, token, signal);
      if (signal.aborted) throw signal.reason;
      if (!(await this._ready(next.pc, signal))) throw new Problem('timeout', 'The new session shows nothing.');
      if (signal.aborted) throw signal.reason;
      await this.#replace(next);
      return null;
    } catch (error) {
      if (next) this.#dispose(next);
      return Problem.of(error);
    }
  }

  /** Puts next in the place of what is held, and ends that once nobody looks at it. */
  async #replace(next) {
    const old = this.#held;
    clearTimeout(this.#timer);
    [this.#held, this.#previous, this.#movedAt] = [next, null, Date.now()];
    this._dropped();
    this.#sample(next.pc);
    if (this.state === 'reconnecting') this._setState(this._connectedState());
    await this._connected(next.pc, next.session);
    this.#dispose(old);
  }

  /** Closes a connection and its session. */
  #dispose({ pc, session, gone }) {
    gone.abort();
    const closed = session?.close();
    pc.close();
    return closed;
  }

  /** Closes what is open, and gives the server a moment to hear of it. */
  async #drop() {
    clearTimeout(this.#timer);
    const held = this.#held;
    this.#held = this.#previous = null;
    if (!held) return;
    this._dropped();
    const closed = this.#dispose(held);
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
  /** A connection is up and in use; may take its time until another is no longer needed. */
  async _connected() {}
  /** Whether a connection that is up may take the place of the one in use. */
  async _ready() { return true; }
  _dropped() {}
  _sample() { return null; }
  _interval(ms) { return ms; }
  _connectedState() { return 'connected'; }
  _retryState() { return 'reconnecting'; }
  _retriesFirst() { return true; }
  _delay(problem, attempt) { return backoff(attempt, problem.retryAfter); }
}

