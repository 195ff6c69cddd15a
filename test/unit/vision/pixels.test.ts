/** fromPixels, toPixels, and data sets of a canvas' pixels; canvas and ImageData are imitated. */
import { afterEach, describe, expect, test, vi } from "vitest";
import { DataError, DTypeError, memory, OptionError, rand, ShapeError, scope, tensor, zeros } from "wasmgrad";
import { fromPixels, ImageDataset, toPixels } from "wasmgrad/vision";
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

describe("toPixels", () => {
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
