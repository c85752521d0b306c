/**
 * The operator's page of the cluster: its nodes, this node's links, and the tree of a stream.
 * @module admincluster
 */
import { Poll, api, keepList, tiles, write } from './adminpage.js';
import { path } from './api.js';
import { Problem } from './problem.js';
import { clusterTrouble, depthWords, hopWords, treeWords } from './treelayout.js';
import { drawTree } from './treeview.js';
import { $, bitrate, duration, element, percent, streamName } from './ui.js';

/** Most nodes, links and streams shown. */
const most = 1000;

/** The pause between two walks down a tree grows by so much for each of its nodes, in milliseconds. */
const pausePerNode = 20;

const [nodeRows, linkRows, placeRows] = [new Map(), new Map(), new Map()];
let chosen = new URLSearchParams(location.search).get('stream') ?? '';
let tree = null; // the last one
let due = 0; // when the next is asked for
let bytesBefore = new Map(); // of each node's link, and when that was

async function ask(signal) {
  const [self, nodes, links, streams] = await Promise.all([
    api.get('nodes/self', signal), api.list('nodes', most, signal), api.list('links', most, signal), api.list('streams', most, signal),
  ]);
  showSelf(self);
  keepList($('nodes'), nodeRows, nodes.items, (n) => n.id, (n) => newNode(n, self.id));
  keepList($('links'), linkRows, links.items, (l) => `${l.stream} ${l.direction} ${l.node} ${l.since}`, newLink);
  $('no-links').hidden = links.items.length > 0;
  offer([...new Set([...streams.items.filter((s) => s.live), ...links.items].map((s) => s.name ?? s.stream))].sort());
  await showTree(signal, { self: self.id, alone: !self.cluster, closing: new Set(nodes.items.filter((n) => n.state === 'closing').map((n) => n.id)) });
}

function showSelf(self) {
  const { title, text } = clusterTrouble(self);
  $('trouble').hidden = title === '';
  write($('trouble-title'), title);
  write($('trouble-text'), text);
  const c = self.cluster;
  write($('summary'), c ? `seen from ${self.id}` : self.id);
  tiles($('facts'), c ? [
    ['Directory', c.directoryAvailable ? 'available' : 'not available'],
    ['Nodes', String(c.nodes)],
    ['Publishers here', c.provisionalLeases > 0 ? `${c.leases}, ${c.provisionalLeases} provisional` : String(c.leases)],
    ['Streams lost to others', String(c.leasesLost)],
    ['Links in and out', `${c.linksIn} and ${c.linksOut}`],
    ['Links in vain', String(c.linkFailures)],
  ] : []);
}

/** Cells of a row; the text of one with a mark stands in a span of its own. */
function cells(...columns) {
  return columns.map(([name, kind = '']) => {
    const td = element('td', { 'data-label': name, class: kind === 'mark' ? '' : kind });
    if (kind === 'mark') td.append(element('span'));
    return td;
  });
}

/** The place of a cell's text. */
const inside = (td) => td.firstElementChild ?? td;

function mark(td, good) {
  inside(td).className = good ? 'mark good' : 'mark bad';
}

function row(head, made, attributes, texts) {
  const node = element('tr', attributes, element('th', { scope: 'row' }, ...head), ...made);
  return { node, update: (item) => texts(item).forEach((text, i) => write(inside(made[i]), text)) };
}

function newNode({ id }, self) {
  const made = cells(['State', 'mark'], ['Load', 'number'], ['Sessions', 'number'], ['Heard of', 'number'], ['For other nodes'], ['For clients'], ['Version']);
  return row([id, ...(id === self ? [element('span', { class: 'muted' }, ' this node')] : [])], made, { 'data-node': id }, (n) => {
    mark(made[0], n.state === 'ready');
    return [n.state, n.busy === undefined ? '–' : percent(n.busy), String(n.sessions ?? n.load?.sessions ?? '–'), ago(n.announcedAt), n.url ?? '–', n.publicUrl ?? '–', n.version ?? '–'];
  });
}

function ago(at) {
  return at === undefined ? '–' : `${Math.max(Math.round((Date.now() - Date.parse(at)) / 1000), 0)} s ago`;
}

function newLink({ stream, node }) {
  const choose = element('button', { class: 'link', type: 'button' }, stream);
  choose.addEventListener('click', () => pick(stream));
  const made = cells(['Direction'], ['Other node'], ['Depth', 'number'], ['State', 'mark'], ['For', 'number'], ['Hop', 'number'], ['Packets', 'number']);
  return row([choose], made, { 'data-link': `${stream} ${node}` }, (l) => {
    mark(made[3], l.state === 'open');
    return [l.direction === 'in' ? 'comes from' : 'goes to', l.node, String(l.depth), l.state, duration(Date.now() - Date.parse(l.since)), hopWords(l.hopLatency), l.packets.toLocaleString('en')];
  });
}

/** Offers streams to choose, and takes the first if nothing was chosen. */
function offer(names) {
  const list = $('names');
  if ([...list.children].map((o) => o.value).join(' ') !== names.join(' ')) {
    list.replaceChildren(...names.map((value) => element('option', { value })));
  }
  if (!chosen && names.length > 0) [chosen, due] = [names[0], 0];
  if (document.activeElement !== $('stream') && $('stream').value !== chosen) $('stream').value = chosen;
}

async function showTree(signal, known) {
  if (!chosen) return say(known.alone ? 'Nobody publishes here.' : 'No stream is known to this node. Name one that another node has.');
  if (performance.now() < due) return;
  try {
    tree = await api.get(path('streams', chosen, 'tree'), signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const problem = Problem.of(error);
    if (problem.status !== 404 && problem.status !== 503) throw error;
    return say(problem.status === 404 ? `Nobody publishes “${chosen}”.` : problem.detail);
  }
  due = performance.now() + tree.nodes.length * pausePerNode;
  say('');
  write($('tree-summary'), treeWords(tree));
  const left = drawTree($('drawing'), tree, known);
  write($('left'), left > 0 ? `${left} more nodes are in the table only.` : '');
  keepList($('places'), placeRows, tree.nodes.map((n) => ({ ...n, rate: rateOf(n) })), (n) => n.id, newPlace);
}

/** Shows the tree, or why there is none. */
function say(text) {
  $('tree').hidden = text !== '';
  $('no-tree').hidden = text === '';
  write($('no-tree'), text);
  if (text) write($('tree-summary'), '');
}

/** Bits per second over the link that feeds a node, since the last time; null: not known. */
function rateOf({ id, since, bytes }) {
  const [key, now] = [`${chosen} ${id} ${since}`, performance.now()];
  const before = bytesBefore.get(key);
  if (bytesBefore.size > 2 * most) bytesBefore = new Map();
  bytesBefore.set(key, { at: now, bytes });
  return before && bytes !== undefined && now > before.at ? Math.max(bytes - before.bytes, 0) * 8000 / (now - before.at) : null;
}

function newPlace({ id }) {
  const made = cells(['Fed by'], ['Depth', 'number'], ['Hop', 'number'], ['From the publisher', 'number'], ['Subscribers', 'number'], ['Over its link', 'number'], ['Link', 'mark']);
  return row([id], made, { 'data-place': id }, (n) => {
    const origin = n.parent === undefined;
    mark(made[6], n.answered && (origin || n.state === 'open'));
    return [
      n.parent ?? depthWords(n), String(n.depth), origin ? '–' : hopWords(n.hopLatency), origin ? '–' : hopWords(n.latency),
      String(n.subscribers ?? '?'), n.rate === null ? '–' : bitrate(n.rate), n.answered ? n.state ?? 'publisher' : 'no answer',
    ];
  });
}

/** Shows another stream's tree from now on, also when the page is loaded again. */
function pick(name) {
  [chosen, due] = [name, 0];
  $('stream').value = name;
  const here = new URL(location.href);
  here.searchParams.set('stream', name);
  history.replaceState(history.state, '', here);
  poll.now();
}

$('choose').addEventListener('submit', (event) => {
  event.preventDefault();
  const name = $('stream').value.trim();
  if (streamName.test(name)) pick(name);
});
$('stream').addEventListener('change', () => streamName.test($('stream').value.trim()) && pick($('stream').value.trim()));
const poll = new Poll(ask);
poll.now();
