import { checkBoolean, describe, readOptions } from "../checks.ts";
import { OptionError, WasmgradError } from "../errors.ts";
import { type Bytes, viewBytes } from "../typed_arrays.ts";
import { type FileHandleLike, writeHandle } from "./handles.ts";
import { type BlobLike, isBlob } from "./pieces.ts";
import type { AnyBlob } from "./safetensors.ts";

/** The type `File` if the program's type libraries declare it. */
export type AnyFile = typeof globalThis extends { File: { prototype: infer F } } ? F : BlobLike & { name: string };

export interface PickFilesOptions {
  /** The endings of the files to offer, for example [".safetensors"]. Default: all files. */
  extensions?: readonly string[];
  /** Whether several files can be chosen. Default false. */
  multiple?: boolean;
}

type Pickers = {
  showOpenFilePicker?(options: object): Promise<{ getFile(): Promise<AnyFile> }[]>;
  showSaveFilePicker?(options: object): Promise<FileHandleLike>;
};

/**
 * Lets the visitor choose files, by the browser's file picker or, where there is none, by a file input. Must
 * be called while the page handles a click or a key.
 *
 * @param options `extensions` (default: all files), `multiple` (default false)
 * @returns the files; none if the visitor cancelled
 * @throws WasmgradError outside a page, for example in a worker.
 * @example
 * ```ts
 * import { loadSafetensors, pickFiles } from "wasmgrad/io";
 * async function onClick() {
 *   for (const file of await pickFiles({ extensions: [".safetensors"] })) {
 *     console.log((await loadSafetensors(file)).tensors);
 *   }
 * }
 * console.log(typeof onClick); // for button.onclick
 * ```
 */
export async function pickFiles(options?: PickFilesOptions): Promise<AnyFile[]> {
  const op = "pickFiles";
  const { extensions, multiple } = readOptions(op, options, { extensions: [] as readonly string[], multiple: false });
  checkBoolean(op, "multiple", multiple);
  if (!Array.isArray(extensions) || extensions.some((text) => typeof text !== "string" || !text.startsWith("."))) {
    throw new OptionError(`${op}: extensions expected texts such as ".png", got ${describe(extensions)}`);
  }
  checkPage(op);
  const { showOpenFilePicker } = globalThis as Pickers;
  if (!showOpenFilePicker) return pickByInput(extensions, multiple);
  const types = extensions.length > 0 ? [{ accept: { "application/octet-stream": extensions } }] : [];
  const handles = await showOpenFilePicker({ multiple, types }).catch(cancelled);
  return Promise.all((handles ?? []).map((handle) => handle.getFile()));
}

function pickByInput(extensions: readonly string[], multiple: boolean): Promise<AnyFile[]> {
  const input = Object.assign(document.createElement("input"), {
    type: "file",
    accept: extensions.join(","),
    multiple,
  });
  return new Promise((resolve) => {
    input.onchange = () => resolve(Array.from(input.files ?? []) as AnyFile[]);
    input.oncancel = () => resolve([]);
    input.click();
  });
}

/**
 * Saves a file where the visitor wants it, by the browser's file picker or, where there is none, as a
 * download. Must be called while the page handles a click or a key.
 *
 * @param file a Blob (see `writeSafetensorsBlob`) or bytes
 * @param name the name that is offered
 * @returns false if the visitor cancelled
 * @throws WasmgradError outside a page, for example in a worker; DataError when it cannot be written.
 * @example
 * ```ts
 * import { nn } from "wasmgrad";
 * import { saveFile, writeSafetensorsBlob } from "wasmgrad/io";
 * const model = new nn.Linear(2, 1);
 * const onClick = () => saveFile(writeSafetensorsBlob(model.stateDict()), "model.safetensors");
 * console.log(typeof onClick); // for button.onclick
 * ```
 */
export async function saveFile(file: BlobLike | Bytes, name: string): Promise<boolean> {
  const op = "saveFile";
  if (typeof name !== "string" || name === "")
    throw new OptionError(`${op}: name expected a text, got ${describe(name)}`);
  const blob = isBlob(file)
    ? (file as AnyBlob)
    : (new Blob([viewBytes(op, file) as Uint8Array<ArrayBuffer>]) as AnyBlob);
  checkPage(op);
  const { showSaveFilePicker } = globalThis as Pickers;
  if (!showSaveFilePicker) {
    downloadFile(blob, name);
    return true;
  }
  const handle = await showSaveFilePicker({ suggestedName: name }).catch(cancelled);
  if (!handle) return false;
  await writeHandle(op, handle, blob);
  return true;
}

/** Starts a download, as a click on a link. */
export function downloadFile(blob: AnyBlob, name: string): void {
  const href = URL.createObjectURL(blob as Blob);
  Object.assign(document.createElement("a"), { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), RELEASE_MS); // the browser may read it after the click
}

const RELEASE_MS = 60_000;

/** Whether the code runs in a page, not in a worker or outside a browser. */
export const isPage = () => typeof document !== "undefined";

function checkPage(op: string): void {
  if (isPage()) return;
  throw new WasmgradError(
    `${op}: only a page can ask the visitor for a file; a worker sends the Blob to its page first`,
  );
}

/** A visitor who closes the picker is no error. */
function cancelled(error: unknown): undefined {
  if ((error as Error)?.name === "AbortError") return undefined;
  throw error;
}
