import { checkModule, type Module } from "../module.ts";

/** Sets the mode of the whole model, until the returned function is called. */
export function useMode(model: Module, training: boolean): () => void {
  checkModule("inMode", "model", model);
  const modules = model.modules();
  const modes = modules.map((module) => module.training);
  model.train(training);
  return () => {
    modules.forEach((module, i) => {
      module.training = modes[i];
    });
  };
}

/**
 * Runs `body` with the whole model in training or evaluation mode, then restores the mode of each module.
 * Modules can have different modes, for example when a part is frozen.
 */
export function inMode<T>(model: Module, training: boolean, body: () => T): T {
  const restore = useMode(model, training);
  try {
    return body();
  } finally {
    restore();
  }
}
