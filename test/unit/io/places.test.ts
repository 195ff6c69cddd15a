/**
 * Files of a page: its own storage (imitated), handles, addresses with progress and a cache, file pickers.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { DataError, memory, nn, OptionError, optim, rand, tensor, WasmgradError } from "wasmgrad";
import {
  fetchFile,
  listStored,
  loadCheckpoint,
  loadSafetensors,
  pickFiles,
  readSafetensors,
  readStored,
  removeFetched,
  removeStored,
  saveCheckpoint,
  saveFile,
  saveSafetensors,
  writeSafetensors,
  writeSafetensorsBlob,
  writeStored,
} from "wasmgrad/io";
import { MemoryFile, type MemoryFolder, memoryNavigator } from "../../support/memory_storage.ts";

const weights = { bias: tensor([1, 2, 3]) };
const bytes = writeSafetensors(weights);

let folder: MemoryFolder;
beforeEach(() => {
  const storage = memoryNavigator();
  folder = storage.folder;
  vi.stubGlobal("navigator", storage.navigator);
});
afterEach(() => vi.unstubAllGlobals());

describe("a page's storage", () => {
  test("save, load, list, remove", async () => {
    await saveSafetensors("opfs:runs/a/first.safetensors", weights, { metadata: { note: "one" } });
    await saveSafetensors("opfs:second.safetensors", weights);
    const { tensors, metadata } = await loadSafetensors("opfs:/runs/a/first.safetensors");
    expect([tensors.bias.toArray(), metadata]).toEqual([[1, 2, 3], { note: "one" }]);
    expect(await listStored()).toEqual([
      { path: "opfs:runs/a/first.safetensors", size: expect.any(Number), lastModified: 0 },
      { path: "opfs:second.safetensors", size: bytes.length, lastModified: 0 },
    ]);
    expect((await listStored("opfs:runs")).map(({ path }) => path)).toEqual(["opfs:runs/a/first.safetensors"]);
    expect(await listStored("opfs:nothing")).toEqual([]);
    expect(await removeStored("opfs:runs")).toBe(true);
    expect(await removeStored("opfs:runs")).toBe(false);
    expect(await removeStored("opfs:runs/a")).toBe(false);
    expect((await listStored()).map(({ path }) => path)).toEqual(["opfs:second.safetensors"]);
  });

  test("files of any kind", async () => {
    await writeStored("opfs:a/text", new TextEncoder().encode("hello"));
    await writeStored("opfs:a/copy", await readStored("opfs:a/text"));
    expect(await (await readStored("opfs:a/copy")).text()).toBe("hello");
    await expect(readStored("opfs:a/none")).rejects.toThrow(/^readStored: opfs:a\/none: there is no such file/);
    await expect(writeStored("opfs:a/text", "hello" as never)).rejects.toThrow(OptionError);
    await expect(writeStored("a/text" as never, new Blob([]))).rejects.toThrow(OptionError);
  });

  test("the file has the elements of the time of the call", async () => {
    const x = tensor([1, 2]);
    const saved = saveSafetensors("opfs:x.safetensors", { x });
    x.fill_(7);
    await saved;
    expect((await loadSafetensors("opfs:x.safetensors")).tensors.x.toArray()).toEqual([1, 2]);
  });

  test("a write that fails leaves the old file, and says so", async () => {
    await saveSafetensors("opfs:x.safetensors", weights);
    const file = folder.entries.get("x.safetensors") as MemoryFile;
    file.failure = new Error("quota exceeded");
    await expect(saveSafetensors("opfs:x.safetensors", { other: tensor([9]) })).rejects.toThrow(
      "saveSafetensors: cannot write x.safetensors: quota exceeded; nothing was changed",
    );
    expect((await loadSafetensors("opfs:x.safetensors")).tensors.bias.toArray()).toEqual([1, 2, 3]);
  });

  test("a missing file, an empty file, and bad paths", async () => {
    await folder.getFileHandle("empty", { create: true });
    for (const path of ["opfs:none", "opfs:no/folder", "opfs:empty", "opfs:empty/inside"] as const) {
      await expect(loadSafetensors(path)).rejects.toThrow(DataError);
    }
    for (const path of ["opfs:", "opfs:../x", "opfs:."] as const) {
      await expect(loadSafetensors(path)).rejects.toThrow(OptionError);
      await expect(saveSafetensors(path, weights)).rejects.toThrow(OptionError);
    }
    await expect(listStored("runs" as never)).rejects.toThrow(OptionError);
  });

  test("a runtime without such storage says what to do", async () => {
    vi.stubGlobal("navigator", {});
    await expect(saveSafetensors("opfs:x", weights)).rejects.toThrow(/^saveSafetensors: "opfs:" is the storage of/);
    vi.stubGlobal("navigator", { storage: { getDirectory: () => Promise.reject(new Error("private")) } });
    await expect(listStored()).rejects.toThrow(/refuses storage to this page \(private\)/);
  });

  test("a checkpoint restores the parts, or changes nothing", async () => {
    const model = new nn.Linear(3, 2);
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
    const before = model.weight.toArray();
    await saveCheckpoint("opfs:run.safetensors", { model, optimizer, epoch: 3, step: 7, extra: { best: rand([2]) } });
    model.weight.fill_(0);
    const place = await loadCheckpoint("opfs:run.safetensors", { model, optimizer });
    expect([place.epoch, place.step, place.extra.best.shape]).toEqual([3, 7, [2]]);
    expect(model.weight.toArray()).toEqual(before);
    const blob = new File(
      [await (await (await folder.getFileHandle("run.safetensors")).getFile()).slice(0, -4).arrayBuffer()],
      "cut",
    );
    await expect(loadCheckpoint(blob, { model })).rejects.toThrow(/^cut: cannot be loaded as a checkpoint/);
    expect(model.weight.toArray()).toEqual(before);
  });
});

describe("handles and Blobs", () => {
  test("a handle is written and read", async () => {
    const handle = new MemoryFile("picked.safetensors");
    await saveSafetensors(handle, weights);
    expect((await loadSafetensors(handle)).tensors.bias.toArray()).toEqual([1, 2, 3]);
    handle.getFile = () => Promise.reject(new Error("gone"));
    await expect(loadSafetensors(handle)).rejects.toThrow("loadSafetensors: cannot read picked.safetensors: gone");
    const readOnly = Object.assign(new MemoryFile("old"), { createWritable: undefined });
    expect(() => saveSafetensors(readOnly as never, weights)).toThrow(OptionError);
  });

  test("a Blob is read, not written; nothing is left after an error", async () => {
    const blob = writeSafetensorsBlob(weights);
    expect((await loadSafetensors(blob, { names: ["bias"] })).tensors.bias.toArray()).toEqual([1, 2, 3]);
    expect(() => saveSafetensors(blob as never, weights)).toThrow(OptionError);
    const before = memory().liveTensors;
    await expect(loadSafetensors(blob, { names: ["weight"] })).rejects.toThrow(DataError);
    await expect(loadSafetensors(new File([bytes.slice(0, -4)], "cut.safetensors"))).rejects.toThrow(
      /^cut.safetensors: /,
    );
    await expect(loadSafetensors(blob, { name: "bias" } as never)).rejects.toThrow(OptionError);
    expect(memory().liveTensors).toBe(before);
  });
});

describe("addresses", () => {
  let server: Server;
  let base: string;
  let requests: string[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      requests.push(request.url as string);
      const type = "application/octet-stream";
      if (request.url === "/weights")
        response.writeHead(200, { "Content-Type": type, "Content-Length": bytes.length }).end(bytes);
      else if (request.url === "/chunked") response.writeHead(200, { "Content-Type": type }).end(bytes);
      else if (request.url === "/page")
        response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end("<p>");
      else if (request.url === "/cut") {
        response.writeHead(200, { "Content-Type": type, "Content-Length": 2 * bytes.length });
        response.write(bytes, () => response.destroy());
      } else if (request.url === "/slow") response.writeHead(200, { "Content-Type": type }).write(bytes);
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    requests = [];
  });

  test("progress, with and without a length", async () => {
    const seen: unknown[] = [];
    const onProgress = (progress: unknown) => void seen.push(progress);
    const { tensors } = await loadSafetensors(new URL(`${base}/weights`), { onProgress, names: ["bias"] });
    expect(tensors.bias.toArray()).toEqual([1, 2, 3]);
    expect(seen.at(-1)).toEqual({ loaded: bytes.length, total: bytes.length });
    await fetchFile(`${base}/chunked`, { onProgress });
    expect(seen.at(-1)).toEqual({ loaded: bytes.length, total: undefined });
  });

  test.each([
    ["/none", "expected status 200, got 404"],
    ["/page", "expected a file, got a page (text/html)"],
    ["/cut", "cannot be fetched"],
  ])("%s is a DataError", async (path, message) => {
    const error = await fetchFile(base + path).catch((caught) => caught);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain(message);
    expect(error.message).toContain(base + path);
  });

  test("a signal ends the request with its reason; an error of onProgress is passed on", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const onProgress = () => controller.abort(reason);
    await expect(fetchFile(`${base}/slow`, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    const thrown = new Error("mine");
    await expect(
      fetchFile(`${base}/weights`, {
        onProgress: () => {
          throw thrown;
        },
      }),
    ).rejects.toBe(thrown);
  });

  test("an address and options are checked before the request", async () => {
    await expect(fetchFile("weights.safetensors")).rejects.toThrow(OptionError);
    await expect(fetchFile(`${base}/weights`, { cache: "always" as never })).rejects.toThrow(OptionError);
    await expect(fetchFile(`${base}/weights`, { integrity: 1 as never })).rejects.toThrow(OptionError);
    await expect(loadSafetensors(new URL(`${base}/weights`), { onprogress: () => {} } as never)).rejects.toThrow(
      OptionError,
    );
    expect(requests).toEqual([]);
  });

  describe("with a cache", () => {
    const kept = new Map<string, Response>();
    const store = {
      match: async (key: string) => kept.get(key)?.clone(),
      put: async (key: string, response: Response) => void kept.set(key, response),
      keys: async () => [...kept.keys()].map((url) => ({ url })),
      delete: async ({ url }: { url: string }) => kept.delete(url),
    };
    beforeEach(() => {
      kept.clear();
      vi.stubGlobal("caches", { open: async () => store });
    });

    test("a file is fetched once, unless it is to be refreshed or not kept", async () => {
      const url = `${base}/weights`;
      const sizes: number[] = [];
      for (const cache of ["off", "use", "use", "refresh", "use"] as const) {
        sizes.push((await fetchFile(url, { cache })).size);
      }
      expect(sizes).toEqual(sizes.map(() => bytes.length));
      expect(requests).toHaveLength(3);
      const seen: unknown[] = [];
      await fetchFile(url, { onProgress: (progress) => void seen.push(progress) });
      expect(seen).toEqual([{ loaded: bytes.length, total: bytes.length }]);
      expect(await removeFetched(url)).toBe(true);
      expect(await removeFetched(url)).toBe(false);
    });

    test("a file with a hash is kept under its hash", async () => {
      const url = `${base}/weights`;
      const hash = async (of: Uint8Array<ArrayBuffer>) =>
        Buffer.from(await crypto.subtle.digest("SHA-256", of)).toString("base64");
      const integrity = `sha256-${await hash(bytes)}`;
      await fetchFile(url, { integrity });
      await fetchFile(url, { integrity });
      expect(requests).toHaveLength(1);
      await expect(fetchFile(url, { integrity: `sha256-${await hash(bytes.slice(1))}` })).rejects.toThrow(DataError);
      expect(kept.size).toBe(1);
      expect(await removeFetched(url)).toBe(true);
      expect(kept.size).toBe(0);
    });

    test("a damaged download is not kept; a cache that refuses costs nothing", async () => {
      await expect(fetchFile(`${base}/cut`)).rejects.toThrow(DataError);
      expect(kept.size).toBe(0);
      vi.stubGlobal("caches", { open: () => Promise.reject(new Error("private window")) });
      expect((await fetchFile(`${base}/weights`)).size).toBe(bytes.length);
      const full = { ...store, put: () => Promise.reject(new Error("quota")) };
      vi.stubGlobal("caches", { open: async () => full });
      expect((await fetchFile(`${base}/weights`)).size).toBe(bytes.length);
    });
  });
});

describe("file pickers", () => {
  test("outside a page they say so", async () => {
    await expect(pickFiles()).rejects.toThrow(WasmgradError);
    await expect(saveFile(bytes, "x")).rejects.toThrow(/a worker sends the Blob to its page first/);
    await expect(saveFile(bytes, "")).rejects.toThrow(OptionError);
    await expect(saveFile("text" as never, "x")).rejects.toThrow(OptionError);
    await expect(pickFiles({ extensions: ["png"] })).rejects.toThrow(OptionError);
  });

  test("a picker, or an input and a download", async () => {
    const clicked: { type?: string; download?: string; files?: File[]; onchange?(): void; oncancel?(): void }[] = [];
    let choose = (input: (typeof clicked)[0]) => input.onchange?.();
    const createElement = () => ({
      files: [new File([bytes], "a.safetensors")],
      click() {
        clicked.push(this);
        if ((this as { type?: string }).type === "file") choose(this);
      },
    });
    vi.stubGlobal("document", { createElement });
    const [file] = await pickFiles({ extensions: [".safetensors"] });
    expect(readSafetensors(await file.arrayBuffer()).tensors.bias.toArray()).toEqual([1, 2, 3]);
    choose = (input) => input.oncancel?.();
    expect(await pickFiles()).toEqual([]);
    expect(await saveFile(bytes, "weights.safetensors")).toBe(true);
    expect(clicked.at(-1)?.download).toBe("weights.safetensors");

    const handle = new MemoryFile("chosen");
    const abort = Object.assign(new Error("cancelled"), { name: "AbortError" });
    vi.stubGlobal("showOpenFilePicker", async () => [handle]);
    vi.stubGlobal("showSaveFilePicker", async () => handle);
    expect(await saveFile(writeSafetensorsBlob(weights), "x")).toBe(true);
    expect((await pickFiles()).map(({ name, size }) => [name, size])).toEqual([["chosen", bytes.length]]);
    vi.stubGlobal("showOpenFilePicker", () => Promise.reject(abort));
    vi.stubGlobal("showSaveFilePicker", () => Promise.reject(abort));
    expect([await pickFiles(), await saveFile(bytes, "x")]).toEqual([[], false]);
  });
});

describe("a page has no files", () => {
  test("a path says what to write", () => {
    vi.stubGlobal("process", { ...process, getBuiltinModule: () => undefined });
    expect(() => saveSafetensors("./run/a.safetensors", weights)).toThrow(
      'saveSafetensors: a page has no files, got the path "./run/a.safetensors"; await saveSafetensors("opfs:run/a.safetensors", ...) uses a file that',
    );
    expect(() => loadSafetensors("a.safetensors")).toThrow(
      'await loadSafetensors(new URL("a.safetensors", location.href), ...) fetches it, await loadSafetensors("opfs:a.',
    );
    expect(() => saveCheckpoint("a.safetensors", {})).toThrow(OptionError);
    expect(() => loadCheckpoint("a.safetensors", {})).toThrow(OptionError);
  });
});
