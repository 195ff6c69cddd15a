/** Image files: pixels beside Pillow's, damaged files, and folders of images. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { DataError, OptionError } from "wasmgrad";
import { DataLoader } from "wasmgrad/data";
import { decodeImage, ImageFolder, readImage, transforms } from "wasmgrad/vision";
import { codecError } from "../../../src/vision/images/codecs.ts";
import { testRandom } from "../../support/random.ts";
import { root } from "../../support/source.ts";

interface Case {
  file: string;
  channels: number;
  unchanged: string;
  rgb: string;
  gray: string;
  /** The pixels after the file's EXIF orientation. */
  oriented?: string;
}

const fixture = JSON.parse(readFileSync(join(root, "test/fixtures/breadth/images.json"), "utf8")) as {
  size: [number, number];
  images: Record<string, Case>;
  refused: Record<string, string>;
};
const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
const file = (name: string) => bytes(fixture.images[name]?.file ?? fixture.refused[name]);
const [height, width] = fixture.size;

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-images-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;

/** Writes files, by path, into a new folder. */
function folderOf(files: Record<string, Uint8Array>): string {
  const path = join(folder, `${made++}`);
  mkdirSync(path);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, name, ".."), { recursive: true });
    writeFileSync(join(path, name), content);
  }
  return path;
}

describe("pixels", () => {
  test.each(Object.entries(fixture.images))("%s is read as by Pillow", async (name, expected) => {
    for (const mode of ["unchanged", "rgb", "gray"] as const) {
      const image = await decodeImage(file(name), { mode });
      const channels = { unchanged: expected.channels, rgb: 3, gray: 1 }[mode];
      expect(image.shape).toEqual([channels, height, width]);
      expect(image.data).toEqual(bytes(expected[mode]));
    }
  });

  test("a page, without zlib, reads and refuses the same PNG files", async () => {
    const { getBuiltinModule } = process;
    const withoutZlib = (name: string) => (name === "node:zlib" ? undefined : getBuiltinModule(name as "node:fs"));
    const outcome = async (png: Uint8Array) =>
      decodeImage(png).then(
        ({ data }) => [...data],
        (error) => error.name,
      );
    const random = testRandom(8);
    const names = Object.keys(fixture.images).filter((name) => name.endsWith(".png"));
    const files = names.flatMap((name) => {
      const whole = file(name);
      const changed = Array.from({ length: 20 }, () => {
        const copy = whole.slice();
        copy[Math.floor(random() * copy.length)] ^= 1 << Math.floor(random() * 8);
        return copy;
      });
      return [whole, whole.subarray(0, -20), whole.subarray(0, 60), ...changed];
    });
    const expected = await Promise.all(files.map(outcome));
    vi.stubGlobal("process", { ...process, getBuiltinModule: withoutZlib });
    expect(await Promise.all(files.map(outcome))).toEqual(expected);
    vi.unstubAllGlobals();
    expect(expected.filter((result) => result === "DataError").length).toBeGreaterThan(20);
  });

  test("an image is turned by its EXIF orientation only if asked", async () => {
    const turned = await decodeImage(file("turned.jpg"), { applyExifOrientation: true });
    expect(turned.shape).toEqual([3, width, height]);
    expect(turned.data).toEqual(bytes(fixture.images["turned.jpg"].oriented!));
  });

  test("toTensor() divides by 255", async () => {
    const image = await decodeImage(file("gray.png"));
    const values = image.toTensor();
    expect([values.shape, values.dtype]).toEqual([[1, height, width], "float32"]);
    expect([...values.data()]).toEqual(Array.from(image.data, (byte) => Math.fround(byte / 255)));
  });

  test("a file, an ArrayBuffer and a part of a buffer", async () => {
    const png = file("rgb.png");
    const path = join(folderOf({ "a.png": png }), "a.png");
    const { data } = await decodeImage(png);
    expect((await readImage(path)).data).toEqual(data);
    expect((await decodeImage(png.buffer as ArrayBuffer)).data).toEqual(data);
    const padded = new Uint8Array(png.length + 10).fill(7);
    padded.set(png, 5);
    expect((await decodeImage(padded.subarray(5, -5))).data).toEqual(data);
    for (const name of ["rgb.jpg", "lossless.webp"]) {
      const within = new Uint8Array([9, ...file(name)]).subarray(1);
      expect((await decodeImage(within)).data).toEqual((await decodeImage(file(name))).data);
    }
  });
});

describe("damaged and foreign files", () => {
  const cases: [string, Uint8Array, string][] = [
    ["empty.jpg", new Uint8Array(0), "expected a PNG, JPEG or WebP file, got an empty file"],
    ["text.png", new TextEncoder().encode("no image"), "got 8 bytes that begin with 6e 6f 20 69"],
    ["picture.gif", file("picture.gif"), "that begin with 47 49 46 38 37 61"],
    ["cmyk.jpg", file("cmyk.jpg"), "a JPEG file of 4 channels (CMYK) is not supported"],
    ["animated.webp", file("animated.webp"), "an animated WebP file is not supported"],
    ...["rgb.jpg", "progressive.jpg", "gray.jpg", "rgb.png", "palette4.png", "lossy.webp", "lossless.webp"].flatMap(
      (name): [string, Uint8Array, string][] =>
        [0.2, 0.6, 0.95].map((share) => {
          const whole = file(name);
          return [`${share}-${name}`, whole.subarray(0, Math.floor(whole.length * share)), "not a complete"];
        }),
    ),
    ["no-end.jpg", file("rgb.jpg").subarray(0, -2), "not a complete JPEG file: Premature end"],
    ["start.jpg", file("rgb.jpg").subarray(0, 4), "not a complete JPEG file"],
    ["start.webp", file("lossy.webp").subarray(0, 16), "not a complete WebP file"],
  ];

  test.each(cases)("%s", async (name, content, message) => {
    const path = join(folderOf({ [name]: content }), name);
    const error = await readImage(path).catch((caught: unknown) => caught as Error);
    expect(error).toBeInstanceOf(DataError);
    expect((error as Error).message).toContain(`${path}: `);
    expect((error as Error).message).toContain(message);
  });

  test("a flipped bit of a PNG is noticed", async () => {
    const png = file("rgb.png");
    png[png.length >> 1] ^= 4;
    await expect(decodeImage(png)).rejects.toThrow("decodeImage: not a complete PNG file");
  });

  test("after many damaged files the decoders still read", async () => {
    for (const name of ["rgb.jpg", "lossy.webp"]) {
      const whole = file(name);
      for (let i = 0; i < 200; i++) {
        const damaged = whole.slice(0, 40 + (i % (whole.length - 60)));
        await expect(decodeImage(damaged)).rejects.toThrow(DataError);
      }
      expect((await decodeImage(whole, { mode: "rgb" })).data).toEqual(bytes(fixture.images[name].rgb));
    }
  });

  test("a JPEG header with a size for which there is no memory", async () => {
    const jpeg = file("rgb.jpg");
    const frame = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xc0);
    jpeg.set([0xfd, 0xe8, 0xfd, 0xe8], frame + 5); // 65,000 rows and columns
    await expect(decodeImage(jpeg)).rejects.toThrow("not a complete JPEG file: the decoder failed, or has no memory");
    expect((await decodeImage(file("rgb.jpg"))).shape).toEqual([3, height, width]);
  });

  test("a header that promises more than the data is not believed", async () => {
    const png = file("rgb.png");
    new DataView(png.buffer).setUint32(16, 60_000);
    new DataView(png.buffer).setUint32(20, 60_000);
    await expect(decodeImage(png)).rejects.toThrow(DataError);
  });

  test("wrong arguments", async () => {
    await expect(readImage(join(folder, "none.png"))).rejects.toThrow(DataError);
    await expect(readImage(5 as never)).rejects.toThrow("readImage: path expected the path of a file, got 5");
    await expect(decodeImage("a.png" as never)).rejects.toThrow(OptionError);
    await expect(decodeImage(file("rgb.png"), { mode: "RGB" as never })).rejects.toThrow("mode expected one of");
    await expect(decodeImage(file("rgb.png"), { applyExif: true } as never)).rejects.toThrow("unknown option");
  });

  test("the error of a decoder that is not installed says what to install", () => {
    const missing = Object.assign(new Error("Cannot find module"), { code: "MODULE_NOT_FOUND" });
    expect(codecError("a/b.jpg", "JPEG", missing).message).toBe(
      "a/b.jpg: JPEG files are read by the package @jsquash/jpeg, which is not installed: npm install @jsquash/jpeg",
    );
    expect(codecError("b.webp", "WebP", new Error("no Wasm")).message).toContain("could not be loaded (no Wasm)");
  });
});

describe("ImageFolder", () => {
  const [png, jpg, webp] = ["rgb.png", "rgb.jpg", "lossy.webp"].map(file);

  test("classes, labels and files are sorted as in torchvision", async () => {
    const path = folderOf({
      "dog/10.PNG": png,
      "dog/9.jpg": jpg,
      "cat/b/1.webp": webp,
      "cat/b-a/1.png": png,
      "cat/z.jpeg": jpg,
      "cat/notes.txt": new Uint8Array(3),
      "Émile/1.png": png,
      "Zebra/1.png": png,
      "\u{1f431}/1.png": png,
      "\uff21/1.png": png,
      "beside.png": png,
    });
    const set = await ImageFolder.load(path);
    expect(set.classes).toEqual(["Zebra", "cat", "dog", "Émile", "\uff21", "\u{1f431}"]);
    expect(set.classToIdx).toEqual({ Zebra: 0, cat: 1, dog: 2, Émile: 3, "\uff21": 4, "\u{1f431}": 5 });
    // sorted(os.walk(folder)): first the files of a folder, then the folders in it
    expect(set.samples.slice(0, 6).map(([name, label]) => [relative(path, name), label])).toEqual([
      ["Zebra/1.png", 0],
      ["cat/z.jpeg", 1],
      ["cat/b/1.webp", 1],
      ["cat/b-a/1.png", 1],
      ["dog/10.PNG", 2],
      ["dog/9.jpg", 2],
    ]);
    expect([...set.targets]).toEqual(set.samples.map(([, label]) => label));
    expect([set.length, set.root]).toEqual([9, path]);
  });

  test("samples are images in [0, 1] after the transform", async () => {
    const path = folderOf({ "a/1.png": png, "b/1.jpg": jpg, "b/2.webp": webp, "b/wrong-extension.png": jpg });
    const set = await ImageFolder.load(path);
    const pixels = (name: string) => Array.from(bytes(fixture.images[name].rgb), (byte) => Math.fround(byte / 255));
    const expected = ["rgb.png", "rgb.jpg", "lossy.webp", "rgb.jpg"];
    for (const [i, name] of expected.entries()) {
      const [image, label] = set.get(i);
      expect([...image.data()]).toEqual(pixels(name));
      expect([image.shape, label]).toEqual([[3, height, width], i === 0 ? 0 : 1]);
    }
    const batches = [...new DataLoader(set, { batchSize: 4 })].map(([x, y]) => [x.shape, y.shape]);
    expect(batches).toEqual([[[4, 3, height, width], [4]]]);
    const changed = await ImageFolder.load(path, { transform: transforms.normalize([0.5], [0.5]), mode: "gray" });
    const gray = Array.from(bytes(fixture.images["rgb.png"].gray), (byte) => (byte / 255 - 0.5) / 0.5);
    const [image] = changed.get(0);
    expect(image.shape).toEqual([1, height, width]);
    for (const [i, value] of [...image.data()].entries()) expect(value).toBeCloseTo(gray[i], 5);
  });

  test("the orientation is an option", async () => {
    const path = folderOf({ "a/1.jpg": file("turned.jpg") });
    expect((await ImageFolder.load(path)).get(0)[0].shape).toEqual([3, height, width]);
    const turned = await ImageFolder.load(path, { applyExifOrientation: true });
    expect(turned.get(0)[0].shape).toEqual([3, width, height]);
  });

  test("links are followed, but not in circles", async () => {
    const path = folderOf({ "a/1.png": png, "b/1.png": png });
    symlinkSync(join(path, "b"), join(path, "a/other"));
    symlinkSync(path, join(path, "b/back"));
    const set = await ImageFolder.load(path);
    expect(set.samples.filter(([name]) => name.startsWith(join(path, "a/")))).toEqual([
      [join(path, "a/1.png"), 0],
      [join(path, "a/other/1.png"), 0],
    ]);
  });

  test("what is missing or of another kind", async () => {
    const load = (path: string, options?: object) => ImageFolder.load(path, options);
    await expect(load(join(folder, "none"))).rejects.toThrow(DataError);
    await expect(load(folderOf({ "1.png": png }))).rejects.toThrow(
      "expected one folder for each class, found no folder",
    );
    const mixed = folderOf({ "a/1.png": png, "b/readme.txt": png });
    await expect(load(mixed)).rejects.toThrow(`${join(mixed, "b")}: expected images (.png, .jpg, .jpeg, .webp)`);
    const bitmap = folderOf({ "a/1.png": png, "a/2.bmp": png });
    await expect(load(bitmap)).rejects.toThrow(`${join(bitmap, "a/2.bmp")}: expected a .png, .jpg, .jpeg or .webp`);
    const left = await load(bitmap, { isValidFile: (name: string) => name.endsWith(".png") });
    expect(left.length).toBe(1);
    await expect(load("")).rejects.toThrow(OptionError);
    await expect(load(bitmap, { mode: "unchanged" })).rejects.toThrow("mode expected one of rgb, gray");
    await expect(load(bitmap, { transform: 3 })).rejects.toThrow("transform expected a function");
    expect(() => new ImageFolder("a", {} as never, {})).toThrow("expected await ImageFolder.load(root)");
  });

  test("a damaged or lost file is named, and a transform that returns no tensor", async () => {
    const path = folderOf({ "a/1.jpg": jpg.subarray(0, 200), "a/2.png": png });
    const set = await ImageFolder.load(path);
    expect(() => set.get(0)).toThrow(DataError);
    expect(() => [...new DataLoader(set)]).toThrow(`${join(path, "a/1.jpg")}: not a complete JPEG file`);
    rmSync(join(path, "a/2.png"));
    expect(() => set.get(1)).toThrow(join(path, "a/2.png"));
    expect(() => set.get(2)).toThrow("ImageFolder: index expected an integer in [0, 1], got 2");
    const wrong = await ImageFolder.load(folderOf({ "a/2.png": png }), { transform: (() => 3) as never });
    expect(() => wrong.get(0)).toThrow(
      "ImageFolder: transform of float32 [3,22,29] expected to return a tensor, got 3",
    );
  });
});
