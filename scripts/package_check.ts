/**
 * Checks what a user gets: the packed tarball, its contents, and projects that import it. Used by a test and
 * by check_package.ts.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { extract } from "tar";

const root = fileURLToPath(new URL("..", import.meta.url));
export interface Tarball {
  file: string;
  /** Bytes packed and unpacked. */
  size: number;
  unpackedSize: number;
  files: string[];
}

/** Packs the result of `npm run build` in dist. */
export function pack(into: string): Tarball {
  const output = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", into], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const parsed = JSON.parse(output);
  const [entry] = Array.isArray(parsed) ? parsed : Object.values(parsed);
  return {
    file: join(into, basename(entry.filename)),
    size: entry.size,
    unpackedSize: entry.unpackedSize,
    files: entry.files.map((file: { path: string }) => file.path),
  };
}

/** Files that do not belong in the package: neither sources nor build results nor documents. */
export function strayFiles(files: string[]): string[] {
  const wanted = /^(dist|src|assembly)\/.*\.(ts|c?js|json|map|wasm|md)$|^(package\.json|README\.md|LICENSE)$/;
  return files.filter(
    (file) => !wanted.test(file) || /\.test\.|tsbuildinfo|(^|\/)(tests?\/|runs|data\/.*\.png)/.test(file),
  );
}

/** Makes a project without "dependencies" in its package.json, into which the tarball is unpacked. */
export async function linkInto(project: string, tarball: Tarball): Promise<void> {
  const target = join(project, "node_modules/wasmgrad");
  mkdirSync(target, { recursive: true });
  await extract({ file: tarball.file, cwd: target, strip: 1 });
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "scratch", private: true, type: "module" }));
}

/** Throws what publint and Are the types wrong? find in the tarball. The package has ES modules only. */
export function lint(tarball: Tarball): void {
  const tools = [
    ["publint/src/cli.js", tarball.file, "--strict"],
    ["@arethetypeswrong/cli/dist/index.js", tarball.file, "--ignore-rules", "cjs-resolves-to-esm"],
  ];
  for (const [file, ...args] of tools) {
    execFileSync(process.execPath, [join(root, "node_modules", file), ...args], {
      stdio: ["ignore", "ignore", "inherit"],
    });
  }
}

/** Makes a project as a user does: `npm install` of the tarball, and of other packages. */
export function installInto(project: string, tarball: Tarball, ...others: string[]): void {
  writeFileSync(join(project, "package.json"), JSON.stringify({ name: "scratch", private: true, type: "module" }));
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", tarball.file, ...others], {
    cwd: project,
    stdio: ["ignore", "ignore", "inherit"],
  });
}

/** Runs test/product/package/program.mjs in a project and returns its output. */
export function runProgram(project: string, node = process.execPath): string {
  copyFileSync(join(root, "test/product/package/program.mjs"), join(project, "program.mjs"));
  return execFileSync(node, ["program.mjs"], { cwd: project, encoding: "utf8" }).trim();
}

/** The output of test/support/programs/node_weights.ts. */
interface Weights {
  node: string;
  /** With 1, 2, 3 and 4 threads. */
  digests: string[];
  precision: string;
  /** Bits of the vectors, with both builds. */
  width: number;
  /** With fast kernels, where there are some. */
  fast: string;
}

/**
 * Trains the inpainting autoencoder in a project with a given Node, with 1 to 4 threads and vectors of
 * `width` bits: 256 needs Node 24 to 26.
 */
export async function runWeights(project: string, node: string, steps: number, width: 128 | 256): Promise<Weights> {
  await build({
    entryPoints: [join(root, "test/support/programs/node_weights.ts")],
    outfile: join(project, "weights.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    tsconfigRaw: {}, // so that "wasmgrad" is the installed package
  });
  const env = { ...process.env, WASMGRAD_VECTOR_WIDTH: String(width) };
  const printed = execFileSync(node, ["weights.mjs", String(steps)], { cwd: project, encoding: "utf8", env });
  const weights = JSON.parse(printed) as Weights;
  if (weights.width !== width) throw new Error(`${weights.node}: vectors of ${weights.width} bits, not ${width}`);
  return weights;
}

/** Type libraries of a program: in a web page, in a web page with `using`, and in neither a page nor Node. */
export const LIBS = [["es2022", "dom"], ["es2022", "esnext.disposable", "dom"], ["es2022"]];

/**
 * Type-checks test/product/package/consumer.ts, and every declaration that it reaches, in a project with one
 * kind of module resolution. Returns the errors. `tsc` is the compiler (default: this repository's), `types`
 * are packages of types (default: none, not even Node's).
 */
export function typeCheck(
  project: string,
  moduleResolution: "node16" | "nodenext" | "bundler",
  lib: readonly string[],
  tsc = join(root, "node_modules/typescript/bin/tsc"),
  types: readonly string[] = [],
): string {
  copyFileSync(join(root, "test/product/package/consumer.ts"), join(project, "consumer.ts"));
  const module = moduleResolution === "bundler" ? "esnext" : moduleResolution;
  const compilerOptions = {
    target: "es2022",
    lib,
    module,
    moduleResolution,
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    types,
  };
  return compile(project, "consumer.ts", compilerOptions, tsc);
}

/** Type-checks a file of a project. Returns the errors of tsc. */
export function compile(
  project: string,
  file: string,
  compilerOptions: Record<string, unknown>,
  tsc = join(root, "node_modules/typescript/bin/tsc"),
): string {
  const config = join(project, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ compilerOptions, files: [file] }));
  try {
    execFileSync(process.execPath, [tsc, "-p", config], { encoding: "utf8" });
    return "";
  } catch (error) {
    return (error as { stdout: string }).stdout;
  }
}
