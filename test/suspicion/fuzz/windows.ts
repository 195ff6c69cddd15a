import { nn } from "wasmgrad";
import { makeInput } from "./check.ts";
import type { CaseMaker } from "./operations.ts";
import { sizeOf } from "./random.ts";
import type { Node } from "./tape.ts";

const F = nn.functional;

/** conv2d, and convTranspose2d, which has the same connections in reverse. */
const convolution: CaseMaker = (random, tape) => {
  const transposed = random.chance(0.4);
  const groups = random.pick([1, 1, 1, 2, 3]);
  const [inGroup, outGroup] = [random.integer(1, 3), random.integer(1, 4)];
  const [inChannels, outChannels] = [groups * inGroup, groups * outGroup];
  const images = random.chance(0.05) ? 0 : random.integer(1, 2);
  const kernel = random.chance(0.3) ? ([3, 3] as [number, number]) : random.pair(1, 4);
  const [stride, dilation, padding] = [random.pair(1, 4), random.pair(1, 2), random.pair(0, 3)];
  const outputPadding = stride.map((s, d) => random.integer(0, Math.max(s, dilation[d]) - 1)) as [number, number];
  const least = (d: number) =>
    transposed
      ? Math.ceil((2 * padding[d] - dilation[d] * (kernel[d] - 1) - outputPadding[d]) / stride[d]) + 1
      : dilation[d] * (kernel[d] - 1) + 1 - 2 * padding[d];
  const size = [0, 1].map((d) => Math.max(1, least(d)) + random.integer(0, 6));
  const out = [0, 1].map((d) =>
    transposed
      ? (size[d] - 1) * stride[d] - 2 * padding[d] + dilation[d] * (kernel[d] - 1) + outputPadding[d] + 1
      : Math.floor((size[d] + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d]) + 1,
  );
  const shape = [images, inChannels, ...size];
  const weightShape = transposed ? [inChannels, outGroup, ...kernel] : [outChannels, inGroup, ...kernel];
  const outShape = [images, outChannels, ...out];
  const [x, weight, bias] = [shape, weightShape, [outChannels]].map((s) =>
    makeInput(tape, s, random.normals(sizeOf(s))),
  );
  const terms: Node[][] = Array.from({ length: sizeOf(outShape) }, () => []);
  const [few, many] = transposed ? [size, out] : [out, size];
  for (let n = 0; n < images; n++) {
    for (let g = 0; g < groups; g++) {
      for (let i = 0; i < inGroup; i++) {
        for (let o = 0; o < outGroup; o++) {
          const [channel, filter] = [g * inGroup + i, g * outGroup + o];
          for (let ky = 0; ky < kernel[0]; ky++) {
            for (let kx = 0; kx < kernel[1]; kx++) {
              const tap =
                ((transposed ? channel * outGroup + o : filter * inGroup + i) * kernel[0] + ky) * kernel[1] + kx;
              for (let y = 0; y < few[0]; y++) {
                const row = y * stride[0] - padding[0] + ky * dilation[0];
                if (row < 0 || row >= many[0]) continue;
                for (let z = 0; z < few[1]; z++) {
                  const column = z * stride[1] - padding[1] + kx * dilation[1];
                  if (column < 0 || column >= many[1]) continue;
                  const [inAt, outAt] = transposed
                    ? [y * size[1] + z, row * out[1] + column]
                    : [row * size[1] + column, y * out[1] + z];
                  const from = (n * inChannels + channel) * sizeOf(size) + inAt;
                  const to = (n * outChannels + filter) * sizeOf(out) + outAt;
                  terms[to].push(tape.mul(x.nodes[from], weight.nodes[tap]));
                }
              }
            }
          }
        }
      }
    }
  }
  const outputs = terms.map((list, at) => tape.sum([...list, bias.nodes[Math.floor(at / sizeOf(out)) % outChannels]]));
  const options = { stride, dilation, padding, groups };
  const name = transposed ? "convTranspose2d" : "conv2d";
  return {
    what: `${name} [${shape}] [${weightShape}] ${JSON.stringify({ ...options, outputPadding })}`,
    inputs: [x, weight, bias],
    outputs,
    shape: outShape,
    run: ([x, weight, bias]) =>
      transposed
        ? F.convTranspose2d(x, weight, bias, { ...options, outputPadding })
        : F.conv2d(x, weight, bias, options),
    slack: 16,
  };
};

const pooling: CaseMaker = (random, tape) => {
  const max = random.chance(0.6);
  const kernel = random.pair(1, 4);
  const stride = random.pair(1, 4);
  const padding = kernel.map((k) => random.integer(0, k >> 1)) as [number, number];
  const dilation = max ? random.pair(1, 2) : ([1, 1] as [number, number]);
  const ceilMode = random.chance(0.3);
  const countIncludePad = random.chance(0.5);
  const size = [0, 1].map(
    (d) => Math.max(1, dilation[d] * (kernel[d] - 1) + 1 - 2 * padding[d]) + random.integer(0, 8),
  );
  const out = size.map((n, d) => {
    const steps = (n + 2 * padding[d] - dilation[d] * (kernel[d] - 1) - 1) / stride[d];
    const count = (ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
    // a window must start in the image or in the padding before it
    return ceilMode && (count - 1) * stride[d] >= n + padding[d] ? count - 1 : count;
  });
  const planes = [random.integer(1, 2), random.integer(1, 3)];
  const shape = [...planes, ...size];
  const x = makeInput(tape, shape, random.normals(sizeOf(shape)));
  const outputs: Node[] = [];
  for (let plane = 0; plane < sizeOf(planes); plane++) {
    for (let y = 0; y < out[0]; y++) {
      for (let z = 0; z < out[1]; z++) {
        const window: Node[] = [];
        let divisor = 0;
        for (let ky = 0; ky < kernel[0]; ky++) {
          for (let kx = 0; kx < kernel[1]; kx++) {
            const row = y * stride[0] - padding[0] + ky * dilation[0];
            const column = z * stride[1] - padding[1] + kx * dilation[1];
            const inside = row >= 0 && row < size[0] && column >= 0 && column < size[1];
            if (row < size[0] + padding[0] && column < size[1] + padding[1] && (countIncludePad || inside)) divisor++;
            if (inside) window.push(x.nodes[plane * sizeOf(size) + row * size[1] + column]);
          }
        }
        if (!max) outputs.push(tape.scale(tape.sum(window), 1 / divisor));
        else if (window.length === 0) outputs.push(tape.leaf(-Infinity));
        else outputs.push(tape.max(window));
      }
    }
  }
  const options = { stride, padding, ceilMode };
  return {
    what: `${max ? "maxPool2d" : "avgPool2d"} [${shape}] ${kernel} ${JSON.stringify({ ...options, dilation, countIncludePad })}`,
    inputs: [x],
    outputs,
    shape: [...planes, ...out],
    run: ([x]) =>
      max ? F.maxPool2d(x, kernel, { ...options, dilation }) : F.avgPool2d(x, kernel, { ...options, countIncludePad }),
    skip: (at) => tape.values[outputs[at]] === -Infinity,
  };
};

const pad: CaseMaker = (random, tape) => {
  const mode = random.pick(["constant", "reflect", "replicate", "circular"] as const);
  const shape = random.shape(1, 4).map((n) => Math.max(n, 1));
  const count = random.integer(1, shape.length);
  const value = random.integer(-3, 3);
  const padding = Array.from({ length: 2 * count }, (_, i) => {
    const n = shape[shape.length - 1 - (i >> 1)];
    // circular padding wraps the elements that negative amounts leave, at least half
    const most = mode === "reflect" ? n - 1 : mode === "circular" ? n >> 1 : 5;
    return random.integer(mode !== "reflect" && random.chance(0.2) ? -((n - 1) >> 2) : 0, Math.min(5, most));
  });
  const margin = (d: number, side: number) => padding[2 * (shape.length - 1 - d) + side] ?? 0;
  const outShape = shape.map((n, d) => n + margin(d, 0) + margin(d, 1));
  const x = makeInput(tape, shape, random.normals(sizeOf(shape)));
  const outputs = Array.from({ length: sizeOf(outShape) }, (_, at) => {
    let source = 0;
    let inside = true;
    outShape.forEach((length, d) => {
      const n = shape[d];
      let place = (Math.floor(at / sizeOf(outShape.slice(d + 1))) % length) - margin(d, 0);
      if (mode === "constant") inside &&= place >= 0 && place < n;
      else if (mode === "replicate") place = Math.min(n - 1, Math.max(0, place));
      else if (mode === "circular") {
        const first = Math.max(0, -margin(d, 0));
        const kept = n - first - Math.max(0, -margin(d, 1));
        place = first + ((place - first + kept) % kept);
      } else place = place < 0 ? -place : place >= n ? 2 * n - 2 - place : place;
      source = source * n + place;
    });
    return inside ? tape.scale(x.nodes[source], 1) : tape.leaf(value);
  });
  return {
    what: `pad [${shape}] ${padding} ${mode}`,
    inputs: [x],
    outputs,
    shape: outShape,
    run: ([x]) => F.pad(x, padding, mode === "constant" ? { mode, value } : { mode }),
  };
};

/**
 * For each row of a bilinear result, its two nearest sources and their shares; for nearest, a single source.
 */
function places(
  from: number,
  to: number,
  mode: string,
  alignCorners: boolean,
  factor: number | null,
): [number, number, number][] {
  // PyTorch's rules: a given factor is used, except where the length stays the same or, for nearest, doubles
  const scale = factor === null || from === to ? from / to : 1 / factor;
  return Array.from({ length: to }, (_, i) => {
    if (mode === "nearest") {
      const exact = Math.floor((i * from) / to);
      const byFactor = factor !== null && from !== to && to !== 2 * from;
      const place = Math.min(from - 1, byFactor ? Math.floor(Math.fround(i * Math.fround(scale))) : exact);
      return [place, place, 0];
    }
    const exact = alignCorners ? (to > 1 ? (i * (from - 1)) / (to - 1) : 0) : Math.max(0, (i + 0.5) * scale - 0.5);
    const low = Math.min(from - 1, Math.floor(exact));
    return [low, Math.min(from - 1, low + 1), exact - low];
  });
}

const interpolate: CaseMaker = (random, tape) => {
  const mode = random.pick(["nearest", "bilinear"] as const);
  const alignCorners = mode === "bilinear" && random.chance(0.5);
  const size = random.pair(1, 9);
  const factors = random.chance(0.5) ? size.map(() => 0.5 + 2.5 * random.fraction()) : null;
  if (factors && random.chance(0.4)) factors[0] = random.pick([1, 2, 3, 1.5]);
  const out = factors ? size.map((n, d) => Math.max(1, Math.floor(n * factors[d]))) : random.pair(1, 14);
  // with a factor below 1, a result may be empty
  const scaleFactor = factors?.map((factor, d) => (Math.floor(size[d] * factor) < 1 ? 1 : factor)) ?? null;
  const shape = [random.integer(0, 2), random.integer(1, 2), ...size];
  const x = makeInput(tape, shape, random.normals(sizeOf(shape)));
  const [rows, columns] = [0, 1].map((d) => places(size[d], out[d], mode, alignCorners, scaleFactor?.[d] ?? null));
  const outputs: Node[] = [];
  for (let plane = 0; plane < shape[0] * shape[1]; plane++) {
    for (const [top, bottom, down] of rows) {
      for (const [left, right, along] of columns) {
        const term = (row: number, column: number, share: number) => {
          const node = tape.scale(x.nodes[plane * sizeOf(size) + row * size[1] + column], share);
          // the shares themselves are rounded, with an error that grows with the distance from the image's
          // edge
          tape.errors[node] += Math.abs(tape.values[x.nodes[plane * sizeOf(size) + row * size[1] + column]]) * 16;
          return node;
        };
        if (mode === "nearest") outputs.push(tape.scale(x.nodes[plane * sizeOf(size) + top * size[1] + left], 1));
        else {
          outputs.push(
            tape.sum([
              term(top, left, (1 - down) * (1 - along)),
              term(top, right, (1 - down) * along),
              term(bottom, left, down * (1 - along)),
              term(bottom, right, down * along),
            ]),
          );
        }
      }
    }
  }
  return {
    what: `interpolate [${shape}] to ${out} by ${scaleFactor} ${mode} alignCorners ${alignCorners}`,
    inputs: [x],
    outputs,
    shape: [...shape.slice(0, 2), ...out],
    run: ([x]) => {
      const to = scaleFactor ? { scaleFactor } : { size: out as [number, number] };
      return F.interpolate(x, mode === "bilinear" ? { ...to, mode, alignCorners } : { ...to, mode });
    },
    slack: 16,
  };
};

/** Windows that divide the plane as evenly as integers allow. */
const adaptive: CaseMaker = (random, tape) => {
  const [size, out] = [random.pair(1, 9), random.pair(1, 9)];
  const shape = [...random.pick([[2], [1, 3], [0, 1]]), ...size];
  const given = out.map((n) => (random.chance(0.1) ? null : n));
  const to = given.map((n, d) => n ?? size[d]);
  const x = makeInput(tape, shape, random.normals(sizeOf(shape)));
  const outputs: Node[] = [];
  for (let plane = 0; plane < sizeOf(shape.slice(0, -2)); plane++) {
    for (let y = 0; y < to[0]; y++) {
      for (let z = 0; z < to[1]; z++) {
        const window: Node[] = [];
        for (let row = Math.floor((y * size[0]) / to[0]); row < Math.ceil(((y + 1) * size[0]) / to[0]); row++) {
          for (
            let column = Math.floor((z * size[1]) / to[1]);
            column < Math.ceil(((z + 1) * size[1]) / to[1]);
            column++
          )
            window.push(x.nodes[plane * sizeOf(size) + row * size[1] + column]);
        }
        outputs.push(tape.mean(window));
      }
    }
  }
  return {
    what: `adaptiveAvgPool2d [${shape}] to ${JSON.stringify(given)}`,
    inputs: [x],
    outputs,
    shape: [...shape.slice(0, -2), ...to],
    run: ([x]) => F.adaptiveAvgPool2d(x, given),
  };
};

export const windowCases: Record<string, { make: CaseMaker; weight: number }> = {
  convolution: { make: convolution, weight: 4 },
  pooling: { make: pooling, weight: 3 },
  pad: { make: pad, weight: 2 },
  interpolate: { make: interpolate, weight: 2 },
  adaptive: { make: adaptive, weight: 1 },
};
