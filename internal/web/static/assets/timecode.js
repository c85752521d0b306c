/**
 * A time code drawn into a picture that survives video compression: the sender's
 * wall clock in milliseconds as black and white blocks.
 *
 * It is a band along the lower edge, as wide as the picture and 1/12 as high: two rows
 * of 22 blocks. Each row begins with two blocks of known colour (white black above,
 * black white below), which also give the reader its black and white levels. The other 40 hold 32 bits of
 * time in Gray code, most significant first, then 8 bits CRC of the plain number. The
 * smallest readable picture is about 160 pixels wide.
 *
 * Time wraps after 49.7 days; the reader takes the moment nearest to its own clock.
 * @module timecode
 */

export const columns = 22;
export const rows = 2;

/** Height of the band as a share of the picture's height. */
export const band = 1 / 12;

/** What each row begins with: 1 is white. */
const marks = [[1, 0], [0, 1]];

const timeBits = 32;
const checkBits = 8;
const wrap = 2 ** timeBits;

/** Least difference of black and white, of 255, that we believe. */
const leastContrast = 60;

/** How far a block may be off black or white, as a share of the contrast. */
const tolerance = 0.35;

/**
 * The blocks of a moment.
 * @param {number} ms  milliseconds since 1970
 * @returns {Uint8Array}  rows × columns, row by row, 1 is white
 */
export function encode(ms) {
  const time = modulo(Math.floor(ms));
  const gray = (time ^ (time >>> 1)) >>> 0;
  const bits = [...binary(gray, timeBits), ...binary(crc8(time), checkBits)];
  const half = columns - marks[0].length;
  return Uint8Array.from([...marks[0], ...bits.slice(0, half), ...marks[1], ...bits.slice(half)]);
}

/**
 * The moment blocks stand for.
 * @param {ArrayLike<number>} blocks  as encode makes them
 * @param {number} [near]  a moment less than 24 days away, in milliseconds since 1970
 * @returns {?number}  milliseconds since 1970, or null: not a time code, or damaged
 */
export function decode(blocks, near = Date.now()) {
  if (blocks.length !== rows * columns) return null;
  for (let row = 0; row < rows; row++) {
    if (marks[row].some((mark, i) => blocks[row * columns + i] !== mark)) return null;
  }
  const bits = Array.from(blocks).filter((_, i) => i % columns >= marks[0].length);
  let time = number(bits.slice(0, timeBits));
  for (let shift = 1; shift < timeBits; shift *= 2) time = (time ^ (time >>> shift)) >>> 0;
  if (crc8(time) !== number(bits.slice(timeBits))) return null;
  return near + modulo(time - Math.floor(near) + wrap / 2) - wrap / 2 - (near - Math.floor(near));
}

/**
 * Draws the band into the lower edge of a picture.
 * @param {CanvasRenderingContext2D} context
 * @param {number} ms      milliseconds since 1970
 * @param {number} width   of the picture, in the context's units
 * @param {number} height
 */
export function draw(context, ms, width, height) {
  const [w, h] = [width / columns, (height * band) / rows];
  const top = height - rows * h;
  encode(ms).forEach((white, i) => {
    const [x, y] = [(i % columns) * w, top + Math.floor(i / columns) * h];
    context.fillStyle = white ? '#fff' : '#000';
    // Whole pixels: seams between blocks would be grey.
    context.fillRect(Math.floor(x), Math.floor(y), Math.ceil(x + w) - Math.floor(x), Math.ceil(y + h) - Math.floor(y));
  });
}

/**
 * Reads the band out of pixels that show the band and nothing else.
 * @param {{data: ArrayLike<number>, width: number, height: number}} image  RGBA, as getImageData gives it
 * @param {number} [near]  see decode
 * @returns {?number}  milliseconds since 1970, or null
 */
export function read(image, near = Date.now()) {
  const levels = [];
  for (let i = 0; i < rows * columns; i++) levels.push(level(image, i % columns, Math.floor(i / columns)));
  const white = (levels[0] + levels[columns + 1]) / 2;
  const black = (levels[1] + levels[columns]) / 2;
  if (white - black < leastContrast) return null;
  const shares = levels.map((v) => (v - black) / (white - black));
  if (shares.some((s) => s > tolerance && s < 1 - tolerance)) return null;
  return decode(shares.map((s) => (s > 0.5 ? 1 : 0)), near);
}

/** Mean brightness of the middle of a block, away from its blurred edges. */
function level({ data, width, height }, column, row) {
  const [x0, x1] = middle(width / columns, column);
  const [y0, y1] = middle(height / rows, row);
  let [total, count] = [0, 0];
  for (let y = y0; y < y1; y++) {
    for (let x = x0; x < x1; x++) {
      const at = (y * width + x) * 4;
      total += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
      count++;
    }
  }
  return total / count;
}

function middle(size, index) {
  const from = Math.floor((index + 0.3) * size);
  return [from, Math.max(Math.ceil((index + 0.7) * size), from + 1)];
}

/** Widest band a TimecodeReader reads; wider pictures are scaled down to it. */
const readWidth = 660;

/** Reads the time code of a playing video element. */
export class TimecodeReader {
  #canvas = null;

  /**
   * @param {HTMLVideoElement|HTMLCanvasElement|VideoFrame|ImageBitmap} source
   * @param {number} [near]  see decode
   * @returns {?number}  milliseconds since 1970 on the sender's clock, or null
   */
  read(source, near = Date.now()) {
    const width = source.videoWidth ?? source.displayWidth ?? source.width;
    const height = source.videoHeight ?? source.displayHeight ?? source.height;
    if (!width || !height) return null;
    const w = Math.min(width, readWidth);
    const h = Math.max(Math.round((height * band * w) / width), rows);
    this.#canvas ??= document.createElement('canvas');
    if (this.#canvas.width !== w || this.#canvas.height !== h) [this.#canvas.width, this.#canvas.height] = [w, h];
    const context = this.#canvas.getContext('2d', { willReadFrequently: true });
    context.drawImage(source, 0, height * (1 - band), width, height * band, 0, 0, w, h);
    return read(context.getImageData(0, 0, w, h), near);
  }
}

function modulo(n) {
  return ((n % wrap) + wrap) % wrap;
}

function binary(n, bits) {
  return Array.from({ length: bits }, (_, i) => (n >>> (bits - 1 - i)) & 1);
}

function number(bits) {
  return bits.reduce((n, bit) => n * 2 + bit, 0);
}

/** CRC-8 (polynomial 0x07) of a 32-bit number, so that damage is noticed. */
function crc8(n) {
  let crc = 0x5a;
  for (let shift = 24; shift >= 0; shift -= 8) {
    crc ^= (n >>> shift) & 0xff;
    for (let i = 0; i < 8; i++) crc = ((crc << 1) ^ (crc & 0x80 ? 0x07 : 0)) & 0xff;
  }
  return crc;
}
