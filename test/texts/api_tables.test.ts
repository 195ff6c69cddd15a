/** The tables of the API in docs/: each name in them exists, and each public name is in them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as wasmgrad from "wasmgrad";
import * as data from "wasmgrad/data";
import * as distributed from "wasmgrad/distributed";
import * as extend from "wasmgrad/extend";
import * as io from "wasmgrad/io";
import * as onnx from "wasmgrad/onnx";
import * as plot from "wasmgrad/plot";
import * as selfSupervised from "wasmgrad/self-supervised";
import * as testing from "wasmgrad/testing";
import * as train from "wasmgrad/train";
import * as vision from "wasmgrad/vision";
import * as worker from "wasmgrad/worker";
import { root } from "../support/source.ts";

const { nn, optim, Tensor } = wasmgrad;
const namespaces: object[] = [
  wasmgrad.distributions,
  nn.functional,
  nn.init,
  nn.utils,
  vision.transforms,
  vision.augment,
  vision.masks,
];
const entries: object[] = [
  wasmgrad,
  nn,
  optim,
  data,
  distributed,
  vision,
  plot,
  io,
  onnx,
  train,
  selfSupervised,
  extend,
  testing,
  worker,
];

/** Names of the methods and accessors of a class, inherited ones included. */
function membersOf(prototype: object): string[] {
  const names: string[] = [];
  for (let level = prototype; level !== Object.prototype; level = Object.getPrototypeOf(level)) {
    names.push(...Object.getOwnPropertyNames(level));
  }
  return names;
}

const members = membersOf(Tensor.prototype);
const exported = new Set([...[...entries, ...namespaces].flatMap(Object.keys), ...members]);

/** Members that users do not call. */
const INTERNAL = [
  "accumulateGrad",
  "array",
  "become",
  "constructor",
  "gradientHooks",
  "handle",
  "splitTransform",
  "valueOf",
];

const pages = readdirSync(join(root, "docs"))
  .filter((name) => name.endsWith(".md") && name !== "compatibility.md")
  .map((name) => ({ name, text: readFileSync(join(root, "docs", name), "utf8") }));

const namesIn = (text: string) => Array.from(text.matchAll(/`([A-Za-z]\w*)(?:\([^`]*\))?`/g), ([, name]) => name);

/** The names in the tables of a page. */
function namesInTables(page: string): string[] {
  const { text } = pages.find(({ name }) => name === page)!;
  return namesIn(text.match(/^\|.*\|$/gm)!.join("\n"));
}

test.each(["tensors.md", "nn.md", "training.md", "self_supervised.md"])(
  "each name in the tables of %s exists",
  (page) => {
    const names = namesInTables(page);
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => !exported.has(name))).toEqual([]);
  },
);

test("each public name is in the docs", () => {
  const named = new Set(pages.flatMap(({ text }) => namesIn(text)));
  const without = [...exported].filter((name) => !named.has(name) && !INTERNAL.includes(name));
  expect(without).toEqual([]);
});

test("the list of internal members has no idle line", () => {
  expect(INTERNAL.filter((name) => !exported.has(name))).toEqual([]);
});
