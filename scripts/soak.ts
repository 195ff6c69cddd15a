/**
 * Checks that memory stays flat: `node --import tsx scripts/soak.ts [seconds] [program …]`, by default 60
 * seconds of each program:
 * - `server`: examples/server.ts under 200 concurrent requests,
 * - `unscoped`: the same server, but its answers are computed outside every scope,
 * - `loop`: a plain training loop without scopes that awaits a timer in each iteration.
 * It prints samples of the memory. It exits with 1 if memory grows or a request fails.
 */
import { once } from "node:events";
import { Agent, createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { memory, nn, optim, rand, tensor } from "wasmgrad";
import { makeClassifier, makeServer } from "../examples/server.ts";
import { isFlat, SAMPLES, type Sample, shown } from "./soak_samples.ts";

const CLIENTS = 200;

type Program = (running: () => boolean) => Promise<number>;

/** Sends requests from CLIENTS clients at once until the time is over; returns the number of answers. */
async function load(server: Server, running: () => boolean): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const body = JSON.stringify(Array.from({ length: 3 * 32 * 32 }, (_, i) => (i % 17) / 17));
  let answered = 0;
  const ask = async () => {
    const sent = request({ host: "127.0.0.1", port, agent, method: "POST" });
    sent.end(body);
    const [response] = await once(sent, "response");
    const answer = await text(response);
    if (response.statusCode !== 200) throw new Error(`request ${answered}: ${response.statusCode} ${answer}`);
    answered++;
  };
  const client = async () => {
    while (running()) await ask();
  };
  try {
    await Promise.all(Array.from({ length: CLIENTS }, client));
  } finally {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  }
  return answered;
}

/** A server whose handler does not use scopes. */
function unscopedServer(model: nn.Sequential): Server {
  return createServer(async (incoming, response) => {
    try {
      let y = tensor([JSON.parse(await text(incoming)) as number[]], { dtype: "float32" });
      for (const layer of model) {
        y = layer.forward(y);
        await setImmediate();
      }
      response.end(JSON.stringify([...y.softmax(1).data()]));
    } catch (error) {
      response.statusCode = 500;
      response.end(String(error));
    }
  });
}

const PROGRAMS: Record<string, Program> = {
  server: (running) => load(makeServer(makeClassifier()), running),
  unscoped: (running) => load(unscopedServer(makeClassifier()), running),
  async loop(running) {
    const model = makeClassifier();
    const optimizer = new optim.Adam(model.parameters());
    let turns = 0;
    for (; running(); turns++) {
      const loss = nn.functional.mseLoss(model.forward(rand([64, 3 * 32 * 32])), rand([64, 10]));
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      await setImmediate();
    }
    return turns;
  },
};

function sample(): Sample {
  const { liveBytes: live, reservedBytes: reserved } = memory();
  return { rss: process.memoryUsage.rss(), reserved, live };
}

async function soak(name: string, seconds: number): Promise<boolean> {
  const end = performance.now() + seconds * 1000;
  const samples: Sample[] = [];
  const timer = setInterval(
    () => {
      const now = sample();
      samples.push(now);
      console.log(`${name} ${((samples.length * seconds) / SAMPLES).toFixed(0)} s: ${shown(now)}`);
    },
    (seconds * 1000) / SAMPLES,
  );
  try {
    const count = await PROGRAMS[name](() => performance.now() < end);
    console.log(`${name}: ${count} ${name === "loop" ? "turns" : "requests answered"}`);
  } catch (error) {
    console.log(`${name}: FAILED: ${error}`);
    return false;
  } finally {
    clearInterval(timer);
  }
  return isFlat(name, samples);
}

const [seconds = "60", ...names] = process.argv.slice(2);
for (const name of names.length > 0 ? names : Object.keys(PROGRAMS)) {
  console.log(`Node ${process.version}, ${name}`);
  if (!(await soak(name, Number(seconds)))) process.exitCode = 1;
}
process.exit();
