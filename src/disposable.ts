declare global {
  // These declarations equal those of TypeScript's lib "esnext.disposable" and merge with them. A program
  // needs that lib only if it uses `using`.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
  interface Disposable {
    [Symbol.dispose](): void;
  }
}

export {};
