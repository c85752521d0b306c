/**
 * Text of WHIP and WHEP: Link headers, SDP and SDP fragments. Everything here is
 * pure: strings in, values out, no network and no WebRTC, so that it runs anywhere.
 * @module signal
 */

/** Most links one Link header may hold; what follows is ignored. */
const maxLinks = 64;

/**
 * @typedef {object} Link
 * @property {string} url   target as written, possibly relative
 * @property {string} rel   relation type
 * @property {Object<string, string>} params  all other parameters, names in lower case
 */

/**
 * Splits a Link header (RFC 8288 §3) that fetch may have joined from several
 * fields. Quoted strings may hold commas and semicolons. Broken links are skipped.
 * @param {?string} header  null means there was none
 * @returns {Link[]}
 */
export function parseLinks(header) {
  const links = [];
  const target = /\s*<([^>]*)>/y;
  // Some servers forget the semicolon between two parameters, as the draft's own example does.
  const param = /(?:\s*;\s*|\s+)(?:([!#$%&'*+\-.^_`|~\w]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";,]*)))?)?/y;
  const text = header ?? '';
  let at = 0;
  while (at < text.length && links.length < maxLinks) {
    target.lastIndex = at;
    const found = target.exec(text);
    if (!found) {
      at = after(text, at);
      continue;
    }
    at = target.lastIndex;
    const params = {};
    for (;;) {
      param.lastIndex = at;
      const piece = param.exec(text);
      if (!piece) break;
      at = param.lastIndex;
      const name = piece[1]?.toLowerCase();
      // The first of two equal parameters counts (RFC 8288 §3.3 for rel).
      if (name && !Object.hasOwn(params, name)) params[name] = piece[2]?.replace(/\\(.)/g, '$1') ?? piece[3] ?? '';
    }
    const { rel = '', ...rest } = params;
    links.push({ url: found[1], rel, params: rest });
    at = after(text, at);
  }
  return links;
}

/** The index after the next comma from at, or the end of text. */
function after(text, at) {
  const comma = text.indexOf(',', at);
  return comma < 0 ? text.length : comma + 1;
}

/**
 * The STUN and TURN servers among links (RFC 9725 §4.6).
 * @param {Link[]} links
 * @returns {RTCIceServer[]}
 */
export function iceServers(links) {
  return links
    .filter((link) => link.rel.split(/\s+/).includes('ice-server') && /^(stun|turn)s?:/i.test(link.url))
    .map(({ url, params }) => {
      const server = { urls: url };
      if (params.username !== undefined) server.username = params.username;
      if (params.credential !== undefined) server.credential = params.credential;
      return server;
    });
}

/**
 * The first link of a relation type; a link may have several, apart by spaces.
 * @param {Link[]} links
 * @param {string} rel  compared without regard to case (RFC 8288 §2.1)
 * @returns {?Link}  null if there is none
 */
export function findLink(links, rel) {
  return links.find((link) => link.rel.toLowerCase().split(/\s+/).includes(rel.toLowerCase())) ?? null;
}

/**
 * The ICE credentials of a description or fragment: of its session level, else of
 * its first section that has any.
 * @param {string} sdp
 * @returns {{ufrag: string, pwd: string}}  empty strings where there are none
 */
export function credentials(sdp) {
  return { ufrag: value(sdp, 'ice-ufrag'), pwd: value(sdp, 'ice-pwd') };
}

/** The value of the first attribute of that name, or ''. */
function value(sdp, name) {
  return sdp.match(new RegExp(`^a=${name}:(.*?)\\s*$`, 'm'))?.[1] ?? '';
}

/**
 * The sections of a description.
 * @param {string} sdp
 * @returns {{media: string, proto: string, format: string, mid: string}[]}
 */
export function sections(sdp) {
  return sdp.split(/^(?=m=)/m).filter((s) => s.startsWith('m=')).map((section) => {
    const [media, , proto, format] = section.slice(2).split(/\s+/);
    return { media, proto, format, mid: value(section, 'mid') };
  });
}

/**
 * Writes an SDP fragment (RFC 8840 §9) for a PATCH: the credentials of the
 * description, and the candidates under the sections they belong to. Candidates of
 * another generation (their usernameFragment differs) are left out.
 * @param {string} sdp  local description the candidates belong to
 * @param {RTCIceCandidateInit[]} candidates
 * @param {boolean} end  no more candidates will come
 * @returns {string}  with CRLF line ends
 */
export function buildFragment(sdp, candidates, end) {
  const { ufrag, pwd } = credentials(sdp);
  const lines = [];
  const group = value(sdp, 'group');
  if (group) lines.push(`a=group:${group}`);
  lines.push(`a=ice-ufrag:${ufrag}`, `a=ice-pwd:${pwd}`);
  const current = candidates.filter((c) => c.candidate && (!c.usernameFragment || c.usernameFragment === ufrag));
  sections(sdp).forEach((section, index) => {
    const own = current.filter((c) => (c.sdpMid == null ? c.sdpMLineIndex === index : c.sdpMid === section.mid));
    // Everything is bundled: the end is said once, in the first section.
    if (own.length === 0 && index > 0) return;
    lines.push(`m=${section.media} 9 ${section.proto} ${section.format}`, `a=mid:${section.mid}`);
    for (const { candidate } of own) lines.push(`a=${candidate.replace(/^a=/, '')}`);
    if (end && index === 0) lines.push('a=end-of-candidates');
  });
  return lines.join('\r\n') + '\r\n';
}

/**
 * The answer after an ICE restart: the answer so far, with the credentials and
 * candidates of the fragment the server sent (RFC 9725 §4.3.3) instead of its own.
 * @param {string} answer    remote description so far
 * @param {string} fragment  body of the 200
 * @returns {string}
 * @throws {Error} if the fragment has no credentials
 */
export function restartedAnswer(answer, fragment) {
  const { ufrag, pwd } = credentials(fragment);
  if (!ufrag || !pwd) throw new Error('the restart came back without ICE credentials');
  const candidates = fragment.split(/\r?\n/).filter((line) => /^a=(candidate:|end-of-candidates)/.test(line));
  const [session, ...media] = answer
    .replace(/^a=(candidate:.*|end-of-candidates)\r?\n/gm, '')
    .replace(/^a=ice-ufrag:.*?(\r?)$/gm, `a=ice-ufrag:${ufrag}$1`)
    .replace(/^a=ice-pwd:.*?(\r?)$/gm, `a=ice-pwd:${pwd}$1`)
    .replace(/^(o=\S+ \S+ )(\d+)/m, (_, head, version) => head + (BigInt(version) + 1n))
    .split(/^(?=m=)/m);
  if (media.length > 0) media[0] += candidates.map((line) => `${line}\r\n`).join('');
  return session + media.join('');
}

/**
 * Adds stereo=1 to every Opus format, which is the only way to tell a browser that
 * it should decode both channels.
 * @param {string} sdp  an offer made by createOffer
 * @returns {string}
 */
export function withStereo(sdp) {
  let out = sdp;
  for (const [, pt] of sdp.matchAll(/^a=rtpmap:(\d+) opus\/48000\/2/gim)) {
    out = out.replace(new RegExp(`^(a=fmtp:${pt} )(?!.*\\bstereo=)(.*?)(\\r?)$`, 'm'), '$1$2;stereo=1$3');
  }
  return out;
}
