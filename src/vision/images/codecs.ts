import { WasmgradError } from "../../errors.ts";
import { nodeModule } from "../../runtime/node_module.ts";

/** Formats whose decoders are optional packages. */
export type CodecFormat = "JPEG" | "WebP";

/** A decoder as the packages export it, compiled by Emscripten. */
interface Codec {
  decode(bytes: Uint8Array, applyOrientation?: boolean): Decoded | null;
}

/** Four bytes per pixel. */
interface Decoded {
  width: number;
  height: number;
  data: Uint8ClampedArray;
}

/** Adds `decode` to its argument, at once if `instantiateWasm` is synchronous. */
type CodecFactory = (module: object) => Promise<unknown>;

/** The package of each decoder, and its files. */
const SOURCES: Readonly<Record<CodecFormat, { name: string; file: string }>> = {
  JPEG: { name: "@jsquash/jpeg", file: "codec/dec/mozjpeg_dec" },
  WebP: { name: "@jsquash/webp", file: "codec/dec/webp_dec" },
};

interface LoadedCodec {
  /** Starts an instance of the decoder. What it would write to the console goes to `note`. */
  start(note: (text: string) => void): Codec;
  running?: Codec;
  /** What the decoder has said about the current file. */
  messages: string[];
}

const loaded = new Map<CodecFormat, LoadedCodec>();
const loading = new Map<CodecFormat, Promise<void>>();

/** Loads the decoder of a format, once. `codecError` says why it could not be loaded. */
export function loadCodec(format: CodecFormat): Promise<void> {
  const running = loading.get(format) ?? startCodec(format);
  loading.set(format, running);
  running.catch(() => loading.delete(format)); // the package may be installed later
  return running;
}

/** The error of a file whose decoder is not loaded; `cause` is the reason. */
export function codecError(file: string, format: CodecFormat, cause?: unknown): WasmgradError {
  const { name } = SOURCES[format];
  const missing = cause === undefined || (cause as { code?: string })?.code === "MODULE_NOT_FOUND";
  const problem = missing ? "is not installed" : `could not be loaded (${(cause as Error)?.message ?? cause})`;
  return new WasmgradError(
    `${file}: ${format} files are read by the package ${name}, which ${problem}: npm install ${name}`,
    { cause },
  );
}

async function startCodec(format: CodecFormat): Promise<void> {
  const { name, file } = SOURCES[format];
  const [fs, module, url] = [nodeModule("node:fs"), nodeModule("node:module"), nodeModule("node:url")];
  if (!fs || !module || !url) throw new WasmgradError("this runtime has no files");
  const { resolve } = module.createRequire(import.meta.url);
  // found by path, because bundlers would fail on the import of a package that is not installed
  const paths = [".js", ".wasm"].map((extension) => resolve(`${name}/${file}${extension}`));
  const code = url.pathToFileURL(paths[0]).href;
  const { default: create } = (await import(/* webpackIgnore: true */ /* @vite-ignore */ code)) as {
    default: CodecFactory;
  };
  const binary = new WebAssembly.Module(fs.readFileSync(paths[1]));
  const instantiateWasm = (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
    const instance = new WebAssembly.Instance(binary, imports);
    done(instance);
    return instance.exports;
  };
  const start = (note: (text: string) => void) => {
    const module = { noInitialRun: true, instantiateWasm, print: note, printErr: note };
    create(module).catch(() => {}); // an error also appears at the call of decode
    return module as unknown as Codec;
  };
  loaded.set(format, { start, messages: [] });
}

/** The result of a decoder. */
export interface CodecResult {
  decoded: Decoded | null;
  /** Warnings, or the reason why `decoded` is null. */
  messages: string[];
}

/**
 * Decodes a file with a decoder that `loadCodec` has loaded. Returns undefined if it is not loaded.
 */
export function runCodec(format: CodecFormat, bytes: Uint8Array, applyOrientation: boolean): CodecResult | undefined {
  const entry = loaded.get(format);
  if (!entry) return undefined;
  entry.messages.length = 0;
  try {
    entry.running ??= entry.start((text) => void entry.messages.push(text));
    const codec = entry.running;
    // each takes exactly its number of arguments
    const decoded = format === "JPEG" ? codec.decode(bytes, applyOrientation) : codec.decode(bytes);
    return { decoded, messages: [...entry.messages] };
  } catch (cause) {
    entry.running = undefined; // its memory still holds the file that it gave up on
    // C++ throws a number, for example if there is no memory for the size in the header
    const reason = (cause as Error)?.message ?? "the decoder failed, or has no memory for the image";
    return { decoded: null, messages: [...entry.messages, reason] };
  }
}
