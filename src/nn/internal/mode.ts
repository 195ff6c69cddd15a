import { checkModule, type Module } from "../module.ts";

/**
 * Runs `body` with the whole model in training mode or out of it, then gives each module back the mode it
 * had: a part may be frozen.
 */
export function inMode<T>(model: Module, training: boolean, body: () => T): T {
  checkModule("inMode", "model", model);
  const modules = model.modules();
  const modes = modules.map((module) => module.training);
  model.train(training);
  try {
    return body();
  } finally {
    modules.forEach((module, i) => {
      module.training = modes[i];
    });
  }
}
