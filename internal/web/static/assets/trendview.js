/**
 * Draws the plots of trend.js as SVG, each with a legend that has the figures of now.
 * @module trendview
 */
import { percent } from './figures.js';
import { lineCharts, lineModel, shareModel } from './trend.js';
import { element } from './ui.js';

const namespace = 'http://www.w3.org/2000/svg';

/** Room around a plot and its height, in pixels. */
const [left, right, top, bottom, tall] = [68, 10, 10, 20, 110];

/** Least width of a plot, in pixels. */
const leastWidth = 220;

/** What the axis of time says. */
const minutes = [5, 4, 3, 2, 1, 0];

/** The four plots of a stream. */
export class TrendView {
  #figures = {};

  /** @param {HTMLElement} parent  is emptied */
  constructor(parent) {
    const titles = { ...Object.fromEntries(Object.entries(lineCharts).map(([id, { title }]) => [id, title])), layers: 'Layers' };
    parent.replaceChildren(...Object.entries(titles).map(([id, title]) => {
      const svg = shape('svg', { role: 'img' });
      const legend = element('div', { class: 'legend' });
      this.#figures[id] = { svg, legend };
      return element('figure', { class: 'panel trend', 'data-trend': id }, element('figcaption', {}, element('h3', {}, title), legend), svg);
    }));
  }

  /**
   * @param {import('./trend.js').Sample[]} samples
   * @param {number} now
   */
  draw(samples, now) {
    for (const [id, chart] of Object.entries(lineCharts)) {
      const { svg, legend } = this.#figures[id];
      const area = areaOf(svg);
      const model = lineModel(samples, now, area, chart);
      fill(svg, area, `${chart.title}, last five minutes. Now: ${model.lines.map((l) => `${l.name} ${l.now}`).join(', ')}.`,
        ...axis(model.ticks, area),
        ...model.lines.flatMap((l, i) => l.pieces.map((points) => shape('path', { class: `curve line${i}`, d: pathOf(points) }))));
      legend.replaceChildren(...model.lines.map((l, i) => key(`line${i}`, l.name, l.now)));
    }
    this.#layers(samples, now);
  }

  #layers(samples, now) {
    const { svg, legend } = this.#figures.layers;
    const area = areaOf(svg);
    const { bands } = shareModel(samples, now, area);
    fill(svg, area, `Share of subscribers at each layer, last five minutes. Now: ${bands.map((b) => `${b.name} ${percent(b.now)}`).join(', ') || 'nobody'}.`,
      ...bands.flatMap((b, i) => b.steps.map((s) => shape('rect', { class: `band band${i}`, x: s.x, y: s.y, width: s.width + 0.5, height: s.height }))),
      ...axis([{ y: area.height, text: '0' }, { y: area.height / 2, text: '50 %' }, { y: 0, text: '100 %' }], area));
    // The best layer is the uppermost band, and the first in the legend.
    legend.replaceChildren(...bands.map((b, i) => key(`band${i}`, b.name, percent(b.now))).reverse());
  }
}

function areaOf(svg) {
  const width = Math.max(svg.parentElement.clientWidth - 40, leastWidth);
  return { width: width - left - right, height: tall };
}

function fill(svg, { width, height }, text, ...children) {
  const [w, h] = [width + left + right, height + top + bottom];
  set(svg, { viewBox: `0 0 ${w} ${h}`, height: h, 'aria-label': text });
  svg.replaceChildren(set(shape('g', {}, ...children), { transform: `translate(${left} ${top})` }));
}

function axis(ticks, { width, height }) {
  const shown = width < 300 ? minutes.filter((m) => m % 5 === 0) : minutes;
  return [
    ...ticks.flatMap(({ y, text }) => [line(0, y, width, y), label(-8, y + 4, text, 'end')]),
    ...shown.map((m) => label(width * (1 - m / 5), height + 16, m === 0 ? 'now' : `−${m} min`, m === 0 ? 'end' : m === 5 ? 'start' : 'middle')),
  ];
}

/** A line; a single point is a dot: round ends make it one. */
function pathOf(points) {
  const [first, ...rest] = points.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`);
  return rest.length > 0 ? `M${first}L${rest.join('L')}` : `M${first}h0`;
}

function key(kind, name, value) {
  return element('span', { class: kind }, element('i'), name, element('b', {}, value));
}

function line(x1, y1, x2, y2) {
  return shape('line', { class: 'rule', x1, y1, x2, y2 });
}

function label(x, y, text, anchor) {
  return shape('text', { x, y, 'text-anchor': anchor }, text);
}

function shape(tag, attributes = {}, ...children) {
  const made = document.createElementNS(namespace, tag);
  made.append(...children);
  return set(made, attributes);
}

function set(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, typeof value === 'number' ? String(Math.round(value * 10) / 10) : value);
  return node;
}
