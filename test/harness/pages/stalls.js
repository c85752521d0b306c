// Notes when this machine let a page wait: a gap in a picture is nobody's fault then.

const every = 50; // ms between two looks at the clock
const late = 100; // ms past its time from which a look counts as a stall
const maxStalls = 10_000; // remembered

export class Stalls {
  #list = []; // [from, until] of each, in milliseconds since 1970
  #last = performance.now();
  #timer = setInterval(() => this.#look(), every);

  #look() {
    const now = performance.now();
    if (now - this.#last > every + late && this.#list.length < maxStalls) {
      this.#list.push([performance.timeOrigin + this.#last + every, performance.timeOrigin + now]);
    }
    this.#last = now;
  }

  // since returns those that ended after a moment, in milliseconds since 1970.
  since(from) {
    return this.#list.filter(([, until]) => until >= from);
  }

  stop() {
    clearInterval(this.#timer);
  }
}
