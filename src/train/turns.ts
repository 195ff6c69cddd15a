/**
 * How long training keeps the thread before it lets the event loop run other tasks. A page cannot draw or
 * react meanwhile, so a step is cut there too: training keeps the thread for `ms` and one operation.
 */
export const turnLimits = {
  get ms(): number {
    return isPage() ? 10 : 50;
  },
  get cutsSteps(): boolean {
    return isPage();
  },
};

/** Whether this thread draws a page and receives its events. */
function isPage(): boolean {
  return typeof document === "object";
}

/** The time when the event loop last ran other tasks. */
let began = 0;

export const turnBegan = (): number => began;

export function beginTurn(): void {
  began = performance.now();
}

export function isTurnOver(): boolean {
  return performance.now() - began > turnLimits.ms;
}

/** Waits until the event loop has run other tasks: signals, timers, events, drawing. */
export async function nextTask(): Promise<void> {
  await otherTasks();
  beginTurn();
}

let channel: MessageChannel | undefined;
const waiting: (() => void)[] = [];

/**
 * Never waits for a timer: browsers run timers of a hidden tab once a second, and others after 4 ms or more.
 * `scheduler.yield` does not do: Chromium would run no timers and no messages in a whole training run.
 */
function otherTasks(): Promise<void> {
  return new Promise((resolve) => {
    try {
      if (typeof setImmediate === "function") {
        setImmediate(resolve);
        return;
      }
      if (typeof MessageChannel === "function") {
        if (!channel) {
          channel = new MessageChannel();
          channel.port1.onmessage = () => waiting.shift()?.();
        }
        waiting.push(resolve);
        channel.port2.postMessage(null);
        return;
      }
    } catch {} // Next's edge runtime has functions of these names that throw
    setTimeout(resolve);
  });
}
