/** A worker's module: trains by wasmgrad/worker. */
import { expose, type Task, type TrainingReport } from "wasmgrad/worker";
import { type Answer, probe, trainByTrainer } from "./probe.ts";

const tasks = {
  /** The probe, with one more training, which reports its progress. */
  async train(_: null, task: Task<TrainingReport>): Promise<Answer> {
    const answer = await probe();
    if (answer.error !== undefined) return answer;
    return { ...answer, bits: [...(answer.bits ?? []).slice(1), await trainByTrainer((trainer) => task.fit(trainer))] };
  },
};

export type Tasks = typeof tasks;

expose(tasks);
