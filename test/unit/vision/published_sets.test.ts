/** MNIST, FashionMNIST, CIFAR100 and STL10 from small files, made here, and from a local server. */
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { create } from "tar";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DataError, memory, OptionError, scope } from "wasmgrad";
import { CIFAR100, FashionMNIST, type ImageDataset, MNIST, STL10 } from "wasmgrad/vision";
import { type Cifar100Source, loadCifar100 } from "../../../src/vision/datasets/cifar100.ts";
import { loadMnist, type MnistSource } from "../../../src/vision/datasets/mnist.ts";
import { loadStl10, type Stl10Source } from "../../../src/vision/datasets/stl10.ts";
import { testRandom } from "../../support/random.ts";

const random = testRandom(8);
const bytes = (count: number, below = 256) => Uint8Array.from({ length: count }, () => Math.floor(random() * below));
const md5 = (content: Uint8Array) => createHash("md5").update(content).digest("hex");

let root: string;
let server: Server | undefined;
let before: number;
beforeEach(() => {
  before = memory().liveBytes;
  root = mkdtempSync(join(tmpdir(), "sets-"));
  vi.spyOn(console, "error").mockImplementation(() => {});
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
  server?.closeAllConnections();
  server?.close();
  server = undefined;
  expect(memory().liveBytes, "bytes left in memory").toBe(before);
});

function put(path: string, content: Uint8Array | string): void {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), content);
}

async function serve(handler: RequestListener): Promise<string> {
  server = createServer(handler);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function expectDataError(run: () => Promise<unknown>, ...parts: string[]): Promise<void> {
  const error = await run().then(
    () => null,
    (e: Error) => e,
  );
  expect(error).toBeInstanceOf(DataError);
  for (const part of parts) expect((error as Error).message).toContain(part);
}

/** Compares images with bytes, and releases the set. */
function expectImages(set: ImageDataset, shape: number[], pixels: Uint8Array, labels: number[]): void {
  scope(() => {
    const [images, targets] = set.batch([...labels.keys()]);
    expect(images.shape).toEqual([labels.length, ...shape]);
    expect(Array.from(images.data(), (v) => Math.round(v * 255))).toEqual([...pixels]);
    expect(targets.toArray()).toEqual(labels);
  });
  set.release();
}

/** An IDX file: two zeros, type 8, the rank, the sizes, the elements. */
const idx = (shape: number[], content: Uint8Array) =>
  Buffer.concat([
    Buffer.from([0, 0, 8, shape.length]),
    ...shape.map((n) => Buffer.from([0, 0, n >> 8, n & 255])),
    content,
  ]);

describe("MNIST", () => {
  const [trainPixels, testPixels] = [bytes(5 * 28 * 28), bytes(300 * 6)];
  const [trainLabels, testLabels] = [bytes(5, 10), bytes(300, 10)];
  const files: Record<string, Uint8Array> = {
    "train-images-idx3-ubyte": idx([5, 28, 28], trainPixels),
    "train-labels-idx1-ubyte": idx([5], trainLabels),
    "t10k-images-idx3-ubyte": idx([300, 2, 3], testPixels),
    "t10k-labels-idx1-ubyte": idx([300], testLabels),
  };
  const packed = Object.fromEntries(Object.entries(files).map(([name, file]) => [`${name}.gz`, gzipSync(file)]));
  const source: MnistSource = {
    name: "MNIST",
    md5: Object.values(packed).map(md5) as unknown as MnistSource["md5"],
    addresses: ["http://127.0.0.1:9/"],
    classes: Array.from({ length: 10 }, (_, i) => `${i}`),
  };
  const load = (options: object = {}, from = source) => loadMnist(MNIST, { root, ...options }, from);

  test.each(["MNIST/raw/", ""])("plain files and compressed files in root/%s", async (folder) => {
    for (const name of Object.keys(files)) put(`${folder}${name}`, files[name]);
    expectImages(await load(), [1, 28, 28], trainPixels, [...trainLabels]);
    expectImages(await load({ train: false }), [1, 2, 3], testPixels, [...testLabels]);
    for (const name of Object.keys(files)) {
      rmSync(join(root, folder, name));
      put(`${folder}${name}.gz`, packed[`${name}.gz`]);
    }
    expectImages(await load(), [1, 28, 28], trainPixels, [...trainLabels]);
    expectImages(await load({ train: false }), [1, 2, 3], testPixels, [...testLabels]);
  });

  test("the public classes: torchvision's names, options, and what is missing", async () => {
    await expectDataError(
      () => MNIST.load({ root }),
      `MNIST.load: no training images under ${root}: expected train-images-idx3-ubyte and`,
      "download: true",
    );
    await expectDataError(() => FashionMNIST.load({ root, train: false }), "FashionMNIST.load: no test images", "t10k");
    for (const name of Object.keys(files)) put(name, files[name]);
    const set = await FashionMNIST.load({ root });
    expect(set).toBeInstanceOf(FashionMNIST);
    expect([set.classes[0], set.classes[9]]).toEqual(["T-shirt/top", "Ankle boot"]);
    set.release();
    const digits = await MNIST.load({ root, transform: (x) => x.mul(2) });
    expect(digits.classes[7]).toBe("7 - seven");
    expect(scope(() => digits.get(0)[0].data()[3])).toBeCloseTo((2 * trainPixels[3]) / 255, 5);
    digits.release();
  });

  test("a file of another set is refused by its MD5", async () => {
    put("train-images-idx3-ubyte.gz", packed["train-images-idx3-ubyte.gz"]);
    put("train-labels-idx1-ubyte.gz", gzipSync("something else"));
    await expectDataError(() => load(), "train-labels-idx1-ubyte.gz: expected MD5", "delete it");
  });

  const damaged: [string, string, Uint8Array, string][] = [
    [
      "wrong magic number",
      "train-images-idx3-ubyte",
      idx([5], trainPixels),
      "expected an IDX file with magic number 2051",
    ],
    ["images as labels", "train-labels-idx1-ubyte", files["train-images-idx3-ubyte"], "magic number 2049"],
    ["a short header", "train-images-idx3-ubyte", Buffer.from([0, 0, 8]), "got 3 bytes"],
    [
      "a truncated file",
      "train-images-idx3-ubyte",
      files["train-images-idx3-ubyte"].subarray(0, 2000),
      "expected 3920 bytes for [5,28,28], got 1984",
    ],
    [
      "more bytes",
      "train-labels-idx1-ubyte",
      Buffer.concat([files["train-labels-idx1-ubyte"], Buffer.from([1])]),
      "got 6",
    ],
    [
      "fewer labels",
      "train-labels-idx1-ubyte",
      idx([4], trainLabels.subarray(1)),
      "expected 5 labels, one per image, got 4",
    ],
    ["a label of 10", "train-labels-idx1-ubyte", idx([5], Uint8Array.of(1, 2, 10, 3, 4)), "label 10 of image 2"],
    ["no pixels", "train-images-idx3-ubyte", idx([5, 0, 28], new Uint8Array()), "expected images with pixels"],
  ];
  test.each(damaged)("%s", async (_what, name, content, message) => {
    for (const other of Object.keys(files)) put(other, files[other]);
    put(name, content);
    await expectDataError(() => load(), message);
  });

  test("compressed data that ends early", async () => {
    const cut = packed["train-images-idx3-ubyte.gz"].subarray(0, 1000);
    put("train-images-idx3-ubyte.gz", cut);
    put("train-labels-idx1-ubyte.gz", packed["train-labels-idx1-ubyte.gz"]);
    const from = { ...source, md5: [md5(cut), ...source.md5.slice(1)] as unknown as MnistSource["md5"] };
    await expectDataError(() => load({}, from), "not a complete gzip file");
  });

  test("download: the two files of a part, once; the first address that answers", async () => {
    const asked: string[] = [];
    const address = await serve((request, response) => {
      asked.push(request.url ?? "");
      response.end(packed[(request.url ?? "").slice("/copy/".length)]);
    });
    const from = { ...source, addresses: ["http://127.0.0.1:9/", `${address}copy/`] };
    for (const _ of [1, 2])
      expectImages(await load({ download: true }, from), [1, 28, 28], trainPixels, [...trainLabels]);
    expect(asked).toEqual(["/copy/train-images-idx3-ubyte.gz", "/copy/train-labels-idx1-ubyte.gz"]);
    expect(readdirSync(join(root, "MNIST", "raw")).sort()).toEqual([
      "train-images-idx3-ubyte.gz",
      "train-labels-idx1-ubyte.gz",
    ]);
    rmSync(join(root, "MNIST", "raw", "train-labels-idx1-ubyte.gz"));
    const set = await load({ download: true, url: `${address}copy` });
    expect(asked.length).toBe(3);
    set.release();
  });

  test.each<[string, RequestListener | null, string]>([
    ["no network", null, "ECONNREFUSED"],
    ["not found", (_request, response) => response.writeHead(404).end(), "got 404 Not Found"],
    ["another file", (_request, response) => response.end("hello"), "expected MD5"],
    [
      "a connection that breaks off",
      (_request, response) => {
        response.setHeader("content-length", 5000);
        response.write(Buffer.alloc(100), () => setTimeout(() => response.destroy(), 20));
      },
      "terminated",
    ],
  ])("download: %s leaves no files", async (_what, handler, message) => {
    const url = await serve(handler ?? (() => {}));
    if (!handler) await new Promise((resolve) => server?.close(resolve));
    await expectDataError(
      () => load({ download: true, url }),
      "MNIST.load: train-images-idx3-ubyte.gz could not be downloaded to",
      url,
      message,
    );
    expect(readdirSync(join(root, "MNIST", "raw"))).toEqual([]);
  });

  test.each<[string, object]>([
    ["no root", { root: "" }],
    ["train that is no boolean", { train: "test" }],
    ["download that is no boolean", { download: 1 }],
    ["an address that is none", { url: "example" }],
    ["an unknown option", { split: "test" }],
  ])("%s is an OptionError", async (_what, options) => {
    await expect(MNIST.load({ root, ...options })).rejects.toThrow(OptionError);
  });
});

/** A tar archive of files in a folder, and its MD5. */
async function archiveOf(folder: string, files: Record<string, Uint8Array | string>) {
  const place = mkdtempSync(join(tmpdir(), "archive-"));
  mkdirSync(join(place, folder));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(place, folder, name), content);
  const file = join(place, "archive.tar.gz");
  await create({ file, cwd: place, gzip: true }, [folder]);
  const content = readFileSync(file);
  rmSync(place, { recursive: true });
  return { content, md5: md5(content) };
}

describe("CIFAR100", () => {
  const counts = [6, 4] as const;
  const pixels = counts.map((count) => Array.from({ length: count }, () => bytes(3072)));
  const fine = counts.map((count) => bytes(count, 5));
  const coarse = fine.map((labels) => labels.map((label) => label % 2));
  const records = counts.map((_, part) =>
    Buffer.concat(pixels[part].flatMap((image, i) => [Buffer.from([coarse[part][i], fine[part][i]]), image])),
  );
  const names = {
    "fine_label_names.txt": "apple\nbaby\nbear\nbed\nbee\n\n",
    "coarse_label_names.txt": "fish\r\nflowers\r\n",
  };
  const files = { "train.bin": records[0], "test.bin": records[1], ...names };
  let source: Cifar100Source;
  let content: Buffer;
  beforeEach(async () => {
    const archive = await archiveOf("cifar-100-binary", files);
    content = archive.content;
    source = { folder: "cifar-100-binary", md5: archive.md5, address: "http://127.0.0.1:9/", counts };
  });
  const load = (options: object = {}) => loadCifar100({ root, ...options }, source);
  const check = async (options: object = {}) => {
    expectImages(await load(options), [3, 32, 32], Buffer.concat(pixels[0]), [...fine[0]]);
    expectImages(await load({ train: false, ...options }), [3, 32, 32], Buffer.concat(pixels[1]), [...fine[1]]);
    const set = await load({ labels: "coarse", ...options });
    expect(set.classes).toEqual(["fish", "flowers"]);
    expectImages(set, [3, 32, 32], Buffer.concat(pixels[0]), [...coarse[0]]);
  };

  test("the folder, and the archive", async () => {
    for (const [name, file] of Object.entries(files)) put(`cifar-100-binary/${name}`, file);
    await check();
    rmSync(join(root, "cifar-100-binary"), { recursive: true });
    put("cifar-100-binary.tar.gz", content);
    await check();
  });

  test("download, once", async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      requests++;
      response.end(content);
    });
    await check({ download: true, url });
    expect(requests).toBe(1);
    expect(readdirSync(root)).toEqual(["cifar-100-binary.tar.gz"]);
  });

  test("errors", async () => {
    await expectDataError(
      () => CIFAR100.load({ root }),
      "CIFAR100.load: no images under",
      "cifar-100-binary/train.bin",
    );
    await expectDataError(() => load({ download: true }), "cifar-100-binary.tar.gz could not be downloaded");
    await expect(load({ labels: "both" })).rejects.toThrow(OptionError);
    put("cifar-100-binary.tar.gz", content.subarray(0, 4000));
    await expectDataError(() => load(), "cifar-100-binary.tar.gz: expected MD5");
    put("train.bin", records[0].subarray(1));
    put("fine_label_names.txt", names["fine_label_names.txt"]);
    await expectDataError(() => load(), `train.bin: expected ${6 * 3074} bytes, got ${6 * 3074 - 1}`);
    put("train.bin", records[0]);
    put("fine_label_names.txt", "apple\n");
    const wrong = fine[0].findIndex((label) => label > 0);
    await expectDataError(() => load(), `expected 6 labels in [0, 0], got label ${fine[0][wrong]} of image ${wrong}`);
  });
});

describe("STL10", () => {
  test("columns become rows, labels begin at 0", async () => {
    const [height, width, count] = [4, 4, 3];
    const pixels = bytes(count * 3 * height * width);
    const columns = new Uint8Array(pixels.length);
    for (let plane = 0; plane < count * 3; plane++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) columns[plane * 16 + x * height + y] = pixels[plane * 16 + y * width + x];
      }
    }
    const files = {
      "train_X.bin": columns,
      "train_y.bin": Uint8Array.of(3, 1, 2),
      "class_names.txt": "airplane\nbird\ncar",
      "unlabeled_X.bin": bytes(1000),
    };
    const { content, md5 } = await archiveOf("stl10_binary", files);
    const source: Stl10Source = {
      folder: "stl10_binary",
      md5,
      address: "http://127.0.0.1:9/",
      counts: [3, 1],
      side: 4,
    };
    put("stl10_binary.tar.gz", content);
    const set = await loadStl10({ root }, source);
    expect(set.classes).toEqual(["airplane", "bird", "car"]);
    expectImages(set, [3, 4, 4], pixels, [2, 0, 1]);
    await expectDataError(() => loadStl10({ root, train: false }, source), "expected test_X.bin", "found none");
    for (const [name, file] of Object.entries(files)) put(`stl10_binary/${name}`, file);
    put("stl10_binary/train_y.bin", Uint8Array.of(3, 0, 2));
    await expectDataError(() => loadStl10({ root }, source), "label of image 1 expected 1 to 10, got 0");
    await expectDataError(() => STL10.load({ root: join(root, "none") }), "STL10.load: no images under");
  });
});
