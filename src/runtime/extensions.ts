import { KernelsError, OptionError } from "../errors.ts";
import { isShared, linearMemory } from "./linear_memory.ts";
import { FIRST_EXTENSION } from "./parallel/control.ts";
import { addToWorkers } from "./parallel/pool.ts";
import { wordsOf } from "./support.ts";
import { SECTION, sectionsOf, WasmReader } from "./wasm_binary.ts";

// Modules of users, whose kernels run on the library's memory and on its threads.

/** A kernel of a user's module. */
export interface ExtensionKernel {
  readonly run: (...args: readonly number[]) => unknown;
  /** Its number among all kernels, by which the workers find it. */
  readonly number: number;
}

/** Number of exports of all modules so far. */
let exportsSoFar = 0;

/** The sections of a WebAssembly module that give it state, and why they are refused. */
const REFUSED_SECTIONS: Readonly<Record<number, string>> = {
  [SECTION.start]: "a start function, which would run once on each thread",
  [SECTION.data]:
    "data, which would overwrite the library's: keep constants in the code (no strings, static arrays or assertions)",
};

/** What the module has that it must not have, as far as its sections show it. */
function refusedPart(bytes: Uint8Array): string | undefined {
  for (const { id, begin } of sectionsOf(bytes)) {
    const reader = new WasmReader(bytes, begin);
    const count = reader.number();
    if (id in REFUSED_SECTIONS && (id === SECTION.start || count > 0)) return REFUSED_SECTIONS[id];
    if (id === SECTION.global && hasVariable(reader, count)) {
      return "a global variable, such as the pointer of a stack or a heap in memory: each thread would have its own";
    }
  }
  return undefined;
}

function hasVariable(reader: WasmReader, globals: number): boolean {
  for (let i = 0; i < globals; i++) {
    reader.at++; // the type
    if (reader.byte() === 1) return true;
    // a constant expression: an instruction with its operand, and the byte `end`
    const opcode = reader.byte();
    if (opcode === 0x43) reader.at += 4;
    else if (opcode === 0x44) reader.at += 8;
    else if (opcode === 0xfd) reader.at += 17;
    else reader.number();
    reader.at++;
  }
  return false;
}

function compile(op: string, bytes: Uint8Array): WebAssembly.Module {
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
  } catch (error) {
    throw new KernelsError(
      `${op}: expected a WebAssembly module, got ${bytes.length} bytes that do not compile: ${wordsOf(error)}`,
    );
  }
  const refused = refusedPart(bytes);
  if (refused) throw new KernelsError(`${op}: expected a module without state, got one with ${refused}`);
  return module;
}

/**
 * Instantiates a user's module with the library's memory, here and in each worker from now on. Returns its
 * exported functions by name.
 */
export function loadExtension(op: string, source: Uint8Array | WebAssembly.Module): Map<string, ExtensionKernel> {
  if (!isShared) {
    throw new KernelsError(
      `${op}: expected shared WebAssembly memory, which the module imports; this engine refuses it`,
    );
  }
  const module = source instanceof Uint8Array ? compile(op, source) : source;
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from === "env" && (name === "memory" || name === "abort")) continue;
    throw new KernelsError(`${op}: expected no import but env.memory and env.abort, got ${from}.${name}`);
  }
  const abort = () => {
    throw new KernelsError("an assertion failed");
  };
  let exports: WebAssembly.Exports;
  try {
    ({ exports } = new WebAssembly.Instance(module, { env: { memory: linearMemory, abort } }));
  } catch (error) {
    throw new KernelsError(
      `${op}: expected a module that imports env.memory as shared, with a maximum of 65536 pages: ${wordsOf(error)}`,
    );
  }
  const names = Object.keys(exports);
  const found = new Map<string, ExtensionKernel>();
  names.forEach((name, i) => {
    const run = exports[name];
    if (typeof run !== "function") return;
    found.set(name, { run: run as ExtensionKernel["run"], number: FIRST_EXTENSION + exportsSoFar + i });
  });
  if (found.size === 0) throw new OptionError(`${op}: expected a module that exports functions, got none`);
  exportsSoFar += names.length;
  addToWorkers(module);
  return found;
}
