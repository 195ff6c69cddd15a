/** The start of a page in several tasks, none of which blocks it for long: the browser can paint between them. */

/** Goes on in a task of its own. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Goes on when the browser has painted. A page that nobody sees is not painted, and does not wait. */
export async function nextPaint(): Promise<void> {
  await new Promise<void>((resolve) => {
    if (document.visibilityState !== "visible") return resolve();
    requestAnimationFrame(() => resolve());
    document.addEventListener("visibilitychange", () => resolve(), { once: true });
  });
  await nextTask();
}
