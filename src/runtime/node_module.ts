import { WasmgradError } from "../errors.ts";

interface NodeModules {
  "node:async_hooks": typeof import("node:async_hooks");
  "node:child_process": typeof import("node:child_process");
  "node:crypto": typeof import("node:crypto");
  "node:fs": typeof import("node:fs");
  "node:inspector": typeof import("node:inspector");
  "node:module": typeof import("node:module");
  "node:os": typeof import("node:os");
  "node:path": typeof import("node:path");
  "node:stream": typeof import("node:stream");
  "node:stream/promises": typeof import("node:stream/promises");
  "node:url": typeof import("node:url");
  "node:util": typeof import("node:util");
  "node:v8": typeof import("node:v8");
  "node:vm": typeof import("node:vm");
  "node:worker_threads": typeof import("node:worker_threads");
  "node:zlib": typeof import("node:zlib");
}

/**
 * A built-in module of Node, found without an import, because bundlers for browsers would fail on an import.
 * Undefined in other runtimes, even if `process` or its function exists but throws, as in edge runtimes.
 */
export function nodeModule<Name extends keyof NodeModules>(name: Name): NodeModules[Name] | undefined {
  try {
    const process = (globalThis as { process?: { getBuiltinModule?(id: Name): NodeModules[Name] } }).process;
    return process?.getBuiltinModule?.(name) ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * A built-in module of Node, Deno and Bun, for functions that only run there.
 *
 * @throws WasmgradError in other runtimes.
 */
export function builtin<Name extends keyof NodeModules>(name: Name): NodeModules[Name] {
  const module = nodeModule(name);
  if (module) return module;
  throw new WasmgradError(`expected Node, Deno or Bun, whose module ${name} is needed; a page has none`);
}

/**
 * A package that only Node, Deno and Bun use, for what is not necessary. It is found without an import,
 * because bundlers for browsers would fail on what it imports. Undefined if it is not there, as in a server's
 * bundle.
 */
export function nodePackage(name: string): unknown {
  const require = nodeModule("node:module")?.createRequire(import.meta.url);
  for (const path of [`../third_party/${name}.cjs`, name]) {
    try {
      return require?.(path);
    } catch {
      // the built library has the first, the repository the second
    }
  }
  return undefined;
}

/** Whether this is Node, not another runtime with Node's modules. False also where `process` throws. */
export function isNode(): boolean {
  try {
    const { process, Deno, Bun } = globalThis as {
      process?: { versions?: Record<string, string | undefined> };
      Deno?: unknown;
      Bun?: unknown;
    };
    const versions = process?.versions;
    return Boolean(versions?.node && !versions.deno && !versions.bun && !Deno && !Bun);
  } catch {
    return false;
  }
}
