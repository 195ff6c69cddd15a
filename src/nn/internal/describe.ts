import type { Module } from "../module.ts";

/** The tree of a module's layers, one per line, and its number of parameters. */
export function describeModule(module: Module): string {
  const count = module.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
  return `${tree(module, "")}\n(${count.toLocaleString("en-US")} parameters)`;
}

function tree(module: Module, indent: string, around: readonly Module[] = []): string {
  const name = module.constructor.name;
  if (around.includes(module)) return `${name}(contains itself)`;
  const extra = module.extraRepr();
  const children = module.ownModules();
  if (children.length === 0) return `${name}(${extra})`;
  const inner = `${indent}  `;
  const lines = children.map(([child, value]) => `${inner}(${child}): ${tree(value, inner, [...around, module])}`);
  return [`${name}(`, ...(extra ? [inner + extra] : []), ...lines, `${indent})`].join("\n");
}

/** A pair as PyTorch prints it: `(3, 3)`. */
export function formatPair(pair: readonly number[]): string {
  return `(${pair.join(", ")})`;
}

/** Joins the options that differ from their defaults: `padding=(1, 1), bias=false`. */
export function formatOptions(...parts: (string | false)[]): string {
  return parts.filter((part) => part !== false && part !== "").join(", ");
}

/** Formats the given options: `kernelSize=2, stride=(2, 2)`. */
export function formatGiven(options: object): string {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${Array.isArray(value) ? formatPair(value) : value}`)
    .join(", ");
}
