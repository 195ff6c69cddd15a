/** A box of the drawing. */
export interface LayoutNode {
  readonly width: number;
}

/** Where a box's centre is: x in pixels, and the row. */
export interface Place {
  x: number;
  row: number;
}

/** A drawn edge: the points through which it passes, one per row. */
export interface Route {
  readonly from: number;
  readonly to: number;
  readonly points: readonly Place[];
}

export interface Layout {
  readonly places: readonly Place[];
  readonly routes: readonly Route[];
  readonly width: number;
  readonly rows: number;
}

/** Pixels between boxes of a row, and the width of an edge that passes through it. */
const GAP = 24;
const EDGE_WIDTH = 8;
const SWEEPS = 8;

/** A box, or the passage of an edge through a row. */
interface Item {
  readonly row: number;
  readonly width: number;
  readonly above: Item[];
  readonly below: Item[];
  x: number;
}

/**
 * Places the boxes of a graph without cycles in rows, each below those that it depends on (Sugiyama's method:
 * rows by the longest path, the order in a row by the means of neighbours, edges over several rows as a
 * passage in each).
 *
 * @param edges pairs of indices of nodes, `from` before `to` in the list of nodes
 */
export function layOut(nodes: readonly LayoutNode[], edges: readonly (readonly [from: number, to: number])[]): Layout {
  const rowOf = longestPaths(nodes.length, edges);
  const rows: Item[][] = Array.from({ length: Math.max(0, ...rowOf) + 1 }, () => []);
  const add = (row: number, width: number): Item => {
    const item = { row, width, above: [], below: [], x: 0 };
    rows[row].push(item);
    return item;
  };
  const items = nodes.map(({ width }, i) => add(rowOf[i], width));
  // edges of one box share their passages
  const passages = new Map<string, Item>();
  const routes = edges.map(([from, to]) => {
    const path = [items[from]];
    for (let row = rowOf[from] + 1; row < rowOf[to]; row++) {
      const key = `${from} ${row}`;
      const known = passages.get(key);
      const item = known ?? add(row, EDGE_WIDTH);
      passages.set(key, item);
      if (!known) connect(path[path.length - 1], item);
      path.push(item);
    }
    connect(path[path.length - 1], items[to]);
    path.push(items[to]);
    return { from, to, points: path };
  });
  for (const row of rows) spread(row);
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    for (const row of rows) settle(row, "above");
    for (const row of [...rows].reverse()) settle(row, "below");
  }
  for (const row of rows) settle(row, "above");
  const all = rows.flat();
  const left = all.reduce((least, { x, width }) => Math.min(least, x - width / 2), 0);
  for (const item of all) item.x -= left;
  const width = all.reduce((most, item) => Math.max(most, item.x + item.width / 2), 0);
  return { places: items, routes, width, rows: rows.length };
}

function longestPaths(count: number, edges: readonly (readonly [number, number])[]): number[] {
  const rows: number[] = Array(count).fill(0);
  // an edge leads to a later node, so a node's row is known when its edges are looked at
  const sorted = [...edges].sort(([a], [b]) => a - b);
  for (const [from, to] of sorted) rows[to] = Math.max(rows[to], rows[from] + 1);
  return rows;
}

function connect(from: Item, to: Item): void {
  from.below.push(to);
  to.above.push(from);
}

/** Places the items of a row side by side. */
function spread(row: readonly Item[]): void {
  let x = 0;
  for (const item of row) {
    item.x = x + item.width / 2;
    x += item.width + GAP;
  }
  for (const item of row) item.x -= (x - GAP) / 2;
}

/**
 * Moves the items of a row towards the mean of their neighbours in the row before, and apart where they
 * overlap.
 */
function settle(row: Item[], side: "above" | "below"): void {
  const wanted = new Map(row.map((item) => [item, meanOf(item[side]) ?? item.x]));
  const aim = (item: Item) => wanted.get(item) as number;
  row.sort((a, b) => aim(a) - aim(b));
  // blocks of items that touch stand where the mean of their aims is
  const blocks: Block[] = [];
  for (const item of row) {
    blocks.push({ items: [item], sum: aim(item) });
    while (blocks.length > 1 && overlap(blocks[blocks.length - 2], blocks[blocks.length - 1])) {
      const last = blocks.pop() as Block;
      const before = blocks[blocks.length - 1];
      // a block's aims are those for its first item
      const shift = extent(before.items) + last.items[0].width / 2;
      before.sum += last.sum - last.items.length * shift;
      before.items.push(...last.items);
    }
  }
  for (const block of blocks) {
    let x = start(block);
    block.items.forEach((item, i) => {
      if (i > 0) x += item.width / 2;
      item.x = x;
      x += item.width / 2 + GAP;
    });
  }
}

/** Items side by side. */
interface Block {
  items: Item[];
  /** The sum of what its items want for the centre of the first one. */
  sum: number;
}

/** Where the centre of a block's first item is. */
function start({ items, sum }: Block): number {
  return sum / items.length;
}

/**
 * From the centre of the first item to the centre of an item after the block, without that item's half width.
 */
function extent(items: readonly Item[]): number {
  let length = items[0].width / 2 + GAP;
  for (const item of items.slice(1)) length += item.width + GAP;
  return length;
}

function overlap(before: Block, after: Block): boolean {
  return start(before) + extent(before.items) + after.items[0].width / 2 > start(after);
}

function meanOf(items: readonly Item[]): number | undefined {
  if (items.length === 0) return undefined;
  return items.reduce((sum, { x }) => sum + x, 0) / items.length;
}
