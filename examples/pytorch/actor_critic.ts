// Balances a pole on a cart: an actor chooses, a critic predicts the sum of the rewards.
// npx tsx examples/pytorch/actor_critic.ts
// see: https://github.com/pytorch/examples/tree/main/reinforcement_learning
import { distributions, Generator, manualSeed, nn, optim, rand, scope, stack, type Tensor, tensor } from "wasmgrad";
import { readArguments } from "./lib/arguments.ts";
import { CartPole } from "./lib/cart_pole.ts";

export class Policy extends nn.Module {
  affine1: nn.Linear;
  actionHead: nn.Linear;
  valueHead: nn.Linear;

  constructor(hidden = 128) {
    super();
    this.affine1 = new nn.Linear(4, hidden);
    this.actionHead = new nn.Linear(hidden, 2);
    this.valueHead = new nn.Linear(hidden, 1);
  }

  /** The probabilities of the two actions, and the expected sum of the rewards. */
  override forward(x: Tensor): [probs: Tensor, value: Tensor] {
    const hidden = this.affine1.forward(x).relu();
    return [this.actionHead.forward(hidden).softmax(-1), this.valueHead.forward(hidden)];
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
    const saved: { logProb: Tensor; value: Tensor }[] = [];
    const rewards: number[] = [];
    let [state, done] = [environment.reset(), false];
    while (!done) {
      const [probs, value] = policy.forward(tensor(state));
      const actions = new distributions.Categorical({ probs });
      const action = choose(actions);
      saved.push({ logProb: actions.logProb(action), value });
      const next = environment.step(action.item());
      ({ state, done } = next);
      rewards.push(next.reward);
    }
    // the discounted sum of the rewards from each step
    const sums: number[] = [];
    for (const reward of rewards.reverse()) sums.unshift(reward + gamma * (sums[0] ?? 0));
    let returns = tensor(sums);
    returns = returns.sub(returns.mean()).div(returns.std().add(2 ** -23));
    const values = stack(saved.map(({ value }) => value)).squeeze(1);
    const logProbs = stack(saved.map(({ logProb }) => logProb));
    const advantages = returns.sub(values.detach());
    const policyLoss = logProbs.neg().mul(advantages).sum();
    const valueLoss = nn.functional.smoothL1Loss(values, returns, { reduction: "sum" });
    const loss = policyLoss.add(valueLoss);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return { loss: loss.item(), steps: rewards.length };
  });
}

export function main(args: readonly string[] = []): number[] {
  const options = readArguments(args, { episodes: 400, gamma: 0.99, lr: 3e-2, seed: 1, log: 10 });
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

if (process.argv[1]?.endsWith("actor_critic.ts")) main(process.argv.slice(2));
