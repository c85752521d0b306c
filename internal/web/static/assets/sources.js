/**
 * Where media comes from: camera, screen or the test picture, and what to do when the
 * browser says no.
 * @module sources
 */
import { Problem } from './problem.js';
import { TestPicture } from './testpicture.js';

/**
 * @typedef {object} Wish
 * @property {'camera'|'screen'|'test'} source
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 * @property {boolean} audio
 * @property {string} [camera]      device id
 * @property {string} [microphone]  device id
 * @property {string} [name]        of the stream, shown in the test picture
 */

/** An opened source. Close it when done. */
export class Source {
  /** @private use Source.open */
  constructor(stream, picture = null) {
    /** @type {MediaStream} */
    this.stream = stream;
    this.picture = picture;
  }

  /**
   * @param {Wish} wish
   * @returns {Promise<Source>}
   * @throws {Problem}  code `insecure`, `denied`, `busy`, `no-device`, `cancelled` or `media`
   */
  static async open(wish) {
    if (wish.source === 'test') {
      const picture = new TestPicture(wish);
      return new Source(picture.stream, picture);
    }
    const devices = navigator.mediaDevices;
    if (!devices || (wish.source === 'screen' && !devices.getDisplayMedia)) throw forbidden(wish.source);
    try {
      return new Source(await (wish.source === 'screen' ? screen(devices, wish) : camera(devices, wish)));
    } catch (error) {
      throw explain(error, wish.source);
    }
  }

  close() {
    if (this.picture) this.picture.stop();
    else for (const track of this.stream.getTracks()) track.stop();
  }
}

function camera(devices, { width, height, fps, camera, microphone, audio }) {
  return devices.getUserMedia({
    video: { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: fps }, ...exactly(camera) },
    audio: audio && { ...exactly(microphone), channelCount: { ideal: 2 } },
  });
}

async function screen(devices, { width, height, fps, audio }) {
  const stream = await devices.getDisplayMedia({
    video: { width: { max: width }, height: { max: height }, frameRate: { max: fps } },
    audio,
  });
  for (const track of stream.getVideoTracks()) track.contentHint = 'detail';
  return stream;
}

function exactly(deviceId) {
  return deviceId ? { deviceId: { exact: deviceId } } : {};
}

/**
 * Cameras and microphones, once the browser tells their names (after permission).
 * @returns {Promise<{cameras: MediaDeviceInfo[], microphones: MediaDeviceInfo[]}>}
 */
export async function devices() {
  const all = (await navigator.mediaDevices?.enumerateDevices?.().catch(() => [])) ?? [];
  const named = (kind) => all.filter((d) => d.kind === kind && d.deviceId);
  return { cameras: named('videoinput'), microphones: named('audioinput') };
}

/** The sources this browser can open on this page. */
export function available() {
  return { camera: Boolean(navigator.mediaDevices?.getUserMedia), screen: Boolean(navigator.mediaDevices?.getDisplayMedia), test: true };
}

function forbidden(source) {
  if (globalThis.isSecureContext) {
    return new Problem('media', source === 'screen' ? 'This browser cannot share its screen. Use a desktop browser, or the camera.' : 'This browser gives pages no camera.');
  }
  return new Problem('insecure', `Browsers open ${source === 'screen' ? 'the screen' : 'camera and microphone'} only to pages loaded over https, or from this same machine.`);
}

/** What each refusal of the browser means (Media Capture and Streams §10.2.1). */
function explain(error, source) {
  const what = source === 'screen' ? 'screen' : 'camera or microphone';
  const known = {
    NotAllowedError: source === 'screen'
      ? ['cancelled', 'No screen was chosen, or the system does not let this browser record it.']
      : ['denied', 'The browser was not allowed to use the camera and microphone.'],
    NotFoundError: ['no-device', `There is no ${what} on this device.`],
    NotReadableError: ['busy', `Another program is using the ${what}, or the system has switched it off.`],
    AbortError: ['busy', `The ${what} could not be started.`],
    OverconstrainedError: ['no-device', 'The chosen device is no longer there.'],
    SecurityError: ['denied', 'This page may not use the camera: its permissions policy forbids it.'],
  };
  const [code, detail] = known[error.name] ?? ['media', error.message];
  return new Problem(code, detail, { cause: error });
}
