import { optim, tensor } from "wasmgrad";
import { Policy, trainEpisode } from "../../../examples/pytorch/actor_critic.ts";
import { CartPole } from "../../../examples/pytorch/lib/cart_pole.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const actorCritic: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(37);
    const policy = numbers.fill(new Policy(16));
    const optimizer = new optim.Adam(policy.parameters(), { lr: 3e-2 });
    const environment = new CartPole(() => numbers.next());
    return Array.from({ length: steps }, () => {
      const episode = trainEpisode(policy, optimizer, environment, {
        gamma: 0.99,
        choose: ({ probs }) => tensor(numbers.next() < probs.at(0).item() ? 0 : 1, { dtype: "int32" }),
      });
      return episode.loss;
    });
  },
  smoke: ["--episodes", "12"],
};
export default actorCritic;
