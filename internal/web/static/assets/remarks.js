/**
 * What a publisher could do better, in the node's words.
 * @module remarks
 */

/** Pause between two questions, in milliseconds. */
const interval = 5_000;

/** Statuses that say that this token is never told. */
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

/** Asks again and again for the remarks on one stream, between start() and stop(). */
export class RemarksWatch {
  #name;
  #ask;
  #show;
  #timer = 0;
  #asking = null;

  /**
   * @param {string} name  of the stream
   * @param {(signal: AbortSignal) => Promise<import('./streams.js').Stream[]>} ask
   * @param {(remarks: {code: string, text: string}[]) => void} show  called with none at the end
   */
  constructor(name, ask, show) {
    [this.#name, this.#ask, this.#show] = [name, ask, show];
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
      const streams = await this.#ask(signal);
      if (signal.aborted) return;
      this.#show(streams.find(({ name }) => name === this.#name)?.diagnosis ?? []);
    } catch (error) {
      // Whoever may only publish is told nothing. All else may be better next time.
      if (signal.aborted || refused.has(error.status)) return;
    }
    this.#timer = setTimeout(() => this.#tick(signal), interval);
  }
}
