// Reports when sound begins after silence, to the sample.

const threshold = 0.1; // of full scale: above the hum, below the beep
const silence = 0.3; // seconds below the threshold before a new beginning counts
const reportEvery = 0.5; // seconds between reports of the loudest sample

class Onset extends AudioWorkletProcessor {
  constructor() {
    super();
    this.lastLoud = currentTime; // a beep already sounding has no beginning
    this.loudest = 0;
    this.reported = currentTime;
  }

  process([[samples]]) {
    samples?.forEach((sample, i) => this.hear(Math.abs(sample), currentTime + i / sampleRate));
    if (currentTime - this.reported > reportEvery) {
      this.port.postMessage({ loudest: this.loudest });
      this.reported = currentTime;
    }
    return true;
  }

  hear(level, at) {
    this.loudest = Math.max(this.loudest, level);
    if (level < threshold) return;
    if (at - this.lastLoud > silence) this.port.postMessage({ onset: at });
    this.lastLoud = at;
  }
}

registerProcessor('onset', Onset);
