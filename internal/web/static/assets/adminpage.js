/**
 * What the operator's pages share: the token, asking again and again, problems, and a
 * question before anything is ended.
 * @module adminpage
 */
import { Api } from './api.js';
import { Problem } from './problem.js';
import { $, TokenStore, element, root } from './ui.js';
import { adminWords } from './adminwords.js';

/** Pause between two rounds of questions, in milliseconds. */
const pollInterval = 2_000;

/** The operator's token in this tab. */
export const token = new TokenStore('admin');

/** The node this page came from. */
export const api = new Api(root, () => token.value);

/** False where the token says that it may only look. The node decides. */
export function mayChange() {
  return token.actions.length === 0 || token.actions.includes('admin');
}

/** Calls a function again and again while somebody looks, and shows what goes wrong. */
export class Poll {
  #ask;
  #timer = 0;
  #asking = null;

  /** @param {(signal: AbortSignal) => Promise<void>} ask */
  constructor(ask) {
    this.#ask = ask;
    document.addEventListener('visibilitychange', () => document.hidden || this.now());
    $('token-form').addEventListener('submit', (event) => {
      event.preventDefault();
      token.value = $('token').value;
      $('token').value = '';
      this.now();
    });
    $('sign-out').addEventListener('click', () => {
      token.value = '';
      this.now();
    });
    addEventListener('hashchange', () => token.take() && this.now());
  }

  /** Begins, or begins a round at once. */
  async now() {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    const mine = (this.#asking = new AbortController());
    let problem = null;
    try {
      await this.#ask(mine.signal);
    } catch (error) {
      if (mine.signal.aborted) return;
      problem = Problem.of(error);
    }
    if (this.#asking !== mine) return;
    complain(problem);
    document.body.dataset.state = problem ? problem.code : 'ready';
    $('sign-out').hidden = token.value === '';
    const asksToken = problem?.status === 401 || problem?.status === 403;
    if (!document.hidden && !asksToken) this.#timer = setTimeout(() => this.now(), problem?.retryAfter * 1000 || pollInterval);
  }
}

/** Shows a problem in the page's notice; null takes it away. */
function complain(problem) {
  const box = $('problem');
  const { title, text, ask } = problem ? adminWords(problem) : { title: '', text: '', ask: false };
  document.body.classList.toggle('locked', ask);
  if ($('problem-title').textContent !== title) $('problem-title').textContent = title;
  if ($('problem-text').textContent !== text) $('problem-text').textContent = text;
  $('token-form').hidden = !ask;
  if (ask && box.hidden) queueMicrotask(() => $('token').focus());
  box.hidden = !problem;
}

/**
 * Asks before something ends, and then does it.
 * @param {{title: string, text: string, button: string}} question
 * @param {() => Promise<void>} act
 * @returns {Promise<boolean>}  whether it was done
 */
export async function confirmed({ title, text, button }, act) {
  const dialog = $('confirm');
  $('confirm-title').textContent = title;
  $('confirm-text').textContent = text;
  $('confirm-yes').textContent = button;
  dialog.returnValue = '';
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener('close', done, { once: true }));
  return dialog.returnValue === 'yes' && attempt(act);
}

/** Does something, and says what went wrong. @returns {Promise<boolean>} whether it was done */
export async function attempt(act, done = '') {
  try {
    await act();
    say(done);
    return true;
  } catch (error) {
    const { title, text } = adminWords(Problem.of(error));
    say(`${title}. ${text}`, true);
    return false;
  }
}

let fading = 0;

/** Says something for some seconds. */
export function say(text, bad = false) {
  clearTimeout(fading);
  const toast = $('toast');
  toast.textContent = text;
  toast.classList.toggle('bad', bad);
  if (text) fading = setTimeout(() => { toast.textContent = ''; }, bad ? 12_000 : 4_000);
}

/** Writes text where it differs, so that nothing is read aloud twice. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Keeps a list of elements like a list of items, moving none that is in place.
 * @template T
 * @param {HTMLElement} parent
 * @param {Map<string, {node: HTMLElement, update: (item: T) => void}>} made
 * @param {T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => {node: HTMLElement, update: (item: T) => void}} make
 */
export function keepList(parent, made, items, key, make) {
  const keys = new Set(items.map(key));
  for (const [k, entry] of made) {
    if (keys.has(k)) continue;
    entry.node.remove();
    made.delete(k);
  }
  items.forEach((item, i) => {
    const k = key(item);
    if (!made.has(k)) made.set(k, make(item));
    const entry = made.get(k);
    entry.update(item);
    if (parent.children[i] !== entry.node) parent.insertBefore(entry.node, parent.children[i] ?? null);
  });
}

/**
 * Keeps a description list of tiles; what has not changed is left alone.
 * @param {HTMLElement} list
 * @param {[string, string, string?][]} facts  name, value, and the class of a tile that needs one
 */
export function tiles(list, facts) {
  if (list.children.length !== facts.length) {
    list.replaceChildren(...facts.map(([, , kind = '']) => element('div', { class: kind }, element('dt'), element('dd'))));
  }
  facts.forEach(([name, value], i) => {
    const [dt, dd] = list.children[i].children;
    if (dt.textContent !== name) dt.textContent = name;
    if (dd.textContent !== value) dd.textContent = value;
  });
}
