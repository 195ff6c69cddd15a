import { checkBoolean } from "../../checks.ts";
import { WasmgradError } from "../../errors.ts";
import { addressSpaceLeft } from "../../runtime/address_space.ts";
import { frameCount } from "../../runtime/frame.ts";
import { allocatorStatistics, bytesAllocated, exhaustion } from "../../runtime/memory.ts";
import { nodeModule } from "../../runtime/node_module.ts";
import { type Handle, type Owned, origins, unscoped } from "./handle.ts";

/**
 * Tensors outside every scope are left to the garbage collector, which does not see WebAssembly memory. To
 * make the pressure visible, one tensor in each PRESSURE_BYTES of such tensors holds an array buffer of that
 * size. The buffers are never written, so they take only address space. If memory still runs out, for example
 * in a loop that never returns to the event loop, unreachable tensors are released at once, if the engine can
 * list them (Node can, through its inspector).
 */

/** More than 32 MiB, because malloc always gets such large blocks from the system and returns them to it. */
const PRESSURE_BYTES = 33 * 2 ** 20;
/** Address space to leave free for the JavaScript heap if address space is limited. */
const ADDRESS_SPACE_TO_LEAVE = 2 ** 30;

/** Releases tensors that no scope owns after they were garbage-collected. */
const finalizer = new FinalizationRegistry<Handle>((handle) => handle.release("the garbage collector"));
const pressure = new WeakMap<Owned, ArrayBuffer>();
let bytes = 0;
let prototype: object | undefined;

/** Leaves a tensor to the garbage collector. */
export function leaveToCollector(tensor: Owned): void {
  const { handle } = tensor;
  finalizer.register(tensor, handle);
  unscoped.add(handle);
  bytes += handle.block.bytes;
  if (bytes < PRESSURE_BYTES) return;
  try {
    const size = Math.min(bytes, 2 ** 31);
    if (addressSpaceLeft() > size + ADDRESS_SPACE_TO_LEAVE) pressure.set(tensor, new ArrayBuffer(size));
  } catch {
    // no address space is left for the buffer
  }
  bytes = 0;
}

/** The handle of a tensor; undefined for any other object. */
export let handleOf: (value: object) => Handle | undefined;

/** Called by the class `Tensor`, because this file is in a lower layer. */
export function setTensorPrototype(of: object, handle: typeof handleOf): void {
  prototype = of;
  handleOf = handle;
}

/**
 * Runs a garbage collection and returns all tensors that are still reachable, and prototypes. Returns
 * undefined if the engine cannot list them.
 */
function reachableTensors(): object[] | undefined {
  const meeting = globalThis as { __wasmgrad?: { prototype?: object; take(found: object[]): void } };
  let tensors: object[] | undefined;
  let session: import("node:inspector").Session | undefined;
  try {
    const inspector = nodeModule("node:inspector");
    if (!inspector) return undefined;
    session = new inspector.Session();
    session.connect();
    const post = (method: string, parameters: object) => {
      let result: { result?: { objectId?: string }; objects?: { objectId?: string } } = {};
      session?.post(method, parameters, (_error: Error | null, answer: object = {}) => {
        result = answer;
      });
      return result;
    };
    meeting.__wasmgrad = {
      prototype,
      take(found) {
        tensors = found;
      },
    };
    const { result } = post("Runtime.evaluate", { expression: "__wasmgrad.prototype" });
    const { objects } = post("Runtime.queryObjects", { prototypeObjectId: result?.objectId });
    const functionDeclaration = "function () { __wasmgrad.take(this); }";
    post("Runtime.callFunctionOn", { objectId: objects?.objectId, functionDeclaration });
  } catch {
    // there is no inspector, or it is not allowed
  } finally {
    session?.disconnect();
    delete meeting.__wasmgrad;
  }
  return Array.isArray(tensors) ? tensors : undefined;
}

/**
 * A sweep takes a tenth of a second. It counts as vain if it frees less than this share of the live bytes,
 * and fewer than SOON times the live bytes were allocated since the previous sweep.
 */
const LITTLE = 1 / 16;
/**
 * The share of the live bytes that must be allocated between two sweeps for the second not to be vain.
 */
const SOON = 1 / 256;
/**
 * After this many vain sweeps in a row, memory counts as exhausted: a loop of vain sweeps would take hours.
 */
const MOST_VAIN = 20;

let vainSweeps = 0;
let allocatedBefore = 0;
let gaveUp = false;

/**
 * Releases unreachable tensors outside every scope, except those whose memory was requested in this frame or
 * the previous one: a running operation may still use the memory of a tensor that is no longer reachable.
 */
function sweep(): boolean {
  gaveUp = false;
  const found = reachableTensors();
  if (!found) return false;
  const { liveBytes } = allocatorStatistics();
  const reachable = new Set(found.map(handleOf));
  let released = false;
  for (const handle of [...unscoped]) {
    if (reachable.has(handle) || handle.usedIn >= frameCount - 1) continue;
    handle.release("the garbage collector");
    released = true;
  }
  if (!released) return false;
  const freed = liveBytes - allocatorStatistics().liveBytes;
  const allocated = bytesAllocated() - allocatedBefore;
  allocatedBefore += allocated;
  vainSweeps = freed < LITTLE * liveBytes && allocated < SOON * liveBytes ? vainSweeps + 1 : 0;
  if (vainSweeps < MOST_VAIN) return true;
  vainSweeps = 0;
  gaveUp = true;
  return false;
}

exhaustion.reclaim = sweep;

let debug = false;

/**
 * With `true`, each new tensor records the line that created it, and an OutOfMemoryError names the lines
 * whose tensors hold the most live bytes. This makes creating tensors slow, so use it only for debugging.
 *
 * @throws OptionError unless `value` is a boolean.
 * @example
 * ```ts
 * import { setMemoryDebug, zeros } from "wasmgrad";
 * setMemoryDebug(true);
 * console.log(zeros([4]).shape); // an OutOfMemoryError would name this line
 * setMemoryDebug(false);
 * ```
 */
export function setMemoryDebug(value: boolean): void {
  debug = checkBoolean("setMemoryDebug", "value", value);
}

/** Records the place where a tensor is created, if setMemoryDebug(true) was called. */
export function noteOrigin(handle: Handle): void {
  if (!debug) return;
  origins.set(handle, new WasmgradError());
}

/**
 * The location of this library's code in stack traces; "" if modules have no address (Cloudflare Workers,
 * bundles that are not modules).
 */
const ownFolder = ((import.meta.url as string | undefined) ?? "")
  .replace(/tensor\/lifetime\/[^/]*$/, "")
  .replace(/[^/]*$/, "");

/** The first line of a stack trace outside this library. */
function userLine({ stack = "" }: Error): string {
  const lines = stack.split("\n").slice(1);
  const path = ownFolder.replace(/^file:\/\//, "");
  return (lines.find((line) => !line.includes(path)) ?? lines.at(-1) ?? "").trim();
}

exhaustion.explain = () => {
  const parts: string[] = [];
  if (gaveUp) parts.push(` The last ${MOST_VAIN} searches for garbage found next to none.`);
  const handles = [...unscoped];
  if (handles.length > 0) {
    const held = handles.reduce((sum, { block }) => sum + block.bytes, 0);
    parts.push(
      ` ${handles.length} live tensors of ${held} bytes belong to no scope (parameters and optimizer state included). JavaScript finds garbage among them ` +
        "only when the event loop runs: in a loop that does not await, use scope(), or await a timer now and then.",
    );
  }
  if (origins.size > 0) {
    const byLine = new Map<string, number>();
    for (const [handle, origin] of origins) {
      const line = userLine(origin);
      byLine.set(line, (byLine.get(line) ?? 0) + handle.block.bytes);
    }
    const most = [...byLine].sort((a, b) => b[1] - a[1]).slice(0, 3);
    parts.push(` Most live bytes were made ${most.map(([line, size]) => `${line} (${size} bytes)`).join(", ")}.`);
  } else if (!debug) parts.push(" setMemoryDebug(true) finds the lines that make them.");
  return parts.join("");
};
