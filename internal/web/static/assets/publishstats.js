/**
 * The publish page's figures.
 * @module publishstats
 */
import { $, amount, bitrate, element, percent, size } from './ui.js';

/** What browsers call the reasons a picture is smaller than asked for. */
const limits = { none: '–', cpu: 'CPU', bandwidth: 'network', other: 'other' };

/** @param {object} sample  of publisherStats */
export function showPublisherStats(sample) {
  const top = sample.video.find((v) => v.height && v.bitrate > 0) ?? sample.video[0];
  const limit = sample.video.map((v) => v.limitation).find((l) => l !== 'none') ?? 'none';
  const figures = {
    bitrate: bitrate(sample.bitrate),
    size: top ? size(top) : 'sound only',
    fps: top ? amount(top.fps, 'fps') : '–',
    rtt: amount(sample.rtt, 'ms'),
    loss: percent(sample.loss),
    limit: limit === 'none' ? 'nothing' : limits[limit] ?? limits.other,
  };
  for (const [name, text] of Object.entries(figures)) $(`stat-${name}`).textContent = text;
  $('stat-limit').className = limit === 'none' ? '' : 'limited';
  $('encodings').replaceChildren(...sample.video.map(videoRow), ...(sample.audio ? [audioRow(sample.audio)] : []));
}

function videoRow(v) {
  const limited = v.limitation !== 'none';
  return element('tr', { 'data-rid': v.rid },
    element('th', { scope: 'row' }, v.rid ? `Video ${v.rid}` : 'Video'),
    ...[v.codec ?? '–', size(v), amount(v.fps, 'fps'), v.active ? bitrate(v.bitrate) : 'off', String(v.keyframes)].map((text) => element('td', {}, text)),
    element('td', limited ? { class: 'limited' } : {}, limits[v.limitation] ?? limits.other));
}

function audioRow(a) {
  return element('tr', {},
    element('th', { scope: 'row' }, 'Sound'),
    ...[a.codec ?? '–', '–', '–', bitrate(a.bitrate), '–', '–'].map((text) => element('td', {}, text)));
}
