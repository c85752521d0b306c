/**
 * Draws the plot of plot.js as SVG, with a legend that has the figures of now.
 * @module plotview
 */
import { describe, plotModel } from './plot.js';
import { shortSize } from './quality.js';
import { amount, bitrate, element } from './ui.js';

const namespace = 'http://www.w3.org/2000/svg';

/** Room around and between the parts, in pixels. */
const left = 70;
const right = 14;
const top = 16;
const gap = 16;
const bottom = 20;

/** Heights of the parts, in pixels. */
const flowHeight = 116;
const rowHeight = 16;
const rateHeight = 30;

/** Least width of a plot, in pixels. */
const leastWidth = 240;

/** Below this width every other time at the axis is left out, in pixels. */
const roomy = 380;

/** A plot in a figure; draw() may be called as often as there is something new. */
export class PlotView {
  #svg = shape('svg', { role: 'img' });
  #legend;

  /** @param {HTMLElement} figure  is emptied */
  constructor(figure) {
    this.#legend = element('figcaption', { class: 'legend' });
    figure.replaceChildren(this.#legend, this.#svg);
  }

  /**
   * @param {import('./plot.js').Sample[]} samples
   * @param {number} now
   */
  draw(samples, now) {
    const width = Math.max(this.#svg.parentElement.clientWidth, leastWidth);
    const inner = width - left - right;
    const plot = plotModel(samples, now, { width: inner, height: flowHeight, rateHeight });
    const rowsHeight = Math.max(plot.rows.length, 1) * rowHeight;
    const [rowsAt, rateAt] = [top + flowHeight + gap, top + flowHeight + rowsHeight + 2 * gap];
    const height = rateAt + rateHeight + bottom;
    setAll(this.#svg, { viewBox: `0 0 ${width} ${height}`, height: String(height), 'aria-label': `Bandwidth of the last two minutes. ${describe(samples.at(-1))}` });
    this.#svg.replaceChildren(
      grid(plot, inner, height),
      ...flows(plot, inner),
      ...layers(plot, rowsAt, rowsHeight, inner),
      ...frames(plot, rateAt, inner),
    );
    this.#legend.replaceChildren(...legend(samples.at(-1)));
  }
}

/** Times, and what goes through all parts: the freezes. */
function grid(plot, width, height) {
  const shown = width < roomy ? plot.times.filter((_, i) => i % 2 === 0) : plot.times;
  return group('grid', left, 0,
    ...plot.freezes.map((f) => shape('rect', { class: 'freeze', x: f.x, y: top, width: Math.max(f.width, 2), height: height - top - bottom })),
    ...shown.map(({ x }) => line(x, top, x, height - bottom)),
    ...shown.map(({ x, text }, i) => label(x, height - 5, text, i === 0 ? 'start' : i === shown.length - 1 ? 'end' : 'middle')));
}

function flows(plot, width) {
  return [
    group('axis', left, top,
      ...plot.ticks.map(({ y }) => line(0, y, width, y)),
      ...plot.ticks.map(({ y, text }) => label(-8, y + 4, text, 'end')),
      label(-8, -6, plot.unit, 'end')),
    group('flows', left, top, ...area(plot.lines.bitrate), ...curves(plot.lines.received, 'received'), ...curves(plot.lines.bitrate, 'sent'), ...curves(plot.lines.estimate, 'estimate')),
  ];
}

function layers(plot, y, height, width) {
  const rows = plot.rows.length > 0 ? plot.rows : [{ label: 'no layer', y: 0.5 }];
  const thick = rowHeight - 5;
  const middle = (row) => rows[row].y * height;
  const jumps = plot.steps.slice(1).map((step, i) => [plot.steps[i], step]).filter(([a, b]) => Math.abs(a.x + a.width - b.x) < 1);
  return [group('layers', left, y,
    ...rows.map((row) => line(0, row.y * height, width, row.y * height)),
    ...rows.map((row) => label(-8, row.y * height + 4, row.label, 'end')),
    ...jumps.map(([a, b]) => shape('path', { class: 'jump', d: `M${b.x} ${middle(a.row)}V${middle(b.row)}` })),
    ...plot.steps.map((s) => shape('rect', { class: s.paused ? 'step paused' : 'step', x: s.x, y: middle(s.row) - thick / 2, width: Math.max(s.width, 2), height: thick, rx: 3 })))];
}

function frames(plot, y, width) {
  return [group('frames', left, y,
    ...plot.rate.ticks.map((t) => line(0, t.y, width, t.y)),
    ...plot.rate.ticks.map((t) => label(-8, t.y + 4, t.text === '0' ? '0' : `${t.text} fps`, 'end')),
    ...curves(plot.rate.line, 'rate'))];
}

function curves(pieces, name) {
  return pieces.map((points) => shape('path', { class: `curve ${name}`, d: path(points) }));
}

/** The ground under a line, down to zero. */
function area(pieces) {
  return pieces.filter((points) => points.length > 1)
    .map((points) => shape('path', { class: 'area', d: `${path(points)}V${flowHeight}H${points[0].x.toFixed(1)}Z` }));
}

/** A single point becomes a dot, by a line without length. */
function path(points) {
  return points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('') + (points.length === 1 ? 'h0' : '');
}

function legend(sample) {
  if (!sample) return [element('span', {}, 'Nothing measured yet')];
  const layer = sample.paused ? 'sound only' : sample.layer && (shortSize(sample.layer) || sample.layer.rid);
  return [
    entry('estimate', 'Estimate', sample.estimate === null ? null : bitrate(sample.estimate)),
    entry('sent', 'Sent', sample.bitrate === null ? null : bitrate(sample.bitrate)),
    entry('received', 'Received', sample.received === null ? null : bitrate(sample.received)),
    entry('layer', 'Layer', layer || null),
    entry('rate', 'Frames', sample.fps === null ? null : amount(sample.fps, 'fps')),
    entry('freeze', 'Freeze', ''),
  ].filter(Boolean);
}

/** A line of the legend; null if there is nothing to it. */
function entry(kind, name, value) {
  if (value === null) return null;
  return element('span', { class: kind }, element('i', { 'aria-hidden': 'true' }), name, element('b', {}, value));
}

function group(name, x, y, ...children) {
  const made = shape('g', { class: name, transform: `translate(${x} ${y})` });
  made.append(...children);
  return made;
}

function line(x1, y1, x2, y2) {
  return shape('path', { class: 'rule', d: `M${x1.toFixed(1)} ${y1.toFixed(1)}L${x2.toFixed(1)} ${y2.toFixed(1)}` });
}

function label(x, y, text, anchor) {
  const made = shape('text', { x: x.toFixed(1), y: y.toFixed(1), 'text-anchor': anchor });
  made.textContent = text;
  return made;
}

function shape(tag, attributes) {
  const made = document.createElementNS(namespace, tag);
  setAll(made, attributes);
  return made;
}

function setAll(target, attributes) {
  for (const [name, value] of Object.entries(attributes)) target.setAttribute(name, String(value));
}
