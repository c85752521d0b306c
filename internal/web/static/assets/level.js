/**
 * How loud a stream is, for a meter.
 * @module level
 */

/** Pause between two readings, in milliseconds. */
const interval = 80;

/** The quietest level shown, in decibels below full scale. */
const floor = -54;

/** Listens to a stream until stop(). */
export class Level {
  #context = new AudioContext();
  #timer;

  /**
   * @param {MediaStream} stream
   * @param {(level: number) => void} show  0 to 1, on a decibel scale
   * @returns {?Level}  null if there is no sound or no WebAudio
   */
  static of(stream, show) {
    return stream.getAudioTracks().length > 0 && globalThis.AudioContext ? new Level(stream, show) : null;
  }

  /** @private use Level.of */
  constructor(stream, show) {
    const analyser = this.#context.createAnalyser();
    analyser.fftSize = 1024;
    this.#context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      show(loudness(samples));
    }, interval);
  }

  /** Starts where the browser wanted a click first. */
  resume() {
    if (this.#context.state === 'suspended') this.#context.resume().catch(() => {});
  }

  stop() {
    clearInterval(this.#timer);
    this.#context.close();
  }
}

/** @param {Float32Array} samples  @returns {number} 0 to 1 */
export function loudness(samples) {
  const power = samples.reduce((sum, v) => sum + v * v, 0) / samples.length;
  const decibels = 10 * Math.log10(power + 1e-12);
  return Math.min(Math.max(1 - decibels / floor, 0), 1);
}
