/**
 * The HTTP side of one WHIP (RFC 9725) or WHEP session: POST, PATCH, DELETE.
 * @module session
 */
import { Problem } from './problem.js';
import { buildFragment, findLink, iceServers, parseLinks } from './signal.js';

/** How long an answer to a request may take, in milliseconds. */
const requestTimeout = 15_000;

/** How long candidates are collected before they are sent together, in milliseconds. */
const trickleDelay = 30;

/** Most candidates kept for one PATCH; a browser finds far fewer. */
const maxPending = 200;

const fragmentType = 'application/trickle-ice-sdpfrag';

/**
 * A session as the server made it. Create one with Session.open; its requests are sent
 * one after the other, so that candidates never overtake a restart, nor a choice a later one.
 */
export class Session {
  #fetch;
  #token;
  #base;
  #description;
  #pending = [];
  #ended = false;
  #trickles = true;
  #timer = 0;
  #queue = Promise.resolve();
  #closed = false;

  /** @private use Session.open */
  constructor(response, answer, { url, offer, token, fetch, onGone }) {
    const location = response.headers.get('Location');
    if (!location) throw new Problem('answer', 'The server did not say where the session is (no Location header).');
    const base = response.url || url;
    this.#base = base;
    /** Absolute URL of the session; a secret, whoever knows it may end the session. */
    this.url = new URL(location, base).href;
    /** Current entity tag, or null if the server gave none (then it cannot restart ICE). */
    this.etag = response.headers.get('ETag');
    /** SDP answer. */
    this.answer = answer;
    /** All links of the answer. @type {import('./signal.js').Link[]} */
    this.links = parseLinks(response.headers.get('Link'));
    /** STUN and TURN servers the server wants us to use. */
    this.iceServers = iceServers(this.links);
    this.#fetch = fetch;
    this.#token = token;
    this.#description = offer;
    this.onGone = onGone ?? (() => {});
  }

  /**
   * Posts an offer to an endpoint.
   * @param {object} options
   * @param {string} options.url      endpoint
   * @param {string} options.offer    SDP
   * @param {string} [options.token]  bearer token
   * @param {typeof fetch} [options.fetch]
   * @param {AbortSignal} [options.signal]
   * @param {() => void} [options.onGone]  the server said the session no longer exists
   * @returns {Promise<Session>}
   * @throws {Problem}
   */
  static async open(options) {
    const { url, offer, token, signal, fetch = globalThis.fetch.bind(globalThis) } = options;
    const headers = authorize({ 'Content-Type': 'application/sdp', Accept: 'application/sdp, application/problem+json' }, token);
    const response = await request(fetch, url, { method: 'POST', headers, body: offer, signal });
    const type = response.headers.get('Content-Type') ?? '';
    const answer = await response.text();
    if (response.status !== 201 || !/^application\/sdp\b/i.test(type) || !answer.startsWith('v=0')) {
      throw new Problem('answer', 'There is a server at this address, but it does not speak WHIP or WHEP.', { status: response.status });
    }
    return new Session(response, answer, { ...options, fetch });
  }

  /**
   * Sends a candidate, soon and together with its neighbours. Failures are silent: the
   * server finds most peers without candidates.
   * @param {?RTCIceCandidateInit} candidate  null or an empty one: there are no more
   */
  trickle(candidate) {
    if (this.#closed || !this.#trickles) return;
    if (!candidate?.candidate) this.#ended = true;
    else if (this.#pending.length < maxPending) this.#pending.push(candidate);
    this.#timer ||= setTimeout(() => this.#enqueue(() => this.#flush()), trickleDelay);
  }

  async #flush() {
    this.#timer = 0;
    if (this.#closed || !this.#trickles || (this.#pending.length === 0 && !this.#ended)) return;
    const body = buildFragment(this.#description, this.#pending.splice(0), this.#ended);
    this.#ended = false;
    try {
      await this.#patch(body, this.etag);
    } catch (error) {
      // 412: the candidates are of a generation that is over. Everything else but a lost
      // request says that this server does not take candidates.
      if (error.status !== 412 && error.status !== 0) this.#trickles = false;
    }
  }

  /**
   * Restarts ICE (RFC 9725 §4.3.3): sends the credentials of a new local description.
   * A restart whose answer was lost may be sent again with the same description.
   * @param {string} description  local SDP with new credentials
   * @returns {Promise<string>}  the server's fragment
   * @throws {Problem}
   */
  restart(description) {
    clearTimeout(this.#timer);
    this.#timer = 0;
    return this.#enqueue(async () => {
      const known = this.#pending.length;
      const response = await this.#patch(buildFragment(description, this.#pending, this.#ended), '*');
      this.#pending.splice(0, known);
      if (response.status !== 200) throw new Problem('answer', 'The server did not restart ICE.', { status: response.status });
      this.#description = description;
      this.etag = response.headers.get('ETag') ?? this.etag;
      return response.text();
    });
  }

  /**
   * Ends the session. Never throws; safe to call twice, and while the page goes away.
   * @returns {Promise<void>}
   */
  async close() {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    try {
      // keepalive lets the request outlive the page (sendBeacon cannot DELETE).
      await this.#fetch(this.url, { method: 'DELETE', headers: authorize({}, this.#token), keepalive: true });
    } catch {
      // The server notices by DTLS or by consent that is no longer renewed.
    }
  }

  /**
   * A link of the answer, which says that the server has an extension.
   * @param {string} rel  relation type
   * @returns {?{url: string, params: Object<string, string>}}  url is absolute; null
   *   without such a link, or if it leads nowhere HTTP goes
   */
  link(rel) {
    const found = findLink(this.links, rel);
    if (!found) return null;
    const url = this.resolve(found.url);
    return url && { url, params: found.params };
  }

  /**
   * An address the server named, as fetch takes it.
   * @param {string} url  possibly relative to the endpoint
   * @returns {?string}  null if HTTP does not go there
   */
  resolve(url) {
    try {
      const made = new URL(url, this.#base);
      return /^https?:$/.test(made.protocol) ? made.href : null;
    } catch {
      return null;
    }
  }

  /**
   * Sends JSON to a link of the session, or asks for it. The token goes only where the session itself is.
   * @param {'GET'|'POST'|'DELETE'} method
   * @param {string} url  absolute
   * @param {unknown} [value]  undefined: no body
   * @returns {Promise<Response>}
   * @throws {Problem}
   */
  send(method, url, value) {
    const own = new URL(url).origin === new URL(this.url).origin;
    const headers = authorize({ Accept: 'application/json, application/problem+json' }, own && this.#token);
    if (value !== undefined) headers['Content-Type'] = 'application/json';
    const body = value === undefined ? undefined : JSON.stringify(value);
    return this.#enqueue(() => {
      if (this.#closed) throw new Problem('stopped', 'The session is over.');
      return request(this.#fetch, url, { method, headers, body });
    });
  }

  async #patch(body, tag) {
    const headers = authorize({ 'Content-Type': fragmentType }, this.#token);
    if (tag) headers['If-Match'] = tag;
    try {
      return await request(this.#fetch, this.url, { method: 'PATCH', headers, body });
    } catch (error) {
      if (error.status === 404 || error.status === 410) this.onGone();
      throw error;
    }
  }

  /** Runs step after all steps before it, whether they failed or not. */
  #enqueue(step) {
    const result = this.#queue.then(step);
    this.#queue = result.catch(() => {});
    return result;
  }
}

/** fetch that throws a Problem for everything that is not a success. */
async function request(fetch, url, { signal, ...init }) {
  const limit = AbortSignal.timeout(requestTimeout);
  let response;
  try {
    response = await fetch(url, { ...init, signal: signal ? either(signal, limit) : limit, referrerPolicy: 'no-referrer' });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw Problem.of(error);
  }
  if (!response.ok) throw await Problem.from(response);
  return response;
}

/** AbortSignal.any for browsers that lack it. */
function either(a, b) {
  if (AbortSignal.any) return AbortSignal.any([a, b]);
  const controller = new AbortController();
  for (const signal of [a, b]) {
    if (signal.aborted) controller.abort(signal.reason);
    signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
  }
  return controller.signal;
}

function authorize(headers, token) {
  return token ? { ...headers, Authorization: `Bearer ${token}` } : headers;
}
