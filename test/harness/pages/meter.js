// Measures how far picture and sound are apart: when the field that flashes turns white, and when
// a beep begins.

import { flashField } from './marks.js';

const brightness = 128; // of 255, mean of the field, from which a flash is on
const pairWithin = 450; // ms between a beep and its flash, at most: they come once a second

// meter returns { offsets, flashes, beeps, loudest }; offsets holds one number for each beep that
// has a flash, in milliseconds, positive where the flash is seen later.
export async function meter({ video, media, ms }) {
  const ears = await listen(media);
  const eyes = look(video);
  await new Promise(resolve => { setTimeout(resolve, ms); });
  const flashes = eyes.stop();
  const { beeps, loudest } = await ears.stop();
  return { offsets: beeps.flatMap(beep => nearest(beep, flashes)), flashes, beeps, loudest };
}

function nearest(beep, flashes) {
  const offsets = flashes.map(flash => flash - beep).filter(offset => Math.abs(offset) < pairWithin);
  offsets.sort((a, b) => Math.abs(a) - Math.abs(b));
  return offsets.slice(0, 1);
}

// look notes, on performance.now()'s clock, when a frame with a new flash is to be shown.
function look(video) {
  const draw = new OffscreenCanvas(8, 8).getContext('2d', { willReadFrequently: true });
  const flashes = [];
  let on = true; // a flash that is on already has no beginning we could see
  let going = true;
  const onFrame = (now, { expectedDisplayTime }) => {
    const bright = field(video, draw) > brightness;
    if (bright && !on) flashes.push(expectedDisplayTime ?? now);
    on = bright;
    if (going) video.requestVideoFrameCallback(onFrame);
  };
  video.requestVideoFrameCallback(onFrame);
  return { stop: () => { going = false; return flashes; } };
}

function field(video, draw) {
  const { x, y, w, h } = flashField(video.videoWidth, video.videoHeight);
  draw.drawImage(video, x, y, w, h, 0, 0, 8, 8);
  const { data } = draw.getImageData(2, 2, 4, 4); // its middle, clear of blurred edges
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += data[i + 1];
  return sum / (data.length / 4);
}

async function listen(media) {
  const audio = new AudioContext({ sampleRate: 48_000, latencyHint: 'interactive' });
  await audio.audioWorklet.addModule(new URL('./onset-worklet.js', import.meta.url));
  const node = new AudioWorkletNode(audio, 'onset', { numberOfOutputs: 0 });
  const beeps = [];
  let loudest = 0;
  node.port.onmessage = ({ data }) => {
    if (data.onset !== undefined) beeps.push(onPageClock(audio, data.onset));
    loudest = Math.max(loudest, data.loudest ?? 0);
  };
  audio.createMediaStreamSource(media).connect(node);
  await audio.resume();
  const stop = async () => {
    await audio.close();
    return { beeps, loudest };
  };
  return { stop };
}

// onPageClock converts a time of the audio context to performance.now()'s clock: when that
// sample leaves the loudspeaker.
function onPageClock(audio, at) {
  const { contextTime, performanceTime } = audio.getOutputTimestamp();
  return performanceTime + (at - contextTime) * 1000;
}
