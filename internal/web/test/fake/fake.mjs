// A WHIP and WHEP server with sockets but without media, an RTCPeerConnection without
// WebRTC and an EventSource without a connection: enough to hold the clients to the
// protocol in plain Node.
import { createServer } from 'node:http';

const creds = (n) => `a=ice-ufrag:ufr${n}\r\na=ice-pwd:${String(n).padStart(22, 'p')}\r\n`;
const section = (mid) => `m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:${mid}\r\na=rtpmap:96 VP8/90000\r\n`;
const head = 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n';

/** Relations of the extensions, as they stand in a Link header. */
const extension = (name) => `urn:ietf:params:whep:ext:core:${name}`;

/**
 * Starts a server; `rules` may answer before it does, a rule with a path only requests
 * whose path matches it. `links` returns further links of a session. Close it with close().
 */
export async function fakeServer() {
  const server = { requests: [], sessions: new Map(), rules: [], links: () => [], selections: [] };
  let made = 0;
  const problem = (res, status, code, headers = {}) => {
    res.writeHead(status, { 'Content-Type': 'application/problem+json', ...headers });
    res.end(JSON.stringify({ type: `urn:whippet:problem:${code}`, title: code, status, detail: `detail of ${code}` }));
  };
  const answers = {
    POST(req, res) {
      const id = `s${++made}`;
      server.sessions.set(id, { etag: `"tag${made}"`, generation: made * 100, ufrag: req.body.match(/a=ice-ufrag:(\S+)/)[1] });
      res.setHeader('Link', [...server.links(`${req.url}/${id}`), '<stun:stun.example>; rel="ice-server"', '<turn:turn.example>; rel="ice-server"; username="u,1"; credential="c;2"; credential-type="password"']);
      res.writeHead(201, { 'Content-Type': 'application/sdp', Location: `${req.url}/${id}`, ETag: server.sessions.get(id).etag });
      res.end(head + section(0) + creds(made * 100));
    },
    PATCH(req, res, session) {
      if (!session) return problem(res, 404, 'no-such-session');
      if (req.headers['content-type'] !== 'application/trickle-ice-sdpfrag') return problem(res, 415, 'media-type');
      const tag = req.headers['if-match'];
      if (!tag) return problem(res, 428, 'no-tag');
      const ufrag = req.body.match(/a=ice-ufrag:(\S+)/)[1];
      if (tag !== '*') return tag === session.etag ? res.writeHead(204).end() : problem(res, 412, 'stale-tag');
      if (ufrag === session.ufrag && session.restarted) return res.writeHead(200, session.restarted.headers).end(session.restarted.body);
      Object.assign(session, { ufrag, generation: session.generation + 1, etag: `${session.etag.slice(0, -1)}r"` });
      const body = `${creds(session.generation)}m=video 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n`;
      session.restarted = { body, headers: { 'Content-Type': 'application/trickle-ice-sdpfrag', ETag: session.etag } };
      res.writeHead(200, session.restarted.headers).end(body);
    },
    DELETE(req, res, session, id) {
      server.sessions.delete(id);
      res.writeHead(session ? 200 : 404).end();
    },
  };
  /** What stands below a session, by method and name; tests may add to it. */
  const extensions = server.answers = {
    'POST events': (res, url) => res.writeHead(201, { Location: `${url}/1` }).end(),
    'POST layer': (res, url, body) => {
      server.selections.push(JSON.parse(body));
      res.writeHead(200).end();
    },
    'DELETE layer': (res) => {
      server.selections.push(null);
      res.writeHead(200).end();
    },
  };
  const http = createServer(async (req, res) => {
    req.body = '';
    for await (const chunk of req) req.body += chunk;
    server.requests.push({ method: req.method, url: req.url, headers: req.headers, body: req.body });
    const next = server.rules.findIndex((r) => !r.path || req.url.match(r.path));
    const [found] = next < 0 ? [] : server.rules.splice(next, 1);
    const rule = found?.path ? found.rule : found;
    if (typeof rule === 'function') await rule();
    if (rule === 'cut') return req.socket.destroy();
    if (Array.isArray(rule)) return problem(res, ...rule);
    const [, , , id, part] = req.url.split('/');
    if (part) {
      const answer = server.sessions.has(id) && extensions[`${req.method} ${part}`];
      return answer ? answer(res, req.url, req.body) : problem(res, 404, 'no-such-session');
    }
    answers[req.method](req, res, server.sessions.get(id), id);
  });
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
  server.url = `http://127.0.0.1:${http.address().port}/whip/cam`;
  server.close = () => { http.closeAllConnections(); http.close(); };
  return server;
}

/** Links of a session that has all extensions. */
export const extended = (url) => [
  `<${url}/events>; rel="${extension('server-sent-events')}"; events="active,inactive,layers,viewercount,reconnect,statistics,diagnosis"`,
  `<${url}/layer>; rel="${extension('layer')}"`,
];

/** Every event source opened, newest last. */
export const sources = [];

export class FakeEventSource extends EventTarget {
  static CLOSED = 2;
  readyState = 1;
  constructor(url) {
    super();
    this.url = url;
    sources.push(this);
  }
  /** What the server sends. */
  say(name, data) {
    this.dispatchEvent(Object.assign(new Event(name), { data: typeof data === 'string' ? data : JSON.stringify(data) }));
  }
  /** A loss: for good, or one the browser mends. */
  lose(forGood) {
    this.readyState = forGood ? 2 : 0;
    this.dispatchEvent(new Event('error'));
  }
  close() { this.readyState = 2; }
}

/** Every peer connection made, newest last. */
export const peers = [];

export class FakePeer extends EventTarget {
  connectionState = 'new';
  remoteDescription = null;
  localDescription = null;
  stats = new Map();
  #generation = 0;
  #transceivers = [];

  constructor(configuration) {
    super();
    this.configuration = configuration;
    this.steps = [];
    peers.push(this);
  }
  getConfiguration() { return this.configuration; }
  setConfiguration(configuration) { this.steps.push('setConfiguration'); this.configuration = configuration; }
  addTransceiver(track, init) {
    const transceiver = { sender: { track, getParameters: () => ({}), setParameters: async () => {} }, receiver: {}, init, setCodecPreferences() {} };
    this.#transceivers.push(transceiver);
    return transceiver;
  }
  getTransceivers() { return this.#transceivers; }
  getSenders() { return this.#transceivers.map((t) => t.sender); }
  async createOffer({ iceRestart = false } = {}) {
    if (iceRestart) this.#generation++;
    return { type: 'offer', sdp: head + section(0) + `a=ice-ufrag:mine${this.#generation}\r\na=ice-pwd:${'m'.repeat(22)}\r\n` };
  }
  async setLocalDescription(description) {
    this.steps.push('setLocalDescription');
    this.localDescription = description;
    this.candidate('candidate:1 1 udp 1 192.0.2.9 9 typ host');
  }
  async setRemoteDescription(description) {
    this.steps.push('setRemoteDescription');
    this.remoteDescription = this.currentRemoteDescription = description;
    this.become('connected');
  }
  candidate(candidate) {
    const event = new Event('icecandidate');
    event.candidate = candidate && { candidate, sdpMid: '0', usernameFragment: `mine${this.#generation}` };
    this.dispatchEvent(event);
  }
  become(state) {
    queueMicrotask(() => {
      if (this.connectionState === 'closed') return;
      this.connectionState = state;
      this.dispatchEvent(new Event('connectionstatechange'));
    });
  }
  async getStats() { return this.flow ? this.flow() : this.stats; }
  /** Frames decode from now on, one with each look. */
  play() {
    let frames = 0;
    this.flow = () => {
      frames++;
      return new Map([['v', { id: 'v', type: 'inbound-rtp', kind: 'video', timestamp: Date.now(), bytesReceived: 1000 * frames, framesDecoded: frames }]]);
    };
  }
  close() { this.connectionState = 'closed'; }
}

export class FakeStream {
  #tracks;
  constructor(tracks = []) { this.#tracks = tracks; }
  addTrack(track) { this.#tracks.push(track); }
  getTracks() { return this.#tracks; }
  getAudioTracks() { return this.#tracks.filter((t) => t.kind === 'audio'); }
  getVideoTracks() { return this.#tracks.filter((t) => t.kind === 'video'); }
}

/** Resolves when look() is truthy; rejects after fifteen seconds. */
export async function until(look, what = String(look)) {
  const end = Date.now() + 15_000;
  for (;;) {
    const found = look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
