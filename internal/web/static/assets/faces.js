/**
 * What the watch page says in each state. Pure: values in, words out.
 * @module faces
 */
import { words } from './words.js';

/**
 * @typedef {object} Face
 * @property {string} pill   the state in a word
 * @property {string} dot    class of the dot beside it
 * @property {string} title  of the message over the picture; '' if there is none
 * @property {string} text
 */

const fixed = {
  idle: ['Connecting', 'busy', 'Connecting…'],
  connecting: ['Connecting', 'busy', 'Connecting…'],
  playing: ['Live', 'live'],
  stopped: ['Ended', '', 'You stopped watching'],
};

/**
 * @param {{state: string, problem?: ?import('./problem.js').Problem, retryIn?: ?number}} detail  of a client's state event
 * @param {object} known
 * @param {string} known.stream    its name
 * @param {boolean} known.played   there was a picture before
 * @param {?boolean} known.active  somebody publishes, as the server says
 * @param {boolean} known.paused   the server holds the picture back
 * @returns {Face}
 */
export function face({ state, problem = null, retryIn = null }, known) {
  const [pill, dot, title = '', text = ''] = {
    waiting: () => waiting(known),
    reconnecting: () => reconnecting(problem, retryIn, known.stream),
    failed: () => failed(problem, known.stream),
  }[state]?.() ?? fixed[state];
  return { pill, dot, title, text };
}

function waiting({ stream, played, active, paused }) {
  // The server knows whether there is a publisher; what is missing then is only late.
  if (paused) return ['Paused', 'busy', 'The network is too slow for the picture', 'It comes back by itself when there is room for it.'];
  if (active) return ['Starting', 'busy', 'Just a moment', 'The picture is on its way.'];
  return played
    ? ['Paused', 'busy', 'The publisher is away', 'The picture comes back by itself when they do.']
    : ['Waiting', 'busy', 'Waiting for the publisher', `Nobody is live on “${stream}” yet. The picture comes by itself.`];
}

function reconnecting(problem, retryIn, stream) {
  const said = problem && problem.code !== 'lost' ? words(problem, 'play', stream) : null;
  const soon = retryIn > 1500 ? ` Next try in ${Math.round(retryIn / 1000)} s.` : '';
  return ['Reconnecting', 'busy', said ? said.title : 'Reconnecting…', `${said ? said.text : 'The network was lost for a moment.'}${soon}`];
}

function failed(problem, stream) {
  const { title, text } = words(problem, 'play', stream);
  return ['Stopped', '', title, text];
}
