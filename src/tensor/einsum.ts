import { describe } from "../checks.ts";
import { formatShape, OptionError, ShapeError } from "../errors.ts";
import { sizeOf } from "../ops/core/array.ts";
import { expectTensors } from "./functions.ts";
import type { Tensor } from "./tensor.ts";

/**
 * An operand with one label per dimension. Labels of dimensions covered by "..." are numbers from the end.
 */
interface Labelled {
  x: Tensor;
  labels: string[];
}

const OP = "einsum";

/** Splits "ab...c" into labels; the ellipsis stands for `covered` dimensions. */
function readLabels(text: string, covered: number): string[] {
  const parts = text.split("...");
  if (parts.length > 2 || !/^[A-Za-z]*$/.test(parts.join(""))) {
    throw new OptionError(`${OP}: a term expected letters and at most one "...", got "${text}"`);
  }
  if (parts.length === 1) return [...text];
  return [...parts[0], ...Array.from({ length: covered }, (_, i) => `.${covered - i}`), ...parts[1]];
}

/** Replaces dimensions with the same label by their diagonal. */
function takeDiagonals({ x, labels }: Labelled): Labelled {
  const names = [...labels];
  let y = x;
  for (let j = names.length - 1; j > 0; j--) {
    const i = names.indexOf(names[j]);
    if (i === j) continue;
    if (y.shape[i] !== y.shape[j]) {
      throw new ShapeError(
        `${OP}: "${names[j]}" stands for ${y.shape[i]} and ${y.shape[j]} in ${formatShape(x.shape)}`,
      );
    }
    y = y.diagonal(0, i, j).movedim(-1, i);
    names.splice(j, 1);
  }
  return { x: y, labels: names };
}

/** Sums over the dimensions whose labels are not in `kept`. */
function sumOthers({ x, labels }: Labelled, kept: ReadonlySet<string>): Labelled {
  const summed = labels.flatMap((label, d) => (kept.has(label) ? [] : [d]));
  return summed.length === 0 ? { x, labels } : { x: x.sum(summed), labels: labels.filter((label) => kept.has(label)) };
}

/** The product of two operands, summed over the labels that are not in `kept`: one batched matrix product. */
function contract(a: Labelled, b: Labelled, kept: ReadonlySet<string>, lengths: ReadonlyMap<string, number>): Labelled {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => kept.has(label));
  const inner = shared.filter((label) => !kept.has(label));
  const [rows, columns] = [a, b].map(({ labels }) => labels.filter((label) => !shared.includes(label)));
  const sizeOfLabels = (labels: readonly string[]) => labels.map((label) => lengths.get(label) as number);
  const arranged = (from: Labelled, groups: readonly string[][]) => {
    const order = groups.flat();
    // a dimension of length 1 broadcasts
    const full = from.x.permute(order.map((label) => from.labels.indexOf(label))).expand(sizeOfLabels(order));
    return full.reshape(groups.map((labels) => sizeOf(sizeOfLabels(labels))));
  };
  const product = arranged(a, [batch, rows, inner]).bmm(arranged(b, [batch, inner, columns]));
  const labels = [...batch, ...rows, ...columns];
  return { x: product.reshape(sizeOfLabels(labels)), labels };
}

/**
 * Sums of products in Einstein's notation: each operand's dimensions get letters, and the product is summed
 * over the letters that are not after "->". Without "->", the result has the letters that occur once, in
 * alphabetic order. "..." stands for further dimensions, which broadcast. Operands are multiplied from left
 * to right, each time as one batched matrix product. Matches `torch.einsum`.
 *
 * @throws OptionError for an equation that does not fit the operands, ShapeError for lengths that differ.
 * @example
 * ```ts
 * import { einsum, ones } from "wasmgrad";
 * console.log(einsum("bij,bjk->bik", ones([2, 3, 4]), ones([2, 4, 5])).shape); // [2, 3, 5]
 * console.log(einsum("ii", ones([3, 3])).item()); // 3
 * ```
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  if (typeof equation !== "string") {
    throw new OptionError(`${OP}: equation expected a string like "ij,jk->ik", got ${describe(equation)}`);
  }
  expectTensors(OP, operands);
  const [left, right, ...more] = equation.replaceAll(" ", "").split("->");
  const terms = left.split(",");
  if (more.length > 0 || terms.length !== operands.length) {
    throw new OptionError(`${OP}: "${equation}" expected ${terms.length} operands, got ${operands.length}`);
  }
  let widest = 0;
  const inputs = operands.map((x, k): Labelled => {
    const covered = x.dim() - terms[k].replace("...", "").length;
    const labels = readLabels(terms[k], Math.max(covered, 0));
    if (labels.length !== x.dim()) {
      throw new OptionError(`${OP}: "${terms[k]}" does not fit the dimensions of ${formatShape(x.shape)}`);
    }
    if (terms[k].includes("...")) widest = Math.max(widest, covered);
    return takeDiagonals({ x, labels });
  });
  const lengths = new Map<string, number>();
  for (const { x, labels } of inputs) {
    labels.forEach((label, d) => {
      const known = lengths.get(label) ?? 1;
      if (known !== 1 && x.shape[d] !== 1 && known !== x.shape[d]) {
        throw new ShapeError(`${OP}: "${label}" stands for ${known} and ${x.shape[d]} in "${equation}"`);
      }
      lengths.set(label, known === 1 ? x.shape[d] : known);
    });
  }
  const covered = Array.from({ length: widest }, (_, i) => `.${widest - i}`);
  const letters = [...left.replaceAll(/[.,]/g, "")];
  const once = letters.filter((label) => letters.indexOf(label) === letters.lastIndexOf(label)).sort();
  const output = right === undefined ? [...covered, ...once] : readLabels(right, widest);
  if (new Set(output).size !== output.length || output.some((label) => !lengths.has(label))) {
    throw new OptionError(`${OP}: the result of "${equation}" expected labels of the operands, each once`);
  }
  let [result, ...rest] = inputs;
  for (let k = 0; k < rest.length; k++) {
    const kept = new Set([...output, ...rest.slice(k + 1).flatMap(({ labels }) => labels)]);
    const neededBy = (other: Labelled) => new Set([...kept, ...other.labels]);
    const [a, b] = [sumOthers(result, neededBy(rest[k])), sumOthers(rest[k], neededBy(result))];
    result = contract(a, b, kept, lengths);
  }
  result = sumOthers(result, new Set(output));
  return result.x.permute(output.map((label) => result.labels.indexOf(label)));
}
