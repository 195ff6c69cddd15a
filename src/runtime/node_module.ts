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
  "node:url": typeof import("node:url");
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
