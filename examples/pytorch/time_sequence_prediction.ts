// Two LSTM cells learn sine waves with L-BFGS, and continue them.
// npx tsx examples/pytorch/time_sequence_prediction.ts
// see: https://github.com/pytorch/examples/tree/main/time_sequence_prediction
import { arange, cat, manualSeed, nn, noGrad, optim, randint, scope, stack, type Tensor, zeros } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";

export class Sequence extends nn.Module {
  lstm1: nn.LSTMCell;
  lstm2: nn.LSTMCell;
  linear: nn.Linear;
  readonly hidden: number;

  constructor(hidden = 51) {
    super();
    this.hidden = hidden;
    this.lstm1 = new nn.LSTMCell(1, hidden);
    this.lstm2 = new nn.LSTMCell(hidden, hidden);
    this.linear = new nn.Linear(hidden, 1);
  }

  /** The next value after each of `input` [N, L], and after that `future` further ones: [N, L + future]. */
  override forward(input: Tensor, future = 0): Tensor {
    const [n, length] = input.shape;
    const outputs: Tensor[] = [];
    let [h1, c1, h2, c2] = Array.from({ length: 4 }, () => zeros([n, this.hidden]));
    for (let i = 0; i < length + future; i++) {
      const x = i < length ? input.narrow(1, i, 1) : outputs[i - 1];
      [h1, c1] = this.lstm1.forward(x, [h1, c1]);
      [h2, c2] = this.lstm2.forward(h1, [h2, c2]);
      outputs.push(this.linear.forward(h2));
    }
    return cat(outputs, 1);
  }
}

/** One step of L-BFGS. Returns the loss of each evaluation. The last value of `waves` is a target only. */
export function trainStep(model: Sequence, optimizer: optim.LBFGS, waves: Tensor): number[] {
  const criterion = new nn.MSELoss();
  const losses: number[] = [];
  optimizer.step(() =>
    scope(() => {
      optimizer.zeroGrad();
      const loss = criterion.forward(model.forward(waves.slice(1, 0, -1)), waves.slice(1, 1));
      loss.backward();
      losses.push(loss.item());
      return loss;
    }),
  );
  return losses;
}

/** Values from -1 to 1 as a line of characters. */
function plot(values: Iterable<number>): string {
  return Array.from(values, (v) => "▁▂▃▄▅▆▇█"[Math.min(7, Math.max(0, Math.round(3.5 * (1 + v))))]).join("");
}

export function main(args: readonly string[] = []): number[] {
  const options = readArguments(args, { steps: 6, waves: 24, length: 100, period: 20, hidden: 51, lr: 0.8, seed: 0 });
  manualSeed(options.seed);
  // sine waves of one period, each with another phase
  const phases = randint(-4 * options.period, 4 * options.period, [options.waves, 1]);
  const waves = arange(options.length).add(phases).div(options.period).sin();
  const [train, valid] = [waves.slice(0, 3), waves.slice(0, 0, 3)];
  const model = new Sequence(options.hidden);
  const optimizer = new optim.LBFGS(model.parameters(), { lr: options.lr });
  const losses: number[] = [];
  for (let step = 0; step < options.steps; step++) {
    losses.push(...trainStep(model, optimizer, train));
    scope(() =>
      noGrad(() => {
        const future = options.length;
        const known = valid.slice(1, 0, -1);
        const predicted = model.forward(known, future);
        const loss = nn.functional.mseLoss(predicted.slice(1, 0, -future), valid.slice(1, 1));
        console.log(`step ${step}: loss ${losses.at(-1)?.toFixed(6)}, test loss ${loss.item().toFixed(6)}`);
        if (step === options.steps - 1) {
          for (const wave of stack([known, predicted.slice(1, future - 1, -1)], 1)
            .index(0)
            .unbind()) {
            console.log(plot(wave.data()));
          }
        }
      }),
    );
  }
  return losses;
}

if (process.argv[1]?.endsWith("time_sequence_prediction.ts")) main(process.argv.slice(2));
