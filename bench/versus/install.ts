/** The peers from npm are installed on demand, in a separate node_modules. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface LockedPackage {
  version?: string;
  dev?: boolean;
  optional?: boolean;
}

/**
 * Whether node_modules has the versions in package-lock.json: npm keeps a list of the packages it installed.
 */
export function isInstalled(folder: string): boolean {
  const packagesOf = (file: string): Record<string, LockedPackage> => {
    const path = join(folder, file);
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : {};
  };
  const there = packagesOf("node_modules/.package-lock.json");
  return Object.entries(packagesOf("package-lock.json")).every(
    // "" is the package in this folder
    ([name, { version, dev, optional }]) => name === "" || dev || optional || there[name]?.version === version,
  );
}

export function installPeers(folder: string): void {
  if (isInstalled(folder)) return;
  // the native runtime would download CUDA libraries; the libraries for the CPU are in the package
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" };
  execFileSync("npm", ["ci", "--omit=dev"], { cwd: folder, env, stdio: "inherit" });
}
