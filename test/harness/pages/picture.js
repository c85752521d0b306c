// A test picture with sound: colour bars, a bouncing square, and once a second, at the same
// moment, a white field and a beep of 100 ms. Both follow the audio clock.

import { flashField } from './marks.js';

const period = 1; // seconds from flash to flash
const flash = 0.1; // seconds a flash and a beep last
const ahead = 0.5; // seconds a beep is scheduled before it sounds

const bars = ['#bfbf00', '#00bfbf', '#00bf00', '#bf00bf', '#bf0000', '#0000bf'];

// testPicture returns a MediaStream with one video and one audio track.
//   noise: 0 to 1, the share of the picture that cannot be compressed
//   contrast: 0 to 1, of the noise; an encoder can do away with faint noise where bits are few
//   late: seconds by which the beeps come after the flashes, to try the meter
//   still: the picture shows nothing and never changes, to try the checks for it
export async function testPicture({ width = 640, height = 360, fps = 30, noise = 0, contrast = 1, late = 0, still = false }) {
  const audio = new AudioContext({ sampleRate: 48_000 });
  await audio.resume();
  const canvas = document.createElement('canvas');
  Object.assign(canvas, { width, height });
  const draw = canvas.getContext('2d');
  const grain = noise > 0 ? makeGrain(width, Math.round(height * noise), contrast) : undefined;
  let frame = 0;
  const show = still ? blank : paint;
  const timer = setInterval(() => show(draw, frame++, audio.currentTime, grain), 1000 / fps);
  const stream = canvas.captureStream(fps);
  const tone = beeps(audio, late);
  const [video] = stream.getVideoTracks();
  const stop = video.stop.bind(video);
  video.stop = () => {
    clearInterval(timer);
    tone.stop();
    audio.close();
    stop();
  };
  stream.addTrack(tone.track);
  return stream;
}

function blank(draw) {
  draw.fillStyle = '#000';
  draw.fillRect(0, 0, draw.canvas.width, draw.canvas.height);
}

function paint(draw, frame, now, grain) {
  const { width, height } = draw.canvas;
  const bar = width / bars.length;
  bars.forEach((colour, i) => {
    draw.fillStyle = colour;
    draw.fillRect(i * bar, 0, bar + 1, height);
  });
  grain?.(draw, frame);
  const size = height / 5;
  const swing = (value, range) => Math.abs((value % (2 * range)) - range);
  draw.fillStyle = '#fff';
  draw.fillRect(swing(frame * 4, width / 2), swing(frame * 3, height - size), size, size);
  const { x, y, w, h } = flashField(width, height);
  draw.fillStyle = now % period < flash ? '#fff' : '#000';
  draw.fillRect(x, y, w, h);
}

// makeGrain returns a painter of noise along the lower edge, of a few tiles in turn: fresh noise
// for every frame would cost more than the encoder.
function makeGrain(width, height, contrast) {
  const tiles = Array.from({ length: 8 }, () => {
    const tile = new OffscreenCanvas(width, height);
    const draw = tile.getContext('2d');
    const image = draw.createImageData(width, height);
    const words = new Uint32Array(image.data.buffer);
    for (let i = 0; i < words.length; i++) words[i] = 0xff000000 | (Math.random() * 0xffffff);
    draw.putImageData(image, 0, 0);
    return tile;
  });
  return (draw, frame) => {
    draw.globalAlpha = contrast;
    draw.drawImage(tiles[frame % tiles.length], 0, draw.canvas.height - height);
    draw.globalAlpha = 1;
  };
}

// beeps plays a tone of 1 kHz in the first 100 ms of every second of the audio clock, over a
// quiet one of 220 Hz that never ends.
function beeps(audio, late) {
  const out = audio.createMediaStreamDestination();
  const hum = tone(audio, out, 220, 0.01);
  const beep = tone(audio, out, 1000, 0);
  let next = Math.ceil(audio.currentTime / period) * period + late;
  const schedule = () => {
    for (; next < audio.currentTime + ahead; next += period) {
      beep.gain.setValueAtTime(0.5, next);
      beep.gain.setValueAtTime(0, next + flash);
    }
  };
  schedule();
  const timer = setInterval(schedule, (ahead * 1000) / 4);
  const stop = () => {
    clearInterval(timer);
    hum.stop();
    beep.stop();
  };
  return { track: out.stream.getAudioTracks()[0], stop };
}

function tone(audio, out, frequency, volume) {
  const oscillator = audio.createOscillator();
  oscillator.frequency.value = frequency;
  const amplifier = new GainNode(audio, { gain: volume });
  oscillator.connect(amplifier).connect(out);
  oscillator.start();
  return { gain: amplifier.gain, stop: () => oscillator.stop() };
}
