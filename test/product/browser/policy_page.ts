/** Posts how the library behaves under the page's policy: results, errors, threads and console lines. */
const lines: string[] = [];
for (const method of ["warn", "error"] as const) {
  console[method] = (...values) => void lines.push(values.join(" "));
}
const results: string[] = [];
const threads: number[] = [];
try {
  const { getNumThreads, manualSeed, rand, scope, setNumThreads, WasmgradError } = await import("wasmgrad");
  setNumThreads(3);
  const work = () =>
    scope(() => {
      manualSeed(1);
      return rand([300, 300])
        .matmul(rand([300, 300]))
        .mean()
        .item();
    });
  for (let turn = 0; turn < 3; turn++) {
    threads.push(getNumThreads());
    try {
      results.push(String(work()));
    } catch (error) {
      results.push(`${error instanceof WasmgradError ? "" : "untyped "}${error}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
  threads.push(getNumThreads());
} catch (error) {
  results.push(`at the import: ${error}`);
}
const { crossOriginIsolated } = globalThis;
await fetch("/answer", { method: "POST", body: JSON.stringify({ crossOriginIsolated, results, threads, lines }) });
