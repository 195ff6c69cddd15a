/** A job in which one rank ends in the way that the arguments name: rank, step, way. */
import { setImmediate } from "node:timers/promises";
import { full } from "wasmgrad";
import { initProcessGroup } from "wasmgrad/distributed";

const [victim, last, way] = process.argv.slice(2);

function fill(): never {
  const arrays: number[][] = [];
  for (;;) arrays.push(new Array(1e5).fill(arrays.length));
}

const WAYS: Record<string, () => void | Promise<void>> = {
  throw: () => {
    throw new Error("boom");
  },
  reject: async () => {
    void Promise.reject(new Error("boom"));
    await setImmediate();
  },
  exit3: () => process.exit(3),
  exit0: () => process.exit(0),
  kill: () => void process.kill(process.pid, "SIGKILL"),
  segfault: () => void process.kill(process.pid, "SIGSEGV"),
  stop: () => void process.kill(process.pid, "SIGSTOP"),
  loop: () => {
    for (;;);
  },
  memory: fill,
  none: () => {},
};

const group = initProcessGroup({ timeoutSeconds: 3 });
console.log(`rank ${group.rank} has pid ${process.pid}`);
const x = full([1000], group.rank);
for (let step = 1; step <= 2000; step++) {
  if (group.rank === Number(victim) && step === Number(last)) {
    console.log(`died ${Date.now()}`);
    await WAYS[way]();
  }
  group.allReduce(x);
  await setImmediate();
}
console.log(`rank ${group.rank} is done`);
