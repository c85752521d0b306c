/**
 * Facts of the operator's pages in words and in tiles.
 * @module adminfacts
 */
import { element, size } from './ui.js';

/** 12 KiB, 3.4 MiB. @param {number} n */
export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${n.toFixed(i > 0 && n < 10 ? 1 : 0)} ${units[i]}`;
}

/** VP8 1280 × 720, 3 encodings. @param {object[]} encodings */
export function codecAndSize(encodings) {
  if (encodings.length === 0) return '–';
  const best = encodings.reduce((a, b) => ((b.width ?? 0) * (b.height ?? 0) > (a.width ?? 0) * (a.height ?? 0) ? b : a));
  const known = size(best);
  return [best.codec, known !== '–' && known, encodings.length > 1 && `in ${encodings.length} encodings`].filter(Boolean).join(' ');
}

/**
 * Keeps a description list of tiles; what has not changed is left alone.
 * @param {HTMLElement} list
 * @param {[string, string][]} facts
 */
export function tiles(list, facts) {
  if (list.children.length !== facts.length) {
    list.replaceChildren(...facts.map(() => element('div', {}, element('dt'), element('dd'))));
  }
  facts.forEach(([name, value], i) => {
    const [dt, dd] = list.children[i].children;
    if (dt.textContent !== name) dt.textContent = name;
    if (dd.textContent !== value) dd.textContent = value;
  });
}
