// A policy learns to balance a pole on a cart, from whole episodes: the algorithm REINFORCE.
// npx tsx examples/pytorch/reinforce.ts
// see: https://github.com/pytorch/examples/tree/main/reinforcement_learning
import { distributions, Generator, manualSeed, nn, optim, rand, scope, stack, type Tensor, tensor } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";
import { CartPole } from "./lib/cart_pole.ts";

export class Policy extends nn.Module {
  affine1: nn.Linear;
  dropout: nn.Dropout;
  affine2: nn.Linear;

  constructor({ hidden = 128, dropout = 0.6 } = {}) {
    super();
    this.affine1 = new nn.Linear(4, hidden);
    this.dropout = new nn.Dropout(dropout);
    this.affine2 = new nn.Linear(hidden, 2);
  }

  /** The probabilities of the two actions. */
  override forward(x: Tensor): Tensor {
    return this.affine2.forward(this.dropout.forward(this.affine1.forward(x)).relu()).softmax(1);
  }
}

interface EpisodeOptions {
  gamma: number;
  /** Chooses an action. Default: a random one, with the policy's probabilities. */
  choose?: (actions: distributions.Categorical) => Tensor;
}

/** Plays an episode and learns from it. */
export function trainEpisode(
  policy: Policy,
  optimizer: optim.Optimizer,
  environment: CartPole,
  { gamma, choose = (actions) => actions.sample() }: EpisodeOptions,
): { loss: number; steps: number } {
  return scope(() => {
    const logProbs: Tensor[] = [];
    const rewards: number[] = [];
    let [state, done] = [environment.reset(), false];
    while (!done) {
      const actions = new distributions.Categorical({ probs: policy.forward(tensor([state])) });
      const action = choose(actions);
      logProbs.push(actions.logProb(action));
      const next = environment.step(action.item());
      ({ state, done } = next);
      rewards.push(next.reward);
    }
    // the discounted sum of the rewards from each step
    const sums: number[] = [];
    for (const reward of rewards.reverse()) sums.unshift(reward + gamma * (sums[0] ?? 0));
    let returns = tensor(sums);
    returns = returns.sub(returns.mean()).div(returns.std().add(2 ** -23));
    const loss = stack(logProbs).squeeze(1).neg().mul(returns).sum();
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return { loss: loss.item(), steps: rewards.length };
  });
}

export function main(args: readonly string[] = []): number[] {
  const options = readArguments(args, { episodes: 400, gamma: 0.99, lr: 1e-2, seed: 1, log: 10 });
  manualSeed(options.seed);
  const generator = new Generator(options.seed);
  const environment = new CartPole(() => rand([], { generator }).item());
  const policy = new Policy();
  const optimizer = new optim.Adam(policy.parameters(), { lr: options.lr });
  const losses: number[] = [];
  let runningReward = 10;
  for (let episode = 1; episode <= options.episodes && runningReward <= 475; episode++) {
    const { loss, steps } = trainEpisode(policy, optimizer, environment, options);
    losses.push(loss);
    runningReward += 0.05 * (steps - runningReward);
    if (episode % options.log === 0) {
      console.log(`episode ${episode}: last reward ${steps}, average reward ${runningReward.toFixed(2)}`);
    }
  }
  return losses;
}

if (process.argv[1]?.endsWith("reinforce.ts")) main(process.argv.slice(2));
