/**
 * Reads what V8 prints of its revectorization pass (`--trace-wasm-revectorize`), which packs two 128-bit
 * operations into one of 256 bits. The pass starts from seeds: two stores side by side, or an operation on
 * two of the same kind. From each it walks up through the operands and builds a tree of pairs; then it
 * compares what all trees of a function save with what they cost. The words differ a little between versions
 * of V8: those of Node 24 to 26 are known here.
 */

/** Pairs from which V8 started, and how many of them became a tree of pairs. */
interface Seeds {
  found: number;
  packed: number;
}

/** What V8 did with one function. */
export interface Packing {
  /** Pairs of stores. */
  stores: Seeds;
  /** Pairs of operands, such as the two sums that a loop ends with. Many are no pairs by intention. */
  operands: Seeds;
  /** The numbers that it compares. Missing where there was no tree. */
  decision?: { saved: number; cost: number };
  isPacked: boolean;
  /** Pairs of operations that are one operation now, constants not counted. */
  pairs: number;
  /** Why seeds did not become trees, or trees no code: what was in the way, and how often. */
  obstacles: Map<string, number>;
}

/** "Simd128Binop[F32x4Sub]" or "[F32x4Sub]" as WebAssembly calls it: "f32x4.sub". */
function operationName(name: string): string {
  const snake = (text: string) => text.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "_").toLowerCase();
  const [, inner = name] = /\[(\w+)\]/.exec(name) ?? [];
  const [, shape, operation] = /^([FIS]\d+(?:x\d+)?)([A-Z]\w*)$/.exec(inner) ?? [];
  if (!shape) return snake(inner.replace(/^Simd128(?=.)/, ""));
  return `${shape === "S128" ? "v128" : shape.toLowerCase()}.${snake(operation)}`;
}

/** Messages that say why a tree was given up, and what to call that. */
const OBSTACLES: readonly (readonly [RegExp, (...groups: string[]) => string])[] = [
  [/break side effect|side effects between/i, () => "side effect between the halves"],
  [/different basic block/, () => "halves in different blocks"],
  [
    /\((\S+), (\S+)\) have (?:different op|incompatible kinds)/,
    (a, b) => `${operationName(a)} beside ${operationName(b)}`,
  ],
  [/Different opcode/, () => "two different operations"],
  [/Unsupported Simd128(?:Unary|Binop|ShiftOp|Ternary): (\S+)/, (name) => `no 256-bit ${operationName(name)}`],
  [/Unsupported partial overlap/, () => "a half that has another partner already"],
  [/shuffle/i, () => "shuffle that cannot be packed"],
  [/failed due to input dependencies/, () => "one half needs the other"],
  [/Default branch #\d+:(\S+)|Do not force pack at root #\d+:(\S+)/, (a, b) => `${operationName(a ?? b)} not packed`],
  [/Failed due to (.*?)[!.]?$/, (text) => text],
];
/** V8 says nothing of some shuffles and lane operations. */
const UNNAMED = "shuffle or lane operation that cannot be packed";

function obstacleOf(message: string): string | undefined {
  for (const [pattern, describe] of OBSTACLES) {
    const match = pattern.exec(message);
    if (match) return describe(...match.slice(1));
  }
  return undefined;
}

const note = (obstacles: Map<string, number>, name: string) => obstacles.set(name, (obstacles.get(name) ?? 0) + 1);

function readFunction(lines: readonly string[]): Packing {
  const packing: Packing = {
    stores: { found: 0, packed: 0 },
    operands: { found: 0, packed: 0 },
    isPacked: false,
    pairs: 0,
    obstacles: new Map(),
  };
  let tried = 0; // stores first
  /** Pairs that V8 puts together from two registers: a cost, and no operation less. */
  const forced = new Set<string>();
  let obstacle: string | undefined;
  let listed = false;
  for (const line of lines) {
    const [, message] = /^Revec: .*? \d+: (.*)$/.exec(line) ?? [];
    if (message === undefined) {
      if (line === "{") packing.stores.found++;
      if (line.startsWith("{ #")) packing.operands.found++;
    } else if (message === "Empty seed") {
      note(packing.obstacles, "no pair of stores or operands");
    } else if (/^(Build|Building SLP) tree failed!$/.test(message)) {
      note(packing.obstacles, obstacle ?? UNNAMED);
      obstacle = undefined;
      tried++;
    } else if (/^After (build tree|tree building), /.test(message)) {
      (tried < packing.stores.found ? packing.stores : packing.operands).packed++;
      obstacle = undefined;
      tried++;
    } else if (/^Save: /.test(message)) {
      const [, saved, cost] = /^Save: (-?\d+), cost: (-?\d+)/.exec(message) ?? [];
      packing.decision = { saved: Number(saved), cost: Number(cost) };
    } else if (/^Decided? to vectorize, \d+ revectorizable nodes/.test(message)) {
      packing.isPacked = true;
      listed = true;
    } else if (/^Decided? to vectorize, \d+ revectorizable intersect nodes/.test(message)) {
      listed = false;
    } else if (listed) {
      const [, name, pair] = /^(.*)(\(#\d+, #\d+\))$/.exec(message) ?? [];
      if (name && !/^(Phi|Simd128Constant)$/.test(name) && !forced.has(pair)) packing.pairs++;
    } else {
      const [, pair] = /^ForcePackNode .*(\(#\d+, #\d+\))$/.exec(message) ?? [];
      if (pair) forced.add(pair);
      obstacle = obstacleOf(message) ?? obstacle;
    }
  }
  if (packing.decision && !packing.isPacked) note(packing.obstacles, "costs as much as it saves");
  return packing;
}

/** The functions of a trace by their index in the module: those that have 128-bit operations. */
export function readTrace(trace: string): Map<number, Packing> {
  const found = new Map<number, Packing>();
  for (const [, begin, body, end] of trace.matchAll(
    /^Begin revec function wasm-function#(\d+)\n(.*?)^Finished revec function wasm-function#(\d+)$/gms,
  )) {
    if (begin !== end) throw new Error(`trace: functions ${begin} and ${end} overlap: compile on one thread`);
    found.set(Number(begin), readFunction(body.split("\n")));
  }
  return found;
}
