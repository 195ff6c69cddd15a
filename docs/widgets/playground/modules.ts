/** The modules that a program can import: the library's entries, some of Node's, and files of the examples. */
import { compile } from "./compile.ts";

const ENTRIES: Record<string, () => Promise<object>> = {
  wasmgrad: () => import("wasmgrad"),
  "wasmgrad/nn": () => import("wasmgrad/nn"),
  "wasmgrad/optim": () => import("wasmgrad/optim"),
  "wasmgrad/data": () => import("wasmgrad/data"),
  "wasmgrad/vision": () => import("wasmgrad/vision"),
  "wasmgrad/plot": () => import("wasmgrad/plot"),
  "wasmgrad/io": () => import("wasmgrad/io"),
  "wasmgrad/train": () => import("wasmgrad/train"),
  "wasmgrad/worker": () => import("wasmgrad/worker"),
  "wasmgrad/onnx": () => import("wasmgrad/onnx"),
  "wasmgrad/self-supervised": () => import("wasmgrad/self-supervised"),
  "wasmgrad/extend": () => import("wasmgrad/extend"),
  "wasmgrad/testing": () => import("wasmgrad/testing"),
};

/** Files that the examples import: from their own folder or one below. */
const FILES = import.meta.glob<string>(
  [
    "../../../examples/pytorch/lib/*.ts",
    "../../../examples/autograd/network.ts",
    "../../../examples/inpainting/model.ts",
  ],
  { query: "?raw", import: "default" },
);

/** The global variable where the modules of blobs find those that the worker has loaded. */
const SHELF = "wasmgradPlayground";

const blobAddress = (code: string) => URL.createObjectURL(new Blob([code], { type: "text/javascript" }));

/** A module that has the exports of an object. */
function reexport(name: string, module: object): string {
  const shelf = ((globalThis as Record<string, unknown>)[SHELF] ??= {}) as Record<string, object>;
  shelf[name] = module;
  const names = Object.keys(module);
  return [
    `const module = globalThis.${SHELF}[${JSON.stringify(name)}];`,
    ...names.map((key, i) => `const name${i} = module[${JSON.stringify(key)}];`),
    `export { ${names.map((key, i) => `name${i} as ${key}`).join(", ")} };`,
  ].join("\n");
}

export class Modules {
  readonly #node: Readonly<Record<string, object>>;
  readonly #addresses = new Map<string, Promise<string>>();
  /** The files of the repository whose modules have these addresses. */
  readonly files = new Map<string, string>();
  /** The library's entries that were loaded. */
  readonly entries: Record<string, object> = {};

  constructor(node: Readonly<Record<string, object>>) {
    this.#node = node;
  }

  /** The address of a program's module. */
  async program(file: string, source: string): Promise<string> {
    const code = await compile(file, source, (specifier) => this.#resolve(specifier, file));
    const address = blobAddress(code);
    this.files.set(address, file);
    return address;
  }

  #resolve(specifier: string, importer: string): Promise<string> {
    const name = /^\.\.?\//.test(specifier) ? new URL(specifier, `file:///${importer}`).pathname : specifier;
    let address = this.#addresses.get(name);
    if (!address) {
      address = this.#load(name, specifier);
      this.#addresses.set(name, address);
    }
    return address;
  }

  async #load(name: string, specifier: string): Promise<string> {
    if (name in ENTRIES) {
      this.entries[name] = await ENTRIES[name]();
      return blobAddress(reexport(name, this.entries[name]));
    }
    const node = this.#node[name.startsWith("node:") ? name : `node:${name}`];
    if (node) return blobAddress(reexport(name, node));
    if (name.startsWith("node:")) {
      throw new Error(`A page has no "${specifier}". It has ${Object.keys(this.#node).join(", ")}.`);
    }
    const file = FILES[`../../..${name}`];
    if (file) return this.program(name.slice(1), await file());
    const entries = Object.keys(ENTRIES).join(", ");
    if (name.startsWith("/")) {
      throw new Error(`"${specifier}" is no file of this page: put its text into the editor, or import ${entries}.`);
    }
    throw new Error(`"${specifier}" cannot be imported here. A program can import ${entries}.`);
  }
}
