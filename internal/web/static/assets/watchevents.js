/**
 * What the server tells, on the watch page: how many watch, which layers there are, what
 * the network carries, what the publisher could do better.
 * @module watchevents
 */
import { Trace, plotSample, stillTrue } from './plot.js';
import { PlotView } from './plotview.js';
import { Problem } from './problem.js';
import { fullRate, qualityMenu } from './quality.js';
import { QualityMenu } from './qualitymenu.js';
import { showRemarks } from './remarks.js';
import { $ } from './ui.js';
import { words } from './words.js';

/** How long a notice of something that went wrong stays, in milliseconds. */
const noticeTime = 6_000;

/** Statuses that say the layer is not there. */
const gone = new Set([404, 409, 422]);
const unavailable = { title: 'That quality is not there now', text: 'The picture stays as it is.' };

/** Follows a WHEPClient from before it plays. */
export class ServerView {
  #client;
  #layers = [];
  #statistics = null;
  #rate = null;
  #stats = null;
  #trace = new Trace();
  #plot = new PlotView($('plot-figure'));
  #menu;
  #complaint = '';
  #timer = 0;

  /** @param {import('./whep.js').WHEPClient} client */
  constructor(client) {
    this.#client = client;
    this.#menu = new QualityMenu($('quality'), (entry) => this.#select(entry));
    const on = (name, hear) => client.addEventListener(name, ({ detail }) => hear(detail));
    on('layers', (layers) => { this.#layers = layers; this.#show(); });
    on('statistics', (value) => { this.#statistics = { at: performance.now(), value }; this.#show(); });
    on('selection', ({ problem }) => { if (problem) this.#complain(problem); this.#show(); });
    on('viewercount', (count) => this.#count(count));
    on('diagnosis', (list) => remark(list));
    on('stats', (stats) => this.#measure(stats));
    on('state', ({ state }) => this.#turn(state));
  }

  /** True while the menu is open. */
  get busy() {
    return this.#menu.open;
  }

  /** True while the server holds video back. */
  get paused() {
    return this.#told()?.paused === true;
  }

  #told() {
    return stillTrue(this.#statistics, performance.now());
  }

  /** Opens or closes the menu. */
  toggleMenu() {
    if (this.#menu.open) this.#menu.close();
    else this.#menu.show();
  }

  /** Shows or hides the plot. @param {boolean} [visible]  the other way round without it */
  showPlot(visible = $('plot').hidden) {
    $('plot').hidden = !visible;
    $('plot-button').setAttribute('aria-pressed', String(visible));
    this.draw();
  }

  /** Draws the plot anew, as after a change of the window's size. */
  draw() {
    if (!$('plot').hidden) this.#plot.draw(this.#trace.samples, performance.now());
  }

  async #select({ selection }) {
    this.#complaint = '';
    try {
      await (selection ? this.#client.selectLayer(selection) : this.#client.automatic());
    } catch (error) {
      this.#complain(Problem.of(error));
    }
    this.#show();
  }

  #complain(problem) {
    clearTimeout(this.#timer);
    const { title, text } = gone.has(problem.status) ? unavailable : words(problem, 'play');
    this.#complaint = `${title}. ${text}`;
    this.#timer = setTimeout(() => { this.#complaint = ''; this.#show(); }, noticeTime);
  }

  #turn(state) {
    // Without a session nothing is known; what was, is of the past.
    if (state !== 'playing' && state !== 'waiting') this.#statistics = null;
    if (state === 'failed' || state === 'stopped') {
      this.#layers = [];
      this.#count(0);
      remark([]);
    }
    this.#show();
  }

  #measure(stats) {
    const at = performance.now();
    const sample = plotSample(at, stats, this.#stats, this.#statistics);
    this.#stats = stats;
    if (this.#client.state === 'playing') this.#trace.add(sample);
    this.#rate = fullRate(this.#layers, this.#told(), stats.video?.fps ?? null) ?? this.#rate;
    this.#show();
    this.draw();
  }

  #show() {
    const { selects, selection } = this.#client;
    const statistics = this.#told();
    const shown = this.#client.stats?.video ?? null;
    this.#menu.update(selects ? qualityMenu({ layers: this.#layers, statistics, selection, shown, rate: this.#rate }) : []);
    const paused = this.paused && this.#client.state === 'playing';
    say(this.#complaint || (paused ? 'Sound only for now: the network carries no picture. It comes back by itself.' : ''));
  }

  #count(count) {
    $('viewers').hidden = count < 1;
    $('viewer-count').textContent = String(count);
  }
}

/** The notice is read aloud: only when it changes. */
function say(text) {
  const notice = $('video-notice');
  if (notice.textContent === text) return;
  notice.textContent = text;
  notice.classList.toggle('on', text !== '');
}

/** What the publisher could do better, under the statistics. */
function remark(list) {
  showRemarks($('diagnosis'), $('diagnosis-list'), list);
}
