/** The comparison with peers, without any peer: the protocol, the check of values, and the ONNX model. */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { manualSeed, nn, noGrad, rand, type Tensor, tensor } from "wasmgrad";
import { environment, nodeCommand } from "../../bench/lib/child.ts";
import { compare, compete, fastest } from "../../bench/versus/contest.ts";
import { writeInputs } from "../../bench/versus/inputs.ts";
import { isInstalled } from "../../bench/versus/install.ts";
import { INPUT, OUTPUT, onnxModel } from "../../bench/versus/onnx_model.ts";
import { PeerProcess } from "../../bench/versus/peer_process.ts";
import { ours, peers, waitPolicies } from "../../bench/versus/peers.ts";
import { InpaintingAutoencoder } from "../../examples/inpainting/model.ts";
import { ModelProtoSchema, TensorProto_DataType } from "../../src/onnx/schema/onnx_pb.ts";

describe("values are compared", () => {
  test("a difference by rounding passes, and is reported", () => {
    expect(compare("train", [0.08, 0.07], [0.08, 0.0700001])).toBeCloseTo(1e-7 / 0.07, 8);
  });

  test.each<[string, number[]]>([
    ["a loss that is off by a percent", [0.08, 0.0707]],
    ["no number", [0.08, Number.NaN]],
    ["too few", [0.08]],
  ])("%s does not pass", (_name, theirs) => {
    expect(() => compare("train", [0.08, 0.07], theirs)).toThrow("wrong train");
  });

  test("outputs must agree more closely than losses", () => {
    expect(() => compare("forward", [0.5], [0.5002])).toThrow("wrong forward");
    expect(compare("train", [0.5], [0.5002])).toBeGreaterThan(0);
  });
});

describe("processes", () => {
  let folder: string;
  let inputs: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "wasmgrad-versus-test-"));
    inputs = join(folder, "inputs.safetensors");
    writeInputs(inputs, 2);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const contest = { kind: "train", batch: 2, threads: 1 } as const;
  const options = { rounds: 2, time: 1 };
  const startOurs = () => PeerProcess.start([...ours, inputs, "1", ""], environment);
  /** A peer that answers every request with the same line. */
  const startLiar = (answer: object) =>
    PeerProcess.start([
      process.execPath,
      "-e",
      `console.log('{"version":"0"}'); process.stdin.on("data", () => console.log(${JSON.stringify(JSON.stringify(answer))}));`,
    ]);

  test.each([
    ["--rounds", "0"],
    ["--time", "soon"],
  ])("with %s %s nothing is measured", (...nonsense) => {
    const [program, ...args] = nodeCommand("versus/index.ts", ...nonsense);
    const { status, stderr } = spawnSync(program, args, { env: { ...process.env, ...environment }, encoding: "utf8" });
    expect(stderr).toContain("--rounds and --time must be positive");
    expect(status).toBe(1);
  });

  test("two sides run alternately, and the same program has the same losses", async () => {
    const [us, them] = await Promise.all([startOurs(), startOurs()]);
    try {
      const [row] = await compete(us, [them], contest, options);
      expect(row).toMatchObject({ ...contest, difference: 0 });
      expect(row.faster!.median).toBeCloseTo(row.theirs! / row.ours!, -1);
      const output = await us.prepare({ kind: "forward", batch: 2, steps: 0 });
      expect(output).toHaveLength(2 * 3 * 32 * 32);
    } finally {
      await Promise.all([us.stop(), them.stop()]);
    }
  });

  test("a peer with other losses is reported and not timed", async () => {
    const [us, liar] = await Promise.all([startOurs(), startLiar({ values: [0.5, 0.4, 0.3] })]);
    try {
      const [row] = await compete(us, [liar], contest, options);
      expect(row.failed).toMatch(/wrong train: value 0 is 0.5, ours is 0.0/);
      expect(row.faster).toBeUndefined();
    } finally {
      await Promise.all([us.stop(), liar.stop()]);
    }
  });

  test("a peer that cannot compute the task reports why", async () => {
    const [us, liar] = await Promise.all([startOurs(), startLiar({ error: "no such kernel" })]);
    try {
      expect(await compete(us, [liar], contest, options)).toEqual([{ ...contest, failed: "no such kernel" }]);
    } finally {
      await Promise.all([us.stop(), liar.stop()]);
    }
  });

  test("each of several peers has its row: a wrong one is not timed, the others are", async () => {
    const [us, liar, them] = await Promise.all([startOurs(), startLiar({ values: [0.5, 0.4, 0.3] }), startOurs()]);
    try {
      const rows = await compete(us, [liar, them], contest, options);
      expect(rows.map(({ failed }) => failed === undefined)).toEqual([false, true]);
      expect(fastest(rows)).toBe(rows[1]);
      expect(rows[1]).toMatchObject({ difference: 0, ours: expect.any(Number), theirs: expect.any(Number) });
    } finally {
      await Promise.all([us.stop(), liar.stop(), them.stop()]);
    }
  });

  test("a peer that does not start is an error that quotes its last output", async () => {
    await expect(PeerProcess.start([process.execPath, "-e", 'throw new Error("no wasm")'])).rejects.toThrow("no wasm");
    await expect(PeerProcess.start([join(folder, "no-such-program")])).rejects.toThrow("ENOENT");
  });
});

test("peers count as installed if all packages of package-lock.json are there, in those versions", () => {
  const folder = mkdtempSync(join(tmpdir(), "wasmgrad-peers-test-"));
  const lock = (file: string, packages: object) => writeFileSync(join(folder, file), JSON.stringify({ packages }));
  const installed = (packages: object) => {
    lock("node_modules/.package-lock.json", packages);
    return isInstalled(folder);
  };
  try {
    const [a, b] = [{ version: "1.0.0" }, { version: "2.0.0" }];
    lock("package-lock.json", { "": {}, a, b, types: { ...a, dev: true }, macs: { ...a, optional: true } });
    expect(isInstalled(folder)).toBe(false);
    mkdirSync(join(folder, "node_modules"));
    expect(isInstalled(folder)).toBe(false);
    expect(installed({ a, b })).toBe(true);
    expect(installed({ a })).toBe(false);
    expect(installed({ a, b: { version: "1.9.0" } })).toBe(false);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the fastest row of a peer counts", () => {
  const contest = { kind: "train", batch: 4, threads: 2 } as const;
  const row = (theirs: number) => ({ ...contest, ours: 2, theirs, faster: { median: theirs / 2, low: 1, high: 9 } });
  const [spinning, passive] = [row(500), row(25)];
  const failed = { ...contest, failed: "wrong train" };
  expect(fastest([spinning, passive])).toBe(passive);
  expect(fastest([passive, spinning])).toBe(passive);
  expect(fastest([failed, spinning])).toBe(spinning);
  expect(fastest([failed])).toBe(failed);
});

test("PyTorch is measured with two ways to wait if it has several threads, other peers with one", () => {
  const waits = (name: string, threads: number) => {
    const contest = { kind: "train", batch: 4, threads } as const;
    return waitPolicies(peers.find((peer) => peer.name === name)!, contest).map(({ variables }) => variables);
  };
  expect(waits("pytorch", 1)).toEqual([{}]);
  expect(waits("pytorch", 2)).toEqual([{}, { OMP_WAIT_POLICY: "PASSIVE" }]);
  expect(waits("onnxruntime-node", 2)).toEqual([{}]);
});

test("peers have different names, and every comparison is listed once", () => {
  expect(new Set(peers.map(({ name }) => name)).size).toBe(peers.length);
  for (const { contests } of peers) {
    const keys = contests.map((contest) => JSON.stringify(contest));
    expect(new Set(keys).size).toBe(keys.length);
  }
});

describe("the ONNX model", () => {
  const batch = 2;
  manualSeed(5);
  const model = new InpaintingAutoencoder();
  const weights = Object.fromEntries(
    Object.entries(model.stateDict()).map(([name, value]) => [
      name,
      { shape: value.shape, data: value.data() as Float32Array },
    ]),
  );
  const graph = fromBinary(ModelProtoSchema, onnxModel(weights, batch)).graph!;
  const nodes = graph.node;
  const initializers = new Map(graph.initializer.map((value) => [value.name, value]));

  test("every node reads existing values, and writes a new name", () => {
    const known = new Set([...graph.input.map(({ name }) => name), ...initializers.keys()]);
    for (const { input, output } of nodes) {
      expect(input.filter((name) => !known.has(name))).toEqual([]);
      expect(output.filter((name) => known.has(name))).toEqual([]);
      for (const name of output) known.add(name);
    }
    expect(graph.input.map(({ name }) => name)).toEqual([INPUT]);
    expect(graph.output.map(({ name }) => name)).toEqual([OUTPUT]);
    expect(known).toContain(OUTPUT);
  });

  test("the model has all weights, bit for bit", () => {
    expect([...initializers.keys()].sort()).toEqual(Object.keys(weights).sort());
    for (const [name, { shape, data }] of Object.entries(weights)) {
      const { dims, dataType, rawData } = initializers.get(name)!;
      expect(dims.map(Number)).toEqual(shape);
      expect(dataType).toBe(TensorProto_DataType.FLOAT);
      expect(new Float32Array(Uint8Array.from(rawData).buffer)).toEqual(data);
    }
  });

  test("computed by the definitions of its operators, the model equals the network", () => {
    const F = nn.functional;
    const sizes = (node: (typeof nodes)[number], name: string, preset: number[]) =>
      node.attribute.find((attribute) => attribute.name === name)?.ints?.map(Number) ?? preset;
    const values = new Map<string, Tensor>(
      Object.entries(weights).map(([name, { data, shape }]) => [name, tensor(data, { shape: [...shape] })]),
    );
    const images = rand([batch, 3, 32, 32]);
    values.set(INPUT, images);
    noGrad(() => {
      for (const node of nodes) {
        const [x, weight, bias] = node.input.map((name) => values.get(name)!);
        const stride = sizes(node, "strides", [1, 1])[0];
        const padding = sizes(node, "pads", [0, 0, 0, 0])[0];
        const operators: Record<string, () => Tensor> = {
          Conv: () => F.conv2d(x, weight, bias, { stride, padding }),
          ConvTranspose: () => F.convTranspose2d(x, weight, bias, { stride, padding }),
          MaxPool: () => F.maxPool2d(x, sizes(node, "kernel_shape", [])[0], { stride, padding }),
          Relu: () => x.relu(),
          Sigmoid: () => x.sigmoid(),
        };
        values.set(node.output[0], operators[node.opType]());
      }
      const difference = values.get(OUTPUT)!.sub(model.forward(images)).abs().max().item();
      expect(difference).toBeLessThan(1e-6);
    });
  });
});
