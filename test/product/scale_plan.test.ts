/** `npm run scale:plan`: the cost model against figures computed by hand, and the program as users run it. */
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import {
  communication,
  efficiency,
  imagesFor,
  inPairs,
  type Job,
  localStepsFor,
} from "../../bench/scale/cost_model.ts";
import { root } from "../support/source.ts";

/** 4 MB of gradients; a message takes 10 us, and a network carries 1 MB per millisecond. */
const job = (nodes: number, shards?: number): Job => ({
  parameters: 1e6,
  secondsPerImage: 1e-3,
  nodes,
  shards,
  network: { latency: 10e-6, bandwidth: 1e9 },
  rates: { adds: 3e9, copies: 12e9 },
});

describe("the cost model", () => {
  test.each([
    // 4 messages 0.04 ms, 2 x 3 MB over the network 6 ms, 3 MB added 1 ms, 12 MB copied 1 ms
    { nodes: 4, shards: 4, ms: 8.04 },
    { nodes: 4, shards: 8, ms: 8.04 },
    // to every other node: 6 messages 0.06 ms, 3 x 3 MB 9 ms, and 2 ms as above
    { nodes: 4, shards: 6, ms: 11.06 },
    // 4 messages 0.04 ms, 3 x 8/3 MB 8 ms, 8/3 MB added 0.888... ms, copied 1 ms
    { nodes: 3, shards: 3, ms: 9.0 + 0.04 + 8 / 9 },
    { nodes: 1, shards: 8, ms: 0 },
  ])("$nodes nodes, $shards shards: $ms ms", ({ nodes, shards, ms }) => {
    expect(1000 * communication(job(nodes, shards))).toBeCloseTo(ms, 10);
  });

  test("a power of two of nodes that divides the shards exchanges halves in pairs", () => {
    expect([1, 2, 3, 4, 6, 8].map((nodes) => inPairs(nodes, 12))).toEqual([true, true, false, true, false, false]);
  });

  test("without a number of shards there are as many as nodes", () => {
    expect(communication(job(4))).toBe(communication(job(4, 4)));
  });

  test("the share of the time that a node computes", () => {
    expect(efficiency(job(4), 32)).toBeCloseTo(32 / 40.04, 12);
    expect(efficiency(job(1), 32)).toBe(1);
  });

  test("images and local steps for a share of the time", () => {
    // 9 x 8.04 ms = 72.36 ms
    expect(imagesFor(job(4), 0.9)).toBe(73);
    expect(localStepsFor(job(4), 32, 0.9)).toBe(3);
    expect(localStepsFor(job(4), 73, 0.9)).toBe(1);
    expect(imagesFor(job(1), 0.9)).toBe(1);
    expect(localStepsFor(job(1), 32, 0.9)).toBe(1);
  });

  test.each([0.5, 0.9, 0.95])("they are the least that give a share of %d", (share) => {
    const least = imagesFor(job(8), share);
    expect(efficiency(job(8), least)).toBeGreaterThanOrEqual(share);
    expect(efficiency(job(8), least - 1)).toBeLessThan(share);
  });
});

describe("npm run scale:plan", () => {
  const plan = (...args: string[]) =>
    spawnSync(process.execPath, ["--import", "tsx", "bench/scale/plan.ts", ...args], { cwd: root, encoding: "utf8" });

  test("a network of the library on 25 GbE", () => {
    const { status, stdout } = plan("--model", "resnet18", "--network", "25", "--nodes", "64", "--images", "128");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Extrapolation from one machine/);
    expect(stdout).toContain("2,797,610 parameters");
    expect(stdout).toMatch(/20\.0 us, 2\.70 GB\/s \(assumed\)/);
    expect(stdout.trimEnd().split("\n").at(-1)).toMatch(/^ *64 +128 +[\d.]+ +[\d.]+ +\d+ % +\d+ +\d+ +\d+$/);
  });

  test("numbers of one's own: the formula's result is in the table", () => {
    const { status, stdout } = plan(
      ...["--parameters", "1000000", "--image-ms", "32", "--cores", "64", "--use", "0.5"],
      ...["--network", "10us,1GB/s", "--nodes", "3", "--images", "32"],
    );
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ *3 \* +32 +32\.0 /m);
    expect(stdout).toContain("each node sends a part to every other one");
  });

  test.each([
    [["--model", "resnet19"], /resnet19 is neither a file nor one of autoencoder,resnet18/],
    [["--parameters", "5"], /give --model, or --parameters and --image-ms/],
    [["--model", "gpt", "--network", "7"], /Expected one of 1,10,25,100, or for example 20us,2.7GB\/s/],
    [["--model", "gpt", "--target", "1"], /Expected a number between 0 and 1/],
  ])("%s is an error in one line", (args, message) => {
    const { status, stderr } = plan(...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});
