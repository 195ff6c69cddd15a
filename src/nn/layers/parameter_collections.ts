import { checkInteger, describe } from "../../checks.ts";
import { OptionError, WasmgradError } from "../../errors.ts";
import { Module } from "../module.ts";
import { Parameter } from "../parameter.ts";

/**
 * A list of parameters that belong to the model, named "0", "1", …. It has no `forward`. Matches
 * `torch.nn.ParameterList`.
 *
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * const list = new nn.ParameterList([new nn.Parameter(ones([2]))]);
 * console.log(list.length, list.at(0).shape); // 1 [2]
 * ```
 */
export class ParameterList extends Module implements Iterable<Parameter> {
  [index: number]: Parameter;

  constructor(parameters: Iterable<Parameter> = []) {
    super();
    if (typeof parameters?.[Symbol.iterator] !== "function" || typeof parameters === "string") {
      throw new OptionError(`ParameterList: expected an array of parameters, got ${describe(parameters)}`);
    }
    for (const parameter of parameters) this.append(parameter);
  }

  get length(): number {
    return this.ownParameters().length;
  }

  /** Appends a parameter. Returns this. */
  append(parameter: Parameter): this {
    if (!(parameter instanceof Parameter)) {
      throw new OptionError(`ParameterList: expected a Parameter, got ${describe(parameter)}`);
    }
    this[this.length] = parameter;
    return this;
  }

  /** The parameter at an index; negative indices count from the end. */
  at(index: number): Parameter {
    const { length } = this;
    checkInteger("ParameterList.at", "index", index, -length, length - 1);
    return this[index < 0 ? index + length : index];
  }

  *[Symbol.iterator](): Iterator<Parameter> {
    for (const [, parameter] of this.ownParameters()) yield parameter;
  }

  override forward(): never {
    throw new WasmgradError("ParameterList: has no forward()");
  }
}

/**
 * Parameters by name that belong to the model. It has no `forward`. Matches `torch.nn.ParameterDict`.
 *
 * @example
 * ```ts
 * import { nn, ones } from "wasmgrad";
 * const scales = new nn.ParameterDict({ left: new nn.Parameter(ones([2])) });
 * console.log(scales.keys(), scales.get("left").shape); // ["left"] [2]
 * ```
 */
export class ParameterDict extends Module {
  constructor(parameters: Record<string, Parameter> = {}) {
    super();
    if (typeof parameters !== "object" || parameters === null) {
      throw new OptionError(`ParameterDict: expected an object of parameters by name, got ${describe(parameters)}`);
    }
    for (const [name, parameter] of Object.entries(parameters)) this.set(name, parameter);
  }

  get(name: string): Parameter {
    const found = this.ownParameters().find(([key]) => key === name);
    if (!found) throw new OptionError(`ParameterDict.get: no parameter "${name}" (known: ${this.keys().join(", ")})`);
    return found[1];
  }

  set(name: string, parameter: Parameter): this {
    if (typeof name !== "string" || name in ParameterDict.prototype || name === "training" || name.includes(".")) {
      throw new OptionError(`ParameterDict.set: ${describe(name)} is a name of Module itself or has a dot`);
    }
    if (!(parameter instanceof Parameter)) {
      throw new OptionError(`ParameterDict.set: "${name}" expected a Parameter, got ${describe(parameter)}`);
    }
    (this as unknown as Record<string, Parameter>)[name] = parameter;
    return this;
  }

  keys(): string[] {
    return this.ownParameters().map(([name]) => name);
  }

  override forward(): never {
    throw new WasmgradError("ParameterDict: has no forward()");
  }
}
