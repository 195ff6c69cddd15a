/**
 * One rank of a benchmark; rank 0 prints the times as JSON.
 * usage: mpirun -n 2 node --import tsx bench/distributed/rank.ts step 64 8, or reduce 111000
 */
import { setTimeout as wait } from "node:timers/promises";
import { manualSeed, nn, ones, optim, rand, scope, setNumThreads, type Tensor } from "wasmgrad";
import { DistributedDataParallel, initProcessGroup } from "wasmgrad/distributed";
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

/** Milliseconds of wall clock and of this process' processor time. */
function time(body: () => void): { ms: number; cpu: number } {
  const [began, before] = [performance.now(), process.cpuUsage()];
  body();
  settle();
  const { user, system } = process.cpuUsage(before);
  return { ms: performance.now() - began, cpu: (user + system) / 1000 };
}

/** A step of the inpainting autoencoder. Without shards it is a plain loop. */
function steps(batch: number, shards: number): object {
  manualSeed(1);
  const model = new InpaintingAutoencoder();
  const criterion = new nn.MSELoss();
  const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3 });
  const images = rand([batch, 3, 32, 32]);
  const lossOf = (x: Tensor) => criterion.forward(model.forward(x.mul(rand(x.shape).gt(0.5))), x);
  const plain = () =>
    scope(() => {
      optimizer.zeroGrad();
      const loss = lossOf(images);
      loss.backward();
      optimizer.step();
      loss.item();
    });
  const parallel = shards > 0 ? new DistributedDataParallel(model, { group, shards }) : null;
  const part = shardsToLoad(group, Math.max(shards, 1));
  const rows = (shard: number) => {
    const [first, end] = samplesOfShard(batch, shard, shards);
    return images.narrow(0, first, end - first);
  };
  const cut = () =>
    scope(() => {
      const parts = Array.from({ length: part.end - part.first }, (_, i) => rows(part.first + i));
      parallel!.backward({ size: batch, shards, first: part.first, parts }, lossOf);
      optimizer.step();
    });
  const times = Array.from({ length: 14 }, () => {
    group.barrier();
    return time(parallel ? cut : plain);
  });
  return { steps: times.slice(2) };
}

/** The sum over ranks: by the tree, by the tree after the ranks have met, and by MPI's own function. */
async function reductions(length: number): Promise<object> {
  const library = loadLibrary(group.library.startsWith("MPICH") ? ["libmpich.so.12"] : ["libmpi.so.40"], [])!;
  const mpi = openMpi(findLauncher(process.env)!, process.env.WASMGRAD_MPI);
  const { handle, world, inPlace } = mpi.constants;
  const isOpen = mpi.kind === "Open MPI";
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
  for (let round = 0; round < (length > 1e6 ? 15 : 60); round++) {
    for (const [name, body] of Object.entries(bodies)) {
      group.barrier();
      times[name].push(time(body).ms);
    }
    if (round % 10 === 9) await wait(20);
  }
  return times;
}

const result = kind === "step" ? steps(Number(size), Number(given)) : await reductions(Number(size));
if (group.rank === 0) console.log(JSON.stringify(result));
