// Fuzzes a node from its OpenAPI document, knowing nothing else of it: for each operation many
// requests, made by fast-check, of which every answer must be one that the document describes.
//
//   node apifuzz.mjs '{"document":"openapi.yaml","url":"http://…","token":"…","runs":40,"seed":1,
//     "streams":["studio"],"bodies":{"whip:application/sdp":["v=0…"]}}'
//
// streams are names the token is for; what else is there, such as ids of sessions, is looked up
// while it runs. bodies are samples of what the document has no schema for, by media type, or by
// first segment of the path and media type. The last line is what came of it, as JSON: {"requests":…,"faults":[…],"unreached":[…]}.

import { Agent, request as send } from 'node:http';
import fc from 'fast-check';
import { Document } from './apidocument.mjs';
import { request } from './apirequests.mjs';

const { document: path, url, token, runs, seed, streams, bodies, few = {} } = JSON.parse(process.argv[2]);
const document = new Document(path);
const agent = new Agent({ keepAlive: true, maxSockets: 4 });
const within = 30_000; // ms, of one request
const tokens = { good: `Bearer ${token}`, others: [null, 'Bearer x.y.z', 'Bearer', `Basic ${token}`, token] };
const outcome = { requests: 0, statuses: {}, faults: [], unreached: [] };

// exchange sends a request and reads the answer; of an event stream only its head.
function exchange({ method, path: target, headers, body }) {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
    const r = send({ hostname, port, method, path: target, headers: { ...headers, ...length }, agent, timeout: within }, answer => {
      const type = (answer.headers['content-type'] ?? '').split(';')[0];
      const done = text => resolve({ status: answer.statusCode, type, headers: answer.headers, body: text });
      if (type === 'text/event-stream') {
        r.destroy();
        return done('');
      }
      const parts = [];
      answer.on('data', part => parts.push(part)).on('end', () => done(Buffer.concat(parts).toString())).on('error', reject);
    });
    r.on('error', reject).on('timeout', () => r.destroy(new Error(`no answer within ${within} ms`)));
    r.end(body);
  });
}

// judge sends one request and throws what is wrong with its answer.
async function judge(operation, made, reached) {
  outcome.requests++;
  const answer = await exchange(made);
  const key = `${operation.id} ${answer.status}`;
  outcome.statuses[key] = (outcome.statuses[key] ?? 0) + 1;
  const broken = answer.status >= 500 && answer.status !== 503 ? `status ${answer.status}: ${answer.body.slice(0, 200)}` : undefined;
  const fault = made.named ? document.fault(operation, answer) : broken;
  if (fault) throw new Error(fault);
  if (made.named && answer.status < 300) reached();
}

// ask sends a good request.
function ask(method, target, headers = {}, body = undefined) {
  return exchange({ method, path: target, headers: { Authorization: tokens.good, ...headers }, body });
}

// places finds what is there for an operation: values of its parameters that belong together.
async function places({ path: template }) {
  const kind = template.split('/')[1];
  if (kind !== 'api') return Promise.all(streams.map(stream => newSession(kind, stream)));
  const list = async target => JSON.parse((await ask('GET', target)).body).items ?? [];
  const found = [{ id: 'self', stream: streams[0], 'If-Match': '*' }];
  for (const stream of streams) {
    for (const { id } of await list(`/api/v1/streams/${stream}/sessions`)) found.push({ stream, id, 'If-Match': '*' });
  }
  for (const { id } of await list('/api/v1/revocations?limit=5')) found.push({ stream: streams[0], id, 'If-Match': '"0"' });
  return found;
}

// newSession begins a session that never connects, and one stream of its events.
async function newSession(kind, stream) {
  const [offer] = bodies[`${kind}:application/sdp`] ?? [];
  if (!offer) return { stream };
  const last = answer => answer.headers.location?.split('/').at(-1);
  const made = await ask('POST', `/${kind}/${stream}`, { 'Content-Type': 'application/sdp' }, offer);
  if (!last(made)) return { stream };
  const events = kind === 'whep' ? await ask('POST', `/whep/${stream}/${last(made)}/events`, { 'Content-Type': 'application/json' }, '[]') : undefined;
  return { stream, session: last(made), 'If-Match': made.headers.etag, ...(events && { events: last(events) }) };
}

async function samples(operation) {
  const kind = operation.path.split('/')[1];
  return Promise.all(document.bodies(operation).map(async ({ type, schema }) => ({
    type, samples: bodies[`${kind}:${type}`] ?? bodies[type] ?? await document.samples(schema, 12, seed),
  })));
}

async function fuzz(operation) {
  let reached = false;
  const made = request(operation, await places(operation), await samples(operation), tokens);
  const property = fc.asyncProperty(made, m => judge(operation, m, () => { reached = true; }));
  const result = await fc.check(property, { numRuns: few[operation.id] ?? runs, seed, endOnFailure: false, interruptAfterTimeLimit: 60_000 });
  if (result.failed && result.counterexample) {
    outcome.faults.push({ operation: operation.id, fault: String(result.errorInstance?.message), request: result.counterexample[0] });
  }
  if (!reached) outcome.unreached.push(operation.id);
}

for (const operation of document.operations()) await fuzz(operation);
agent.destroy();
process.stdout.write(`${JSON.stringify(outcome)}\n`);
