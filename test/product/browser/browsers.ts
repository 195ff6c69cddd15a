/**
 * Opens pages in real browsers, Chromium, Firefox and WebKitGTK, without a driver: a page posts its answer to
 * the server that it came from. CHROMIUM, FIREFOX and WEBKIT name the browsers (default: the system's).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BuildOptions, build } from "esbuild";

export type BrowserName = "chromium" | "firefox" | "webkit";

export const COMMANDS: Record<BrowserName, string> = {
  chromium: process.env.CHROMIUM ?? "/usr/bin/chromium",
  firefox: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
  webkit: process.env.WEBKIT ?? "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
};

/** Headers that make a page cross-origin isolated. */
export const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** WebKitGTK's browser needs a display, which xvfb-run makes. */
export function hasBrowser(name: BrowserName): boolean {
  return existsSync(COMMANDS[name]) && (name !== "webkit" || existsSync("/usr/bin/xvfb-run"));
}

/** A file of the page; undefined if it does not exist. */
export type FileOf = (path: string) => { type: string; body: string | Uint8Array } | undefined;

/**
 * What stands for "wasmgrad/kernels" in the files of the package: see docs/platforms.md. A page could have an
 * import map, but a worker has none.
 */
const KERNELS = '"/dist/runtime/code/packed.js"';

/** A page, with the built package and its programs, which the page and its workers may import. */
export function withPackage(page: string): FileOf {
  return (path) => {
    if (path === "/") return { type: "text/html", body: page };
    if (!/^\/(dist|scripts)\/[\w/.-]+js$/.test(path) || path.includes("..")) return undefined;
    const body = readFileSync(join(".", path), "utf8").replace(/(?<=from )"wasmgrad\/kernels"/, KERNELS);
    return { type: "text/javascript", body };
  };
}

/** The script of a page, bundled: a file of this folder, which imports the built package. */
export async function bundlePage(file: string, options: BuildOptions = {}): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [new URL(file, import.meta.url).pathname],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    logLevel: "error",
    tsconfigRaw: {}, // not this repository's: "wasmgrad" must be found by the package's exports
    ...options,
  });
  return outputFiles?.[0].text ?? "";
}

function startBrowser(name: BrowserName, profile: string, url: string): ChildProcess {
  if (name === "webkit") {
    // isolated pages have shared memory in Safari; in WebKitGTK, if this variable is set
    const folders = { XDG_DATA_HOME: profile, XDG_CACHE_HOME: profile, XDG_CONFIG_HOME: profile };
    const env = { ...process.env, ...folders, JSC_useSharedArrayBuffer: "1" };
    return spawn("xvfb-run", ["-a", COMMANDS.webkit, url], { stdio: "ignore", detached: true, env });
  }
  const args =
    name === "chromium"
      ? [
          ...["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
          ...["--disable-sync", "--no-first-run", `--user-data-dir=${profile}`],
        ]
      : ["--headless", "--no-remote", "--profile", profile];
  if (name === "firefox") {
    const preferences = {
      "browser.shell.checkDefaultBrowser": false,
      "datareporting.policy.dataSubmissionEnabled": false,
    };
    const lines = Object.entries(preferences).map(([key, value]) => `user_pref("${key}", ${value});`);
    writeFileSync(join(profile, "user.js"), lines.join("\n"));
  }
  return spawn(COMMANDS[name], [...args, url], { stdio: "ignore", detached: true });
}

/** A server of a page. */
interface Served {
  address: string;
  /** The JSON that the page posts to /answer. */
  answer: Promise<unknown>;
  close(): void;
}

/** Starts the server of a page with the files of `fileOf` and the given headers. */
export async function servePage(headers: Record<string, string>, fileOf: FileOf): Promise<Served> {
  const server = createServer();
  const answer = new Promise((resolve) => {
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      if (request.method === "POST") {
        let text = "";
        request.on("data", (part) => (text += part));
        request.on("end", () => {
          response.writeHead(204, headers).end();
          resolve(JSON.parse(text));
        });
        return;
      }
      const file = fileOf(request.url ?? "/");
      const length = file && Buffer.byteLength(file.body);
      if (file)
        response.writeHead(200, { "Content-Type": file.type, "Content-Length": length, ...headers }).end(file.body);
      else response.writeHead(404, headers).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answer,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * Opens a page with the files of `fileOf` and the given headers, at the address's `path`. Resolves to the
 * JSON that the page posts to /answer.
 */
export async function askPage(
  name: BrowserName,
  headers: Record<string, string>,
  fileOf: FileOf,
  limitMs = 60_000,
  path = "/",
): Promise<unknown> {
  const profile = mkdtempSync(join(tmpdir(), "wasmgrad-browser-"));
  const server = await servePage(headers, fileOf);
  let browser: ChildProcess | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    const failure = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${name}: no answer in ${limitMs} ms`)), limitMs);
      browser = startBrowser(name, profile, server.address + path);
      browser.on("error", reject);
    });
    return await Promise.race([server.answer, failure]);
  } finally {
    clearTimeout(timer);
    await end(browser);
    server.close();
    rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

/** Ends a browser with all its processes, which form a process group. */
async function end(browser: ChildProcess | undefined): Promise<void> {
  if (browser?.pid === undefined || browser.exitCode !== null) return;
  const exit = new Promise((resolve) => browser.once("exit", resolve));
  process.kill(-browser.pid, "SIGKILL");
  await exit;
}
