/** A model in several files with an index: paths, addresses, a page's storage. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { DataError, memory, OptionError, scope, tensor } from "wasmgrad";
import { loadSafetensors, type SafetensorsFile, saveSafetensors, writeStored } from "wasmgrad/io";
import { memoryNavigator } from "../../support/memory_storage.ts";

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-sharded-"));
const path = (name: string) => join(folder, name);
const INDEX = "model.safetensors.index.json";
const map = { a: "model-1.safetensors", b: "model-2.safetensors", c: "model-1.safetensors" };
const requested: string[] = [];
let server: Server;
let address: string;

function writeIndex(name: string, index: unknown): string {
  writeFileSync(path(name), typeof index === "string" ? index : JSON.stringify(index));
  return path(name);
}

beforeAll(async () => {
  saveSafetensors(path("model-1.safetensors"), { a: tensor([1]), c: tensor([3, 3]) }, { metadata: { format: "pt" } });
  saveSafetensors(path("model-2.safetensors"), { b: tensor([[2, 2]]) });
  writeIndex(INDEX, { metadata: { total_size: 20 }, weight_map: map });
  server = createServer((request, response) => {
    const name = basename(new URL(request.url as string, "http://a").pathname);
    requested.push(name);
    try {
      response.end(readFileSync(path(name)));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});

afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const all = { a: [1], b: [[2, 2]], c: [3, 3] };
const contents = ({ tensors }: SafetensorsFile) =>
  Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, value.toArray()]));

describe("an index", () => {
  test("by its path", () => {
    const file = loadSafetensors(path(INDEX));
    expect(contents(file)).toEqual(all);
    expect(file.metadata).toEqual({ format: "pt" });
  });

  test("with names, opens the files that hold them", () => {
    const only = writeIndex("only.json", { weight_map: { ...map, d: "model-3.safetensors" } });
    expect(contents(loadSafetensors(only, { names: ["c"] }))).toEqual({ c: [3, 3] });
    expect(() => loadSafetensors(only)).toThrow(DataError); // there is no third file
  });

  test("by its address", async () => {
    requested.length = 0;
    const cache = { cache: "off" } as const;
    expect(
      contents((await loadSafetensors(`${address}${INDEX}?v=2` as "http://", { ...cache, names: ["b"] })) as never),
    ).toEqual({
      b: [[2, 2]],
    });
    expect(requested).toEqual([INDEX, "model-2.safetensors"]);
    expect(contents(await loadSafetensors(new URL(INDEX, address), cache))).toEqual(all);
  });

  test("in a page's storage", async () => {
    vi.stubGlobal("navigator", memoryNavigator().navigator);
    for (const name of [INDEX, ...new Set(Object.values(map))]) {
      await writeStored(`opfs:large/${name}`, readFileSync(path(name)));
    }
    expect(contents(await loadSafetensors(`opfs:large/${INDEX}`))).toEqual(all);
    vi.unstubAllGlobals();
  });

  test.each([
    ["{", "is not valid JSON"],
    ["[]", 'expected an object "weight_map"'],
    [{ weight_map: { a: "../model-1.safetensors" } }, "the name of a .safetensors file in its folder"],
    [{ weight_map: { a: "/etc/passwd" } }, "the name of a .safetensors file in its folder"],
    [{ weight_map: { a: 3 } }, 'says that "a" is in 3'],
    [{ weight_map: { x: "model-1.safetensors" } }, "without x"],
    [{ weight_map: { ...map, b: "gone.safetensors" } }, "gone.safetensors"],
  ])("a wrong one leaves no tensors: %j", (index, message) => {
    const place = writeIndex("wrong.json", index);
    const before = memory().liveTensors;
    expect(() => scope(() => loadSafetensors(place))).toThrow(message);
    expect(() => loadSafetensors(place)).toThrow(DataError);
    expect(memory().liveTensors).toBe(before);
  });

  test("of names that it lacks, or without neighbours", async () => {
    expect(() => loadSafetensors(path(INDEX), { names: ["a", "z"] })).toThrow("without z");
    const blob = Object.assign(new Blob([readFileSync(path(INDEX))]), { name: INDEX });
    await expect(loadSafetensors(blob)).rejects.toThrow(OptionError);
    const missing = { weight_map: { ...map, b: "gone.safetensors" } };
    writeIndex("missing.json", missing);
    const before = memory().liveTensors;
    await expect(loadSafetensors(new URL("missing.json", address), { cache: "off" })).rejects.toThrow(DataError);
    expect(memory().liveTensors).toBe(before);
  });
});
