import { checkFunction, refusePromise } from "../checks.ts";

/** Whether operations record a graph. */
export let gradEnabled = true;

/** Sets whether operations record a graph, until the returned function is called. */
export function useGradEnabled(enabled: boolean): () => void {
  const before = gradEnabled;
  gradEnabled = enabled;
  return () => {
    gradEnabled = before;
  };
}

function withGradEnabled<T>(op: string, enabled: boolean, body: () => T): T {
  checkFunction(op, "body", body);
  const restore = useGradEnabled(enabled);
  try {
    return refusePromise(op, body());
  } finally {
    restore();
  }
}

/**
 * Runs `body` without recording a graph: its results do not require gradients, and nothing is saved for
 * backward. Matches `torch.no_grad`.
 */
export function noGrad<T>(body: () => T): T {
  return withGradEnabled("noGrad", false, body);
}

/** Runs `body` with graph recording on again, inside a `noGrad`. Matches `torch.enable_grad`. */
export function enableGrad<T>(body: () => T): T {
  return withGradEnabled("enableGrad", true, body);
}

/**
 * The same as `noGrad`. Matches `torch.inference_mode`, but its results can be used in later graphs.
 */
export function inferenceMode<T>(body: () => T): T {
  return withGradEnabled("inferenceMode", false, body);
}

/** True unless inside `noGrad`. */
export function isGradEnabled(): boolean {
  return gradEnabled;
}
