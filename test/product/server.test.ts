/** examples/server.ts: 200 requests at once. Each gets its own answer, and no tensor of a request remains. */
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { memory, nn } from "wasmgrad";
import { makeServer } from "../../examples/server.ts";
import { testRandom } from "../support/random.ts";

const FEATURES = 24;
const REQUESTS = 200;

let server: Server;
let url: string;
const [hidden, out] = [new nn.Linear(FEATURES, 16), new nn.Linear(16, 5)];

beforeAll(async () => {
  server = makeServer(new nn.Sequential(hidden, new nn.ReLU(), out)).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const ask = (body: string) => fetch(url, { method: "POST", body });

/** `W x + b` in float64. */
function linear({ weight, bias }: nn.Linear, x: readonly number[]): number[] {
  const b = (bias as nn.Parameter).toArray() as number[];
  return (weight.toArray() as number[][]).map((row, i) => row.reduce((sum, w, j) => sum + w * x[j], b[i]));
}

function probabilities(x: readonly number[]): number[] {
  const scores = linear(
    out,
    linear(hidden, x).map((value) => Math.max(value, 0)),
  );
  const powers = scores.map((score) => Math.exp(score));
  const total = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / total);
}

test(`${REQUESTS} requests at once get their own answers, and memory returns to its size`, async () => {
  const random = testRandom(7);
  const inputs = Array.from({ length: REQUESTS }, () => Array.from({ length: FEATURES }, () => 4 * random() - 2));
  await ask(JSON.stringify(inputs[0]));
  const before = memory();
  const responses = await Promise.all(inputs.map((input) => ask(JSON.stringify(input))));
  expect(responses.map(({ status }) => status)).toEqual(inputs.map(() => 200));
  const answers = (await Promise.all(responses.map((response) => response.json()))) as number[][];
  answers.forEach((answer, i) => {
    const expected = probabilities(inputs[i]);
    expect(answer).toHaveLength(expected.length);
    answer.forEach((value, k) => {
      expect(Math.abs(value - expected[k])).toBeLessThan(1e-6);
    });
  });
  const after = memory();
  expect(after.liveTensors).toBe(before.liveTensors);
  expect(after.liveBytes).toBe(before.liveBytes);
});

test("bad requests among good ones get an error, and leave no tensors either", async () => {
  const good = JSON.stringify(new Array(FEATURES).fill(1));
  await ask(good);
  const before = memory().liveTensors;
  const bodies = Array.from({ length: 60 }, (_, i) => [good, "[1, 2]", "{"][i % 3]);
  const statuses = await Promise.all(bodies.map(async (body) => (await ask(body)).status));
  expect(statuses).toEqual(bodies.map((body) => (body === good ? 200 : 400)));
  expect(memory().liveTensors).toBe(before);
});
