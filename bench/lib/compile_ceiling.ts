/** Compiles the kernels of the ceilings. See bench/assembly/ceiling.ts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import type { Build } from "./ceiling.ts";
import { root } from "./results.ts";

/** Compiles the kernels, with or without fused multiply-adds. */
export async function compileCeiling(build: Build): Promise<Uint8Array<ArrayBuffer>> {
  const { error, stderr } = await asc.main(["--baseDir", root, "--config", "asconfig.ceiling.json", "--target", build]);
  if (error) throw new Error(`ceiling: ${stderr}`);
  return new Uint8Array(readFileSync(join(root, `build/ceiling.${build}.wasm`)));
}
