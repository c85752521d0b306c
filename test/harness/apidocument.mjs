// What a fuzzer must know of an OpenAPI 3.1 document: its operations, made-up values that fit
// their schemas, and whether an answer is one that is described. Schemas are those of JSON Schema
// 2020-12, which ajv checks; json-schema-faker makes the values.

import { readFileSync } from 'node:fs';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { generate } from 'json-schema-faker';
import { parse } from 'yaml';

const methods = ['get', 'post', 'put', 'patch', 'delete', 'options', 'head'];
const base = 'openapi.yaml'; // what $refs of the schemas are relative to, for ajv

// Document is a read document.
export class Document {
  #root;
  #ajv = new Ajv({ strict: false, allErrors: true });
  #checks = new Map(); // pointer → function of ajv

  constructor(path) {
    this.#root = parse(readFileSync(path, 'utf8'));
    addFormats(this.#ajv);
    this.#ajv.addSchema({ $id: base, ...this.#root });
  }

  // operations lists them, those that take something away last, and of these the ones that take
  // little first.
  operations() {
    const all = [];
    for (const [path, item] of Object.entries(this.#root.paths)) {
      for (const method of methods.filter(m => item[m])) {
        const at = `#/paths/${escape(path)}/${method}`;
        const shared = (item.parameters ?? []).map((_, i) => `#/paths/${escape(path)}/parameters/${i}`);
        const own = (item[method].parameters ?? []).map((_, i) => `${at}/parameters/${i}`);
        all.push({ id: item[method].operationId, method: method.toUpperCase(), path, at, parameters: [...shared, ...own].map(p => this.find(p)) });
      }
    }
    const taken = o => (o.method === 'DELETE' ? 1000 - o.path.length : 0);
    return all.sort((a, b) => taken(a) - taken(b));
  }

  // find follows a pointer and the $refs on its way; it returns the value and where it really is.
  find(pointer) {
    let value = this.#root;
    let at = '#';
    for (const part of pointer.split('/').slice(1)) {
      value = value?.[part.replaceAll('~1', '/').replaceAll('~0', '~')];
      at += `/${part}`;
      if (value?.$ref) ({ value, at } = this.find(value.$ref));
    }
    return { value, at };
  }

  // bodies lists what an operation takes: media type and pointer of the schema.
  bodies(operation) {
    const { value, at } = this.find(`${operation.at}/requestBody`);
    return Object.keys(value?.content ?? {}).map(type => ({ type, schema: `${at}/content/${escape(type)}/schema` }));
  }

  // samples makes values that fit a schema.
  async samples(pointer, count, seed) {
    const made = [];
    for (let i = 0; i < count; i++) {
      const schema = { $defs: this.#root.components.schemas, ...this.#rebased(this.find(pointer).value) };
      made.push(await generate(schema, { seed: seed + i, optionalsProbability: i % 2 ? 0.9 : 0.4 }));
    }
    return [...made, ...this.#edges(this.find(pointer).value, made.at(-1))];
  }

  // #edges are a value with each number at its bounds, and just beyond them.
  #edges(schema, sample) {
    const edges = [];
    for (const [name, p] of Object.entries(schema.properties ?? {})) {
      for (const n of [p.minimum, p.minimum - 1, p.maximum, p.maximum + 1].filter(Number.isFinite)) edges.push({ ...sample, [name]: n });
    }
    return edges;
  }

  // #rebased lets the $refs of a schema lead to $defs.
  #rebased(schema) {
    return JSON.parse(JSON.stringify(schema).replaceAll('#/components/schemas/', '#/$defs/'));
  }

  // fault says what is wrong with an answer to an operation; undefined if it is as described.
  fault(operation, { status, type, headers, body }) {
    const { value: response, at } = this.find(`${operation.at}/responses/${status}`);
    if (status >= 500 && status !== 503) return `status ${status}: ${body.slice(0, 200)}`;
    if (!response) return `status ${status} is not described`;
    for (const [name, header] of Object.entries(response.headers ?? {})) {
      const required = header.required ?? this.find(header.$ref ?? '#').value.required;
      if (required && headers[name.toLowerCase()] === undefined) return `status ${status} without ${name}`;
    }
    const described = Object.keys(response.content ?? {});
    if (body.length === 0) return undefined;
    if (!described.includes(type)) return `status ${status} has a body of ${type}, described are [${described}]`;
    return type.endsWith('json') ? this.#invalid(`${at}/content/${escape(type)}/schema`, body) : undefined;
  }

  #invalid(pointer, body) {
    let value;
    try {
      value = JSON.parse(body);
    } catch (error) {
      return `a body that is no JSON: ${error.message}`;
    }
    if (!this.#checks.has(pointer)) {
      this.#checks.set(pointer, this.#ajv.compile({ $ref: `${base}${encodeURI(pointer)}` }));
    }
    const check = this.#checks.get(pointer);
    return check(value) ? undefined : `a body that is not as described: ${this.#ajv.errorsText(check.errors)}`;
  }
}

function escape(part) {
  return part.replaceAll('~', '~0').replaceAll('/', '~1');
}
