import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { expect, it } from "vitest";

it("the schema is what onnx.proto and buf.gen.yaml give", () => {
  const folder = mkdtempSync(join(tmpdir(), "onnx-schema-"));
  try {
    const env = { ...process.env, PATH: [resolve("node_modules/.bin"), process.env.PATH].join(delimiter) };
    const buf = [resolve("node_modules/@bufbuild/buf/bin/buf"), "generate", "--output", folder];
    const { status, stderr } = spawnSync(process.execPath, buf, { env, encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    const path = "src/onnx/schema/onnx_pb.ts";
    expect(readFileSync(join(folder, path), "utf8")).toBe(readFileSync(path, "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
