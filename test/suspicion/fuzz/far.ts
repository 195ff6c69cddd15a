/**
 * Windows, steps, distances, paddings and sizes up to the limits of int32: the correct value or a typed
 * error, quickly and with little memory.
 */
import { memory, nn, scope, setMemoryLimit, type Tensor, tensor, WasmgradError } from "wasmgrad";
import { CaseError, type Kind } from "./campaign.ts";
import { checkAgainst, type Input, makeInput } from "./check.ts";
import { type Random, sizeOf } from "./random.ts";
import { type Node, Tape } from "./tape.ts";

const F = nn.functional;
type Two = [number, number];

/** More than the tensors take that are made before the limit matters. */
const ROOM_BYTES = 2 ** 26;
/**
 * Processor time. A case that takes longer loops over more than it needs to. The slowest cases take some
 * tenths of a second.
 */
const MOST_MS = 5000;

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
/** The most outputs that are compared. */
const MOST_OUTPUTS = 3000;
const MOST_PLANE = 2 ** 30;

const FAR = [
  2 ** 31 - 1,
  2 ** 31 - 2,
  2 ** 30 + 1,
  2 ** 30,
  2 ** 30 - 1,
  715827883,
  2 ** 28,
  65537,
  65536,
  46341,
  4097,
];

/** A number of at least `least`: usually small, sometimes very large. */
function amount(random: Random, least: number): number {
  if (random.chance(0.55)) return random.integer(least, 3);
  return Math.max(least, random.pick(FAR) - random.pick([0, 0, 1, 2]));
}

const two = (f: () => number): Two => [f(), f()];

/** The expected result of a case, or `null` if nothing is left. */
interface FarCase {
  what: string;
  shape: readonly number[] | null;
  inputs: (tape: Tape) => Input[];
  /** Only called for shapes of few elements. */
  outputs: (tape: Tape, inputs: Input[]) => Node[];
  run: (leaves: Tensor[]) => Tensor;
  /** The most elements that the operation may need memory for at once, including the result. */
  work: number;
  slack?: number;
}

/**
 * The taps of a window of k taps, `gap` apart, that lie inside; it does not walk through the taps before
 * them.
 */
function taps(start: number, k: number, gap: number, length: number): [tap: number, at: number][] {
  const list: [number, number][] = [];
  for (let t = Math.max(0, Math.ceil(-start / gap)); t < k && start + t * gap < length; t++)
    list.push([t, start + t * gap]);
  return list;
}

const normals = (random: Random, tape: Tape, shape: number[]) => makeInput(tape, shape, random.normals(sizeOf(shape)));

function convolution(random: Random): FarCase {
  const transposed = random.chance(0.5);
  const size = two(() => random.integer(1, 6));
  const kernel = two(() => random.integer(1, 3));
  const [stride, dilation] = [two(() => amount(random, 1)), two(() => amount(random, 1))];
  const padding = two(() => amount(random, 0));
  if (random.chance(0.4)) {
    // enough padding for one more large kernel or step
    for (const d of [0, 1]) {
      const reach = transposed
        ? (size[d] - 1) * stride[d] + dilation[d] * (kernel[d] - 1)
        : dilation[d] * (kernel[d] - 1);
      padding[d] = Math.min(2 ** 31 - 1, Math.max(0, Math.floor(reach / 2) - random.integer(-2, 2)));
    }
  }
  const outputPadding = transposed
    ? ([0, 1].map((d) => random.integer(0, Math.min(3, Math.max(stride[d], dilation[d]) - 1))) as Two)
    : ([0, 0] as Two);
  const out = size.map((n, d) =>
    transposed
      ? (n - 1) * stride[d] - 2 * padding[d] + dilation[d] * (kernel[d] - 1) + outputPadding[d] + 1
      : Math.floor((n + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d]) + 1,
  );
  const shape = out.every((n) => n >= 1) ? [1, 2, ...out] : null;
  const [few, many] = transposed ? [size, out] : [out, size];
  const options = { stride, dilation, padding };
  const padded = many.map((n, d) => n + 2 * padding[d]);
  return {
    what: `${transposed ? "convTranspose2d" : "conv2d"} [1,1,${size}] kernel ${kernel} ${JSON.stringify({ ...options, outputPadding })}`,
    shape,
    inputs: (tape) => [
      normals(random, tape, [1, 1, ...size]),
      normals(random, tape, transposed ? [1, 2, ...kernel] : [2, 1, ...kernel]),
    ],
    outputs: (tape, [x, weight]) => {
      const terms: Node[][] = Array.from({ length: 2 * sizeOf(out) }, () => []);
      for (let y = 0; y < few[0]; y++) {
        for (const [ky, row] of taps(y * stride[0] - padding[0], kernel[0], dilation[0], many[0])) {
          for (let z = 0; z < few[1]; z++) {
            for (const [kx, column] of taps(z * stride[1] - padding[1], kernel[1], dilation[1], many[1])) {
              const [from, to] = transposed
                ? [y * size[1] + z, row * out[1] + column]
                : [row * size[1] + column, y * out[1] + z];
              for (const o of [0, 1]) {
                const tap = (o * kernel[0] + ky) * kernel[1] + kx;
                terms[o * sizeOf(out) + to].push(tape.mul(x.nodes[from], weight.nodes[tap]));
              }
            }
          }
        }
      }
      return terms.map((list) => tape.sum(list));
    },
    run: ([x, weight]) =>
      transposed
        ? F.convTranspose2d(x, weight, null, { ...options, outputPadding })
        : F.conv2d(x, weight, null, options),
    // planes beyond MOST_PLANE are refused, as the documentation says
    work: Math.max(sizeOf(out), padded[0] * padded[1] > MOST_PLANE ? Infinity : padded[0] * padded[1]),
    slack: 16,
  };
}

function pooling(random: Random): FarCase {
  const max = random.chance(0.5);
  const size = two(() => random.integer(1, 6));
  const [kernel, stride] = [two(() => amount(random, 1)), two(() => amount(random, 1))];
  const dilation: Two = max ? two(() => amount(random, 1)) : [1, 1];
  const half = (k: number) => Math.floor(k / 2);
  const padding = kernel.map((k) => (random.chance(0.7) ? half(k) : random.integer(0, Math.min(3, half(k))))) as Two;
  const [ceilMode, countIncludePad] = [random.chance(0.3), random.chance(0.5)];
  const out = size.map((n, d) => {
    const room = n + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1;
    const count = (ceilMode ? Math.ceil(room / stride[d]) : Math.floor(room / stride[d])) + 1;
    return ceilMode && (count - 1) * stride[d] >= n + padding[d] ? count - 1 : count;
  });
  const options = { stride, padding, ceilMode };
  return {
    what: `${max ? "maxPool2d" : "avgPool2d"} [1,${size}] ${kernel} ${JSON.stringify({ ...options, dilation, countIncludePad })}`,
    shape: out.every((n) => n >= 1) ? [1, ...out] : null,
    inputs: (tape) => [normals(random, tape, [1, ...size])],
    outputs: (tape, [x]) => {
      const outputs: Node[] = [];
      for (let y = 0; y < out[0]; y++) {
        for (let z = 0; z < out[1]; z++) {
          const starts = [y * stride[0] - padding[0], z * stride[1] - padding[1]];
          const [rows, columns] = starts.map((start, d) => taps(start, kernel[d], dilation[d], size[d]));
          const window = rows.flatMap(([, row]) => columns.map(([, column]) => x.nodes[row * size[1] + column]));
          const counted = starts.map((start, d) => Math.min(start + kernel[d], size[d] + padding[d]) - start);
          const divisor = countIncludePad ? counted[0] * counted[1] : window.length;
          if (!max) outputs.push(tape.scale(tape.sum(window), 1 / divisor));
          else if (window.length === 0) outputs.push(tape.leaf(-Infinity));
          else outputs.push(tape.max(window));
        }
      }
      return outputs;
    },
    run: ([x]) =>
      max ? F.maxPool2d(x, kernel, { ...options, dilation }) : F.avgPool2d(x, kernel, { ...options, countIncludePad }),
    work: sizeOf(out),
  };
}

function pad(random: Random): FarCase {
  const mode = random.pick(["constant", "reflect", "replicate", "circular"] as const);
  const length = random.integer(1, 6);
  const signed = () => amount(random, 0) * random.pick([1, -1]);
  const padding: Two = [signed(), signed()];
  // two large amounts that leave a few elements
  if (random.chance(0.5)) padding[1] = Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, random.integer(0, 5) - padding[0]));
  const [before, after] = padding;
  const result = length + before + after;
  const kept = length + Math.min(before, 0) + Math.min(after, 0);
  const limit = { constant: Infinity, replicate: Infinity, reflect: length - 1, circular: kept }[mode];
  const borders = mode === "reflect" || mode === "replicate";
  const fits = result >= (borders ? 1 : 0) && (borders || kept >= 0) && Math.max(before, after) <= limit;
  return {
    what: `pad [2,${length}] ${padding} ${mode}`,
    shape: (before === 0 && after === 0) || fits ? [2, result] : null,
    inputs: (tape) => [normals(random, tape, [2, length])],
    outputs: (tape, [x]) =>
      Array.from({ length: 2 * result }, (_, at) => {
        let place = (at % result) - before;
        if (mode === "constant" && (place < 0 || place >= length)) return tape.leaf(0);
        if (mode === "replicate") place = Math.min(length - 1, Math.max(0, place));
        if (mode === "reflect") place = place < 0 ? -place : place >= length ? 2 * length - 2 - place : place;
        if (mode === "circular") {
          const first = Math.max(0, -before);
          place = first + ((((place - first) % kept) + kept) % kept);
        }
        return tape.scale(x.nodes[(at < result ? 0 : length) + place], 1);
      }),
    run: ([x]) => F.pad(x, padding, { mode }),
    work: 2 * Math.max(0, result),
  };
}

function resizing(random: Random): FarCase {
  const adaptive = random.chance(0.4);
  const size = two(() => random.integer(1, 6));
  const byFactor = !adaptive && random.chance(0.5);
  const factors = two(() => random.pick([1e-300, 1e-9, 0.4, 1, 3, 1e5, 1e9, 1e300]));
  const out = byFactor ? size.map((n, d) => Math.floor(n * factors[d])) : two(() => amount(random, 1));
  return {
    what: `${adaptive ? "adaptiveAvgPool2d" : "interpolate"} [1,1,${size}] to ${byFactor ? `${factors} times` : out}`,
    shape: out.every((n) => n >= 1) ? [1, 1, ...out] : null,
    inputs: (tape) => [normals(random, tape, [1, 1, ...size])],
    outputs: (tape, [x]) =>
      Array.from({ length: sizeOf(out) }, (_, at) => {
        const place = [Math.floor(at / out[1]), at % out[1]];
        if (!adaptive) {
          const [row, column] = place.map((i, d) => {
            const scaled = byFactor && out[d] !== size[d] && out[d] !== 2 * size[d];
            return Math.min(
              size[d] - 1,
              Math.floor(scaled ? Math.fround(i * Math.fround(1 / factors[d])) : (i * size[d]) / out[d]),
            );
          });
          return tape.scale(x.nodes[row * size[1] + column], 1);
        }
        const [rows, columns] = place.map((i, d) => {
          const first = Math.floor((i * size[d]) / out[d]);
          return Array.from({ length: Math.ceil(((i + 1) * size[d]) / out[d]) - first }, (_, k) => first + k);
        });
        return tape.mean(rows.flatMap((row) => columns.map((column) => x.nodes[row * size[1] + column])));
      }),
    run: ([x]) => {
      if (adaptive) return F.adaptiveAvgPool2d(x, out as Two);
      return F.interpolate(x, byFactor ? { scaleFactor: factors } : { size: out as Two });
    },
    work: sizeOf(out),
  };
}

/** Throws unless the library documents the error. Returns a name under which the case is counted. */
function nameOf(what: string, error: unknown): string {
  if (error instanceof WasmgradError && error.name !== "WasmgradError") return error.name;
  throw new CaseError(`${what}: ${(error as Error)?.stack ?? error}, expected a typed error`);
}

function runFar(random: Random): string {
  const make = random.pick([convolution, convolution, pooling, pad, resizing]);
  const { what, shape, inputs, outputs, run, work, slack = 4 } = make(random);
  const tape = new Tape();
  const leaves = inputs(tape);
  const start = processorMs();
  let name = "";
  const tensors = () => leaves.map(({ shape, data }) => tensor(data, { shape: [...shape] }));
  if (!shape || sizeOf(shape) > MOST_OUTPUTS) {
    try {
      const result = run(tensors());
      name = "large results";
      if (!shape || String(result.shape) !== String(shape))
        throw new CaseError(`${what}: [${result.shape}], expected [${shape}]`);
    } catch (error) {
      if (error instanceof CaseError) throw error;
      name = nameOf(what, error);
      if (!shape && name === "OutOfMemoryError") throw new CaseError(`${what}: ${error}, expected a ShapeError`);
      if (shape && 4 * work < ROOM_BYTES / 8) throw new CaseError(`${what}: ${error}, expected [${shape}]`);
    }
  } else {
    try {
      run(tensors());
    } catch (error) {
      name = nameOf(what, error);
      if (4 * work < ROOM_BYTES / 8) throw new CaseError(`${what}: ${error}, expected [${shape}]`);
    }
    if (name === "") {
      const nodes = outputs(tape, leaves);
      const skip = (i: number) => tape.values[nodes[i]] === -Infinity;
      const seeds = random.normals(sizeOf(shape)).map((seed, i) => (skip(i) ? 0 : seed));
      try {
        checkAgainst(what, tape, leaves, nodes, shape, run, seeds, slack, 0);
        name = make.name;
      } catch (error) {
        if (error instanceof CaseError) throw error;
        name = nameOf(what, error);
        if (4 * work < ROOM_BYTES / 8) throw new CaseError(`${what}: ${error} in the gradient`);
      }
    }
  }
  const took = processorMs() - start;
  if (took > MOST_MS) throw new CaseError(`${what}: took ${(took / 1000).toFixed(1)} s`);
  return name;
}

export const far: Kind = {
  name: "far",
  prepare() {
    setMemoryLimit(Math.min(2 ** 32, memory().reservedBytes + ROOM_BYTES));
    return () => setMemoryLimit(2 ** 32);
  },
  run: (random) => scope(() => runFar(random)),
};
