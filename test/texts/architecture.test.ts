/** Properties of the sources as a whole: see docs/architecture.md. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { describe, expect, test } from "vitest";
import {
  position,
  readSource,
  readSources,
  resolveImport,
  root,
  type SourceFile,
  type SyntaxNode,
} from "../support/source.ts";

const files = readSources("src");
const byPath = new Map(files.map((file) => [file.path, file]));

/** Lower layers first. A file imports from its own folder and from lower layers only. */
const LAYERS = [
  ["errors", "disposable", "json_number"],
  ["checks", "typed_arrays"],
  ["runtime"],
  ["ops"],
  ["autograd"],
  ["tensor"],
  ["gradients", "core"],
  ["nn", "optim", "distributions", "extend"],
  ["data", "io", "testing"],
  ["plot"],
  ["vision"],
  ["distributed"],
  ["train"],
  ["self-supervised", "worker", "onnx"],
  ["index"],
];

function folderOf(path: string): string {
  return path.split("/")[1].replace(/\.ts$/, "");
}

function layerOf(path: string): number {
  const layer = LAYERS.findIndex((folders) => folders.includes(folderOf(path)));
  if (layer < 0) throw new Error(`${path}: belongs to no layer`);
  return layer;
}

/** Imports from a higher layer, or from another folder of the same layer. */
function violations(file: SourceFile): string[] {
  return file.imports.flatMap(({ specifier }) => {
    const target = resolveImport(file.path, specifier);
    if (target === null || target.endsWith(".generated.ts") || folderOf(target) === folderOf(file.path)) return [];
    return layerOf(target) < layerOf(file.path) ? [] : [`${file.path} imports ${target}`];
  });
}

/** A path of run-time imports that leads back to its start, or null. */
function findCycle(sources: Map<string, SourceFile>): string[] | null {
  const done = new Set<string>();
  const visit = (path: string, trail: string[]): string[] | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    const file = sources.get(path);
    if (!file || done.has(path)) return null;
    for (const { specifier, typeOnly } of file.imports) {
      const target = typeOnly ? null : resolveImport(path, specifier);
      const cycle = target && visit(target, [...trail, path]);
      if (cycle) return cycle;
    }
    done.add(path);
    return null;
  };
  for (const path of sources.keys()) {
    const cycle = visit(path, []);
    if (cycle) return cycle;
  }
  return null;
}

/** Packages and node: modules that a file imports at run time, directly or indirectly. */
function packagesReachedFrom(entry: string, reached = new Map<string, string>(), seen = new Set<string>()) {
  if (seen.has(entry)) return reached;
  seen.add(entry);
  for (const { specifier, typeOnly } of byPath.get(entry)?.imports ?? []) {
    if (typeOnly) continue;
    const target = resolveImport(entry, specifier);
    if (target) packagesReachedFrom(target, reached, seen);
    else reached.set(specifier, entry);
  }
  return reached;
}

describe("layers", () => {
  test("imports go down only", () => {
    expect(files.flatMap(violations)).toEqual([]);
  });

  test("an import that goes up is noticed, a commented one is not", () => {
    const source = (text: string) => violations(readSource("src/ops/made_up.ts", text));
    expect(source('import { Tensor } from "../tensor/tensor.ts";')).toHaveLength(1);
    expect(source('export type { Tensor } from "../tensor/tensor.ts";')).toHaveLength(1);
    expect(source('type T = import("../tensor/tensor.ts").Tensor;')).toHaveLength(1);
    expect(source('// import { Tensor } from "../tensor/tensor.ts";')).toEqual([]);
    expect(source('import { linearMemory } from "../runtime/linear_memory.ts";')).toEqual([]);
  });

  test("no two files import each other at run time", () => {
    expect(findCycle(byPath)).toBeNull();
  });

  test("an import cycle is noticed", () => {
    const one = readSource("src/errors.ts", 'import "./index.ts";');
    const two = readSource("src/index.ts", 'export * from "./errors.ts";');
    expect(findCycle(new Map([one, two].map((file) => [file.path, file])))).toHaveLength(3);
  });
});

/**
 * The families: folders of the same name hold the operations (src/ops), their kernels (assembly) and
 * their cases (test/cases).
 */
const FAMILIES = [
  "conv",
  "elementwise",
  "image",
  "loss",
  "matmul",
  "movement",
  "norm",
  "optim",
  "order",
  "pool",
  "random",
  "recurrent",
  "reduce",
];

/** Families without case tables, and where their operations are tested instead. */
const WITHOUT_CASES: Record<string, string> = {
  optim: "test/unit/optim, test/unit/nn/clip.test.ts",
};

describe("docs/architecture.md", () => {
  const text = readFileSync(join(root, "docs/architecture.md"), "utf8");
  /** Lines of the traces: file and functions. */
  const hops = Array.from(text.matchAll(/^\| \d+ \| `([^`]+)` \| ((?:`\w+` ?)+) \|/gm), ([, path, names]) => ({
    path,
    names: [...names.match(/\w+/g)!],
  }));

  /** Hops whose file does not exist, or does not have one of their functions. */
  const misleading = (listed: typeof hops) =>
    listed.filter(({ path, names }) => {
      if (!existsSync(join(root, path))) return true;
      const source = readFileSync(join(root, path), "utf8");
      return names.some((name) => !new RegExp(`\\b${name}\\b`).test(source));
    });

  test("each hop of the traces is a line of a table, and names a file and functions in it", () => {
    const lines = text.match(/^\| \d+ \|.*$/gm)!;
    expect(lines.length).toBeGreaterThan(25);
    expect(hops).toHaveLength(lines.length);
    expect(misleading(hops)).toEqual([]);
  });

  test("a hop to a missing file or function is noticed", () => {
    const wrong = [
      { path: "src/runtime/kernel.ts", names: ["launch"] },
      { path: "src/runtime/kernels.ts", names: ["launch", "lunch"] },
    ];
    expect(misleading(wrong)).toEqual(wrong);
  });

  test("files and folders in the text exist", () => {
    const paths = [...text.matchAll(/`((?:src|assembly|test|bench|examples|scripts)\/[\w/.-]*)`/g)].map(
      ([, path]) => path,
    );
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test("the document lists the layers", () => {
    const [, listed] = text.match(/```text\nerrors(.*?)```/s)!;
    expect(`errors${listed}`.trim().split("\n")).toEqual(LAYERS.map((folders) => folders.join(" ")));
  });
});

describe("length of files", () => {
  /**
   * A file whose length is wrong: above 400 lines, or above 300 without a reason in a comment at its head.
   */
  const tooLong = ({ path, text }: Pick<SourceFile, "path" | "text">) => {
    const lines = text.trimEnd().split("\n").length;
    const reason = /^(\/\/|\/\*\*?| \*) .*long because/im.test(text.split("\n").slice(0, 10).join("\n"));
    return lines > 400 || (lines > 300 && !reason) ? [`${path}: ${lines} lines`] : [];
  };

  test("no file of src is above 400 lines, none above 300 without a reason in its head", () => {
    expect(files.flatMap(tooLong)).toEqual([]);
  });

  test("a long file is noticed", () => {
    const file = (lines: number, head = "//") => tooLong({ path: "a.ts", text: `${head}${"\n".repeat(lines - 1)};` });
    expect(file(300)).toEqual([]);
    expect(file(301)).toHaveLength(1);
    expect(file(400, "// Long because it is a table.")).toEqual([]);
    expect(file(401, "// Long because it is a table.")).toHaveLength(1);
  });
});

describe("families", () => {
  const foldersOf = (path: string) =>
    readdirSync(join(root, path), { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    );

  /**
   * Names that code calls or passes on: `kernels().name`, `launch("name", …)`, keys of tables, and the names
   * that `${name}Grad` forms.
   */
  const usedNames = (nodes: SyntaxNode[]) => {
    const names = nodes.flatMap((node): string[] => {
      if (node.type === "MemberExpression" && !node.computed) return [node.property.name];
      if (node.type === "Property" && node.key.type === "Identifier") return [node.key.name];
      return node.type === "Literal" && typeof node.value === "string" ? [node.value] : [];
    });
    const gradients = nodes.some((node) => node.type === "TemplateElement" && node.value.raw === "Grad");
    return new Set([...names, ...(gradients ? names.map((name) => `${name}Grad`) : [])]);
  };

  test("operations, kernels and cases are in folders of the same names", () => {
    expect(foldersOf("src/ops").sort()).toEqual(["core", ...FAMILIES].sort());
    expect(foldersOf("assembly").sort()).toEqual(["lib", ...FAMILIES].sort());
    expect(foldersOf("test/cases").sort()).toEqual(FAMILIES.filter((family) => !(family in WITHOUT_CASES)));
  });

  /** Kernels that another folder launches. */
  const LAUNCHED_ELSEWHERE: Record<string, string> = {
    fillZero: "src/ops/core",
    packImageRows: "src/ops/conv",
    philoxWord: "test/cases/image",
  };

  test("the list of kernels that another folder launches has no unused entry", () => {
    const idle = Object.entries(LAUNCHED_ELSEWHERE).filter(
      ([name, folder]) => !readSources(folder).some(({ nodes }) => usedNames(nodes).has(name)),
    );
    expect(idle).toEqual([]);
  });

  test("each table of cases is in test/cases/index.ts, without which its cases do not run", () => {
    const folder = join(root, "test/cases");
    const index = readFileSync(join(folder, "index.ts"), "utf8");
    const tables = readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((file) => file.includes("/"))
      .filter((file) => file.endsWith(".ts"))
      .flatMap((file) => [...readFileSync(join(folder, file), "utf8").matchAll(/^export const (\w+Cases)\b/gm)])
      .map(([, name]) => name);
    expect(tables.length).toBeGreaterThan(30);
    expect(tables.filter((name) => !new RegExp(`\\b${name}\\b`).test(index))).toEqual([]);
  });

  test.each(FAMILIES)("the kernels of %s are launched by its operations", (family) => {
    const declared = readFileSync(join(root, "src/runtime/kernels.generated.ts"), "utf8");
    const kernels = new Set(Array.from(declared.matchAll(/^ {2}(\w+)\(/gm), ([, name]) => name));
    const exported = readdirSync(join(root, "assembly", family), { recursive: true, encoding: "utf8" })
      .filter((file) => file.endsWith(".ts") && !file.startsWith("ladder"))
      .flatMap((file) => {
        const text = readFileSync(join(root, "assembly", family, file), "utf8");
        return Array.from(text.matchAll(/^export function (\w+)/gm), ([, name]) => name);
      })
      .filter((name) => kernels.has(name));
    expect(exported).not.toEqual([]);
    const used = usedNames(
      files.filter(({ path }) => path.startsWith(`src/ops/${family}/`)).flatMap(({ nodes }) => nodes),
    );
    expect(exported.filter((name) => !used.has(name) && !(name in LAUNCHED_ELSEWHERE))).toEqual([]);
  });
});

/** The global names that the libraries in tsconfig.json declare: JavaScript's own and the DOM's. */
function readGlobals(): { types: Set<string>; values: Set<string> } {
  const scope = join(root, "node_modules/@typescript");
  const folder = readdirSync(scope)
    .map((name) => join(scope, name, "lib"))
    .find((path) => existsSync(join(path, "lib.dom.d.ts")));
  if (!folder) throw new Error(`${scope}: no lib.dom.d.ts`);
  const text = readdirSync(folder)
    .filter((name) => /^lib\.(es|dom)[\w.]*\.d\.ts$/.test(name))
    .map((name) => readFileSync(join(folder, name), "utf8"))
    .join("\n");
  const names = (pattern: RegExp) => new Set(Array.from(text.matchAll(pattern), ([, name]) => name));
  return {
    types: names(/^(?:declare )?(?:interface|type|class|namespace) (\w+)/gm),
    values: names(/^declare (?:var|let|const|function) (\w+)/gm),
  };
}

/** Names of globals that src may use for something else, and why. */
const NAMED_AS_GLOBALS: Record<string, string> = {
  "src/nn/layers/transformer.ts: Transformer": "PyTorch's name for an encoder with a decoder",
  "src/tensor/generator.ts: Generator": "PyTorch's name for a source of random numbers",
};

describe("names of globals", () => {
  const { types, values } = readGlobals();

  /**
   * Top-level names of a file that are also names of globals: if the import is forgotten, the global is used.
   */
  const shadowed = ({ path, nodes }: SourceFile): string[] => {
    const program = nodes.find(({ type }) => type === "Program")!;
    return program.body.flatMap((statement: SyntaxNode) => {
      const exported = /^Export(Named|Default)Declaration$/.test(statement.type);
      const declaration: SyntaxNode = statement.declaration ?? statement;
      const renamed = (declaration.specifiers ?? []).filter((s: SyntaxNode) => s.exported?.name !== s.local?.name);
      const declared: string[] =
        declaration.type === "VariableDeclaration"
          ? declaration.declarations.map(({ id }: SyntaxNode) => id.name)
          : [declaration.id?.name, ...renamed.map(({ exported }: SyntaxNode) => exported?.name)];
      const found = declared.filter((name) => types.has(name) || (exported && values.has(name)));
      return found.map((name) => `${path}: ${name}`);
    });
  };

  test("nothing in src has the name of a global", () => {
    const found = files.flatMap(shadowed);
    expect(found.filter((name) => !(name in NAMED_AS_GLOBALS))).toEqual([]);
    expect(Object.keys(NAMED_AS_GLOBALS).filter((name) => !found.includes(name))).toEqual([]);
  });

  test("such a name is noticed", () => {
    const source = (text: string) => shadowed(readSource("src/ops/made_up.ts", text));
    for (const name of ["Node", "Window", "Range", "Text", "Event", "Option", "Image", "Request", "Map"]) {
      expect(source(`export class ${name} {}`)).toEqual([`src/ops/made_up.ts: ${name}`]);
    }
    expect(source("interface Node {}")).toHaveLength(1);
    expect(source("type Storage = number;")).toHaveLength(1);
    expect(source("export function close() {}")).toHaveLength(1);
    expect(source("export const name = 1;")).toHaveLength(1);
    expect(source("class A {} export { A as Range };")).toHaveLength(1);
    expect(source("function open() {} class GraphNode {} const node = 1; export default node;")).toEqual([]);
    expect(source("function f() { class Node {} }")).toEqual([]);
  });
});

/**
 * Files with checks of the library's own work, which no call from outside can fail. They throw plain errors.
 */
const OWN_CHECKS = [
  "src/runtime/block.ts",
  "src/runtime/frame.ts",
  "src/runtime/parallel/worker.ts", // whose errors never reach a caller
  "src/runtime/builds.ts",
  "src/runtime/wide/background.ts", // likewise, as in the next two
  "src/runtime/wide/check.ts",
  "src/runtime/wide/flag_lock.ts",
  "src/ops/core/op.ts",
  "src/ops/image/byte_images.ts",
  "src/optim/schedulers/one_cycle.ts",
];

/** Errors that are thrown but are not WasmgradErrors. */
function plainErrors(file: SourceFile): string[] {
  return file.nodes
    .filter((node) => node.type === "NewExpression" && /^(Type|Range|Syntax)?Error$/.test(node.callee.name ?? ""))
    .map((node) => position(file, node));
}

describe("errors", () => {
  test("all errors that a call can cause are WasmgradErrors", () => {
    expect(files.filter((file) => !OWN_CHECKS.includes(file.path)).flatMap(plainErrors)).toEqual([]);
  });

  test("the list of files with plain errors has no unused entry", () => {
    expect(OWN_CHECKS.filter((path) => plainErrors(byPath.get(path)!).length === 0)).toEqual([]);
  });
});

describe("browser entries", () => {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    exports: Record<string, string | { browser?: string; default: string }>;
  };
  const entries = Object.entries(exports).flatMap(([name, target]) =>
    typeof target === "string" || !target.default.endsWith(".js")
      ? []
      : [[name, (target.browser ?? target.default).replace("./dist/", "src/").replace(/js$/, "ts")] as const],
  );

  const PROTOBUF = ["", "/wire", "/codegenv2"].map((path) => `@bufbuild/protobuf${path}`);

  test.each(entries)("%s imports no module of Node", (_name, entry) => {
    expect([...byPath.keys()]).toContain(entry);
    const packages = packagesReachedFrom(entry);
    // (computed): a decoder, only in Node
    const allowed = [...PROTOBUF, "fast-png", "fflate", "papaparse", "(computed)"];
    expect([...packages].filter(([name]) => !allowed.includes(name))).toEqual([]);
  });
});

/** Files that may touch elements of tensors from TypeScript, and why. No op is among them. */
const ELEMENT_ACCESS: Record<string, string> = {
  "src/runtime/memory.ts": "defines the views",
  "src/runtime/parallel/job.ts": "publishes jobs in the control block",
  "src/runtime/parallel/worker.ts": "reads jobs from the control block",
  "src/runtime/parallel/worker_handle.ts": "defines the view of the control block",
  "src/runtime/builds.ts": "reads the message of an assert",
  "src/runtime/wide/check.ts": "compares two builds in a memory of its own",
  "src/ops/core/array.ts": "defines NDArray.view(), and writes tables of shapes and strides",
  "src/ops/image/byte_images.ts": "the bytes of images come in",
  "src/tensor/creation.ts": "the user's values come in",
  "src/nn/layers/embedding_bag.ts": "reads where the bags begin, as integers",
  "src/nn/layers/norm.ts": "reads the number of batches, one integer",
  "src/optim/lbfgs.ts": "losses and products of vectors, which decide how far to go",
  "src/nn/functional/attention.ts": "asks whether a mask hides all of a row, one truth value",
  "src/tensor/contents.ts": "values go out, to comparisons",
  "src/ops/core/recorder.ts": "readElements(), which values.ts calls",
  "src/distributed/flat_gradients.ts": "numbers and integer buffers of a step go in and out of one vector",
  "src/distributed/mpi_transport.ts": "where the memory begins, an address for MPI",
  "src/onnx/export/recording.ts": "constants of a traced function go out, to a file",
  "src/onnx/export/node_writer.ts": "weights go out, to a file",
  "src/onnx/file/tensor_data.ts": "weights come in from a file",
  "src/onnx/import/import.ts": "asks whether a constant is a mask, by its infinite elements",
  "src/io/safetensors_read.ts": "values come in from files, piece by piece",
  "src/io/safetensors_write.ts": "values go out to files, piece by piece",
  "src/io/deferred_tensors.ts": "values come in, straight to where they are wanted",
  "src/tensor/methods/values.ts": "values go out: data(), item(), toArray()",
};

const VIEW_FUNCTIONS = ["f32View", "i32View", "u8View"];
const READERS = ["data", "toArray", "item"];

/**
 * Places where a file reads or writes elements: views of the memory, `array.view()`, and, in the layers below
 * nn, `tensor.data()` and similar functions.
 */
function elementAccesses(file: SourceFile): string[] {
  const isAccess = (node: SyntaxNode): boolean => {
    if (node.type === "Identifier") return VIEW_FUNCTIONS.includes(node.name);
    if (node.type === "MemberExpression" && ["memory", "linearMemory"].includes(node.object.name))
      return node.property.name === "buffer";
    if (node.type !== "CallExpression" || node.callee.type !== "MemberExpression") return false;
    const name: string = node.callee.property.name;
    if (node.arguments.length > 0) return false;
    return name === "view" || (/^src\/(ops|nn|optim)\//.test(file.path) && READERS.includes(name));
  };
  return file.nodes.filter(isAccess).map((node) => position(file, node));
}

/** Functions of Math whose result the standard defines to the last bit. */
const EXACT_MATH = ["abs", "ceil", "clz32", "floor", "fround", "imul", "max", "min", "round", "sign", "sqrt", "trunc"];

/** Uses of host-defined functions, whose last bits differ from engine to engine. */
function inexactMath(file: SourceFile): string[] {
  const isInexact = (node: SyntaxNode): boolean => {
    if (node.type === "MemberExpression" && node.object.name === "Math") {
      const name: string = node.property.name ?? "?";
      return !EXACT_MATH.includes(name) && !/^[A-Z0-9_]+$/.test(name);
    }
    // a power of the literal two is exact; others are not
    return (node.type === "BinaryExpression" || node.type === "AssignmentExpression") && /^\*\*=?$/.test(node.operator)
      ? !(node.left.type === "Literal" && node.left.value === 2)
      : node.type === "VariableDeclarator" && node.init?.name === "Math";
  };
  return file.nodes.filter(isInexact).map((node) => position(file, node));
}

describe("numbers are computed in kernels", () => {
  test("only these files touch elements from TypeScript", () => {
    const accesses = files.filter((file) => !(file.path in ELEMENT_ACCESS)).flatMap(elementAccesses);
    expect(accesses).toEqual([]);
  });

  test("the list of these files has no unused entry", () => {
    const idle = Object.keys(ELEMENT_ACCESS).filter((path) => elementAccesses(byPath.get(path)!).length === 0);
    expect(idle).toEqual([]);
  });

  test("an access is noticed", () => {
    const source = (text: string) => elementAccesses(readSource("src/ops/made_up.ts", text));
    expect(source("for (const v of x.view()) sum += v;")).toHaveLength(1);
    expect(source("new Float32Array(linearMemory.buffer, 0, 1)")).toHaveLength(1);
    expect(source("y.data()[0]")).toHaveLength(1);
    expect(source("x.view([2, 3]); // f32View")).toEqual([]);
  });

  test("no function is used that differs between engines", () => {
    expect(files.flatMap(inexactMath)).toEqual([]);
  });

  test("such a function is noticed", () => {
    const source = (text: string) => inexactMath(readSource("src/ops/made_up.ts", text));
    expect(source("Math.exp(1)")).toHaveLength(1);
    expect(source("const { exp } = Math;")).toHaveLength(1);
    expect(source("0.9 ** step")).toHaveLength(1);
    expect(source("Math.max(2 ** 31, Math.PI); // Math.exp")).toEqual([]);
  });
});

/** Reads LEB128 numbers and sections of a WebAssembly binary. */
function sectionsOf(bytes: Uint8Array): Map<number, Uint8Array> {
  const sections = new Map<number, Uint8Array>();
  for (let at = 8; at < bytes.length; ) {
    const id = bytes[at++];
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      length |= (bytes[at] & 0x7f) << shift;
      if (bytes[at++] < 0x80) break;
    }
    if (id !== 0) sections.set(id, bytes.subarray(at, at + length));
    at += length;
  }
  return sections;
}

/** Counts mutable globals in a global section: each entry is a type, a mutability and an initial value. */
function mutableGlobals(section: Uint8Array): number {
  const [CONST_I32, CONST_I64, END] = [0x41, 0x42, 0x0b];
  let mutable = 0;
  let at = 1;
  for (let left = section[0]; left > 0; left--) {
    mutable += section[at + 1];
    const opcode = section[at + 2];
    if (opcode !== CONST_I32 && opcode !== CONST_I64) throw new Error(`global: initial value of kind ${opcode}`);
    at += 3;
    while (section[at++] >= 0x80);
    if (section[at++] !== END) throw new Error("global: no end");
  }
  return mutable;
}

test("a mutable global is noticed", () => {
  const [I32, CONST, END] = [0x7f, 0x41, 0x0b];
  expect(mutableGlobals(Uint8Array.of(2, I32, 0, CONST, 0x0b, END, I32, 1, CONST, 0x80, 0x01, END))).toBe(1);
});

describe.each(["kernels.wasm", "kernels.debug.wasm"])("%s", (name) => {
  const bytes = readFileSync(join(root, "build", name));
  const module = new WebAssembly.Module(bytes);

  test("imports the memory and nothing else that could hold state", () => {
    const imports = WebAssembly.Module.imports(module).map((entry) => `${entry.module}.${entry.name}`);
    expect(imports.filter((entry) => entry !== "env.abort")).toEqual(["env.memory"]);
  });

  test("exports functions and the memory only", () => {
    const others = WebAssembly.Module.exports(module).filter(({ kind }) => kind !== "function" && kind !== "memory");
    expect(others).toEqual([]);
  });

  test("has no mutable global and no start function, so instances over shared memory are equal", () => {
    const START = 8;
    const GLOBAL = 6;
    const sections = sectionsOf(bytes);
    expect(sections.has(START)).toBe(false);
    expect(mutableGlobals(sections.get(GLOBAL) ?? Uint8Array.of(0))).toBe(0);
  });
});

test("the READMEs in assembly/ link to every kernel file, and to no missing file", () => {
  const folder = join(root, "assembly");
  const all = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const kernels = all.filter((file) => file.endsWith(".ts") && file !== "index.ts").sort();
  const linked = all
    .filter((file) => file.endsWith(".md"))
    .flatMap((file) => {
      const links = readFileSync(join(folder, file), "utf8").matchAll(/\]\(([^)]+?\.ts)\)/g);
      return Array.from(links, ([, link]) => normalize(join(dirname(file), link)));
    });
  expect([...new Set(linked)].filter((file) => !file.startsWith("..")).sort()).toEqual(kernels);
});
