import { isObject } from "../checks.ts";
import { DataError } from "../errors.ts";
import { isStoredPath } from "./origin_files.ts";
import type { LoadPlace } from "./places.ts";

/**
 * Models above a few gigabytes come as several safetensors files ("shards") and an index, which says in which
 * file each tensor is: `{"weight_map": {"encoder.weight": "model-00001-of-00002.safetensors", …}}`.
 */

/** Whether the name of a file is that of an index. */
export function isIndex(name: string): boolean {
  return /\.json$/i.test(name.replace(/[?#].*$/, ""));
}

/** The largest index that is read: far more than a model of any size has. */
export const MAX_INDEX_BYTES = 100_000_000;

/** The tensors of each shard that holds one of `names` (default: all), in the order of the index. */
export function readIndex(bytes: Uint8Array, names: readonly string[] | undefined): Map<string, string[]> {
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new DataError("loadSafetensors: the index is not valid JSON in UTF-8", { cause });
  }
  const map = isObject(index) ? index.weight_map : undefined;
  if (!isObject(map)) throw new DataError('loadSafetensors: an index expected an object "weight_map"');
  const wanted = names ?? Object.keys(map);
  const missing = wanted.filter((name) => !Object.hasOwn(map, name));
  if (missing.length > 0) {
    throw new DataError(
      `loadSafetensors: expected tensors ${wanted.join(", ")}, the index has ${Object.keys(map).length} tensors without ${missing.join(", ")}`,
    );
  }
  const shards = new Map<string, string[]>();
  for (const name of wanted) {
    const shard = checkShard(name, map[name]);
    const inShard = shards.get(shard);
    if (inShard) inShard.push(name);
    else shards.set(shard, [name]);
  }
  return shards;
}

/** Shards are in the index' folder: another place is not read. */
function checkShard(name: string, shard: unknown): string {
  if (typeof shard !== "string" || !/^[^/\\:?#%]+\.safetensors$/.test(shard)) {
    throw new DataError(
      `loadSafetensors: the index says that "${name}" is in ${JSON.stringify(shard)}; expected the name of a .safetensors file in its folder`,
    );
  }
  return shard;
}

/** The place of a shard beside its index; undefined for places that have no neighbours, such as a Blob. */
export function besideIndex(index: LoadPlace, shard: string): LoadPlace | undefined {
  if (isStoredPath(index)) return index.replace(/[^/:]*$/, shard) as LoadPlace;
  if (typeof index === "string" || Object.prototype.toString.call(index) === "[object URL]") {
    const address = String(index);
    return /^https?:/.test(address) ? new URL(encodeURIComponent(shard), address) : undefined;
  }
  return undefined;
}
