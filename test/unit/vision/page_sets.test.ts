/**
 * Data sets where a page finds them: at an address, in its own storage (imitated), in folders and lists of
 * files.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { DataError, memory, OptionError, scope, WasmgradError } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { saveSafetensors } from "wasmgrad/io";
import {
  type CIFAR10,
  encodePNG,
  FashionMNIST,
  ImageFolder,
  MNIST,
  Picture,
  readImage,
  transforms,
} from "wasmgrad/vision";
import { loadCifar10 } from "../../../src/vision/datasets/cifar10/cifar10.ts";
import { CIFAR10_SOURCE } from "../../../src/vision/datasets/cifar10/package_download.ts";
import { openSetFolder } from "../../../src/vision/datasets/set_folder.ts";
import { readTar, type TarEntry } from "../../../src/vision/datasets/tar.ts";
import { type MemoryFile, type MemoryFolder, memoryNavigator } from "../../support/memory_storage.ts";
import { testRandom } from "../../support/random.ts";

const random = testRandom(11);
const bytes = (count: number, below = 256) => Uint8Array.from({ length: count }, () => random() * below);

function tarOf(files: Record<string, Uint8Array>, header: object = {}): Buffer {
  const parts = Object.entries(files).flatMap(([path, content]) => {
    const block = Buffer.alloc(512);
    new Header({ path, size: content.length, type: "File", mode: 0o644, ...header }).encode(block);
    return [block, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

let storage: MemoryFolder;
beforeEach(() => {
  const made = memoryNavigator();
  storage = made.folder;
  vi.stubGlobal("navigator", made.navigator);
});
afterEach(() => vi.unstubAllGlobals());

/** As in a page: no modules of Node. */
const withoutNode = () => vi.stubGlobal("process", { ...process, getBuiltinModule: () => undefined });

async function put(path: string, content: Uint8Array): Promise<void> {
  const parts = path.split("/");
  const name = parts.pop() as string;
  let folder = storage;
  for (const part of parts) folder = await folder.getDirectoryHandle(part, { create: true });
  const file = (await folder.getFileHandle(name, { create: true })) as MemoryFile;
  file.content = new Blob([content as Uint8Array<ArrayBuffer>]);
}

let server: Server;
let base: string;
const served = new Map<string, Uint8Array>();
const requests: string[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request.url as string);
    const body = served.get(request.url as string);
    // as servers of development answer: a page for every unknown address
    if (body) response.writeHead(200, { "Content-Type": "application/octet-stream" }).end(body);
    else if (request.url?.startsWith("/pages/")) response.writeHead(200, { "Content-Type": "text/html" }).end("<p>");
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());
beforeEach(() => {
  served.clear();
  requests.length = 0;
});

describe("MNIST", () => {
  const pixels = bytes(3 * 4);
  const labels = bytes(3, 10);
  const idx = (shape: number[], content: Uint8Array) =>
    Buffer.concat([Buffer.from([0, 0, 8, shape.length]), ...shape.map((n) => Buffer.from([0, 0, 0, n])), content]);
  const images = idx([3, 2, 2], pixels);
  const classes = idx([3], labels);

  const expectSet = (set: MNIST) => {
    expect([...set.targets]).toEqual([...labels]);
    scope(() => expect(Array.from(set.batch([0, 1, 2])[0].data(), (v) => Math.round(255 * v))).toEqual([...pixels]));
    set.release();
  };

  test.each(["", "pages/"])("from an address: %s", async (folder) => {
    served.set(`/${folder}set/train-images-idx3-ubyte`, images);
    served.set(`/${folder}set/train-labels-idx1-ubyte`, classes);
    expectSet(await MNIST.load({ root: new URL(`${base}/${folder}set`) }));
    expectSet(await MNIST.load({ root: `${base}/${folder}set/` }));
    await expect(MNIST.load({ root: `${base}/${folder}set`, train: false })).rejects.toThrow(DataError);
  });

  test("compressed files from the page's storage, and from a folder that the visitor has chosen", async () => {
    withoutNode(); // a page cannot compute the MD5 of these files, which are not the real ones
    await put("sets/FashionMNIST/raw/t10k-images-idx3-ubyte.gz", gzipSync(images));
    await put("sets/FashionMNIST/raw/t10k-labels-idx1-ubyte.gz", gzipSync(classes));
    expectSet(await FashionMNIST.load({ root: "opfs:sets", train: false }));
    const handle = await (await storage.getDirectoryHandle("sets")).getDirectoryHandle("FashionMNIST");
    expectSet(await FashionMNIST.load({ root: await handle.getDirectoryHandle("raw"), train: false }));
    await put("sets/FashionMNIST/raw/t10k-labels-idx1-ubyte.gz", gzipSync(classes).subarray(0, -9));
    await expect(FashionMNIST.load({ root: "opfs:sets", train: false })).rejects.toThrow(/not a complete gzip file/);
  });

  test("is fetched once and stored", async () => {
    withoutNode();
    served.set("/copy/train-images-idx3-ubyte.gz", gzipSync(images));
    served.set("/copy/train-labels-idx1-ubyte.gz", gzipSync(classes));
    const options = { root: "opfs:sets", download: true, url: `${base}/copy` };
    expectSet(await MNIST.load(options));
    expectSet(await MNIST.load(options));
    expect(requests).toHaveLength(2);
  });
});

describe("CIFAR-10", () => {
  const record = () => Buffer.concat([bytes(1, 10), bytes(3072)]);
  const batches = Object.fromEntries(
    ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"].map((name) => [
      `cifar-10-batches-bin/${name}.bin`,
      Buffer.concat([record(), record()]),
    ]),
  );
  const archive = gzipSync(tarOf({ "cifar-10-batches-bin/readme.html": bytes(700), ...batches }));
  const source = { ...CIFAR10_SOURCE, imagesPerBatch: 2 };
  const train = Object.values(batches).slice(0, 5);

  const expectTrain = (set: CIFAR10) => {
    expect([...set.targets]).toEqual(train.flatMap((batch) => [batch[0], batch[3073]]));
    const [image] = scope(() => set.get(3));
    expect(Array.from(image.data(), (v) => Math.round(255 * v))).toEqual([...train[1].subarray(3074)]);
    set.release();
  };

  test("batches at an address, and the archive", async () => {
    withoutNode();
    for (const [path, content] of Object.entries(batches)) served.set(`/set/${path}`, content);
    expectTrain(await loadCifar10({ root: `${base}/set` }, source));
    served.set("/other/cifar-10-binary.tar.gz", archive);
    expectTrain(await loadCifar10({ root: `${base}/other` }, source));
  });

  test("the archive is fetched once and stored; a damaged one is refused", async () => {
    withoutNode();
    const options = { root: "opfs:data" as const, download: true, url: `${base}/copy.tar.gz` };
    await expect(loadCifar10(options, source)).rejects.toThrow(/put a copy on the server of this page.*got 404/);
    served.set("/copy.tar.gz", archive);
    expectTrain(await loadCifar10(options, source));
    expectTrain(await loadCifar10({ root: "opfs:data" }, source));
    expect(requests).toHaveLength(2);
    await put("data/cifar-10-binary.tar.gz", archive.subarray(0, 5000));
    const before = memory().liveBytes;
    await expect(loadCifar10({ root: "opfs:data" }, source)).rejects.toThrow(/not a complete tar archive/);
    expect(memory().liveBytes).toBe(before);
  });

  test("what is missing, and bad roots", async () => {
    await expect(loadCifar10({ root: "opfs:data" }, source)).rejects.toThrow(/no training images under opfs:data/);
    for (const root of ["", 3, null, { kind: "directory" }]) {
      await expect(loadCifar10({ root: root as never }, source)).rejects.toThrow(OptionError);
    }
    const folder = openSetFolder("test", "opfs:data");
    expect(await folder.find("no/such/file")).toBe(undefined);
  });
});

describe("a tar archive", () => {
  const read = async (archive: Buffer, want: (entry: TarEntry) => boolean = () => true) => {
    const found: [string, number[]][] = [];
    const pieces = new Blob([new Uint8Array(archive)]).stream() as ReadableStream<Uint8Array<ArrayBuffer>>;
    await readTar(pieces, want, ({ path }, content) => void found.push([path, [...content]]));
    return found;
  };
  const files = { "a/empty": bytes(0), "a/one": bytes(1), "a/block": bytes(512), "b/more": bytes(1300) };

  test("files of all lengths, long paths, entries that are skipped", async () => {
    const expected = Object.entries(files).map(([path, content]) => [path, [...content]]);
    expect(await read(gzipSync(tarOf(files)))).toEqual(expected);
    expect(await read(gzipSync(tarOf(files)), ({ path }) => path.startsWith("b/"))).toEqual(expected.slice(3));
    expect(await read(tarOf(files))).toEqual(expected); // as a server sends it by Content-Encoding: gzip
    const long = `${"folder/".repeat(20)}name`;
    expect(await read(gzipSync(tarOf({ [long]: bytes(3) })), ({ isFile }) => isFile)).toMatchObject([[long, {}]]);
    expect(await read(gzipSync(tarOf({ link: bytes(0) }, { type: "SymbolicLink" })), ({ isFile }) => isFile)).toEqual(
      [],
    );
  });

  test("a damaged archive is a DataError; an error of the caller is passed on", async () => {
    const whole = gzipSync(tarOf(files));
    const damaged = tarOf(files);
    damaged[3] ^= 1;
    await expect(read(whole.subarray(0, -20))).rejects.toThrow(DataError);
    await expect(read(gzipSync(damaged))).rejects.toThrow("the checksum of a header is wrong");
    await expect(read(gzipSync(tarOf(files).subarray(0, 1200)))).rejects.toThrow("it ends early");
    await expect(read(Buffer.from("not gzip"))).rejects.toThrow("it ends early");
    await expect(read(Buffer.alloc(0))).rejects.toThrow("it ends early");
    const mine = new Error("mine");
    await expect(
      read(whole, () => {
        throw mine;
      }),
    ).rejects.toBe(mine);
  });
});

describe("ImageFolder", () => {
  const png = (gray: number, width = 4) => encodePNG(new Picture(width, 3, [gray, gray, gray]));
  const pictures: Record<string, Uint8Array> = {
    "dogs/b.png": png(51),
    "cats/z.png": png(102),
    "cats/a/1.png": png(153),
    "cats/notes.txt": bytes(3),
  };

  test.each(["opfs:", "a handle", "a list of files"])("%s", async (kind) => {
    for (const [path, content] of Object.entries(pictures)) await put(`pets/${path}`, content);
    const list = Object.entries(pictures).map(([path, content]) =>
      Object.assign(new File([content as never], path), { webkitRelativePath: `pets/${path}` }),
    );
    const root = {
      "opfs:": "opfs:pets" as const,
      "a handle": await storage.getDirectoryHandle("pets"),
      "a list of files": list,
    }[kind]!;
    const set = await ImageFolder.load(root as "opfs:", { transform: transforms.resize([2, 2]) });
    expect(set.classes).toEqual(["cats", "dogs"]);
    expect(set.samples).toEqual([
      ["cats/z.png", 0],
      ["cats/a/1.png", 0],
      ["dogs/b.png", 1],
    ]);
    const seen: unknown[] = [];
    for await (const [images, labels] of new DataLoader(set, { batchSize: 2 })) {
      seen.push([images.shape, images.mean().item().toFixed(3), labels.toArray()]);
    }
    expect(seen).toEqual([
      [[2, 3, 2, 2], "0.500", [0, 0]],
      [[1, 3, 2, 2], "0.200", [1]],
    ]);
    await expect(set.get(3)).rejects.toThrow(OptionError);
  });

  test("errors", async () => {
    await expect(ImageFolder.load("opfs:none")).rejects.toThrow("ImageFolder.load: opfs:none: there is no such folder");
    await put("flat/a.png", png(1));
    await expect(ImageFolder.load("opfs:flat")).rejects.toThrow("expected one folder for each class");
    await put("empty/cats/a.txt", bytes(2));
    await expect(ImageFolder.load("opfs:empty")).rejects.toThrow("of the class cats, found none");
    await put("other/cats/a.gif", bytes(2));
    await expect(ImageFolder.load("opfs:other")).rejects.toThrow("convert it, or leave it out");
    await put("damaged/cats/a.png", png(1).subarray(0, 50));
    const set = await ImageFolder.load("opfs:damaged");
    await expect(set.get(0)).rejects.toThrow(/^cats\/a.png: not a complete PNG file/);
    await expect(ImageFolder.load([new File([], "a.png")])).rejects.toThrow(OptionError);
    withoutNode();
    await expect(ImageFolder.load("./pictures")).rejects.toThrow('a page has no folder "./pictures"');
  });
});

test("readImage of an address, a File, a stored file; in a page a text is an address", async () => {
  const png = encodePNG(new Picture(4, 2, [9, 8, 7]));
  served.set("/a.png", png);
  await put("a.png", png);
  const places = [new URL(`${base}/a.png`), `${base}/a.png`, new File([png as never], "a.png"), "opfs:a.png"] as const;
  for (const place of places) expect((await readImage(place)).shape).toEqual([3, 2, 4]);
  await expect(readImage(`${base}/b.png`)).rejects.toThrow(/readImage: http.*got 404/);
  withoutNode();
  vi.stubGlobal("location", { href: `${base}/index.html` });
  expect((await readImage("a.png")).shape).toEqual([3, 2, 4]);
});

test("errors say what a runtime without storage needs", async () => {
  vi.stubGlobal("navigator", undefined);
  await expect(MNIST.load({ root: "opfs:sets" })).rejects.toThrow(WasmgradError);
  await expect(saveSafetensors("opfs:x", {})).rejects.toThrow(WasmgradError);
});
