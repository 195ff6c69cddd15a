/** fromPixels, toPixels, and data sets of a canvas' pixels; canvas and ImageData are imitated. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { DataError, DTypeError, memory, OptionError, rand, ShapeError, scope, tensor, zeros } from "wasmgrad";
import {
  decodeImage,
  encodePNG,
  fromPixels,
  fromPixelsAsync,
  ImageDataset,
  Picture,
  toPixels,
  transforms,
} from "wasmgrad/vision";
import { expectClose } from "../../support/compare.ts";
import { testRandom } from "../../support/random.ts";

const random = testRandom(4);
const [width, height] = [5, 3];
const data = Uint8ClampedArray.from({ length: 4 * width * height }, () => Math.floor(random() * 256));
const byte = (c: number, y: number, x: number) => data[4 * (y * width + x) + c];
const planes = (channels: number[]) =>
  channels.flatMap((c) =>
    Array.from({ length: width * height }, (_, i) => byte(c, Math.floor(i / width), i % width) / 255),
  );

afterEach(() => vi.unstubAllGlobals());

describe("fromPixels", () => {
  test("three channels, four, and grey", () => {
    const image = fromPixels({ data, width, height });
    expect(image.shape).toEqual([3, height, width]);
    expectClose("rgb", image.data(), Float32Array.from(planes([0, 1, 2])), 1e-7);
    const all = fromPixels({ data, width, height }, { channels: 4 });
    expectClose("rgba", all.data(), Float32Array.from(planes([0, 1, 2, 3])), 1e-7);
    const [r, g, b] = [0, 1, 2].map((c) => planes([c]));
    const gray = fromPixels({ data, width, height }, { channels: 1 });
    expect(gray.shape).toEqual([1, height, width]);
    expectClose(
      "grey",
      gray.data(),
      Float32Array.from(r, (v, i) => 0.2989 * v + 0.587 * g[i] + 0.114 * b[i]),
      1e-6,
    );
  });

  test("a canvas, bytes in the middle of a buffer, and Uint8Array", () => {
    const expected = fromPixels({ data, width, height }).toArray();
    const getImageData = vi.fn((..._box: number[]) => ({ data, width, height }));
    expect(fromPixels({ width, height, getContext: () => ({ getImageData }) }).toArray()).toEqual(expected);
    expect(getImageData).toHaveBeenCalledWith(0, 0, width, height);
    const buffer = new Uint8ClampedArray(data.length + 8);
    buffer.set(data, 5);
    const part = buffer.subarray(5, 5 + data.length);
    expect(fromPixels({ data: part, width, height }).toArray()).toEqual(expected);
    expect(fromPixels({ data: Uint8Array.from(data) as never, width, height }).toArray()).toEqual(expected);
  });

  test("only the result stays in memory", () => {
    const before = memory().liveTensors;
    scope(() => {
      fromPixels({ data, width, height }, { channels: 1 });
      expect(memory().liveTensors).toBe(before + 1);
    });
    expect(memory().liveTensors).toBe(before);
  });

  test.each<[string, unknown, object?]>([
    ["null", null],
    ["no data", { width: 1, height: 1 }],
    ["floats", { data: new Float32Array(4), width: 1, height: 1 }],
    ["too few bytes", { data, width, height: height + 1 }],
    ["no pixels", { data: new Uint8ClampedArray(), width: 0, height: 0 }],
    ["a canvas of another context", { width: 1, height: 1, getContext: () => null }],
    ["two channels", { data, width, height }, { channels: 2 }],
  ])("%s is an OptionError", (_what, source, options) => {
    expect(() => fromPixels(source as never, options)).toThrow(OptionError);
  });
});

describe("fromPixels of several sources", () => {
  const other = { data: data.slice(0, 4 * 4 * 2), width: 2, height: 4 };

  test("a batch resized by transforms.resize", () => {
    const batch = fromPixels([{ data, width, height }, other], { size: [6, 7] });
    expect(batch.shape).toEqual([2, 3, 6, 7]);
    for (const [i, source] of [{ data, width, height }, other].entries()) {
      expect(batch.select(0, i).toArray()).toEqual(transforms.resize([6, 7])(fromPixels(source)).toArray());
    }
    expect(fromPixels([other, other]).shape).toEqual([2, 3, 4, 2]);
    expect(() => fromPixels([{ data, width, height }, other])).toThrow("got [3,3,5] and [3,4,2]");
    expect(() => fromPixels([])).toThrow(OptionError);
  });

  test("fit keeps the shape: two edges are cut off, or black edges added", () => {
    const squares = { data: new Uint8ClampedArray(4 * 4 * 2).fill(255), width: 4, height: 2 };
    squares.data.fill(0, 0, 4); // the upper left pixel
    const cover = fromPixels(squares, { size: 2, fit: "cover", channels: 4 });
    expect(cover.toArray()).toEqual(
      fromPixels({ data: new Uint8ClampedArray(16).fill(255), width: 2, height: 2 }, { channels: 4 }).toArray(),
    );
    const contain = fromPixels(squares, { size: 4, fit: "contain" });
    expect((contain.toArray() as number[][][])[0]).toEqual([
      [0, 0, 0, 0],
      [0, 1, 1, 1],
      [1, 1, 1, 1],
      [0, 0, 0, 0],
    ]);
  });

  test("a decoded image, with any of its channels", async () => {
    const values = { 1: [10], 2: [10, 90], 3: [10, 50, 200], 4: [10, 50, 200, 90] };
    const { DecodedImage } = await import("../../../src/vision/images/decoded_image.ts");
    const of = (count: 1 | 2 | 3 | 4, channels: 1 | 3 | 4) =>
      [...fromPixels(new DecodedImage(Uint8Array.from(values[count]), [count, 1, 1]), { channels }).data()].map(
        (value) => Math.round(255 * value),
      );
    expect([1, 2, 3, 4].map((count) => of(count as 1, 3))).toEqual([
      [10, 10, 10],
      [10, 10, 10],
      [10, 50, 200],
      [10, 50, 200],
    ]);
    expect([1, 2, 3, 4].map((count) => of(count as 1, 4))).toEqual([
      [10, 10, 10, 255],
      [10, 10, 10, 90],
      [10, 50, 200, 255],
      [10, 50, 200, 90],
    ]);
    expect([1, 2, 3, 4].map((count) => of(count as 1, 1))).toEqual([[10], [10], [55], [55]]);
  });

  test.each<[string, object]>([
    ["size", { size: 0 }],
    ["fit", { fit: "none" }],
    ["interpolation", { size: 2, interpolation: "cubic" }],
    ["unknown", { sizes: 3 }],
  ])("a bad option: %s", (_what, options) => {
    expect(() => fromPixels({ data, width, height }, options as never)).toThrow(OptionError);
  });
});

describe("pictures that a browser draws", () => {
  const drawImage = vi.fn();
  class Canvas {
    width = 0;
    height = 0;
    constructor(width: number, height: number) {
      Object.assign(this, { width, height });
    }
    getContext() {
      return { drawImage, getImageData: () => ({ data, width, height }) };
    }
  }

  test("<img>, <video>, VideoFrame and ImageBitmap are drawn in their own size", () => {
    vi.stubGlobal("OffscreenCanvas", Canvas);
    const expected = fromPixels({ data, width, height }).toArray();
    for (const picture of [
      { naturalWidth: width, naturalHeight: height, width: 1, height: 1 },
      { videoWidth: width, videoHeight: height, width: 0, height: 0 },
      { displayWidth: width, displayHeight: height },
      { width, height },
    ]) {
      expect(fromPixels(picture as never).toArray()).toEqual(expected);
      expect(drawImage).toHaveBeenLastCalledWith(picture, 0, 0, width, height);
    }
    const loading = { naturalWidth: 0, naturalHeight: 0, width: 0, height: 0 };
    expect(() => fromPixels(loading)).toThrow("got 0 x 0: await image.decode() first");
    expect(() => fromPixels({ videoWidth: 0, videoHeight: 0, width: 1, height: 1 } as never)).toThrow('"loadeddata"');
  });

  test("a picture of another origin is a DataError; elsewhere it cannot be drawn", () => {
    expect(() => fromPixels({ width, height })).toThrow("which only a browser's canvas can draw");
    const getImageData = () => {
      throw new Error("tainted");
    };
    const canvas = { width, height, getContext: () => ({ getImageData }) };
    expect(() => fromPixels(canvas)).toThrow(DataError);
    expect(() => fromPixels(canvas)).toThrow("(tainted); if it comes from another origin");
  });
});

describe("fromPixelsAsync", () => {
  const picture = new Picture(4, 3, [10, 20, 30]);
  const png = encodePNG(picture);

  test("a Blob, bytes, and pixels, in one batch", async () => {
    const pixels = await decodeImage(png);
    const batch = await fromPixelsAsync([new Blob([png as never]), png, pixels, { data, width, height }], {
      size: [3, 4],
    });
    expect(batch.shape).toEqual([4, 3, 3, 4]);
    for (const i of [0, 1, 2]) expect(batch.select(0, i).toArray()).toEqual(pixels.toTensor().toArray());
    expect((await fromPixelsAsync(png, { channels: 1 })).shape).toEqual([1, 3, 4]);
  });

  test("nothing is left after an error, which names the file", async () => {
    const before = memory().liveTensors;
    const damaged = new File([png.slice(0, 40) as never], "damaged.png");
    await expect(fromPixelsAsync([png, damaged])).rejects.toThrow(/^damaged.png: not a complete PNG file/);
    await expect(fromPixelsAsync("cat.png" as never)).rejects.toThrow(OptionError);
    expect(memory().liveTensors).toBe(before);
    const made = await fromPixelsAsync([png, png]);
    expect(memory().liveTensors).toBe(before + 1);
    made.release();
  });
});

describe("toPixels", () => {
  test("a Picture", () => {
    const { data, width, height } = toPixels(new Picture(3, 2, [1, 20, 255]));
    expect([width, height]).toEqual([3, 2]);
    expect([...data]).toEqual(Array.from({ length: 6 }, () => [1, 20, 255, 255]).flat());
  });

  test("draws onto a canvas, which gets the image's size", () => {
    const putImageData = vi.fn();
    const canvas = { width: 300, height: 150, getContext: () => ({ putImageData }) };
    const pixels = toPixels(tensor([[0, 1]]), canvas);
    expect([canvas.width, canvas.height]).toEqual([2, 1]);
    expect(putImageData).toHaveBeenCalledWith(pixels, 0, 0);
    expect(() => toPixels(tensor([[1]]), { width: 1, height: 1, getContext: () => null })).toThrow(
      "got a canvas of another context",
    );
    expect(() => toPixels(tensor([[1]]), "canvas" as never)).toThrow(OptionError);
  });

  test("is the inverse of fromPixels", () => {
    const opaque = Uint8ClampedArray.from(data, (value, i) => (i % 4 === 3 ? 255 : value));
    expect(toPixels(fromPixels({ data, width, height }))).toEqual({ data: opaque, width, height });
    expect(toPixels(fromPixels({ data, width, height }, { channels: 4 })).data).toEqual(data);
  });

  test("grey images; values are rounded and clamped", () => {
    const { data, width, height } = toPixels(
      tensor([
        [-1, 0.4999 / 255, 0.5001 / 255],
        [0.998, 7, Number.NaN],
      ]),
    );
    expect([width, height]).toEqual([3, 2]);
    expect([...data].filter((_, i) => i % 4 === 0)).toEqual([0, 0, 1, 254, 255, 0]);
    expect([...data].filter((_, i) => i % 4 === 2)).toEqual([0, 0, 1, 254, 255, 0]);
    expect([...data].filter((_, i) => i % 4 === 3)).toEqual([255, 255, 255, 255, 255, 255]);
    expect([...toPixels(tensor([[[0.2]]])).data]).toEqual([51, 51, 51, 255]);
  });

  test("in a browser it is an ImageData", () => {
    class Imitation {
      readonly data: Uint8ClampedArray;
      readonly width: number;
      readonly height: number;
      constructor(data: Uint8ClampedArray, width: number, height: number) {
        this.data = data;
        this.width = width;
        this.height = height;
      }
    }
    vi.stubGlobal("ImageData", Imitation);
    const pixels = toPixels(rand([3, 2, 4]));
    expect(pixels).toBeInstanceOf(Imitation);
    expect([pixels.width, pixels.height, pixels.data.length]).toEqual([4, 2, 32]);
  });

  test("bad images", () => {
    for (const shape of [[4], [2, 3, 3], [1, 3, 2, 2], [3, 0, 2]]) {
      expect(() => toPixels(zeros(shape))).toThrow(ShapeError);
    }
    expect(() => toPixels(zeros([2, 2], { dtype: "int32" }))).toThrow(DTypeError);
  });
});

describe("ImageDataset.fromBytes with RGBA", () => {
  test("keeps red, green and blue", () => {
    const two = Uint8ClampedArray.from([...data, ...data].map((value, i) => (i < data.length ? value : 255 - value)));
    const set = ImageDataset.fromBytes(two, { shape: [2, 3, height, width], layout: "RGBA" });
    const [images] = set.batch([0, 1]);
    expectClose("image 0", images.select(0, 0).data(), Float32Array.from(planes([0, 1, 2])), 1e-7);
    expectClose(
      "image 1",
      images.select(0, 1).data(),
      Float32Array.from(planes([0, 1, 2]), (v) => 1 - v),
      1e-6,
    );
    set.release();
  });

  test("errors", () => {
    const make = (shape: number[]) => () => ImageDataset.fromBytes(data, { shape, layout: "RGBA" });
    expect(make([1, 4, height, width])).toThrow('layout "RGBA" expected 3 channels, got shape [1,4,3,5]');
    expect(make([2, 3, height, width])).toThrow(DataError);
    expect(make([2, 3, height, width])).toThrow("expected 120 bytes for [2,3,3,5] as RGBA, got 60 bytes");
  });
});
