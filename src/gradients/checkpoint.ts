import { enableGrad, isGradEnabled } from "../autograd/grad_mode.ts";
import { type GraphNode, type Recomputation, recordAgain, recordFor } from "../autograd/graph.ts";
import { checkFunction } from "../checks.ts";
import { AutogradError } from "../errors.ts";
import type { NDArray } from "../ops/core/array.ts";
import { wrap } from "../tensor/apply.ts";
import { type GeneratorState, getRngState, setRngState } from "../tensor/generator.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";

/** A tensor that the function was called with. */
interface Input {
  array: NDArray;
  version: number;
  requiresGrad: boolean;
}

/** One call of a function whose intermediate results are dropped and computed again in the backward pass. */
class Region implements Recomputation {
  readonly #fn: (...inputs: never[]) => unknown;
  readonly #inputs: readonly unknown[];
  readonly #tensors: readonly (Input | null)[];
  readonly #random: GeneratorState = getRngState();
  readonly #nodes: GraphNode[] = [];
  /** Number of nodes that need the inputs. */
  #dropped = 0;

  constructor(fn: (...inputs: never[]) => unknown, inputs: readonly unknown[]) {
    this.#fn = fn;
    this.#tensors = inputs.map((input) =>
      input instanceof Tensor
        ? { array: input.array, version: input.array.block.version, requiresGrad: input.requiresGrad }
        : null,
    );
    this.#inputs = inputs.map((input) => (input instanceof Tensor ? null : input));
  }

  add(node: GraphNode): boolean {
    this.#nodes.push(node);
    if (node.op.saved.length === 0) return true;
    if (this.#dropped++ === 0) for (const input of this.#tensors) input?.array.block.retain();
    return false;
  }

  drop(): void {
    if (--this.#dropped === 0) for (const input of this.#tensors) input?.array.block.release();
  }

  restore(): void {
    const nodes: GraphNode[] = [];
    const random = getRngState();
    setRngState(this.#random);
    try {
      scope(() => {
        const inputs = this.#tensors.map((input, i) => (input ? copyOf(input) : this.#inputs[i]));
        const collect = (node: GraphNode) => {
          node.retain();
          nodes.push(node);
        };
        enableGrad(() => recordAgain(collect, () => this.#fn(...(inputs as never[]))));
      });
      const same =
        nodes.length === this.#nodes.length && nodes.every(({ op }, i) => op.name === this.#nodes[i].op.name);
      if (!same) {
        const names = [this.#nodes, nodes].map((list) => list.map(({ op }) => op.name).join(", "));
        throw new AutogradError(
          `checkpoint: the function computed ${names[1] || "nothing"} when it was called again, at first ${names[0]}`,
        );
      }
      this.#nodes.forEach((node, i) => {
        node.restoreSaved(nodes[i]);
      });
    } finally {
      setRngState(random);
      for (const node of nodes) node.release();
    }
  }
}

function copyOf({ array, version, requiresGrad }: Input): Tensor {
  if (array.block.version !== version) {
    throw new AutogradError("checkpoint: an input was changed in place before the backward pass");
  }
  const input = wrap(array);
  if (requiresGrad) input.requiresGrad = true;
  return input;
}

/**
 * Calls `fn(...inputs)` and drops what its operations save for the backward pass, which calls `fn` again to
 * compute it: less memory for one more forward pass. The gradients are the same, bit for bit: dropout draws
 * the same numbers again (from the default generator), and batch norm moves its running statistics once.
 * Matches `torch.utils.checkpoint.checkpoint` with `use_reentrant=False`.
 *
 * `fn` must compute the same both times. What it uses besides the inputs, such as parameters, must not change
 * in between.
 *
 * @throws AutogradError in the backward pass if `fn` computes something else, or an input was changed.
 * @example
 * ```ts
 * import { checkpoint, nn, randn } from "wasmgrad";
 * const block = new nn.Sequential(new nn.Linear(8, 64), new nn.Dropout(0.1), new nn.Linear(64, 8));
 * const x = randn([4, 8]);
 * checkpoint((input) => x.add(block.forward(input)), x).square().mean().backward();
 * console.log(block.parameters().every(({ grad }) => grad !== null)); // true
 * ```
 */
export function checkpoint<Inputs extends unknown[], Result>(
  fn: (...inputs: Inputs) => Result,
  ...inputs: Inputs
): Result {
  checkFunction("checkpoint", "fn", fn);
  if (!isGradEnabled()) return fn(...inputs);
  const region = new Region(fn as (...inputs: never[]) => unknown, inputs);
  return scope(() => recordFor(region, () => fn(...inputs)));
}
