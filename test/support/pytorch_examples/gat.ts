import { optim } from "wasmgrad";
import { GAT, trainStep } from "../../../examples/pytorch/gat.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";
import { graph } from "./gcn.ts";

const gat: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(32);
    const model = numbers.fill(new GAT(6, 8, 2, { heads: 2, dropout: 0 }));
    const data = graph(numbers);
    const optimizer = new optim.Adam(model.parameters(), { lr: 0.05, weightDecay: 5e-4 });
    return Array.from({ length: steps }, () => trainStep(model, optimizer, data));
  },
  smoke: ["--epochs", "40", "--hidden", "16"],
  falls: 0.9,
};
export default gat;
