import { optim, tensor } from "wasmgrad";
import { CartPole } from "../../../examples/pytorch/lib/cart_pole.ts";
import { Policy, trainEpisode } from "../../../examples/pytorch/reinforce.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const reinforce: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(36);
    const policy = numbers.fill(new Policy({ hidden: 16, dropout: 0 }));
    const optimizer = new optim.Adam(policy.parameters(), { lr: 1e-2 });
    const environment = new CartPole(() => numbers.next());
    return Array.from({ length: steps }, () => {
      const episode = trainEpisode(policy, optimizer, environment, {
        gamma: 0.99,
        choose: ({ probs }) => tensor([numbers.next() < probs.at(0, 0).item() ? 0 : 1], { dtype: "int32" }),
      });
      return episode.loss;
    });
  },
  // the loss is a small difference of large terms, as the returns have mean 0
  tolerance: 1e-4,
  smoke: ["--episodes", "12"],
};
export default reinforce;
