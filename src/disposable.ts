declare global {
  // As in TypeScript's lib "esnext.disposable", and merged with it: so that a program that uses the library's
  // types needs that lib only where it writes `using`.
  interface SymbolConstructor {
    readonly dispose: unique symbol;
  }
  interface Disposable {
    [Symbol.dispose](): void;
  }
}

export {};
