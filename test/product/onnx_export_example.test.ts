/** examples/onnx/export.ts: the exported file gives onnxruntime the pictures that the trained model makes. */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { afterAll, expect, test, vi } from "vitest";
import { exportAutoencoder } from "../../examples/onnx/export.ts";

const folder = mkdtempSync(join(tmpdir(), "wasmgrad-onnx-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the autoencoder in onnxruntime differs by rounding only", async () => {
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  const file = join(folder, "autoencoder.onnx");
  expect(await exportAutoencoder(1, 40, file)).toBeLessThan(1e-6);
  // 109,507 weights of 4 bytes
  expect(statSync(file).size).toBeGreaterThan(438_000);
  expect(log.mock.calls.map(([line]) => String(line).split(":")[0])).toEqual([
    "epoch 1",
    file,
    "largest difference of 21504 pixels between 0 and 1",
    file.replace(".onnx", ".png"),
  ]);
  const { width, height } = decode(readFileSync(file.replace(".onnx", ".png")));
  expect([width, height].every((side) => side > 5 * 32)).toBe(true);
  log.mockRestore();
});
