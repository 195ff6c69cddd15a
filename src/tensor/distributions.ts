import { checkBoolean, checkInteger, checkNumber, readOptions } from "../checks.ts";
import { formatShape, OptionError, ShapeError } from "../errors.ts";
import { broadcastShapes } from "../ops/core/broadcast.ts";
import { expectRates, poisson as poissonArray } from "../ops/random/draw.ts";
import { expectTensor } from "./apply.ts";
import { defaultGenerator, Generator } from "./generator.ts";
import { leaf } from "./leaf.ts";
import { randn } from "./random.ts";
import { Tensor } from "./tensor.ts";

/** The source of the random numbers. Default: the generator that `manualSeed()` seeds. */
export interface GeneratorOption {
  generator?: Generator;
}

function readGenerator(op: string, options: GeneratorOption | undefined): Generator {
  const { generator } = readOptions(op, options, { generator: defaultGenerator });
  if (!(generator instanceof Generator)) throw new OptionError(`${op}: generator expected a Generator`);
  return generator;
}

/**
 * Random positions (int32) in rows of weights, each with a probability in proportion to its weight:
 * `[numSamples]` for a vector, `[rows, numSamples]` for a matrix. Without `replacement` (the default), no
 * position is drawn twice. Matches `torch.multinomial`.
 *
 * @throws OptionError for weights that are negative or not finite, and for rows without enough positive
 * weights.
 * @example
 * ```ts
 * import { multinomial, tensor } from "wasmgrad";
 * const weights = tensor([0, 3, 0, 1]);
 * console.log(multinomial(weights, 2).sort().values.toArray()); // [1, 3]
 * console.log(multinomial(weights, 5, { replacement: true }).shape); // [5]
 * ```
 */
export function multinomial(
  weights: Tensor,
  numSamples: number,
  options?: GeneratorOption & { replacement?: boolean },
): Tensor {
  const op = "multinomial";
  expectTensor(op, "weights", weights);
  const { generator, replacement } = readOptions(op, options, { generator: defaultGenerator, replacement: false });
  readGenerator(op, { generator });
  checkBoolean(op, "replacement", replacement);
  if (weights.dim() < 1 || weights.dim() > 2) {
    throw new ShapeError(`${op}: expected a vector or a matrix of weights, got ${formatShape(weights.shape)}`);
  }
  checkInteger(op, "numSamples", numSamples, 1);
  expectRates(op, "weights", weights.array);
  const x = weights.detach();
  const needed = replacement ? 1 : numSamples;
  if (x.gt(0).sum(-1).lt(needed).any().item() === 1) {
    throw new OptionError(`${op}: each row expected ${needed} or more positive weights`);
  }
  // of exponential waiting times with the weights as rates, the shortest ones come first
  if (!replacement) return x.div(x.clone().exponential_(1, { generator })).topk(numSamples, -1).indices;
  const sums = x.cumsum(-1);
  const total = sums.narrow(-1, sums.shape[sums.dim() - 1] - 1, 1);
  const places = total
    .expand([...x.shape.slice(0, -1), numSamples])
    .uniform_(0, 1, { generator })
    .mul(total);
  return sums.searchsorted(places, { right: true });
}

/**
 * Normal random numbers with means and standard deviations that are numbers or tensors, which broadcast. If
 * both are numbers, `size` is the shape. Matches `torch.normal`.
 * @example
 * ```ts
 * import { normal, tensor } from "wasmgrad";
 * console.log(normal(tensor([0, 100]), 1).shape, normal(0, 1, [2, 3]).shape); // [2] [2, 3]
 * ```
 */
export function normal(
  mean: Tensor | number,
  std: Tensor | number,
  size?: readonly number[],
  options?: GeneratorOption,
): Tensor {
  const generator = readGenerator("normal", options);
  const shapes = [mean, std].flatMap((x) => (x instanceof Tensor ? [x.shape] : []));
  for (const [name, value] of [["mean", mean] as const, ["std", std] as const]) {
    if (value instanceof Tensor) continue;
    checkNumber("normal", name, value, name === "std" ? 0 : undefined);
  }
  if (shapes.length === 0 && size === undefined)
    throw new OptionError("normal: expected size, as mean and std are numbers");
  if (std instanceof Tensor) expectRates("normal", "std", std.array);
  const shape = shapes.length === 0 ? (size as readonly number[]) : broadcastShapes("normal", ...shapes);
  return randn(shape, { generator }).mul(std).add(mean);
}

/**
 * Random numbers of the Poisson distribution, one for each rate in `rates` (float32). Matches
 * `torch.poisson`.
 * @example
 * ```ts
 * import { poisson, tensor } from "wasmgrad";
 * console.log(poisson(tensor([0, 0])).toArray(), poisson(tensor([[4, 50]])).shape); // [0, 0] [1, 2]
 * ```
 */
export function poisson(rates: Tensor, options?: GeneratorOption): Tensor {
  expectTensor("poisson", "rates", rates);
  const generator = readGenerator("poisson", options);
  const { array } = rates;
  return leaf(() => poissonArray(array, generator.take(array.size)));
}
