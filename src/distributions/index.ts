/** Distributions, named as in `torch.distributions`: samples, logarithms of probabilities, entropies. */
export { Categorical, type CategoricalOptions } from "./categorical.ts";
export { klDivergence } from "./kl_divergence.ts";
export { Normal } from "./normal.ts";
