import { GridSample, type GridSampleOptions } from "../../ops/image/grid_sample.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { type GradientRule, withRule } from "../rule.ts";

type Options = Readonly<Required<GridSampleOptions>>;

/** Pixels along one axis: their whole numbers, which have no gradient, and their weights. */
interface Tap {
  index: Tensor;
  weight: Tensor;
}

/** Reflects positions at `low` and `low + span`. */
function reflect(x: Tensor, low: number, span: number): Tensor {
  if (span === 0) return x.mul(0);
  const distance = x.sub(low).abs();
  const flips = distance.detach().div(span).floor();
  const rest = distance.sub(flips.mul(span));
  const isEven = flips.sub(flips.div(2).floor().mul(2)).eq(0);
  return rest.where(isEven, rest.neg().add(span)).add(low);
}

/** Positions that are moved into an image of `length` pixels; zeros stay outside. */
function moved(x: Tensor, length: number, { paddingMode, alignCorners }: Options): Tensor {
  if (paddingMode === "zeros") return x;
  const last = length - 1;
  const reflected = paddingMode === "border" ? x : alignCorners ? reflect(x, 0, last) : reflect(x, -0.5, length);
  return reflected.clamp({ min: 0, max: last });
}

/** The weight of the pixel at distance t <= 1, or 1 <= t <= 2, of a cubic convolution with A = -0.75. */
const cubicNear = (t: Tensor) => t.mul(1.25).sub(2.25).mul(t).mul(t).add(1);
const cubicFar = (t: Tensor) => t.mul(-0.75).add(3.75).mul(t).sub(6).mul(t).add(3);

/** The taps along one axis for the coordinates g. */
function tapsOf(g: Tensor, length: number, options: Options): Tap[] {
  const { mode, alignCorners } = options;
  const scaled = g.add(1).mul((alignCorners ? length - 1 : length) / 2);
  const x = alignCorners ? scaled : scaled.sub(0.5);
  if (mode === "bicubic") {
    const whole = x.detach().floor();
    const t = x.sub(whole);
    const u = t.neg().add(1);
    const weights = [cubicFar(t.add(1)), cubicNear(t), cubicNear(u), cubicFar(u.add(1))];
    return weights.map((weight, i) => ({ index: moved(whole.add(i - 1), length, options), weight }));
  }
  const inside = moved(x, length, options);
  if (mode === "nearest") return [{ index: inside.detach().round(), weight: g.mul(0).add(1) }];
  const whole = inside.detach().floor();
  const t = inside.sub(whole);
  return [
    { index: whole, weight: t.neg().add(1) },
    { index: whole.add(1), weight: t },
  ];
}

/** What GridSample computes, as functions of tensors. */
function composed(x: Tensor, grid: Tensor, options: Options): Tensor {
  const [batch, channels, ...lengths] = x.shape;
  const rank = lengths.length;
  const count = grid.numel() / (batch * rank);
  const planes = x.reshape([batch, channels, -1]);
  // the grid's last coordinate is that of the first axis
  const axes = lengths.map((length, d) => {
    const coordinates = grid.select(rank + 1, rank - 1 - d).reshape([batch, count]);
    return tapsOf(coordinates, length, options);
  });
  let sum: Tensor | null = null;
  const visit = (d: number, offset: Tensor | null, weight: Tensor | null, inside: Tensor | null) => {
    if (d === rank) {
      const index = offset!.int().unsqueeze(1).expand([batch, channels, count]);
      const values = planes.gather(2, index).where(inside!.unsqueeze(1), 0).mul(weight!.unsqueeze(1));
      sum = sum ? sum.add(values) : values;
      return;
    }
    const last = lengths[d] - 1;
    for (const tap of axes[d]) {
      const isInside = tap.index.ge(0).logicalAnd(tap.index.le(last));
      const pixel = tap.index.clamp({ min: 0, max: last });
      visit(
        d + 1,
        offset ? offset.mul(lengths[d]).add(pixel) : pixel,
        weight ? weight.mul(tap.weight) : tap.weight,
        inside ? inside.logicalAnd(isInside) : isInside,
      );
    }
  };
  visit(0, null, null, null);
  return sum!.reshape([batch, channels, ...grid.shape.slice(1, -1)]);
}

/** The gradient of the composed form, which can be differentiated again. */
const gridSample: GradientRule<GridSample> = (op, dy, node) => {
  const [x, grid] = [node.input(0), node.input(1)];
  const inputs = [x, grid].filter((_, i) => node.needs[i]);
  const gradients = node.gradientsOf(composed(x, grid, op.options), dy, inputs);
  return node.needs.map((needed) => (needed ? gradients.shift()! : null));
};

export const GridSampleOp = /* @__PURE__ */ withRule(GridSample, gridSample);
