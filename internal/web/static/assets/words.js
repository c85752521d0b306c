/**
 * Words for problems: what happened, and what the person in front of the page can do.
 * @module words
 */

/**
 * @typedef {object} Words
 * @property {string} title
 * @property {string} text
 * @property {boolean} [askToken]  a token may help
 * @property {boolean} [own]       text says more to a person than the server's detail
 */

/**
 * @param {import('./problem.js').Problem} problem
 * @param {'publish'|'play'|'list'} action
 * @param {string} [stream]
 * @returns {Words}
 */
export function words(problem, action, stream = '') {
  const known = byCode[problem.code] ?? byStatus[problem.status];
  const made = known?.(problem, action, stream) ?? {
    title: problem.status >= 500 ? 'The server has a problem' : problem.title || 'That did not work',
    text: problem.status >= 500 ? 'Try again in a moment. Its log says more.' : '',
  };
  // What the server says about itself is mostly more exact than what we know in general.
  const text = problem.status > 0 && problem.detail && !made.own ? sentence(problem.detail) : made.text;
  return { ...made, text };
}

/** The server's details, as a sentence. */
function sentence(text) {
  const trimmed = text.trim();
  const capital = trimmed.charAt(0).toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}

const byCode = {
  network: () => ({
    title: 'The server cannot be reached',
    text: 'Check the network, and that the server is running. If it is behind a proxy, the proxy may have refused.',
  }),
  timeout: () => ({ title: 'The server does not answer', text: 'It took the request but said nothing for 15 seconds.' }),
  unreachable: () => ({
    title: 'No media gets through',
    text: 'The page reached the server, but audio and video did not. Open its media port for UDP and TCP in the firewall, or tell the server its public address with --announce.',
  }),
  lost: () => ({ title: 'The connection was lost', text: 'It comes back by itself as soon as the network does.' }),
  answer: ({ detail }) => ({ title: 'That is not a media server', text: detail }),
  media: ({ detail }) => ({ title: 'The browser cannot do that', text: detail }),
  insecure: ({ detail }) => ({
    title: 'The camera needs a secure page',
    text: `${detail} Open this page with https:// (start the server with --tls-cert and --tls-key), or on the server itself as http://localhost. The test picture works here too.`,
  }),
  denied: ({ detail }) => ({
    title: 'Camera and microphone are blocked',
    text: `${detail} Click the icon beside the address, allow camera and microphone, and press Start again.`,
  }),
  cancelled: ({ detail }) => ({ title: 'No screen is shared', text: `${detail} Press Start again and choose a screen, window or tab.` }),
  busy: ({ detail }) => ({ title: 'The device is busy', text: `${detail} Close the other program or choose another device, and press Start again.` }),
  'token-invalid': () => ({ title: 'This token is not accepted', text: 'It is broken, too old, or of another server. Paste another one.', askToken: true }),
  unsupported: ({ detail }) => ({ title: 'This server cannot do that', text: detail }),
  'no-device': ({ detail }) => ({ title: 'No device found', text: `${detail} Connect one, choose another, or publish the test picture.` }),
};

const byStatus = {
  401: (_, action) => ({
    title: 'A token is needed',
    text: `This server asks for a token that may ${action === 'publish' ? 'publish' : 'play'}. It prints some when it starts; “whippet token” makes more.`,
    askToken: true,
    own: true,
  }),
  403: (_, action, stream) => ({
    title: 'This token is for something else',
    text: `It may not ${action === 'publish' ? 'publish' : 'play'}${stream ? ` “${stream}”` : ''}. Publishing and playing are separate rights: paste a token that has this one.`,
    askToken: true,
    own: true,
  }),
  404: (_, action, stream) => ({ title: 'There is no such stream', text: `The server does not know “${stream}”.` }),
  409: (_, action, stream) => (action === 'publish'
    ? { title: 'Somebody is live here', text: `“${stream}” has a publisher already. Choose another name, or wait until they stop.` }
    : { title: 'Nobody is live yet', text: 'The picture comes by itself as soon as somebody publishes.' }),
  413: () => ({ title: 'The offer is too large', text: 'The server refused what this browser sent.' }),
  422: () => ({ title: 'Browser and stream do not match', text: 'They have no codec in common. Try another browser, or publish with another codec.' }),
  429: () => ({ title: 'Too many at once', text: 'The server asks us to wait a moment.' }),
  503: () => ({ title: 'The server is full or going down', text: 'It asks us to come back in a moment.' }),
};
