/**
 * The watch page's statistics overlay.
 * @module watchstats
 */
import { amount, bitrate, element, percent, size } from './ui.js';

/**
 * Writes a sample into a description list.
 * @param {HTMLElement} list
 * @param {?object} sample  of subscriberStats
 * @param {?{ms: number, by: string}} latency
 */
export function showSubscriberStats(list, sample, latency) {
  if (!sample) return list.replaceChildren(...row('State', 'no session'));
  list.replaceChildren(
    ...head('Stream'),
    ...row('Latency', latency ? `${Math.round(latency.ms)} ms (${latency.by})` : '–', 'latency'),
    ...row('Bitrate', bitrate(sample.bitrate), 'bitrate'),
    ...row('Round trip', amount(sample.rtt, 'ms'), 'rtt'),
    ...row('Loss', percent(sample.loss), 'loss'),
    ...row('Path', sample.path ?? '–', 'path'),
    ...(sample.video ? picture(sample.video) : []),
    ...(sample.audio ? sound(sample.audio, sample.avOffset) : []),
  );
}

function picture(v) {
  return [
    ...head('Picture'),
    ...row('Codec', [v.codec, v.decoder].filter(Boolean).join(' · ') || '–', 'codec'),
    ...row('Size', size(v), 'size'),
    ...row('Frame rate', amount(v.fps, 'fps'), 'fps'),
    ...row('Jitter buffer', amount(v.jitterBuffer, 'ms'), 'buffer'),
    ...row('Lost packets', String(v.lost), 'lost'),
    ...row('Dropped, frozen', `${v.dropped}, ${v.freezes}`, 'dropped'),
    ...row('Keyframes, requests', `${v.keyframes}, ${v.requests}`, 'keyframes'),
  ];
}

function sound(a, avOffset) {
  const concealed = a.samples > 0 ? a.concealed / a.samples : 0;
  return [
    ...head('Sound'),
    ...row('Codec', a.codec ?? '–', 'audio-codec'),
    ...row('Bitrate', bitrate(a.bitrate), 'audio-bitrate'),
    ...row('Jitter buffer', amount(a.jitterBuffer, 'ms'), 'audio-buffer'),
    ...row('Concealed', percent(concealed), 'concealed'),
    ...row('Picture ahead by', amount(avOffset, 'ms'), 'av-offset'),
  ];
}

function head(text) {
  return [element('dt', { class: 'head' }, text)];
}

function row(name, text, id = '') {
  return [element('dt', {}, name), element('dd', { 'data-stat': id }, text)];
}
