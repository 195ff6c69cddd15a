/**
 * Threads in a page need two headers, which make it cross-origin isolated. A static host often cannot send
 * them. A service worker of the site then adds them to the pages that it has fetched.
 */

/** Whether a service worker could isolate this page, which is not isolated yet. */
export function canIsolate(): boolean {
  return !globalThis.crossOriginIsolated && window.isSecureContext && "serviceWorker" in navigator;
}

/** Starts the service worker and loads the page again, which is then isolated. */
export async function isolate(): Promise<void> {
  const script = `${import.meta.env.BASE_URL}isolation_worker.js`;
  await navigator.serviceWorker.register(script, { scope: import.meta.env.BASE_URL });
  await navigator.serviceWorker.ready;
  location.reload();
}
