// Where programs find what they measure in the pictures that the tests publish. It is the layout
// of whippet's own clip; the other pictures follow it.

// The clip's picture, in whose pixels the places below are given.
const clip = { width: 640, height: 360 };

// flashField returns the rectangle that turns white once a second, while the beep sounds.
export function flashField(width, height) {
  const [sx, sy] = [width / clip.width, height / clip.height];
  return { x: 524 * sx, y: 244 * sy, w: 96 * sx, h: 96 * sy };
}

const cells = 20; // of the counter: white, black, 16 bits, their parity, its opposite
const bits = 16;
const counterHeight = 24; // of the clip's pixels, along the upper edge
const leastContrast = 60; // of 255; a grey picture has none
const sharpness = 4; // pixels a cell is looked at with, each way

// CounterReader reads the number of the clip's frame out of a picture.
export class CounterReader {
  #canvas = new OffscreenCanvas(cells * sharpness, sharpness);
  #draw = this.#canvas.getContext('2d', { willReadFrequently: true });

  // read returns 0 to 65535, or null: no counter, or an unreadable one.
  read(video) {
    const height = (video.videoHeight * counterHeight) / clip.height;
    this.#draw.drawImage(video, 0, 0, video.videoWidth, height, 0, 0, cells * sharpness, sharpness);
    const { data, width } = this.#draw.getImageData(0, 0, cells * sharpness, sharpness);
    return decode(Array.from({ length: cells }, (_, i) => middle(data, width, i * sharpness)));
  }
}

// middle returns the brightness of a cell's inner four pixels.
function middle(data, width, left) {
  let sum = 0;
  for (const y of [1, 2]) for (const x of [1, 2]) sum += data[(y * width + left + x) * 4 + 1];
  return sum / 4;
}

function decode(levels) {
  if (levels[0] - levels[1] < leastContrast) return null;
  const threshold = (levels[0] + levels[1]) / 2;
  const row = levels.map(level => (level > threshold ? 1 : 0));
  const number = row.slice(2, 2 + bits);
  const odd = number.reduce((a, b) => a ^ b);
  if (row[bits + 2] !== odd || row[bits + 3] === odd) return null;
  return number.reduce((n, bit) => n * 2 + bit);
}
