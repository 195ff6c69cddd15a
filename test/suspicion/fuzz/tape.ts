/**
 * Scalars in float64 with reverse-mode gradients: the reference of the fuzzer, independent of the library.
 * Each node also has a bound on the error of a float32 evaluation, in units of the last place. Errors of the
 * operands are propagated through the derivatives.
 */

/** Half the distance between two neighbouring float32 numbers near 1. */
export const ULP = 2 ** -24;

/** The number of a node on the tape. */
export type Node = number;

export class Tape {
  readonly values: number[] = [];
  /** Bounds on the error of a float32 evaluation, in units of ULP. */
  readonly errors: number[] = [];
  readonly #left: number[] = [];
  readonly #right: number[] = [];
  readonly #dLeft: number[] = [];
  readonly #dRight: number[] = [];
  /** Bounds on the errors of the derivatives themselves, relative to them, in units of ULP. */
  readonly #derivativeErrors: number[] = [];

  #push(value: number, error: number, left: Node, dLeft: number, right: Node, dRight: number, linear: boolean): Node {
    this.#derivativeErrors.push(linear ? 1 : 3 + 2 * this.#relativeError(left) + 2 * this.#relativeError(right));
    this.#left.push(left);
    this.#right.push(right);
    this.#dLeft.push(dLeft);
    this.#dRight.push(dRight);
    this.errors.push(error);
    return this.values.push(value) - 1;
  }

  #relativeError(node: Node): number {
    return node < 0 || this.errors[node] === 0 ? 0 : this.errors[node] / Math.max(1e-30, Math.abs(this.values[node]));
  }

  leaf(value: number): Node {
    return this.#push(value, 0, -1, 0, -1, 0, true);
  }

  leaves(values: ArrayLike<number>): Node[] {
    return Array.from(values, (value) => this.leaf(value));
  }

  /** @param linear whether the derivative does not depend on the operand */
  unary(a: Node, value: number, derivative: number, linear = false): Node {
    const error = Math.abs(derivative) * this.errors[a] + Math.abs(value);
    return this.#push(value, error, a, derivative, -1, 0, linear);
  }

  /** @param linear whether the derivatives do not depend on the operands */
  binary(a: Node, b: Node, value: number, da: number, db: number, linear = false): Node {
    const error = Math.abs(da) * this.errors[a] + Math.abs(db) * this.errors[b] + Math.abs(value);
    return this.#push(value, error, a, da, b, db, linear);
  }

  add(a: Node, b: Node): Node {
    return this.binary(a, b, this.values[a] + this.values[b], 1, 1, true);
  }

  sub(a: Node, b: Node): Node {
    return this.binary(a, b, this.values[a] - this.values[b], 1, -1, true);
  }

  mul(a: Node, b: Node): Node {
    const [x, y] = [this.values[a], this.values[b]];
    return this.binary(a, b, x * y, y, x);
  }

  div(a: Node, b: Node): Node {
    const [x, y] = [this.values[a], this.values[b]];
    return this.binary(a, b, x / y, 1 / y, -x / (y * y));
  }

  scale(a: Node, by: number): Node {
    return this.unary(a, this.values[a] * by, by, true);
  }

  shift(a: Node, by: number): Node {
    return this.unary(a, this.values[a] + by, 1, true);
  }

  exp(a: Node): Node {
    const y = Math.exp(this.values[a]);
    return this.unary(a, y, y);
  }

  log(a: Node): Node {
    return this.unary(a, Math.log(this.values[a]), 1 / this.values[a]);
  }

  sqrt(a: Node): Node {
    const y = Math.sqrt(this.values[a]);
    return this.unary(a, y, 0.5 / y);
  }

  sum(nodes: readonly Node[]): Node {
    if (nodes.length === 0) return this.leaf(0);
    return nodes.reduce((a, b) => this.add(a, b));
  }

  mean(nodes: readonly Node[]): Node {
    return this.scale(this.sum(nodes), 1 / nodes.length);
  }

  /** The largest of at least one node; the first if several are equal. */
  max(nodes: readonly Node[]): Node {
    return this.scale(
      nodes.reduce((a, b) => (this.values[b] > this.values[a] ? b : a)),
      1,
    );
  }

  /** log(sum(exp)), shifted by the largest. */
  logSumExp(nodes: readonly Node[]): Node {
    const largest = Math.max(...nodes.map((node) => this.values[node]));
    return this.shift(this.log(this.sum(nodes.map((node) => this.exp(this.shift(node, -largest))))), largest);
  }

  /**
   * Gradients of `sum(seed[i] * outputs[i])` at all nodes, and bounds on the error of a float32 evaluation,
   * in units of ULP.
   */
  gradients(outputs: readonly Node[], seeds: ArrayLike<number>): { gradients: Float64Array; errors: Float64Array } {
    const [gradients, errors] = [0, 0].map(() => new Float64Array(this.values.length));
    outputs.forEach((node, i) => {
      gradients[node] += seeds[i];
      errors[node] += Math.abs(seeds[i]);
    });
    for (let node = this.values.length - 1; node >= 0; node--) {
      if (errors[node] === 0) continue;
      const error = errors[node] + Math.abs(gradients[node]) * this.#derivativeErrors[node];
      const pass = (to: Node, d: number) => {
        if (to < 0 || d === 0) return;
        gradients[to] += gradients[node] * d;
        errors[to] += error * Math.abs(d);
      };
      pass(this.#left[node], this.#dLeft[node]);
      pass(this.#right[node], this.#dRight[node]);
    }
    return { gradients, errors };
  }
}
