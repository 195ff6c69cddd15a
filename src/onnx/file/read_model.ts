import { describe, readOptions } from "../../checks.ts";
import { DataError, OptionError } from "../../errors.ts";
import { type AnyURL, type FetchOptions, readFetchOptions } from "../../io/fetch_file.ts";
import { fileSystem, readWholeFile } from "../../io/files.ts";
import { isBlob, readFromBlob } from "../../io/pieces.ts";
import { isLater, type LoadPlace, openPlace } from "../../io/places.ts";
import { builtin, nodeModule } from "../../runtime/node_module.ts";
import { type Bytes, isBuffer, kindOfTypedArray, viewBytes } from "../../typed_arrays.ts";
import { MAX_HOST_ELEMENTS } from "../host_value.ts";
import {
  TensorProto_DataLocation as DataLocation,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type SparseTensorProto,
  type TensorProto,
} from "../schema/onnx_pb.ts";
import { decodeModel, MAX_MODEL_BYTES, tooLarge } from "./decode.ts";
import { refuseElementType } from "./element_types.ts";
import { type ExternalFile, type ExternalFiles, type Origin, openExternal, rangeOf } from "./external_data.ts";
import { TensorData } from "./tensor_data.ts";

/**
 * Where a model comes from: its bytes; the path of a file (Node, Deno, Bun); in a page, an address, also one
 * relative to the page's; a `File` or `Blob`, a handle from a file picker, or a file that the browser keeps
 * ("opfs:...").
 */
export type ModelSource = string | AnyURL | Bytes | LoadPlace;

export interface ReadModelOptions extends FetchOptions {
  /**
   * Files with weights outside the model: an object with their bytes by the names that the model has for
   * them, or a function that returns them. Default: they are in the folder of the model.
   */
  externalData?: ExternalFiles;
}

/** A model of a file, decoded. Its weights are views of the file's bytes, or are in other files. */
export class ModelFile {
  /** The file's name, for messages. */
  readonly name: string;
  readonly proto: ModelProto;
  readonly #external: ReadonlyMap<string, ExternalFile>;

  constructor(name: string, proto: ModelProto, external: ReadonlyMap<string, ExternalFile>) {
    this.name = name;
    this.proto = proto;
    this.#external = external;
  }

  /** A tensor of the model. @throws DataError if it is not valid; see `TensorData`. */
  tensorData(proto: TensorProto, what = `tensor ${JSON.stringify(proto.name)}`): TensorData {
    return new TensorData(proto, this.#external, `${this.name}: ${what}`);
  }
}

/**
 * Reads the file of a model and decodes it. Files with weights are opened, and only their sizes are looked
 * at, so that nothing but the model itself is in memory twice. What the model means is not checked: see
 * `checkModel`.
 *
 * @throws DataError for a file that is missing, that is damaged, or that is larger than 2 GiB; OptionError.
 */
export async function readModel(source: ModelSource, options?: ReadModelOptions): Promise<ModelFile> {
  const { externalData, ...rest } = options === undefined ? {} : readOptions("importOnnx", options, ALL_OPTIONS);
  const fetch = readFetchOptions("importOnnx", rest);
  const { name, bytes, origin } = await readBytes(source, fetch);
  const proto = decodeModel(name, bytes);
  // the hash is that of the model
  const beside: Origin = origin.kind === "address" ? { ...origin, fetch: { ...fetch, integrity: undefined } } : origin;
  return new ModelFile(name, proto, await openAll(name, proto, beside, externalData));
}

const ALL_OPTIONS: ReadModelOptions = {
  externalData: undefined,
  onProgress: undefined,
  signal: undefined,
  cache: undefined,
  integrity: undefined,
};

async function readBytes(
  source: ModelSource,
  fetch: FetchOptions,
): Promise<{ name: string; bytes: Uint8Array; origin: Origin }> {
  const op = "importOnnx";
  if (isBuffer(source) || kindOfTypedArray(source) || ArrayBuffer.isView(source)) {
    return { name: op, bytes: viewBytes(op, source), origin: { kind: "none" } };
  }
  const path = pathOf(source);
  if (path !== undefined) return { name: path, bytes: readPath(path), origin: { kind: "path", path } };
  // in a page, a text is an address, which may be relative
  const place = typeof source === "string" && !isLater(source) ? absolute(source) : (source as LoadPlace);
  if (place === undefined || !isLater(place))
    throw new OptionError(`${op}: expected bytes, a path or an address, got ${describe(source)}`);
  const { name, blob } = await openPlace(op, place, fetch);
  if (blob.size > MAX_MODEL_BYTES) throw tooLarge(name, blob.size);
  const bytes = await readFromBlob(op, blob, { begin: 0, end: blob.size });
  const isAddress = !isBlob(place) && /^(https?|opfs):/.test(String(place));
  return { name, bytes, origin: isAddress ? { kind: "address", address: String(place), fetch } : { kind: "none" } };
}

/** The path of a source that is one, in a runtime that has files. */
function pathOf(source: ModelSource): string | undefined {
  if (!nodeModule("node:fs")) return undefined;
  const isUrl = Object.prototype.toString.call(source) === "[object URL]";
  const text = isUrl ? String(source) : source;
  if (typeof text !== "string") return undefined;
  if (text.startsWith("file:")) return builtin("node:url").fileURLToPath(text);
  return isLater(text) || text === "" || isUrl ? undefined : text;
}

function readPath(path: string): Uint8Array {
  let size = 0;
  try {
    ({ size } = fileSystem(path).statSync(path));
  } catch (cause) {
    throw new DataError(`cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
  if (size > MAX_MODEL_BYTES) throw tooLarge(path, size);
  return readWholeFile(path);
}

function absolute(address: string): LoadPlace | undefined {
  const { document, location } = globalThis as { document?: { baseURI: string }; location?: { href: string } };
  try {
    return address === "" ? undefined : new URL(address, document?.baseURI ?? location?.href);
  } catch {
    return undefined;
  }
}

/** Opens the files in which the model has weights. */
async function openAll(
  file: string,
  model: ModelProto,
  origin: Origin,
  given: ExternalFiles | undefined,
): Promise<Map<string, ExternalFile>> {
  const opened = new Map<string, ExternalFile>();
  const external: TensorProto[] = [];
  visitTensors(model, (tensor) => {
    if (tensor.dataLocation === DataLocation.EXTERNAL) external.push(tensor);
  });
  for (const tensor of external) {
    const what = `${file}: tensor ${JSON.stringify(tensor.name)}`;
    const { location } = rangeOf(what, tensor);
    if (!opened.has(location)) opened.set(location, await openExternal(what, location, origin, given));
    await readSmall(what, tensor, opened);
  }
  return opened;
}

/** Reads the elements of a small tensor in a Blob, because host values are made at once. */
async function readSmall(what: string, tensor: TensorProto, opened: ReadonlyMap<string, ExternalFile>): Promise<void> {
  const { location, begin } = rangeOf(what, tensor);
  const blob = opened.get(location)?.blob;
  if (!blob || refuseElementType(tensor.dataType)) return;
  const { size, type } = new TensorData(tensor, opened, what);
  if (size > MAX_HOST_ELEMENTS) return;
  tensor.rawData = await readFromBlob(what, blob, { begin, end: begin + size * type.bytes });
  tensor.dataLocation = DataLocation.DEFAULT;
}

/** Calls `visit` with each tensor of a model: initializers and attributes, also of graphs in attributes. */
export function visitTensors(model: ModelProto, visit: (tensor: TensorProto) => void): void {
  const sparse = ({ values, indices }: SparseTensorProto) => {
    if (values) visit(values);
    if (indices) visit(indices);
  };
  const nodes = (list: readonly NodeProto[]) => {
    for (const { attribute } of list) {
      for (const { t, tensors, g, graphs, sparseTensor, sparseTensors } of attribute) {
        if (t) visit(t);
        tensors.forEach(visit);
        if (sparseTensor) sparse(sparseTensor);
        sparseTensors.forEach(sparse);
        if (g) graph(g);
        graphs.forEach(graph);
      }
    }
  };
  const graph = ({ initializer, sparseInitializer, node }: GraphProto) => {
    initializer.forEach(visit);
    sparseInitializer.forEach(sparse);
    nodes(node);
  };
  if (model.graph) graph(model.graph);
  for (const { node } of model.functions) nodes(node);
}
