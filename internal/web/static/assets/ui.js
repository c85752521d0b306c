/**
 * Small things all pages share: where we are, tokens, words for numbers, copying.
 * @module ui
 */

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

/** 2.4 Mbit/s. @param {number} bits  per second */
export function bitrate(bits) {
  if (bits >= 999_500) return `${(bits / 1e6).toFixed(bits >= 9.95e6 ? 0 : 1)} Mbit/s`;
  return `${Math.round(bits / 1000)} kbit/s`;
}

/** 45 s, 12 min, 3 h 5 min. @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(Math.floor(ms / 1000), 0);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** 0:45, 12:03, 3:05:00. @param {number} ms */
export function clock(ms) {
  const seconds = Math.max(Math.floor(ms / 1000), 0);
  const pad = (n) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${pad(m)}:${pad(s)}` : `${m}:${pad(s)}`;
}

/** A number with its unit, or a dash. */
export function amount(value, unit, digits = 0) {
  if (value === null || value === undefined) return '–';
  return value > 0 && value < 0.5 && digits === 0 ? `< 1 ${unit}` : `${value.toFixed(digits)} ${unit}`;
}

/** 1.2 %. @param {?number} share 0 to 1 */
export function percent(share) {
  return share === null ? '–' : `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

/** 1280 × 720, or a dash. */
export function size({ width, height }) {
  return width && height ? `${width} × ${height}` : '–';
}
