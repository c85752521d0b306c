/**
 * The list of live streams, as the node tells it.
 * @module streams
 */
import { readDiagnosis } from './events.js';
import { Problem } from './problem.js';
import { root, streamName } from './ui.js';

/**
 * @typedef {object} Stream  a live stream
 * @property {string} name
 * @property {string} publishedSince
 * @property {number} subscribers
 * @property {?object} [video]  codec, width, height, bitrate
 * @property {?object} [audio]  codec
 * @property {{code: string, text: string}[]} diagnosis  what its publisher could do better
 */

/**
 * @param {string} token  '' if there is none
 * @param {AbortSignal} [signal]
 * @returns {Promise<Stream[]>}  those the token may play, by name
 * @throws {Problem}
 */
export async function listStreams(token, signal) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const response = await fetch(new URL('streams.json', root), { headers, signal, cache: 'no-store' });
  if (!response.ok) throw await Problem.from(response);
  const streams = await response.json().catch(() => null);
  if (!Array.isArray(streams)) throw new Problem('answer', 'The list of streams is not what it should be. Is a proxy in between?');
  return streams.filter((s) => streamName.test(s?.name)).map((s) => ({ ...s, diagnosis: readDiagnosis(s.diagnosis) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
