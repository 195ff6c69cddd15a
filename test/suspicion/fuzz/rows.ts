import { nn, type Tensor, tensor } from "wasmgrad";
import { checkClose, makeInput } from "./check.ts";
import type { CaseMaker } from "./operations.ts";
import { type Random, sizeOf } from "./random.ts";
import { type Node, type Tape, ULP } from "./tape.ts";

const F = nn.functional;

/** Positions of the rows along `dim`. */
function rowsOf(shape: readonly number[], dim: number): number[][] {
  const inner = sizeOf(shape.slice(dim + 1));
  const outer = sizeOf(shape.slice(0, dim));
  return Array.from({ length: outer * inner }, (_, row) =>
    Array.from({ length: shape[dim] }, (_, i) => (Math.floor(row / inner) * shape[dim] + i) * inner + (row % inner)),
  );
}

const draw = (random: Random, tape: Tape, shape: number[], scale = 1) =>
  makeInput(tape, shape, random.normals(sizeOf(shape), scale));

/** (x - mean) / sqrt(var + eps) of the nodes of a row. */
function normalized(tape: Tape, row: readonly Node[], eps: number): Node[] {
  const mean = tape.mean(row);
  const centred = row.map((x) => tape.sub(x, mean));
  const variance = tape.mean(centred.map((x) => tape.mul(x, x)));
  const deviation = tape.sqrt(tape.shift(variance, eps));
  return centred.map((x) => tape.div(x, deviation));
}

/** sum, mean, variance over several dimensions. */
const reduceMany: CaseMaker = (random, tape) => {
  const shape = random.shape(0, 5).map((n) => Math.max(n, 1));
  const dims = shape.map((_, d) => d).filter(() => random.chance(0.5));
  const over = dims.length === 0 ? shape.map((_, d) => d) : dims;
  const count = sizeOf(over.map((d) => shape[d]));
  const name = random.pick(count > 2 ? (["sum", "mean", "var", "std"] as const) : (["sum", "mean"] as const));
  const correction = random.pick([0, 1, 1.5]);
  const keepdim = random.chance(0.5);
  const kept = shape.filter((_, d) => !over.includes(d));
  const groups: Node[][] = Array.from({ length: sizeOf(kept) }, () => []);
  const input = draw(random, tape, shape, random.pick([1, 100]));
  input.nodes.forEach((node, at) => {
    let to = 0;
    shape.forEach((length, d) => {
      if (!over.includes(d)) to = to * length + (Math.floor(at / sizeOf(shape.slice(d + 1))) % length);
    });
    groups[to].push(node);
  });
  const outputs = groups.map((nodes) => {
    if (name === "sum") return tape.sum(nodes);
    const mean = tape.mean(nodes);
    if (name === "mean") return mean;
    const squares = nodes.map((x) => tape.sub(x, mean)).map((x) => tape.mul(x, x));
    const variance = tape.scale(tape.sum(squares), 1 / (nodes.length - correction));
    return name === "var" ? variance : tape.sqrt(variance);
  });
  const shown = dims.length === 0 ? undefined : random.chance(0.5) ? dims : dims.map((d) => d - shape.length).reverse();
  const options = name === "var" || name === "std" ? { keepdim, correction } : { keepdim };
  return {
    what: `${name} [${shape}] dims ${shown} ${JSON.stringify(options)}`,
    inputs: [input],
    outputs,
    shape: keepdim ? shape.map((n, d) => (over.includes(d) ? 1 : n)) : kept,
    run: ([x]) => x[name](shown, options),
  };
};

const linear: CaseMaker = (random, tape) => {
  const lead = random.shape(0, 3, 30);
  const [features, outs] = [random.integer(1, 12), random.integer(1, 12)];
  const x = draw(random, tape, [...lead, features]);
  const weight = draw(random, tape, [outs, features]);
  const bias = random.chance(0.6) ? draw(random, tape, [outs]) : null;
  const outputs = Array.from({ length: sizeOf(lead) * outs }, (_, at) => {
    const [row, o] = [Math.floor(at / outs), at % outs];
    const terms = Array.from({ length: features }, (_, i) =>
      tape.mul(x.nodes[row * features + i], weight.nodes[o * features + i]),
    );
    return tape.sum(bias ? [...terms, bias.nodes[o]] : terms);
  });
  return {
    what: `linear [${x.shape}] [${weight.shape}] bias ${bias !== null}`,
    inputs: bias ? [x, weight, bias] : [x, weight],
    outputs,
    shape: [...lead, outs],
    run: ([x, weight, bias]) => F.linear(x, weight, bias ?? null),
  };
};

const reduce: CaseMaker = (random, tape) => {
  const shape = random.shape(1, 4).map((n) => Math.max(n, 2));
  const dim = random.integer(0, shape.length - 1);
  const input = draw(random, tape, shape, random.pick([1, 100]));
  const keepdim = random.chance(0.5);
  const name = random.pick(["sum", "mean", "var", "std", "max", "min"]);
  const outputs = rowsOf(shape, dim).map((row) => {
    const nodes = row.map((at) => input.nodes[at]);
    if (name === "sum") return tape.sum(nodes);
    if (name === "mean") return tape.mean(nodes);
    if (name === "max" || name === "min") {
      const sign = name === "max" ? 1 : -1;
      return tape.scale(
        nodes.reduce((a, b) => (sign * tape.values[b] > sign * tape.values[a] ? b : a)),
        1,
      );
    }
    const mean = tape.mean(nodes);
    const squares = nodes.map((x) => tape.sub(x, mean)).map((x) => tape.mul(x, x));
    const variance = tape.scale(tape.sum(squares), 1 / (nodes.length - 1));
    return name === "var" ? variance : tape.sqrt(variance);
  });
  const outShape = keepdim ? shape.map((n, d) => (d === dim ? 1 : n)) : shape.filter((_, d) => d !== dim);
  return {
    what: `${name} [${shape}] dim ${dim} keepdim ${keepdim}`,
    inputs: [input],
    outputs,
    shape: outShape,
    run: ([x]) =>
      name === "max" || name === "min" ? x[name](dim, { keepdim }).values : x[name as "sum"](dim, { keepdim }),
  };
};

const softmax: CaseMaker = (random, tape) => {
  const shape = random.shape(1, 4).map((n) => Math.max(n, 1));
  const dim = random.integer(0, shape.length - 1);
  const input = draw(random, tape, shape, random.pick([1, 10]));
  const log = random.chance(0.5);
  const outputs: Node[] = [];
  for (const row of rowsOf(shape, dim)) {
    const total = tape.logSumExp(row.map((at) => input.nodes[at]));
    for (const at of row) {
      const node = tape.sub(input.nodes[at], total);
      outputs[at] = log ? node : tape.exp(node);
    }
  }
  return {
    what: `${log ? "logSoftmax" : "softmax"} [${shape}] dim ${dim}`,
    inputs: [input],
    outputs,
    shape,
    run: ([x]) => (log ? x.logSoftmax(dim) : x.softmax(dim)),
  };
};

const matmul: CaseMaker = (random, tape) => {
  const [m, n] = [random.integer(1, 13), random.integer(1, 13)];
  const k = random.chance(0.05) ? 0 : random.integer(1, 20);
  const batch = random.chance(0.5) ? [] : [random.integer(1, 3)];
  const shared = random.chance(0.5);
  const a = draw(random, tape, [...batch, m, k]);
  const b = draw(random, tape, [...(shared ? [] : batch), k, n]);
  const outputs: Node[] = [];
  for (let image = 0; image < sizeOf(batch); image++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        const terms = Array.from({ length: k }, (_, l) =>
          tape.mul(a.nodes[(image * m + i) * k + l], b.nodes[((shared ? 0 : image) * k + l) * n + j]),
        );
        outputs.push(tape.sum(terms));
      }
    }
  }
  return {
    what: `matmul [${a.shape}] [${b.shape}]`,
    inputs: [a, b],
    outputs,
    shape: [...batch, m, n],
    run: ([x, y]) => x.matmul(y),
  };
};

const layerNorm: CaseMaker = (random, tape) => {
  const shape = random.shape(2, 4).map((n) => Math.max(n, 2));
  const over = random.integer(1, shape.length - 1);
  const last = shape.slice(shape.length - over);
  const size = sizeOf(last);
  const eps = random.pick([1e-5, 1e-3]);
  const [x, weight, bias] = [draw(random, tape, shape), draw(random, tape, last), draw(random, tape, last)];
  const outputs: Node[] = [];
  for (let row = 0; row < x.nodes.length; row += size) {
    normalized(tape, x.nodes.slice(row, row + size), eps).forEach((node, i) => {
      outputs.push(tape.add(tape.mul(node, weight.nodes[i]), bias.nodes[i]));
    });
  }
  return {
    what: `layerNorm [${shape}] over [${last}] eps ${eps}`,
    inputs: [x, weight, bias],
    outputs,
    shape,
    run: ([x, weight, bias]) => F.layerNorm(x, last, { weight, bias, eps }),
    slack: 8,
  };
};

/** batchNorm in training (over images and pixels) and groupNorm (over a group's channels and pixels). */
const channelNorm: CaseMaker = (random, tape) => {
  const batch = random.chance(0.5);
  const groups = random.integer(1, 3);
  const channels = groups * random.integer(1, 3);
  const [images, height, width] = [random.integer(1, 3), random.integer(1, 5), random.integer(2, 5)];
  const plane = height * width;
  const shape = [images, channels, height, width];
  const eps = random.pick([1e-5, 1e-3]);
  const x = draw(random, tape, shape);
  const [weight, bias] = [draw(random, tape, [channels]), draw(random, tape, [channels])];
  const key = (at: number) => {
    const [image, channel] = [Math.floor(at / (plane * channels)), Math.floor(at / plane) % channels];
    return batch ? channel : image * groups + Math.floor(channel / (channels / groups));
  };
  const sets = new Map<number, number[]>();
  x.nodes.forEach((_, at) => {
    sets.set(key(at), [...(sets.get(key(at)) ?? []), at]);
  });
  const outputs: Node[] = [];
  for (const set of sets.values()) {
    const nodes = set.map((at) => x.nodes[at]);
    normalized(tape, nodes, eps).forEach((node, i) => {
      const channel = Math.floor(set[i] / plane) % channels;
      outputs[set[i]] = tape.add(tape.mul(node, weight.nodes[channel]), bias.nodes[channel]);
    });
  }
  return {
    what: `${batch ? "batchNorm" : `groupNorm of ${groups}`} [${shape}] eps ${eps}`,
    inputs: [x, weight, bias],
    outputs,
    shape,
    run: ([x, weight, bias]) =>
      batch
        ? F.batchNorm(x, null, null, { weight, bias, eps, training: true })
        : F.groupNorm(x, groups, { weight, bias, eps }),
    slack: 8,
  };
};

/** batchNorm by running statistics, and the update of these statistics in training. */
const runningNorm: CaseMaker = (random, tape) => {
  const [images, channels] = [random.integer(1, 4), random.integer(1, 4)];
  const rest = random.pick([[], [3], [2, 3]]);
  const per = sizeOf(rest);
  const shape = [images, channels, ...rest];
  const training = images * per > 1 && random.chance(0.5);
  const [eps, momentum] = [random.pick([1e-5, 1e-2]), random.pick([0, 0.1, 1])];
  const x = draw(random, tape, shape);
  const [mean, variance] = [random.normals(channels), random.normals(channels).map((v) => Math.abs(v) + 0.1)];
  const outputs: Node[] = [];
  for (let c = 0; c < channels; c++) {
    const at = x.nodes.map((_, i) => i).filter((i) => Math.floor(i / per) % channels === c);
    const nodes = at.map((i) => x.nodes[i]);
    const values = training
      ? normalized(tape, nodes, eps)
      : nodes.map((node) => tape.scale(tape.shift(node, -mean[c]), 1 / Math.sqrt(variance[c] + eps)));
    at.forEach((i, k) => {
      outputs[i] = values[k];
    });
  }
  const run = ([x]: Tensor[]) => {
    const [m, v] = [tensor(mean), tensor(variance)];
    const y = F.batchNorm(x, m, v, { training, momentum, eps });
    for (let c = 0; c < channels; c++) {
      const own = [...x.data()].filter((_, i) => Math.floor(i / per) % channels === c);
      const average = own.reduce((a, b) => a + b, 0) / own.length;
      const spread = own.reduce((sum, a) => sum + (a - average) ** 2, 0) / (own.length - 1);
      const share = training ? momentum : 0;
      const expected = [
        share === 0 ? mean[c] : (1 - share) * mean[c] + share * average,
        share === 0 ? variance[c] : (1 - share) * variance[c] + share * spread,
      ];
      checkClose(
        "running statistics",
        [m.data()[c], v.data()[c]],
        expected,
        expected.map((e) => 8 * ULP * (1 + Math.abs(e))),
      );
    }
    return y;
  };
  return {
    what: `batchNorm [${shape}] training ${training} momentum ${momentum} eps ${eps}`,
    inputs: [x],
    outputs,
    shape,
    run,
    slack: 8,
  };
};

const normalize: CaseMaker = (random, tape) => {
  const shape = random.shape(1, 4).map((n) => Math.max(n, 1));
  const dim = random.integer(0, shape.length - 1);
  const p = random.pick([1, 2, 2, 3, 4.5, 10]);
  const scale = random.pick([1, 1, 1e-5, 1e5]);
  const x = draw(random, tape, shape, scale);
  const outputs: Node[] = [];
  for (const row of rowsOf(shape, dim)) {
    const largest = Math.max(...row.map((at) => Math.abs(x.data[at])));
    const powers = row.map((at) => {
      const value = Math.abs(x.data[at]) / largest;
      const slope = (p * value ** (p - 1) * Math.sign(x.data[at])) / largest;
      return tape.unary(x.nodes[at], value ** p, slope);
    });
    const sum = tape.sum(powers);
    const value = tape.values[sum];
    const length = tape.unary(sum, largest * value ** (1 / p), (largest / p) * value ** (1 / p - 1));
    for (const at of row) outputs[at] = tape.div(x.nodes[at], length);
  }
  return {
    what: `normalize [${shape}] dim ${dim} p ${p} scale ${scale}`,
    inputs: [x],
    outputs,
    shape,
    run: ([x]) => F.normalize(x, { p, dim }),
    slack: 16,
  };
};

export const rowCases: Record<string, { make: CaseMaker; weight: number }> = {
  reduce: { make: reduce, weight: 3 },
  reduceMany: { make: reduceMany, weight: 3 },
  linear: { make: linear, weight: 2 },
  runningNorm: { make: runningNorm, weight: 1 },
  softmax: { make: softmax, weight: 2 },
  matmul: { make: matmul, weight: 3 },
  layerNorm: { make: layerNorm, weight: 1 },
  channelNorm: { make: channelNorm, weight: 2 },
  normalize: { make: normalize, weight: 1 },
};
