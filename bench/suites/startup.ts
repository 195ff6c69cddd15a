import { execFileSync } from "node:child_process";
import { root } from "../lib/results.ts";
import { median, quantile } from "../lib/statistics.ts";
import type { Context, Suite } from "../lib/suite.ts";
import { digits, printTable } from "../lib/table.ts";
import { entries } from "./size.ts";

export interface StartupRow {
  name: string;
  /** Median milliseconds over new processes, from the start of the import. */
  ms: number;
  low: number;
  high: number;
}

/** Each program prints the milliseconds since its first line, which runs after Node has started. */
const programs: Record<string, string> = {
  import: 'await import("wasmgrad");',
  ...Object.fromEntries(
    entries()
      .slice(1)
      .map((entry) => [`import of ${entry}`, `await import("${entry}");`]),
  ),
  "import and first tensor": `
    const { tensor } = await import("wasmgrad");
    if (tensor([1, 2]).add(1).sum().item() !== 5) throw new Error("wrong");`,
  "import to first training step": `
    const { nn, optim, rand, setNumThreads } = await import("wasmgrad");
    setNumThreads(1);
    const conv = (i, o) => [new nn.Conv2d(i, o, { kernelSize: 3, padding: 1 }), new nn.ReLU(), new nn.MaxPool2d(2, { stride: 2 })];
    const up = (i, o) => new nn.ConvTranspose2d(i, o, { kernelSize: 2, stride: 2 });
    const model = new nn.Sequential(...conv(3, 64), ...conv(64, 128), up(128, 64), new nn.ReLU(), up(64, 3), new nn.Sigmoid());
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
    const images = rand([4, 3, 32, 32]);
    const loss = new nn.MSELoss().forward(model.forward(images.mul(rand(images.shape).gt(0.5))), images);
    loss.backward();
    optimizer.step();
    if (!(Math.abs(loss.item() - 1 / 12) < 0.02)) throw new Error("wrong");`,
};

function timeOf(program: string): number {
  const code = `const start = performance.now();${program}\nconsole.log(performance.now() - start);`;
  // in the package's own folder, where its name resolves to the built package
  return Number(execFileSync(process.execPath, ["--input-type=module", "-e", code], { cwd: root, encoding: "utf8" }));
}

async function run(context: Context): Promise<void> {
  const times = Object.fromEntries(Object.keys(programs).map((name): [string, number[]] => [name, []]));
  for (let round = -1; round < context.rounds; round++) {
    for (const [name, program] of Object.entries(programs)) {
      const ms = timeOf(program);
      if (round >= 0) times[name].push(ms);
    }
  }
  const rows: StartupRow[] = Object.entries(times).map(([name, ms]) => ({
    name,
    ms: median(ms),
    low: quantile(ms, 0.25),
    high: quantile(ms, 0.75),
  }));
  printTable(
    "Fresh processes",
    ["", "ms", "half of the processes"],
    rows.map(({ name, ms, low, high }) => [name, digits(ms), `${digits(low)} to ${digits(high)}`]),
  );
  context.save("startup", rows, { processes: context.rounds });
}

export const startup: Suite = { name: "startup", about: "from the import to the first tensor and the first step", run };
