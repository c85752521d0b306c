/**
 * The sessions of a stream: one line each, that opens to its time line and statistics.
 * @module adminsessions
 */
import { keepList, mayChange, write } from './adminpage.js';
import { bytes, summary } from './adminwords.js';
import { short, timelineSteps } from './timeline.js';
import { layerName } from './trend.js';
import { amount, bitrate, duration, element } from './ui.js';

/** @typedef {{kick: (session: object) => void, revoke: (what: object, whose: string) => void}} Actions */

/** A list of sessions. */
export class SessionList {
  #parent;
  #actions;
  #made = new Map();

  /** @param {HTMLElement} parent @param {Actions} actions */
  constructor(parent, actions) {
    [this.#parent, this.#actions] = [parent, actions];
  }

  /** Whether somebody looks at a session. */
  isOpen(id) {
    return this.#made.get(id)?.node.open ?? false;
  }

  /** @param {object[]} items @param {Map<string, object>} statistics  by id */
  show(items, statistics) {
    const sorted = [...items].sort((a, b) => (a.kind === b.kind ? Date.parse(a.createdAt) - Date.parse(b.createdAt) : a.kind === 'publisher' ? -1 : 1));
    keepList(this.#parent, this.#made, sorted.map((session) => ({ session, statistics: statistics.get(session.id) ?? null })),
      ({ session }) => session.id, ({ session }) => newSession(session, this.#actions));
  }
}

function newSession({ id, kind }, actions) {
  const line = ['who', 'state', 'rate', 'trip', 'loss', 'layer'].map((name) => element('span', { class: name }));
  const details = element('div', { class: 'details' });
  const node = element('details', { class: 'session', 'data-session': id, 'data-kind': kind },
    element('summary', {}, element('span', { class: 'kind' }, kind), ...line), details);
  let latest = null;
  const open = () => node.open && latest && showDetails(details, latest, actions);
  node.addEventListener('toggle', open);
  return {
    node,
    update(item) {
      latest = item;
      summary(item).forEach((text, i) => write(line[i], text));
      open();
    },
  };
}

/** Buttons stay the same elements, so that focus stays. */
function showDetails(parent, { session, statistics }, actions) {
  if (parent.children.length === 0) {
    parent.append(element('div', { class: 'line' }), element('dl', { class: 'facts' }), buttons(session, actions));
  }
  const [time, facts, row] = parent.children;
  time.replaceChildren(timelineList(statistics?.timeline ?? session.timeline));
  facts.replaceChildren(...[...factsOf(session), ...measured(statistics)].flatMap(([name, text]) => element('div', {}, element('dt', {}, name), element('dd', {}, text))));
  for (const button of row.children) button.disabled = !mayChange();
}

function buttons(session, { kick, revoke }) {
  const button = (text, act) => {
    const made = element('button', { class: 'button small', type: 'button' }, text);
    made.addEventListener('click', act);
    return made;
  };
  const row = element('p', { class: 'row' }, button('End session', () => kick(session)));
  const issuer = session.issuer ? { issuer: session.issuer } : {};
  if (session.tokenId) row.append(button('Revoke its token', () => revoke({ tokenId: session.tokenId, ...issuer }, 'this token')));
  if (session.subject) row.append(button(`Revoke all of ${session.subject}`, () => revoke({ subject: session.subject, ...issuer }, `all tokens of “${session.subject}”`)));
  return row;
}

/** @returns {[string, string][]} */
function factsOf(s) {
  return [
    ['Id', s.id],
    ['Since', duration(Date.now() - Date.parse(s.createdAt))],
    s.endsAt && ['Token lets it live for', duration(Date.parse(s.endsAt) - Date.now())],
    s.address && ['Address', s.address],
    s.subject && ['Subject', s.subject],
    s.tokenId && ['Token id', s.tokenId],
    s.issuer && ['Issuer', s.issuer],
    s.userAgent && ['Client', s.userAgent],
  ].filter(Boolean);
}

/** @returns {[string, string][]} */
function measured(statistics) {
  if (!statistics) return [];
  const { transport: t, publisher: p, subscriber: s } = statistics;
  return [
    ['Path', t.candidatePair ? `${t.candidatePair.remote}, ${t.candidatePair.protocol.toUpperCase()}` : 'not connected'],
    ['Sent, received', `${bytes(t.bytesSent)}, ${bytes(t.bytesReceived)}`],
    ...(p ? publisherFacts(p) : []),
    ...(s ? subscriberFacts(s) : []),
  ];
}

function publisherFacts(p) {
  return [
    ['Packets', String(p.packets)],
    ['Lost, of these repaired', `${p.lost}, ${p.repaired}`],
    ['Asked for again', String(p.nacks)],
    ['Keyframe requests', String(p.keyframeRequests)],
    ['Late, unknown, malformed', `${p.late}, ${p.unknown}, ${p.malformed}`],
  ];
}

function subscriberFacts(s) {
  const video = s.video ? [
    ['Resent, dropped, late', `${s.video.resent}, ${s.video.dropped}, ${s.video.late}`],
    ['Keyframes, requests', `${s.video.keyframes}, ${s.video.keyframeRequests}`],
    ['Skips, held for sound', `${s.video.skips}, ${s.video.freezes}`],
  ] : [];
  return [
    ['Its network carries', s.estimate > 0 ? bitrate(s.estimate) : '–'],
    ['Jitter', amount(s.jitter, 'ms', 1)],
    ['Asked for again', String(s.nacks)],
    ['Layer', `${layerName(s.layer)}, ${s.layer.automatic ? 'chosen by the node' : 'chosen for it'}`],
    ...video,
  ];
}

/** Draws the steps as an ordered list with bars. @param {Object<string, number>} timeline */
function timelineList(timeline) {
  return element('ol', { class: 'timeline' }, ...timelineSteps(timeline).map((step) => {
    const bar = element('i', { class: `bar-${step.key}` });
    // Attributes named style are forbidden by the policy, the property is not.
    bar.style.marginInlineStart = `${(step.from * 100).toFixed(2)}%`;
    bar.style.width = `${(step.width * 100).toFixed(2)}%`;
    return element('li', { 'data-step': step.key, class: step.at === null ? 'missing' : '' },
      element('span', {}, step.name), element('span', { class: 'track', 'aria-hidden': 'true' }, bar),
      element('span', { class: 'figure' }, step.at === null ? 'not yet' : short(step.at)));
  }));
}
