import { checkFunction, describe } from "../checks.ts";
import { OptionError } from "../errors.ts";
import { cat } from "../tensor/functions.ts";
import { Tensor } from "../tensor/tensor.ts";
import type { Module } from "./module.ts";

/** Called before `forward` with its inputs; an array that it returns replaces them. */
// biome-ignore lint/suspicious/noConfusingVoidType: a hook that returns nothing is the usual one
export type ForwardPreHook = (module: Module, inputs: readonly unknown[]) => readonly unknown[] | void;

/** Called after `forward`; a value that it returns replaces the output. */
export type ForwardHook = (module: Module, inputs: readonly unknown[], output: unknown) => unknown;

/**
 * Called in the backward pass with the gradients of the inputs and outputs (null where there is none);
 * gradients that it returns replace those of the inputs.
 */
export type BackwardHook = (
  module: Module,
  gradInputs: readonly (Tensor | null)[],
  gradOutputs: readonly (Tensor | null)[],
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook that returns nothing is the usual one
) => readonly (Tensor | null)[] | void;

export interface HookHandle {
  /** Ends the calls of the hook. */
  remove(): void;
}

type AnyForward = (...inputs: unknown[]) => unknown;

/** The hooks of one module, which stand in its own property `forward`. */
class ModuleHooks {
  readonly pre: ForwardPreHook[] = [];
  readonly post: ForwardHook[] = [];
  readonly backward: BackwardHook[] = [];
  readonly #module: Module;
  readonly #forward: AnyForward;
  readonly #before: PropertyDescriptor | undefined;

  constructor(module: Module) {
    this.#module = module;
    this.#forward = module.forward;
    this.#before = Object.getOwnPropertyDescriptor(module, "forward");
    const forward = (...inputs: unknown[]) => this.#run(inputs);
    Object.defineProperty(module, "forward", { value: forward, configurable: true, writable: true });
  }

  /** Restores the module's own `forward` after the last hook was removed. */
  restore(): void {
    if (this.pre.length + this.post.length + this.backward.length > 0) return;
    if (this.#before) Object.defineProperty(this.#module, "forward", this.#before);
    else delete (this.#module as { forward?: unknown }).forward;
    hooksOf.delete(this.#module);
  }

  #run(given: readonly unknown[]): unknown {
    const module = this.#module;
    let inputs = given;
    for (const hook of [...this.pre]) {
      const changed = hook(module, inputs);
      if (changed === undefined) continue;
      if (!Array.isArray(changed)) {
        throw new OptionError(`registerForwardPreHook: the hook's result expected an array, got ${describe(changed)}`);
      }
      inputs = changed;
    }
    const gradients = this.backward.length > 0 ? new BackwardCall(module, [...this.backward]) : null;
    let output = this.#forward.apply(module, [...(gradients ? gradients.enter(inputs) : inputs)]);
    for (const hook of [...this.post]) output = hook(module, inputs, output) ?? output;
    return gradients ? gradients.leave(output) : output;
  }
}

/** The backward hooks of one call of `forward`. */
class BackwardCall {
  readonly #module: Module;
  readonly #hooks: readonly BackwardHook[];
  #gradOutputs: (Tensor | null)[] = [];
  #inputs: readonly unknown[] = [];
  /** Whether a gradient leaves the module through an input. */
  #passes = false;

  constructor(module: Module, hooks: readonly BackwardHook[]) {
    this.#module = module;
    this.#hooks = hooks;
  }

  /** The inputs with a node between them and the module, whose gradients the hooks may replace. */
  enter(inputs: readonly unknown[]): unknown[] {
    const places = inputs.flatMap((x, i) => (x instanceof Tensor && x.requiresGrad ? [i] : []));
    this.#inputs = inputs;
    this.#passes = places.length > 0;
    const result = [...inputs];
    if (places.length === 0) return result;
    const tensors = places.map((i) => inputs[i] as Tensor);
    const lists = (gradients: Tensor[]) => {
      const all: (Tensor | null)[] = inputs.map(() => null);
      places.forEach((place, k) => {
        all[place] = gradients[k];
      });
      return all;
    };
    // several inputs pass through one node, where all their gradients are complete at the same time
    const joined = tensors.length === 1 ? tensors[0].viewAs(tensors[0]) : cat(tensors.map((x) => x.flatten()));
    const separate = (x: Tensor) => {
      if (tensors.length === 1) return [x];
      let end = 0;
      return tensors.map((part) => x.narrow(0, (end += part.numel()) - part.numel(), part.numel()).viewAs(part));
    };
    joined.registerHook((gradient) => {
      const before = separate(gradient);
      const after = this.#call(lists(before));
      const changed = places.map((place, k) => after[place] ?? before[k]);
      if (changed.every((x, k) => x === before[k])) return undefined;
      return tensors.length === 1 ? changed[0] : cat(changed.map((x) => x.flatten()));
    });
    separate(joined).forEach((x, k) => {
      result[places[k]] = x;
    });
    return result;
  }

  /** The output, or each tensor in an array, with a node that notes its gradient. */
  leave(output: unknown): unknown {
    const outputs = Array.isArray(output) ? output : [output];
    this.#gradOutputs = outputs.map(() => null);
    const watched = outputs.map((y, i) => {
      if (!(y instanceof Tensor) || !y.requiresGrad) return y;
      const own = y.viewAs(y);
      own.registerHook((gradient) => {
        this.#gradOutputs[i] = gradient;
        if (!this.#passes) this.#call(this.#inputs.map(() => null));
      });
      return own;
    });
    return Array.isArray(output) ? watched : watched[0];
  }

  #call(gradInputs: readonly (Tensor | null)[]): readonly (Tensor | null)[] {
    return this.#hooks.reduce((before, hook) => hook(this.#module, before, this.#gradOutputs) ?? before, gradInputs);
  }
}

const hooksOf = new WeakMap<Module, ModuleHooks>();

/** Adds a hook of one kind to a module. */
function addHook<Kind extends "pre" | "post" | "backward">(
  op: string,
  module: Module,
  kind: Kind,
  hook: ModuleHooks[Kind][number],
): HookHandle {
  checkFunction(op, "hook", hook);
  const hooks = hooksOf.get(module) ?? new ModuleHooks(module);
  hooksOf.set(module, hooks);
  const list = hooks[kind] as unknown[];
  list.push(hook);
  return {
    remove() {
      const index = list.indexOf(hook);
      if (index < 0) return;
      list.splice(index, 1);
      hooks.restore();
    },
  };
}

/** The base class of `Module`, with the methods that register hooks. */
export abstract class HookedModule {
  /**
   * Calls `hook(module, inputs)` before each `forward`; an array that it returns replaces the inputs. Returns
   * a handle whose `remove()` ends this. Matches `Module.register_forward_pre_hook`.
   */
  registerForwardPreHook(hook: ForwardPreHook): HookHandle {
    return addHook("registerForwardPreHook", this as unknown as Module, "pre", hook);
  }

  /**
   * Calls `hook(module, inputs, output)` after each `forward`; a value that it returns replaces the output. A
   * module with hooks is not fused with its neighbours in a `Sequential`. Matches
   * `Module.register_forward_hook`.
   */
  registerForwardHook(hook: ForwardHook): HookHandle {
    return addHook("registerForwardHook", this as unknown as Module, "post", hook);
  }

  /**
   * Calls `hook(module, gradInputs, gradOutputs)` when a backward pass has gone through `forward`. Gradients
   * that it returns replace those of the inputs. Matches `Module.register_full_backward_hook`.
   */
  registerFullBackwardHook(hook: BackwardHook): HookHandle {
    return addHook("registerFullBackwardHook", this as unknown as Module, "backward", hook);
  }
}
