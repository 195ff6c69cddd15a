import { DTypeError, OptionError } from "../../errors.ts";
import type { DType, NDArray, TypedArray } from "../../ops/core/array.ts";
import type { Op } from "../../ops/core/op.ts";
import type { OperationListener } from "../../ops/core/recorder.ts";
import { Reshape } from "../../ops/movement/reshape.ts";
import type { Block } from "../../runtime/block.ts";

/** An array that the recorded function uses or computes. */
export interface RecordedValue {
  /** Number of the value in the recording: equal in two recordings of the same operations. */
  readonly id: number;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly source:
    | { readonly kind: "input"; readonly index: number }
    /** A parameter or buffer, with its name. */
    | { readonly kind: "state"; readonly name: string; readonly array: NDArray; readonly use: StateUse }
    /** Follows from no input, parameter or buffer. */
    | { readonly kind: "constant"; readonly data: TypedArray }
    | { readonly kind: "result"; readonly by: string };
  /** Whether the elements follow from an input. */
  readonly isUnknown: boolean;
}

/** What a tensor of the state is: unknown ("") for the `state` of a function. */
export type StateUse = "parameter" | "buffer" | "";

/** An operation that ran. */
export interface RecordedStep {
  readonly op: Op;
  readonly inputs: readonly (RecordedValue | number | null)[];
  readonly outputs: readonly RecordedValue[];
  /** The path of the module that ran it, such as "encoder.0". */
  readonly path: string;
}

/** Why an operation cannot be exported, or null. */
type Refuse = (op: Op, inputs: readonly unknown[]) => string | null;

interface Known {
  readonly value: RecordedValue;
  /** The block's version for which the value is right. */
  readonly version: number;
}

/** "conv2d (encoder.0)", for messages. */
export function describeStep(name: string, path: string): string {
  return path === "" ? name : `${name} (${path})`;
}

/**
 * Records the operations of one call of a function whose results follow from its inputs, parameters or
 * buffers. All other arrays are constants: their elements are copied when an operation uses them.
 */
export class Recording implements OperationListener {
  readonly steps: RecordedStep[] = [];
  /** The paths of the running modules, innermost last. */
  readonly paths: string[] = [];
  readonly #known = new Map<NDArray, Known>();
  /** The last array of each block whose values are no constants. */
  readonly #blocks = new Map<Block, NDArray>();
  readonly #refuse: Refuse;
  #count = 0;

  /** @param refuse says why an operation cannot be exported, or null */
  constructor(refuse: Refuse) {
    this.#refuse = refuse;
  }

  input(index: number, array: NDArray): void {
    this.#add(array, { kind: "input", index }, true);
  }

  state(name: string, array: NDArray, use: StateUse): void {
    if (!this.#known.has(array)) this.#add(array, { kind: "state", name, array, use }, false);
  }

  starting(op: Op, inputs: readonly (NDArray | number | null)[]): void {
    const reason = inputs.some((x) => this.#isTraced(x)) ? this.#refuse(op, inputs) : null;
    if (reason !== null) throw new OptionError(`exportOnnx: ${this.#describe(op)}: ${reason}`);
  }

  applied(op: Op, inputs: readonly (NDArray | number | null)[], outputs: readonly NDArray[]): void {
    const known = inputs.map((x) => (x === null || typeof x === "number" ? undefined : this.#find(x, op)));
    if (known.every((value) => value === undefined || value.source.kind === "constant")) return;
    const operands = inputs.map((x, i) => (x === null || typeof x === "number" ? x : (known[i] ?? this.#constant(x))));
    const isUnknown = operands.some((x) => typeof x === "object" && x?.isUnknown === true);
    const path = this.paths.at(-1) ?? "";
    const by = describeStep(op.name, path);
    const results = outputs.map((array) => this.#add(array, { kind: "result", by }, isUnknown));
    this.steps.push({ op, inputs: operands, outputs: results, path });
  }

  overwritten(target: NDArray, source: NDArray): void {
    const before = this.#known.get(target);
    const value = this.#find(source);
    if (before?.value.source.kind === "state") {
      throw new OptionError(
        `exportOnnx: the function overwrites "${before.value.source.name}": a parameter or buffer must stay as it is`,
      );
    }
    if (!before && !value) return; // a constant
    this.#known.set(target, { value: value ?? this.#constant(source), version: target.block.version });
    this.#blocks.set(target.block, target);
  }

  read(array: NDArray): void {
    const known = this.#known.get(array);
    if (!known?.value.isUnknown) return;
    const { source } = known.value;
    const what = source.kind === "result" ? `the result of ${source.by}` : "an input";
    throw new OptionError(
      `exportOnnx: the function reads elements of ${what}: what it does with them in JavaScript cannot be exported ` +
        "(use tensor operations, such as where, instead of item() and data())",
    );
  }

  isUnknown(array: NDArray): boolean {
    return this.#known.get(array)?.value.isUnknown ?? false;
  }

  /** The value of an array that the function returned. */
  result(array: NDArray): RecordedValue {
    return this.#find(array) ?? this.#constant(array);
  }

  #isTraced(x: NDArray | number | null): boolean {
    const known = x === null || typeof x === "number" ? undefined : this.#known.get(x);
    return known !== undefined && known.value.source.kind !== "constant";
  }

  #describe(op: Op): string {
    return describeStep(op.name, this.paths.at(-1) ?? "");
  }

  #add(array: NDArray, source: RecordedValue["source"], isUnknown: boolean): RecordedValue {
    const { shape, dtype, block } = array;
    const value = { id: this.#count++, shape, dtype, source, isUnknown };
    this.#known.set(array, { value, version: block.version });
    if (source.kind !== "constant") this.#blocks.set(block, array);
    return value;
  }

  /** Another shape of a value's memory, which no operation made. */
  #reshaped(value: RecordedValue, array: NDArray): RecordedValue {
    const op = new Reshape("reshape", {}, () => array.shape);
    const path = this.paths.at(-1) ?? "";
    const result = this.#add(array, { kind: "result", by: describeStep(op.name, path) }, value.isUnknown);
    this.steps.push({ op, inputs: [value], outputs: [result], path });
    return result;
  }

  #constant(array: NDArray): RecordedValue {
    return this.#add(array, { kind: "constant", data: array.view().slice() }, false);
  }

  /** The value of an array, or undefined if it is a constant that was not met before. */
  #find(array: NDArray, op?: Op): RecordedValue | undefined {
    const known = this.#known.get(array);
    if (known?.version === array.block.version) return known.value;
    const other = this.#blocks.get(array.block);
    if (known?.value.source.kind === "constant" || (!known && !other)) return undefined;
    const shared =
      !known && other && other.size === array.size && other.dtype === array.dtype ? this.#find(other) : null;
    if (shared) return this.#reshaped(shared, array);
    const user = op ? `${this.#describe(op)} uses` : "it uses";
    throw new DTypeError(
      `exportOnnx: the function overwrites a tensor in a way that cannot be exported: ${user} ` +
        `a tensor of shape [${array.shape}] whose memory was overwritten`,
    );
  }
}
