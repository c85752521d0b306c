/**
 * The node's REST API, as far as the operator's pages use it.
 * @module api
 */
import { Problem } from './problem.js';

/** How long a request may take, in milliseconds. A self-test takes the longest. */
const patience = 25_000;

/** Most items asked for at a time; the node allows no more. */
const largestPage = 1_000;

/** Asks the node. Every method throws a Problem. */
export class Api {
  #base;
  #token;
  #fetch;

  /**
   * @param {URL} base  where `api/v1/` is
   * @param {() => string} token  '' if there is none
   * @param {typeof fetch} [ask]  for tests
   */
  constructor(base, token, ask = (...a) => fetch(...a)) {
    [this.#base, this.#token, this.#fetch] = [new URL('api/v1/', base), token, ask];
  }

  /**
   * @param {string} path  behind api/v1/, its parts escaped: see path()
   * @param {AbortSignal} [signal]
   * @returns {Promise<object>}
   */
  async get(path, signal) {
    return (await this.#send('GET', path, { signal })).body;
  }

  /** As get(), and the ETag that a change must name. @returns {Promise<{body: object, tag: ?string}>} */
  getTagged(path, signal) {
    return this.#send('GET', path, { signal });
  }

  /** @returns {Promise<?object>}  null: the answer has no body */
  async post(path, body) {
    return (await this.#send('POST', path, { body })).body;
  }

  /** @param {string} [tag]  of what is changed @returns {Promise<{body: object, tag: ?string}>} */
  patch(path, body, tag) {
    return this.#send('PATCH', path, { body, tag });
  }

  /** @returns {Promise<?object>} */
  async delete(path) {
    return (await this.#send('DELETE', path, {})).body;
  }

  /**
   * The first items of a list, page after page.
   * @param {string} path
   * @param {number} most  so many at most
   * @param {AbortSignal} [signal]
   * @returns {Promise<{items: object[], more: boolean}>}
   */
  async list(path, most, signal) {
    const items = [];
    let next = '';
    do {
      const query = new URLSearchParams({ limit: String(Math.min(most - items.length, largestPage)) });
      if (next) query.set('after', next);
      const page = await this.get(`${path}${path.includes('?') ? '&' : '?'}${query}`, signal);
      if (!Array.isArray(page?.items)) throw strange();
      items.push(...page.items);
      // A page without items would be asked for again and again.
      next = page.items.length > 0 ? page.next : undefined;
    } while (next && items.length < most);
    return { items, more: Boolean(next) };
  }

  async #send(method, path, { body, tag, signal }) {
    const headers = {};
    if (this.#token()) headers.Authorization = `Bearer ${this.#token()}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (tag) headers['If-Match'] = tag;
    const limit = AbortSignal.timeout(patience);
    let response;
    try {
      response = await this.#fetch(new URL(path, this.#base), {
        method, headers, cache: 'no-store', signal: signal ? AbortSignal.any([signal, limit]) : limit,
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch (error) {
      throw error?.name === 'AbortError' ? error : Problem.of(error);
    }
    if (!response.ok) throw await Problem.from(response);
    return { body: await read(response), tag: response.headers.get('ETag') };
  }
}

async function read(response) {
  if (response.status === 204) return null;
  try {
    return await response.json();
  } catch (error) {
    if (error?.name === 'AbortError') throw error;
    throw strange();
  }
}

function strange() {
  return new Problem('answer', 'The answer is not what the API says. Is a proxy in between?');
}

/** Joins parts of a path, each escaped. @param {...string} parts */
export function path(...parts) {
  return parts.map(encodeURIComponent).join('/');
}
