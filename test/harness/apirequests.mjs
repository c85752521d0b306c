// Requests for a fuzzer: what fits an operation, what nearly does, and what is far from it. The
// values come from fast-check, so that it can repeat them and make a failing one smaller.

import fc from 'fast-check';

const hostile = [
  '', '.', '..', '%2e%2e', '%2F', '%00', '%0d%0aX-A:b', '%ff', '%zz', '*', "'", '"', '<script>', '${x}', '{{7*7}}', 'a'.repeat(300), 'null', 'undefined',
  '-1', '0', '1e9', '9'.repeat(40), 'NaN', 'true', '%F0%9F%90%95', '__proto__', 'constructor', 'self', ';', '?', '&', '=', '+',
];

// pathText is a text as it may stand in a path or a query: letters as they are, the rest escaped.
const pathText = fc.oneof(
  fc.constantFrom(...hostile),
  fc.string({ unit: 'binary', maxLength: 30 }).map(encode),
  fc.string({ unit: 'grapheme', maxLength: 30 }).map(encode),
);

function encode(text) {
  return encodeURIComponent(text.toWellFormed());
}

// headerText is what the client lets through; what it does not is for raw sockets.
const headerText = fc.oneof(
  fc.constantFrom('*', '"', '""', 'W/"a"', '"a", "b"', ',', ',,,,', '"'.repeat(500), 'a'.repeat(4000), '"0"', '"1"'),
  fc.stringMatching(/^[ -~]{0,60}$/),
);

// parameterValue makes the value of a parameter: the one of a place that is there most of the
// time, then one the document names, then anything.
function parameterValue(parameter, place) {
  const schema = parameter.schema ?? {};
  const hostileValue = parameter.in === 'header' ? headerText : pathText;
  const fitting = [...(parameter.example === undefined ? [] : [parameter.example]), ...(schema.enum ?? [])];
  if (schema.type === 'integer') fitting.push(schema.minimum ?? 0, schema.maximum ?? 2 ** 31, schema.default ?? 1);
  const choices = [{ weight: 2, arbitrary: hostileValue }];
  if (fitting.length) choices.push({ weight: 2, arbitrary: fc.constantFrom(...fitting.map(String)) });
  if (place[parameter.name] !== undefined) choices.push({ weight: 16, arbitrary: fc.constant(place[parameter.name]) });
  return fc.oneof(...choices);
}

// mutated changes a value that fits: a member replaced, removed, added, or the whole.
function mutated(sample) {
  const any = fc.jsonValue({ maxDepth: 3 });
  const odd = fc.constantFrom(null, '', -1, 0, 0.5, 1e300, 2 ** 53, true, [], {}, [[]], 'x'.repeat(5000), '2026-13-45T99:99:99Z', '\u0000', { a: { b: { c: {} } } });
  const replacement = fc.oneof(odd, any);
  if (sample === null || typeof sample !== 'object' || Array.isArray(sample)) return replacement;
  const names = Object.keys(sample);
  const name = fc.oneof(...(names.length ? [fc.constantFrom(...names)] : []), fc.constantFrom('__proto__', 'constructor', 'x', ''), fc.string({ maxLength: 20 }));
  return fc.oneof(
    { weight: 4, arbitrary: fc.tuple(name, replacement).map(([n, v]) => ({ ...sample, [n]: v })) },
    name.map(n => Object.fromEntries(Object.entries(sample).filter(([k]) => k !== n))),
    replacement,
  );
}

// text of a body for one media type: fitting ones, changed ones, broken ones.
function bodyText(type, samples) {
  if (!type.endsWith('json')) {
    const lines = samples.flatMap(s => s.split(/\r?\n/));
    return fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(...samples) },
      fc.subarray(lines).map(l => l.join('\r\n')),
      fc.tuple(fc.constantFrom(...samples), fc.nat(4000), fc.string({ unit: 'binary', maxLength: 8 })).map(([s, at, x]) => s.slice(0, at) + x + s.slice(at + x.length)),
      fc.string({ unit: 'binary', maxLength: 500 }),
    );
  }
  const fitting = fc.constantFrom(...samples);
  return fc.oneof(
    { weight: 3, arbitrary: fitting.map(s => JSON.stringify(s)) },
    { weight: 4, arbitrary: fitting.chain(mutated).map(v => JSON.stringify(v)) },
    fc.tuple(fitting, fc.nat(40)).map(([s, at]) => JSON.stringify(s).slice(0, at)),
    fc.constantFrom('', ' ', 'null', '[]', '"', '{', '{"a":1,"a":2}', `${'['.repeat(5000)}`, `{"a":${'9'.repeat(5000)}}`, '\ufeff{}', '{}{}', '\u0000'),
    fc.string({ unit: 'binary', maxLength: 200 }),
  );
}

// body of a request: media type and text, sometimes of another type, sometimes none.
function body(bodies) {
  if (bodies.length === 0) return fc.option(fc.record({ type: fc.constantFrom('application/json', 'text/plain'), text: fc.string({ maxLength: 100 }) }), { freq: 4 });
  const right = fc.oneof(...bodies.map(({ type, samples }) => fc.record({
    type: fc.oneof({ weight: 9, arbitrary: fc.constant(type) }, fc.constantFrom(`${type}; charset=utf-8`, type.toUpperCase(), 'text/plain', '', 'application/json', ';', `${type};${'a=b;'.repeat(200)}`)),
    text: bodyText(type, samples),
  })));
  return fc.oneof({ weight: 9, arbitrary: right }, { weight: 1, arbitrary: fc.constant(null) });
}

// request makes all a client needs to send an operation's request; named tells whether its path is
// one of the operation. places are values of
// parameters that lead somewhere together, bodies the media types with samples, tokens the good
// token and others.
export function request(operation, places, bodies, tokens) {
  const parameters = operation.parameters.map(({ value }) => value);
  const given = place => fc.tuple(...parameters.map(p => {
    const arbitrary = parameterValue(p, place);
    return p.required ? arbitrary : fc.option(arbitrary, { freq: 3 });
  }));
  const token = fc.oneof({ weight: 12, arbitrary: fc.constant(tokens.good) }, { weight: 1, arbitrary: fc.constantFrom(...tokens.others) });
  return fc.record({
    values: fc.constantFrom(...places).chain(given), body: body(bodies), token,
    extra: fc.option(fc.tuple(fc.constantFrom('limit', 'after', 'token', 'x', 'kind'), pathText), { freq: 8 }),
  }).map(made => assemble(operation, parameters, made));
}

function assemble(operation, parameters, { values, body: content, token, extra }) {
  let { path } = operation;
  const query = extra ? [extra.join('=')] : [];
  const headers = token === null ? {} : { Authorization: token };
  parameters.forEach((p, i) => {
    if (values[i] === null) return;
    if (p.in === 'path') path = path.replace(`{${p.name}}`, () => values[i]);
    if (p.in === 'query') query.push(`${p.name}=${values[i]}`);
    if (p.in === 'header') headers[p.name] = values[i];
  });
  if (content) headers['Content-Type'] = content.type;
  const named = values.every((value, i) => parameters[i].in !== 'path' || segment(value));
  return { named, method: operation.method, path: query.length ? `${path}?${query.join('&')}` : path, headers, body: content?.text };
}

// segment tells whether a value is one segment of a path; with another the path is that of another
// operation, or of none.
function segment(value) {
  try {
    return !['', '.', '..'].includes(decodeURIComponent(value)) && !/[/?#]/.test(value);
  } catch {
    return /%(?![0-9a-f]{2})/i.test(value) === false; // bytes that are no text are a segment
  }
}
