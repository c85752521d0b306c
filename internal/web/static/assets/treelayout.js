/**
 * Where the nodes of a stream's tree go in a drawing: one column for each depth, one row for
 * each node that feeds nobody. Pure: no page, no clock.
 * @module treelayout
 */

/** Sizes in pixels: of a box, between columns and rows, and at the edges. */
export const [boxWidth, boxHeight, columnGap, rowGap, margin] = [246, 62, 104, 18, 6];

/** Most nodes drawn; the table has all. */
export const mostDrawn = 200;

/**
 * @typedef {{id: string, parent?: string, depth: number}} TreeNode
 * @param {TreeNode[]} nodes  parents before their children, as the API lists them
 * @returns {{width: number, height: number, left: number, boxes: {node: TreeNode, x: number, y: number}[],
 *   lines: {node: TreeNode, path: string, x: number, y: number}[]}}
 *   `left` nodes are not drawn; a line is that from a node's parent, with a place for its label
 */
export function layout(nodes) {
  const drawn = nodes.slice(0, mostDrawn);
  const children = new Map(drawn.map((n) => [n.id, []]));
  const roots = [];
  for (const n of drawn) (children.get(n.parent) ?? roots).push(n);
  const boxes = new Map();
  let rows = 0;
  const put = (node, column) => {
    const below = children.get(node.id).map((c) => put(c, column + 1));
    const row = below.length > 0 ? (below[0] + below.at(-1)) / 2 : rows++;
    boxes.set(node.id, { node, x: margin + column * (boxWidth + columnGap), y: margin + row * (boxHeight + rowGap) });
    return row;
  };
  for (const r of roots) put(r, 0);
  const all = drawn.map((n) => boxes.get(n.id));
  return {
    boxes: all,
    lines: all.filter(({ node }) => boxes.has(node.parent)).map((box) => line(boxes.get(box.node.parent), box)),
    width: Math.max(...all.map((b) => b.x), 0) + boxWidth + margin,
    height: Math.max(rows, 1) * (boxHeight + rowGap) - rowGap + 2 * margin,
    left: nodes.length - drawn.length,
  };
}

/** A line from a parent's right side to a child's left one, which is level where its label is. */
function line(from, to) {
  const [x1, y1, x2, y2] = [from.x + boxWidth, from.y + boxHeight / 2, to.x, to.y + boxHeight / 2];
  const turn = x1 + 30;
  return { node: to.node, path: `M${x1} ${y1}C${turn - 6} ${y1} ${x1 + 8} ${y2} ${turn} ${y2}L${x2} ${y2}`, x: (turn + x2) / 2, y: y2 - 6 };
}

/** Where the table says a node stands. @param {TreeNode} node */
export function depthWords(node) {
  return node.parent === undefined ? 'publisher’s node' : `depth ${node.depth}`;
}

/** 0.4 ms, 12 ms; what is not known is a dash. @param {number|undefined} ms */
export function hopWords(ms) {
  return ms === undefined ? '–' : `${ms < 10 ? ms.toFixed(ms < 1 ? 2 : 1) : Math.round(ms)} ms`;
}

/** 1 subscriber, 12 subscribers. @param {number|undefined} n */
export function subscriberWords(n) {
  if (n === undefined) return 'does not answer';
  return n === 1 ? '1 subscriber' : `${n} subscribers`;
}

/** How much of a name fits. @param {string} text @param {number} most  characters */
export function fitted(text, most) {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/**
 * What there is to say of a tree in a line.
 * @param {{complete: boolean, nodes: object[]}} tree
 */
export function treeWords({ complete, nodes }) {
  const depth = Math.max(...nodes.map((n) => n.depth), 0);
  const subscribers = nodes.reduce((sum, n) => sum + (n.subscribers ?? 0), 0);
  const mute = nodes.filter((n) => !n.answered).length;
  return [
    nodes.length === 1 ? '1 node' : `${nodes.length} nodes`, depth > 0 && `${depth} deep`, subscriberWords(subscribers),
    mute > 0 && `${mute} without an answer`, !complete && mute === 0 && 'there are more',
  ].filter(Boolean).join(' · ');
}

/**
 * What is wrong with the cluster as this node sees it; '' if nothing is.
 * @param {{cluster?: object}} self
 * @returns {{title: string, text: string}}
 */
export function clusterTrouble({ cluster }) {
  if (!cluster) return { title: 'This node is alone', text: 'With --redis it is one of a cluster: see docs/cluster.md.' };
  if (!cluster.directoryAvailable) return { title: 'The directory is not available', text: 'Redis does not answer this node. What runs goes on; below is what was known last.' };
  if (cluster.nodes < 2) return { title: 'No other node', text: 'The directory lists this node only: others must have the same --redis, --redis-namespace and --cluster-secret.' };
  return { title: '', text: '' };
}
