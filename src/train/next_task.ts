/**
 * Waits until the event loop has run other tasks: signals, timers, drawing. `setImmediate`, which browsers
 * lack, does not wait longer than that; `setTimeout` waits a millisecond or more.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === "function") setImmediate(resolve);
    else setTimeout(resolve);
  });
}
