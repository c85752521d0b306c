/**
 * A moving picture and a tone to publish where there is no camera. The picture shows
 * the sender's clock, to people and to timecode.js; once a second, on the second, it
 * flashes while a beep sounds, so that sound and picture can be compared.
 * @module testpicture
 */
import { band, draw as drawTimecode } from './timecode.js';

/** How long flash and beep last, in milliseconds. */
const beep = 100;

/** Beeps planned ahead, in milliseconds: more than the page is ever late. */
const ahead = 1_500;

/** The hound of hound.svg, in a box of 240 × 112. */
const hound =
  'M229 33C231 36 229 40 224 40.5C214 41.5 206 42 199 44C190 49 182 58 176 66C172 72 168 75 163 77C180 80 196 82 210 87C218 89 225 90 229 92C232 94 230 97 226 96.5C214 95.5 202 93 190 91C176 90 162 90 152 85C147 83 143 81 138 79C128 75 116 66 104 62C98 62 93 65 88 69C80 77 68 82 56 88C44 94 32 99 20 103C16 105 11 107 8 105C6 103 8 101 12 99.5C24 94 34 88 44 81C50 75 56 68 60 60C63 53 66 48 70 45C58 49 44 56 30 59C20 61 10 60 3 54C14 57 24 56 34 52C48 46 60 39 74 37C90 31 108 29 124 31C136 33 146 33 156 30C166 26 174 21 182 17C178 18 174 18.5 170 17.5C175 13 182 10 189 11C196 10 202 13 206 18C214 22 223 27 229 33Z';

/** Bars of the test picture. */
const bars = ['#e8e2d4', '#d9b44a', '#5fb3a3', '#4f9e5b', '#a9649b', '#c2553f', '#3c5fa0'];

/** Publishes itself: take `stream`, and call stop() when done with it. */
export class TestPicture {
  #context;
  #ticker;
  #frame = 0;
  #hound = new Path2D(hound);
  #tone = null;

  /**
   * @param {object} [options]
   * @param {number} [options.width]   pixels, even
   * @param {number} [options.height]
   * @param {number} [options.fps]     frames per second
   * @param {string} [options.name]    shown in the picture
   * @param {boolean} [options.audio]  false: silent
   */
  constructor({ width = 1280, height = 720, fps = 30, name = '', audio = true } = {}) {
    this.name = name;
    this.canvas = document.createElement('canvas');
    [this.canvas.width, this.canvas.height] = [width, height];
    this.#context = this.canvas.getContext('2d', { alpha: false });
    this.#paint();
    /** Picture and tone. @type {MediaStream} */
    this.stream = this.canvas.captureStream(fps);
    this.stream.getVideoTracks()[0].contentHint = 'motion';
    if (audio && globalThis.AudioContext) {
      this.#tone = new Tone();
      this.stream.addTrack(this.#tone.track);
    }
    this.#ticker = new Worker(new URL('./ticker.js', import.meta.url));
    this.#ticker.addEventListener('message', () => this.#tick());
    this.#ticker.postMessage(1000 / fps);
  }

  /** Lets the tone sound where the browser wanted a click first. */
  resume() {
    this.#tone?.resume();
  }

  /** Ends both tracks and frees everything. */
  stop() {
    this.#ticker.terminate();
    this.#tone?.stop();
    for (const track of this.stream.getTracks()) track.stop();
  }

  #tick() {
    this.#paint();
    this.#tone?.plan(Date.now());
  }

  #paint() {
    const context = this.#context;
    const { width, height } = this.canvas;
    const now = Date.now();
    context.setTransform(width / 1280, 0, 0, height / 720, 0, 0);
    this.#background(context, now);
    this.#clock(context, now);
    context.setTransform(1, 0, 0, 1, 0, 0);
    drawTimecode(context, now, width, height);
    this.#frame++;
  }

  #background(context, now) {
    context.fillStyle = '#0f1a17';
    context.fillRect(0, 0, 1280, 720);
    bars.forEach((color, i) => {
      context.fillStyle = color;
      context.fillRect(Math.floor((i * 1280) / bars.length), 0, Math.ceil(1280 / bars.length), 210);
    });
    // A line that crosses the picture every two seconds shows tearing and stutter.
    context.fillStyle = '#fbf7ef';
    context.fillRect(((now % 2000) / 2000) * 1280 - 3, 210, 6, 720 * (1 - band) - 210);
    this.#run(context, now);
  }

  /** The hound crosses the picture every six seconds. */
  #run(context, now) {
    const stride = Math.sin((now / 160) % (2 * Math.PI));
    context.save();
    context.translate(((now % 6000) / 6000) * 1640 - 300, 64 + stride * 6);
    context.rotate(stride * 0.03);
    context.fillStyle = '#0f1a17';
    context.fill(this.#hound);
    context.restore();
  }

  #clock(context, now) {
    const time = new Date(now).toISOString().slice(11, 23);
    context.textAlign = 'center';
    context.textBaseline = 'alphabetic';
    context.fillStyle = '#fbf7ef';
    context.font = '700 168px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
    context.fillText(time, 640, 430, 1220);
    context.font = '500 40px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace';
    context.fillText(`${this.name || 'test picture'}  ·  UTC  ·  frame ${this.#frame}`, 640, 520, 1220);
    const flash = now % 1000 < beep;
    context.fillStyle = flash ? '#fbf7ef' : '#24433a';
    context.beginPath();
    context.arc(640, 590, 38, 0, 2 * Math.PI);
    context.fill();
  }
}

/** A quiet chord, another tone on each side, and a beep at every full second. */
class Tone {
  #context = new AudioContext({ latencyHint: 'interactive' });
  #gain = this.#context.createGain();
  #planned = 0;

  constructor() {
    const out = this.#context.createMediaStreamDestination();
    this.#voice(220, 0.03, -1).connect(out);
    this.#voice(277.2, 0.03, 1).connect(out);
    this.#gain.gain.value = 0;
    const beeper = this.#context.createOscillator();
    beeper.frequency.value = 1000;
    beeper.connect(this.#gain).connect(out);
    beeper.start();
    [this.track] = out.stream.getAudioTracks();
    this.resume();
  }

  resume() {
    if (this.#context.state === 'suspended') this.#context.resume().catch(() => {});
  }

  stop() {
    this.#context.close();
  }

  /** Plans the beeps of the next seconds on the audio clock. */
  plan(now) {
    if (this.#context.state !== 'running') return;
    for (let at = Math.max(Math.ceil(now / 1000) * 1000, this.#planned + 1000); at < now + ahead; at += 1000) {
      const from = this.#context.currentTime + (at - now) / 1000;
      this.#gain.gain.setValueAtTime(0.25, from);
      this.#gain.gain.setValueAtTime(0, from + beep / 1000);
      this.#planned = at;
    }
  }

  #voice(frequency, volume, side) {
    const oscillator = this.#context.createOscillator();
    const [gain, pan] = [this.#context.createGain(), this.#context.createStereoPanner()];
    [oscillator.frequency.value, gain.gain.value, pan.pan.value] = [frequency, volume, side];
    oscillator.connect(gain).connect(pan);
    oscillator.start();
    return pan;
  }
}
