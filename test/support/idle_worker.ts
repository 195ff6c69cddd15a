/** Stands in for a worker thread that never starts. */
export class IdleWorker {
  unref() {}
  on() {}
  terminate() {}
}
