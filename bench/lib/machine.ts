import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";

/**
 * What a figure depends on, besides the code. It contains nothing that identifies the machine or its folders.
 */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  node: string;
  v8: string;
  date: string;
}

/** "AMD EPYC, family 23, model 1": in a virtual machine, the name alone may cover ten years of processors. */
function processor(): string {
  const name = cpus()[0]?.model.trim() ?? "unknown";
  const details = existsSync("/proc/cpuinfo") ? readFileSync("/proc/cpuinfo", "utf8") : "";
  const [family, model] = ["cpu family", "model"].map(
    (key) => new RegExp(`^${key}\\s*: (\\d+)$`, "m").exec(details)?.[1],
  );
  return family && model ? `${name}, family ${family}, model ${model}` : name;
}

export function machine(): Machine {
  return {
    cpu: processor(),
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    v8: process.versions.v8,
    date: new Date().toISOString().slice(0, 10),
  };
}
