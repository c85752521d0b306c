/**
 * What a server tells a player beside the media: the server-sent events extension of
 * WHEP. Whoever has no use for it, or plays from a server without it, loses nothing else.
 * @module events
 */
import { backoff, sleep } from './connection.js';
import { Problem } from './problem.js';

/** Relation of the link that says a server has events. */
export const eventsRel = 'urn:ietf:params:whep:ext:core:server-sent-events';

/** The events understood here. */
export const eventNames = ['active', 'inactive', 'layers', 'viewercount', 'reconnect', 'statistics', 'diagnosis'];

/** How long a stream must last for the failures before it to be forgotten, in milliseconds. */
const lasting = 10_000;

/** Failures from which on the pauses between two streams are the longest. */
const maxFailures = 16;

/** Statuses, besides those of a server's own trouble, after which another try may help; 0: no answer came. */
const passing = new Set([0, 408, 425, 429]);

/**
 * What a server that says nothing at the beginning of a stream means, as events with their
 * data: nobody publishes, there are no layers, and nothing is wrong.
 */
export const unsaid = [['inactive', '{}'], ['layers', '{}'], ['diagnosis', '[]']];

/** How long after a stream of events began what it does not say counts as unsaid, in milliseconds. */
const settleTime = 3_000;

/** Most layers and remarks read of one event, and most characters of one text. */
const maxLayers = 64;
const maxRemarks = 32;
const maxText = 600;

/**
 * @typedef {object} Layer  one layer the publisher sends, as this subscriber may ask for it
 * @property {string} rid               its encoding; '' if it has no name
 * @property {?number} spatialLayerId   0 is the base layer; null: not told
 * @property {?number} temporalLayerId  0 is the base layer; null: not told
 * @property {number} bitrate           bits per second of it and all it needs; 0: it pauses
 * @property {number} targetBitrate     what the publisher aims at; 0: not known
 * @property {?number} width            pixels
 * @property {?number} height
 */

/**
 * @typedef {object} Statistics  what the server knows of this subscriber
 * @property {?number} estimate  bits per second its network carries; null: not known
 * @property {number} bitrate    bits per second sent to it
 * @property {string} rid        encoding sent now, '' if it has no name
 * @property {?number} spatialLayerId
 * @property {?number} temporalLayerId
 * @property {?number} width     pixels
 * @property {?number} height
 * @property {boolean} paused    video is held back: the network carries only sound
 * @property {boolean} automatic the server chooses the layer
 */

/**
 * Reads the data of one event.
 * @param {string} name     of eventNames
 * @param {string} text     JSON
 * @param {string} mediaId  index of the video section in the offer, which `layers` goes by
 * @returns {unknown}  `layers`: Layer[]; `viewercount`: a number; `reconnect`: {url: ?string};
 *   `statistics`: Statistics; `diagnosis`: {code, text}[]; others: {}. undefined if the data
 *   is not what the event should have
 */
export function readEvent(name, text, mediaId) {
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    return undefined;
  }
  const isObject = typeof data === 'object' && data !== null;
  return isObject && Object.hasOwn(readers, name) ? readers[name](data, mediaId) : undefined;
}

const readers = {
  active: () => ({}),
  inactive: () => ({}),
  layers(data, mediaId) {
    const own = data[mediaId] ?? Object.values(data)[0] ?? [];
    // Older servers wrap the list once more.
    const list = Array.isArray(own) ? own : own?.layers;
    return Array.isArray(list) ? list.slice(0, maxLayers).filter(Boolean).map(readLayer) : undefined;
  },
  viewercount: ({ viewercount }) => whole(viewercount) ?? undefined,
  reconnect: ({ url }) => ({ url: typeof url === 'string' && url !== '' ? url : null }),
  statistics: (data) => ({
    ...readPlace(data),
    estimate: amount(data.estimate) || null,
    bitrate: amount(data.bitrate),
    paused: data.paused === true,
    automatic: data.automatic !== false,
  }),
  diagnosis(data) {
    if (!Array.isArray(data)) return undefined;
    return readDiagnosis(data);
  },
};

/**
 * The remarks on a publisher, of an event or of a stream in the list.
 * @param {unknown} list
 * @returns {{code: string, text: string}[]}
 */
export function readDiagnosis(list) {
  if (!Array.isArray(list)) return [];
  return list.filter((d) => typeof d?.code === 'string' && typeof d.text === 'string' && d.text !== '').slice(0, maxRemarks)
    .map(({ code, text }) => ({ code: code.slice(0, maxText), text: text.slice(0, maxText) }));
}

function readLayer(layer) {
  return { ...readPlace(layer), bitrate: amount(layer.bitrate), targetBitrate: amount(layer.targetBitrate) };
}

/** Which layer it is and how large: what `layers` and `statistics` have in common. */
function readPlace({ rid, encodingId, spatialLayerId, temporalLayerId, width, height }) {
  return {
    rid: String(rid ?? encodingId ?? ''),
    spatialLayerId: whole(spatialLayerId),
    temporalLayerId: whole(temporalLayerId),
    width: whole(width) || null,
    height: whole(height) || null,
  };
}

function whole(value) {
  return Number.isSafeInteger(value) && value >= 0 ? value : null;
}

function amount(value) {
  return Number.isFinite(value) && value > 0 ? value : 0;
}

/** The events of one session, until close() or its end. */
export class EventChannel {
  #session;
  #link;
  #options;
  #hear;
  #closing = new AbortController();
  #said = new Set();
  #timer = 0;

  /**
   * @param {import('./session.js').Session} session
   * @param {(name: string, text: string, told: boolean) => void} hear  called for each event, with
   *   its data as it came; told is false for one that the server did not send: it is silent where
   *   there is nothing to tell, so what was true before a new stream of events would stay so
   * @param {{EventSource?: typeof EventSource}} [options]
   * @returns {?EventChannel}  null if the server or this program has no such thing
   */
  static open(session, hear, options = {}) {
    const link = session.link(eventsRel);
    const able = options.EventSource ?? globalThis.EventSource;
    return link && able && wanted(link)?.length !== 0 ? new EventChannel(session, link, hear, able) : null;
  }

  /** @private use EventChannel.open */
  constructor(session, link, hear, EventSource) {
    [this.#session, this.#link, this.#hear, this.#options] = [session, link, hear, { EventSource }];
    this.#run();
  }

  /** Hears no more. The server forgets the stream with its session. */
  close() {
    clearTimeout(this.#timer);
    this.#closing.abort();
  }

  async #run() {
    const { signal } = this.#closing;
    this.#settle();
    for (let failures = 0; !signal.aborted; failures = Math.min(failures + 1, maxFailures)) {
      let retryAfter = null;
      try {
        const url = await this.#create();
        const since = Date.now();
        if (!signal.aborted) await this.#listen(url);
        if (Date.now() - since > lasting) failures = 0;
      } catch (error) {
        const problem = Problem.of(error);
        if (!mayPass(problem)) return;
        ({ retryAfter } = problem);
      }
      if (!signal.aborted) await sleep(backoff(failures, retryAfter), signal);
    }
  }

  /** Waits for what the server says of its own accord, and then tells what it did not say. */
  #settle() {
    clearTimeout(this.#timer);
    this.#said.clear();
    this.#timer = setTimeout(() => {
      for (const [name, text] of unsaid) if (!this.#said.has(name)) this.#hear(name, text, false);
    }, settleTime);
  }

  #say(name, data) {
    this.#said.add(name === 'active' ? 'inactive' : name);
    this.#hear(name, data, true);
  }

  /** Asks for a stream and returns its address. */
  async #create() {
    const { url } = this.#link;
    let response;
    try {
      response = await this.#session.send('POST', url, wanted(this.#link));
    } catch (error) {
      // Some servers send all events at the address of the link, and create nothing.
      if (error.status === 405) return url;
      throw error;
    }
    const location = response.headers.get('Location');
    if (!location) throw new Problem('answer', 'The server did not say where the events are.', { status: response.status });
    return new URL(location, response.url || url).href;
  }

  /** Hears until the stream ends for good. Short losses are the browser's to mend. */
  #listen(url) {
    const { EventSource } = this.#options;
    const { signal } = this.#closing;
    return new Promise((resolve) => {
      // It can send no token: the address itself is the secret.
      const source = new EventSource(url);
      this.#settle();
      const end = () => {
        source.close();
        signal.removeEventListener('abort', end);
        resolve();
      };
      signal.addEventListener('abort', end);
      source.addEventListener('error', () => source.readyState === EventSource.CLOSED && end());
      for (const name of eventNames) source.addEventListener(name, ({ data }) => signal.aborted || this.#say(name, data));
    });
  }
}

/** False where the server says that the session is gone, which others notice too, or refuses for good. */
function mayPass({ status, code, permanent }) {
  return !permanent && code !== 'stopped' && (passing.has(status) || status >= 500);
}

/** The events to ask for; undefined (all of them) if the server does not say which it has. */
function wanted({ params }) {
  if (params.events === undefined) return undefined;
  const known = params.events.split(',').map((name) => name.trim());
  return eventNames.filter((name) => known.includes(name));
}
