import { optim } from "wasmgrad";
import { Discriminator, Generator, trainStep } from "../../../examples/pytorch/dcgan.ts";
import { Numbers } from "../numbers.ts";
import type { ExampleCase } from "./case.ts";

const dcgan: ExampleCase = {
  losses(steps) {
    const numbers = new Numbers(6);
    const networks = [numbers.fill(new Generator(8, 4)), numbers.fill(new Discriminator(4))] as const;
    const [g, d] = networks.map((net) => new optim.Adam(net.parameters(), { lr: 1e-3, betas: [0.5, 0.999] }));
    const real = numbers.uniform([8, 1, 32, 32], -1, 1);
    return Array.from({ length: steps }, () => trainStep(networks, [g, d], real, numbers.normal([8, 8, 1, 1])));
  },
  smoke: ["--count", "60", "--batch-size", "20", "--epochs", "1", "--width", "4"],
  pictures: ["dcgan.png"],
};
export default dcgan;
