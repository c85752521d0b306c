/**
 * Small things all pages share: where we are, tokens, figures in words, copying.
 * @module ui
 */
export { amount, bitrate, clock, duration, percent, size } from './figures.js';

/** Address of the list page; everything else is relative to it. */
export const root = new URL(document.documentElement.dataset.root ?? './', location.href);

/** What a stream may be called. */
export const streamName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** @param {string} id @returns {HTMLElement} */
export const $ = (id) => document.getElementById(id);

/** Name of the stream this page is about. */
export function pageStream() {
  return decodeURIComponent(location.pathname.split('/').filter(Boolean).at(-1) ?? '');
}

/**
 * Makes an element. Text is always text, never markup.
 * @param {string} tag
 * @param {Object<string, string>} [attributes]  `class` and others
 * @param {...(Node|string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * Tokens of this tab: `#token=…` in the address or what was pasted. They live in
 * sessionStorage, one per action and stream, and go into Authorization headers only.
 */
export class TokenStore {
  #key;

  /** @param {'publish'|'play'|'list'} action @param {string} [stream] */
  constructor(action, stream = '') {
    this.#key = `whippet.token.${action}.${stream}`;
    this.take();
  }

  /** Moves the token of the address into the store; true if there was one. */
  take() {
    const token = new URLSearchParams(location.hash.slice(1)).get('token');
    if (!token) return false;
    this.value = token;
    // Out of sight, and out of what people copy from the address bar.
    history.replaceState(history.state, '', location.pathname + location.search);
    return true;
  }

  /** @returns {string} '' if there is none */
  get value() {
    return this.#storage?.getItem(this.#key) ?? this.#storage?.getItem('whippet.token') ?? '';
  }

  set value(token) {
    const clean = token.trim().replace(/^Bearer\s+/i, '');
    this.#storage?.setItem(this.#key, clean);
    // A token often covers more than one page: others try it when they have none.
    this.#storage?.setItem('whippet.token', clean);
  }

  /**
   * What the token says it allows. Only the server knows whether that is true.
   * @returns {string[]}  'publish', 'play', …; empty if it is no JWT
   */
  get actions() {
    try {
      const [, payload] = this.value.split('.');
      const claims = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/')));
      return Array.isArray(claims.actions) ? claims.actions : [];
    } catch {
      return [];
    }
  }

  get #storage() {
    try {
      return globalThis.sessionStorage;
    } catch {
      return null; // blocked by the browser's settings
    }
  }
}

/**
 * Makes `[data-copy]` buttons copy the text of the element they name, and say so.
 * @param {ParentNode} [within]
 */
export function wireCopying(within = document) {
  for (const button of within.querySelectorAll('[data-copy]')) {
    button.addEventListener('click', async () => {
      const source = $(button.dataset.copy);
      const copied = await copy(source.value ?? source.textContent, source);
      const label = button.dataset.label ??= button.textContent;
      button.textContent = copied ? 'Copied' : 'Press Ctrl+C';
      setTimeout(() => { button.textContent = label; }, 1600);
    });
  }
}

async function copy(text, source) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No clipboard on plain HTTP: select it, the person copies.
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    return false;
  }
}
