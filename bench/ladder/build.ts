/** Reads the rungs that are not part of the library from the folder build/. */
import { readFileSync } from "node:fs";
import { instantiateLadder, type LadderKernels, useLadder } from "./kernels.ts";

const FILES = { release: "ladder.wasm", debug: "ladder.debug.wasm" };
const builds: { [Build in keyof typeof FILES]?: LadderKernels } = {};

/** Selects the build whose rungs run. The debug build has asserts. */
export function useLadderBuild(build: keyof typeof FILES): void {
  const read = () => readFileSync(new URL(`../../build/${FILES[build]}`, import.meta.url));
  useLadder((builds[build] ??= instantiateLadder(read())));
}
