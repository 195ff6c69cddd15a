import { connect, type WorkerLike } from "wasmgrad/worker";
import type { Answer } from "./probe.ts";
import type { Tasks } from "./task.ts";

/** The answer of a worker that runs task.ts; an error if it reports no progress. */
export async function ask(worker: WorkerLike): Promise<Answer> {
  const connection = connect<Tasks>(worker);
  try {
    const run = connection.run("train", null);
    let reports = 0;
    for await (const { step } of run) if (step > 0) reports++;
    const answer = await run.result;
    return reports > 0 ? answer : { error: "no progress" };
  } catch (error) {
    return { error: String(error) };
  } finally {
    connection.close();
  }
}
