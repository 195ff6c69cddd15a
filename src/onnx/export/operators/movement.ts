import { checkDims, type Dims } from "../../../ops/core/axis.ts";
import { addToLength, areSameLengths, isFixed, isSameLength, type Length, type Lengths } from "../length.ts";
import { TO_END, TO_START } from "../node_writer.ts";
import type { OperatorWriter, StepWriter } from "../operator_writer.ts";

/** The listed dimensions of an operation's option `dim`; all of them if there is none. */
export function listedDims(s: StepWriter): number[] {
  const reduced = checkDims(s.step.name, s.attribute<null>("dim") as Dims, s.shape(0).length);
  return reduced.flatMap((is, d) => (is ? [d] : []));
}

/** A view of slices of x. */
export const view: OperatorWriter = (s) => {
  const { slices, name } = s.step;
  if (name === "diagonal") return diagonal(s);
  const shape = s.shape(0);
  if (s.result.includes(0)) return s.nodes.reshape(s.nodes.constant([], [0], s.dtype(0) as "float32"), [0], s.result);
  const { starts, counts, steps, order } = slices ?? s.refuse("it reads elements in an order that no slices have");
  const cut = [...shape.keys()].filter((d) => !isSameLength(counts[d], shape[d]) || steps[d] !== 1);
  const endOf = (d: number): Length => {
    if (steps[d] > 0 && isSameLength(counts[d], shape[d])) return TO_END;
    const { [d]: start } = starts;
    if (!isFixed(counts[d]) || !isFixed(start)) {
      // only whole dimensions and their ends are of unknown length
      if (steps[d] < 0) return isSameLength(counts[d], shape[d]) ? TO_START : s.refuse("it flips a part of the batch");
      if (isFixed(counts[d])) return addToLength(start, (counts[d] - 1) * steps[d] + 1);
      return isFixed(start) && isSameLength(addToLength(counts[d], start), shape[d]) && steps[d] === 1
        ? TO_END
        : isFixed(start) && steps[d] === 1
          ? addToLength(counts[d], start)
          : s.refuse("it takes a part of the batch that depends on its size");
    }
    const end = start + counts[d] * steps[d];
    if (steps[d] < 0) return end < 0 ? TO_START : end;
    return start + (counts[d] - 1) * steps[d] + 1;
  };
  let x = s.nodes.slice(
    s.x(0),
    cut,
    cut.map((d) => starts[d]),
    cut.map(endOf),
    cut.map((d) => steps[d]),
  );
  const gone = [...shape.keys()].filter((d) => !order.includes(d));
  x = s.nodes.squeeze(x, gone);
  const used = order.filter((d) => d >= 0);
  const left = [...used].sort((a, b) => a - b);
  x = s.nodes.transpose(
    x,
    used.map((d) => left.indexOf(d)),
  );
  return s.nodes.unsqueeze(
    x,
    order.flatMap((d, i) => (d < 0 ? [i] : [])),
  );
};

/** The two dimensions of a diagonal go last and become one, of which positions are taken. */
const diagonal: OperatorWriter = (s) => {
  const rank = s.shape(0).length;
  const [a, b] = ["dim1", "dim2"].map((name) => s.dim(0, name));
  const rest = [...s.shape(0).keys()].filter((d) => d !== a && d !== b);
  const [rows, columns] = s.fixed([s.shape(0)[a], s.shape(0)[b]], "the two dimensions");
  const offset = s.attribute<number>("offset");
  const [row, column] = [Math.max(-offset, 0), Math.max(offset, 0)];
  const length = Math.max(0, Math.min(rows - row, columns - column));
  const positions = Array.from({ length }, (_, i) => (row + i) * columns + column + i);
  const moved = s.nodes.transpose(s.x(0), [...rest, a, b]);
  const before = rest.map((d) => s.shape(0)[d]);
  const flat = s.nodes.reshape(moved, [...before, rows, columns], [...before, rows * columns]);
  return s.nodes.node("Gather", [flat, s.nodes.constant(positions, [length], "int64")], { axis: rank - 2 });
};

/** x, padded to matrices in which only the diagonal counts. */
const diagEmbed: OperatorWriter = (s) => {
  const rank = s.shape(0).length + 1;
  const offset = s.attribute<number>("offset");
  const [a, b] = ["dim1", "dim2"].map((name) => (s.attribute<number>(name) + rank) % rank);
  const [side] = s.fixed([s.result[a]], "the matrices");
  const before = rank - 2;
  const zeros = new Array<number>(before).fill(0);
  const padded =
    offset === 0 ? s.x(0) : s.nodes.node("Pad", [s.x(0), s.nodes.lengths([...zeros, 0, ...zeros, Math.abs(offset)])]);
  // element k stands in row k and column k + offset, or in column k and row k - offset
  const matrix = s.nodes.unsqueeze(padded, [offset >= 0 ? rank - 1 : rank - 2]);
  const mask = Array.from({ length: side * side }, (_, i) => Number((i % side) - Math.floor(i / side) === offset));
  const zero = s.nodes.scalar(0, s.dtype(0));
  const y = s.nodes.node("Where", [s.nodes.constant(mask, [side, side], "bool"), matrix, zero]);
  const order = [...Array(rank).keys()].filter((d) => d !== a && d !== b);
  const from = [...order, a, b];
  return s.nodes.transpose(
    y,
    from.map((_, d) => from.indexOf(d)),
  );
};

export const reshape: OperatorWriter = (s) => {
  const [from, to] = [s.shape(0), s.result];
  const x = s.x(0);
  const dims = s.attribute<number>("dim");
  if (s.step.name === "unsqueeze") return s.nodes.unsqueeze(x, [dims < 0 ? dims + to.length : dims]);
  return s.nodes.reshape(x, from, to);
};

export const expand: OperatorWriter = (s) =>
  areSameLengths(s.shape(0), s.result) ? s.x(0) : s.nodes.expand(s.x(0), s.result);

export const positions: OperatorWriter = (s) => {
  const { dim, positions } = s.step.positions as { dim: number; positions: readonly number[] };
  return s.nodes.node("Gather", [s.x(0), s.nodes.constant(positions, [positions.length], "int64")], { axis: dim });
};

const cat: OperatorWriter = (s) => {
  const names = s.step.inputs.map((_, i) => s.x(i));
  return names.length === 1 ? names[0] : s.nodes.node("Concat", names, { axis: s.dim() });
};

const PAD_MODES = { constant: "constant", reflect: "reflect", replicate: "edge", circular: "wrap" } as const;

const pad: OperatorWriter = (s) => {
  const padding = s.attribute<readonly number[]>("padding");
  const mode = s.attribute<keyof typeof PAD_MODES>("mode");
  const rank = s.shape(0).length;
  if (mode === "circular" && s.nodes.opset < 19) s.refuse('mode "circular" needs opset 19');
  if (mode !== "constant" && padding.some((amount) => amount < 0)) s.refuse(`mode "${mode}" with negative padding`);
  const side = (k: 0 | 1) => Array.from({ length: rank }, (_, d) => padding[(rank - 1 - d) * 2 + k] ?? 0);
  const value = mode === "constant" ? s.nodes.scalar(Number(s.attribute("value")), s.dtype(0)) : "";
  const inputs = [s.x(0), s.nodes.lengths([...side(0), ...side(1)]), value];
  return s.nodes.node("Pad", inputs, { mode: PAD_MODES[mode] });
};

const triangle: OperatorWriter = (s) => {
  const dtype = s.dtype(0);
  const type = dtype === "float32" ? "float32" : "int64";
  const x = s.nodes.cast(s.x(0), dtype, type);
  if (s.nodes.opset < 14) s.refuse("needs opset 14");
  const diagonal = s.nodes.scalar(s.attribute<number>("diagonal"), "int64");
  const y = s.nodes.node("Trilu", [x, diagonal], { upper: Number(s.step.name === "triu") });
  return s.nodes.cast(y, type, dtype);
};

const unfold: OperatorWriter = (s) => {
  const [size, step] = [s.attribute<number>("size"), s.attribute<number>("step")];
  if (s.shape(0).length === 0) return s.nodes.reshape(s.x(0), [], s.result);
  const d = s.dim();
  const rank = s.shape(0).length;
  const [windows] = s.fixed([s.result[d]], "the windows");
  const index = Array.from({ length: windows * size }, (_, i) => Math.floor(i / size) * step + (i % size));
  const y = s.nodes.node("Gather", [s.x(0), s.nodes.constant(index, [windows, size], "int64")], { axis: d });
  const order = [...Array(rank + 1).keys()].filter((i) => i !== d + 1);
  return s.nodes.transpose(y, [...order, d + 1]);
};

/** The start of input i with the given shape. */
function startOf(s: StepWriter, i: number, shape: Lengths): string {
  const own = s.shape(i);
  const cut = [...own.keys()].filter((d) => !isSameLength(own[d], shape[d]));
  return s.nodes.slice(
    s.x(i),
    cut,
    cut.map(() => 0),
    cut.map((d) => shape[d]),
  );
}

const scatter =
  (reduction?: "add" | "mul" | "max" | "min"): OperatorWriter =>
  (s) => {
    const needed = reduction === undefined ? 0 : reduction === "max" || reduction === "min" ? 18 : 16;
    if (s.nodes.opset < needed) s.refuse(`needs opset ${needed}`);
    const isScalar = s.shape(0).length === 0;
    const up = (x: string) => (isScalar ? s.nodes.unsqueeze(x, [0]) : x);
    const source = s.value(2)
      ? startOf(s, 2, s.shape(1))
      : s.nodes.expand(s.x(2, s.dtype(0)), isScalar ? [] : s.shape(1));
    const y = s.nodes.node("ScatterElements", [up(s.x(0)), up(s.x(1)), up(source)], { axis: s.dim(), reduction });
    return isScalar ? s.nodes.squeeze(y, [0]) : y;
  };

const REDUCTIONS: Readonly<Record<string, "mul" | "max" | "min">> = { prod: "mul", amax: "max", amin: "min" };

const indexRows =
  (reduction?: "add"): OperatorWriter =>
  (s) => {
    if (reduction && s.nodes.opset < 16) s.refuse("needs opset 16");
    const d = s.dim();
    const shape = s.shape(2);
    const column = shape.map((length, i) => (i === d ? length : 1));
    const index = s.nodes.expand(s.nodes.reshape(s.x(1), s.shape(1), column), shape);
    const alpha = s.attribute<number>("alpha");
    const source = alpha === 1 ? s.x(2) : s.nodes.node("Mul", [s.x(2), s.nodes.scalar(alpha, s.dtype(2))]);
    return s.nodes.node("ScatterElements", [s.x(0), index, source], { axis: d, reduction });
  };

const oneHot: OperatorWriter = (s) => {
  const classes = s.attribute<number>("numClasses");
  if (classes < 0) s.refuse("the number of classes must be given");
  const numbers = s.nodes.constant([...Array(classes).keys()], [classes], "int32");
  const equal = s.nodes.node("Equal", [s.nodes.unsqueeze(s.x(0), [s.shape(0).length]), numbers]);
  return s.nodes.cast(equal, "bool", "int32");
};

const gather: OperatorWriter = (s) => {
  const isScalar = s.shape(0).length === 0;
  const up = (x: string) => (isScalar ? s.nodes.unsqueeze(x, [0]) : x);
  const y = s.nodes.node("GatherElements", [up(s.x(0)), up(s.x(1))], { axis: s.dim() });
  return isScalar ? s.nodes.squeeze(y, [0]) : y;
};

export const MOVEMENT: Readonly<Record<string, OperatorWriter>> = {
  cat,
  pad,
  tril: triangle,
  triu: triangle,
  diagEmbed,
  unfold,
  scatter: scatter(),
  scatterAdd: scatter("add"),
  scatterReduce: (s) => scatter(REDUCTIONS[String(s.attribute("reduce"))])(s),
  indexAdd: indexRows("add"),
  indexCopy: indexRows(),
  indexSelect: (s) => s.nodes.node("Gather", [s.x(0), s.x(1)], { axis: s.dim() }),
  embedding: (s) => s.nodes.node("Gather", [s.x(1), s.x(0)], { axis: 0 }),
  gather,
  oneHot,
};
