import { isObject } from "../../checks.ts";
import { DataError, OptionError, WasmgradError } from "../../errors.ts";
import type { FetchOptions } from "../../io/fetch_file.ts";
import { fileSystem, withFileSource } from "../../io/files.ts";
import { type BlobLike, type ByteSource, bytesSource, isBlob } from "../../io/pieces.ts";
import { type LoadPlace, openPlace } from "../../io/places.ts";
import { builtin } from "../../runtime/node_module.ts";
import { type Bytes, viewBytes } from "../../typed_arrays.ts";
import type { TensorProto } from "../schema/onnx_pb.ts";

/** The bytes of a file with weights: an array, or a `Blob` or `File`. */
export type ExternalBytes = Bytes | BlobLike;

/** Files with weights by the names that the model uses for them, or a function that returns them. */
export type ExternalFiles =
  | Readonly<Record<string, ExternalBytes>>
  | ((location: string) => ExternalBytes | Promise<ExternalBytes>);

/** A file with weights, which is there and whose size is known. */
export interface ExternalFile {
  readonly size: number;
  /** Lets `use` read the file, unless it is a Blob. */
  readonly open?: <T>(use: (source: ByteSource) => T) => T;
  /** A file that is read by promises. */
  readonly blob?: BlobLike;
}

/** Where the model comes from, and so the files beside it. */
export type Origin =
  | { kind: "path"; path: string }
  | { kind: "address"; address: string; fetch: FetchOptions }
  | { kind: "none" };

/** Where in which file the elements of a tensor are. */
export interface ExternalRange {
  location: string;
  begin: number;
  /** Undefined if the model does not say: as many bytes as the elements take. */
  length: number | undefined;
}

/** Reads `external_data` of a tensor. Keys such as `checksum` are ignored. */
export function rangeOf(what: string, { externalData }: TensorProto): ExternalRange {
  const entries = new Map(externalData.map(({ key, value }) => [key, value]));
  const location = entries.get("location");
  if (!location) throw new DataError(`${what}: external data without a location`);
  const integer = (key: string) => {
    const text = entries.get(key);
    if (text === undefined) return undefined;
    if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
    throw new DataError(`${what}: external data: ${key} expected an integer >= 0, got ${JSON.stringify(text)}`);
  };
  return { location, begin: integer("offset") ?? 0, length: integer("length") };
}

/**
 * Opens a file with weights. Its size is known afterwards, but nothing is read.
 *
 * @throws DataError for a file that is missing, or outside the folder of the model.
 */
export async function openExternal(
  what: string,
  location: string,
  origin: Origin,
  given: ExternalFiles | undefined,
): Promise<ExternalFile> {
  const parts = partsOf(what, location);
  if (given !== undefined) return openGiven(what, location, given);
  if (origin.kind === "path") return openBeside(what, origin.path, parts);
  if (origin.kind === "address") {
    const address = besideAddress(origin.address, parts);
    const { blob } = await openPlace("importOnnx", address as LoadPlace, origin.fetch);
    return { size: blob.size, blob };
  }
  throw new DataError(`${what}: its elements are in the file ${JSON.stringify(location)}: pass it as externalData`);
}

/** The names in a location, relative to the model's folder. */
function partsOf(what: string, location: string): string[] {
  const parts = location.split(/[/\\]/).filter((part) => part !== ".");
  // "//host", "/etc", "C:" and "https:" are no relative paths, and no name may be empty
  if (parts.length === 0 || parts.includes("") || parts.includes("..") || /^[a-z][\w+.-]*:|\0/i.test(location)) {
    throw new DataError(
      `${what}: external data in ${JSON.stringify(location)}: expected a path within the folder of the model`,
    );
  }
  return parts;
}

async function openGiven(what: string, location: string, given: ExternalFiles): Promise<ExternalFile> {
  let file: ExternalBytes | undefined;
  if (typeof given === "function") file = await given(location);
  else if (isObject(given)) file = Object.hasOwn(given, location) ? (given[location] as ExternalBytes) : undefined;
  else throw new OptionError("importOnnx: externalData expected an object with files by name, or a function");
  if (file === undefined) throw new DataError(`${what}: externalData has no file ${JSON.stringify(location)}`);
  if (isBlob(file)) return { size: file.size, blob: file };
  const bytes = viewBytes(`importOnnx: externalData ${JSON.stringify(location)}`, file);
  return { size: bytes.length, open: (use) => use(bytesSource(bytes)) };
}

/** A file in the folder of the model, or beside the file to which the model's name is a link. */
function openBeside(what: string, model: string, parts: readonly string[]): ExternalFile {
  const { realpathSync, statSync } = fileSystem(model);
  const { dirname, join, relative, isAbsolute, sep } = builtin("node:path");
  const path = join(dirname(model), ...parts);
  try {
    const real = realpathSync(path);
    const folders = [realpathSync(dirname(model)), dirname(realpathSync(model))];
    const inside = folders.some((folder) => {
      const way = relative(folder, real);
      return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
    });
    if (!inside) throw new DataError(`${what}: ${path} is a link to a place outside the folder of the model`);
    const status = statSync(real);
    if (!status.isFile()) throw new DataError(`${what}: ${path} is no file`);
    return { size: status.size, open: (use) => withFileSource(real, use) };
  } catch (cause) {
    if (cause instanceof WasmgradError) throw cause;
    throw new DataError(`${what}: external data: ${(cause as Error).message}`, { cause });
  }
}

function besideAddress(address: string, parts: readonly string[]): string {
  if (address.startsWith("opfs:"))
    return [...address.split("/").slice(0, -1), ...parts].join("/").replace(/^(?!opfs:)/, "opfs:");
  return new URL(parts.map(encodeURIComponent).join("/"), address).href;
}
