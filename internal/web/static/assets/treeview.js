/**
 * Draws a stream's tree as SVG.
 * @module treeview
 */
import { boxHeight, boxWidth, depthWords, fitted, hopWords, layout, subscriberWords, treeWords } from './treelayout.js';

const namespace = 'http://www.w3.org/2000/svg';

/** Characters of a node's id that a box has room for. */
const idLength = 26;

/**
 * @param {SVGSVGElement} svg  is emptied
 * @param {{stream: string, complete: boolean, nodes: object[]}} tree
 * @param {{self: string, closing: Set<string>}} known  nodes by id
 * @returns {number}  nodes that were not drawn
 */
export function drawTree(svg, tree, { self, closing }) {
  const { boxes, lines, width, height, left } = layout(tree.nodes);
  for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) svg.setAttribute(name, value);
  svg.setAttribute('aria-label', `The tree of ${tree.stream}: ${treeWords(tree)}. The table says the same.`);
  svg.replaceChildren(
    ...lines.map(({ node, path }) => shape('path', { class: node.answered && node.state === 'open' ? 'way' : 'way faint', d: path })),
    ...lines.map(({ node, x, y }) => words('hop', x, y, hopWords(node.hopLatency))),
    ...boxes.map(({ node, x, y }) => box(node, x, y, { here: node.id === self, closing: closing.has(node.id) })),
  );
  return left;
}

function box(node, x, y, { here, closing }) {
  const kind = ['node', node.parent === undefined && 'origin', here && 'here', !node.answered && 'mute', closing && 'closing'].filter(Boolean).join(' ');
  const group = shape('g', { class: kind, 'data-node': node.id, transform: `translate(${x} ${y})` });
  const title = shape('title', {});
  title.textContent = [node.id, node.url, here && 'the node of this page', closing && 'closing'].filter(Boolean).join(', ');
  const place = node.parent === undefined ? 'publisher' : depthWords(node);
  const remark = closing ? 'closing' : here ? 'this node' : '';
  group.append(
    title, shape('rect', { width: boxWidth, height: boxHeight, rx: 12 }),
    words('name', 16, 26, fitted(node.id, idLength)),
    words('fact', 16, 46, [remark, place, subscriberWords(node.subscribers)].filter(Boolean).join(' · ')),
  );
  return group;
}

function words(kind, x, y, text) {
  const made = shape('text', { class: kind, x, y });
  made.textContent = text;
  return made;
}

function shape(tag, attributes) {
  const made = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
