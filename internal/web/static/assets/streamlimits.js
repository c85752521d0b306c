/**
 * The form with a stream's own limits. Bitrates are kbit/s there and bits per second in
 * the API.
 * @module streamlimits
 */
import { api, attempt, mayChange } from './adminpage.js';
import { fieldsOf, limitsOf } from './adminwords.js';

/** Shows and changes the limits. Fields that somebody writes into are left alone. */
export class StreamLimits {
  #form;
  #reset;
  #path;
  #tag = null;
  #touched = false;

  /** @param {HTMLFormElement} form @param {HTMLButtonElement} reset @param {string} path */
  constructor(form, reset, path) {
    [this.#form, this.#reset, this.#path] = [form, reset, path];
    form.addEventListener('input', () => { this.#touched = true; });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#change(() => api.patch(path, limitsOf(Object.fromEntries(new FormData(form))), this.#tag ?? '*'));
    });
    reset.addEventListener('click', () => this.#change(() => api.delete(path)));
  }

  /** @param {AbortSignal} [signal] */
  async load(signal) {
    const { body, tag } = await api.getTagged(this.#path, signal);
    for (const button of this.#form.querySelectorAll('button, input')) button.disabled = !mayChange();
    if (this.#touched) return;
    this.#tag = tag;
    for (const [name, text] of Object.entries(fieldsOf(body))) {
      if (this.#form.elements[name].value !== text) this.#form.elements[name].value = text;
    }
  }

  async #change(act) {
    const done = await attempt(act, 'Saved.');
    // After a refusal for its tag the next round shows what is there now.
    this.#touched = !done && this.#touched;
    if (done) await this.load().catch(() => {});
  }
}
