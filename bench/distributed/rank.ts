/**
 * One rank of a benchmark; rank 0 prints the times as JSON.
 * usage: mpirun -n 2 node --import tsx bench/distributed/rank.ts step 64 8, or reduce 111000
 */
import { setTimeout as wait } from "node:timers/promises";
import { manualSeed, nn, ones, optim, rand, scope, setNumThreads, type Tensor } from "wasmgrad";
import { DistributedDataParallel, initProcessGroup, type ProcessGroup } from "wasmgrad/distributed";
import { InpaintingAutoencoder } from "../../examples/inpainting/model.ts";
import { samplesOfShard, shardsToLoad } from "../../src/data/shards.ts";
import { loadLibrary, nativeAddress } from "../../src/distributed/ffi.ts";
import { findLauncher } from "../../src/distributed/launcher.ts";
import { openMpi } from "../../src/distributed/mpi.ts";
import { TreePlan } from "../../src/distributed/tree.ts";
import { VectorPool } from "../../src/distributed/vector_pool.ts";
import { linearMemory } from "../../src/runtime/linear_memory.ts";
import { settle } from "../../src/runtime/parallel/pending.ts";

setNumThreads(1);
const group = initProcessGroup();
const [kind, size, given] = process.argv.slice(2);

/** Steps in a row of one kind, which are timed together. */
const STEPS = 5;

function millisecondsOf(body: () => void): number {
  const began = performance.now();
  body();
  settle();
  return performance.now() - began;
}

/**
 * Steps of the inpainting autoencoder that take turns: on rank 0 alone, not cut and cut into shards, then on
 * all ranks together, and at last each rank its shards without the others' gradients, which is the limit of
 * the machine. While rank 0 computes alone, the others sleep.
 */
function steps(batch: number, shards: number, rounds: number): object {
  const images = rand([batch, 3, 32, 32]);
  const step = (own: ProcessGroup | undefined, isCut: boolean, size = batch, count = shards) => {
    manualSeed(1);
    const model = new InpaintingAutoencoder();
    const criterion = new nn.MSELoss();
    const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
    const lossOf = (x: Tensor) => criterion.forward(model.forward(x.mul(rand(x.shape).gt(0.5))), x);
    const parallel = isCut ? new DistributedDataParallel(model, { group: own, shards: count }) : null;
    const { first, end } = shardsToLoad(own ?? { rank: 0, worldSize: 1 }, count);
    const cut = Array.from({ length: end - first }, (_, i) => {
      const [from, to] = samplesOfShard(size, first + i, count);
      return images.narrow(0, from, to - from);
    });
    return () =>
      scope(() => {
        optimizer.zeroGrad();
        if (parallel) parallel.backward({ size, shards: count, first, parts: cut }, lossOf);
        else lossOf(images).backward();
        optimizer.step();
      });
  };
  const alone = { whole: step(undefined, false), cut: step(undefined, true) };
  const together = step(group, true);
  const apart = step(undefined, true, batch / group.worldSize, shards / group.worldSize);
  const times: Record<string, number[]> = { whole: [], cut: [], together: [], apart: [] };
  for (let round = -1; round < rounds; round++) {
    for (const [name, body] of Object.entries({ ...alone, together, apart })) {
      group.barrier();
      if (group.rank !== 0 && Object.hasOwn(alone, name)) continue;
      body(); // a processor that has slept begins slowly
      const taken = millisecondsOf(() => {
        for (let i = 0; i < STEPS; i++) body();
      });
      if (round >= 0) times[name].push(taken / STEPS);
    }
  }
  return times;
}

/** The sum over ranks: by the tree, by the tree after the ranks have met, and by MPI's own function. */
async function reductions(length: number): Promise<object> {
  const library = loadLibrary(group.library.startsWith("MPICH") ? ["libmpich.so.12"] : ["libmpi.so.40"], [])!;
  const mpi = openMpi(findLauncher(process.env)!, process.env.WASMGRAD_MPI);
  const { handle, world, inPlace } = mpi.constants;
  const isOpen = mpi.constants.kind === "Open MPI";
  const float = isOpen ? library.addressOf("ompi_mpi_float") : 0x4c00040a;
  const sum = isOpen ? library.addressOf("ompi_mpi_op_sum") : 0x58000003;
  const allReduce = library.func("MPI_Allreduce", ["void *", "void *", "int", handle, handle, handle]);
  const base = nativeAddress(new Uint8Array(linearMemory.buffer, 0, 8));
  const x = ones([length]).mul(1e-3);
  const { address } = x.array;
  const plan = new TreePlan(group.worldSize, group.worldSize);
  const pool = new VectorPool();
  const bodies = {
    tree: () => void group.sum(plan, [{ address, length }], length, pool),
    "tree after meeting": () => group.allReduce(x),
    MPI_Allreduce: () => void allReduce(inPlace, base + BigInt(address), length, float, sum, world),
  };
  const times: Record<string, number[]> = { tree: [], "tree after meeting": [], MPI_Allreduce: [] };
  for (let round = 0; round < (length > 1e6 ? 15 : 600); round++) {
    for (const [name, body] of Object.entries(bodies)) {
      group.barrier();
      times[name].push(millisecondsOf(body));
    }
    if (round % 10 === 9) await wait(20);
  }
  return times;
}

const result = kind === "step" ? steps(Number(size), Number(given), 8) : await reductions(Number(size));
if (group.rank === 0) console.log(JSON.stringify(result));
