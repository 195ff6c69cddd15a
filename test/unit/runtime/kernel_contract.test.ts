/**
 * What TypeScript knows of the kernels: scripts/kernel_contract.ts, and the type of
 * addresses (`npm run check`).
 */
import { expect, test } from "vitest";
import { readContract, writeContract } from "../../../scripts/kernel_contract.ts";
import { type Address, NULL, offset } from "../../../src/runtime/address.ts";
import { type AdamRow, adamRowWords } from "../../../src/runtime/kernels.generated.ts";
import { type Kernels, launch } from "../../../src/runtime/kernels.ts";

/** Compiled only: what is not expected to be an error must not be one, and the other way round. */
const addresses = (kernels: Kernels, x: Address, size: number): void => {
  launch("fillFloat", size, 1, x, 0);
  launch("fillFloat", size, 1, NULL, 0);
  launch("fillFloat", size, 1, offset(x, 4 * size), 0);
  launch("reluGrad", size, 1, x, NULL, offset(x, 4));
  kernels.fillZero(offset(x, 4), size);
  // @ts-expect-error: address and value are exchanged
  launch("fillFloat", size, 1, 0, x);
  // @ts-expect-error: a sum of numbers is no address
  launch("fillFloat", size, 1, x + 4, 0);
  // @ts-expect-error: nor is 0
  launch("fillFloat", size, 1, 0, 0);
  // @ts-expect-error: address and size are exchanged
  kernels.fillZero(size, x);
  // @ts-expect-error: a distance has no address
  offset(size, x);
};

/** Compiled only, likewise. */
const rows = (row: AdamRow, x: Address): void => {
  const { size, ...rest } = row;
  adamRowWords({ ...rest, size });
  // @ts-expect-error: a field is missing
  adamRowWords(rest);
  // @ts-expect-error: there is no such field
  adamRowWords({ ...rest, size, mean: x });
  // @ts-expect-error: a size for an address
  adamRowWords({ ...rest, size, param: size });
};

test("an offset is added", () => {
  expect([addresses, rows]).toHaveLength(2);
  expect(offset(64 as Address, 8)).toBe(72);
  expect(offset(64 as Address, -8)).toBe(56);
  expect(NULL).toBe(0);
});

/** As asc describes a kernel. */
const declared = (name: string, ...parameters: [name: string, type: string][]) => `
  /**
   * assembly/made_up/${name}
${parameters.map(([parameter, type]) => `   * @param ${parameter} \`${type}\`\n`).join("")}   */
  export function ${name}(${parameters.map(([parameter]) => `${parameter}: number`).join(", ")}): void;
`;
const scale = declared("scale", ["begin", "i32"], ["end", "i32"], ["x", "usize"], ["factor", "f32"]);
const read = (source: string, declarations = scale, others: [string, string][] = []) =>
  readContract(declarations, new Map([["assembly/made_up.ts", source], ...others]));

test("parameters of type usize are addresses", () => {
  const text = writeContract(read("export function scale("));
  expect(text).toContain("  scale(begin: number, end: number, x: Address, factor: number): void;\n");
});

test("the tag of kernels that work in place", () => {
  const isInPlace = (source: string) => read(source).kernels[0].isInPlace;
  expect(isInPlace("/**\n * x *= factor\n * @inPlace\n */\nexport function scale(")).toBe(true);
  expect(isInPlace("/** x *= factor */\nexport function scale(")).toBe(false);
  expect(() => read("/** @inPlace */\nfunction scale(")).toThrow("mark 0 kernels");
});

test("shared constants and enums", () => {
  const source = `
import { MR } from "./tile";
const FLOATS = 4;
/** Bytes of scratch. @shared */
export const BYTES: usize = (MR + 1) * FLOATS << 1;
/** Where sums start. @shared */
const enum Start {
  Zero,
  /** The result, so far. */
  Result = 5,
  Bias,
}
/** Not needed. */
const OTHER = 7;
`;
  const tile = "/** Rows. @shared */\n// @ts-ignore: decorator\n@inline\nexport const MR = 4;\n";
  const { constants } = read(source, scale, [["assembly/tile.ts", tile]]);
  expect(constants.map(({ name, value, doc }) => [name, value, doc])).toEqual([
    ["BYTES", 40, "Bytes of scratch."],
    ["Start", { Zero: 0, Result: 5, Bias: 6 }, "Where sums start."],
    ["MR", 4, "Rows."],
  ]);
  expect(() => read("/** @shared */\nfunction f(")).toThrow("0 constants");
  expect(() => read("/** @shared */\nconst ROOT = sqrt(2);")).toThrow("sqrt");
  expect(() => read("/** @shared */\nconst A = 1;", scale, [["b", "/** @shared */\nconst A = 1;"]])).toThrow(
    "two shared constants or tables are named A",
  );
});

test("tables are written in the order of the class", () => {
  const source = "/** A row. */\n@unmanaged\nclass Row {\n  x!: usize;\n  /** How many. */\n  size!: i32;\n}\n";
  expect(writeContract(read(source))).toContain(
    "export interface Row {\n  x: Address;\n  size: number;\n}\n\n" +
      "/** The words of a Row, in the order in which kernels read them. */\n" +
      "export function rowWords(t: Row): number[] {\n  return [t.x, t.size];\n}\n",
  );
  expect(() => read(source.replace("i32", "f64"))).toThrow("class Row has members that are no fields");
});

test("a kernel that asc describes otherwise, or of an unknown type, or without a source", () => {
  expect(() => read("", scale.replace("factor: number", "times: number"))).toThrow("asc describes");
  expect(() => read("", declared("scale", ["x", "v128"]))).toThrow("a parameter of type v128");
  expect(() => readContract(scale, new Map())).toThrow("no file assembly/made_up.ts");
  expect(() => read("", `${scale}\nexport function more(): void;`)).toThrow("read 1 of 2 kernels");
  expect(() => read("", "")).toThrow("read 0 of 0 kernels");
});
