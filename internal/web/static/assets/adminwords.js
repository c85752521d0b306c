/**
 * What the operator's pages say, in words and figures. Pure: no page, no clock.
 * @module adminwords
 */
import { bitrate, percent, size } from './figures.js';
import { reached } from './timeline.js';
import { layerName } from './trend.js';

/** @param {import('./problem.js').Problem} problem @returns {{title: string, text: string, ask: boolean}} */
export function adminWords(problem) {
  const how = 'Make one on the node’s machine: whippet token --action admin. With --action metrics it may only look.';
  if (problem.code === 'answer') return { title: 'Something else answers', text: problem.detail, ask: false };
  switch (problem.status) {
    case 0: return { title: 'The node does not answer', text: 'It is gone, or the network is. This page tries again.', ask: false };
    case 401: return { title: problem.code === 'token-required' ? 'Sign in' : 'This token is not accepted', text: `This page needs an operator’s token. ${how}`, ask: true };
    case 403: return { title: 'This token is for something else', text: `It may not do this. ${how}`, ask: true };
    case 404: return { title: 'Nothing there', text: problem.detail, ask: false };
    default: return { title: problem.title || 'That did not work', text: problem.detail, ask: false };
  }
}

/** 12 KiB, 3.4 MiB. @param {number} n */
export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let i = 0;
  for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
  return `${n.toFixed(i > 0 && n < 10 ? 1 : 0)} ${units[i]}`;
}

/** VP8 1280 × 720, 3 encodings. @param {object[]} encodings */
export function codecAndSize(encodings) {
  if (encodings.length === 0) return '–';
  const best = encodings.reduce((a, b) => ((b.width ?? 0) * (b.height ?? 0) > (a.width ?? 0) * (a.height ?? 0) ? b : a));
  const known = size(best);
  return [best.codec, known !== '–' && known, encodings.length > 1 && `in ${encodings.length} encodings`].filter(Boolean).join(' ');
}

/** What the line of a session says. */
export function summary({ session, statistics }) {
  const side = statistics?.publisher ?? statistics?.subscriber;
  const trip = statistics?.subscriber?.roundTripTime ?? statistics?.transport.roundTripTime;
  return [
    [session.subject, session.address].filter(Boolean).join(', ') || session.id,
    session.state === 'connected' ? reached(session.timeline) : session.state,
    side ? bitrate(side.bitrate) : '',
    trip === undefined ? '' : `${Math.round(trip)} ms`,
    statistics?.subscriber ? `${percent(statistics.subscriber.loss)} loss` : '',
    statistics?.subscriber ? layerName(statistics.subscriber.layer) : '',
  ];
}

/** Address and port of a candidate line (RFC 8839 §5.1). */
export function place(candidate) {
  const [, , protocol, , address, port] = candidate.split(' ');
  return `${address?.includes(':') ? `[${address}]` : address}:${port} ${protocol?.toUpperCase()}`;
}

/** What one in a field counts in the API. */
const factors = { maxSubscribers: 1, maxBitrate: 1000, maxSessionBitrate: 1000 };

/**
 * What the fields say as the API wants it.
 * @param {Object<string, string>} fields
 * @returns {Object<string, number>}  0: none
 */
export function limitsOf(fields) {
  return Object.fromEntries(Object.entries(factors).map(([name, factor]) => [name, Math.round(Number(fields[name]?.trim() || 0) * factor)]));
}

/** The other way round. @returns {Object<string, string>} */
export function fieldsOf(limits) {
  return Object.fromEntries(Object.entries(factors).map(([name, factor]) => [name, limits[name] > 0 ? String(limits[name] / factor) : '']));
}
