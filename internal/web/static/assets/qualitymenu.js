/**
 * The menu of layers: a button and the list it opens, for pointers and keys (ARIA menu
 * button with radio items).
 * @module qualitymenu
 */
import { element } from './ui.js';

/** Least entries for a choice: automatic, and two layers. */
const leastEntries = 3;

/** A menu of quality.js entries. */
export class QualityMenu {
  #box;
  #button;
  #text;
  #list;
  #choose;
  #items = new Map();
  #entries = [];

  /**
   * @param {HTMLElement} box  holds the button, with a span for its text, and the list
   * @param {(entry: import('./quality.js').Entry) => void} choose
   */
  constructor(box, choose) {
    this.#box = box;
    this.#button = box.querySelector('button');
    this.#text = this.#button.querySelector('span');
    this.#list = box.querySelector('[role=menu]');
    this.#choose = choose;
    this.#button.addEventListener('click', () => (this.open ? this.close() : this.show()));
    this.#button.addEventListener('keydown', (event) => this.#buttonKey(event));
    this.#list.addEventListener('keydown', (event) => this.#listKey(event));
    this.#list.addEventListener('click', ({ target }) => this.#pick(target.closest('[role=menuitemradio]')));
    addEventListener('pointerdown', ({ target }) => this.open && !box.contains(target) && this.close(false));
  }

  /** Whether the list is open. */
  get open() {
    return !this.#list.hidden;
  }

  /** @param {import('./quality.js').Entry[]} entries  fewer than a choice: the button goes away */
  update(entries) {
    this.#entries = entries;
    this.#box.hidden = entries.length < leastEntries;
    if (this.#box.hidden) return this.close(false);
    const short = (entries.find((entry) => entry.chosen) ?? entries[0]).short;
    if (this.#text.textContent !== short) this.#text.textContent = short;
    this.#button.setAttribute('aria-label', `Quality: ${short}`);
    this.#fill();
  }

  /** Opens the list, at what was chosen. */
  show() {
    if (this.#box.hidden) return;
    this.#list.hidden = false;
    this.#button.setAttribute('aria-expanded', 'true');
    this.#focus(Math.max(this.#entries.findIndex((entry) => entry.chosen), 0));
  }

  /** @param {boolean} [back]  gives the focus back to the button */
  close(back = true) {
    if (!this.open) return;
    this.#list.hidden = true;
    this.#button.setAttribute('aria-expanded', 'false');
    if (back) this.#button.focus();
  }

  /** Writes the entries, into the items that are there: the focus must not move. */
  #fill() {
    const keys = new Set(this.#entries.map(({ key }) => key));
    for (const [key, item] of this.#items) {
      if (keys.has(key)) continue;
      if (item === document.activeElement) this.#focus(0);
      item.remove();
      this.#items.delete(key);
    }
    this.#entries.forEach((entry, i) => {
      if (!this.#items.has(entry.key)) this.#items.set(entry.key, newItem());
      const item = this.#items.get(entry.key);
      write(item, entry);
      if (this.#list.children[i] !== item) this.#list.insertBefore(item, this.#list.children[i] ?? null);
    });
  }

  #pick(item) {
    const entry = this.#entries.find(({ key }) => this.#items.get(key) === item);
    if (!entry || entry.paused) return;
    this.close();
    this.#choose(entry);
  }

  #buttonKey(event) {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    event.preventDefault();
    this.show();
  }

  #listKey(event) {
    const all = [...this.#list.children];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (event.key === 'Escape') this.close();
    else if (event.key === 'Tab') this.close(false);
    else if (to !== undefined) this.#focus(to % all.length);
    if (event.key === 'Escape' || to !== undefined) event.preventDefault();
    if (event.key !== 'Tab') event.stopPropagation();
  }

  #focus(index) {
    this.#list.children[index]?.focus();
  }
}

function newItem() {
  return element('button', { type: 'button', role: 'menuitemradio', tabindex: '-1' },
    element('b'), element('span', { class: 'note' }), element('span', { class: 'now', title: 'On the screen now' }));
}

function write(item, { label, note, paused, current, chosen }) {
  const [name, more, now] = item.children;
  name.textContent = label;
  more.textContent = note;
  now.hidden = !current;
  item.setAttribute('aria-checked', String(chosen));
  item.setAttribute('aria-disabled', String(paused));
  item.setAttribute('aria-label', [label, note, current && 'on the screen now'].filter(Boolean).join(', '));
}
