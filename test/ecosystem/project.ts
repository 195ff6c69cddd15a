/** Makes a case's project in a new folder, installs what it needs, and runs commands there. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { extract, list } from "tar";
import { otherNode } from "../../scripts/other_node.ts";
import type { Case } from "./case.ts";

/** Installed packages stay here, so that the next run downloads nothing. */
const CACHE = resolve("build/ecosystem");

/** Ends a command that hangs. */
const LIMIT_MS = 240_000;

/** What a tarball's package.json says. */
async function manifestOf(tarball: string): Promise<{ dependencies?: Record<string, string> }> {
  let text = "";
  await list({
    file: tarball,
    filter: (path) => path === "package/package.json",
    onReadEntry: (entry) => entry.on("data", (part) => (text += part)),
  });
  return JSON.parse(text);
}

/** Replaces an installed library by the packed one. Packages in its node_modules stay. */
async function unpack(tarball: string, library: string): Promise<void> {
  const old = readdirSync(library).filter((name) => name !== "node_modules");
  for (const name of old) rmSync(join(library, name), { recursive: true });
  await extract({ file: tarball, cwd: library, strip: 1 });
}

/**
 * A folder whose node_modules has a case's packages, the library of some earlier time and its dependencies.
 * The same packages are installed once only.
 */
async function installed(dependencies: Record<string, string>, tarball: string): Promise<string> {
  const { dependencies: own } = await manifestOf(tarball);
  const key = createHash("sha256").update(JSON.stringify([dependencies, own]));
  const folder = join(CACHE, key.digest("hex").slice(0, 16));
  if (!existsSync(folder)) {
    const unfinished = `${folder}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    const manifest = { private: true, dependencies: { ...dependencies, wasmgrad: `file:${tarball}` } };
    writeFileSync(join(unfinished, "package.json"), JSON.stringify(manifest));
    execFileSync("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"], {
      cwd: unfinished,
      stdio: ["ignore", "ignore", "inherit"],
      timeout: LIMIT_MS,
    });
    renameSync(unfinished, folder);
  }
  return join(folder, "node_modules");
}

export class Project {
  readonly folder: string;
  private readonly node: string;
  private readonly servers: ChildProcess[] = [];

  private constructor(folder: string, node: string) {
    this.folder = folder;
    this.node = node;
  }

  /** A new folder with a case's files and packages. */
  static async make(theCase: Case, tarball: string): Promise<Project> {
    const { name, dependencies = {}, files, isModule = true } = theCase;
    const node = theCase.node ? otherNode(theCase.node) : process.execPath;
    const folder = mkdtempSync(join(tmpdir(), `wasmgrad-${name}-`));
    const modules = await installed(dependencies, tarball);
    cpSync(modules, join(folder, "node_modules"), { recursive: true, verbatimSymlinks: true });
    await unpack(tarball, join(folder, "node_modules/wasmgrad"));
    const manifest = {
      name: "scratch",
      private: true,
      type: isModule ? "module" : "commonjs",
      dependencies: { ...dependencies, wasmgrad: "*" },
    };
    for (const [path, text] of Object.entries({ "package.json": JSON.stringify(manifest), ...files })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return new Project(folder, node);
  }

  private start(command: string, port?: number): ChildProcess {
    const path = [join(this.folder, "node_modules/.bin"), dirname(this.node), process.env.PATH].join(delimiter);
    const silent = { CI: "1", NO_COLOR: "1", NEXT_TELEMETRY_DISABLED: "1", ASTRO_TELEMETRY_DISABLED: "1" };
    const env = { ...process.env, ...silent, PATH: path, NODE_OPTIONS: "", PORT: String(port) };
    return spawn(command, { cwd: this.folder, env, shell: true, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Runs a command to its end. */
  async run(command: string): Promise<{ succeeded: boolean; output: string; errors: string }> {
    const child = this.start(command);
    const timer = setTimeout(() => endGroup(child), LIMIT_MS);
    const text = { output: "", errors: "" };
    child.stdout?.on("data", (part) => (text.output += part));
    child.stderr?.on("data", (part) => (text.errors += part));
    const code = await new Promise<number | null>((done) => child.on("close", done));
    clearTimeout(timer);
    return { succeeded: code === 0, ...text };
  }

  /** Starts a server and resolves to its address once it answers. */
  async startServer(command: string): Promise<string> {
    const port = await freePort();
    const child = this.start(command, port);
    this.servers.push(child);
    let said = "";
    child.stdout?.on("data", (part) => (said += part));
    child.stderr?.on("data", (part) => (said += part));
    const address = `http://127.0.0.1:${port}`;
    for (const end = Date.now() + 60_000; Date.now() < end && child.exitCode === null; ) {
      const answers = await fetch(address).then(
        () => true,
        () => false,
      );
      if (answers) return address;
      await new Promise((done) => setTimeout(done, 200));
    }
    throw new Error(`the server does not answer: ${said}`);
  }

  /** The version of an installed package, or of Node. */
  async versionOf(tool: string): Promise<string> {
    const source =
      tool === "node"
        ? "process.versions.node"
        : `JSON.parse(require("fs").readFileSync("node_modules/${tool}/package.json", "utf8")).version`;
    return execFileSync(this.node, ["-p", source], { cwd: this.folder, encoding: "utf8" }).trim();
  }

  /** Ends the servers and deletes the folder. */
  remove(keep: boolean): void {
    for (const server of this.servers) endGroup(server);
    if (!keep) rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  }
}

/** Ends a command with the processes that it started. */
function endGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // it has just ended
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}
