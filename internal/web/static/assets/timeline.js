/**
 * A session's time line: how long after its POST it got where.
 * Pure.
 * @module timeline
 */
/** The steps in order, with what people call them. */
const steps = [
  ['answered', 'Answer'],
  ['ice', 'ICE'],
  ['dtls', 'DTLS'],
  ['firstPacket', 'First packet'],
  ['firstKeyframe', 'First keyframe'],
];

/** A bar no thinner than this share of the whole can be seen. */
const thinnest = 0.006;

/**
 * @typedef {object} Step
 * @property {string} key
 * @property {string} name
 * @property {?number} at    milliseconds after the POST; null: not yet
 * @property {?number} took  since the step before
 * @property {number} from   where its bar begins, 0 to 1 of the whole
 * @property {number} width  of its bar, 0 to 1
 */

/**
 * The steps with their bars. Pure.
 * @param {Object<string, number>} timeline
 * @returns {Step[]}
 */
export function timelineSteps(timeline) {
  const known = steps.map(([key]) => timeline?.[key]).filter((v) => v >= 0);
  const whole = Math.max(...known, 1);
  let before = 0;
  return steps.map(([key, name]) => {
    const at = timeline?.[key] >= 0 ? timeline[key] : null;
    if (at === null) return { key, name, at, took: null, from: 0, width: 0 };
    // Steps may overlap: a packet can be counted before DTLS is told of.
    const began = Math.min(before, at);
    before = Math.max(before, at);
    return { key, name, at, took: at - began, from: Math.min(began / whole, 1 - thinnest), width: Math.max((at - began) / whole, thinnest) };
  });
}

/** 4 ms, 1.2 s. @param {?number} ms */
export function short(ms) {
  if (ms === null || ms === undefined) return '–';
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** The last step that was reached, in words. */
export function reached(timeline) {
  const last = timelineSteps(timeline).findLast(({ at }) => at !== null);
  return last ? `${last.name} ${short(last.at)}` : 'POST only';
}
