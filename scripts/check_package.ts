/**
 * Installs the packed library in a scratch project and runs it there with several versions of Node. With each
 * of them, a training run must end with the same weights, bit for bit, for any number of threads and any
 * width of vectors.
 * usage: tsx scripts/check_package.ts [major version of Node]... (default: this one only; others come from
 * npm)
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { otherNode } from "./other_node.ts";
import { installInto, LIBS, lint, pack, runProgram, runWeights, strayFiles, typeCheck } from "./package_check.ts";

const STEPS = 200;
/** Versions of TypeScript: the oldest that can read the declarations, and later ones. */
const COMPILERS = ["5.1", "5.2", "5.9", "7.0"];

const scratch = mkdtempSync(join(tmpdir(), "wasmgrad-package-"));
try {
  const tarball = pack(scratch);
  const kib = (bytes: number) => `${(bytes / 1024).toFixed(0)} KiB`;
  console.log(`package: ${tarball.files.length} files, ${kib(tarball.size)} (${kib(tarball.unpackedSize)} unpacked)`);
  const stray = strayFiles(tarball.files);
  if (stray.length > 0) throw new Error(`the package holds files it should not: ${stray.join(", ")}`);
  const project = join(scratch, "project");
  mkdirSync(project);
  lint(tarball);
  console.log("package: publint and attw find nothing");
  installInto(
    project,
    tarball,
    "@types/node@20",
    ...COMPILERS.map((version) => `tsc-${version}@npm:typescript@${version}`),
  );
  for (const version of COMPILERS) {
    const tsc = join(project, `node_modules/tsc-${version}/bin/tsc`);
    for (const resolution of ["node16", "nodenext", "bundler"] as const) {
      for (const lib of version === "5.1" ? LIBS.filter((each) => !each.includes("esnext.disposable")) : LIBS) {
        for (const types of [[], ["node"]]) {
          const errors = typeCheck(project, resolution, lib, tsc, types);
          if (errors) throw new Error(`types, TypeScript ${version}, ${resolution}, ${lib}, ${types}:\n${errors}`);
        }
      }
    }
    console.log(`types: TypeScript ${version}`);
  }
  const nodes = [process.execPath, ...process.argv.slice(2).map(otherNode)];
  const digests = new Set<string>();
  for (const node of nodes) {
    console.log(runProgram(project, node));
    const fast = new Set<string>();
    const isWide = /^v2[456]\./.test(execFileSync(node, ["--version"], { encoding: "utf8" }));
    for (const width of isWide ? ([128, 256] as const) : ([128] as const)) {
      const weights = await runWeights(project, node, STEPS, width);
      console.log(
        `node ${weights.node}: weights after ${STEPS} steps ${weights.digests[0].slice(0, 16)}…, ` +
          `${weights.precision} kernels, vectors of ${width} bits`,
      );
      if (!weights.node.startsWith("v20.") && weights.precision !== "fast") {
        throw new Error(`node ${weights.node}: relaxed SIMD was not found`);
      }
      for (const digest of weights.digests) digests.add(digest);
      fast.add(weights.fast);
    }
    if (fast.size !== 1) throw new Error("fast kernels: the weights depend on the width of vectors");
  }
  if (digests.size !== 1) throw new Error(`weights differ: ${[...digests].join(", ")}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
