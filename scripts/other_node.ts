/** Other versions of Node, from the npm package `node`, in build/nodes. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

/** The executable of a major version of Node: the current one, or the newest on npm at the first call. */
export function otherNode(version: string): string {
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath;
  const folder = resolve("build/nodes", version);
  const node = join(folder, "node_modules/node/bin/node");
  if (existsSync(node)) return node;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true }));
  execFileSync(
    "npm",
    ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error", `node@${version}`],
    {
      cwd: folder,
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  return node;
}
