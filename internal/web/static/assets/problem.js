/**
 * What can go wrong between a page and a server, as one error type.
 * @module problem
 */

/** Prefix of the problem types Whippet answers with (RFC 9457 `type`). */
const prefix = 'urn:whippet:problem:';

/** Statuses that another try with the same request cannot change. */
const permanent = new Set([400, 401, 403, 405, 406, 413, 415, 422, 501]);

/**
 * A request that failed. `code` is stable and meant for programs, `detail` for people.
 *
 * | code | meaning |
 * |---|---|
 * | `network` | no answer at all: server down, wrong address, CORS, CSP |
 * | `timeout` | the server did not answer in time, or ICE did not connect |
 * | `answer` | the answer was not WHIP or WHEP |
 * | `media` | the browser cannot do what was asked |
 * | anything else | from the server's `application/problem+json`, else `http-<status>` |
 */
export class Problem extends Error {
  /**
   * @param {string} code
   * @param {string} detail
   * @param {{status?: number, title?: string, retryAfter?: ?number, cause?: unknown}} [more]
   */
  constructor(code, detail, { status = 0, title = '', retryAfter = null, cause } = {}) {
    super(detail || title || code, { cause });
    this.name = 'Problem';
    this.code = code;
    this.detail = detail;
    this.title = title;
    /** HTTP status; 0 without an answer. */
    this.status = status;
    /** Seconds the server asked us to wait; null if it did not. */
    this.retryAfter = retryAfter;
  }

  /** True if trying again unchanged is pointless. */
  get permanent() {
    return this.code === 'answer' || this.code === 'media' || permanent.has(this.status);
  }

  /**
   * Makes a Problem of an answer that is not a success. Never throws; reads at most
   * the body the server sent for it.
   * @param {Response} response
   * @returns {Promise<Problem>}
   */
  static async from(response) {
    const { status } = response;
    const retryAfter = parseRetryAfter(response.headers.get('Retry-After'));
    const body = await readBody(response);
    const type = typeof body.type === 'string' ? body.type : '';
    const code = type.startsWith(prefix) ? type.slice(prefix.length) : `http-${status}`;
    const text = (value) => (typeof value === 'string' ? value.slice(0, 1000) : '');
    return new Problem(code, text(body.detail), { status, title: text(body.title) || response.statusText, retryAfter });
  }

  /**
   * Makes a Problem of anything thrown; a Problem stays what it is.
   * @param {unknown} error
   * @returns {Problem}
   */
  static of(error) {
    if (error instanceof Problem) return error;
    if (error?.name === 'TimeoutError') return new Problem('timeout', 'The server did not answer in time.', { cause: error });
    // fetch reports every failure of the network as a TypeError, so does Node.
    if (error instanceof TypeError) return new Problem('network', 'The server could not be reached.', { cause: error });
    return new Problem('media', error?.message ?? String(error), { cause: error });
  }
}

async function readBody(response) {
  if (!/\bjson\b/i.test(response.headers.get('Content-Type') ?? '')) return {};
  try {
    return (await response.json()) ?? {};
  } catch {
    return {};
  }
}

/**
 * Seconds of a Retry-After header (RFC 9110 §10.2.3), which is a number or a date.
 * @param {?string} header
 * @param {number} [now]  milliseconds since 1970
 * @returns {?number}  0 to 3600, or null
 */
export function parseRetryAfter(header, now = Date.now()) {
  if (!header) return null;
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : (Date.parse(header) - now) / 1000;
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 3600) : null;
}
