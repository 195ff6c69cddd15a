import { OptionError } from "../errors.ts";
import { identity } from "./binary.ts";
import { IDENTITY_SECTION } from "./identity.ts";
import { kernelsRefused } from "./support.ts";

/** Throws unless a module contains the same kernels as the library. */
export function checkKernels(module: WebAssembly.Module): void {
  const expected = `useKernels: expected the WebAssembly.Module of this version's wasmgrad/kernels.wasm (${identity()})`;
  let sections: ArrayBuffer[];
  try {
    sections = WebAssembly.Module.customSections(module, IDENTITY_SECTION);
  } catch (error) {
    if (typeof WebAssembly === "undefined") throw kernelsRefused(error);
    const kind = Object.prototype.toString.call(module).slice("[object ".length, -1);
    const advice =
      kind === "WebAssembly.Instance" || kind === "Promise" ? "" : "; compile bytes with WebAssembly.compile() first";
    throw new OptionError(`${expected}, got ${kind}${advice}`);
  }
  const names = sections.map((section) => String.fromCharCode(...new Uint8Array(section)));
  if (names.length === 1 && names[0] === identity()) return;
  const exports = WebAssembly.Module.exports(module);
  const isOurs = names.length > 0 || exports.some(({ name }) => name === "heapBase");
  const actual = isOurs
    ? `kernels of another build (${names.join(" ") || "without its name"})`
    : `another module (exports: ${
        exports
          .slice(0, 3)
          .map(({ name }) => name)
          .join(", ") || "none"
      })`;
  throw new OptionError(`${expected}, got ${actual}`);
}
