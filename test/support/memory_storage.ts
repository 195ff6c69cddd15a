/** A browser's storage (the origin private file system) that keeps its files in memory. */

class NamedError extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export class MemoryFile {
  readonly kind = "file";
  readonly name: string;
  content = new Blob([]);
  /** The error of the next call of `write`. */
  failure: Error | null = null;

  constructor(name: string) {
    this.name = name;
  }

  async getFile(): Promise<File> {
    return new File([this.content], this.name, { lastModified: 0 });
  }

  /** As in a browser, the file is replaced when the stream is closed. */
  async createWritable() {
    const parts: Blob[] = [];
    let open = true;
    return {
      write: async (part: unknown) => {
        const { failure } = this;
        this.failure = null;
        if (failure) throw failure;
        parts.push(part as Blob);
      },
      close: async () => {
        open = false;
        this.content = new Blob(parts);
      },
      abort: async () => {
        if (!open) throw new TypeError("closed");
        open = false;
      },
    };
  }
}

export class MemoryFolder {
  readonly kind = "directory";
  readonly name: string;
  readonly entries = new Map<string, MemoryFile | MemoryFolder>();

  constructor(name = "") {
    this.name = name;
  }

  async getFileHandle(name: string, options?: { create?: boolean }): Promise<MemoryFile> {
    return this.#find(name, MemoryFile, options);
  }

  async getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<MemoryFolder> {
    return this.#find(name, MemoryFolder, options);
  }

  async removeEntry(name: string): Promise<void> {
    if (!this.entries.delete(name)) throw new NamedError("NotFoundError", `no ${name}`);
  }

  async *values() {
    yield* this.entries.values();
  }

  #find<T extends MemoryFile | MemoryFolder>(
    name: string,
    Kind: new (name: string) => T,
    options?: { create?: boolean },
  ): T {
    const found = this.entries.get(name);
    if (found instanceof Kind) return found;
    if (found) throw new NamedError("TypeMismatchError", `${name} is another kind of entry`);
    if (!options?.create) throw new NamedError("NotFoundError", `no ${name}`);
    const made = new Kind(name);
    this.entries.set(name, made);
    return made;
  }
}

/** A `navigator` with an empty storage. */
export function memoryNavigator() {
  const folder = new MemoryFolder();
  return { folder, navigator: { storage: { getDirectory: async () => folder } } };
}
