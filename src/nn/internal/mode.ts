import { checkModule, type Module } from "../module.ts";

/**
 * Runs `body` with the whole model in training or evaluation mode, then restores the mode of each module.
 * Modules can have different modes, for example when a part is frozen.
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
