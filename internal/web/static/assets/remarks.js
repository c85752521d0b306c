/**
 * What a publisher could do better, in the node's words.
 * @module remarks
 */
import { readDiagnosis } from './events.js';
import { Problem } from './problem.js';

/** Pause between two questions, in milliseconds. */
const interval = 5_000;

/** Statuses that say that this token is told no more. */
const refused = new Set([401, 403]);

/**
 * Writes remarks into a list, and hides what stands around it when there are none. The
 * list may be read aloud: what has not changed is left alone.
 * @param {HTMLElement} box
 * @param {HTMLElement} list
 * @param {{code: string, text: string}[]} remarks
 */
export function showRemarks(box, list, remarks) {
  const old = [...list.children].map((item) => item.textContent);
  if (old.length === remarks.length && old.every((text, i) => text === remarks[i].text)) return;
  box.hidden = remarks.length === 0;
  list.replaceChildren(...remarks.map(({ code, text }) => {
    const item = document.createElement('li');
    item.dataset.code = code;
    item.textContent = text;
    return item;
  }));
}

/**
 * Asks for the remarks on what a session publishes. Its own URL is enough: a token that may
 * only publish is told here, too.
 * @param {?import('./session.js').Session} session
 * @returns {Promise<{code: string, text: string}[]>}
 * @throws {import('./problem.js').Problem}
 */
export async function remarksOf(session) {
  if (!session) throw new Problem('lost', 'There is no session now.');
  const response = await session.send('GET', `${session.url}/diagnosis`);
  return readDiagnosis(await response.json());
}

/** Asks again and again for the remarks on what is published, between start() and stop(). */
export class RemarksWatch {
  #ask;
  #show;
  #timer = 0;
  #asking = null;

  /**
   * @param {() => Promise<{code: string, text: string}[]>} ask
   * @param {(remarks: {code: string, text: string}[]) => void} show  called with none at the end
   */
  constructor(ask, show) {
    [this.#ask, this.#show] = [ask, show];
  }

  /** Does nothing while it runs. */
  start() {
    if (this.#asking) return;
    this.#asking = new AbortController();
    this.#tick(this.#asking.signal);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
    this.#show([]);
  }

  async #tick(signal) {
    try {
      const remarks = await this.#ask();
      if (signal.aborted) return;
      this.#show(remarks);
    } catch (error) {
      // A token that has ended ends the session as well. All else may be better next time.
      if (signal.aborted || refused.has(error.status)) return;
    }
    this.#timer = setTimeout(() => this.#tick(signal), interval);
  }
}
