/**
 * Installs the packed library in scratch projects and runs it there under several versions of Node.
 * usage: tsx scripts/check_package.ts [major version of Node]... (default: this one only; others come from npm)
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installInto, pack, runProgram, strayFiles, typeCheck } from "./package_check.ts";

/** The executable of another Node, from the npm package of that name. */
function fetchNode(version: string, scratch: string): string {
  const folder = join(scratch, `node-${version}`);
  mkdirSync(folder);
  writeFileSync(join(folder, "package.json"), "{}");
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", `node@${version}`], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return join(folder, "node_modules/node/bin/node");
}

const scratch = mkdtempSync(join(tmpdir(), "wasmgrad-package-"));
try {
  const tarball = pack(scratch);
  const kib = (bytes: number) => `${(bytes / 1024).toFixed(0)} KiB`;
  console.log(`package: ${tarball.files.length} files, ${kib(tarball.size)} (${kib(tarball.unpackedSize)} unpacked)`);
  const stray = strayFiles(tarball.files);
  if (stray.length > 0) throw new Error(`the package holds files it should not: ${stray.join(", ")}`);
  const project = join(scratch, "project");
  mkdirSync(project);
  installInto(project, tarball);
  for (const resolution of ["node16", "nodenext", "bundler"] as const) {
    const errors = typeCheck(project, resolution);
    if (errors) throw new Error(`types, ${resolution}:\n${errors}`);
    console.log(`types: ${resolution}`);
  }
  console.log(runProgram(project));
  for (const version of process.argv.slice(2)) console.log(runProgram(project, fetchNode(version, scratch)));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
