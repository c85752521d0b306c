/**
 * Two video elements that act as one: the next stream plays unseen and unheard until it
 * has a picture, and only then takes the place of the one on show.
 * @module screen
 */

/** How long the first frame of the next stream may take before it is shown without, in milliseconds. */
const longestWait = 4_000;

/** HTMLMediaElement.HAVE_CURRENT_DATA: there is a picture. */
const hasPicture = 2;

/** Shows one stream after the other. */
export class Screen {
  #front;
  #spare;
  #turn = 0;
  #changed;

  /**
   * @param {HTMLVideoElement} front  has the class `front`, and sound and volume of the person's choice
   * @param {HTMLVideoElement} spare
   * @param {(video: HTMLVideoElement) => void} [changed]  another element is in front
   */
  constructor(front, spare, changed = () => {}) {
    [this.#front, this.#spare, this.#changed] = [front, spare, changed];
  }

  /** The element on show. @returns {HTMLVideoElement} */
  get video() {
    return this.#front;
  }

  /**
   * Shows a stream, muted if the browser wants it so.
   * @param {MediaStream} stream
   * @returns {Promise<void>}  when the stream before it is no longer needed
   */
  async show(stream) {
    const mine = ++this.#turn;
    const [old, next] = [this.#front, this.#spare];
    if (old.srcObject === null || old.readyState < hasPicture || elsewhere(old)) return put(old, stream);
    next.muted = true;
    next.classList.add('next');
    const shown = firstFrame(next);
    await put(next, stream);
    await shown;
    if (mine === this.#turn) await this.#swap(old, next);
  }

  async #swap(old, next) {
    [this.#front, this.#spare] = [next, old];
    next.volume = old.volume;
    // In one go: the page is painted before or after this, never in between.
    next.classList.replace('next', 'front');
    old.classList.remove('front');
    next.removeAttribute('aria-hidden');
    old.setAttribute('aria-hidden', 'true');
    next.muted = old.muted;
    old.muted = true;
    old.srcObject = null;
    this.#changed(next);
    // Browsers stop an element that begins to sound where nobody clicked.
    if (next.paused) await put(next, next.srcObject);
    this.#changed(next);
  }
}

/** Plays, with sound where the browser lets us. */
async function put(video, stream) {
  if (video.srcObject !== stream) video.srcObject = stream;
  try {
    await video.play();
  } catch (error) {
    if (error.name !== 'NotAllowedError') return;
    video.muted = true;
    await video.play().catch(() => {});
  }
}

/** True if the browser shows the element by itself: there it cannot be exchanged. */
function elsewhere(video) {
  return globalThis.document?.pictureInPictureElement === video || video.webkitDisplayingFullscreen === true;
}

function firstFrame(video) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, longestWait);
    const seen = () => {
      clearTimeout(timer);
      resolve();
    };
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(seen);
    else video.addEventListener('loadeddata', seen, { once: true });
  });
}
