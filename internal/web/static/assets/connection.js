/**
 * Keeps one RTCPeerConnection alive: waits for it, notices its loss, restarts ICE.
 * @module connection
 */
import { Problem } from './problem.js';
import { restartedAnswer } from './signal.js';

/** First and longest pause between two attempts, in milliseconds; doubled in between. */
const firstDelay = 500;
const longestDelay = 15_000;

/** How long a new connection may take, in milliseconds. Checks over TCP come last. */
const connectTimeout = 15_000;

/** How long `disconnected` may heal by itself before ICE is restarted, in milliseconds. */
const healTime = 2_000;

/** How long one restart may take from the first PATCH to media, in milliseconds. */
const restartTimeout = 15_000;

/** Restarts that may fail in a row before the session is given up. */
const maxRestarts = 3;

/** Pause before a PATCH that got no answer is sent again, in milliseconds. */
const resendDelay = 1_000;

/**
 * Waits for milliseconds, or less if the signal aborts.
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
}

/**
 * How long to wait before the next attempt: twice as long each time, half of it
 * random so that a thousand players do not come back in the same second, and never
 * less than the server asked for.
 * @param {number} attempt  failures so far, from 0
 * @param {?number} retryAfter  seconds
 * @param {() => number} [random]  0 to 1
 * @returns {number}  milliseconds
 */
export function backoff(attempt, retryAfter, random = Math.random) {
  const delay = Math.min(firstDelay * 2 ** Math.min(attempt, 16), longestDelay);
  return Math.max(delay * (0.5 + random() / 2), retryAfter === null ? 0 : retryAfter * 1000 + random() * 1000);
}

/**
 * Waits until the connection is in one of states.
 * @param {RTCPeerConnection} pc
 * @param {string[]} states  of connectionState; `closed` also stands for DTLS closed by the server
 * @param {AbortSignal} signal
 * @param {number} [ms]  0: no limit
 * @returns {Promise<?string>}  the state, or null: aborted or too late
 */
export function becomes(pc, states, signal, ms = 0) {
  return new Promise((resolve) => {
    const dtls = transport(pc);
    const timer = ms > 0 ? setTimeout(() => done(null), ms) : 0;
    const check = () => {
      const state = current(pc, dtls);
      if (states.includes(state)) done(state);
    };
    const abort = () => done(null);
    function done(state) {
      clearTimeout(timer);
      pc.removeEventListener('connectionstatechange', check);
      dtls?.removeEventListener('statechange', check);
      signal.removeEventListener('abort', abort);
      resolve(state);
    }
    pc.addEventListener('connectionstatechange', check);
    dtls?.addEventListener('statechange', check);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    else check();
  });
}

/**
 * Header extensions that browsers know and leave out unless asked, and where each is wanted:
 * one tells players when a picture was taken, the other which layers it needs. Without that,
 * a player never leaves the lowest spatial layer of AV1.
 */
const unasked = {
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time': { sendonly: 'sendrecv', recvonly: 'sendrecv' },
  'https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension': { recvonly: 'recvonly' },
};

/**
 * Offers the header extensions that we can use and browsers would leave out. One that
 * cannot be asked to offers what it does by itself.
 * @param {RTCRtpTransceiver} transceiver  sendonly or recvonly
 */
export function offerExtensions(transceiver) {
  const known = transceiver.getHeaderExtensionsToNegotiate?.() ?? [];
  const asked = known.filter(({ uri }) => unasked[uri]?.[transceiver.direction]);
  if (asked.length === 0) return;
  for (const extension of asked) extension.direction = unasked[extension.uri][transceiver.direction];
  try {
    transceiver.setHeaderExtensionsToNegotiate(known);
  } catch {
    // Only an estimate is lost, and layers of AV1.
  }
}

/** The DTLS transport everything is bundled on; undefined where browsers hide it. */
function transport(pc) {
  for (const { sender, receiver } of pc.getTransceivers?.() ?? []) {
    const found = sender?.transport ?? receiver?.transport;
    if (found) return found;
  }
  return undefined;
}

/** connectionState stays `connected` when the far end closes DTLS; this does not. */
function current(pc, dtls) {
  if (dtls?.state === 'closed') return 'closed';
  return dtls?.state === 'failed' ? 'failed' : pc.connectionState;
}

/**
 * Waits for a new connection.
 * @param {RTCPeerConnection} pc
 * @param {AbortSignal} signal
 * @throws {Problem} code `unreachable`: signalling worked, media found no way
 */
export async function connected(pc, signal) {
  const state = await becomes(pc, ['connected', 'failed', 'closed'], signal, connectTimeout);
  if (state === 'connected' || signal.aborted) return;
  throw new Problem('unreachable', 'The server answered, but no media got through to it.');
}

/**
 * Watches a connection and restarts ICE whenever the network changes under it.
 * @param {RTCPeerConnection} pc  connected
 * @param {import('./session.js').Session} session
 * @param {object} options
 * @param {AbortSignal} options.signal  ends the watch: stopped, or the server forgot the session
 * @param {(sdp: string) => string} options.rewrite  applied to every offer
 * @param {(restarting: boolean) => void} options.onRestart
 * @returns {Promise<void>}  when the connection is lost for good, or aborted
 */
export async function untilLost(pc, session, { signal, rewrite, onRestart }) {
  for (;;) {
    const state = await becomes(pc, ['disconnected', 'failed', 'closed'], signal);
    if (state === null || state === 'closed') return;
    if (state === 'disconnected' && (await becomes(pc, ['connected', 'failed', 'closed'], signal, healTime)) === 'connected') continue;
    onRestart(true);
    if (!(await revive(pc, session, rewrite, signal))) return;
    onRestart(false);
  }
}

/** Restarts ICE until it connects; false when it is given up. */
async function revive(pc, session, rewrite, signal) {
  for (let tries = 0; tries < maxRestarts && session.etag && !signal.aborted; tries++) {
    try {
      if ((await restart(pc, session, rewrite, signal)) === 'connected') return true;
    } catch {
      // No rollback: whoever calls us throws the connection away.
      return false;
    }
  }
  return false;
}

async function restart(pc, session, rewrite, signal) {
  const deadline = Date.now() + restartTimeout;
  const answer = pc.currentRemoteDescription ?? pc.remoteDescription;
  const offer = await pc.createOffer({ iceRestart: true });
  await pc.setLocalDescription({ type: 'offer', sdp: rewrite(offer.sdp) });
  const fragment = await resend(() => session.restart(pc.localDescription.sdp), deadline, signal);
  await pc.setRemoteDescription({ type: 'answer', sdp: restartedAnswer(answer.sdp, fragment) });
  return becomes(pc, ['connected', 'closed'], signal, Math.max(deadline - Date.now(), healTime));
}

/** Repeats a request while there is no network; a retried restart is the same restart. */
async function resend(send, deadline, signal) {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      const lost = error.code === 'network' || error.code === 'timeout';
      if (!lost || Date.now() + resendDelay > deadline || signal.aborted) throw error;
      await sleep(resendDelay, signal);
    }
  }
}
