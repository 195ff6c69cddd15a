/**
 * Files in the memory of a run, with the functions of `node:fs` that the library and its examples call. Files
 * of the repository are fetched when they are read: a worker may wait for a request.
 */

type Bytes = Uint8Array<ArrayBuffer>;
type Path = string | URL;
type Encoding = "utf8" | "utf-8" | { encoding?: "utf8" | "utf-8" } | undefined;

export interface Watcher {
  written(path: string, bytes: Bytes): void;
  removed(path: string): void;
}

function failure(code: string, words: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${words}, ${call} '${path}'`), { code, path });
}

/** An absolute path, without `.` and `..`. The program's folder is the root. */
function absolute(path: Path): string {
  const text = typeof path === "string" ? path : decodeURIComponent(path.pathname);
  const parts: string[] = [];
  for (const part of text.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

const parentOf = (path: string) => path.slice(0, path.lastIndexOf("/")) || "/";

/** Fetches a file, and waits for it. */
function fetchNow(address: string): Bytes {
  const request = new XMLHttpRequest();
  request.open("GET", address, false);
  request.responseType = "arraybuffer";
  request.send();
  if (request.status !== 200) throw new Error(`${address}: the server answered ${request.status}`);
  return new Uint8Array(request.response as ArrayBuffer);
}

const toBytes = (data: string | Uint8Array): Bytes =>
  typeof data === "string" ? new TextEncoder().encode(data) : new Uint8Array(data);

/**
 * The module `node:fs` of a run.
 *
 * @param data paths of files that can be fetched, and their addresses
 * @param watcher is told of each file that is complete, and of each that is removed
 */
export function memoryFiles(data: Readonly<Record<string, string>>, watcher: Watcher) {
  const contents = new Map<string, Bytes>();
  const folders = new Set(["/", "/tmp"]);
  const addresses = new Map(Object.entries(data));
  for (const path of addresses.keys()) addFolders(parentOf(path));
  /** Open files, by their numbers. One that is being written has parts. */
  const open = new Map<number, { path: string; parts?: Bytes[] }>();
  let opened = 3;
  let made = 0;

  function addFolders(path: string): string | undefined {
    if (folders.has(path)) return undefined;
    const outer = addFolders(parentOf(path));
    folders.add(path);
    return outer ?? path;
  }

  const isFile = (path: string) => contents.has(path) || addresses.has(path);

  function read(path: string, call = "open"): Bytes {
    const known = contents.get(path);
    if (known) return known;
    const address = addresses.get(path);
    if (folders.has(path)) throw failure("EISDIR", "illegal operation on a directory", "read", path);
    if (address === undefined) throw failure("ENOENT", "no such file or directory", call, path);
    const bytes = fetchNow(address);
    contents.set(path, bytes);
    return bytes;
  }

  function write(path: string, bytes: Bytes): void {
    if (!folders.has(parentOf(path))) throw failure("ENOENT", "no such file or directory", "open", path);
    if (folders.has(path)) throw failure("EISDIR", "illegal operation on a directory", "open", path);
    contents.set(path, bytes);
    watcher.written(path, bytes);
  }

  function remove(path: string): void {
    contents.delete(path);
    addresses.delete(path);
    watcher.removed(path);
  }

  const sizeOf = (path: string) => (folders.has(path) ? 0 : read(path, "stat").length);
  const statistics = (path: string) => ({
    size: sizeOf(path),
    isFile: () => !folders.has(path),
    isDirectory: () => folders.has(path),
  });

  function named(number: number): { path: string; parts?: Bytes[] } {
    const file = open.get(number);
    if (!file) throw new Error("EBADF: bad file descriptor");
    return file;
  }

  function pathOf(file: Path | number): string {
    return typeof file === "number" ? named(file).path : absolute(file);
  }

  const inside = (folder: string) => (path: string) => path.startsWith(folder === "/" ? "/" : `${folder}/`);

  return {
    existsSync: (path: Path) => isFile(absolute(path)) || folders.has(absolute(path)),
    statSync(path: Path, { throwIfNoEntry = true } = {}) {
      const at = absolute(path);
      if (isFile(at) || folders.has(at)) return statistics(at);
      if (!throwIfNoEntry) return undefined;
      throw failure("ENOENT", "no such file or directory", "stat", at);
    },
    fstatSync: (file: number) => statistics(pathOf(file)),
    readFileSync(file: Path | number, encoding?: Encoding): Bytes | string {
      const bytes = read(pathOf(file));
      return encoding === undefined ? bytes.slice() : new TextDecoder().decode(bytes);
    },
    writeFileSync: (path: Path, text: string | Uint8Array) => write(absolute(path), toBytes(text)),
    appendFileSync(path: Path, text: string | Uint8Array) {
      const at = absolute(path);
      const [before, after] = [isFile(at) ? read(at) : new Uint8Array(), toBytes(text)];
      const all = new Uint8Array(before.length + after.length);
      all.set(before);
      all.set(after, before.length);
      write(at, all);
    },
    openSync(path: Path, flags = "r"): number {
      const at = absolute(path);
      if (flags === "r") {
        if (!folders.has(at)) read(at);
        open.set(++opened, { path: at });
      } else {
        if (!folders.has(parentOf(at))) throw failure("ENOENT", "no such file or directory", "open", at);
        open.set(++opened, { path: at, parts: [] });
      }
      return opened;
    },
    writeSync(file: number, bytes: Uint8Array, offset = 0, length = bytes.length - offset): number {
      named(file).parts?.push(bytes.slice(offset, offset + length) as Bytes);
      return length;
    },
    readSync(file: number, bytes: Uint8Array, offset: number, length: number, position: number): number {
      const part = read(named(file).path).subarray(position, position + length);
      bytes.set(part, offset);
      return part.length;
    },
    fsyncSync() {},
    closeSync(file: number) {
      const { path, parts } = named(file);
      open.delete(file);
      if (!parts) return;
      const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
      let at = 0;
      for (const part of parts) {
        all.set(part, at);
        at += part.length;
      }
      write(path, all);
    },
    renameSync(from: Path, to: Path) {
      const bytes = read(absolute(from), "rename");
      remove(absolute(from));
      write(absolute(to), bytes);
    },
    rmSync(path: Path, { recursive = false, force = false } = {}) {
      const at = absolute(path);
      if (isFile(at)) return remove(at);
      if (!folders.has(at)) {
        if (force) return;
        throw failure("ENOENT", "no such file or directory", "rm", at);
      }
      if (!recursive) throw failure("ERR_FS_EISDIR", "the path is a directory", "rm", at);
      for (const file of [...contents.keys(), ...addresses.keys()].filter(inside(at))) remove(file);
      for (const folder of [...folders].filter(inside(at))) folders.delete(folder);
      folders.delete(at);
    },
    rmdirSync: (path: Path) => void folders.delete(absolute(path)),
    mkdirSync(path: Path, { recursive = false } = {}): string | undefined {
      const at = absolute(path);
      if (recursive) return addFolders(at);
      if (folders.has(at) || isFile(at)) throw failure("EEXIST", "file already exists", "mkdir", at);
      if (!folders.has(parentOf(at))) throw failure("ENOENT", "no such file or directory", "mkdir", at);
      folders.add(at);
      return undefined;
    },
    mkdtempSync(prefix: string): string {
      const path = `${prefix}${String(made++).padStart(6, "0")}`;
      addFolders(absolute(path));
      return path;
    },
    readdirSync(path: Path, { withFileTypes = false } = {}) {
      const at = absolute(path);
      if (!folders.has(at)) throw failure("ENOENT", "no such file or directory", "scandir", at);
      const all = new Set([...contents.keys(), ...addresses.keys(), ...folders]);
      const children = [...all].filter((child) => child !== "/" && parentOf(child) === at).sort();
      const names = children.map((child) => child.slice(child.lastIndexOf("/") + 1));
      if (!withFileTypes) return names;
      return children.map((child, i) => ({
        name: names[i],
        isFile: () => !folders.has(child),
        isDirectory: () => folders.has(child),
        isSymbolicLink: () => false,
      }));
    },
  };
}
