import { describe } from "../../checks.ts";
import { OptionError, WasmgradError } from "../../errors.ts";
import { Tensor } from "../../tensor/tensor.ts";
import { forwardFused } from "../internal/fusion.ts";
import { checkOutput, Module } from "../module.ts";

/**
 * Modules in order, named "0", "1", …. Other fields of a subclass are not part of the sequence.
 */
abstract class ModuleSequence<M extends Module = Module> extends Module implements Iterable<M> {
  [index: number]: M;

  constructor(modules: readonly M[]) {
    super();
    for (const module of modules) this.append(module);
  }

  get length(): number {
    let length = 0;
    while (this[length] !== undefined) length++;
    return length;
  }

  /** The module at an index; negative indices count from the end. */
  at(index: number): M {
    const { length } = this;
    const module = this[index < 0 ? index + length : index];
    if (!module || !Number.isInteger(index)) {
      throw new OptionError(
        `${this.constructor.name}.at: index expected an integer in [${-length}, ${length - 1}], got ${describe(index)}`,
      );
    }
    return module;
  }

  /** Appends a module. Returns this. */
  append(module: M): this {
    if (!(module instanceof Module)) {
      const actual = Array.isArray(module) ? "an array; pass its elements one by one" : describe(module);
      throw new OptionError(`${this.constructor.name}: expected modules, got ${actual}`);
    }
    this[this.length] = module;
    return this;
  }

  *[Symbol.iterator](): Iterator<M> {
    for (let i = 0; this[i] !== undefined; i++) yield this[i];
  }
}

/**
 * Runs modules one after the other, each on the result of the previous one. Matches `torch.nn.Sequential`,
 * except that modules in other fields of a subclass are not run.
 *
 * A convolution followed by ReLU, or by ReLU and 2x2 max pooling, is computed in one pass where possible,
 * which is faster.
 *
 * @example
 * ```ts
 * import { nn, zeros } from "wasmgrad";
 * const net = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 2));
 * console.log(net.forward(zeros([3, 4])).shape); // [3, 2]
 * console.log(`${net}`);
 * ```
 */
export class Sequential extends ModuleSequence {
  constructor(...modules: Module[]) {
    super(modules);
  }

  override forward(x: Tensor): Tensor {
    let y = x;
    for (let i = 0; this[i] !== undefined; ) {
      const fused = forwardFused(this, i, y);
      const module = this[i];
      y = fused ? fused.y : module.forward(y);
      if (!(y instanceof Tensor)) checkOutput(`${this.constructor.name}: module ${i}`, module, y);
      i += fused ? fused.modules : 1;
    }
    return y;
  }
}

function listOf<M extends Module>(modules: Iterable<M>): M[] {
  if (typeof modules?.[Symbol.iterator] === "function" && typeof modules !== "string") return [...modules];
  throw new OptionError(`ModuleList: expected an array of modules, got ${describe(modules)}`);
}

/**
 * A list of modules whose parameters belong to the model. It has no `forward`. Its elements keep their type:
 * those of `new ModuleList([new Linear(4, 4)])` are `Linear`. Matches `torch.nn.ModuleList`.
 *
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * const layers = new nn.ModuleList([new nn.Linear(4, 4), new nn.Linear(4, 4)]);
 * console.log(layers.length, Object.keys(layers.stateDict())); // 2 ["0.weight", "0.bias", "1.weight", "1.bias"]
 * ```
 */
export class ModuleList<M extends Module = Module> extends ModuleSequence<M> {
  constructor(modules: Iterable<M> = []) {
    super(listOf(modules));
  }

  override forward(): never {
    throw new WasmgradError("ModuleList: has no forward(): call its modules");
  }
}

/**
 * Modules by name, whose parameters belong to the model. It has no `forward`. Those given to the constructor
 * keep their type. Matches `torch.nn.ModuleDict`.
 *
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * const heads = new nn.ModuleDict({ digit: new nn.Linear(8, 10), parity: new nn.Linear(8, 2) });
 * console.log(heads.get("parity").weight.shape); // [2, 8]
 * ```
 */
export class ModuleDict<M extends Record<string, Module> = Record<string, Module>> extends Module {
  constructor(modules: M = {} as M) {
    super();
    if (typeof modules !== "object" || modules === null) {
      throw new OptionError(`ModuleDict: expected an object of modules by name, got ${describe(modules)}`);
    }
    for (const [name, module] of Object.entries(modules)) this.set(name, module);
  }

  override forward(): never {
    throw new WasmgradError("ModuleDict: has no forward(): call its modules");
  }

  /** The module of a name, with its type if the name was given to the constructor. */
  get<Name extends string>(name: Name): Name extends keyof M ? M[Name] : Module {
    const found = this.ownModules().find(([key]) => key === name);
    if (!found) throw new OptionError(`ModuleDict.get: no module "${name}" (known: ${this.keys().join(", ")})`);
    return found[1] as Name extends keyof M ? M[Name] : Module;
  }

  set(name: string, module: Module): this {
    if (name in Module.prototype || name in ModuleDict.prototype || name === "training" || name.includes(".")) {
      throw new OptionError(`ModuleDict.set: "${name}" is a name of Module itself or has a dot`);
    }
    if (!(module instanceof Module))
      throw new OptionError(`ModuleDict.set: "${name}" expected a module, got ${describe(module)}`);
    (this as unknown as Record<string, Module>)[name] = module;
    return this;
  }

  keys(): string[] {
    return this.ownModules().map(([name]) => name);
  }
}
