/**
 * Operations that choose among elements (where, gather, embedding, clamp, extrema), powers,
 * and joined or cut shapes.
 */
import { nn, stack, type Tensor, tensor, where } from "wasmgrad";
import { makeInput } from "./check.ts";
import { type CaseMaker, smaller, sourceOf } from "./operations.ts";
import { sizeOf } from "./random.ts";
import type { Node } from "./tape.ts";

const F = nn.functional;

/** The place of an element in a shape. */
const placeIn = (shape: readonly number[], at: number) =>
  shape.map((length, d) => Math.floor(at / sizeOf(shape.slice(d + 1))) % length);

const positionIn = (shape: readonly number[], place: readonly number[]) =>
  place.reduce((at, p, d) => at * shape[d] + p, 0);

const whereCase: CaseMaker = (random, tape) => {
  const full = random.shape(0, 4);
  const shapes = [0, 1, 2].map(() => smaller(random, full));
  shapes[random.integer(0, 2)] = full;
  const [conditionShape, ...rest] = shapes;
  const chosen = Int32Array.from({ length: sizeOf(conditionShape) }, () => random.integer(0, 1));
  const [a, b] = rest.map((shape) => makeInput(tape, shape, random.normals(sizeOf(shape))));
  const [c, fromA, fromB] = shapes.map((shape) => sourceOf(full, shape));
  const outputs = Array.from({ length: sizeOf(full) }, (_, i) =>
    tape.scale(chosen[c(i)] ? a.nodes[fromA(i)] : b.nodes[fromB(i)], 1),
  );
  const condition = () => tensor(chosen, { shape: conditionShape }).bool();
  return {
    what: `where [${conditionShape}] [${a.shape}] [${b.shape}]`,
    inputs: [a, b],
    outputs,
    shape: full,
    run: ([x, y]) => where(condition(), x, y),
  };
};

const clamp: CaseMaker = (random, tape) => {
  const shape = random.shape(0, 4);
  const x = makeInput(tape, shape, random.normals(sizeOf(shape)));
  const [low, high] = [random.normal(), random.normal()].map(Math.fround);
  const min = random.chance(0.7) ? low : undefined;
  const max = min === undefined || random.chance(0.7) ? high : undefined;
  const outputs = x.nodes.map((node) => {
    const value = tape.values[node];
    const clamped = Math.min(Math.max(value, min ?? -Infinity), max ?? Infinity);
    const inside = value > (min ?? -Infinity) && value < (max ?? Infinity);
    return tape.unary(node, clamped, inside ? 1 : 0);
  });
  const options = { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
  return { what: `clamp [${shape}] ${min} ${max}`, inputs: [x], outputs, shape, run: ([x]) => x.clamp(options) };
};

/** Powers of positive bases, and of any base to small integers. */
const pow: CaseMaker = (random, tape) => {
  const full = random.shape(0, 4);
  const shapes = random.chance(0.5) ? [full, smaller(random, full)] : [smaller(random, full), full];
  const whole = random.chance(0.4);
  const exponent = random.pick([-3, -2, -1, 0, 1, 2, 3]);
  const draw = (shape: number[]) => random.normals(sizeOf(shape));
  const base = draw(shapes[0]).map((x) => (whole ? x || 1 : Math.abs(x) + 0.1));
  const a = makeInput(tape, whole ? full : shapes[0], whole ? draw(full).map((x) => x || 1) : base);
  const b = makeInput(tape, whole ? [] : shapes[1], whole ? Float32Array.of(exponent) : draw(shapes[1]));
  const [fromA, fromB] = [a, b].map(({ shape }) => sourceOf(full, shape));
  const outputs = Array.from({ length: sizeOf(full) }, (_, i) => {
    const [p, q] = [a.nodes[fromA(i)], b.nodes[fromB(i)]];
    const [x, y] = [tape.values[p], tape.values[q]];
    return tape.binary(p, q, x ** y, y * x ** (y - 1), whole ? 0 : x ** y * Math.log(x));
  });
  const run = ([x, y]: Tensor[]) => (whole ? x.pow(exponent) : x.pow(y));
  const inputs = whole ? [a] : [a, b];
  return {
    what: `pow [${a.shape}] [${b.shape}] ${whole ? exponent : ""}`,
    inputs,
    outputs,
    shape: full,
    run,
    slack: 8,
  };
};

const gather: CaseMaker = (random, tape) => {
  const shape = random.shape(1, 4).map((n) => Math.max(n, 1));
  const dim = random.integer(0, shape.length - 1);
  const indexShape = shape.map((n, d) =>
    d === dim ? random.integer(0, 6) : random.integer(random.chance(0.1) ? 0 : 1, n),
  );
  const index = Int32Array.from({ length: sizeOf(indexShape) }, () => random.integer(0, shape[dim] - 1));
  const x = makeInput(tape, shape, random.normals(sizeOf(shape)));
  const outputs = Array.from(index, (to, at) => {
    const place = placeIn(indexShape, at);
    place[dim] = to;
    return tape.scale(x.nodes[positionIn(shape, place)], 1);
  });
  return {
    what: `gather [${shape}] dim ${dim} index [${indexShape}] ${index}`,
    inputs: [x],
    outputs,
    shape: indexShape,
    run: ([x]) => x.gather(random.chance(0.5) ? dim : dim - shape.length, tensor(index, { shape: indexShape })),
  };
};

const embedding: CaseMaker = (random, tape) => {
  const [rows, width] = [random.integer(1, 9), random.integer(1, 9)];
  const shape = random.shape(0, 3, 40);
  const index = Int32Array.from({ length: sizeOf(shape) }, () => random.integer(0, rows - 1));
  const padding = random.chance(0.5) ? null : random.integer(-rows, rows - 1);
  const skipped = padding !== null && padding < 0 ? padding + rows : padding;
  const weight = makeInput(tape, [rows, width], random.normals(rows * width));
  const outputs: Node[] = [];
  for (const row of index) {
    for (let i = 0; i < width; i++) {
      const node = weight.nodes[row * width + i];
      outputs.push(row === skipped ? tape.leaf(tape.values[node]) : tape.scale(node, 1));
    }
  }
  return {
    what: `embedding [${rows},${width}] index [${shape}] paddingIdx ${padding}`,
    inputs: [weight],
    outputs,
    shape: [...shape, width],
    run: ([weight]) => F.embedding(tensor(index, { shape }), weight, { paddingIdx: padding }),
  };
};

/** The largest or smallest of all elements: equal ones share the gradient. */
const extremum: CaseMaker = (random, tape) => {
  const shape = random.shape(0, 4).map((n) => Math.max(n, 1));
  const name = random.pick(["max", "min"] as const);
  const rough = random.chance(0.5);
  const x = makeInput(
    tape,
    shape,
    random.normals(sizeOf(shape)).map((v) => (rough ? Math.round(v) : v)),
  );
  const best = x.data.reduce((a, b) => (name === "max" ? Math.max(a, b) : Math.min(a, b)));
  const equals = x.nodes.filter((_, i) => x.data[i] === best);
  // the mean of the equal elements has the same value, and each gets an equal part of its gradient
  const output = tape.mean(equals);
  return { what: `${name} of [${shape}]`, inputs: [x], outputs: [output], shape: [], run: ([x]) => x[name]() };
};

const joining: CaseMaker = (random, tape) => {
  const shape = random.shape(1, 3, 60);
  const dim = random.integer(0, shape.length - 1);
  const name = random.pick(["stack", "select", "narrow", "triu", "maskedFill", "squeeze", "unflatten", "transpose"]);
  const inputs = [0, 1].map(() => makeInput(tape, shape, random.normals(sizeOf(shape))));
  const [x, other] = inputs;
  const built = (outShape: number[], from: (place: number[]) => Node) => ({
    inputs: name === "stack" ? inputs : [x],
    outputs: Array.from({ length: sizeOf(outShape) }, (_, at) => tape.scale(from(placeIn(outShape, at)), 1)),
    shape: outShape,
    what: `${name} [${shape}] dim ${dim}`,
  });
  const at = (place: readonly number[]) => x.nodes[positionIn(shape, place)];
  const n = shape[dim];
  const last = random.chance(0.5) ? dim : dim - shape.length;
  switch (n === 0 && (name === "select" || name === "narrow") ? "squeeze" : name) {
    case "stack": {
      const to = random.integer(0, shape.length);
      const outShape = [...shape.slice(0, to), 2, ...shape.slice(to)];
      const from = (place: number[]) => {
        const rest = place.filter((_, d) => d !== to);
        return place[to] ? other.nodes[positionIn(shape, rest)] : at(rest);
      };
      return { ...built(outShape, from), run: ([a, b]) => stack([a, b], to) };
    }
    case "select": {
      const i = random.integer(0, n - 1);
      const outShape = shape.filter((_, d) => d !== dim);
      const from = (place: number[]) => at([...place.slice(0, dim), i, ...place.slice(dim)]);
      return { ...built(outShape, from), run: ([a]) => a.select(last, random.chance(0.5) ? i : i - n) };
    }
    case "narrow": {
      const start = random.integer(0, n - 1);
      const length = random.integer(0, n - start);
      const outShape = shape.map((m, d) => (d === dim ? length : m));
      const from = (place: number[]) => at(place.map((p, d) => (d === dim ? p + start : p)));
      return { ...built(outShape, from), run: ([a]) => a.narrow(last, start, length) };
    }
    case "triu": {
      if (shape.length < 2) return { ...built(shape, at), run: ([a]) => a.clone() };
      const diagonal = random.integer(-4, 4);
      const [r, c] = [shape.length - 2, shape.length - 1];
      const from = (place: number[]) => (place[c] - place[r] >= diagonal ? at(place) : tape.leaf(0));
      return { ...built(shape, from), run: ([a]) => a.triu(diagonal) };
    }
    case "maskedFill": {
      const maskShape = smaller(random, shape);
      const mask = Int32Array.from({ length: sizeOf(maskShape) }, () => random.integer(0, 1));
      const source = sourceOf(shape, maskShape);
      const from = (place: number[]) => (mask[source(positionIn(shape, place))] ? tape.leaf(-2) : at(place));
      const run = ([a]: Tensor[]) => a.maskedFill(tensor(mask, { shape: maskShape }).bool(), -2);
      return { ...built(shape, from), run };
    }
    case "unflatten": {
      const outShape = [...shape.slice(0, dim), 1, n, ...shape.slice(dim + 1)];
      const from = (place: number[]) => at(place.filter((_, d) => d !== dim));
      return { ...built(outShape, from), run: ([a]) => a.unflatten(last, [1, n === 0 ? 0 : -1]) };
    }
    case "transpose": {
      const with0 = shape.map((_, d) => (d === 0 ? shape[dim] : d === dim ? shape[0] : shape[d]));
      const from = (place: number[]) =>
        at(place.map((_, d) => (d === 0 ? place[dim] : d === dim ? place[0] : place[d])));
      return { ...built(with0, from), run: ([a]) => a.transpose(0, last) };
    }
    default:
      return { ...built(shape, at), run: ([a]) => a.unsqueeze(dim).squeeze(dim) };
  }
};

export const choiceCases: Record<string, { make: CaseMaker; weight: number }> = {
  where: { make: whereCase, weight: 2 },
  clamp: { make: clamp, weight: 1 },
  pow: { make: pow, weight: 2 },
  gather: { make: gather, weight: 2 },
  embedding: { make: embedding, weight: 2 },
  extremum: { make: extremum, weight: 1 },
  joining: { make: joining, weight: 3 },
};
