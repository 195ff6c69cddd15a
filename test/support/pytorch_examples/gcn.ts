import { eye, optim } from "wasmgrad";
import { GCN, normalize, trainStep } from "../../../examples/pytorch/gcn.ts";
import type { KarateClub } from "../../../examples/pytorch/lib/karate_club.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

/** A made graph of 34 nodes. */
export function graph(numbers: Numbers): KarateClub {
  const chances = numbers.uniform([34, 34]);
  const adjacency = chances.add(chances.t()).gt(1.4).logicalOr(eye(34).bool()).float();
  return { adjacency, features: numbers.uniform([34, 6], -1, 1), labels: numbers.integers([34], 2) };
}

const gcn: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(31);
    const model = numbers.fill(new GCN(6, 8, 2, { useBias: true, dropout: 0 }));
    const made = graph(numbers);
    const data = { ...made, adjacency: normalize(made.adjacency) };
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.05, weightDecay: 5e-4 });
    return Array.from({ length: steps }, () => trainStep(model, optimizer, data));
  },
  smoke: ["--epochs", "40"],
  falls: 0.5,
};
export default gcn;
