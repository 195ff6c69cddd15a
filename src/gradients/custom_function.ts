import { enableGrad, isGradEnabled, noGrad } from "../autograd/grad_mode.ts";
import { recordOp } from "../autograd/graph.ts";
import { checkFunction, isObject } from "../checks.ts";
import { AutogradError, OptionError } from "../errors.ts";
import { expectSameShape, type NDArray } from "../ops/core/array.ts";
import { type Attributes, type Gradients, NO_ATTRIBUTES, Op } from "../ops/core/op.ts";
import { adoptBlock } from "../runtime/frame.ts";
import { expectTensor, wrap } from "../tensor/apply.ts";
import { scope } from "../tensor/lifetime/scoped.ts";
import { Tensor } from "../tensor/tensor.ts";
import { type GradientRule, type SavedTensors, withRule } from "./rule.ts";

/** What `forward` keeps for `backward`. Other values may be kept as properties. */
export class FunctionContext {
  [name: string]: unknown;
  /** The tensors that `saveForBackward` was called with. Only `backward` can read them. */
  savedTensors: readonly Tensor[] = [];
  /** Which inputs need a gradient. */
  needsInputGrad: readonly boolean[] = [];
  /** Keeps tensors: inputs, the result, or others, which count as constants in gradients of gradients. */
  saveForBackward(...tensors: Tensor[]): void {
    this.savedTensors = tensors;
  }
}

/** The two directions of a function of tensors. */
export interface CustomFunction<Inputs extends unknown[]> {
  /** The name in messages and traces. Default "custom". */
  name?: string;
  /** Computes the result. No graph is recorded inside. */
  forward(context: FunctionContext, ...inputs: Inputs): Tensor;
  /**
   * Computes a gradient for each input from the gradient of the result; null for inputs that have none, and
   * the gradient alone if there is one input. If it is written in differentiable functions of its saved
   * tensors, gradients of gradients are right as well.
   */
  backward(context: FunctionContext, gradOutput: Tensor): Tensor | null | readonly (Tensor | null)[];
}

// biome-ignore lint/suspicious/noExplicitAny: each function has its own inputs
type AnyFunction = CustomFunction<any[]>;

/** Which input or result a saved array is. */
type Origin = number | "output" | "constant";

class CustomOp extends Op {
  readonly name: string;
  readonly context = new FunctionContext();
  readonly #definition: AnyFunction;
  #origins: readonly Origin[] = [];
  #shapes: readonly (readonly number[] | null)[] = [];

  constructor(definition: AnyFunction) {
    super();
    this.name = definition.name ?? "custom";
    this.#definition = definition;
  }

  get attributes(): Attributes {
    return NO_ATTRIBUTES;
  }

  /** Not called: `run` calls the user's forward with tensors. */
  forward(x: NDArray): NDArray {
    return x;
  }

  run(inputs: readonly unknown[]): Tensor {
    const { context } = this;
    this.needs = inputs.map((x) => isGradEnabled() && x instanceof Tensor && x.requiresGrad);
    context.needsInputGrad = this.needs;
    const result = scope(() => {
      const output = noGrad(() => this.#definition.forward(context, ...inputs));
      expectTensor(this.name, "the result of forward", output);
      const saved = context.savedTensors;
      for (const tensor of saved) expectTensor(this.name, "saveForBackward", tensor);
      if (this.needsAny) {
        this.saved = saved.map(({ array }) => array);
        this.#shapes = inputs.map((x) => (x instanceof Tensor ? x.shape : null));
        this.#origins = saved.map((tensor) => {
          const i = inputs.indexOf(tensor);
          return i >= 0 ? i : tensor === output ? "output" : "constant";
        });
      }
      context.savedTensors = [];
      const node = recordOp(this, inputs as (Tensor | null)[]);
      return wrap(output.array, node);
    });
    return result;
  }

  /** Calls the user's backward with the saved tensors. */
  gradients(gradOutput: Tensor, saved: readonly Tensor[]): (Tensor | null)[] {
    const { context, name } = this;
    context.savedTensors = saved;
    try {
      const result = this.#definition.backward(context, gradOutput);
      const list: readonly (Tensor | null)[] = Array.isArray(result) ? result : [result as Tensor | null];
      if (list.length !== this.#shapes.length) {
        throw new AutogradError(
          `${name}: backward expected to return ${this.#shapes.length} gradients, one for each input, got ${list.length}`,
        );
      }
      return list.map((gradient, i) => {
        if (gradient === null || gradient === undefined || !this.needs[i]) return null;
        expectTensor(name, `gradient ${i}`, gradient);
        expectSameShape(name, `gradient ${i}`, this.#shapes[i] as readonly number[], gradient.shape);
        return gradient;
      });
    } finally {
      context.savedTensors = [];
    }
  }

  override backward(dy: NDArray): Gradients {
    let arrays: Gradients = [];
    scope(() => {
      const saved = this.saved.map((array) => wrap(array as NDArray));
      arrays = noGrad(() => this.gradients(wrap(dy), saved)).map((tensor) => {
        if (tensor) adoptBlock(tensor.array.block);
        return tensor?.array ?? null;
      });
    });
    return arrays;
  }

  /** The saved arrays, each in its place in the graph. */
  savedTensors(node: SavedTensors): Tensor[] {
    return this.#origins.map((origin, i) => {
      if (origin === "constant") return node.constant(i);
      return origin === "output" ? node.output(i) : node.input(origin, node.arrays[i]);
    });
  }
}

const customRule: GradientRule<CustomOp> = (op, dy, node) =>
  enableGrad(() => op.gradients(dy, op.savedTensors(node))).map((gradient, i) => (node.needs[i] ? gradient : null));

const RuledOp = /* @__PURE__ */ withRule(CustomOp, customRule);

/**
 * Makes a function of tensors from its two directions, forward and backward. Matches
 * `torch.autograd.Function`.
 *
 * @param definition `forward` and `backward`: see `CustomFunction`
 * @throws AutogradError in the backward pass if `backward` returns another number of gradients.
 * @example
 * ```ts
 * import { customFunction, type Tensor, tensor } from "wasmgrad";
 * const cube = customFunction({
 *   forward(context, x: Tensor) {
 *     context.saveForBackward(x);
 *     return x.pow(3);
 *   },
 *   backward(context, gradOutput) {
 *     const [x] = context.savedTensors;
 *     return gradOutput.mul(x.square()).mul(3);
 *   },
 * });
 * const x = tensor(2, { requiresGrad: true });
 * cube(x).backward();
 * console.log(x.grad?.item()); // 12
 * ```
 */
export function customFunction<Inputs extends unknown[]>(
  definition: CustomFunction<Inputs>,
): (...inputs: Inputs) => Tensor {
  if (!isObject(definition)) throw new OptionError("customFunction: expected an object with forward and backward");
  checkFunction("customFunction", "forward", definition.forward);
  checkFunction("customFunction", "backward", definition.backward);
  return (...inputs) => new RuledOp(definition as AnyFunction).run(inputs);
}
